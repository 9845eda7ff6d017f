//! EXTERNAL_EVENT: waits until an event of its definition can be claimed, or for a time (03/E-420..422, spec 05 section 4).

use super::Progress;
use crate::{
    internal::deadline::{EventTimeout, Kind},
    pb::{self, node_run::NodeType, variable_value::Value},
    run::{Run, deadline, events, failure, is_terminal, scope::RunScope},
    state::Context,
    value::{self, Vse},
};

pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::ExternalEventNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let refused = |error| failure::value_failure("VAR_ERROR", error);
    if let Some(key) = &node.correlation_key {
        let key = correlation_key(run, place, key, context).map_err(refused)?;
        if let Some(waiting) = waiting_mut(run, place) {
            waiting.correlation_key = Some(key);
        }
    }
    if let Some(timeout) = &node.timeout_seconds {
        let seconds = timeout_seconds(run, place, timeout, context).map_err(refused)?;
        let due_ms = context.now_ms.saturating_add(seconds.saturating_mul(1000));
        deadline::add(run, place, due_ms, Kind::EventTimeout(EventTimeout {}));
    }
    Ok(())
}

/// What the NodeRun shows from its arrival on.
pub(super) fn node_run(node: &pb::ExternalEventNode) -> pb::ExternalEventNodeRun {
    pb::ExternalEventNodeRun {
        external_event_def_id: node.external_event_def_id.clone(),
        mask_correlation_key: node.mask_correlation_key,
        ..Default::default()
    }
}

/// An INT and nothing else (05/E-34).
fn timeout_seconds(
    run: &Run,
    place: (i32, i32),
    timeout: &pb::VariableAssignment,
    context: &Context<'_>,
) -> Result<i64, Vse> {
    match value::resolve::resolve(timeout, &RunScope::of(run, place.0, context))?.value {
        Some(Value::Int(seconds)) => Ok(seconds),
        _ => Err(Vse::new("The timeout of an EXTERNAL_EVENT node must be INT.")),
    }
}

/// A STR and nothing else (05/E-48).
fn correlation_key(
    run: &Run,
    place: (i32, i32),
    key: &pb::VariableAssignment,
    context: &Context<'_>,
) -> Result<String, Vse> {
    match value::resolve::resolve(key, &RunScope::of(run, place.0, context))?.value {
        Some(Value::Str(key)) => Ok(key),
        _ => Err(Vse::new("The correlation key must be STR.")),
    }
}

pub(super) fn progress(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Progress {
    let Some(waiting) = waiting_mut(run, place) else { return Progress::Waiting };
    let definition = waiting.external_event_def_id.as_ref().map(|id| id.name.clone()).unwrap_or_default();
    if waiting.timed_out {
        let message = format!("ExternalEvent {definition} did not arrive in time.");
        return Progress::Failed(failure::technical("TIMEOUT", message));
    }
    let Some(event) = events::claim_for_node(run, &definition, place) else { return Progress::Waiting };
    if let Some(waiting) = waiting_mut(run, place) {
        waiting.event_time = event.created_at;
        waiting.external_event_id = event.id;
    }
    deadline::forget(run, place);
    Progress::Finished { output: Some(event.content.unwrap_or_default()), end_ms: context.now_ms }
}

/// The time is over: noted here, looked at by the next step, which a halted thread has not before it goes on (05/E-37..39).
pub fn time_out(run: &mut Run, place: (i32, i32)) {
    let is_over = run.node_run(place).is_none_or(|node_run| is_terminal(node_run.status()));
    if !is_over && let Some(waiting) = waiting_mut(run, place) {
        waiting.timed_out = true;
    }
}

/// Output of a NodeRun that has claimed an event, for the deprecated right-hand form (01/MUT-7).
pub fn claimed_content<'a>(run: &'a Run, waiting: &pb::ExternalEventNodeRun) -> Option<&'a pb::VariableValue> {
    let (definition, guid) = events::names(waiting.external_event_id.as_ref()?);
    run.events.external(&definition, &guid)?.content.as_ref()
}

fn waiting_mut(run: &mut Run, place: (i32, i32)) -> Option<&mut pb::ExternalEventNodeRun> {
    match run.node_run_mut(place)?.node_type.as_mut()? {
        NodeType::ExternalEvent(waiting) => Some(waiting),
        _ => None,
    }
}
