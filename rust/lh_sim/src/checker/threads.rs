//! Handlers start once for what they handle, parents learn how their children ended, and stopped runs stand still
//! (I4, I10, I13).

use std::collections::BTreeSet;

use super::{Index, Sight, Violation};
use crate::history::{Action, Outcome, RunView, is_final};

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    for (run, sights) in &index.sights {
        for sight in sights {
            let Some(view) = sight.view else { continue };
            handlers(index, run, view, violations);
            children(index, run, sight, view, violations);
        }
        stopped(index, run, sights, violations);
    }
}

/// Each interrupt and each failure has one handler in each thread.
fn handlers(index: &Index<'_>, run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let is_rescued = index.operations(run).iter().any(|operation| operation.action == Action::Rescue);
    let mut seen = BTreeSet::new();
    for thread in view.threads.iter().filter(|thread| matches!(thread.kind.as_str(), "INTERRUPT" | "FAILURE_HANDLER")) {
        // What waits for a thread again, because it was rescued, handles its failure again.
        let may_repeat = thread.serves.is_none() && is_rescued;
        if !seen.insert((&thread.kind, thread.parent, &thread.serves)) && !may_repeat {
            let text = format!("WfRun {run} has two handlers for one thing: {thread:?}");
            violations.push(Violation { rule: "I4", text });
        }
    }
}

/// Who has waited for a child had it COMPLETED.
fn children(index: &Index<'_>, run: &str, parent: &Sight<'_>, view: &RunView, violations: &mut Vec<Violation>) {
    let waited = view.nodes.iter().filter(|node| node.status == "COMPLETED" && node.node.ends_with("wait-child"));
    for child in waited.filter_map(|node| node.child.as_deref()) {
        let later = index.sights.get(child).into_iter().flatten().filter(|sight| sight.asked > parent.line);
        if let Some(found) = later.filter_map(|sight| sight.view).find(|found| found.status != "COMPLETED") {
            let text = format!("WfRun {run} has waited for {child}, which is {}", found.status);
            violations.push(Violation { rule: "I10", text });
        }
    }
}

/// From the acknowledgement of a stop until somebody resumes or rescues, the first thread stays where it is.
fn stopped(index: &Index<'_>, run: &str, sights: &[Sight<'_>], violations: &mut Vec<Violation>) {
    let operations = index.operations(run);
    let stops = operations.iter().filter(|operation| operation.action == Action::Stop && operation.thread == 0);
    for stop in stops {
        let Some((acknowledged, Outcome::Ok)) = index.answers.get(&stop.call) else { continue };
        let moved_on =
            index.operations_of_tree(run).filter(|other| matches!(other.action, Action::Resume | Action::Rescue));
        let until = moved_on.map(|other| other.line).filter(|line| *line > stop.line).min().unwrap_or(usize::MAX);
        let still = sights.iter().filter(|sight| sight.asked > *acknowledged && sight.line < until);
        let mut still = still.filter_map(|sight| sight.view);
        let Some(first) = still.next().filter(|view| !is_final(&view.status)) else { continue };
        for view in std::iter::once(first).chain(still) {
            if let Some(thread) = view.threads.iter().find(|thread| thread.number == 0 && thread.status == "RUNNING") {
                let text = format!("WfRun {run} was stopped and goes on: {thread:?}");
                violations.push(Violation { rule: "I13", text });
                return;
            }
            let (before, now) = (stands(first), stands(view));
            let has_moved = before.map(|(position, _)| position) != now.map(|(position, _)| position);
            let has_completed = before != now && now.is_some_and(|(_, status)| status == "COMPLETED");
            if has_moved || has_completed || view.status == "COMPLETED" {
                let text = format!("WfRun {run} was stopped at {before:?} and went on to {now:?}");
                violations.push(Violation { rule: "I13", text });
                return;
            }
        }
    }
}

/// Position and status of the node on which the first thread stands.
fn stands(view: &RunView) -> Option<(i32, &str)> {
    let nodes = view.nodes.iter().filter(|node| node.thread == 0);
    nodes.map(|node| (node.position, node.status.as_str())).max_by_key(|(position, _)| *position)
}
