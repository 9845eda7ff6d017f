//! One log per server for all its shards: written once, synced once, answered together.
//!
//! ```text
//!   shards ──Append──► writing.rs ──► writer.rs ──► segment files ◄── prepare.rs (preallocates, recycles, watches space)
//!                                       │
//!                       format.rs (bytes of a record) ──► recover.rs (start-up: read, check, cut a torn tail, or refuse)
//! ```
//!
//! An append is answered only after its sync. A write or sync that failed is never retried: the failure hook is called
//! and nothing is answered any more, since nobody knows what the disk holds (fault 8).

mod format;
mod prepare;
mod recover;
#[cfg(test)]
mod tests;
mod writer;
mod writing;

use std::{collections::BTreeMap, io, sync::Arc};

pub use prepare::{Space, SpaceWatch};
pub use recover::all_entries;
pub use writer::Log;
pub use writing::{LogHandle, start};

use super::limits;
use crate::ports::Disk;

/// Identity of a cluster, in the header of every segment: a log of another cluster is refused.
pub type ClusterId = [u8; 16];

/// What a log is told when it is opened.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Size of a segment file in bytes.
    pub segment_bytes: u64,
    /// Log bytes after which a shard lags, see [`LogHandle::lags`].
    pub persist_bytes: u64,
}

impl LogConfig {
    /// The proportions of a real server, with segments of this size.
    pub fn new(cluster: ClusterId, segment_bytes: u64) -> Self {
        let segments = limits::LOG_BYTES_BEFORE_PERSIST / limits::SEGMENT_BYTES;
        Self { cluster, segment_bytes, persist_bytes: segments * segment_bytes }
    }
}

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// A batch of commands, or the empty entry of a new leader.
    Entry = 1,
    /// A change of the group's members.
    Members = 2,
    /// Term, vote (payload) and commit index.
    HardState = 3,
    /// A snapshot was installed: entries up to this index are in the store.
    Snapshot = 4,
    /// The store persisted everything up to this index: entries up to it may be missing.
    Cut = 5,
}

/// One record as shards hand it in and recovery hands it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The shard it belongs to.
    pub shard: u32,
    /// What it is.
    pub kind: Kind,
    /// Raft term.
    pub term: u64,
    /// Raft index; for a hard state the commit index.
    pub index: u64,
    /// Opaque bytes.
    pub payload: Vec<u8>,
}

/// What a peer must never forget of its elections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// Latest term seen.
    pub term: u64,
    /// Peer voted for in that term; 0 = none.
    pub vote: u64,
    /// Commit index known when it was written; may lag.
    pub commit: u64,
}

/// A log entry of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Raft term.
    pub term: u64,
    /// Raft index.
    pub index: u64,
    /// True for a change of members, false for a batch.
    pub members: bool,
    /// Opaque payload; empty = a new leader's first entry.
    pub data: Vec<u8>,
}

impl LogEntry {
    /// The record that stores this entry of `shard`.
    pub fn into_record(self, shard: u32) -> Record {
        let kind = if self.members { Kind::Members } else { Kind::Entry };
        Record { shard, kind, term: self.term, index: self.index, payload: self.data }
    }
}

impl HardState {
    /// The record that stores this state of `shard`.
    pub fn into_record(self, shard: u32) -> Record {
        let payload = self.vote.to_le_bytes().to_vec();
        Record { shard, kind: Kind::HardState, term: self.term, index: self.commit, payload }
    }
}

/// What the log knows of one shard when it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredShard {
    /// Last hard state.
    pub hard_state: HardState,
    /// Index that the store had persisted, with its term; entries up to it may be missing.
    pub cut: (u64, u64),
    /// Entries behind the cut, contiguous.
    pub entries: Vec<LogEntry>,
}

impl RecoveredShard {
    /// Index of the last entry, or of the cut.
    pub fn last_index(&self) -> u64 {
        self.entries.last().map_or(self.cut.0, |entry| entry.index)
    }
}

/// All shards that the log has something of.
pub type Recovered = BTreeMap<u32, RecoveredShard>;

/// What a look at a log that nobody writes came to.
#[derive(Debug)]
pub struct Survey {
    /// Segments with records.
    pub segments: usize,
    /// The last write is incomplete: it was not acknowledged, and opening the log will drop it.
    pub is_torn: bool,
    /// What the shards have.
    pub shards: Recovered,
}

/// Reads and checks the whole log as [`Log::open`] does, and changes nothing.
pub fn survey(disk: &Arc<dyn Disk>, cluster: &ClusterId) -> Result<Survey, LogError> {
    let scan = recover::scan(disk, cluster)?;
    let is_torn = scan.torn.is_some() || scan.prepared.is_some_and(|(_, survivors)| survivors);
    Ok(Survey { segments: scan.segments.len(), is_torn, shards: scan.shards })
}

/// Makes the first segment of a new log. A directory that was in use has segments for ever after, so that a lost log is
/// not taken for a new one.
///
/// # Errors
/// What the disk says.
pub fn lay_out(disk: &Arc<dyn Disk>, segment_bytes: u64) -> io::Result<()> {
    prepare::Stock::new(disk.clone(), segment_bytes, None).make(FIRST_SEGMENT).map(drop)
}

/// True if the directory has segments, written or not.
///
/// # Errors
/// What the disk says.
pub fn has_segments(disk: &dyn Disk) -> io::Result<bool> {
    Ok(disk.list()?.iter().any(|name| format::segment_sequence(name).is_some()))
}

/// True if something was written to the log.
///
/// # Errors
/// What the disk says.
pub fn is_started(disk: &dyn Disk) -> io::Result<bool> {
    for name in disk.list()? {
        if format::segment_sequence(&name).is_some() && format::SegmentHeader::decode(&disk.read(&name)?).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Number of the first segment of a log.
const FIRST_SEGMENT: u64 = 1;

/// Why the log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refused.
    #[error("log file {file}: {source}")]
    Io {
        /// Name of the file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// Bytes that were synced are not what was written. Nothing is served from such a log (I1, I21).
    #[error(
        "log file {file} is damaged at offset {offset}: {detail}. Nothing was changed. Restore the data directory from a backup or another server"
    )]
    Damaged {
        /// Name of the file.
        file: String,
        /// Offset in bytes.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// A segment between others is gone.
    #[error(
        "log file {file} is missing although later ones exist. Nothing was changed. Restore it or the whole data directory"
    )]
    Missing {
        /// Name of the file.
        file: String,
    },
    /// The log was written by another cluster.
    #[error("log file {file} belongs to cluster {found}, this server to cluster {expected}: wrong data directory?")]
    WrongCluster {
        /// Name of the file.
        file: String,
        /// Cluster id in the file.
        found: String,
        /// Cluster id of this server.
        expected: String,
    },
}

impl LogError {
    fn io(file: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { file: file.to_owned(), source }
    }
}
