//! Moments at which a run must be looked at again. The store and the timer queue hold one wake-up per run, kept lazily:
//! it may come too early, never too late (decision 004).

use super::Run;
use crate::{
    Arm,
    internal::{self, deadline::Kind},
    key,
    state::Context,
};

/// Notes a deadline of the NodeRun at `place`.
pub fn add(run: &mut Run, place: (i32, i32), due_ms: i64, kind: internal::deadline::Kind) {
    run.deadlines.push(internal::Deadline { due_ms, thread_run_number: place.0, position: place.1, kind: Some(kind) });
}

/// Forgets all deadlines of the NodeRun at `place`.
pub fn forget(run: &mut Run, place: (i32, i32)) {
    run.deadlines.retain(|deadline| (deadline.thread_run_number, deadline.position) != place);
}

/// Takes the deadlines that have come, earliest first. Those that delete the run stay: they take effect with a wake-up of
/// their own, which is due at once (03/E-940, E-943).
pub fn take_due(run: &mut Run, now_ms: i64) -> Vec<internal::Deadline> {
    let is_over = run.is_terminal();
    let deletes = |kind: &Option<Kind>| match kind {
        Some(Kind::Delete(_)) => true,
        Some(Kind::Retention(_)) => is_over,
        _ => false,
    };
    let is_taken = |deadline: &internal::Deadline| deadline.due_ms <= now_ms && !deletes(&deadline.kind);
    let mut due: Vec<_> = run.deadlines.iter().filter(|deadline| is_taken(deadline)).cloned().collect();
    run.deadlines.retain(|deadline| !is_taken(deadline));
    due.sort_by_key(|deadline| (deadline.due_ms, deadline.thread_run_number, deadline.position));
    due
}

/// Arms an earlier wake-up if the one that is armed would come too late; drops it once nothing is waited for.
pub fn rearm(run: &mut Run, context: &mut Context<'_>) {
    let earliest = run.deadlines.iter().map(|deadline| deadline.due_ms).min();
    match earliest {
        Some(due_ms) if run.armed_ms == 0 || due_ms < run.armed_ms => {
            disarm(run, context);
            run.armed_ms = due_ms;
            let before = context.writes.insert(key::wake(due_ms, &run.tenant, &run.id()), Some(Vec::new()));
            // Armed again after a disarm that no flush has written yet: the store still has this wake-up.
            run.stored.armed = before == Some(None);
            context.effects.timers.push(arm(run));
        }
        None if run.is_terminal() => disarm(run, context),
        _ => {}
    }
}

/// The wake-up that is armed, to be handed to the timers.
pub fn arm(run: &Run) -> Arm {
    Arm { due_ms: run.armed_ms, tenant: run.tenant.to_string(), wf_run_id: run.id(), is_wanted: true }
}

/// Removes the armed wake-up; one that never reached the store leaves no trace.
pub fn disarm(run: &mut Run, context: &mut Context<'_>) {
    if run.armed_ms == 0 {
        return;
    }
    let (due_ms, tenant, wf_run_id) = (run.armed_ms, run.tenant.to_string(), run.id());
    let wake = key::wake(due_ms, &tenant, &wf_run_id);
    context.effects.timers.push(Arm { due_ms, tenant, wf_run_id, is_wanted: false });
    if run.stored.armed {
        context.writes.insert(wake, None);
    } else {
        context.writes.remove(&wake);
    }
    run.armed_ms = 0;
    run.stored.armed = false;
}
