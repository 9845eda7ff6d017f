//! `ListUserTaskRuns`: a page of the UserTaskRuns of a WfRun (06/U-46, 07/O-8).

use bytes::Bytes;
use lh_machine::{Read, pb};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::{decode, read_tree},
    ids::required_wf_run_id,
};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for missing ids (08/E-4), bad limits and bookmarks (07/S-2, S-3).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::ListUserTaskRunRequest = decode("ListUserTaskRuns", request)?;
    let id = required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?.clone();
    read_tree(front, caller, &id, Read::UserTaskRuns(request)).await
}
