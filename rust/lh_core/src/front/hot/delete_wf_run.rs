//! `DeleteWfRun`: deletes a run in any status (03/E-941).

use bytes::Bytes;
use lh_machine::{internal::command, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_wf_run_id, placement};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for missing ids; a run that does not exist is none.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::DeleteWfRunRequest = decode("DeleteWfRun", request)?;
    let root = placement::root_id(required_wf_run_id(request.id.as_ref(), "id")?);
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    front.propose(&shard, caller, command::Kind::DeleteWfRun(request)).await?;
    Ok(Framed::wrap(&[]))
}
