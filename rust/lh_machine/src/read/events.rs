//! ExternalEvents and WorkflowEvents of one WfRunId (05/E-70..72), whether or not such a WfRun exists.

use std::{cmp::Reverse, collections::BTreeSet};

use prost::Message;

use super::{
    Fetched, Stop,
    list::{limit, malformed},
    view::{corrupt, not_found},
};
use crate::{
    Rejected, State,
    command::correlated_event,
    key, pb,
    run::{
        events::{Events, def_of_thrown, names},
        milliseconds, record,
    },
};

const MARK_EXTERNAL_EVENTS: u8 = 4;
const MARK_WORKFLOW_EVENTS: u8 = 5;

pub(super) fn external_event(
    state: &State,
    tenant: &str,
    id: &pb::ExternalEventId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let (definition, guid) = names(id);
    with_events(state, tenant, id.wf_run_id.as_ref(), fetched, |events| match events.external(&definition, &guid) {
        Some(event) => Ok(event.encode_to_vec()),
        None => Err(not_found("ExternalEvent", &format!("{}/{definition}/{guid}", shown(id.wf_run_id.as_ref())))),
    })
}

/// The event with those ids whose objects exist: the others are still on their way to their runs (05/E-50).
pub(super) fn correlated_event(
    state: &State,
    tenant: &str,
    id: &pb::CorrelatedEventId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let record_key = correlated_event::record_key(tenant, id);
    let correlation = match (state.with_events(&record_key), fetched.get(&record_key)) {
        (Some(record), _) => record.correlation.as_deref().cloned(),
        (None, _) if state.is_gone(&record_key) => None,
        (None, None) => return Err(Stop::Need(vec![record_key])),
        (None, Some(None)) => None,
        (None, Some(Some(value))) => record::decode(value).map_err(corrupt)?.correlation,
    };
    let correlation = correlation.unwrap_or_default();
    let name = id.external_event_def_id.as_ref().map_or("", |id| &id.name);
    let mut event = correlation.event.ok_or_else(|| not_found("CorrelatedEvent", &format!("{}/{name}", id.key)))?;
    let mut sent = correlation.sent.iter();
    event
        .external_events
        .retain(|_| !sent.next().is_some_and(|sent| state.outbox.contains_key(&(sent.target_shard, sent.sequence))));
    Ok(event.encode_to_vec())
}

pub(super) fn workflow_event(
    state: &State,
    tenant: &str,
    id: &pb::WorkflowEventId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let definition = def_of_thrown(id);
    with_events(state, tenant, id.wf_run_id.as_ref(), fetched, |events| {
        let is_thrown = events.counts().any(|(name, count)| name == definition && (0..count).contains(&id.number));
        let places: Vec<Thrown<'_>> = is_thrown.then_some((definition, id.number)).into_iter().collect();
        match thrown_at(state, tenant, id.wf_run_id.as_ref(), events, &places, fetched)?.first() {
            Some(event) => Ok(event.encode_to_vec()),
            None => {
                let shown = format!("{}/{definition}/{}", shown(id.wf_run_id.as_ref()), id.number);
                Err(not_found("WorkflowEvent", &shown))
            }
        }
    })
}

/// By definition and guid (05/E-71); a bookmark names the next event.
pub(super) fn external_events(
    state: &State,
    tenant: &str,
    request: &pb::ListExternalEventsRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = match bookmark(request.bookmark.as_deref(), MARK_EXTERNAL_EVENTS)? {
        Some(rest) => {
            let (definition, rest) = key::take_text(rest).ok_or_else(malformed)?;
            (definition, String::from_utf8(rest.to_vec()).map_err(|_| malformed())?)
        }
        None => Default::default(),
    };
    with_events(state, tenant, request.wf_run_id.as_ref(), fetched, |events| {
        let place = |event: &pb::ExternalEvent| event.id.as_ref().map(names).unwrap_or_default();
        let events = events.posted().filter_map(|posted| posted.event.as_ref());
        let mut wanted = events.filter(|event| place(event) >= from);
        let results = wanted.by_ref().take(limit).cloned().collect();
        let bookmark = wanted.next().map(|event| {
            let (definition, guid) = place(event);
            let mut mark = vec![MARK_EXTERNAL_EVENTS];
            key::push_text(&mut mark, &definition);
            mark.extend_from_slice(guid.as_bytes());
            mark
        });
        Ok(pb::ExternalEventList { results, bookmark }.encode_to_vec())
    })
}

/// By definition and number (05/E-71); a bookmark names the next event.
pub(super) fn workflow_events(
    state: &State,
    tenant: &str,
    request: &pb::ListWorkflowEventsRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = match bookmark(request.bookmark.as_deref(), MARK_WORKFLOW_EVENTS)? {
        Some(rest) => {
            let (definition, rest) = key::take_text(rest).ok_or_else(malformed)?;
            let number: [u8; 4] = rest.try_into().map_err(|_| malformed())?;
            (definition, i32::try_from(u32::from_be_bytes(number)).map_err(|_| malformed())?)
        }
        None => (String::new(), 0),
    };
    with_events(state, tenant, request.wf_run_id.as_ref(), fetched, |events| {
        let all = events.counts().flat_map(|(definition, count)| (0..count).map(move |number| (definition, number)));
        let mut wanted = all.filter(|place| *place >= (from.0.as_str(), from.1));
        let places: Vec<Thrown<'_>> = wanted.by_ref().take(limit).collect();
        let results = thrown_at(state, tenant, request.wf_run_id.as_ref(), events, &places, fetched)?;
        let bookmark = wanted.next().map(|(definition, number)| {
            let mut mark = vec![MARK_WORKFLOW_EVENTS];
            key::push_text(&mut mark, definition);
            mark.extend_from_slice(&(number as u32).to_be_bytes());
            mark
        });
        Ok(pb::WorkflowEventList { results, bookmark }.encode_to_vec())
    })
}

/// The earliest event that an AwaitWorkflowEvent waits for; `NOT_FOUND` = none was thrown yet (05/E-63, E-65).
pub(super) fn awaited(
    state: &State,
    tenant: &str,
    request: &pb::AwaitWorkflowEventRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    with_events(state, tenant, request.wf_run_id.as_ref(), fetched, |events| {
        let ignored: BTreeSet<Thrown<'_>> = request
            .workflow_events_to_ignore
            .iter()
            .filter(|id| id.wf_run_id == request.wf_run_id)
            .map(|id| (def_of_thrown(id), id.number))
            .collect();
        let is_listed = |name: &str| {
            request.event_def_ids.is_empty() || request.event_def_ids.iter().any(|definition| definition.name == name)
        };
        // Of one definition, a smaller number was never thrown later.
        let first = |(name, count)| (0..count).map(|number| (name, number)).find(|place| !ignored.contains(place));
        let places: Vec<Thrown<'_>> = events.counts().filter(|(name, _)| is_listed(name)).filter_map(first).collect();
        let firsts = thrown_at(state, tenant, request.wf_run_id.as_ref(), events, &places, fetched)?;
        let created_ms = |event: &pb::WorkflowEvent| event.created_at.as_ref().map(milliseconds).unwrap_or_default();
        let number = |event: &pb::WorkflowEvent| event.id.as_ref().map_or(0, |id| id.number);
        let earliest = firsts.iter().max_by_key(|event| Reverse((created_ms(event), number(event))));
        earliest.map(Message::encode_to_vec).ok_or_else(|| not_found("WorkflowEvent", "of those waited for"))
    })
}

/// Whether a WorkflowEvent of the run that the request names ends its wait (05/E-65).
pub fn is_awaited(request: &pb::AwaitWorkflowEventRequest, event: &pb::WorkflowEvent) -> bool {
    let Some(id) = &event.id else { return false };
    let definition = id.workflow_event_def_id.as_ref();
    let is_listed = request.event_def_ids.is_empty() || request.event_def_ids.iter().any(|it| Some(it) == definition);
    is_listed && !request.workflow_events_to_ignore.contains(id)
}

/// Definition and number of a WorkflowEvent.
type Thrown<'a> = (&'a str, i32);

/// WorkflowEvents that were thrown: from the run's record, from a flush set on its way or from what was fetched; `Need` if
/// any is missing. Those of a run whose deletion has begun may be gone.
fn thrown_at(
    state: &State,
    tenant: &str,
    wf_run_id: Option<&pb::WfRunId>,
    events: &Events,
    places: &[Thrown<'_>],
    fetched: &Fetched,
) -> Result<Vec<pb::WorkflowEvent>, Stop> {
    let Some(wf_run_id) = wf_run_id else { return Ok(Vec::new()) };
    let mut found = Vec::with_capacity(places.len());
    let mut missing = Vec::new();
    for (definition, number) in places {
        if let Some(event) = events.workflow(definition, *number) {
            found.push(event.clone());
            continue;
        }
        let thrown_key = key::thrown(tenant, wf_run_id, definition, *number);
        if let Some(event) = state.leaving_thrown(&thrown_key) {
            found.push(event.clone());
            continue;
        }
        match fetched.get(&thrown_key) {
            None => missing.push(thrown_key),
            Some(Some(value)) => found.push(record::decode_thrown(value).map_err(corrupt)?),
            Some(None) => {}
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(Stop::Need(missing)) }
}

fn shown(id: Option<&pb::WfRunId>) -> String {
    id.map(|id| key::path(id).join("_")).unwrap_or_default()
}

/// What follows the marker byte of a bookmark; present but empty means "from the beginning" (07/S-3).
fn bookmark(bytes: Option<&[u8]>, mark: u8) -> Result<Option<&[u8]>, Stop> {
    match bytes.unwrap_or_default() {
        [] => Ok(None),
        [first, rest @ ..] if *first == mark => Ok(Some(rest)),
        _ => Err(malformed()),
    }
}

/// Calls `see` with the events of a WfRunId; `Need` if its record must be fetched first.
fn with_events<T>(
    state: &State,
    tenant: &str,
    id: Option<&pb::WfRunId>,
    fetched: &Fetched,
    see: impl FnOnce(&Events) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let id = id.filter(|id| !id.id.is_empty());
    let id = id.ok_or_else(|| Rejected::invalid("Missing required field wf_run_id."))?;
    let run_key = key::run(tenant, id);
    if let Some(run) = state.with_events(&run_key) {
        return see(&run.events);
    }
    if state.is_gone(&run_key) {
        return see(&Events::default());
    }
    match fetched.get(&run_key) {
        None => Err(Stop::Need(vec![run_key])),
        Some(None) => see(&Events::default()),
        Some(Some(value)) => {
            let record = record::decode(value).map_err(corrupt)?;
            see(&Events::of_record(record.external_events, record.workflow_events, record.thrown))
        }
    }
}
