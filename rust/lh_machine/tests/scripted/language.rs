//! The words in which scripts describe WfSpecs and values.
//!
//! `spec NAME [VAR:TYPE[!][=VALUE]]... : NODE -> NODE -> ...` with nodes `task DEF [key=value]...`, `sleep SECONDS`,
//! `sleep_at VALUE`, `nop`, `loop` (a NOP whose edge leads back to the node before it), `exit`, `exit return=VALUE`,
//! `exit fail=NAME`, `start THREAD [VAR=VALUE]...`, `start_many THREAD over=VALUE [VAR=VALUE]...`,
//! `wait VALUE... | list=VALUE [strategy=FIRST|ANY] [each=FAILURE>THREAD]...`, `until VALUE OPERATOR VALUE`.
//! `run_child SPEC [id=VALUE] [major=NUMBER] [VAR=VALUE]...`, `run_named VALUE ...` (the WfSpec's name is a value),
//! `wait_child VALUE`, `event DEF [timeout=VALUE] [key=VALUE] [masked]`, `throw DEF [VALUE]`.
//! `user DEF [version=N] [user=VALUE] [group=VALUE] [notes=VALUE] [cancel_as=VALUE] [arrival=TRIGGER]... [assigned=TRIGGER]...`
//! with TRIGGER one of `DELAY/cancel`, `DELAY/task,DEF[,VALUE]...[,set=VAR:VALUE]`, `DELAY/reassign[,user=VALUE][,group=VALUE]`.
//! `set=VAR:VALUE` on any node puts an ASSIGN on its outgoing edge, `add=VAR:VALUE` an ADD, `if=VALUE` a condition,
//! `also=VALUE>NODE` another edge with a condition, before the one to the next node,
//! `on=FAILURE>THREAD` a failure
//! handler on the node, where FAILURE is a name, `error`, `exception` or `any`. Values are `int:5`, `str:x`,
//! `bool:true`, `double:1.5`, `json:{...}`, `null`, `$variable`, `@node` (output of a node).
//! A variable is private; `+` before its name makes it public, `^` inherited, `?` searchable. `~retention=SECONDS` and
//! `~parent=NAME` among the variables belong to the WfSpec, `~keep=SECONDS` and
//! `~interrupt=DEF>THREAD` to the ThreadSpec. Further ThreadSpecs follow, each as ` | NAME [VAR:TYPE]... : NODE -> ...`.

use std::collections::BTreeMap;

use lh_machine::pb::{self, variable_value::Value};

pub fn literal(text: &str) -> pb::VariableValue {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let value = match kind {
        "null" => None,
        "int" => Some(Value::Int(rest.parse().unwrap())),
        "str" => Some(Value::Str(rest.to_owned())),
        "bool" => Some(Value::Bool(rest == "true")),
        "double" => Some(Value::Double(rest.parse().unwrap())),
        "json" if rest.starts_with('[') => Some(Value::JsonArr(rest.to_owned())),
        "json" => Some(Value::JsonObj(rest.to_owned())),
        "big" => Some(Value::Str("x".repeat(rest.parse().unwrap()))),
        other => panic!("unknown kind of value {other}"),
    };
    pb::VariableValue { value }
}

pub fn assignment(text: &str) -> pb::VariableAssignment {
    use pb::variable_assignment::{NodeOutputReference, Source};
    let source = match text.split_at(1) {
        ("$", name) => Source::VariableName(name.to_owned()),
        ("@", name) => Source::NodeOutput(NodeOutputReference { node_name: name.to_owned() }),
        _ => Source::LiteralValue(literal(text)),
    };
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

fn type_definition(name: &str) -> pb::TypeDefinition {
    let primitive = pb::VariableType::from_str_name(name).unwrap_or_else(|| panic!("unknown type {name}"));
    pb::TypeDefinition {
        masked: false,
        defined_type: Some(pb::type_definition::DefinedType::PrimitiveType(primitive as i32)),
    }
}

pub fn variable_def(text: &str) -> (pb::VariableDef, bool) {
    let (declaration, default) = match text.split_once('=') {
        Some((declaration, default)) => (declaration, Some(literal(default))),
        None => (text, None),
    };
    let required = declaration.ends_with('!');
    let (name, kind) = declaration.trim_end_matches('!').split_once(':').unwrap();
    let mut type_def = type_definition(kind.trim_end_matches('*'));
    type_def.masked = kind.ends_with('*');
    let definition = pb::VariableDef {
        name: name.to_owned(),
        type_def: Some(type_def),
        default_value: default,
        ..Default::default()
    };
    (definition, required)
}

/// `task_def NAME [INPUT:TYPE]... [returns=TYPE]`
pub fn task_def(words: &[&str]) -> pb::TaskDef {
    let mut task_def = pb::TaskDef { id: Some(pb::TaskDefId { name: words[0].to_owned() }), ..Default::default() };
    task_def.return_type = Some(pb::ReturnType::default());
    for word in &words[1..] {
        match word.strip_prefix("returns=") {
            Some(kind) => {
                let mut returns = type_definition(kind.trim_end_matches('*'));
                returns.masked = kind.ends_with('*');
                task_def.return_type = Some(pb::ReturnType { return_type: Some(returns) });
            }
            None => task_def.input_vars.push(variable_def(word).0),
        }
    }
    task_def
}

fn return_type(name: &str) -> pb::ReturnType {
    pb::ReturnType { return_type: (name != "void").then(|| type_definition(name)) }
}

/// `event_def NAME [TYPE | void] [retention=SECONDS]`
pub fn event_def(words: &[&str]) -> pb::ExternalEventDef {
    use pb::external_event_retention_policy::ExtEvtGcPolicy;
    let id = Some(pb::ExternalEventDefId { name: words[0].to_owned() });
    let mut event_def = pb::ExternalEventDef { id, ..Default::default() };
    for word in &words[1..] {
        match word.strip_prefix("retention=") {
            Some(seconds) => {
                let policy = Some(ExtEvtGcPolicy::SecondsAfterPut(seconds.parse().unwrap()));
                event_def.retention_policy = Some(pb::ExternalEventRetentionPolicy { ext_evt_gc_policy: policy });
            }
            None => event_def.type_information = Some(return_type(word)),
        }
    }
    event_def
}

/// `workflow_event_def NAME [TYPE]`
pub fn workflow_event_def(words: &[&str]) -> pb::WorkflowEventDef {
    pb::WorkflowEventDef {
        id: Some(pb::WorkflowEventDefId { name: words[0].to_owned() }),
        content_type: Some(return_type(words.get(1).unwrap_or(&"void"))),
        ..Default::default()
    }
}

pub fn wf_spec(name: &str, head: &str, body: &str) -> pb::WfSpec {
    let mut parts = body.split(" | ");
    let entrypoint = thread_spec(head, parts.next().unwrap());
    let parent = head.split_whitespace().find_map(|word| word.strip_prefix("~parent="));
    let parent_wf_spec = parent
        .map(|name| pb::wf_spec::ParentWfSpecReference { wf_spec_name: name.to_owned(), wf_spec_major_version: 0 });
    let seconds = head.split_whitespace().find_map(|word| word.strip_prefix("~retention="));
    let retention_policy = seconds.map(|seconds| pb::WorkflowRetentionPolicy {
        wf_gc_policy: Some(pb::workflow_retention_policy::WfGcPolicy::SecondsAfterWfTermination(
            seconds.parse().unwrap(),
        )),
    });
    let mut thread_specs = BTreeMap::from([("entrypoint".to_owned(), entrypoint)]);
    for part in parts {
        let (head, body) = part.split_once(" : ").unwrap();
        let (name, head) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
        thread_specs.insert(name.to_owned(), thread_spec(head, body));
    }
    pb::WfSpec {
        id: Some(pb::WfSpecId { name: name.to_owned(), major_version: 0, revision: 0 }),
        thread_specs,
        retention_policy,
        parent_wf_spec,
        entrypoint_thread_name: "entrypoint".to_owned(),
        ..Default::default()
    }
}

fn thread_spec(head: &str, body: &str) -> pb::ThreadSpec {
    let mut thread = pb::ThreadSpec::default();
    let seconds = head.split_whitespace().find_map(|word| word.strip_prefix("~keep="));
    thread.retention_policy = seconds.map(|seconds| pb::ThreadRetentionPolicy {
        thread_gc_policy: Some(pb::thread_retention_policy::ThreadGcPolicy::SecondsAfterThreadTermination(
            seconds.parse().unwrap(),
        )),
    });
    for word in head.split_whitespace().filter(|word| !word.starts_with('~')) {
        let searchable = word.starts_with('?');
        let access_level = match word.as_bytes()[0] {
            b'+' => pb::WfRunVariableAccessLevel::PublicVar,
            b'^' => pb::WfRunVariableAccessLevel::InheritedVar,
            _ => pb::WfRunVariableAccessLevel::PrivateVar,
        };
        let (definition, required) = variable_def(word.trim_start_matches(['?', '+', '^']));
        thread.variable_defs.push(pb::ThreadVarDef {
            var_def: Some(definition),
            required,
            searchable,
            access_level: access_level as i32,
            ..Default::default()
        });
    }
    for interrupt in head.split_whitespace().filter_map(|word| word.strip_prefix("~interrupt=")) {
        let (event, handler) = interrupt.split_once('>').unwrap();
        thread.interrupt_defs.push(pb::InterruptDef {
            external_event_def_id: Some(pb::ExternalEventDefId { name: event.to_owned() }),
            handler_spec_name: handler.to_owned(),
        });
    }
    let mut nodes: Vec<(String, pb::Node)> = Vec::new();
    let texts: Vec<&str> = std::iter::once("entrypoint").chain(body.split("->").map(str::trim)).collect();
    for (index, text) in texts.iter().enumerate() {
        let words: Vec<&str> = text.split_whitespace().collect();
        let failure_handlers = words.iter().filter_map(|word| word.strip_prefix("on=")).map(handler).collect();
        let mut node = pb::Node { node: Some(kind(&words)), failure_handlers, ..Default::default() };
        let mutations = words.iter().filter_map(|word| mutation(word)).collect();
        if let Some(previous) = index.checked_sub(1).filter(|_| words[0] == "loop") {
            let sink_node_name = nodes[previous].0.clone();
            node.outgoing_edges.push(pb::Edge { sink_node_name, variable_mutations: mutations, ..Default::default() });
        } else if let Some(next) = texts.get(index + 1) {
            let sink_node_name = format!("{}-{}", index + 1, next.split_whitespace().next().unwrap());
            node.outgoing_edges.extend(words.iter().filter_map(|word| other_edge(word)));
            let edge_condition = condition(&words);
            node.outgoing_edges.push(pb::Edge { sink_node_name, variable_mutations: mutations, edge_condition });
        }
        nodes.push((format!("{index}-{}", words[0]), node));
    }
    thread.nodes = nodes.into_iter().collect();
    thread
}

fn mutation(word: &str) -> Option<pb::VariableMutation> {
    let (operation, text) = match (word.strip_prefix("set="), word.strip_prefix("add=")) {
        (Some(text), _) => (pb::VariableMutationType::Assign, text),
        (_, Some(text)) => (pb::VariableMutationType::Add, text),
        _ => return None,
    };
    let (name, value) = text.split_once(':').unwrap();
    Some(pb::VariableMutation {
        lhs_name: name.to_owned(),
        operation: operation as i32,
        rhs_value: Some(pb::variable_mutation::RhsValue::RhsAssignment(assignment(value))),
        ..Default::default()
    })
}

fn other_edge(word: &str) -> Option<pb::Edge> {
    let (value, sink) = word.strip_prefix("also=")?.split_once('>')?;
    let edge_condition = Some(pb::edge::EdgeCondition::Condition(assignment(value)));
    Some(pb::Edge { sink_node_name: sink.to_owned(), edge_condition, ..Default::default() })
}

fn condition(words: &[&str]) -> Option<pb::edge::EdgeCondition> {
    let value = words.iter().find_map(|word| word.strip_prefix("if="))?;
    Some(pb::edge::EdgeCondition::Condition(assignment(value)))
}

fn handler(text: &str) -> pb::FailureHandlerDef {
    use pb::failure_handler_def::{FailureToCatch, LhFailureType};
    let (failure, thread) = text.split_once('>').unwrap();
    let failure_to_catch = match failure {
        "any" => None,
        "error" => Some(FailureToCatch::AnyFailureOfType(LhFailureType::FailureTypeError as i32)),
        "exception" => Some(FailureToCatch::AnyFailureOfType(LhFailureType::FailureTypeException as i32)),
        name => Some(FailureToCatch::SpecificFailure(name.to_owned())),
    };
    pb::FailureHandlerDef { handler_spec_name: thread.to_owned(), failure_to_catch }
}

/// The words `VAR=VALUE` that give values to the variables of another thread or run.
fn inputs(words: &[&str]) -> BTreeMap<String, pb::VariableAssignment> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    let reserved = ["set", "add", "if", "also", "on", "over", "id", "major"];
    let given = pairs.filter(|(name, _)| !reserved.contains(name));
    given.map(|(name, value)| (name.to_owned(), assignment(value))).collect()
}

fn wait_for_threads(words: &[&str]) -> pb::node::Node {
    use pb::wait_for_threads_node::{ThreadToWaitFor, ThreadsToWaitFor, ThreadsToWaitForOneOf};
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let threads_to_wait_for = match option("list") {
        Some(list) => ThreadsToWaitForOneOf::ThreadList(assignment(list)),
        None => {
            let numbers = words[1..].iter().filter(|word| !word.contains('='));
            let threads = numbers.map(|word| ThreadToWaitFor { thread_run_number: Some(assignment(word)) }).collect();
            ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor { threads })
        }
    };
    let strategy = match option("strategy") {
        Some("FIRST") => pb::WaitForThreadsStrategy::WaitForFirst,
        Some("ANY") => pb::WaitForThreadsStrategy::WaitForAny,
        _ => pb::WaitForThreadsStrategy::WaitForAll,
    };
    pb::node::Node::WaitForThreads(pb::WaitForThreadsNode {
        threads_to_wait_for: Some(threads_to_wait_for),
        per_thread_failure_handlers: words.iter().filter_map(|word| word.strip_prefix("each=")).map(handler).collect(),
        strategy: strategy as i32,
    })
}

fn comparison(left: &str, operator: &str, right: &str) -> pb::VariableAssignment {
    use pb::variable_assignment::{Expression, Source, expression::Operation};
    let comparator = pb::Comparator::from_str_name(operator).unwrap_or_else(|| panic!("unknown operator {operator}"));
    let expression = Expression {
        lhs: Some(Box::new(assignment(left))),
        rhs: Some(Box::new(assignment(right))),
        operation: Some(Operation::Comparator(comparator as i32)),
    };
    pb::VariableAssignment { source: Some(Source::Expression(Box::new(expression))), ..Default::default() }
}

fn kind(words: &[&str]) -> pb::node::Node {
    use pb::{node::Node, sleep_node::SleepLength, task_node::TaskToExecute};
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    match words[0] {
        "entrypoint" => Node::Entrypoint(pb::EntrypointNode {}),
        "nop" | "loop" => Node::Nop(pb::NopNode {}),
        "sleep" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::RawSeconds(assignment(words[1]))) }),
        "sleep_at" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::Timestamp(assignment(words[1]))) }),
        "sleep_iso" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::IsoDate(assignment(words[1]))) }),
        "start" => Node::StartThread(pb::StartThreadNode {
            thread_spec_name: words[1].to_owned(),
            variables: inputs(&words[2..]),
        }),
        "start_many" => Node::StartMultipleThreads(pb::StartMultipleThreadsNode {
            thread_spec_name: words[1].to_owned(),
            variables: inputs(&words[2..]),
            iterable: option("over").map(assignment),
        }),
        "event" => Node::ExternalEvent(pb::ExternalEventNode {
            external_event_def_id: Some(pb::ExternalEventDefId { name: words[1].to_owned() }),
            timeout_seconds: option("timeout").map(assignment),
            correlation_key: option("key").map(assignment),
            mask_correlation_key: words.contains(&"masked"),
        }),
        "throw" => Node::ThrowEvent(pb::ThrowEventNode {
            event_def_id: Some(pb::WorkflowEventDefId { name: words[1].to_owned() }),
            content: words.get(2).filter(|word| !word.contains('=')).map(|word| assignment(word)),
        }),
        "wait" => wait_for_threads(words),
        "run_child" | "run_named" => Node::RunChildWf(pb::RunChildWfNode {
            wf_spec: Some(match words[0] {
                "run_child" => pb::run_child_wf_node::WfSpec::WfSpecName(words[1].to_owned()),
                _ => pb::run_child_wf_node::WfSpec::WfSpecVar(assignment(words[1])),
            }),
            major_version: option("major").map_or(-1, |text| text.parse().unwrap()),
            inputs: inputs(&words[2..]),
            child_id: option("id").map(assignment),
        }),
        "wait_child" => Node::WaitForChildWf(pb::WaitForChildWfNode {
            child_wf_run_id: Some(assignment(words[1])),
            ..Default::default()
        }),
        "until" => Node::WaitForCondition(pb::WaitForConditionNode {
            node_condition: Some(pb::wait_for_condition_node::NodeCondition::Condition(comparison(
                words[1], words[2], words[3],
            ))),
        }),
        "exit" => exit(words),
        "user" => user_task(words),
        "task" | "dynamic" => {
            let to_execute = if words[0] == "task" {
                TaskToExecute::TaskDefId(pb::TaskDefId { name: words[1].to_owned() })
            } else {
                TaskToExecute::DynamicTask(assignment(words[1]))
            };
            Node::Task(pb::TaskNode {
                task_to_execute: Some(to_execute),
                timeout_seconds: option("timeout").map_or(0, |text| text.parse().unwrap()),
                retries: option("retries").map_or(0, |text| text.parse().unwrap()),
                exponential_backoff: option("backoff").map(backoff),
                variables: words.iter().filter_map(|word| word.strip_prefix("in=")).map(assignment).collect(),
            })
        }
        other => panic!("unknown node {other}"),
    }
}

fn exit(words: &[&str]) -> pb::node::Node {
    use pb::{exit_node, node::Node};
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    Node::Exit(pb::ExitNode {
        result: match (option("return"), option("fail")) {
            (Some(value), _) => Some(exit_node::Result::ReturnContent(assignment(value))),
            (_, Some(name)) => Some(exit_node::Result::FailureDef(pb::FailureDef {
                failure_name: name.to_owned(),
                message: "defined to fail".to_owned(),
                content: option("content").map(assignment),
            })),
            _ => None,
        },
    })
}

fn user_task(words: &[&str]) -> pb::node::Node {
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    pb::node::Node::UserTask(pb::UserTaskNode {
        user_task_def_name: words[1].to_owned(),
        user_group: option("group").map(assignment),
        user_id: option("user").map(assignment),
        actions: words.iter().filter_map(|word| trigger(word)).collect(),
        user_task_def_version: option("version").map(|text| text.parse().unwrap()),
        notes: option("notes").map(assignment),
        on_cancellation_exception_name: option("cancel_as").map(assignment),
    })
}

fn trigger(word: &str) -> Option<pb::UtActionTrigger> {
    use pb::{task_node::TaskToExecute, ut_action_trigger as ut};
    let (hook, text) = match (word.strip_prefix("arrival="), word.strip_prefix("assigned=")) {
        (Some(text), _) => (ut::UtHook::OnArrival, text),
        (_, Some(text)) => (ut::UtHook::OnTaskAssigned, text),
        _ => return None,
    };
    let (delay, action) = text.split_once('/').unwrap();
    let parts: Vec<&str> = action.split(',').collect();
    let option = |key: &str| parts.iter().find_map(|part| part.strip_prefix(key)).map(assignment_or_none);
    let action = match parts[0] {
        "cancel" => ut::Action::Cancel(ut::UtaCancel {}),
        "reassign" => ut::Action::Reassign(ut::UtaReassign { user_id: option("user="), user_group: option("group=") }),
        "task" => ut::Action::Task(ut::UtaTask {
            task: Some(pb::TaskNode {
                task_to_execute: Some(TaskToExecute::TaskDefId(pb::TaskDefId { name: parts[1].to_owned() })),
                variables: parts[2..].iter().filter(|part| !part.contains('=')).map(|part| assignment(part)).collect(),
                ..Default::default()
            }),
            mutations: parts[2..].iter().filter_map(|part| mutation(part)).collect(),
        }),
        other => panic!("unknown action {other}"),
    };
    Some(pb::UtActionTrigger { action: Some(action), delay_seconds: Some(assignment(delay)), hook: hook as i32 })
}

/// An assignment, or with an empty text one without a source.
fn assignment_or_none(text: &str) -> pb::VariableAssignment {
    if text.is_empty() { pb::VariableAssignment::default() } else { assignment(text) }
}

fn backoff(text: &str) -> pb::ExponentialBackoffRetryPolicy {
    let parts: Vec<&str> = text.split(',').collect();
    pb::ExponentialBackoffRetryPolicy {
        base_interval_ms: parts[0].parse().unwrap(),
        multiplier: parts[1].parse().unwrap(),
        max_delay_ms: parts[2].parse().unwrap(),
    }
}
