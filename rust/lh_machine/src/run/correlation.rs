//! NodeRuns that wait for a correlation key: the home of the key is told when they begin to wait and when they stop
//! (05/E-48, E-52).
//!
//! What the home knows follows from what the run shows, compared once per command: so no way out of a node can forget it.

use std::collections::BTreeMap;

use super::{Run, is_terminal};
use crate::{
    effects::Unsent,
    internal::{self, from_shard::Message},
    pb::{self, LhStatus, node_run::NodeType},
    placement,
    state::Context,
};

type Registrations = BTreeMap<(i32, i32), pb::CorrelatedEventId>;

/// Tells the homes of correlation keys what has changed since the last command.
pub fn register(run: &mut Run, context: &mut Context<'_>) {
    let waiting = waiting(run);
    if waiting == run.registrations {
        return;
    }
    let known = std::mem::replace(&mut run.registrations, waiting);
    for (place, id) in known.iter().filter(|(place, _)| !run.registrations.contains_key(place)) {
        let message = internal::LeaveCorrelation { id: Some(id.clone()), node_run_id: Some(node_run_id(run, *place)) };
        tell(run, id, Message::LeaveCorrelation(message), context);
    }
    for (place, id) in run.registrations.iter().filter(|(place, _)| !known.contains_key(place)) {
        let message = internal::AwaitCorrelation { id: Some(id.clone()), node_run_id: Some(node_run_id(run, *place)) };
        tell(run, id, Message::AwaitCorrelation(message), context);
    }
}

/// The run is deleted: nothing of it waits.
pub fn leave_all(run: &mut Run, context: &mut Context<'_>) {
    for (place, id) in std::mem::take(&mut run.registrations) {
        let message = internal::LeaveCorrelation { id: Some(id.clone()), node_run_id: Some(node_run_id(run, place)) };
        tell(run, &id, Message::LeaveCorrelation(message), context);
    }
}

/// NodeRuns that a correlated event should reach. A key with `/` or `~` can never be put, so nobody registers for it.
fn waiting(run: &Run) -> Registrations {
    let threads = run.wf_run.thread_runs.iter().filter(|thread| match thread.status() {
        LhStatus::Running | LhStatus::Halting => true,
        // In a run that ended nobody goes on.
        LhStatus::Halted => !run.is_terminal(),
        _ => false,
    });
    let waiting = threads.filter_map(|thread| {
        let node_run = run.current_node(thread)?.node_run.as_ref()?;
        let Some(NodeType::ExternalEvent(waiting)) = &node_run.node_type else { return None };
        let key = waiting.correlation_key.as_ref().filter(|key| is_key(key))?;
        if is_terminal(node_run.status()) || waiting.timed_out || waiting.external_event_id.is_some() {
            return None;
        }
        let external_event_def_id = waiting.external_event_def_id.clone();
        let id = pb::CorrelatedEventId { key: key.clone(), external_event_def_id };
        Some(((thread.number, thread.current_node_position), id))
    });
    waiting.collect()
}

/// Whether an event can be put under this key (05/E-44).
pub fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(['/', '~'])
}

fn tell(run: &Run, id: &pb::CorrelatedEventId, message: Message, context: &mut Context<'_>) {
    let definition = id.external_event_def_id.as_ref().map_or("", |id| &id.name);
    let root = placement::correlation_root(definition, &id.key);
    let target_shard = placement::shard_of(&run.tenant, &root, context.run_shards as usize) as u32;
    context.effects.unsent.push(Unsent { target_shard, tenant: run.tenant.to_string(), message });
}

fn node_run_id(run: &Run, place: (i32, i32)) -> pb::NodeRunId {
    pb::NodeRunId { wf_run_id: Some(run.id()), thread_run_number: place.0, position: place.1 }
}

/// For the run's record.
pub fn records(run: &Run) -> impl Iterator<Item = internal::Registration> {
    run.registrations.iter().map(|(place, id)| internal::Registration {
        place: Some(internal::Place { thread_run_number: place.0, position: place.1 }),
        id: Some(id.clone()),
    })
}

/// From the run's record.
pub fn of_records(records: Vec<internal::Registration>) -> Registrations {
    let places = records.into_iter().filter_map(|record| {
        let place = record.place?;
        Some(((place.thread_run_number, place.position), record.id?))
    });
    places.collect()
}
