//! Events: what was acknowledged is there, goes to one NodeRun at most, and is told to whoever awaits it (I15).

use std::collections::{BTreeMap, BTreeSet};

use super::{Index, Sight, Violation, deletions, is_of_tree};
use crate::history::{Action, Event, Outcome, RunView, ThrownView};

/// Posts of one event.
#[derive(Default)]
struct Posts<'h> {
    token: &'h str,
    /// First line at which it was known to be there.
    acknowledged: Option<usize>,
    /// Line at which a post was sent that was not refused.
    sent: Option<usize>,
    /// How many posts were acknowledged as new.
    new: usize,
}

/// What was sent: posts by run and event, correlated events by content.
struct Sent<'h> {
    posts: BTreeMap<&'h str, BTreeMap<&'h str, Posts<'h>>>,
    correlated: BTreeMap<&'h str, &'h str>,
}

pub(super) fn check(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let sent = sent(index);
    anew(index, &sent, violations);
    for (run, sights) in &index.sights {
        for sight in sights {
            let Some(view) = sight.view else { continue };
            posted(&sent, run, view, sight, violations);
            claimed(run, view, violations);
            thrown(run, view, violations);
        }
    }
    for (run, before, _, now) in index.pairs() {
        kept(run, before, now, violations);
    }
    told(index, violations);
    correlated(index, violations);
    violations.dedup();
}

fn sent<'h>(index: &Index<'h>) -> Sent<'h> {
    let mut sent = Sent { posts: BTreeMap::new(), correlated: BTreeMap::new() };
    for (at, line) in index.lines.iter().enumerate() {
        match &line.event {
            Event::Post { call, run, id, token } => {
                let posts: &mut Posts<'_> = sent.posts.entry(run).or_default().entry(id).or_default();
                posts.token = token;
                if !index.is_refused(*call) {
                    posts.sent.get_or_insert(at);
                }
                posts.new += usize::from(index.answered(*call, Outcome::Ok).is_some());
                let line = index.acknowledged(*call);
                posts.acknowledged = posts.acknowledged.into_iter().chain(line).min();
            }
            Event::Correlate { id, token, .. } => {
                sent.correlated.insert(token, id);
            }
            _ => {}
        }
    }
    sent
}

/// An event is new once, unless it went with its run.
fn anew(index: &Index<'_>, sent: &Sent<'_>, violations: &mut Vec<Violation>) {
    for (run, posts) in &sent.posts {
        for (id, post) in posts.iter().filter(|(_, post)| post.new > 1) {
            if !deletions::may_ever_be_gone(index, run) {
                broken(violations, format!("event {id} of {run} was acknowledged as new {} times", post.new));
            }
        }
    }
}

/// Every acknowledged event is there as it was sent, and every event was sent, each once.
fn posted(sent: &Sent<'_>, run: &str, view: &RunView, sight: &Sight<'_>, violations: &mut Vec<Violation>) {
    let nothing = BTreeMap::new();
    let posts = sent.posts.get(run).unwrap_or(&nothing);
    for (id, post) in posts.iter().filter(|(_, post)| post.acknowledged.is_some_and(|line| line < sight.asked)) {
        if !view.events.iter().any(|event| event.id == **id && event.token == post.token) {
            broken(violations, format!("event {id} of {run} was acknowledged and is lost"));
        }
    }
    let (mut seen, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for event in &view.events {
        if !ids.insert(&event.id) {
            broken(violations, format!("event {} of {run} is there twice", event.id));
        }
        let post = posts.get(event.id.as_str()).filter(|post| post.token == event.token);
        let is_posted = post.and_then(|post| post.sent).is_some_and(|line| line < sight.line);
        if !is_posted && !sent.correlated.contains_key(event.token.as_str()) {
            broken(violations, format!("nobody sent {event:?} to {run}"));
        }
        if !is_posted && !seen.insert((&event.token, event.thread, event.position)) {
            broken(violations, format!("a correlated event came twice to {run}: {event:?}"));
        }
    }
}

/// A NodeRun that has an event has it alone, and the event knows.
fn claimed(run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for node in &view.nodes {
        let Some(awaits) = &node.awaits else { continue };
        let Some(id) = &node.event else {
            if node.status == "COMPLETED" {
                broken(violations, format!("a NodeRun of {run} is COMPLETED without its event: {node:?}"));
            }
            continue;
        };
        if !seen.insert(id) {
            broken(violations, format!("event {id} of {run} went to two NodeRuns"));
        }
        let place = (Some(node.thread), Some(node.position));
        let is_its =
            view.events.iter().any(|event| event.id == *id && event.claimed && (event.thread, event.position) == place);
        if !is_its || id.split('/').next() != awaits.split('/').next() {
            broken(violations, format!("event {id} of {run} is not that of {node:?}"));
        }
    }
}

/// Numbers without gaps, one event for each NodeRun that threw, and none that no NodeRun threw.
fn thrown(run: &str, view: &RunView, violations: &mut Vec<Violation>) {
    let mut next: BTreeMap<&str, i32> = BTreeMap::new();
    let mut places = BTreeSet::new();
    let mut events: Vec<&ThrownView> = view.thrown.iter().collect();
    events.sort_by_key(|event| (&event.definition, event.number));
    for event in events {
        let number = next.entry(&event.definition).or_default();
        if event.number != *number || !places.insert(event.place) {
            broken(violations, format!("{run} threw {event:?}, which should be number {number}, or twice"));
        }
        *number = event.number + 1;
    }
    for node in view.nodes.iter().filter(|node| node.node.ends_with("throw") && node.status == "COMPLETED") {
        if !places.contains(&(node.thread, node.position)) {
            broken(violations, format!("what {node:?} of {run} threw is lost"));
        }
    }
}

/// What is claimed stays so; what was thrown stays.
fn kept(run: &str, before: &RunView, now: &RunView, violations: &mut Vec<Violation>) {
    for old in before.events.iter().filter(|event| event.claimed) {
        if !now.events.contains(old) {
            let new = now.events.iter().find(|event| event.id == old.id);
            broken(violations, format!("an event of {run} was {old:?} and is {new:?}"));
        }
    }
    for old in before.thrown.iter().filter(|event| !now.thrown.contains(event)) {
        broken(violations, format!("{run} threw {old:?}, which is lost"));
    }
}

/// What somebody was told was thrown for good, and who listened to the end was told everything.
fn told(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let name = |event: &ThrownView| format!("{}/{}", event.definition, event.number);
    let mut heard: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (at, line) in index.lines.iter().enumerate() {
        match &line.event {
            Event::Told { run, id, token } => {
                heard.entry(run).or_default().insert(id);
                let later = index.sights.get(run.as_str()).into_iter().flatten().filter(|sight| sight.asked > at);
                let is_there =
                    |view: &RunView| view.thrown.iter().any(|event| name(event) == *id && event.token == *token);
                if later.filter_map(|sight| sight.view).any(|view| !is_there(view)) {
                    broken(violations, format!("{id} of {run} was told and is lost"));
                }
            }
            Event::Listened { run } => {
                let last = index.sights.get(run.as_str()).and_then(|sights| sights.last()?.view);
                let heard = heard.get(run.as_str());
                let missed = |event: &&ThrownView| heard.is_none_or(|heard| !heard.contains(name(event).as_str()));
                if let Some(event) = last.into_iter().flat_map(|view| &view.thrown).find(missed) {
                    broken(violations, format!("nobody was told that {run} threw {event:?}"));
                }
            }
            _ => {}
        }
    }
}

/// A correlated event that was acknowledged is there, or somebody got it.
fn correlated(index: &Index<'_>, violations: &mut Vec<Violation>) {
    let views = || index.sights.values().flatten().filter_map(|sight| sight.view);
    let got: BTreeSet<&str> = views().flat_map(|view| &view.events).map(|event| event.token.as_str()).collect();
    let mut there: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for line in index.lines {
        if let Event::Kept { id, token } = &line.event {
            there.insert(id, token.as_deref());
        }
    }
    for line in index.lines {
        let Event::Correlate { call, id, token } = &line.event else { continue };
        let Some(kept) = there.get(id.as_str()) else { continue };
        let is_there = *kept == Some(token.as_str()) || got.contains(token.as_str());
        // Who got it may have been deleted with it.
        let root = id.split('/').nth(1).unwrap_or_default();
        let mut tree = index.sights.iter().filter(|(run, _)| is_of_tree(run, root)).flat_map(|(_, sights)| sights);
        let expires = |view: &RunView| index.retention_ms.contains_key(view.spec.as_str());
        let is_deleted = index.operations.iter().any(|(run, operations)| {
            is_of_tree(run, root) && operations.iter().any(|operation| operation.action == Action::Delete)
        });
        let may_be_deleted =
            is_deleted || deletions::retains(index, root) || tree.any(|sight| sight.view.is_some_and(expires));
        if !is_there && !may_be_deleted && matches!(index.answers.get(call), Some((_, Outcome::Ok))) {
            broken(violations, format!("correlated event {id} was acknowledged with {token:?} and is lost"));
        }
    }
}

fn broken(violations: &mut Vec<Violation>, text: String) {
    violations.push(Violation { rule: "I15", text });
}
