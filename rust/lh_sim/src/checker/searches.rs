//! A search finds every run that was acknowledged before it was sent, each once, and no other (I18).

use std::collections::{BTreeMap, BTreeSet};

use super::{Index, Violation, deletions};
use crate::history::{Event, Outcome};

/// A run of a batch.
#[derive(Default)]
struct Member {
    /// Line of the first acknowledgement.
    acknowledged: Option<usize>,
    /// Line at which a start was sent that may have made it.
    sent: Option<usize>,
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let batches = batches(index);
    for (at, line) in index.lines.iter().enumerate() {
        let Event::Found { batch, asked, runs } = &line.event else { continue };
        let nobody = BTreeMap::new();
        let members = batches.get(batch.as_str()).unwrap_or(&nobody);
        let mut wrong = |what: String| {
            violations.push(Violation { rule: "I18", text: format!("a search for {batch} (line {}) {what}", at + 1) });
        };
        let mut found = BTreeSet::new();
        for run in runs {
            if !found.insert(run.as_str()) {
                wrong(format!("found WfRun {run} twice"));
            }
            if members.get(run.as_str()).and_then(|member| member.sent).is_none_or(|sent| sent > at) {
                wrong(format!("found WfRun {run}, which nobody started with it"));
            }
        }
        for (run, member) in members {
            let is_there = member.acknowledged.is_some_and(|line| line < *asked);
            if is_there && !found.contains(run) && !deletions::may_ever_be_gone(index, run) {
                wrong(format!("did not find WfRun {run}"));
            }
        }
    }
}

fn batches<'h>(index: &Index<'h>) -> BTreeMap<&'h str, BTreeMap<&'h str, Member>> {
    let mut batches: BTreeMap<&str, BTreeMap<&str, Member>> = BTreeMap::new();
    for (at, line) in index.lines.iter().enumerate() {
        let Event::Start { call, run, batch: Some(batch), .. } = &line.event else { continue };
        let answer = index.answers.get(call);
        if matches!(answer, Some((_, Outcome::NotFound | Outcome::Refused))) {
            continue;
        }
        let member = batches.entry(batch).or_default().entry(run).or_default();
        member.sent.get_or_insert(at);
        if let Some((line, Outcome::Ok)) = answer {
            member.acknowledged.get_or_insert(*line);
        }
    }
    batches
}
