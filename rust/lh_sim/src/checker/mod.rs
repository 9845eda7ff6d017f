//! What a history must show (docs/operating/simulator.md lists the rules). The verdict is a function of the lines alone.
//!
//! `starts` I1-I3 · `searches` I18 · `deletions` I1, I10 · `tasks` I4, I7, I9 · `states` with `edges` I13 and times · `threads` handlers, children and stopped
//! runs · `events` I15 · `people` user tasks · `timers` I10, I11 · `endings` liveness
//!
//! Calls about one run take effect in the order in which they were sent, or never.

mod deletions;
mod edges;
mod endings;
mod events;
mod people;
mod searches;
mod starts;
mod states;
mod tasks;
mod threads;
mod timers;

use std::{collections::BTreeMap, fmt, ops::Bound};

use crate::history::{Action, Event, Line, Outcome, RunView};

/// Something that must never be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as docs/operating/simulator.md names it.
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
    left: &'h [String],
}

/// Something that an operator did to a run.
struct Operation {
    /// Line at which it was sent.
    line: usize,
    call: u64,
    thread: i32,
    action: Action,
}

/// A history, indexed.
struct Index<'h> {
    lines: &'h [Line],
    sights: BTreeMap<&'h str, Vec<Sight<'h>>>,
    operations: BTreeMap<&'h str, Vec<Operation>>,
    /// WfSpecs of runs that somebody started.
    specs: BTreeMap<&'h str, &'h str>,
    /// Time after which runs of a WfSpec are deleted by themselves.
    retention_ms: BTreeMap<&'h str, i64>,
    /// Answers by call: line and outcome.
    answers: BTreeMap<u64, (usize, Outcome)>,
    /// Wall time at which everything was over.
    over_ms: Option<i64>,
}

impl<'h> Index<'h> {
    fn new(lines: &'h [Line]) -> Self {
        let mut index = Self {
            lines,
            sights: BTreeMap::new(),
            operations: BTreeMap::new(),
            specs: BTreeMap::new(),
            retention_ms: BTreeMap::new(),
            answers: BTreeMap::new(),
            over_ms: None,
        };
        for (at, line) in lines.iter().enumerate() {
            match &line.event {
                Event::Seen { run, asked, view, left } => index.sights.entry(run).or_default().push(Sight {
                    line: at,
                    asked: *asked,
                    wall_ms: line.wall_ms,
                    view: view.as_deref(),
                    left,
                }),
                Event::Operate { call, run, thread, action } => {
                    let operation = Operation { line: at, call: *call, thread: *thread, action: *action };
                    index.operations.entry(run).or_default().push(operation);
                }
                Event::Start { run, spec, .. } => {
                    index.specs.insert(run, spec);
                }
                Event::Define { spec, retention_ms: Some(retention_ms), .. } => {
                    index.retention_ms.insert(spec, *retention_ms);
                }
                Event::Answered { call, outcome } => {
                    index.answers.insert(*call, (at, *outcome));
                }
                Event::Over => index.over_ms = Some(line.wall_ms),
                _ => {}
            }
        }
        index
    }

    /// What operators did to a run.
    fn operations(&self, run: &str) -> &[Operation] {
        self.operations.get(run).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody wanted a run rescued before this line, or one below it: who rescues a child rescues its parents.
    fn is_rescued(&self, run: &str, line: usize) -> bool {
        self.operations_of_tree(run).any(|operation| operation.action == Action::Rescue && operation.line < line)
    }

    /// What operators did to a run and those below it.
    fn operations_of_tree<'a>(&'a self, run: &'a str) -> impl Iterator<Item = &'a Operation> {
        let from = self.operations.range::<str, _>((Bound::Included(run), Bound::Unbounded));
        let near = from.take_while(move |(name, _)| name.starts_with(run));
        near.filter(move |(name, _)| is_of_tree(name, run)).flat_map(|(_, operations)| operations)
    }

    /// The line at which a call was acknowledged: it was done, now or before.
    fn acknowledged(&self, call: u64) -> Option<usize> {
        self.answers
            .get(&call)
            .filter(|(_, answer)| matches!(answer, Outcome::Ok | Outcome::Exists))
            .map(|(line, _)| *line)
    }

    /// True if the answer says that a call was not executed.
    fn is_refused(&self, call: u64) -> bool {
        matches!(self.answers.get(&call), Some((_, Outcome::Refused | Outcome::NotFound)))
    }

    /// The line at which this call was answered with `outcome`, if it was.
    fn answered(&self, call: u64, outcome: Outcome) -> Option<usize> {
        self.answers.get(&call).filter(|(_, answer)| *answer == outcome).map(|(line, _)| *line)
    }

    /// How each run was at the last look, if it was there.
    fn last_views(&self) -> impl Iterator<Item = (&'h str, &'h RunView)> {
        self.sights.iter().filter_map(|(run, sights)| Some((*run, sights.last()?.view?)))
    }

    /// Every view of each run with the one before it: the last that had been seen when it was asked for.
    fn pairs(&self) -> impl Iterator<Item = (&'h str, &'h RunView, &Sight<'h>, &'h RunView)> {
        self.sights.iter().flat_map(|(run, sights)| {
            sights.iter().filter_map(|sight| {
                let earlier = &sights[..sights.partition_point(|other| other.line < sight.asked)];
                let before = earlier.iter().rev().find_map(|other| other.view)?;
                Some((*run, before, sight, sight.view?))
            })
        })
    }
}

/// True if this is the run or one below it.
fn is_of_tree(name: &str, run: &str) -> bool {
    name.strip_prefix(run).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Everything in this history that must not be; empty = none was found.
pub fn check(lines: &[Line]) -> Vec<Violation> {
    let index = Index::new(lines);
    let mut violations = Vec::new();
    starts::check(&index, &mut violations);
    searches::check(&index, &mut violations);
    deletions::check(&index, &mut violations);
    tasks::check(&index, &mut violations);
    states::check(&index, &mut violations);
    threads::check(&index, &mut violations);
    events::check(&index, &mut violations);
    people::check(&index, &mut violations);
    timers::check(&index, &mut violations);
    endings::check(&index, &mut violations);
    violations
}

/// Runs that were deleted and that nobody starts any more.
pub fn deleted(lines: &[Line]) -> Vec<String> {
    deletions::deleted(&Index::new(lines)).into_keys().map(str::to_owned).collect()
}

/// What the history shows at all.
pub fn coverage(lines: &[Line]) -> Coverage {
    let mut coverage = Coverage::default();
    for line in lines {
        match &line.event {
            Event::Answered { outcome, .. } => match outcome {
                Outcome::Ok => coverage.acknowledged += 1,
                Outcome::Unknown => coverage.unknown += 1,
                Outcome::Exists | Outcome::NotFound | Outcome::Refused => {}
            },
            Event::Delivered { .. } => coverage.delivered += 1,
            Event::Ended { .. } => coverage.ended += 1,
            _ => {}
        }
    }
    coverage
}
