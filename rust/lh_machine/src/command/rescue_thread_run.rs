//! RescueThreadRun: a thread that ended in ERROR tries its node again, or goes on behind it (spec 03 section 8.1).

use super::stop_wf_run;
use crate::{
    Code, Effects, Rejected, Reply, Stamp, State,
    internal::deadline::Kind,
    pb::{self, LhStatus, node_run::NodeType},
    run::{Run, advance, edge, halt},
    state::Context,
};

/// Checks in the order of 03/E-730; then works on a copy, so that a rescue which fails changes nothing (03/E-733).
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::RescueThreadRunRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let mut run = stop_wf_run::take(state, tenant, request.wf_run_id.as_ref(), request.thread_run_number)?;
    let mut context = state.context(stamp, effects);
    let mut attempt = run.clone();
    let outcome = check(&run, request.thread_run_number).and_then(|()| {
        rescue(&mut attempt, request.thread_run_number, request.skip_current_node, &mut context)?;
        advance::advance(&mut attempt, &mut context);
        Ok(Reply::WfRun(Box::new(attempt.wf_run.clone())))
    });
    if outcome.is_ok() {
        run = attempt;
    }
    state.put_run(run);
    outcome
}

fn refused(message: impl Into<String>) -> Rejected {
    Rejected::new(Code::FailedPrecondition, message)
}

fn check(run: &Run, number: i32) -> Result<(), Rejected> {
    let Some(thread) = run.thread_index(number).map(|index| &run.wf_run.thread_runs[index]) else {
        return Err(refused(format!("Thread {number} is no longer active.")));
    };
    if thread.status() != LhStatus::Error {
        let status = thread.status().as_str_name();
        return Err(refused(format!("Thread {number} is {status}: only a thread in ERROR can be rescued.")));
    }
    let mut below = thread;
    while let Some(above) = below.parent_thread_id.and_then(|parent| run.thread(parent)) {
        if above.handled_failed_children.contains(&below.number) {
            return Err(refused(format!(
                "The failure of thread {} was handled by thread {}.",
                below.number, above.number
            )));
        }
        below = above;
    }
    Ok(())
}

/// Revives the thread and the parents that failed because of it, then lets each enter its node again, parents first: the
/// only one whose arrival queues anything is the thread itself, so a failure leaves nothing behind.
fn rescue(run: &mut Run, number: i32, skip: bool, context: &mut Context<'_>) -> Result<(), Rejected> {
    let mut line = vec![number];
    while let Some(parent) = line.last().and_then(|last| failed_because_of(run, *last)) {
        line.push(parent);
    }
    for number in &line {
        revive(run, *number);
    }
    for again in line.into_iter().rev() {
        let could_not = |message: &str| refused(format!("Could not rescue threadRun: {message}"));
        let Some(place) = run.place_of(again) else { continue };
        let node = if skip && again == number {
            edge::sink(run, place, context).map_err(|error| could_not(&error.message))?
        } else {
            run.node_run(place).map(|node_run| node_run.node_name.clone()).unwrap_or_default()
        };
        advance::enter(run, again, &node, context).map_err(|failure| could_not(&failure.message))?;
    }
    Ok(())
}

/// The parent, if it failed at a node that waits for its children, because one of them failed (03/E-735).
fn failed_because_of(run: &Run, number: i32) -> Option<i32> {
    let parent = run.thread(run.thread(number)?.parent_thread_id?)?;
    let node_run = run.node_run((parent.number, parent.current_node_position))?;
    let waits = matches!(node_run.node_type, Some(NodeType::WaitForThreads(_) | NodeType::Exit(_)));
    let is_cause = node_run.failures.last().is_some_and(|failure| failure.failure_name == "CHILD_FAILURE");
    (parent.status() == LhStatus::Error && waits && is_cause).then_some(parent.number)
}

/// The thread is RUNNING again; nothing tells of its end any more (03/E-734, E-737).
fn revive(run: &mut Run, number: i32) {
    let Some(thread) = run.thread_mut(number) else { return };
    thread.set_status(LhStatus::Running);
    thread.end_time = None;
    thread.error_message = None;
    thread.halt_reasons.clear();
    let parent = thread.parent_thread_id;
    if let Some(state) = run.threads.get_mut(&number) {
        state.failure = None;
    }
    if number == 0 {
        run.wf_run.set_status(LhStatus::Running);
        run.wf_run.end_time = None;
        run.deadlines.retain(|deadline| !matches!(deadline.kind, Some(Kind::Retention(_))));
    }
    let is_halted = |parent: &i32| {
        let status = run.thread(*parent).map(pb::ThreadRun::status);
        matches!(status, Some(LhStatus::Halting | LhStatus::Halted))
    };
    if let Some(parent) = parent.filter(is_halted) {
        halt::halt(run, number, halt::parent_halted(parent));
    }
}
