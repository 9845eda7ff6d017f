//! What the store must hold: taken as one set of whole log entries, encoded here once per flush (decision 002), in
//! slices between which commands go on (decision 009).

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use crate::{
    index, internal, key,
    mutants::{self, Mutant},
    pb,
    run::{
        Run,
        events::def_of_thrown,
        is_terminal,
        record::{self, CLOSED_NODES_KEPT},
        task_at,
    },
};

/// What one flush must write, as one atomic batch together with the applied record (which is among the writes).
#[derive(Debug, Default)]
pub struct FlushSet {
    /// What to write. A map, since to make a list of it would take as long as many slices, between which nothing happens.
    pub writes: Writes,
}

/// Values by key, `None` = delete.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Which flush sets were taken and which of them the store has.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Number of the set begun last.
    pub(super) taken: u64,
    /// Number of the last set that the store has.
    pub(super) done: u64,
    /// Something was applied since the last set was begun.
    pub(super) advanced: bool,
    /// Last queue sequence given out when the last set was begun: later ones are not in the store.
    pub(super) queue_sequence: u64,
    /// The set that is being encoded.
    taking: Option<Taking>,
    /// Finished runs of the set begun last.
    finished: Vec<Vec<u8>>,
}

/// A set on its way: all of it is as of the log entry at which it was begun.
#[derive(Debug, Default)]
struct Taking {
    /// What is encoded so far.
    writes: Writes,
    /// Runs that changed before and are not encoded yet, nor changed since: whoever changes one encodes it first.
    runs: BTreeSet<Vec<u8>>,
}

impl Progress {
    /// Encodes a run that was taken out to be changed, if the set on its way must have it as it was. Its NodeRuns stay
    /// together: whoever took it may have looked at them already.
    pub(super) fn encode_before_change(&mut self, run: &mut Run) {
        let Some(taking) = &mut self.taking else { return };
        if taking.runs.remove(&run.key) {
            encode_run(run, self.taken, &mut taking.writes);
            if run.is_terminal() {
                self.finished.push(run.key.clone());
            }
        }
    }
}

impl State {
    /// True if there is something to flush.
    pub fn is_dirty(&self) -> bool {
        self.flush.advanced
            || self.flush.taking.is_some()
            || !self.writes.is_empty()
            || !self.residence.dirty.is_empty()
    }

    /// Roughly how many records the next flush will write: (of finished runs and resident tables, of live runs).
    pub fn dirty_counts(&self) -> (usize, usize) {
        let dirty = &self.residence.dirty;
        let runs = &self.residence.runs;
        let live = dirty.iter().filter(|key| runs.get(*key).is_some_and(|run| !run.is_terminal())).count();
        (dirty.len() - live + self.writes.len(), live)
    }

    /// Number of runs that changed since the last flush set was taken.
    pub fn dirty_runs(&self) -> usize {
        self.residence.dirty.len()
    }

    /// Everything that changed since the last call, encoded: what the store must write to stand at [`State::applied`].
    pub fn take_flush(&mut self) -> FlushSet {
        self.begin_flush();
        self.continue_flush(usize::MAX).unwrap_or_default()
    }

    /// Begins a flush set with everything that changed since the last one, as of [`State::applied`]. Until
    /// [`State::continue_flush`] has returned it, commands may be applied but no other set may be begun.
    pub fn begin_flush(&mut self) {
        self.flush.taken += 1;
        self.flush.advanced = false;
        self.flush.queue_sequence = self.queues.sequence();
        self.applied.queue_sequence = self.queues.sequence();
        let mut writes = std::mem::take(&mut self.writes);
        if !mutants::is_on(Mutant::FlushWithoutApplied) {
            writes.insert(key::applied(), Some(record::with_format(&self.applied)));
        }
        self.flush.taking = Some(Taking { writes, runs: std::mem::take(&mut self.residence.dirty) });
    }

    /// Encodes more runs of the set that was begun, as many as have about `objects` objects together;
    /// the set once nothing is left to encode.
    pub fn continue_flush(&mut self, objects: usize) -> Option<FlushSet> {
        let mut taking = self.flush.taking.take()?;
        let mut left = objects;
        while left > 0
            && let Some(key) = taking.runs.pop_first()
        {
            let Some(run) = self.residence.runs.get_mut(&key) else { continue };
            left = left.saturating_sub(run.objects());
            spill(run, &mut taking.writes, &mut self.residence.nodes.leaving);
            spill_thrown(run, &mut taking.writes, &mut self.residence.thrown.leaving);
            let before = run.stored.bytes;
            encode_run(run, self.flush.taken, &mut taking.writes);
            self.residence.bytes = self.residence.bytes.saturating_sub(before) + run.stored.bytes;
            if run.is_terminal() {
                self.flush.finished.push(key);
            }
        }
        self.forget_fetched();
        if taking.runs.is_empty() {
            return Some(FlushSet { writes: taking.writes });
        }
        self.flush.taking = Some(taking);
        None
    }

    /// A record of a resident table that the store may not have yet: written, `Some(None)` = deleted.
    pub(crate) fn unwritten(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        let taking = || self.flush.taking.as_ref()?.writes.get(key);
        self.writes.get(key).or_else(taking)
    }

    /// The set begun last is in the store: its runs may be evicted from now on, finished ones leave with the next
    /// calls of [`State::sweep`].
    pub fn flushed(&mut self) {
        self.flush.done = self.flush.taken;
        let finished = std::mem::take(&mut self.flush.finished);
        self.residence.forget_written(finished, self.flush.done);
    }
}

type Leaving<T> = BTreeMap<Vec<u8>, T>;

/// Adds the run's record and its changed index entries to the set of this number.
fn encode_run(run: &mut Run, flush: u64, writes: &mut Writes) {
    let entries = index::of_run(run);
    for stale in &run.stored.index {
        if !entries.contains_key(stale) && !mutants::is_on(Mutant::IndexEntryKept) {
            writes.insert(stale.clone(), None);
        }
    }
    let mut keys = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        // Sorted, as it was taken from the entries of the set before.
        if run.stored.index.binary_search(&key).is_err() {
            writes.insert(key.clone(), Some(value));
        }
        keys.push(key);
    }
    run.stored.index = keys;
    run.stored.armed = run.armed_ms != 0;
    let bytes = record::encode(run);
    run.stored.record_bytes = bytes.len();
    run.stored.bytes = run.footprint();
    run.stored.dirty = false;
    run.stored.flush = flush;
    writes.insert(run.key.clone(), Some(bytes));
}

/// Moves closed NodeRuns to records of their own once the run keeps too many (decision 003). The node a thread stands
/// on stays.
fn spill(run: &mut Run, writes: &mut Writes, leaving: &mut Leaving<internal::NodeRecord>) {
    if run.nodes.len() <= CLOSED_NODES_KEPT {
        return;
    }
    let current: Vec<(i32, i32)> =
        run.wf_run.thread_runs.iter().map(|thread| (thread.number, thread.current_node_position)).collect();
    let closed: Vec<(i32, i32)> = run
        .nodes
        .iter()
        .filter(|(place, record)| !current.contains(place) && is_closed(record.node_run.as_ref()))
        .filter(|(_, record)| !task_at::has_open_reminder(record))
        .map(|(place, _)| *place)
        .collect();
    let id = run.id();
    for place in closed {
        let Some(record) = run.nodes.remove(&place) else { continue };
        // Its index entries are final: they are written here and no longer compared.
        for (key, value) in index::of_node(run, &record) {
            run.stored.index.retain(|stored| *stored != key);
            writes.insert(key, Some(value));
        }
        let key = key::node(&run.tenant, &id, place.0, place.1);
        writes.insert(key.clone(), Some(record::with_format(&record)));
        leaving.insert(key, *record);
    }
}

/// Moves WorkflowEvents to records of their own once the run keeps too many (decision 015): nothing of them changes any more.
fn spill_thrown(run: &mut Run, writes: &mut Writes, leaving: &mut Leaving<pb::WorkflowEvent>) {
    let thrown = run.events.spill_thrown();
    if thrown.is_empty() {
        return;
    }
    let id = run.id();
    let mut entries = BTreeSet::new();
    for event in thrown {
        // As for NodeRuns, their index entries are final.
        if let Some((key, value)) = index::of_thrown(run, &event) {
            entries.insert(key.clone());
            writes.insert(key, Some(value));
        }
        let Some(event_id) = &event.id else { continue };
        let key = key::thrown(&run.tenant, &id, def_of_thrown(event_id), event_id.number);
        writes.insert(key.clone(), Some(record::with_format(&event)));
        leaving.insert(key, event);
    }
    run.stored.index.retain(|stored| !entries.contains(stored));
}

fn is_closed(node_run: Option<&pb::NodeRun>) -> bool {
    node_run.is_some_and(|node_run| is_terminal(node_run.status()))
}
