//! PutExternalEvent: an event for one WfRunId, whether or not such a WfRun exists (spec 05 section 3).

use super::ahead;
use crate::{
    Code, Effects, Rejected, Reply, Stamp, State, key,
    node::run_child_wf::DEPTH_MAX,
    pb,
    run::{advance, deadline, events, interrupt, timestamp},
    state::RECORD_BYTES_MAX,
    value,
};

/// Stores the event; then the run reacts, first with interrupts, then by advancing. Answers the event as it is after that
/// (05/E-17, E-18).
///
/// # Errors
/// In the order of 05 section 3.1: `INVALID_ARGUMENT` for an unknown definition, `ALREADY_EXISTS`, `INVALID_ARGUMENT` for
/// content of the wrong type.
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::PutExternalEventRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let missing = |field: &str| Rejected::invalid(format!("Missing required field {field}."));
    let wf_run_id = request.wf_run_id.as_ref().filter(|id| !id.id.is_empty()).ok_or_else(|| missing("wf_run_id"))?;
    let definition_id = request.external_event_def_id.as_ref().ok_or_else(|| missing("external_event_def_id"))?;
    let name = &definition_id.name;
    let definition = state
        .definitions
        .external_event_def(tenant, name)
        .ok_or_else(|| Rejected::invalid(format!("ExternalEventDef {name} does not exist.")))?;
    let id = pb::ExternalEventId {
        wf_run_id: Some(wf_run_id.clone()),
        external_event_def_id: Some(definition_id.clone()),
        guid: request.guid.clone().unwrap_or_default(),
    };
    if key::path(wf_run_id).iter().any(|id| id.contains('/')) {
        return Err(Rejected::invalid("The id of a WfRun must not contain '/'."));
    }
    if key::path(wf_run_id).len() > DEPTH_MAX {
        return Err(Rejected::invalid(format!("There can be {DEPTH_MAX} WfRuns above each other.")));
    }
    let run_key = key::run(tenant, wf_run_id);
    check_new(state, &run_key, &id, request)?;
    let content = content(state, tenant, &definition, request.content.clone().unwrap_or_default())?;
    let event = pb::ExternalEvent {
        id: Some(id.clone()),
        created_at: Some(timestamp(stamp.now_ms)),
        content: Some(content),
        thread_run_number: request.thread_run_number,
        node_run_position: request.node_run_position,
        claimed: false,
    };
    let mut run = match state.take_with_events(&run_key) {
        Some(run) => run,
        None => {
            ahead::note(state, tenant, wf_run_id, true);
            Box::new(events::unborn(tenant, wf_run_id, state.take_grave(&run_key)))
        }
    };
    let mut context = state.family_context(tenant, wf_run_id, stamp, effects);
    events::post(&mut run, event.clone(), &definition);
    if run.is_unborn() {
        deadline::rearm(&mut run, &mut context);
    } else {
        interrupt::trigger(&mut run, &event);
        run = advance::advance(run, &mut context);
    }
    let event = run.events.external(name, &id.guid).cloned().unwrap_or(event);
    let family = context.family;
    state.settle(run, family);
    Ok(Reply::ExternalEvent(Box::new(event)))
}

fn check_new(
    state: &State,
    run_key: &[u8],
    id: &pb::ExternalEventId,
    request: &pb::PutExternalEventRequest,
) -> Result<(), Rejected> {
    let (definition, guid) = events::names(id);
    if guid.is_empty() || guid.contains('/') {
        return Err(Rejected::invalid(format!("The guid '{guid}' is empty or contains '/'.")));
    }
    if request.thread_run_number.is_some_and(|number| number < 0) {
        return Err(Rejected::invalid("thread_run_number must not be negative."));
    }
    if request.node_run_position.is_some_and(|position| position < 0) {
        return Err(Rejected::invalid("node_run_position must not be negative."));
    }
    let exists = state.with_events(run_key).is_some_and(|run| run.events.external(&definition, &guid).is_some());
    if exists {
        let shown = id.wf_run_id.as_ref().map(|id| key::path(id).join("_")).unwrap_or_default();
        let text = format!("ExternalEvent {shown}/{definition}/{guid} already exists.");
        return Err(Rejected::new(Code::AlreadyExists, text));
    }
    Ok(())
}

/// The content as it is stored: checked if the definition says of which type it must be (05/E-14, E-15).
pub(super) fn content(
    state: &State,
    tenant: &str,
    definition: &pb::ExternalEventDef,
    content: pb::VariableValue,
) -> Result<pb::VariableValue, Rejected> {
    let name = definition.id.as_ref().map_or("", |id| id.name.as_str());
    let bytes = prost::Message::encoded_len(&content);
    if bytes > RECORD_BYTES_MAX {
        let text = format!("The event has {bytes} bytes; a stored object can have {RECORD_BYTES_MAX}.");
        return Err(Rejected::new(Code::ResourceExhausted, text));
    }
    let definitions = state.definitions.of(tenant);
    match definition.type_information.as_ref().and_then(|declared| declared.return_type.as_ref()) {
        Some(declared) => value::ingress::accept(declared, content, &definitions)
            .map_err(|error| format!("Invalid type of content for ExternalEventDef {name}: {}", error.message)),
        None => value::ingress::accept_untyped(content, &definitions)
            .map_err(|error| format!("Content for ExternalEventDef {name} cannot be read: {}", error.message)),
    }
    .map_err(Rejected::invalid)
}
