//! What a history must show (docs/operating/reliability.md lists the rules). The verdict is a function of the lines alone.
//!
//! `starts` I1-I3 · `tasks` I4, I7, I9 · `states` I13 and times · `timers` I10, I11 · `endings` liveness

mod endings;
mod starts;
mod states;
mod tasks;
mod timers;

use std::{collections::BTreeMap, fmt};

use crate::history::{Event, Line, Outcome, RunView};

/// Something that must never be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as docs/operating/reliability.md names it.
    pub rule: &'static str,
    /// What was seen, with ids.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.text)
    }
}

/// How much a history shows: one in which hardly anything happened proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Calls that were acknowledged.
    pub acknowledged: usize,
    /// Calls of which nobody knows what became.
    pub unknown: usize,
    /// Attempts that were delivered.
    pub delivered: usize,
    /// Servers that ended.
    pub ended: usize,
}

/// One view of a run and where it stands in the history.
struct Sight<'h> {
    /// Line of the read.
    line: usize,
    /// Lines before the read was sent.
    asked: usize,
    wall_ms: i64,
    view: Option<&'h RunView>,
}

/// A history, indexed.
struct Index<'h> {
    lines: &'h [Line],
    sights: BTreeMap<&'h str, Vec<Sight<'h>>>,
    /// Answers by call: line and outcome.
    answers: BTreeMap<u64, (usize, Outcome)>,
}

impl<'h> Index<'h> {
    fn new(lines: &'h [Line]) -> Self {
        let mut index = Self { lines, sights: BTreeMap::new(), answers: BTreeMap::new() };
        for (at, line) in lines.iter().enumerate() {
            match &line.event {
                Event::Seen { run, asked, view } => index.sights.entry(run).or_default().push(Sight {
                    line: at,
                    asked: *asked,
                    wall_ms: line.wall_ms,
                    view: view.as_ref(),
                }),
                Event::Defined { call, outcome }
                | Event::Started { call, outcome }
                | Event::Reported { call, outcome } => {
                    index.answers.insert(*call, (at, *outcome));
                }
                _ => {}
            }
        }
        index
    }

    /// The line at which this call was answered with `outcome`, if it was.
    fn answered(&self, call: u64, outcome: Outcome) -> Option<usize> {
        self.answers.get(&call).filter(|(_, answer)| *answer == outcome).map(|(line, _)| *line)
    }

    /// The last view of each run that was found.
    fn last_views(&self) -> impl Iterator<Item = (&'h str, &'h RunView)> {
        self.sights.iter().filter_map(|(run, sights)| Some((*run, sights.iter().rev().find_map(|sight| sight.view)?)))
    }
}

/// Everything in this history that must not be; empty = none was found.
pub fn check(lines: &[Line]) -> Vec<Violation> {
    let index = Index::new(lines);
    let mut violations = Vec::new();
    starts::check(&index, &mut violations);
    tasks::check(&index, &mut violations);
    states::check(&index, &mut violations);
    timers::check(&index, &mut violations);
    endings::check(&index, &mut violations);
    violations
}

/// What the history shows at all.
pub fn coverage(lines: &[Line]) -> Coverage {
    let mut coverage = Coverage::default();
    for line in lines {
        match &line.event {
            Event::Defined { outcome, .. } | Event::Started { outcome, .. } | Event::Reported { outcome, .. } => {
                match outcome {
                    Outcome::Ok => coverage.acknowledged += 1,
                    Outcome::Unknown => coverage.unknown += 1,
                    Outcome::Exists | Outcome::NotFound | Outcome::Refused => {}
                }
            }
            Event::Delivered { .. } => coverage.delivered += 1,
            Event::Ended { .. } => coverage.ended += 1,
            _ => {}
        }
    }
    coverage
}
