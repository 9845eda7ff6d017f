//! PutCorrelatedEvent, DeleteCorrelatedEvent, and NodeRuns that wait for a key (spec 05 section 6).
//!
//! A key and a definition have one record, in the shard that the hash of both names: the event, if it was put, and who
//! waits for it. The record is kept like that of a run without WfSpec, so fetching, eviction, wake-ups and index entries
//! are those of runs (decision 013). When event and waiting NodeRuns meet, each of these gets an ExternalEvent by message.

use super::put_external_event;
use crate::{
    Code, Effects, Rejected, Reply, Stamp, State,
    internal::{self, correlation::Message as Sent, deadline::Kind, from_shard::Message},
    key, outbox, pb, placement,
    run::{Run, correlation, deadline, events, timestamp},
};

/// Place of deadlines that belong to no NodeRun.
const OF_NO_NODE: (i32, i32) = (-1, -1);

/// What the record of a correlation key has in the place of a WfRunId.
pub fn record_id(definition: &str, correlation_key: &str) -> pb::WfRunId {
    pb::WfRunId { id: placement::correlation_root(definition, correlation_key), parent_wf_run_id: None }
}

/// Key of the record of a correlation key.
pub fn record_key(tenant: &str, id: &pb::CorrelatedEventId) -> Vec<u8> {
    key::run(tenant, &record_id(definition_of(id), &id.key))
}

fn definition_of(id: &pb::CorrelatedEventId) -> &str {
    id.external_event_def_id.as_ref().map_or("", |id| &id.name)
}

/// Stores the event and gives it to all who wait for it (05/E-47).
///
/// # Errors
/// In the order of 05/E-44..46: `INVALID_ARGUMENT` for the key, the definition and the content, `ALREADY_EXISTS`.
pub fn put(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::PutCorrelatedEventRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    if !correlation::is_key(&request.key) {
        let text = format!("The key '{}' must not be empty nor contain '/' or '~'.", request.key);
        return Err(Rejected::invalid(text));
    }
    let id = pb::CorrelatedEventId {
        key: request.key.clone(),
        external_event_def_id: request.external_event_def_id.clone(),
    };
    let name = definition_of(&id).to_owned();
    let definition = state
        .definitions
        .external_event_def(tenant, &name)
        .ok_or_else(|| Rejected::invalid(format!("ExternalEventDef {name} does not exist.")))?;
    let config = definition.correlated_event_config.ok_or_else(|| {
        Rejected::invalid(format!("ExternalEventDef {name} has no CorrelatedEventConfig: it cannot be correlated."))
    })?;
    let content = request.content.clone().unwrap_or_default();
    checked(state, tenant, &definition, content.clone())?;
    let record_key = record_key(tenant, &id);
    let mut record = match state.take_unborn(&record_key) {
        Some(record) if event_of(&record).is_some() => {
            state.return_run(record);
            let text = format!("CorrelatedEvent {}/{name} already exists.", id.key);
            return Err(Rejected::new(Code::AlreadyExists, text));
        }
        Some(record) => record,
        None => Box::new(empty(tenant, &id)),
    };
    let event = pb::CorrelatedEvent {
        id: Some(id),
        created_at: Some(timestamp(stamp.now_ms)),
        content: Some(content),
        external_events: Vec::new(),
    };
    record.correlation.get_or_insert_default().event = Some(event);
    if let Some(seconds) = config.ttl_seconds {
        let due_ms = stamp.now_ms.saturating_add(seconds.saturating_mul(1000));
        deadline::add(
            &mut record,
            OF_NO_NODE,
            due_ms,
            Kind::CorrelatedEventTtl(internal::deadline::CorrelatedEventTtl {}),
        );
    }
    let event = correlate(state, stamp, &mut record, effects).unwrap_or_default();
    settle(state, stamp, record, effects);
    Ok(Reply::CorrelatedEvent(Box::new(event)))
}

/// Deletes the event; one that does not exist is fine, and who waits for the key waits on (05/E-55).
pub fn delete(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::DeleteCorrelatedEventRequest,
    effects: &mut Effects,
) {
    let Some(id) = &request.id else { return };
    let Some(mut record) = state.take_unborn(&record_key(tenant, id)) else { return };
    forget_event(&mut record);
    settle(state, stamp, record, effects);
}

/// A NodeRun waits for the key: it gets the event if there is one, else it is registered (05/E-48, E-51).
pub(super) fn await_key(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    id: &pb::CorrelatedEventId,
    node_run_id: &pb::NodeRunId,
    effects: &mut Effects,
) {
    let record = state.take_unborn(&record_key(tenant, id));
    let mut record = record.unwrap_or_else(|| Box::new(empty(tenant, id)));
    record.correlation.get_or_insert_default().waiting.push(node_run_id.clone());
    correlate(state, stamp, &mut record, effects);
    settle(state, stamp, record, effects);
}

/// A NodeRun waits no longer (05/E-52).
pub(super) fn leave_key(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    id: &pb::CorrelatedEventId,
    node_run_id: &pb::NodeRunId,
    effects: &mut Effects,
) {
    let Some(mut record) = state.take_unborn(&record_key(tenant, id)) else { return };
    if let Some(correlation) = &mut record.correlation {
        correlation.waiting.retain(|waiting| waiting != node_run_id);
    }
    settle(state, stamp, record, effects);
}

/// The event of this record, if it was put.
pub fn event_of(record: &Run) -> Option<&pb::CorrelatedEvent> {
    record.correlation.as_ref()?.event.as_ref()
}

/// The time of the event is over, or it was deleted.
pub(super) fn forget_event(record: &mut Run) {
    if let Some(correlation) = &mut record.correlation {
        correlation.event = None;
        correlation.sent.clear();
    }
    record.deadlines.clear();
}

/// True if nobody has put an event nor waits for one.
pub(super) fn is_empty(record: &Run) -> bool {
    record.correlation.as_ref().is_none_or(|known| known.event.is_none() && known.waiting.is_empty())
}

fn empty(tenant: &str, id: &pb::CorrelatedEventId) -> Run {
    events::unborn(tenant, &record_id(definition_of(id), &id.key), Default::default())
}

/// Brings the record back, or lets it go with its wake-up once it says nothing any more.
fn settle(state: &mut State, stamp: &Stamp, mut record: Box<Run>, effects: &mut Effects) {
    let mut context = state.context(stamp, effects);
    if record.deadlines.is_empty() {
        deadline::disarm(&mut record, &mut context);
    } else {
        deadline::rearm(&mut record, &mut context);
    }
    if is_empty(&record) {
        for entry in &record.stored.index {
            context.writes.insert(entry.clone(), None);
        }
        state.bury(&record.key, Default::default());
    } else {
        state.put_run(record);
    }
}

/// If there are both an event and NodeRuns that wait for it, each of them gets an ExternalEvent (05/E-50). Returns the
/// event as it is then, even if it is deleted by that. An event whose content the definition, replaced since, does not
/// take any more stays without effect.
fn correlate(state: &mut State, stamp: &Stamp, record: &mut Run, effects: &mut Effects) -> Option<pb::CorrelatedEvent> {
    let tenant = record.tenant.clone();
    let correlation = record.correlation.as_mut()?;
    let event = correlation.event.as_mut()?;
    let name = definition_of(event.id.as_ref()?).to_owned();
    let definition = state.definitions.external_event_def(&tenant, &name);
    let usable = definition.filter(|definition| definition.correlated_event_config.is_some());
    let Some(definition) = usable.filter(|_| !correlation.waiting.is_empty()) else { return Some(event.clone()) };
    let Ok(content) = checked(state, &tenant, &definition, event.content.clone().unwrap_or_default()) else {
        return Some(event.clone());
    };
    for waiting in std::mem::take(&mut correlation.waiting) {
        let Some(wf_run_id) = waiting.wf_run_id else { continue };
        let target = placement::shard_of(&tenant, key::root_id(&wf_run_id), state.config.run_shards as usize) as u32;
        let id = pb::ExternalEventId {
            wf_run_id: Some(wf_run_id),
            external_event_def_id: event.id.as_ref()?.external_event_def_id.clone(),
            guid: guid(state, stamp),
        };
        let made = pb::ExternalEvent {
            id: Some(id.clone()),
            created_at: Some(timestamp(stamp.now_ms)),
            content: Some(content.clone()),
            thread_run_number: Some(waiting.thread_run_number),
            node_run_position: Some(waiting.position),
            claimed: false,
        };
        let message = Message::EventCorrelated(internal::EventCorrelated { event: Some(made) });
        let sequence = outbox::send(state, target, &tenant, message, effects);
        correlation.sent.push(Sent { target_shard: target, sequence });
        event.external_events.push(id);
    }
    let event = event.clone();
    if definition.correlated_event_config.is_some_and(|config| config.delete_after_first_correlation) {
        forget_event(record);
    }
    Some(event)
}

/// A guid that no other event has: shard and place of its message make it unique, the batch's seed hard to guess (05/E-1).
fn guid(state: &State, stamp: &Stamp) -> String {
    let place = (u64::from(state.config.shard) << 48) | (state.applied.outbox_sequence + 1);
    format!("{:016x}{:016x}", mixed(stamp.seed ^ mixed(place)), mixed(place))
}

/// A permutation of 64 bits (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The content as an ExternalEvent gets it. A void definition takes none (05/E-45).
fn checked(
    state: &State,
    tenant: &str,
    definition: &pb::ExternalEventDef,
    content: pb::VariableValue,
) -> Result<pb::VariableValue, Rejected> {
    let is_void = definition.type_information.as_ref().is_some_and(|declared| declared.return_type.is_none());
    if is_void && content.value.is_some() {
        let name = definition.id.as_ref().map_or("", |id| &id.name);
        let text = format!("Invalid type of content for ExternalEventDef {name}: expected no content");
        return Err(Rejected::invalid(text));
    }
    put_external_event::content(state, tenant, definition, content)
}
