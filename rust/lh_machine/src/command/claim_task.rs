//! ClaimTask: the head of a queue goes to a waiting poll, durably before it is delivered (04/TW-20..23).

use crate::{
    Dispatch, Effects, Stamp, State,
    internal::{self, deadline},
    key,
    mutants::{self, Mutant},
    pb,
    pb::TaskStatus,
    run::{self, Run, TaskAt, deadline as run_deadline},
};

/// Claims the head of the queue for the poll, or hands the poll back: the queue is empty, or its head was stale (its
/// TaskRun is gone or moved on) and is dropped (04/TW-18).
///
/// Exactly one entry is looked at, the one whose run [`crate::needs`] named, so that the outcome does not depend on which
/// other runs happen to be in memory. A poll that is handed back is claimed for again in the next batch.
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, command: &internal::ClaimTask, effects: &mut Effects) {
    let Some((sequence, entry)) = state.queues.head(tenant, &command.task_def_name) else {
        effects.returned_polls.push(command.poll_id);
        return;
    };
    let run_key = key::run(tenant, entry.wf_run_id.as_ref().unwrap_or(&pb::WfRunId::default()));
    assert!(state.knows_run(&run_key), "the run at the head of a queue is fetched before a claim is applied");
    let entry = entry.clone();
    if !mutants::is_on(Mutant::DoubleClaim) {
        state.remove_from_queue(tenant, &command.task_def_name, sequence);
    }
    let mut claimed = None;
    if let Some(mut run) = state.take_run(&run_key) {
        claimed = claim(&mut run, &entry, sequence, stamp.now_ms, command);
        if claimed.is_some() {
            let mut context = state.context(stamp, effects);
            run_deadline::rearm(&mut run, &mut context);
        }
        state.put_run(run);
    }
    match claimed {
        Some(task) => effects.tasks.push(Dispatch { poll_id: command.poll_id, task }),
        None => effects.returned_polls.push(command.poll_id),
    }
}

fn claim(
    run: &mut Run,
    entry: &internal::QueueEntry,
    sequence: u64,
    now_ms: i64,
    command: &internal::ClaimTask,
) -> Option<pb::ScheduledTask> {
    let place = (entry.thread_run_number, entry.position);
    let (task_run, state) = run.task_mut(TaskAt { place, reminder: entry.reminder })?;
    let is_last = task_run.attempts.len() as i64 - 1 == i64::from(entry.attempt_number);
    let attempt = task_run.attempts.last_mut()?;
    let is_queued = attempt.status() == TaskStatus::TaskScheduled && state.queue_sequence == sequence;
    if !is_last || !(is_queued || mutants::is_on(Mutant::DoubleClaim)) {
        return None;
    }
    state.queue_sequence = 0;
    attempt.set_status(TaskStatus::TaskRunning);
    attempt.start_time = Some(run::timestamp(now_ms));
    attempt.task_worker_id.clone_from(&command.client_id);
    attempt.task_worker_version = Some(command.task_worker_version.clone().unwrap_or_default());
    task_run.set_status(TaskStatus::TaskRunning);
    let task = crate::node::task::scheduled_task(task_run);
    let due_ms = now_ms.saturating_add(i64::from(task_run.timeout_seconds) * 1000);
    let checkpoints = task_run.total_checkpoints;
    let kind = deadline::TaskTimeout { attempt_number: entry.attempt_number, checkpoints, reminder: entry.reminder };
    if !mutants::is_on(Mutant::TimeoutForgotten) {
        run_deadline::add(run, place, due_ms, deadline::Kind::TaskTimeout(kind));
    }
    Some(task)
}
