//! ResumeWfRun: takes back what StopWfRun did to a thread (03/E-702).

use super::stop_wf_run;
use crate::{
    Effects, Rejected, Reply, Stamp, State,
    pb::{self, ThreadType, thread_halt_reason::Reason},
    run::{Run, advance, halt, is_terminal},
};

/// Removes the thread's `manual_halt` and advances; harmless if it has none.
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::ResumeWfRunRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let mut run = stop_wf_run::take(state, tenant, request.wf_run_id.as_ref(), request.thread_run_number)?;
    let mut context = state.family_context(tenant, &run.id(), stamp, effects);
    release(&mut run, request.thread_run_number);
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
    Ok(Reply::Empty)
}

/// A child whose parent ended meanwhile stays halted: it would run as an orphan (03/E-703).
fn release(run: &mut Run, number: i32) {
    let Some(thread) = run.thread(number) else { return };
    let parent = (thread.r#type() == ThreadType::Child).then_some(thread.parent_thread_id).flatten();
    let orphan_of = parent.filter(|parent| run.thread(*parent).is_some_and(|parent| is_terminal(parent.status())));
    let Some(thread) = run.thread_mut(number) else { return };
    let before = thread.halt_reasons.len();
    thread.halt_reasons.retain(|present| !matches!(present.reason, Some(Reason::ManualHalt(_))));
    if thread.halt_reasons.len() != before
        && let Some(parent) = orphan_of
    {
        halt::halt(run, number, halt::parent_halted(parent));
    }
}
