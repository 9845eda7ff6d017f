//! `GetCorrelatedEvent`: one CorrelatedEvent, from the home of its key (05/E-55).

use bytes::Bytes;
use lh_machine::{Read, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_text};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for a missing definition (08/E-4), `NOT_FOUND`.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let id: pb::CorrelatedEventId = decode("GetCorrelatedEvent", request)?;
    let name = id.external_event_def_id.as_ref().map_or("", |id| &id.name);
    required_text(name, "external_event_def_id")?;
    let shard = front.shard_of_correlation(&caller.tenant, name, &id.key);
    Ok(Framed::wrap(&front.read(shard, caller, Read::CorrelatedEvent(id)).await?))
}
