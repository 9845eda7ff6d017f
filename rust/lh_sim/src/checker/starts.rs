//! Definitions and starts: acknowledged = there for ever, unknown = zero or once, the same id = one run (I1, I2, I3).

use std::collections::BTreeMap;

use super::{Index, Violation, deletions};
use crate::history::{Event, Outcome};

#[derive(Default)]
struct Starts {
    acknowledged: Vec<usize>,
    /// First sight of the node that made it.
    made: Option<usize>,
    /// Some call may have made the run: acknowledged, unknown, or not answered.
    may_exist: bool,
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let runs = collect(index);
    for (run, starts) in &runs {
        if starts.acknowledged.len() > 1 {
            let text = format!("WfRun {run} was acknowledged as new {} times", starts.acknowledged.len());
            violations.push(Violation { rule: "I3", text });
        }
        lost(index, run, starts, violations);
    }
    for (run, before, _, view) in index.pairs().filter(|(_, before, _, view)| before.start_ms != view.start_ms) {
        let text = format!("WfRun {run} was started at {} and at {}", before.start_ms, view.start_ms);
        violations.push(Violation { rule: "I3", text });
    }
    definitions(index, violations);
}

fn collect<'h>(index: &Index<'h>) -> BTreeMap<&'h str, Starts> {
    let mut runs: BTreeMap<&str, Starts> = BTreeMap::new();
    for line in index.lines {
        let Event::Start { call, run, .. } = &line.event else { continue };
        let starts = runs.entry(run).or_default();
        match index.answers.get(call) {
            Some((at, Outcome::Ok)) => {
                starts.acknowledged.push(*at);
                starts.may_exist = true;
            }
            Some((_, Outcome::NotFound | Outcome::Refused)) => {}
            Some((_, Outcome::Exists | Outcome::Unknown)) | None => starts.may_exist = true,
        }
    }
    // A node that ran a child has made it.
    for sight in index.sights.values().flatten() {
        for child in sight.view.iter().flat_map(|view| &view.nodes).filter_map(|node| node.child.as_deref()) {
            let starts = runs.entry(child).or_default();
            starts.may_exist = true;
            starts.made = Some(starts.made.map_or(sight.line, |line| line.min(sight.line)));
        }
    }
    runs
}

/// From the first proof of a run on, every read that is sent finds it, until it is deleted.
fn lost(index: &Index<'_>, run: &str, starts: &Starts, violations: &mut Vec<Violation>) {
    let mut proven = starts.acknowledged.iter().copied().chain(starts.made).min();
    for sight in index.sights.get(run).into_iter().flatten() {
        match sight.view {
            Some(_) if !starts.may_exist => {
                let text = format!("WfRun {run} exists, although every start of it was refused");
                violations.push(Violation { rule: "I2", text });
                return;
            }
            Some(_) => proven = Some(proven.map_or(sight.line, |line| line.min(sight.line))),
            None if proven.is_some_and(|line| line < sight.asked) && !deletions::may_be_gone(index, run, sight) => {
                let text = format!("WfRun {run} was there and is gone (line {})", sight.line + 1);
                violations.push(Violation { rule: "I1", text });
                return;
            }
            None => {}
        }
    }
}

/// A definition that was acknowledged is known to every later start.
fn definitions(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for line in index.lines {
        if let Event::Define { call, spec, .. } = &line.event
            && let Some(at) = index.answered(*call, Outcome::Ok)
        {
            let first = known.entry(spec).or_insert(at);
            *first = at.min(*first);
        }
    }
    for (at, line) in index.lines.iter().enumerate() {
        if let Event::Start { call, run, spec, .. } = &line.event
            && known.get(spec.as_str()).is_some_and(|defined| *defined < at)
            && index.answered(*call, Outcome::NotFound).is_some()
        {
            let text = format!("WfSpec {spec} was acknowledged, but the start of WfRun {run} did not find it");
            violations.push(Violation { rule: "I1", text });
        }
    }
}
