//! Which WfSpec's runs a client's command moves.

use crate::{Command, State, internal::command::Kind, key, pb};

/// Name of the WfSpec whose run this command starts or moves on; `None` if it moves none, if nobody waits for that, or if
/// the run is not in memory.
pub fn wf_spec_moved_by<'a>(state: &'a State, command: &'a Command) -> Option<&'a str> {
    let id: &pb::WfRunId = match command.kind.as_ref()? {
        Kind::RunWf(run_wf) => return run_wf.request.as_ref().map(|request| request.wf_spec_name.as_str()),
        Kind::ReportTask(report) => report.task_run_id.as_ref()?.wf_run_id.as_ref()?,
        Kind::PutExternalEvent(request) => request.wf_run_id.as_ref()?,
        Kind::ResumeWfRun(request) => request.wf_run_id.as_ref()?,
        Kind::RescueThreadRun(request) => request.wf_run_id.as_ref()?,
        _ => return None,
    };
    let run = state.run(&key::run(&command.tenant, id))?;
    Some(run.spec.id.name.as_str())
}
