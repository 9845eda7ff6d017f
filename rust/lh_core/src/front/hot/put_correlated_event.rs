//! `PutCorrelatedEvent`: an event for whoever waits for its key, answered when those who wait have it (05/E-47).

use bytes::Bytes;
use lh_machine::{Reply, internal::command, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_text, status};

/// Answers the RPC with the event and the ids of what was made of it. Errors: `INVALID_ARGUMENT`, `ALREADY_EXISTS`
/// (05/E-44..46).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::PutCorrelatedEventRequest = decode("PutCorrelatedEvent", request)?;
    let name = request.external_event_def_id.as_ref().map_or("", |id| &id.name);
    required_text(name, "external_event_def_id")?;
    let shard = front.shard_of_correlation(&caller.tenant, name, &request.key).clone();
    match front.propose(&shard, caller, command::Kind::PutCorrelatedEvent(request)).await? {
        Reply::CorrelatedEvent(event) => Ok(Framed::encode(event.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}
