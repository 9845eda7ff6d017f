//! RescueThreadRun: a thread that ended in ERROR tries its node again, or goes on behind it (spec 03 section 8.1).

use super::stop_wf_run;
use crate::{
    Code, Effects, Rejected, Reply, Stamp, State,
    internal::deadline::Kind,
    key,
    pb::{self, LhStatus, node_run::NodeType, wait_for_threads_run::WaitingThreadStatus},
    run::{Run, advance, edge, halt, handler, is_terminal},
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
    let run = stop_wf_run::take(state, tenant, request.wf_run_id.as_ref(), request.thread_run_number)?;
    let mut context = state.family_context(tenant, &run.id(), stamp, effects);
    let target = (request.thread_run_number, request.skip_current_node);
    match rescue(&run, target, &mut context) {
        Ok(rescued) => {
            let run = advance::advance(rescued, &mut context);
            let reply = Reply::WfRun(Box::new(run.wf_run.clone()));
            let family = context.family;
            state.settle(run, family);
            Ok(reply)
        }
        Err(rejected) => {
            let family = context.family;
            state.return_run(run);
            family.leave().for_each(|(run, _)| state.return_run(run));
            Err(rejected)
        }
    }
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
    if let Some(waiting) = run.wf_run.thread_runs.iter().find(|waiting| is_handled_by(run, number, waiting)) {
        return Err(refused(format!("The failure of thread {number} is being handled by thread {}.", waiting.number)));
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

/// Whether a handler works on the failure of a thread for one that waits for it (03/E-451): what comes of it decides, and
/// until then the failure is neither handled nor anybody's to repair.
fn is_handled_by(run: &Run, number: i32, waiting: &pb::ThreadRun) -> bool {
    let node_run = run.node_run((waiting.number, waiting.current_node_position));
    let Some(NodeType::WaitForThreads(wait)) = node_run.and_then(|node_run| node_run.node_type.as_ref()) else {
        return false;
    };
    let is_handled = |entry: &pb::wait_for_threads_run::WaitForThread| {
        entry.thread_run_number == number && entry.waiting_status() == WaitingThreadStatus::ThreadHandlingFailure
    };
    !is_terminal(waiting.status()) && wait.threads.iter().any(is_handled)
}

/// A copy of the run in which the thread, and the parents that failed because of it, try again. Parents enter their nodes
/// first: the only one whose arrival queues anything is the thread itself, so a failure leaves nothing behind.
fn rescue(run: &Run, (number, skip): (i32, bool), context: &mut Context<'_>) -> Result<Box<Run>, Rejected> {
    check(run, number)?;
    let mut rescued = Box::new(run.clone());
    let mut line = vec![number];
    while let Some(parent) = line.last().and_then(|last| failed_because_of(run, *last)) {
        line.push(parent);
    }
    for number in &line {
        revive(&mut rescued, *number);
    }
    let above = if line.contains(&0) { rescue_waiting_parent(run, context)? } else { None };
    for again in line.into_iter().rev() {
        let could_not = |message: &str| refused(format!("Could not rescue threadRun: {message}"));
        let Some(place) = rescued.place_of(again) else { continue };
        let node = if skip && again == number {
            edge::sink(&rescued, place, context).map_err(|error| could_not(&error.message))?
        } else {
            rescued.node_run(place).map(|node_run| node_run.node_name.clone()).unwrap_or_default()
        };
        advance::enter(&mut rescued, again, &node, context).map_err(|failure| could_not(&failure.message))?;
    }
    if let Some(above) = above {
        context.family.replace(above);
    }
    Ok(rescued)
}

/// If a node of the parent WfRun waits for this run, its thread is rescued too; that must be possible (03/E-736).
fn rescue_waiting_parent(run: &Run, context: &mut Context<'_>) -> Result<Option<Box<Run>>, Rejected> {
    let id = run.id();
    let waiting = match context.family.parent(&run.tenant, &id) {
        Some(parent) => parent.children.get(&id.id).and_then(|child| child.waiting),
        None => None,
    };
    let Some(waiting) = waiting.filter(|_| run.wf_run.parent_trigger.is_some()) else { return Ok(None) };
    let Some(parent) = id.parent_wf_run_id.as_deref().and_then(|id| context.family.take(&key::run(&run.tenant, id)))
    else {
        return Ok(None);
    };
    let outcome = rescue_waiting(&parent, (waiting.thread_run_number, waiting.position), context);
    context.family.join(parent);
    outcome.map(Some)
}

fn rescue_waiting(parent: &Run, place: (i32, i32), context: &mut Context<'_>) -> Result<Box<Run>, Rejected> {
    let failure = parent.node_run(place).and_then(|node_run| node_run.failures.last());
    if failure.is_some_and(|failure| failure.was_properly_handled) || parent.place_of(place.0) != Some(place) {
        return Err(refused("The failure of the WfRun was handled by its parent WfRun."));
    }
    rescue(parent, (place.0, false), context)
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
///
/// Nor do its interrupt and failure handlers that failed: what they failed to do ended the thread, and the rescue is the
/// answer to that. They count as handled, else EXIT would take them for failed children (03/E-430) and no rescue could
/// ever lead to COMPLETED. The specification does not say so; a handler that is to be tried again is rescued itself, first.
fn revive(run: &mut Run, number: i32) {
    let Some(thread) = run.thread_mut(number) else { return };
    thread.set_status(LhStatus::Running);
    thread.end_time = None;
    thread.error_message = None;
    thread.halt_reasons.clear();
    let parent = thread.parent_thread_id;
    let children = thread.child_thread_ids.clone();
    let handlers: Vec<i32> = children.into_iter().filter(|child| is_failed_handler(run, *child)).collect();
    handler::join_handled(run, number, handlers);
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

fn is_failed_handler(run: &Run, number: i32) -> bool {
    run.thread(number).is_some_and(|thread| {
        matches!(thread.r#type(), pb::ThreadType::Interrupt | pb::ThreadType::FailureHandler)
            && matches!(thread.status(), LhStatus::Error | LhStatus::Exception)
    })
}
