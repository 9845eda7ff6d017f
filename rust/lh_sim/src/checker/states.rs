//! Statuses move along the allowed edges only, what is final never changes, and times are in order (I13).

use std::collections::BTreeMap;

use super::{Index, Violation};
use crate::history::{AttemptView, NodeView, RunView, TaskView, is_final, is_final_attempt};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    for (run, sights) in &index.sights {
        let mut before: Option<&RunView> = None;
        for view in sights.iter().filter_map(|sight| sight.view) {
            if let Some(before) = before {
                compare(run, before, view, violations);
            }
            times(run, view, violations);
            before = Some(view);
        }
    }
}

fn compare(run: &str, before: &RunView, now: &RunView, violations: &mut Vec<Violation>) {
    if !may_follow(&before.status, &now.status) {
        broken(violations, format!("WfRun {run} went from {} to {}", before.status, now.status));
    }
    let nodes: BTreeMap<(i32, i32), &NodeView> =
        now.nodes.iter().map(|node| ((node.thread, node.position), node)).collect();
    for old in &before.nodes {
        let place = (old.thread, old.position);
        match nodes.get(&place) {
            None => broken(violations, format!("NodeRun {place:?} of {run} is gone")),
            Some(new) if new.node != old.node || (is_final(&old.status) && **new != *old) => {
                broken(violations, format!("NodeRun {place:?} of {run} was {old:?} and is {new:?}"));
            }
            Some(_) => {}
        }
    }
    let tasks: BTreeMap<&str, &TaskView> = now.tasks.iter().map(|task| (task.task.as_str(), task)).collect();
    for old in &before.tasks {
        match tasks.get(old.task.as_str()) {
            None => broken(violations, format!("TaskRun {} is gone", old.task)),
            Some(new) => compare_attempts(old, new, violations),
        }
    }
}

fn compare_attempts(old: &TaskView, new: &TaskView, violations: &mut Vec<Violation>) {
    for (number, before) in old.attempts.iter().enumerate() {
        let now = new.attempts.get(number);
        let fits =
            now.is_some_and(
                |now| {
                    if is_final_attempt(&before.status) { now == before } else { rank(before) <= rank(now) }
                },
            );
        if !fits {
            broken(violations, format!("attempt {number} of {} was {before:?} and is {now:?}", old.task));
        }
    }
}

/// A claim may be undone, so that SCHEDULED and RUNNING are alike.
fn rank(attempt: &AttemptView) -> u8 {
    match attempt.status.as_str() {
        "TASK_PENDING" => 0,
        "TASK_SCHEDULED" | "TASK_RUNNING" => 1,
        _ => 2,
    }
}

fn may_follow(before: &str, now: &str) -> bool {
    match before {
        _ if before == now => true,
        "STARTING" => true,
        "RUNNING" | "HALTING" | "HALTED" => now != "STARTING",
        _ => false,
    }
}

fn times(run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let mut last: BTreeMap<i32, &NodeView> = BTreeMap::new();
    for node in &view.nodes {
        if node.end_ms.is_some_and(|end_ms| end_ms < node.arrival_ms) {
            broken(violations, format!("a NodeRun of {run} ended before it began: {node:?}"));
        }
        if let Some(before) = last.insert(node.thread, node)
            && node.arrival_ms < before.end_ms.unwrap_or(before.arrival_ms)
        {
            broken(violations, format!("NodeRuns of {run} overlap: {before:?}, {node:?}"));
        }
    }
    for task in &view.tasks {
        let mut latest = i64::MIN;
        for time in task.attempts.iter().flat_map(|attempt| [attempt.schedule_ms, attempt.start_ms, attempt.end_ms]) {
            let Some(time) = time else { continue };
            if time < latest {
                broken(violations, format!("times of {} go back: {:?}", task.task, task.attempts));
                break;
            }
            latest = time;
        }
    }
}

fn broken(violations: &mut Vec<Violation>, text: String) {
    violations.push(Violation { rule: "I13", text });
}
