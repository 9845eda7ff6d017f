//! What was deleted is gone for ever, with everything that belonged to it, and nothing else is (I1, I10).

use std::collections::BTreeMap;

use super::{Index, Sight, Violation};
use crate::history::{Action, Event, Outcome, is_final};

/// Time after which a run that is due is surely deleted.
const LATEST_MS: i64 = 5_000;

/// Runs that were deleted, after the last attempt to start them was over: since when they may be gone, and when that was
/// acknowledged.
pub(super) fn deleted<'h>(index: &Index<'h>) -> BTreeMap<&'h str, (usize, usize)> {
    let starts = last_starts(index);
    let mut deleted = BTreeMap::new();
    for (run, operations) in &index.operations {
        let start = starts.get(run).copied().unwrap_or_default();
        let deletions = || operations.iter().filter(|other| other.action == Action::Delete && start <= other.line);
        let sent = deletions().map(|deletion| deletion.line).min();
        let acknowledged = deletions().filter_map(|deletion| index.acknowledged(deletion.call)).min();
        deleted.extend(sent.zip(acknowledged).map(|lines| (*run, lines)));
    }
    deleted
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let posts = last_posts(index);
    for (run, (sent, acknowledged)) in deleted(index) {
        let sights = index.sights.get(run).map_or(&[][..], Vec::as_slice);
        for sight in sights.iter().filter(|sight| sight.asked > acknowledged) {
            if sight.view.is_some() {
                gone(violations, format!("WfRun {run} was deleted and is there (line {})", sight.line + 1));
            }
            // Of a run that was deleted by itself before, events that came afterwards stay whoever deletes it once more.
            let may_come = |what: &&String| {
                let id = what.strip_prefix("ExternalEvent ").unwrap_or_default();
                posts.get(&(run, id)).is_some_and(|last| *last > sent || retains(index, run))
            };
            let left: Vec<&String> = sight.left.iter().filter(|what| !may_come(what)).collect();
            if !left.is_empty() {
                gone(violations, format!("WfRun {run} was deleted and {left:?} is left (line {})", sight.line + 1));
            }
        }
    }
    kept(index, violations);
}

/// Whether a run may be deleted by itself, as far as is known of its WfSpec.
pub(super) fn retains(index: &Index<'_>, run: &str) -> bool {
    let views = index.sights.get(run).into_iter().flatten().filter_map(|sight| sight.view);
    let mut specs = views.map(|view| view.spec.as_str()).chain(index.specs.get(run).copied());
    specs.any(|spec| index.retention_ms.contains_key(spec))
}

/// Whether a run may be missing at some time: somebody wanted it deleted, or its time can be over.
pub(super) fn may_ever_be_gone(index: &Index<'_>, run: &str) -> bool {
    index.operations(run).iter().any(|operation| operation.action == Action::Delete) || retains(index, run)
}

/// When the last start of each run was over.
fn last_starts<'h>(index: &Index<'h>) -> BTreeMap<&'h str, usize> {
    let mut last = BTreeMap::new();
    for line in index.lines {
        if let Event::Start { call, run, .. } = &line.event {
            let over = index.answers.get(call).map_or(usize::MAX, |(line, _)| *line);
            let known: &mut usize = last.entry(run.as_str()).or_default();
            *known = over.max(*known);
        }
    }
    last
}

/// When the last post of each event was over, by run and event.
fn last_posts<'h>(index: &Index<'h>) -> BTreeMap<(&'h str, &'h str), usize> {
    let mut last = BTreeMap::new();
    for line in index.lines {
        if let Event::Post { call, run, id, .. } = &line.event {
            let over = index.answers.get(call).map_or(usize::MAX, |(line, _)| *line);
            let known: &mut usize = last.entry((run.as_str(), id.as_str())).or_default();
            *known = over.max(*known);
        }
    }
    last
}

/// Whether a run that is known to have been there may be missing now: somebody wanted it deleted, or its time is over.
pub(super) fn may_be_gone(index: &Index<'_>, run: &str, sight: &Sight<'_>) -> bool {
    let is_deleted = index.operations(run).iter().any(|operation| {
        let refused = matches!(index.answers.get(&operation.call), Some((_, Outcome::Refused)));
        operation.action == Action::Delete && operation.line < sight.line && !refused
    });
    is_deleted || is_expired(index, run, sight)
}

fn is_expired(index: &Index<'_>, run: &str, sight: &Sight<'_>) -> bool {
    let mut views = index.sights.get(run).into_iter().flatten().filter_map(|other| other.view);
    let Some(last) = views.next_back() else {
        // Nobody has ever seen it; of a child not even the WfSpec is known.
        return retains(index, run) || (run.contains('_') && !index.retention_ms.is_empty());
    };
    let retention_ms = index.retention_ms.get(last.spec.as_str());
    let ended_ms = last.end_ms.filter(|_| is_final(&last.status)).unwrap_or(last.start_ms);
    retention_ms.is_some_and(|retention_ms| ended_ms + retention_ms <= sight.wall_ms)
}

/// A run whose time is over does not stay.
fn kept(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let Some(over_ms) = index.over_ms else { return };
    for (run, view) in index.last_views() {
        let Some(retention_ms) = index.retention_ms.get(view.spec.as_str()) else { continue };
        if view.end_ms.is_some_and(|end_ms| end_ms + retention_ms + LATEST_MS < over_ms) {
            let text = format!("WfRun {run} ended at {:?} and is kept for ever", view.end_ms);
            violations.push(Violation { rule: "I10", text });
        }
    }
}

fn gone(violations: &mut Vec<Violation>, text: String) {
    violations.push(Violation { rule: "I1", text });
}
