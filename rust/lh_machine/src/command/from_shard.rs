//! FromShard: a message out of another shard's outbox. It is never refused, and takes effect once (05/E-85).

use super::correlated_event;
use crate::{
    Effects, Stamp, State,
    internal::{self, from_shard::Message},
    key,
    mutants::{self, Mutant},
    pb,
    run::{advance, events},
};

/// The record that a message is about.
pub enum Target<'a> {
    /// That of a correlation key.
    Correlation(&'a pb::CorrelatedEventId),
    /// That of a run.
    Run(&'a pb::WfRunId),
}

/// What must be in memory for the message.
pub fn target(message: &internal::FromShard) -> Option<Target<'_>> {
    match message.message.as_ref()? {
        Message::AwaitCorrelation(message) => message.id.as_ref().map(Target::Correlation),
        Message::LeaveCorrelation(message) => message.id.as_ref().map(Target::Correlation),
        Message::EventCorrelated(message) => message.event.as_ref()?.id.as_ref()?.wf_run_id.as_ref().map(Target::Run),
        Message::VariableWritten(message) => message.wf_run_id.as_ref().map(Target::Run),
    }
}

/// The event that the message brings to a run.
pub fn event(message: &internal::FromShard) -> Option<&pb::ExternalEvent> {
    match message.message.as_ref()? {
        Message::EventCorrelated(message) => message.event.as_ref(),
        _ => None,
    }
}

/// Takes the message in, unless it came before: it is sent again when its acknowledgement was lost in a crash.
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, command: &internal::FromShard, effects: &mut Effects) {
    let received = state.applied.received.entry(command.source_shard).or_insert(0);
    if command.sequence <= *received && !mutants::is_on(Mutant::MessageTakenTwice) {
        return;
    }
    *received = command.sequence;
    match &command.message {
        Some(Message::AwaitCorrelation(message)) => {
            let (Some(id), Some(node_run_id)) = (&message.id, &message.node_run_id) else { return };
            correlated_event::await_key(state, stamp, tenant, id, node_run_id, effects);
        }
        Some(Message::LeaveCorrelation(message)) => {
            let (Some(id), Some(node_run_id)) = (&message.id, &message.node_run_id) else { return };
            correlated_event::leave_key(state, stamp, tenant, id, node_run_id, effects);
        }
        Some(Message::EventCorrelated(message)) => {
            let Some(event) = &message.event else { return };
            arrive(state, stamp, tenant, event, effects);
        }
        Some(Message::VariableWritten(message)) => {
            let Some(id) = &message.wf_run_id else { return };
            look_again(state, stamp, tenant, id, effects);
        }
        None => {}
    }
}

/// A run above has written a variable: the run goes on if that is what it waits for (03/E-461).
fn look_again(state: &mut State, stamp: &Stamp, tenant: &str, id: &pb::WfRunId, effects: &mut Effects) {
    let Some(run) = state.take_run(&key::run(tenant, id)) else { return };
    let mut context = state.family_context(tenant, id, stamp, effects);
    // Those below it that watch are told as well.
    context.family.note_written(run.key.clone());
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
}

/// The event joins those of its run, which goes on; a run that is gone gets none (05/E-50, E-52). It interrupts nobody
/// (05/E-56).
fn arrive(state: &mut State, stamp: &Stamp, tenant: &str, event: &pb::ExternalEvent, effects: &mut Effects) {
    let Some(id) = &event.id else { return };
    let Some(wf_run_id) = &id.wf_run_id else { return };
    let (name, _) = events::names(id);
    let Some(mut run) = state.take_run(&key::run(tenant, wf_run_id)) else { return };
    // Deleted meanwhile: kept without a policy of retention.
    let definition = state.definitions.external_event_def(tenant, &name).unwrap_or_default();
    let mut context = state.family_context(tenant, wf_run_id, stamp, effects);
    events::post(&mut run, event.clone(), &definition);
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
}
