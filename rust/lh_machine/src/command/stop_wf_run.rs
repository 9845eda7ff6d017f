//! StopWfRun: a thread is halted by hand, with everything below it (03/E-701).

use crate::{
    Effects, Rejected, Reply, Stamp, State, key,
    pb::{self, thread_halt_reason::Reason},
    run::{Run, advance, halt},
};

/// Halts the thread; one that ended or was stopped already is left as it is.
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::StopWfRunRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let mut run = take(state, tenant, request.wf_run_id.as_ref(), request.thread_run_number)?;
    let mut context = state.family_context(tenant, &run.id(), stamp, effects);
    halt::halt(&mut run, request.thread_run_number, Reason::ManualHalt(pb::ManualHalt { meaning_of_life: true }));
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
    Ok(Reply::Empty)
}

/// Takes the run that a request about one of its threads names.
///
/// # Errors
/// `NOT_FOUND` for an unknown run or one that is being deleted, `INVALID_ARGUMENT` for a number that no thread ever had.
pub(super) fn take(
    state: &mut State,
    tenant: &str,
    id: Option<&pb::WfRunId>,
    thread: i32,
) -> Result<Box<Run>, Rejected> {
    let id = id.ok_or_else(|| Rejected::invalid("Missing required field wf_run_id."))?;
    let run_key = key::run(tenant, id);
    let shown = || key::path(id).join("_");
    let run = state.run(&run_key).filter(|run| !run.is_being_deleted());
    let run = run.ok_or_else(|| Rejected::not_found(format!("Couldn't find WfRun {}.", shown())))?;
    if !(0..=run.wf_run.greatest_threadrun_number).contains(&thread) {
        return Err(Rejected::invalid(format!("WfRun {} has no thread {thread}.", shown())));
    }
    state.take_run(&run_key).ok_or_else(|| Rejected::not_found(format!("Couldn't find WfRun {}.", shown())))
}
