//! Everything a shard's machine knows: definitions, queues, and the live runs that are in memory.

use crate::{Arm, Rejected, internal};

/// What a machine is told once, when its shard opens.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// Index of this run shard; the metadata group has [`MachineConfig::META_SHARD`].
    pub shard: u32,
    /// Number of run shards of the cluster: whom definition changes are sent to.
    pub run_shards: u32,
}

impl MachineConfig {
    /// The metadata group's shard number.
    pub const META_SHARD: u32 = u32::MAX;
}

/// A stored value could not be read: the store is damaged or from a newer version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt(pub String);

/// What one flush must write, as one atomic batch together with the applied record (which is among the writes).
#[derive(Debug, Default)]
pub struct FlushSet {
    /// Key and value, `None` = delete; the last value per key, sorted by key.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// State of one shard's machine. In memory are all resident tables and the runs that commands touched.
pub struct State {
    /// Who this machine is.
    pub config: MachineConfig,
}

impl State {
    /// An empty state, as of a shard that never applied anything.
    pub fn new(config: MachineConfig) -> Self {
        Self { config }
    }

    /// Takes in one stored entry of a resident table ([`crate::key::RESIDENT_TABLES`]) when the shard opens.
    pub fn load(&mut self, _key: &[u8], _value: &[u8]) -> Result<(), Corrupt> {
        todo!()
    }

    /// Index and term of the last applied log entry, and the Raft conf state, as loaded or as set by
    /// [`State::set_applied`].
    pub fn applied(&self) -> &internal::AppliedRecord {
        todo!()
    }

    /// Notes that the log entry at `index` was applied (after its commands were).
    pub fn set_applied(&mut self, _index: u64, _term: u64) {
        todo!()
    }

    /// Remembers the Raft conf state, opaque to the machine.
    pub fn set_conf_state(&mut self, _conf_state: Vec<u8>) {
        todo!()
    }

    /// All wake-ups that are armed: what the leader must put in its timer queue after opening.
    pub fn wakes(&self) -> Vec<Arm> {
        todo!()
    }

    /// All undelivered messages to other shards, oldest first: what a new leader must send.
    pub fn outbox(&self) -> Vec<crate::Outgoing> {
        todo!()
    }

    /// Takes in a run record that [`crate::needs`] asked for; `None` = the store has none. Ignored if present already.
    pub fn insert(&mut self, _key: &[u8], _value: Option<&[u8]>) -> Result<(), Corrupt> {
        todo!()
    }

    /// Keeps the run (or the knowledge of its absence) in memory until [`State::unpin`]; counts.
    pub fn pin(&mut self, _key: &[u8]) {
        todo!()
    }

    /// Releases one pin.
    pub fn unpin(&mut self, _key: &[u8]) {
        todo!()
    }

    /// Which queues (tenant, TaskDef) this command could feed: what the shard guesses claims from.
    pub fn hints(&self, _command: &internal::Command) -> Vec<(String, String)> {
        todo!()
    }

    /// The non-empty queues with their lengths (tenant, TaskDef, length).
    pub fn queues(&self) -> Vec<(&str, &str, usize)> {
        todo!()
    }

    /// Length of one queue.
    pub fn queue_length(&self, _tenant: &str, _task_def: &str) -> usize {
        todo!()
    }

    /// Everything that changed since the last call, encoded: what the store must write to stand at [`State::applied`].
    /// Empty if nothing was applied since.
    pub fn take_flush(&mut self) -> FlushSet {
        todo!()
    }

    /// True if there is something to flush.
    pub fn is_dirty(&self) -> bool {
        todo!()
    }

    /// Roughly how many records the next flush will write: (closed for good, still live).
    pub fn dirty_counts(&self) -> (usize, usize) {
        todo!()
    }

    /// The set taken last is in the store: its runs may be evicted from now on, finished ones go at once.
    pub fn flushed(&mut self) {
        todo!()
    }

    /// Rough size of the runs in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        todo!()
    }

    /// Evicts clean, unpinned runs, least recently used first, until `memory_bytes() <= target_bytes` or none is left.
    pub fn evict(&mut self, _target_bytes: usize) {
        todo!()
    }

    /// Snapshot of the metadata entries (meta key -> version, value); only filled in the metadata group.
    pub fn meta(&self) -> &std::sync::Arc<std::collections::BTreeMap<Vec<u8>, MetaValue>> {
        todo!()
    }
}

/// A metadata entry: its version and the public message, serialized.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaValue {
    /// Grows with every write of the entry; never 0.
    pub version: u64,
    /// Serialized definition.
    pub value: bytes::Bytes,
}

/// Short for results of commands.
pub type Outcome<T> = Result<T, Rejected>;
