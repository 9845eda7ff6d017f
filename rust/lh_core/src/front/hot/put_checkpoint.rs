//! `PutCheckpoint`: an intermediate result of a running attempt (04 section 12).

use bytes::Bytes;
use lh_machine::{Reply, internal::command, pb};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{required_text, required_wf_run_id},
    placement, status,
};

/// Answers the RPC once the checkpoint is durable. Errors: `INVALID_ARGUMENT` for a missing or unknown TaskRun (04/TW-64),
/// `RESOURCE_EXHAUSTED` for a value that is too large (04/TW-69).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::PutCheckpointRequest = decode("PutCheckpoint", request)?;
    let task_run_id = request.task_run_id.as_ref();
    let wf_run_id = task_run_id.and_then(|id| id.wf_run_id.as_ref());
    let root = placement::root_id(required_wf_run_id(wf_run_id, "task_run_id.wf_run_id")?);
    required_text(task_run_id.map_or("", |id| &id.task_guid), "task_run_id.task_guid")?;
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    match front.propose(&shard, caller, command::Kind::PutCheckpoint(request)).await? {
        Reply::Checkpoint(response) => Ok(Framed::encode(response.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}
