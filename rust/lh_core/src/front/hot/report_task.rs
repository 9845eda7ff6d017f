//! `ReportTask`: the result of an attempt, for the shard of its run (04 section 6).

use bytes::Bytes;
use lh_machine::{internal::command, pb};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{required_text, required_wf_run_id},
    placement,
};

/// Answers the RPC once the report and all it causes are durable (04/TW-37). Errors: `INVALID_ARGUMENT` for a missing
/// or unknown TaskRun or attempt (04/TW-40).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let report: pb::ReportTaskRun = decode("ReportTask", request)?;
    let task_run_id = report.task_run_id.as_ref();
    let wf_run_id = task_run_id.and_then(|id| id.wf_run_id.as_ref());
    let root = placement::root_id(required_wf_run_id(wf_run_id, "task_run_id.wf_run_id")?);
    required_text(task_run_id.map_or("", |id| &id.task_guid), "task_run_id.task_guid")?;
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    front.propose(&shard, caller, command::Kind::ReportTask(report)).await?;
    Ok(Framed::wrap(&[]))
}
