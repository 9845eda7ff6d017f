//! `RescueThreadRun`: lets a thread that ended in ERROR try again (03 section 8.1).

use bytes::Bytes;
use lh_machine::{Reply, internal::command, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_wf_run_id, placement, status};

/// Answers the RPC. Errors: `INVALID_ARGUMENT`, `NOT_FOUND`, `FAILED_PRECONDITION` (03/E-730).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::RescueThreadRunRequest = decode("RescueThreadRun", request)?;
    let root = placement::root_id(required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?);
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    match front.propose(&shard, caller, command::Kind::RescueThreadRun(request)).await? {
        Reply::WfRun(wf_run) => Ok(Framed::encode(wf_run.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}
