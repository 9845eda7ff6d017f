//! UnclaimTask: the poll was gone before anything was written, so its claim is undone (04/TW-23).

use crate::{
    Effects, Stamp, State, internal, key,
    node::task,
    pb::TaskStatus,
    run::{self, TaskAt, task_at},
};

/// Puts the attempt back at the front of its queue, with the same number. Anything that moved on since is left alone.
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, command: &internal::UnclaimTask, effects: &mut Effects) {
    let Some(task_run_id) = &command.task_run_id else { return };
    let Some(wf_run_id) = &task_run_id.wf_run_id else { return };
    let Some(at) = TaskAt::parse(&task_run_id.task_guid) else { return };
    let Some(mut run) = state.take_run(&key::run(tenant, wf_run_id)) else { return };
    let mut context = state.context(stamp, effects);
    let mut undone = None;
    if let Some((task_run, task_state)) = run.task_mut(at)
        && task_run.attempts.len() as i64 - 1 == i64::from(command.attempt_number)
        && let Some(attempt) = task_run.attempts.last_mut()
        && attempt.status() == TaskStatus::TaskRunning
    {
        attempt.set_status(TaskStatus::TaskScheduled);
        attempt.start_time = None;
        attempt.task_worker_id.clear();
        attempt.task_worker_version = None;
        task_run.set_status(TaskStatus::TaskScheduled);
        let name = task_run.task_def_id.as_ref().map(|id| id.name.clone()).unwrap_or_default();
        let entry = task::queue_entry(wf_run_id.clone(), at, command.attempt_number);
        task_state.queue_sequence = context.queues.push_front(tenant, &name, entry.clone());
        undone = Some((key::queue(tenant, &name, task_state.queue_sequence), run::record::with_format(&entry)));
    }
    if let Some((key, value)) = undone {
        context.writes.insert(key, Some(value));
        task_at::forget_deadlines(&mut run, at);
        run::deadline::rearm(&mut run, &mut context);
    }
    state.put_run(run);
}
