//! `ListWorkflowEvents`: a page of the WorkflowEvents of a WfRun (05/E-71).

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
    let request: pb::ListWorkflowEventsRequest = decode("ListWorkflowEvents", request)?;
    let id = required_wf_run_id(request.wf_run_id.as_ref(), "wf_run_id")?.clone();
    read_tree(front, caller, &id, Read::WorkflowEvents(request)).await
}
