//! Which runs are in memory: taken in on demand, pinned while commands wait for them, evicted when clean and long unused.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

use super::{Corrupt, State, flush::Progress};
use crate::{
    internal, key,
    mutants::{self, Mutant},
    pb,
    run::{
        Run,
        family::{self, Children},
        record,
    },
    spec::Spec,
};

/// Runs in memory and what is known about those that do not exist.
#[derive(Debug, Default)]
pub(super) struct Residence {
    pub(super) runs: BTreeMap<Vec<u8>, Box<Run>>,
    pub(super) dirty: BTreeSet<Vec<u8>>,
    absent: BTreeSet<Vec<u8>>,
    /// Deleted runs, each with the number of the flush set that will tell the store (0 = it knows) and what is left of
    /// the runs below it.
    gone: BTreeMap<Vec<u8>, (u64, Children)>,
    /// NodeRuns with records of their own.
    pub(super) nodes: Aside<internal::NodeRecord>,
    /// WorkflowEvents with records of their own.
    pub(super) thrown: Aside<pb::WorkflowEvent>,
    litter: Litter,
    pins: BTreeMap<Vec<u8>, usize>,
    clock: u64,
    pub(super) bytes: usize,
}

/// What the store has and nobody needs here any more. To drop it all at once would keep everybody waiting.
#[derive(Debug, Default)]
struct Litter {
    runs: Vec<Vec<u8>>,
    nodes: Vec<btree_map::IntoIter<Vec<u8>, internal::NodeRecord>>,
    thrown: Vec<btree_map::IntoIter<Vec<u8>, pb::WorkflowEvent>>,
}

/// What has records of its own beside that of its run.
#[derive(Debug)]
pub(super) struct Aside<T> {
    /// Records that a command has to see; `None` = the store has none.
    fetched: BTreeMap<Vec<u8>, Option<T>>,
    /// Records that left their run with a flush set which the store may not have yet: a command that was found ready
    /// before can still see them.
    pub(super) leaving: BTreeMap<Vec<u8>, T>,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self { fetched: BTreeMap::new(), leaving: BTreeMap::new() }
    }
}

impl<T> Aside<T> {
    fn knows(&self, key: &[u8]) -> bool {
        self.fetched.contains_key(key) || self.leaving.contains_key(key)
    }

    /// The record, once.
    fn take(&mut self, key: &[u8]) -> Option<T> {
        let leaving = self.leaving.remove(key);
        let fetched = self.fetched.remove(key).flatten();
        leaving.or(fetched)
    }

    /// What has left, now that the store has it: to be dropped.
    fn take_leaving(&mut self) -> Option<btree_map::IntoIter<Vec<u8>, T>> {
        let leaving = std::mem::take(&mut self.leaving);
        (!leaving.is_empty()).then(|| leaving.into_iter())
    }

    /// What leaves its run now: what was fetched of it before is out of date.
    fn forget_fetched(&mut self) {
        let Self { fetched, leaving } = self;
        if !fetched.is_empty() {
            fetched.retain(|key, _| !leaving.contains_key(key));
        }
    }
}

impl State {
    /// Takes in a run record that [`crate::needs`] asked for; `None` = the store has none. Ignored if known already.
    ///
    /// # Errors
    /// [`Corrupt`] if the record cannot be read or names a definition that this shard does not have.
    pub fn insert(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Corrupt> {
        if self.residence.runs.contains_key(key) || self.residence.gone.contains_key(key) {
            return Ok(());
        }
        if key::is_node(key) {
            let record = value.map(record::decode_node).transpose()?;
            self.residence.nodes.fetched.insert(key.to_vec(), record);
            return Ok(());
        }
        if key::is_thrown(key) {
            let record = value.map(record::decode_thrown).transpose()?;
            self.residence.thrown.fetched.insert(key.to_vec(), record);
            return Ok(());
        }
        let Some(value) = value else {
            self.residence.absent.insert(key.to_vec());
            return Ok(());
        };
        let record = record::decode(value)?;
        if record.wf_run.is_none() {
            self.residence.absent.remove(key);
            self.residence.gone.insert(key.to_vec(), (0, family::by_id(record.children)));
            return Ok(());
        }
        let spec = self.bound_spec(record.spec_uid)?;
        let mut run = record::into_run(key.to_vec(), record, spec, value.len());
        self.residence.clock += 1;
        run.stored.used = self.residence.clock;
        self.residence.bytes += run.stored.bytes;
        self.residence.absent.remove(key);
        self.residence.runs.insert(key.to_vec(), Box::new(run));
        Ok(())
    }

    /// The definition that a stored run is bound to; that of a run which was not started says nothing.
    pub(crate) fn bound_spec(&self, uid: u64) -> Result<Arc<Spec>, Corrupt> {
        let unborn = (uid == 0).then(Spec::none);
        unborn
            .or_else(|| self.definitions.spec_by_uid(uid))
            .ok_or_else(|| Corrupt(format!("a run record is bound to WfSpec {uid}, which is not stored")))
    }

    /// Keeps the run (or the knowledge of its absence) in memory until [`State::unpin`]; counts.
    pub fn pin(&mut self, key: &[u8]) {
        *self.residence.pins.entry(key.to_vec()).or_insert(0) += 1;
    }

    /// Releases one pin.
    pub fn unpin(&mut self, key: &[u8]) {
        let Some(pins) = self.residence.pins.get_mut(key) else { return };
        *pins -= 1;
        if *pins == 0 {
            self.residence.pins.remove(key);
            self.residence.absent.remove(key);
            self.residence.nodes.fetched.remove(key);
            self.residence.thrown.fetched.remove(key);
        }
    }

    /// True if a command on this run can be applied: it is in memory, or known not to exist.
    pub fn knows_run(&self, key: &[u8]) -> bool {
        let residence = &self.residence;
        residence.runs.contains_key(key) || residence.absent.contains(key) || residence.gone.contains_key(key)
    }

    /// True if this record needs not be fetched: [`State::knows_run`], or one beside that of a run which was fetched.
    pub fn knows(&self, key: &[u8]) -> bool {
        let residence = &self.residence;
        self.knows_run(key) || residence.nodes.knows(key) || residence.thrown.knows(key)
    }

    /// True if the run was deleted, which the store may not know yet.
    pub(crate) fn is_gone(&self, key: &[u8]) -> bool {
        self.residence.gone.contains_key(key)
    }

    /// The record of a NodeRun that left its run with a flush set which the store may not have yet.
    pub(crate) fn leaving(&self, key: &[u8]) -> Option<&internal::NodeRecord> {
        self.residence.nodes.leaving.get(key)
    }

    /// The record of a NodeRun that is on its way to the store, or was fetched.
    pub(crate) fn spilled(&self, key: &[u8]) -> Option<&internal::NodeRecord> {
        self.leaving(key).or_else(|| self.residence.nodes.fetched.get(key)?.as_ref())
    }

    /// The fetched record of a NodeRun, once.
    pub(crate) fn take_spilled(&mut self, key: &[u8]) -> Option<internal::NodeRecord> {
        self.residence.nodes.take(key)
    }

    /// The record of a WorkflowEvent that left its run with a flush set which the store may not have yet.
    pub(crate) fn leaving_thrown(&self, key: &[u8]) -> Option<&pb::WorkflowEvent> {
        self.residence.thrown.leaving.get(key)
    }

    /// The record of a WorkflowEvent that is on its way to the store, or was fetched; once.
    pub(crate) fn take_thrown(&mut self, key: &[u8]) -> Option<pb::WorkflowEvent> {
        self.residence.thrown.take(key)
    }

    /// Remembers that a run, taken out before, does not exist any more, and of which runs below it some do.
    pub(crate) fn bury(&mut self, key: &[u8], left: Children) {
        self.residence.dirty.remove(key);
        self.residence.absent.remove(key);
        let grave = internal::RunRecord { children: left.values().cloned().collect(), ..Default::default() };
        let value = (!left.is_empty()).then(|| record::with_format(&grave));
        if !mutants::is_on(Mutant::DeletedRunKeptInStore) {
            self.writes.insert(key.to_vec(), value);
        }
        self.residence.gone.insert(key.to_vec(), (self.flush.taken + 1, left));
    }

    /// What a deleted run left behind; the caller makes a run of that key, or buries it again.
    pub(crate) fn take_grave(&mut self, key: &[u8]) -> Children {
        self.residence.gone.get_mut(key).map(|(_, left)| std::mem::take(left)).unwrap_or_default()
    }

    /// What leaves its run now: what was fetched of it before is out of date.
    pub(super) fn forget_fetched(&mut self) {
        self.residence.nodes.forget_fetched();
        self.residence.thrown.forget_fetched();
    }

    /// True if the run is in memory.
    pub(crate) fn has_run(&self, key: &[u8]) -> bool {
        self.run(key).is_some()
    }

    /// The run, if it is in memory.
    pub(crate) fn run(&self, key: &[u8]) -> Option<&Run> {
        self.with_events(key).filter(|run| !run.is_unborn())
    }

    /// The run or the record of events posted ahead to its id, if it is in memory.
    pub(crate) fn with_events(&self, key: &[u8]) -> Option<&Run> {
        self.residence.runs.get(key).map(|run| &**run)
    }

    /// Takes a run out to work on it; [`State::put_run`] brings it back.
    pub(crate) fn take_run(&mut self, key: &[u8]) -> Option<Box<Run>> {
        if self.has_run(key) { self.take_with_events(key) } else { None }
    }

    /// Takes out what was posted ahead to the id of a run that does not exist; as [`State::take_run`].
    pub(crate) fn take_unborn(&mut self, key: &[u8]) -> Option<Box<Run>> {
        self.residence.take_unborn(key, &mut self.flush)
    }

    /// Takes out the run, or what was posted ahead to its id; as [`State::take_run`].
    pub(crate) fn take_with_events(&mut self, key: &[u8]) -> Option<Box<Run>> {
        self.residence.take(key, &mut self.flush)
    }

    /// Keys of the records of events that were posted ahead to ids below a run, or below the id of one that does not
    /// exist: whoever may start that child must have them.
    pub(crate) fn keys_ahead(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let may_start = |run: &&Run| run.has_ahead && (run.is_unborn() || run.spec.names_children);
        let of_run = || self.with_events(key).filter(may_start).map(|run| &run.children);
        let children = of_run().or_else(|| self.residence.gone.get(key).map(|(_, left)| left));
        children.map(|children| family::keys_ahead(key, children)).unwrap_or_default()
    }

    /// Brings back a changed run, or a new one.
    pub(crate) fn put_run(&mut self, run: impl Into<Box<Run>>) {
        let mut run = run.into();
        self.residence.clock += 1;
        run.stored.used = self.residence.clock;
        if !std::mem::replace(&mut run.stored.dirty, true) {
            self.residence.dirty.insert(run.key.clone());
        }
        self.residence.bytes += run.stored.bytes;
        self.residence.absent.remove(&run.key);
        self.residence.gone.remove(&run.key);
        self.residence.runs.insert(run.key.clone(), run);
    }

    /// Brings back a run that was taken out and not changed.
    pub(crate) fn return_run(&mut self, run: Box<Run>) {
        self.residence.bytes += run.stored.bytes;
        self.residence.runs.insert(run.key.clone(), run);
    }

    /// Rough size of the runs in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.residence.bytes
    }

    /// Number of runs in memory.
    pub fn resident_runs(&self) -> usize {
        self.residence.runs.len()
    }

    /// Evicts clean, unpinned runs, least recently used first, until `memory_bytes() <= target_bytes` or none is left.
    pub fn evict(&mut self, target_bytes: usize) {
        if self.residence.bytes <= target_bytes {
            return;
        }
        let flushed = self.flush.done;
        let residence = &mut self.residence;
        let mut candidates: Vec<(u64, Vec<u8>)> = residence
            .runs
            .values()
            .filter(|run| {
                let is_stored = !run.stored.dirty && run.stored.flush <= flushed;
                (is_stored || mutants::is_on(Mutant::DirtyRunEvicted)) && !residence.pins.contains_key(&run.key)
            })
            .map(|run| (run.stored.used, run.key.clone()))
            .collect();
        candidates.sort_unstable();
        for (_, key) in candidates {
            if residence.bytes <= target_bytes {
                break;
            }
            residence.remove(&key);
        }
    }

    /// Lets finished runs that the store has leave memory, reads find them there: as many as have about `objects` objects
    /// together. True if one left: what was seen in memory before may be gone.
    pub fn sweep(&mut self, objects: usize) -> bool {
        let flushed = self.flush.done;
        let residence = &mut self.residence;
        let mut has_left = false;
        let mut left = objects;
        while left > 0
            && let Some(key) = residence.litter.runs.pop()
        {
            let Some(run) = residence.runs.get(&key) else { continue };
            let is_clean = run.is_terminal() && !run.stored.dirty && run.stored.flush <= flushed;
            if is_clean && !residence.pins.contains_key(&key) {
                left = left.saturating_sub(run.objects());
                residence.remove(&key);
                has_left = true;
            }
        }
        while left > 0 && drop_one(&mut residence.litter.nodes) {
            left -= 1;
        }
        while left > 0 && drop_one(&mut residence.litter.thrown) {
            left -= 1;
        }
        has_left
    }

    /// True if [`State::sweep`] has something to do.
    pub fn has_litter(&self) -> bool {
        self.residence.has_litter()
    }
}

impl Residence {
    /// Takes out the run, or what was posted ahead to its id.
    pub(super) fn take(&mut self, key: &[u8], flush: &mut Progress) -> Option<Box<Run>> {
        let mut run = self.runs.remove(key)?;
        self.bytes = self.bytes.saturating_sub(run.stored.bytes);
        flush.encode_before_change(&mut run);
        Some(run)
    }

    /// Takes out what was posted ahead to the id of a run that does not exist.
    pub(super) fn take_unborn(&mut self, key: &[u8], flush: &mut Progress) -> Option<Box<Run>> {
        let is_unborn = self.runs.get(key).is_some_and(|run| run.is_unborn());
        if is_unborn { self.take(key, flush) } else { None }
    }

    /// Forgets NodeRuns and deletions that the store has now, and finished runs. Deletions one set late: a record read
    /// before may still be on its way here.
    pub(super) fn forget_written(&mut self, finished: Vec<Vec<u8>>, done: u64) {
        self.litter.runs.extend(finished);
        self.litter.nodes.extend(self.nodes.take_leaving());
        self.litter.thrown.extend(self.thrown.take_leaving());
        self.gone.retain(|_, (flush, _)| *flush >= done);
    }

    fn has_litter(&self) -> bool {
        !self.litter.runs.is_empty() || !self.litter.nodes.is_empty() || !self.litter.thrown.is_empty()
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(run) = self.runs.remove(key) {
            self.bytes = self.bytes.saturating_sub(run.stored.bytes);
        }
    }
}

/// Drops one of these records; false if there is none.
fn drop_one<T>(records: &mut Vec<btree_map::IntoIter<Vec<u8>, T>>) -> bool {
    while let Some(last) = records.last_mut() {
        if last.next().is_some() {
            return true;
        }
        records.pop();
    }
    false
}
