//! Statuses move along the allowed edges only, what is final never changes, and times are in order (I13).

use std::collections::BTreeMap;

use super::{
    Index, Violation,
    edges::{Edges, NODE_RUN, TASK_RUN, THREAD_RUN, WF_RUN, is_status, may_follow},
};
use crate::history::{AttemptView, NodeView, RunView, TaskView, is_final, is_final_attempt};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    for (run, before, sight, view) in index.pairs() {
        let is_rescued = index.is_rescued(run, sight.line);
        compare(run, before, view, is_rescued, violations);
    }
    for (run, sights) in &index.sights {
        for view in sights.iter().filter_map(|sight| sight.view) {
            statuses(run, view, violations);
            times(run, view, violations);
        }
    }
}

/// Each status is one that there is.
fn statuses(run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let mut known = |what: &str, edges: Edges, status: &str| {
        if !is_status(edges, status) {
            broken(violations, format!("{what} of {run} is {status}"));
        }
    };
    known("the WfRun", WF_RUN, &view.status);
    view.threads.iter().for_each(|thread| known("a ThreadRun", THREAD_RUN, &thread.status));
    view.nodes.iter().for_each(|node| known("a NodeRun", NODE_RUN, &node.status));
    view.tasks.iter().for_each(|task| known("a TaskRun", TASK_RUN, &task.status));
}

fn compare(run: &str, before: &RunView, now: &RunView, is_rescued: bool, violations: &mut Vec<Violation>) {
    if !follows(WF_RUN, &before.status, &now.status, is_rescued) {
        broken(violations, format!("WfRun {run} went from {} to {}", before.status, now.status));
    }
    if before.is_whole && !stays(before, now) {
        broken(violations, format!("WfRun {run} was COMPLETED as {before:?} and is {now:?}"));
    }
    threads(run, before, now, is_rescued, violations);
    let nodes: BTreeMap<(i32, i32), &NodeView> =
        now.nodes.iter().map(|node| ((node.thread, node.position), node)).collect();
    for old in &before.nodes {
        let place = (old.thread, old.position);
        match nodes.get(&place) {
            None => broken(violations, format!("NodeRun {place:?} of {run} is gone")),
            Some(new) if new.node != old.node || !node_follows(old, new) => {
                broken(violations, format!("NodeRun {place:?} of {run} was {old:?} and is {new:?}"));
            }
            Some(_) => {}
        }
    }
    let tasks: BTreeMap<&str, &TaskView> = now.tasks.iter().map(|task| (task.task.as_str(), task)).collect();
    for old in &before.tasks {
        match tasks.get(old.task.as_str()) {
            None => broken(violations, format!("TaskRun {} is gone", old.task)),
            Some(new) => {
                if !may_follow(TASK_RUN, &old.status, &new.status) {
                    broken(violations, format!("TaskRun {} went from {} to {}", old.task, old.status, new.status));
                }
                compare_attempts(old, new, violations);
            }
        }
    }
}

/// A COMPLETED run stays as it is, but for events that still come and comments of user tasks (`people` looks at them). What
/// is left of a halted thread may still be resumed in vain (E-703), and its tasks run to their end (E-604).
fn stays(before: &RunView, now: &RunView) -> bool {
    let rest = |view: &RunView| RunView { is_whole: true, events: Vec::new(), user_tasks: Vec::new(), ..view.clone() };
    let is_over = before.threads.iter().all(|thread| is_final(&thread.status));
    before.trail == now.trail && (!is_over || rest(before) == rest(now))
}

fn node_follows(old: &NodeView, new: &NodeView) -> bool {
    if is_final(&old.status) {
        new == old || fails_again(old, new)
    } else {
        may_follow(NODE_RUN, &old.status, &new.status)
    }
}

/// A rescue leads out of ERROR.
fn follows(edges: Edges, before: &str, now: &str, is_rescued: bool) -> bool {
    may_follow(edges, before, now) || (before == "ERROR" && is_rescued)
}

/// A NodeRun that failed can fail once more, with an interrupt of its thread.
fn fails_again(old: &NodeView, new: &NodeView) -> bool {
    let has_failed = |node: &NodeView| matches!(node.status.as_str(), "ERROR" | "EXCEPTION");
    has_failed(old) && has_failed(new) && old.failures < new.failures
}

fn threads(run: &str, before: &RunView, now: &RunView, is_rescued: bool, violations: &mut Vec<Violation>) {
    for old in &before.threads {
        match now.threads.iter().find(|thread| thread.number == old.number) {
            None => broken(violations, format!("ThreadRun {} of {run} is gone", old.number)),
            Some(new)
                if (&old.kind, old.parent) != (&new.kind, new.parent)
                    || !follows(THREAD_RUN, &old.status, &new.status, is_rescued) =>
            {
                broken(violations, format!("ThreadRun of {run} was {old:?} and is {new:?}"));
            }
            Some(_) => {}
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
