//! User tasks: what was acknowledged is done and stays done, and nothing is cancelled without a reason (I4, I11, I13).

use std::collections::BTreeMap;

use super::{Index, Sight, Violation};
use crate::history::{Action, Event, Outcome, RunView, UserTaskView, is_final};

struct Sent<'h> {
    line: usize,
    call: u64,
    action: Action,
    token: &'h str,
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let mut sent: BTreeMap<&str, Vec<Sent<'_>>> = BTreeMap::new();
    for (line, at) in index.lines.iter().enumerate() {
        if let Event::Handle { call, task, action, token } = &at.event {
            sent.entry(task).or_default().push(Sent { line, call: *call, action: *action, token });
        }
    }
    for (run, sight) in index.sights.iter().flat_map(|(run, sights)| sights.iter().map(move |sight| (run, sight))) {
        let Some(view) = sight.view else { continue };
        let is_rescued = index.is_rescued(run, sight.line);
        for task in &view.user_tasks {
            let sent = sent.get(task.task.as_str()).map_or(&[][..], Vec::as_slice);
            reflected(index, task, sent, sight, violations);
            // A thread that had ended may go on, but not its user tasks.
            if !is_rescued {
                cancelled(view, task, sent, sight, violations);
            }
        }
    }
    for (run, before, _, now) in index.pairs() {
        for old in &before.user_tasks {
            match now.user_tasks.iter().find(|task| task.task == old.task) {
                None => broken("I13", violations, format!("UserTaskRun {} of {run} is gone", old.task)),
                Some(new) if !may_follow(old, new) => {
                    broken("I13", violations, format!("a UserTaskRun was {old:?} and is {new:?}"));
                }
                Some(_) => {}
            }
        }
    }
}

fn is_closed(task: &UserTaskView) -> bool {
    matches!(task.status.as_str(), "DONE" | "CANCELLED")
}

/// What has ended is left alone but for comments; what is open has an ever longer log.
fn may_follow(old: &UserTaskView, new: &UserTaskView) -> bool {
    if is_closed(old) {
        let ended = |task: &UserTaskView| (task.status.clone(), task.user.clone(), task.epoch, task.token.clone());
        return ended(old) == ended(new);
    }
    old.epoch <= new.epoch && old.log <= new.log && old.scheduled_ms == new.scheduled_ms
}

/// What was acknowledged before the read was sent is seen by it, and the first completion counts.
fn reflected(
    index: &Index<'_>,
    task: &UserTaskView,
    sent: &[Sent<'_>],
    sight: &Sight<'_>,
    violations: &mut Vec<Violation>,
) {
    let ends = sent.iter().filter(|call| matches!(call.action, Action::Complete | Action::Cancel));
    let ended = ends.filter_map(|call| Some((index.answers.get(&call.call)?, call)));
    let first = ended.filter(|((_, outcome), _)| *outcome == Outcome::Ok).map(|((line, _), _)| *line).min();
    if first.is_some_and(|line| line < sight.asked) && !is_closed(task) {
        broken("I4", violations, format!("the end of {} was acknowledged, but it is {}", task.task, task.status));
    }
    if task.status != "DONE" {
        return;
    }
    let token = task.token.as_deref().unwrap_or_default();
    let completions =
        sent.iter().filter(|call| call.action == Action::Complete && call.token == token && call.line < sight.line);
    // A completion that is sent again has the same content; which of its calls counted does not matter.
    match completions.filter(|call| !index.is_refused(call.call)).map(|call| call.line).min() {
        None => broken("I4", violations, format!("nobody completed {} with {token:?}", task.task)),
        Some(line) if first.is_some_and(|first| first < line) => {
            broken(
                "I4",
                violations,
                format!("{} was completed with {token:?} after its end had been acknowledged", task.task),
            );
        }
        Some(_) => {}
    }
}

/// Cancelled by somebody, by its deadline, or because its thread has ended or is halted and may never go on.
fn cancelled(
    view: &RunView,
    task: &UserTaskView,
    sent: &[Sent<'_>],
    sight: &Sight<'_>,
    violations: &mut Vec<Violation>,
) {
    let by_somebody = sent.iter().any(|call| call.action == Action::Cancel && call.line < sight.line);
    let due_ms = task.deadline_ms.map(|deadline_ms| task.scheduled_ms + deadline_ms);
    let by_deadline = due_ms.is_some_and(|due_ms| due_ms <= sight.wall_ms);
    let node = view.nodes.iter().find(|node| node.task.as_ref() == Some(&task.task));
    let thread = node.and_then(|node| view.threads.iter().find(|thread| thread.number == node.thread));
    let with_thread = thread.is_none_or(|thread| is_final(&thread.status) || thread.status == "HALTED");
    if task.status == "CANCELLED" && !by_somebody && !by_deadline && !with_thread {
        broken("I11", violations, format!("nobody cancelled {task:?}, and it is not due"));
    }
}

fn broken(rule: &'static str, violations: &mut Vec<Violation>, text: String) {
    violations.push(Violation { rule, text });
}
