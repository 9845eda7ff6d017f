//! `GetCheckpoint`: a read of one checkpoint of a TaskRun (04/TW-67).

use bytes::Bytes;
use lh_machine::{Read, pb};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::{decode, read_tree},
    ids::{required_text, required_wf_run_id},
};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for missing ids (08/E-4), `NOT_FOUND`.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::CheckpointId = decode("GetCheckpoint", request)?;
    let task_run = request.task_run.as_ref();
    let id = required_wf_run_id(task_run.and_then(|id| id.wf_run_id.as_ref()), "task_run.wf_run_id")?.clone();
    required_text(task_run.map_or("", |id| &id.task_guid), "task_run.task_guid")?;
    read_tree(front, caller, &id, Read::Checkpoint(request)).await
}
