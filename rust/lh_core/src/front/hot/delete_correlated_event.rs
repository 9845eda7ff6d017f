//! `DeleteCorrelatedEvent`: always fine; what was made of the event stays (05/E-55).

use bytes::Bytes;
use lh_machine::{internal::command, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_text};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for a missing definition (08/E-4).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::DeleteCorrelatedEventRequest = decode("DeleteCorrelatedEvent", request)?;
    let id = request.id.clone().unwrap_or_default();
    let name = id.external_event_def_id.as_ref().map_or("", |id| &id.name);
    required_text(name, "id.external_event_def_id")?;
    let shard = front.shard_of_correlation(&caller.tenant, name, &id.key).clone();
    front.propose(&shard, caller, command::Kind::DeleteCorrelatedEvent(request)).await?;
    Ok(Framed::encode(&()))
}
