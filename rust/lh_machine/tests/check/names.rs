//! Names (02 section 2).

use lh_machine::check::{self, is_name};
use lh_machine::pb;
use lh_machine::rejected::Code;

use super::fixtures::*;

/// 02/N-1, 03/E-101
#[test]
fn a_name_is_letters_digits_and_inner_hyphens() {
    let long = "x".repeat(300);
    for accepted in ["a", "A", "7", "a-b", "Order-2-Cash", "a--b", &long] {
        assert!(is_name(accepted), "{accepted}");
    }
    for refused in ["", "-", "-a", "a-", "a.b", "a_b", "a/b", "a b", "ä", "a\n", "a\u{0}"] {
        assert!(!is_name(refused), "{refused:?}");
    }
}

/// 02/N-1: before every other check, for all five types.
#[test]
fn a_bad_name_is_refused_before_anything_else() {
    let store = Store::new();
    let bad = || "bad_name".to_owned();
    let unknown_type = variable_def("x", struct_type("nowhere", -1));
    let refusals = [
        check::put_task_def(
            pb::PutTaskDefRequest { name: bad(), input_vars: vec![unknown_type], ..Default::default() },
            &store,
            NOW_MS,
        )
        .map(drop),
        check::put_wf_spec(pb::PutWfSpecRequest { name: bad(), ..Default::default() }, &store, NOW_MS).map(drop),
        check::put_struct_def(pb::PutStructDefRequest { name: bad(), ..Default::default() }, &store, NOW_MS).map(drop),
        check::put_user_task_def(pb::PutUserTaskDefRequest { name: bad(), ..Default::default() }, &store, NOW_MS)
            .map(drop),
        check::put_external_event_def(
            pb::PutExternalEventDefRequest { name: bad(), ..Default::default() },
            &store,
            NOW_MS,
        )
        .map(drop),
    ];
    for refusal in refusals {
        assert_refusal(&refusal.unwrap_err(), Code::InvalidArgument, &["must be a valid hostname"]);
    }
}

/// 02/N-2: only the empty name and a slash are refused.
#[test]
fn names_of_workflow_events_are_nearly_free() {
    let store = Store::new();
    let put = |name: &str| {
        let request = pb::PutWorkflowEventDefRequest { name: name.to_owned(), content_type: None };
        check::put_workflow_event_def(request, &store, NOW_MS)
    };
    assert!(put("some_event.v2").is_ok());
    for refused in ["", "a/b"] {
        assert_eq!(put(refused).unwrap_err().code, Code::InvalidArgument);
    }
}

/// 02/N-3: names of threads, nodes and variables are free.
#[test]
fn inner_names_are_free() {
    let mut thread = idle_thread(vec![var("1-child_START.THREAD {0}", pb::VariableType::Int)]);
    let moved = thread.nodes.remove("2-exit").unwrap();
    thread.nodes.insert("3-dyn-{0}_EXIT".to_owned(), moved);
    thread.nodes.get_mut("1-node").unwrap().outgoing_edges = vec![edge("3-dyn-{0}_EXIT")];
    Store::new().accepts(&flow([("a thread_name", thread)]));
}

/// 02/N-5, 02/X-35, 03/E-501: names of thrown failures; the nine names of LHErrorType, with their numbers, are reserved.
#[test]
fn failures_thrown_by_exit_have_names_of_their_own() {
    let store = Store::new();
    store.accepts(&around(exit_failing("out-of-stock")));
    store.refuses(
        &around(exit_failing("not_a_name")),
        &["Node 1-node invalid", "Invalid name for exception: not_a_name"],
    );
    store.refuses(&around(exit_failing("")), &["Invalid name for exception: "]);
    let reserved = [
        "CHILD_FAILURE",
        "VAR_SUB_ERROR",
        "VAR_MUTATION_ERROR",
        "USER_TASK_CANCELLED",
        "TIMEOUT",
        "TASK_FAILURE",
        "VAR_ERROR",
        "TASK_ERROR",
        "INTERNAL_ERROR",
    ];
    for (number, reserved) in reserved.into_iter().enumerate() {
        assert_eq!(pb::LhErrorType::from_str_name(reserved).map(i32::from), i32::try_from(number).ok());
        store.refuses(&around(exit_failing(reserved)), &["is reserved!"]);
    }
    assert!(pb::LhErrorType::try_from(9).is_err());
}

/// 02/N-5: `specific_failure` of a node's handler is one of the nine or a name.
#[test]
fn handlers_catch_known_or_named_failures() {
    use pb::failure_handler_def::FailureToCatch;
    let with = |failures: &[&str]| {
        let mut main = idle_thread(Vec::new());
        main.nodes.get_mut("1-node").unwrap().failure_handlers = failures
            .iter()
            .map(|failure| pb::FailureHandlerDef {
                handler_spec_name: "handler".to_owned(),
                failure_to_catch: Some(FailureToCatch::SpecificFailure((*failure).to_owned())),
            })
            .collect();
        flow([("main", main), ("handler", idle_thread(Vec::new()))])
    };
    let store = Store::new();
    store.accepts(&with(&["TIMEOUT", "out-of-stock"]));
    store.refuses(&with(&["ok", "no_1", "no_2"]), &["Invalid names for exception handlers: no_1, no_2"]);
}
