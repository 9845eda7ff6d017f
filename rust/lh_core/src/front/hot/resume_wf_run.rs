//! `ResumeWfRun`: takes back a StopWfRun (03/E-702).

use bytes::Bytes;
use lh_machine::{internal::command, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_wf_run_id, placement};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for missing ids or an unknown thread, `NOT_FOUND`.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::ResumeWfRunRequest = decode("ResumeWfRun", request)?;
    let root = placement::root_id(required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?);
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    front.propose(&shard, caller, command::Kind::ResumeWfRun(request)).await?;
    Ok(Framed::wrap(&[]))
}
