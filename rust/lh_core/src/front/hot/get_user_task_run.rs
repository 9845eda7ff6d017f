//! `GetUserTaskRun`: a read of one UserTaskRun (06/U-46).

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
    let request: pb::UserTaskRunId = decode("GetUserTaskRun", request)?;
    let id = required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?.clone();
    required_text(&request.user_task_guid, "user_task_guid")?;
    read_tree(front, caller, &id, Read::UserTaskRun(request)).await
}
