//! Halting: a thread and its subtree stop, and go on once every reason is resolved (03/E-601..608).

use super::{Run, failure, is_terminal, task_at};
use crate::{
    pb::{self, LhStatus, ThreadType, thread_halt_reason::Reason},
    state::Context,
};

/// The reason that the children of a halted or failed thread get.
pub fn parent_halted(parent_thread_id: i32) -> Reason {
    Reason::ParentHalted(pb::ParentHalted { parent_thread_id })
}

/// Adds a reason to the thread and halts its subtree; a thread that ended is left alone, with everything below it
/// (03/E-602).
pub fn halt(run: &mut Run, number: i32, reason: Reason) {
    let Some(thread) = run.thread_mut(number) else { return };
    let has_it = thread.halt_reasons.iter().any(|present| present.reason.as_ref() == Some(&reason));
    if is_terminal(thread.status()) || has_it {
        return;
    }
    let is_interrupt = matches!(reason, Reason::PendingInterrupt(_));
    thread.halt_reasons.push(pb::ThreadHaltReason { reason: Some(reason) });
    match thread.status() {
        // A queued thread has nothing that would have to come to rest (03/E-914).
        LhStatus::Starting => thread.set_status(LhStatus::Halted),
        LhStatus::Halted => {}
        _ => thread.set_status(LhStatus::Halting),
    }
    let place = (number, thread.current_node_position);
    let children = thread.child_thread_ids.clone();
    if let Some(node_run) = run.node_run_mut(place).filter(|node_run| node_run.status() == LhStatus::Running) {
        node_run.set_status(LhStatus::Halting);
    }
    for child in children {
        // An interrupt does not halt the handlers of earlier ones (03/E-602).
        let spared = is_interrupt && run.thread(child).is_some_and(|child| child.r#type() == ThreadType::Interrupt);
        if !spared {
            halt(run, child, parent_halted(number));
        }
    }
}

/// HALTING becomes HALTED once no task executes on the thread's node and no child moves (03/E-604). True if it did.
pub fn settle(run: &mut Run, number: i32) -> bool {
    let Some(thread) = run.thread(number).filter(|thread| thread.status() == LhStatus::Halting) else { return false };
    let place = (number, thread.current_node_position);
    // An interrupt spares the handlers of earlier ones (03/E-602), one of which may run on after a rescue.
    let is_interrupted = |present: &pb::ThreadHaltReason| {
        matches!(present.reason, Some(Reason::PendingInterrupt(_) | Reason::Interrupted(_)))
    };
    let spares_handlers = !thread.halt_reasons.is_empty() && thread.halt_reasons.iter().all(is_interrupted);
    let is_quiet = |child: &i32| {
        run.thread(*child).is_none_or(|child| {
            is_terminal(child.status())
                || child.status() == LhStatus::Halted
                || spares_handlers && child.r#type() == ThreadType::Interrupt && child.status() == LhStatus::Running
        })
    };
    if is_executing(run, place) || !thread.child_thread_ids.iter().all(is_quiet) {
        return false;
    }
    if let Some(node_run) = run.node_run_mut(place).filter(|node_run| node_run.status() == LhStatus::Halting) {
        node_run.set_status(LhStatus::Halted);
    }
    if let Some(thread) = run.thread_mut(number) {
        thread.set_status(LhStatus::Halted);
    }
    true
}

/// [`settle`] for all threads; children were created after their parents, so they come first.
pub fn settle_all(run: &mut Run) {
    let numbers: Vec<i32> = run.wf_run.thread_runs.iter().rev().map(|thread| thread.number).collect();
    for number in numbers {
        settle(run, number);
    }
}

/// Only an executing TaskRun delays halting: all its attempts run to their end (03/E-401, E-604).
fn is_executing(run: &Run, place: (i32, i32)) -> bool {
    let task_run = run.nodes.get(&place).and_then(|record| record.task_run.as_ref());
    task_run.is_some_and(|task_run| task_at::is_open(task_run.status()))
}

/// Drops the resolved reasons of a HALTED thread; with the last one it goes on (03/E-606, E-607). True if anything
/// changed.
pub fn release(run: &mut Run, number: i32, context: &mut Context<'_>) -> bool {
    let Some(thread) = run.thread(number) else { return false };
    let unresolved = |present: &&pb::ThreadHaltReason| {
        present.reason.as_ref().is_some_and(|reason| !is_resolved(run, thread, reason))
    };
    let left: Vec<pb::ThreadHaltReason> = thread.halt_reasons.iter().filter(unresolved).cloned().collect();
    if left.len() == thread.halt_reasons.len() && !left.is_empty() {
        return false;
    }
    let goes_on = left.is_empty();
    if let Some(thread) = run.thread_mut(number) {
        thread.halt_reasons = left;
    }
    if goes_on {
        resume(run, number, context);
    }
    true
}

/// Drops the resolved reasons of a queued thread; with the last one it may start again (03/E-914). True if it may.
pub fn release_queued(run: &mut Run, number: i32) -> bool {
    let Some(thread) = run.thread(number).filter(|thread| thread.status() == LhStatus::Halted) else { return false };
    let unresolved = |present: &&pb::ThreadHaltReason| {
        present.reason.as_ref().is_some_and(|reason| !is_resolved(run, thread, reason))
    };
    let left: Vec<pb::ThreadHaltReason> = thread.halt_reasons.iter().filter(unresolved).cloned().collect();
    let Some(thread) = run.thread_mut(number) else { return false };
    let may_start = left.is_empty();
    thread.halt_reasons = left;
    if may_start {
        thread.set_status(LhStatus::Starting);
    }
    may_start
}

/// The thread goes on; with a failure that nobody handled it ends (03/E-607).
fn resume(run: &mut Run, number: i32, context: &mut Context<'_>) {
    let Some(place) = run.place_of(number) else { return };
    if let Some(node_run) = run.node_run_mut(place) {
        if matches!(node_run.status(), LhStatus::Halted | LhStatus::Halting) {
            node_run.set_status(LhStatus::Running);
        }
        if let Some(failure) = node_run.failures.last().filter(|failure| !failure.was_properly_handled).cloned() {
            failure::fail_thread(run, number, failure, context);
            return;
        }
    }
    if let Some(thread) = run.thread_mut(number) {
        thread.set_status(LhStatus::Running);
    }
}

/// Whether a reason to stay halted is gone (the table of 03/E-601).
fn is_resolved(run: &Run, thread: &pb::ThreadRun, reason: &Reason) -> bool {
    let status = |number: i32| run.thread(number).map(pb::ThreadRun::status);
    match reason {
        Reason::ParentHalted(reason) => match run.thread(reason.parent_thread_id) {
            // A thread whose parent ended stays halted, so that nothing runs as an orphan (03/E-703).
            Some(parent) if is_terminal(parent.status()) => false,
            Some(parent) if matches!(parent.status(), LhStatus::Halting | LhStatus::Halted) => {
                may_run_below(thread, parent)
            }
            _ => true,
        },
        Reason::Interrupted(reason) => status(reason.interrupt_thread_id) == Some(LhStatus::Completed),
        Reason::HandlingFailure(reason) => status(reason.handler_thread_id).is_some_and(is_terminal),
        Reason::PendingInterrupt(_) | Reason::PendingFailure(_) | Reason::ManualHalt(_) | Reason::HaltedByParent(_) => {
            false
        }
    }
}

/// Handlers run while their parent is halted for them: interrupt handlers beside each other, then the failure handler
/// (03/E-608).
fn may_run_below(thread: &pb::ThreadRun, parent: &pb::ThreadRun) -> bool {
    let mut reasons = parent.halt_reasons.iter().filter_map(|present| present.reason.as_ref());
    match thread.r#type() {
        ThreadType::Interrupt => {
            reasons.all(|reason| matches!(reason, Reason::Interrupted(_) | Reason::HandlingFailure(_)))
        }
        ThreadType::FailureHandler => reasons.all(
            |reason| matches!(reason, Reason::HandlingFailure(reason) if reason.handler_thread_id == thread.number),
        ),
        ThreadType::Entrypoint | ThreadType::Child => false,
    }
}

/// The WfRun is HALTED exactly while thread 0 is HALTED and was stopped by hand (03/E-221, E-222).
pub fn show_in_status(run: &mut Run) {
    if run.is_terminal() {
        return;
    }
    let is_stopped = run.wf_run.thread_runs.first().is_some_and(|thread| {
        thread.status() == LhStatus::Halted
            && thread.halt_reasons.iter().any(|present| matches!(present.reason, Some(Reason::ManualHalt(_))))
    });
    run.wf_run.set_status(if is_stopped { LhStatus::Halted } else { LhStatus::Running });
}
