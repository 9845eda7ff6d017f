//! TASK, event, USER_TASK, SLEEP and EXIT nodes (02 section 12.4).

use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::sleep_node::SleepLength;
use lh_machine::pb::ut_action_trigger::{Action, UtaReassign, UtaTask};
use lh_machine::pb::{self, VariableType};

use super::fixtures::*;

/// 02/X-21, 01/STA-3: static tasks.
#[test]
fn tasks() {
    let mut store = Store::new();
    store.task("takes-two", &[VariableType::Int, VariableType::Double], None);
    let running = |name: &str, inputs: Vec<pb::VariableAssignment>| around(Kind::Task(task(name, inputs)));
    store.accepts(&running("takes-two", vec![read("int"), int(1)]));
    store.accepts(&running("takes-int", vec![null()]));
    store.accepts(&running("takes-int", vec![json_path(read("json_obj"), "$.a")]));
    store.accepts(&running("takes-int", vec![cast(read("str"), VariableType::Int)]));
    store.accepts(&running("takes-str", vec![read("double")]));
    store.refuses(&running("ghost", vec![]), &["Node 1-node invalid", "Refers to nonexistent TaskDef"]);
    store.refuses(&running("takes-int", vec![]), &["takes 1 input variables, but 0 were given"]);
    store.refuses(&running("takes-int", vec![int(1), int(2)]), &["takes 1 input variables, but 2 were given"]);
    store.refuses(
        &running("takes-int", vec![read("str")]),
        &["Cannot assign STR to INT without explicit casting.", "in0", "position 0"],
    );
    store
        .refuses(&running("takes-int", vec![cast(read("bool"), VariableType::Int)]), &["Cannot cast from BOOL to INT"]);
    store.refuses(&running("takes-int", vec![cast(read("int"), VariableType::Str)]), &["Cannot assign STR to INT"]);
    store.refuses(&running("takes-two", vec![int(1), read("json_arr")]), &["in1", "position 1"]);
    let wrong = calculate(read("str"), pb::VariableMutationType::Multiply, int(2));
    store.refuses(&running("takes-int", vec![wrong]), &["in0", "position 0", "Cannot multiply to a STR"]);
}

/// 02/X-21: a compound type does not pass for a primitive one.
#[test]
fn tasks_refuse_structs_for_primitives() {
    let main =
        thread_around(vec![var_of("car", struct_type("car", 0))], Kind::Task(task("takes-int", vec![read("car")])));
    Store::new().refuses(&flow([("main", main)]), &["cannot use a Struct<car>"]);
}

fn backoff(base_interval_ms: i32, max_delay_ms: i64, multiplier: f32) -> pb::TaskNode {
    let policy = pb::ExponentialBackoffRetryPolicy { base_interval_ms, max_delay_ms, multiplier };
    pb::TaskNode { exponential_backoff: Some(policy), ..task("nothing", vec![]) }
}

/// 02/X-22, 04/TW-56e: retries.
#[test]
fn retries() {
    let store = Store::new();
    store.accepts(&around(Kind::Task(pb::TaskNode { retries: 3, ..task("nothing", vec![]) })));
    store.accepts(&around(Kind::Task(backoff(100, 100, 1.0))));
    let refused = [
        (pb::TaskNode { retries: -1, ..task("nothing", vec![]) }, "negative retries"),
        (backoff(0, 100, 1.0), "Base interval must be > 0"),
        (backoff(-5, 100, 1.0), "Base interval must be > 0"),
        (backoff(100, 1_000, 0.5), "multiplier"),
        (backoff(100, 1_000, f32::NAN), "multiplier"),
        (backoff(100, 99, 2.0), "max_delay_ms"),
    ];
    for (node, expected) in refused {
        store.refuses(&around(Kind::Task(node)), &["Node 1-node invalid", expected]);
    }
}

/// 02/W-5, 04/TW-53: 0 means 60 seconds; a negative limit is refused, also of a reminder.
#[test]
fn timeouts() {
    let store = Store::new();
    let limited = |timeout_seconds: i32| pb::TaskNode { timeout_seconds, ..task("nothing", vec![]) };
    let reminding = |timeout_seconds: i32| {
        let reminder = UtaTask { task: Some(limited(timeout_seconds)), mutations: Vec::new() };
        let trigger = pb::UtActionTrigger {
            action: Some(Action::Task(reminder)),
            delay_seconds: Some(int(5)),
            ..Default::default()
        };
        Kind::UserTask(pb::UserTaskNode { actions: vec![trigger], ..form(Some(text("ann")), None) })
    };
    for (given, expected) in [(0, 60), (1, 1), (i32::MAX, i32::MAX)] {
        let spec = store.accepts(&around(Kind::Task(limited(given))));
        let Some(Kind::Task(stored)) = &spec.thread_specs["main"].nodes["1-node"].node else { panic!("no task") };
        assert_eq!(stored.timeout_seconds, expected);
        let spec = store.accepts(&around(reminding(given)));
        let Some(Kind::UserTask(stored)) = &spec.thread_specs["main"].nodes["1-node"].node else { panic!("no form") };
        let Some(Action::Task(reminder)) = &stored.actions[0].action else { panic!("no reminder") };
        assert_eq!(reminder.task.as_ref().unwrap().timeout_seconds, expected);
    }
    store.refuses(&around(Kind::Task(limited(-1))), &["timeout_seconds"]);
    store.refuses(&around(reminding(-1)), &["timeout_seconds"]);
}

/// 02/X-23: a dynamic task is known at run time only.
#[test]
fn dynamic_tasks() {
    let store = Store::new();
    let dynamic = |name: pb::VariableAssignment, inputs: Vec<pb::VariableAssignment>| {
        let task_to_execute = Some(pb::task_node::TaskToExecute::DynamicTask(name));
        Kind::Task(pb::TaskNode { task_to_execute, variables: inputs, ..Default::default() })
    };
    store.accepts(&around(dynamic(format("task-{0}", vec![read("int")]), vec![read("json_obj"), int(1)])));
    store.accepts(&around(dynamic(read("str"), vec![])));
    store.refuses(&around(dynamic(read("ghost"), vec![])), &["refers to missing var ghost"]);
    store.refuses(&around(dynamic(read("json_obj"), vec![])), &["Dynamic task name"]);
}

/// 02/X-24, 05/E-30, E-33: the event exists, and so do variables of timeout and key, which are not typed; nor must the event
/// be one that can be correlated.
#[test]
fn external_events() {
    let store = Store::new();
    let waiting = |name: &str| pb::ExternalEventNode {
        external_event_def_id: Some(pb::ExternalEventDefId { name: name.to_owned() }),
        timeout_seconds: Some(read("json_obj")),
        correlation_key: Some(read("json_arr")),
        mask_correlation_key: false,
    };
    store.accepts(&around(Kind::ExternalEvent(waiting("untyped-event"))));
    store.refuses(&around(Kind::ExternalEvent(waiting("ghost"))), &["Refers to missing ExternalEventDef ghost"]);
    assert_eq!(store.external_event_defs["untyped-event"].correlated_event_config, None);
    for out_of_scope in [
        pb::ExternalEventNode { timeout_seconds: Some(read("ghost")), ..waiting("untyped-event") },
        pb::ExternalEventNode { correlation_key: Some(read("ghost")), ..waiting("untyped-event") },
    ] {
        store.refuses(&around(Kind::ExternalEvent(out_of_scope)), &["refers to missing var ghost"]);
    }
    let no_name = pb::ExternalEventNode::default();
    store.refuses(&around(Kind::ExternalEvent(no_name)), &["Refers to missing ExternalEventDef"]);
}

fn form(user_id: Option<pb::VariableAssignment>, user_group: Option<pb::VariableAssignment>) -> pb::UserTaskNode {
    pb::UserTaskNode { user_task_def_name: "form".to_owned(), user_id, user_group, ..Default::default() }
}

/// 02/X-25: somebody is assigned.
#[test]
fn user_tasks() {
    let store = Store::new();
    for accepted in [
        form(Some(text("ann")), None),
        form(None, Some(read("str"))),
        form(Some(read("json_obj")), Some(text("staff"))),
        form(Some(null()), Some(text("staff"))),
    ] {
        store.accepts(&around(Kind::UserTask(accepted)));
    }
    let refused = [
        (form(None, None), "Must specify userGroup or userId"),
        (form(Some(text(" ")), None), "UserId can't be empty"),
        (form(Some(text("ann")), Some(text(""))), "UserGroup can't be empty"),
        (pb::UserTaskNode { user_task_def_name: "ghost".to_owned(), ..form(Some(text("ann")), None) }, "ghost"),
        (pb::UserTaskNode { user_task_def_version: Some(7), ..form(Some(text("ann")), None) }, "form"),
    ];
    for (node, expected) in refused {
        store.refuses(&around(Kind::UserTask(node)), &["Node 1-node invalid", expected]);
    }
    let empty_trigger =
        pb::UserTaskNode { actions: vec![pb::UtActionTrigger::default()], ..form(Some(text("ann")), None) };
    store.refuses(&around(Kind::UserTask(empty_trigger)), &["missing action"]);
}

fn trigger(action: Action) -> pb::UtActionTrigger {
    pb::UtActionTrigger { action: Some(action), delay_seconds: Some(int(1)), hook: 0 }
}

fn reassign(user_id: pb::VariableAssignment, user_group: pb::VariableAssignment) -> Action {
    Action::Reassign(UtaReassign { user_id: Some(user_id), user_group: Some(user_group) })
}

fn remind(task_def: &str, variables: Vec<pb::VariableAssignment>) -> Action {
    Action::Task(UtaTask { task: Some(task(task_def, variables)), mutations: Vec::new() })
}

/// 06/U-11, U-84: unknown variables are refused wherever a user task has an expression; a reminder's TaskDef and
/// arguments are a matter of run time.
#[test]
fn expressions_of_user_tasks() {
    let store = Store::new();
    let with_action =
        |action: pb::UtActionTrigger| pb::UserTaskNode { actions: vec![action], ..form(Some(text("ann")), None) };
    let ghost = || Some(read("ghost"));
    let refused = [
        form(ghost(), None),
        form(None, ghost()),
        pb::UserTaskNode { notes: ghost(), ..form(Some(text("ann")), None) },
        pb::UserTaskNode { on_cancellation_exception_name: ghost(), ..form(Some(text("ann")), None) },
        with_action(pb::UtActionTrigger { delay_seconds: ghost(), ..trigger(remind("nothing", vec![])) }),
        with_action(trigger(reassign(read("ghost"), null()))),
        with_action(trigger(reassign(null(), format("{0}", vec![read("ghost")])))),
        with_action(trigger(remind("takes-int", vec![read("ghost")]))),
    ];
    for node in refused {
        store.refuses(&around(Kind::UserTask(node)), &["Node 1-node invalid", "missing var ghost"]);
    }
    store.accepts(&around(Kind::UserTask(with_action(trigger(remind("not-there-yet", vec![]))))));
    store.accepts(&around(Kind::UserTask(with_action(trigger(remind("takes-int", vec![int(1), int(2)]))))));
}

/// 06/U-12, U-83: an assignment without a source is accepted inside an action, and only there.
#[test]
fn assignments_without_source_in_actions() {
    let store = Store::new();
    let nothing = pb::VariableAssignment::default;
    let node = pb::UserTaskNode {
        actions: vec![
            trigger(Action::Reassign(UtaReassign { user_id: None, user_group: Some(nothing()) })),
            trigger(remind("takes-int", vec![nothing()])),
        ],
        ..form(Some(text("ann")), None)
    };
    let stored = store.accepts(&around(Kind::UserTask(node.clone())));
    let Some(Kind::UserTask(kept)) = &stored.thread_specs["main"].nodes["1-node"].node else { panic!("{stored:?}") };
    assert_eq!(kept.actions[0], node.actions[0]);
    store.refuses(&around(Kind::UserTask(form(Some(nothing()), None))), &["assignment is missing source"]);
}

/// 06/U-68: what a reminder would mutate is stored as it came.
#[test]
fn mutations_of_reminders_are_stored() {
    let store = Store::new();
    let mutation = mutating("int", pb::VariableMutationType::Assign, int(5)).variable_mutations.remove(0);
    let action = Action::Task(UtaTask { task: Some(task("nothing", vec![])), mutations: vec![mutation.clone()] });
    let node = pb::UserTaskNode { actions: vec![trigger(action)], ..form(Some(text("ann")), None) };
    let stored = store.accepts(&around(Kind::UserTask(node)));
    let Some(Kind::UserTask(kept)) = &stored.thread_specs["main"].nodes["1-node"].node else { panic!("{stored:?}") };
    let Some(Action::Task(reminder)) = &kept.actions[0].action else { panic!("{kept:?}") };
    assert_eq!(reminder.mutations, [mutation]);
}

/// 02/UT-4, 06/U-9, 02/W-5: the latest version is pinned; a new one makes a new revision of the same request.
#[test]
fn user_task_versions_are_pinned() {
    let mut store = Store::new();
    let request = || around(Kind::UserTask(form(Some(text("ann")), None)));
    let pinned = |spec: &pb::WfSpec| match &spec.thread_specs["main"].nodes["1-node"].node {
        Some(Kind::UserTask(stored)) => stored.user_task_def_version,
        _ => None,
    };
    let first = store.put(request()).unwrap().wf_spec.unwrap();
    assert_eq!(pinned(&first), Some(0));
    store.user_task("form");
    let second = store.put(request()).unwrap().wf_spec.unwrap();
    assert_eq!((pinned(&second), second.id.unwrap().revision), (Some(1), 1));
    let explicit = pb::UserTaskNode { user_task_def_version: Some(0), ..form(Some(text("ann")), None) };
    assert_eq!(pinned(&store.accepts(&around(Kind::UserTask(explicit)))), Some(0));
}

/// 02/X-29, 02/T-8, 01/STA-4: sleeps over all nine variable types.
#[test]
fn sleeps() {
    use VariableType::{Bool, Bytes, Double, Int, JsonArr, JsonObj, Str, Timestamp, WfRunId};
    let store = Store::new();
    let asleep = |length: SleepLength| around(Kind::Sleep(pb::SleepNode { sleep_length: Some(length) }));
    for primitive in [JsonObj, JsonArr, Double, Bool, Str, Int, Bytes, WfRunId, Timestamp] {
        let variable = || read(&primitive.as_str_name().to_lowercase());
        let prefix = "ThreadSpec main invalid: Node 1-node invalid: Invalid value: variable can't resolve to";
        for (request, fits, expected) in [
            (asleep(SleepLength::RawSeconds(variable())), primitive == Int, "INT"),
            (asleep(SleepLength::Timestamp(variable())), [Int, Timestamp].contains(&primitive), "TIMESTAMP or INT"),
            (
                asleep(SleepLength::IsoDate(variable())),
                [Int, Double, Bool, Str, Bytes, WfRunId].contains(&primitive),
                "STR",
            ),
        ] {
            if fits {
                store.accepts(&request);
            } else {
                store.refuses(&request, &[&format!("{prefix} {expected}")]);
            }
        }
    }
    for accepted in [
        null(),
        cast(read("str"), Int),
        json_path(read("json_obj"), "$.a"),
        calculate(read("double"), pb::VariableMutationType::Divide, int(2)),
    ] {
        store.accepts(&asleep(SleepLength::RawSeconds(accepted)));
    }
    store.refuses(&around(Kind::Sleep(pb::SleepNode::default())), &["missing sleep length"]);
}

/// 02/X-31, 01/ING-10, 05/E-57, E-61: the event exists and known content fits it.
#[test]
fn throw_event() {
    let store = Store::new();
    let throwing = |name: &str, content: Option<pb::VariableAssignment>| {
        let event_def_id = Some(pb::WorkflowEventDefId { name: name.to_owned() });
        around(Kind::ThrowEvent(pb::ThrowEventNode { event_def_id, content }))
    };
    store.accepts(&throwing("str-thrown", Some(read("int"))));
    store.accepts(&throwing("str-thrown", Some(json_path(read("json_obj"), "$.a"))));
    store.accepts(&throwing("str-thrown", Some(null())));
    store.accepts(&throwing("void-thrown", None));
    store.refuses(&throwing("ghost", Some(int(1))), &["Refers to missing WorkflowEventDef ghost"]);
    store.refuses(&throwing("str-thrown", Some(read("json_obj"))), &["Event content invalid", "JSON_OBJ"]);
}

/// 01/STA-6: the content of a failure may be of any type; so may event content and iterables that are not known yet.
#[test]
fn content_that_is_not_checked() {
    let mut store = Store::new();
    store.task("gives-anything", &[], None);
    for variable in all_variables() {
        let failure_def = pb::FailureDef {
            failure_name: "bad".to_owned(),
            message: String::new(),
            content: Some(read(&variable.var_def.unwrap().name)),
        };
        store.accepts(&around(Kind::Exit(pb::ExitNode {
            result: Some(pb::exit_node::Result::FailureDef(failure_def)),
        })));
    }
    let event_def_id = Some(pb::WorkflowEventDefId { name: "str-thrown".to_owned() });
    let content = Some(json_path(read("json_obj"), "$.number"));
    store.accepts(&around(Kind::ThrowEvent(pb::ThrowEventNode { event_def_id, content })));
    let start = pb::StartMultipleThreadsNode {
        thread_spec_name: "child".to_owned(),
        iterable: Some(json_path(read("json_obj"), "$.list")),
        variables: [("n".to_owned(), json_path(read("json_obj"), "$.n"))].into(),
    };
    let child = idle_thread(vec![var("n", VariableType::Int)]);
    let main = thread_around(all_variables(), Kind::StartMultipleThreads(start));
    store.accepts(&flow([("main", main), ("child", child)]));
}

/// 02/X-35: what is returned must be something; unknown is something.
#[test]
fn exits() {
    let store = Store::new();
    let alone = |kind: Kind| {
        let entry = node(Kind::Entrypoint(pb::EntrypointNode {}), &["x"]);
        flow([("main", thread(all_variables(), [("e", entry), ("x", node(kind, &[]))]))])
    };
    store.accepts(&alone(exit_with(read("int"))));
    store.accepts(&alone(exit_with(json_path(read("json_obj"), "$.a"))));
    store.accepts(&alone(Kind::Exit(pb::ExitNode::default())));
    store.refuses(&alone(exit_with(key_path(read("int"), "a"))), &["Node x invalid", "cannot select from INT"]);
    store.refuses(&alone(exit_with(pb::VariableAssignment::default())), &["Node x invalid", "missing source"]);
}

/// 02/X-36, 02/G-7: ENTRYPOINT and NOP need nothing; a node without kind is refused.
#[test]
fn nothing_of_their_own() {
    let store = Store::new();
    store.accepts(&around(Kind::Nop(pb::NopNode {})));
    let mut request = around(Kind::Nop(pb::NopNode {}));
    request.thread_specs.get_mut("main").unwrap().nodes.get_mut("1-node").unwrap().node = None;
    store.refuses(&request, &["ThreadSpec main invalid: Node 1-node invalid: missing node type"]);
    store.refuses(&around(Kind::Task(pb::TaskNode::default())), &["missing task to execute"]);
}
