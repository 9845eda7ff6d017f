//! UnclaimTask: the poll was gone before anything was written, so its claim is undone (04/TW-23).

use crate::{
    Effects, Stamp, State, internal, key,
    pb::TaskStatus,
    run::{self, parse_guid},
};

/// Puts the attempt back at the front of its queue, with the same number. Anything that moved on since is left alone.
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, command: &internal::UnclaimTask, effects: &mut Effects) {
    let Some(task_run_id) = &command.task_run_id else { return };
    let Some(wf_run_id) = &task_run_id.wf_run_id else { return };
    let Some(place) = parse_guid(&task_run_id.task_guid) else { return };
    let Some(mut run) = state.take_run(&key::run(tenant, wf_run_id)) else { return };
    let mut context = state.context(stamp, effects);
    let mut undone = None;
    if let Some(record) = run.nodes.get_mut(&place)
        && let (Some(task_run), Some(task_state)) = (record.task_run.as_mut(), record.task_state.as_mut())
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
        let entry = internal::QueueEntry {
            wf_run_id: Some(wf_run_id.clone()),
            thread_run_number: place.0,
            position: place.1,
            attempt_number: command.attempt_number,
        };
        task_state.queue_sequence = context.queues.push_front(tenant, &name, entry.clone());
        undone = Some((key::queue(tenant, &name, task_state.queue_sequence), run::record::with_format(&entry)));
    }
    if let Some((key, value)) = undone {
        context.writes.insert(key, Some(value));
        run::deadline::forget(&mut run, place);
        run::deadline::rearm(&mut run, &mut context);
    }
    state.put_run(run);
}
