//! What raft-rs reads of the log: the entries that are not applied yet, in memory. Everything older is in the store.

use std::collections::VecDeque;

use raft::{
    Error, GetEntriesContext, RaftState, Storage, StorageError,
    eraftpb::{ConfState, Entry, HardState as RaftHardState, Snapshot},
};

use super::{consensus::Position, log::HardState};

/// Bytes that an entry counts beside its payload.
const ENTRY_OVERHEAD: u64 = 32;

/// The end of a group's log.
pub struct Tail {
    members: ConfState,
    hard_state: HardState,
    /// The last entry that is not here any more.
    before: Position,
    entries: VecDeque<Entry>,
}

impl Tail {
    /// The tail behind `applied`; older entries among `entries` are left out.
    pub fn new(members: ConfState, hard_state: HardState, applied: Position, entries: Vec<Entry>) -> Self {
        // What the store holds was committed, even if the commit index on disk lags.
        let commit = hard_state.commit.max(applied.index);
        let term = hard_state.term.max(applied.term);
        let entries = entries.into_iter().filter(|entry| entry.index > applied.index).collect();
        Self { members, hard_state: HardState { term, commit, ..hard_state }, before: applied, entries }
    }

    /// Notes the latest hard state.
    pub fn set_hard_state(&mut self, state: HardState) {
        self.hard_state = state;
    }

    /// Appends entries, replacing those from the first one's index on.
    pub fn append(&mut self, entries: Vec<Entry>) {
        if let Some(first) = entries.first() {
            self.entries.truncate(first.index.saturating_sub(self.before.index + 1) as usize);
        }
        self.entries.extend(entries);
    }

    /// Drops entries up to `index`.
    pub fn compact(&mut self, index: u64) {
        while self.entries.front().is_some_and(|entry| entry.index <= index) {
            if let Some(entry) = self.entries.pop_front() {
                self.before = Position { index: entry.index, term: entry.term };
            }
        }
    }
}

impl Storage for Tail {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let HardState { term, vote, commit } = self.hard_state;
        Ok(RaftState::new(RaftHardState { term, vote, commit }, self.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.before.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let limit = max_size.into().unwrap_or(u64::MAX);
        let (from, to) = (low - self.before.index - 1, high - self.before.index - 1);
        let mut size: u64 = 0;
        let mut found = Vec::new();
        for entry in self.entries.range(from as usize..to as usize) {
            size = size.saturating_add(entry.data.len() as u64 + ENTRY_OVERHEAD);
            if size > limit && !found.is_empty() {
                break;
            }
            found.push(entry.clone());
        }
        Ok(found)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before.index {
            return Ok(self.before.term);
        }
        if index < self.before.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let entry = self.entries.get((index - self.before.index - 1) as usize);
        entry.map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.before.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.before.index + self.entries.len() as u64)
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
