//! TimerDue: the wake-up of a run has come; its deadlines that are due take effect (03/E-306, 04/TW-52).

use super::{ahead, correlated_event, delete_wf_run};
use crate::{
    Effects, Stamp, State,
    internal::{self, deadline::Kind},
    key,
    node::{external_event, sleep, task, user_task::trigger},
    pb::{self, TaskStatus},
    run::{self, Run, TaskAt, advance, deadline, events},
    state::Context,
};

/// Handles what is due and advances the run. A wake-up other than the armed one is stale and ignored; one that came
/// before any deadline only re-arms.
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, command: &internal::TimerDue, effects: &mut Effects) {
    let Some(wf_run_id) = &command.wf_run_id else { return };
    let run_key = key::run(tenant, wf_run_id);
    if let Some(unborn) = state.take_unborn(&run_key) {
        expire_unborn(state, stamp, unborn, command.due_ms, effects);
        return;
    }
    let Some(mut run) = state.take_run(&run_key) else { return };
    if let Some(from) = delete_wf_run::due(&run, command.due_ms) {
        delete_wf_run::delete(state, stamp, run, from, effects);
        return;
    }
    if run.armed_ms != command.due_ms || command.due_ms > stamp.now_ms {
        if run.armed_ms == command.due_ms {
            // The clock was set back between the wake-up and the stamp: nobody else would wake the run again.
            effects.timers.push(deadline::arm(&run));
        }
        state.return_run(run);
        return;
    }
    let stamp = &Stamp { now_ms: command_time(state, &run, stamp.now_ms), ..*stamp };
    let mut context = state.family_context(tenant, wf_run_id, stamp, effects);
    deadline::disarm(&mut run, &mut context);
    for due in deadline::take_due(&mut run, stamp.now_ms) {
        handle(&mut run, &due, &mut context);
    }
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
}

/// When the earliest deadline was, however late it is noticed (03/E-230); but nothing happens before what has already
/// happened to the run and to those above it. Later deadlines have wake-ups of their own. What only puts things away shows no
/// time, so much of it is done at once.
fn command_time(state: &State, run: &Run, now_ms: i64) -> i64 {
    let mut moved_ms = run.moved_ms;
    let id = run.id();
    let mut above = id.parent_wf_run_id.as_deref();
    while let Some(id) = above {
        moved_ms = moved_ms.max(state.run(&key::run(&run.tenant, id)).map_or(0, |run| run.moved_ms));
        above = id.parent_wf_run_id.as_deref();
    }
    let shows_time = |kind: &Option<Kind>| !matches!(kind, Some(Kind::Archive(_) | Kind::EventRetention(_)));
    let shown = run.deadlines.iter().filter(|deadline| shows_time(&deadline.kind));
    let due_ms = shown.map(|deadline| deadline.due_ms).min().unwrap_or(now_ms);
    due_ms.max(moved_ms).min(now_ms)
}

/// Events that were posted ahead and whose time is over go; with the last one goes the record (05/E-27).
fn expire_unborn(state: &mut State, stamp: &Stamp, mut unborn: Box<Run>, due_ms: i64, effects: &mut Effects) {
    let id = unborn.id();
    let mut context = state.context(stamp, effects);
    if unborn.armed_ms == due_ms && due_ms <= stamp.now_ms {
        deadline::disarm(&mut unborn, &mut context);
        for due in deadline::take_due(&mut unborn, stamp.now_ms) {
            handle(&mut unborn, &due, &mut context);
        }
        deadline::rearm(&mut unborn, &mut context);
    }
    if !unborn.events.is_empty() || !correlated_event::is_empty(&unborn) {
        state.put_run(unborn);
        return;
    }
    for entry in &unborn.stored.index {
        context.writes.insert(entry.clone(), None);
    }
    state.bury(&unborn.key, unborn.children);
    ahead::note(state, &unborn.tenant, &id, false);
}

fn handle(run: &mut Run, due: &internal::Deadline, context: &mut Context<'_>) {
    let place = (due.thread_run_number, due.position);
    match &due.kind {
        Some(Kind::Sleep(_)) => sleep::mature(run, place, context.now_ms),
        Some(Kind::EventTimeout(_)) => external_event::time_out(run, place),
        Some(Kind::EventRetention(retention)) => events::expire(run, retention),
        Some(Kind::TaskRetry(retry)) => {
            let at = TaskAt { place, reminder: retry.reminder };
            if last_attempt_is(run, at, retry.attempt_number, TaskStatus::TaskPending) {
                task::schedule_attempt(run, at, context);
            }
        }
        Some(Kind::TaskTimeout(timeout)) => {
            let at = TaskAt { place, reminder: timeout.reminder };
            if last_attempt_is(run, at, timeout.attempt_number, TaskStatus::TaskRunning)
                && run.task(at).is_some_and(|task_run| task_run.total_checkpoints == timeout.checkpoints)
            {
                time_out(run, at, due.due_ms, context);
            }
        }
        Some(Kind::CorrelatedEventTtl(_)) => correlated_event::forget_event(run),
        Some(Kind::UserTaskTrigger(due_trigger)) => trigger::mature(run, place, due_trigger, due.due_ms, context),
        Some(Kind::Retention(_) | Kind::Delete(_) | Kind::Archive(_)) | None => {}
    }
}

fn last_attempt_is(run: &Run, at: TaskAt, number: i32, status: TaskStatus) -> bool {
    run.task(at).is_some_and(|task_run| {
        task_run.attempts.len() as i64 - 1 == i64::from(number)
            && task_run.attempts.last().is_some_and(|attempt| attempt.status() == status)
    })
}

/// The attempt ends at its deadline, whenever that was noticed.
fn time_out(run: &mut Run, at: TaskAt, deadline_ms: i64, context: &mut Context<'_>) {
    let Some((task_run, _)) = run.task_mut(at) else { return };
    if let Some(attempt) = task_run.attempts.last_mut() {
        attempt.set_status(pb::TaskStatus::TaskTimeout);
        attempt.end_time = Some(run::timestamp(deadline_ms));
    }
    task_run.set_status(TaskStatus::TaskTimeout);
    task::retry(run, at, context);
}
