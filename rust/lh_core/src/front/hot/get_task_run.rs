//! `GetTaskRun`: a read of one TaskRun (04/TW-70).

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
    let request: pb::TaskRunId = decode("GetTaskRun", request)?;
    let id = required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?.clone();
    required_text(&request.task_guid, "task_guid")?;
    read_tree(front, caller, &id, Read::TaskRun(request)).await
}
