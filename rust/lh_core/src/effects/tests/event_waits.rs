//! Waiting for WorkflowEvents: who is answered with what, and what is left behind.
#![allow(clippy::unwrap_used)]

use lh_machine::{Thrown, pb};

use crate::{effects::event_waits::EventWaits, ports::EventWaits as _};

fn run(id: &str) -> Option<pb::WfRunId> {
    Some(pb::WfRunId { id: id.to_owned(), parent_wf_run_id: None })
}

fn definition(name: &str) -> pb::WorkflowEventDefId {
    pb::WorkflowEventDefId { name: name.to_owned() }
}

fn event_id(name: &str, number: i32) -> pb::WorkflowEventId {
    pb::WorkflowEventId { wf_run_id: run("a"), workflow_event_def_id: Some(definition(name)), number }
}

fn thrown(tenant: &str, name: &str, number: i32) -> Vec<Thrown> {
    let event = pb::WorkflowEvent { id: Some(event_id(name, number)), ..Default::default() };
    vec![Thrown { tenant: tenant.to_owned(), event }]
}

fn request(names: &[&str], ignored: &[(&str, i32)]) -> pb::AwaitWorkflowEventRequest {
    pb::AwaitWorkflowEventRequest {
        wf_run_id: run("a"),
        event_def_ids: names.iter().map(|name| definition(name)).collect(),
        workflow_events_to_ignore: ignored.iter().map(|(name, number)| event_id(name, *number)).collect(),
    }
}

/// 05/E-65, E-68, E-69: any definition if none is named, ignored ones never, every waiting caller gets the event, and other
/// tenants none.
#[test]
fn who_is_answered() {
    let waits = EventWaits::default();
    let (_, mut any) = waits.wait("default", request(&[], &[]));
    let (_, mut one) = waits.wait("default", request(&["x"], &[]));
    let (_, mut other) = waits.wait("default", request(&["y"], &[]));
    let (_, mut ignoring) = waits.wait("default", request(&[], &[("x", 0)]));
    let (_, mut foreign) = waits.wait("acme", request(&[], &[]));
    waits.tell(thrown("default", "x", 0));
    assert_eq!(any.try_recv().unwrap().id, Some(event_id("x", 0)));
    assert_eq!(one.try_recv().unwrap().id, Some(event_id("x", 0)));
    assert!(other.try_recv().is_err() && ignoring.try_recv().is_err() && foreign.try_recv().is_err());
    waits.tell(thrown("default", "x", 1));
    assert_eq!(ignoring.try_recv().unwrap().id, Some(event_id("x", 1)));
    waits.tell(thrown("acme", "x", 0));
    assert!(foreign.try_recv().is_ok() && other.try_recv().is_err());
    assert_eq!(waits.waiting(), 1);
}

/// A caller that is gone leaves nothing behind; a cut ends all waits without an event.
#[test]
fn withdrawn_and_cut() {
    let waits = EventWaits::default();
    let (number, mut gone) = waits.wait("default", request(&[], &[]));
    let (_, mut left) = waits.wait("default", request(&[], &[]));
    waits.withdraw(number);
    assert_eq!(waits.waiting(), 1);
    assert_eq!(gone.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Closed));
    waits.cut_all();
    assert_eq!(left.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Closed));
    assert_eq!(waits.waiting(), 0);
    waits.withdraw(number);
}
