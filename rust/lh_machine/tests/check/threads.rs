//! ThreadSpecs as a whole (02 section 12.2).

use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::{self, VariableType};

use super::fixtures::*;

fn entrypoint(sinks: &[&str]) -> pb::Node {
    node(Kind::Entrypoint(pb::EntrypointNode {}), sinks)
}

/// 02/X-7: exactly one ENTRYPOINT; an EXIT is not needed.
#[test]
fn one_entrypoint() {
    let store = Store::new();
    store.accepts(&flow([("main", thread(vec![], [("e", entrypoint(&[]))]))]));
    store.refuses(
        &flow([("main", thread(vec![], [("n", node(Kind::Nop(pb::NopNode {}), &[]))]))]),
        &["ThreadSpec main invalid", "missing ENTRYPOINT node!"],
    );
    store.refuses(
        &flow([("main", thread(vec![], [("e", entrypoint(&[])), ("f", entrypoint(&[]))]))]),
        &["Multiple ENTRYPOINT nodes!"],
    );
}

/// A thread with two ends.
fn ending(one: Kind, other: Kind) -> pb::PutWfSpecRequest {
    let nodes = [("e", entrypoint(&["x", "y"])), ("x", node(one, &[])), ("y", node(other, &[]))];
    flow([("main", thread(all_variables(), nodes))])
}

/// 02/X-8, 02/T-6, 01/STA-5, 01/TYP-5: all ends of a thread that are no failures return the same type.
#[test]
fn outputs_agree() {
    let store = Store::new();
    let void = || Kind::Exit(pb::ExitNode::default());
    let value = |name: &str| exit_with(read(name));
    let unknown = || exit_with(json_path(read("json_obj"), "$.a"));
    store.accepts(&ending(void(), void()));
    store.accepts(&ending(value("int"), exit_with(int(1))));
    store.accepts(&ending(value("int"), exit_failing("no")));
    store.accepts(&ending(void(), exit_failing("no")));
    store.accepts(&ending(unknown(), value("int")));
    store.accepts(&ending(unknown(), unknown()));
    store.refuses(&ending(void(), value("int")), &["returns void", "returns non-void"]);
    store.refuses(&ending(value("int"), void()), &["returns void", "returns non-void"]);
    store.refuses(&ending(value("int"), value("double")), &["returned different output types"]);
    store.refuses(&ending(void(), unknown()), &["returns void", "returns non-void"]);
}

/// 02/X-8: an unknown type does not hide that two known ones differ.
#[test]
fn outputs_agree_around_unknown() {
    let unknown = exit_with(json_path(read("json_obj"), "$.a"));
    let nodes = [
        ("e", entrypoint(&["x", "y", "z"])),
        ("x", node(unknown, &[])),
        ("y", node(exit_with(read("int")), &[])),
        ("z", node(exit_with(read("str")), &[])),
    ];
    Store::new().refuses(&flow([("main", thread(all_variables(), nodes))]), &["returned different output types"]);
}

fn interrupt(event: &str, handler: &str) -> pb::InterruptDef {
    pb::InterruptDef {
        external_event_def_id: Some(pb::ExternalEventDefId { name: event.to_owned() }),
        handler_spec_name: handler.to_owned(),
    }
}

/// A thread `main` with these interrupts and a thread `handler` with these variables.
fn interrupted(interrupts: Vec<pb::InterruptDef>, variables: Vec<pb::ThreadVarDef>) -> pb::PutWfSpecRequest {
    let main = pb::ThreadSpec { interrupt_defs: interrupts, ..idle_thread(Vec::new()) };
    flow([("main", main), ("handler", idle_thread(variables))])
}

/// 02/X-9, 05/E-42
#[test]
fn interrupts() {
    let store = Store::new();
    let event = || vec![interrupt("str-event", "handler")];
    store.accepts(&interrupted(event(), vec![]));
    store.accepts(&interrupted(event(), vec![var("INPUT", VariableType::Int)]));
    store.accepts(&interrupted([event(), event()].concat(), vec![]));
    store.refuses(&interrupted(vec![interrupt("ghost", "handler")], vec![]), &["Refers to missing ExternalEventDef"]);
    store.refuses(&interrupted(vec![interrupt("str-event", "ghost")], vec![]), &["Refers to missing ThreadSpec"]);
    let (input, other) = (var("INPUT", VariableType::Int), var("x", VariableType::Int));
    store.refuses(&interrupted(event(), vec![other.clone()]), &["should only have 'INPUT' var"]);
    store.refuses(&interrupted(event(), vec![input, other]), &["should only have 'INPUT' var"]);
}

/// 02/X-10, 05/E-31: an event that interrupts is not waited for, and interrupts one thread only; one that is waited for is
/// waited for anywhere.
#[test]
fn interrupts_apart() {
    let store = Store::new();
    let waiting_for = |event: &str| {
        let external_event_def_id = Some(pb::ExternalEventDefId { name: event.to_owned() });
        Kind::ExternalEvent(pb::ExternalEventNode { external_event_def_id, ..Default::default() })
    };
    let with_third = |third: pb::ThreadSpec| {
        let mut request = interrupted(vec![interrupt("str-event", "handler")], vec![]);
        request.thread_specs.insert("third".to_owned(), third);
        request
    };
    store.accepts(&with_third(thread_around(vec![], waiting_for("untyped-event"))));
    let mut everywhere = with_third(thread_around(vec![], waiting_for("untyped-event")));
    everywhere.thread_specs.insert("fourth".to_owned(), thread_around(vec![], waiting_for("untyped-event")));
    store.accepts(&everywhere);
    store.refuses(&with_third(thread_around(vec![], waiting_for("str-event"))), &["used for Node and Interrupt"]);
    let third = pb::ThreadSpec { interrupt_defs: vec![interrupt("str-event", "handler")], ..idle_thread(vec![]) };
    store.refuses(&with_third(third), &["used by multiple threads as interrupt"]);
}

/// 02/X-11: retention is stored as it was sent, also when empty or negative.
#[test]
fn retention() {
    use pb::thread_retention_policy::ThreadGcPolicy;
    use pb::workflow_retention_policy::WfGcPolicy;
    let mut request = declaring(Vec::new());
    request.retention_policy =
        Some(pb::WorkflowRetentionPolicy { wf_gc_policy: Some(WfGcPolicy::SecondsAfterWfTermination(-3)) });
    let thread_policy =
        pb::ThreadRetentionPolicy { thread_gc_policy: Some(ThreadGcPolicy::SecondsAfterThreadTermination(0)) };
    request.thread_specs.get_mut("main").unwrap().retention_policy = Some(thread_policy);
    let spec = Store::new().accepts(&request);
    assert_eq!(spec.retention_policy, request.retention_policy);
    assert_eq!(spec.thread_specs["main"].retention_policy, Some(thread_policy));
    request.retention_policy = Some(pb::WorkflowRetentionPolicy::default());
    assert_eq!(Store::new().accepts(&request).retention_policy, Some(pb::WorkflowRetentionPolicy::default()));
}
