//! `PutExternalEvent`: an event for one WfRunId. The front fixes its guid, so that the command can be replayed (05/E-12).

use bytes::Bytes;
use lh_machine::{Reply, internal::command, pb};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{generate_wf_run_id, required_text, required_wf_run_id},
    placement, status,
};

/// Answers the RPC with the event as it is after the run has reacted. Errors: `INVALID_ARGUMENT`, `ALREADY_EXISTS`
/// (05/E-11..16).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let mut request: pb::PutExternalEventRequest = decode("PutExternalEvent", request)?;
    let root = placement::root_id(required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?);
    let name = request.external_event_def_id.as_ref().map_or("", |id| &id.name);
    required_text(name, "external_event_def_id")?;
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    if request.guid.as_deref().unwrap_or_default().is_empty() {
        request.guid = Some(generate_wf_run_id(front.parts.clock.as_ref(), front.parts.entropy.as_ref()));
    }
    match front.propose(&shard, caller, command::Kind::PutExternalEvent(request)).await? {
        Reply::ExternalEvent(event) => Ok(Framed::encode(event.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}
