//! Attempts: one delivery each, each accepted report reflected once, no more attempts than allowed (I4, I7, I9).

use std::collections::BTreeMap;

use super::{Index, Violation};
use crate::history::{AttemptView, Event, Outcome, RunView, TaskView, is_final, is_final_attempt};

/// A TaskRun and the number of an attempt.
type Key<'h> = (&'h str, usize);

struct Sent<'h> {
    line: usize,
    /// Line and wall time of the acknowledgement.
    acknowledged: Option<(usize, i64)>,
    status: &'h str,
    token: &'h str,
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let deliveries = deliveries(index, violations);
    let reports = reports(index);
    for sights in index.sights.values() {
        for sight in sights {
            for task in sight.view.iter().flat_map(|view| &view.tasks) {
                order(task, violations);
                for (number, attempt) in task.attempts.iter().enumerate() {
                    let key = (task.task.as_str(), number);
                    let sent = reports.get(&key).map_or(&[][..], Vec::as_slice);
                    reflected(task, number, attempt, sent, sight.asked, violations);
                    claimed(task, number, attempt, deliveries.get(&key), sight.asked, violations);
                }
            }
        }
    }
    // Before everything is at rest the parts of a view need not fit together.
    for (run, view) in index.last_views().filter(|_| index.over_ms.is_some()) {
        trail(run, view, violations);
    }
    violations.dedup();
}

fn deliveries<'h>(index: &Index<'h>, violations: &mut Vec<Violation>) -> BTreeMap<Key<'h>, (usize, &'h str)> {
    let mut seen = BTreeMap::new();
    for (at, line) in index.lines.iter().enumerate() {
        let Event::Delivered { worker, task, attempt } = &line.event else { continue };
        if let Some((_, other)) = seen.insert((task.as_str(), *attempt), (at, worker.as_str())) {
            let text = format!("attempt {attempt} of {task} was delivered to {other} and to {worker}");
            violations.push(Violation { rule: "I7", text });
        }
    }
    seen
}

fn reports<'h>(index: &Index<'h>) -> BTreeMap<Key<'h>, Vec<Sent<'h>>> {
    let mut reports: BTreeMap<Key<'h>, Vec<Sent<'h>>> = BTreeMap::new();
    for (at, line) in index.lines.iter().enumerate() {
        let Event::Report { call, task, attempt, status, token } = &line.event else { continue };
        let acknowledged = index.answered(*call, Outcome::Ok).map(|line| (line, index.lines[line].wall_ms));
        reports.entry((task, *attempt)).or_default().push(Sent { line: at, acknowledged, status, token });
    }
    reports
}

/// No attempt before the one before it has ended, and not more than there may be.
fn order(task: &TaskView, violations: &mut Vec<Violation>) {
    let open = task.attempts.iter().position(|attempt| !is_final_attempt(&attempt.status));
    if open.is_some_and(|open| open + 1 < task.attempts.len()) || task.attempts.len() > task.total_attempts.max(1) {
        let statuses: Vec<&str> = task.attempts.iter().map(|attempt| attempt.status.as_str()).collect();
        let text = format!("{} may have {} attempts, one at a time: {statuses:?}", task.task, task.total_attempts);
        violations.push(Violation { rule: "I9", text });
    }
}

/// What an attempt came to was reported; and what was acknowledged before the read was sent is seen by it.
fn reflected(
    task: &TaskView,
    number: usize,
    attempt: &AttemptView,
    sent: &[Sent<'_>],
    asked: usize,
    violations: &mut Vec<Violation>,
) {
    let mut wrong = |what: String| {
        let text = format!("attempt {number} of {} is {}: {what}", task.task, attempt.status);
        violations.push(Violation { rule: "I4", text });
    };
    let first = sent.iter().filter_map(|report| report.acknowledged).filter(|(line, _)| *line < asked).min();
    if !is_final_attempt(&attempt.status) {
        if first.is_some() {
            wrong("its report was acknowledged before the read".to_owned());
        }
        return;
    }
    if matches!(attempt.status.as_str(), "TASK_SUCCESS" | "TASK_FAILED" | "TASK_EXCEPTION") {
        let token = attempt.token.as_deref().unwrap_or_default();
        match sent.iter().find(|report| report.status == attempt.status && report.token == token) {
            None => wrong(format!("nobody reported {token:?}")),
            Some(winner) if first.is_some_and(|(line, _)| line < winner.line) => {
                wrong(format!("{token:?} was reported after another report had been acknowledged"));
            }
            Some(_) => {}
        }
    }
    if attempt.status == "TASK_TIMEOUT"
        && let (Some((_, wall_ms)), Some(start_ms)) = (first, attempt.start_ms)
        && wall_ms < start_ms + task.timeout_ms
    {
        wrong("its report was acknowledged in time".to_owned());
    }
}

/// What was delivered before the read was sent is claimed, and by whoever got it.
fn claimed(
    task: &TaskView,
    number: usize,
    attempt: &AttemptView,
    delivery: Option<&(usize, &str)>,
    asked: usize,
    violations: &mut Vec<Violation>,
) {
    let Some((line, worker)) = delivery else { return };
    let is_claimed = attempt.start_ms.is_some() && attempt.worker == *worker;
    if *line < asked && !is_claimed {
        let text = format!(
            "attempt {number} of {} was delivered to {worker}, but is {} with {:?}",
            task.task, attempt.status, attempt.worker
        );
        violations.push(Violation { rule: "I7", text });
    }
}

/// What every finished task, event and user task brought is in the trail, once, and nothing else is.
fn trail(run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let Some(trail) = view.trail.as_ref().filter(|_| is_final(&view.status)) else { return };
    let mut expected: Vec<&str> = Vec::new();
    for node in view.nodes.iter().filter(|node| node.status == "COMPLETED" && node.failures == 0) {
        let task = view.tasks.iter().find(|task| node.task.as_ref() == Some(&task.task));
        let last = task.and_then(|task| task.attempts.last());
        expected.extend(last.and_then(|attempt| attempt.token.as_deref()));
        let user_task = view.user_tasks.iter().find(|task| node.task.as_ref() == Some(&task.task));
        expected.extend(user_task.and_then(|task| task.token.as_deref()));
        let event =
            node.awaits.as_ref().and_then(|_| view.events.iter().find(|event| node.event.as_ref() == Some(&event.id)));
        expected.extend(event.map(|event| event.token.as_str()));
    }
    let mut found: Vec<&str> = trail.iter().map(String::as_str).collect();
    expected.sort_unstable();
    found.sort_unstable();
    if expected != found {
        let text = format!("WfRun {run} should have appended {expected:?} and has {found:?}");
        violations.push(Violation { rule: "I4", text });
    }
}
