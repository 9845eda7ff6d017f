//! Where front, shard, effects and Python meet: the only file that all of them may import.
//!
//! ```text
//!   front ──ShardMessage──► shard ──Effector──► effects (timers, tasks, outbox)
//!                             │  ▲
//!                             │  └──ClaimSource── effects (waiting polls)
//!                             └──Store──► py (rocksdict)          Environment = clock + entropy + disk (real or simulated)
//! ```

use std::{io, sync::Arc, time::Duration};

use lh_machine::{Arm, Command, Dispatch, Outgoing, Read, Rejected, Reply, Thrown, Writes, internal, pb};
use tokio::sync::{mpsc, oneshot};

/// Why a command or read got no answer from the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The machine refused it; nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The shard cannot serve now (starting, stopping, not the leader). Not executed.
    #[error("{0}")]
    Unavailable(String),
    /// The shard takes no more now (overload, disk reserve reached). Not executed; retry later.
    #[error("{0}")]
    Exhausted(String),
    /// Our bug; details are in the log under this id.
    #[error("internal error {0}")]
    Internal(String),
}

/// What can be asked of a shard.
#[derive(Debug)]
pub enum ShardMessage {
    /// Put a command into a batch; answered once it is committed (fsynced) and applied.
    Propose {
        /// The command.
        command: Box<Command>,
        /// The answer; `None` for commands that nobody waits for (timers, unclaims).
        answer: Option<oneshot::Sender<Result<Reply, Failure>>>,
    },
    /// Read run data behind a read barrier.
    Read {
        /// Tenant of the caller.
        tenant: String,
        /// What is read.
        read: Read,
        /// The serialized response message.
        answer: oneshot::Sender<Result<Vec<u8>, Failure>>,
    },
    /// A poll started to wait for this queue: claim for it if the queue is not empty.
    PollWaits {
        /// Tenant of the poll.
        tenant: String,
        /// Its TaskDef.
        task_def: String,
    },
    /// Bring the store up to everything applied now (for scans), then answer.
    Flush {
        /// Answered when the store has it.
        answer: oneshot::Sender<Result<(), Failure>>,
    },
    /// A snapshot of the metadata entries (metadata group only).
    Meta {
        /// The snapshot.
        answer: oneshot::Sender<Result<MetaSnapshot, Failure>>,
    },
    /// Finish what is proposed, flush, stop.
    Stop {
        /// Answered when the shard has stopped.
        answer: oneshot::Sender<()>,
    },
}

/// Metadata entries at one moment: meta key -> version and value.
pub type MetaSnapshot = Arc<std::collections::BTreeMap<Vec<u8>, lh_machine::state::MetaValue>>;

/// The way to one shard. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    /// Number of the shard; the metadata group has [`lh_machine::MachineConfig::META_SHARD`].
    pub shard: u32,
    /// Its inbox.
    pub inbox: mpsc::UnboundedSender<ShardMessage>,
}

/// Performs effects after the commit, on the leader. Calls come from the shard's thread, once per batch, and never block.
pub trait Effector: Send + Sync {
    /// Arm wake-ups of this shard.
    fn arm(&self, shard: u32, timers: Vec<Arm>);
    /// Write claimed tasks to the streams of their polls. A poll that is gone is answered with an `UnclaimTask` proposal.
    fn dispatch(&self, shard: u32, tasks: Vec<Dispatch>);
    /// Put polls back at their old place: their claim found nothing.
    fn return_polls(&self, polls: Vec<u64>);
    /// Deliver messages to other shards, in order per target, until acknowledged.
    fn send(&self, shard: u32, messages: Vec<Outgoing>);
    /// Answer those who wait for these WorkflowEvents.
    fn tell(&self, thrown: Vec<Thrown>);
}

/// Where callers wait for WorkflowEvents. Calls never block.
pub trait EventWaits: Send + Sync {
    /// Waits from now on: the caller's number, and where the event will come. A closed channel = the server stops.
    fn wait(&self, tenant: &str, request: pb::AwaitWorkflowEventRequest)
    -> (u64, oneshot::Receiver<pb::WorkflowEvent>);

    /// The caller waits no longer; harmless after its answer.
    fn withdraw(&self, number: u64);

    /// Ends all waits without an event.
    fn cut_all(&self);
}

/// Hands waiting polls to a shard that is about to close a batch.
pub trait ClaimSource: Send + Sync {
    /// Takes up to `limit` waiting polls of this queue, oldest first, and reserves them for claims.
    fn take(&self, tenant: &str, task_def: &str, limit: usize) -> Vec<internal::ClaimTask>;
    /// True if any poll waits (cheap; lets the shard skip guessing).
    fn any_waiting(&self) -> bool;
}

/// The store of one shard: an ordered map with atomic batches. Owned by Python; calls may block, so they are made
/// from the fetch and flush threads only, never from the front's or the shard's.
pub trait Store: Send + Sync {
    /// Values of these keys, in order.
    fn get_many(&self, keys: &[Vec<u8>]) -> io::Result<Vec<Option<Vec<u8>>>>;
    /// All entries with `start <= key < end`, ascending, at most `limit`.
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>>;
    /// Writes the set as one atomic batch (`None` = delete). Not yet durable: see [`Store::persist`].
    fn write(&self, writes: &Writes) -> io::Result<()>;
    /// Makes everything written so far survive a crash; the log may be cut behind it.
    fn persist(&self) -> io::Result<()>;
}

/// Time as the product sees it. The simulator has its own.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch, as wall clocks say.
    fn wall_ms(&self) -> i64;
    /// Nanoseconds on a clock that never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// Random numbers for ids and seeds.
pub trait Entropy: Send + Sync {
    /// Eight random bytes.
    fn next_u64(&self) -> u64;
}

/// The disk as the log uses it: one directory of append-only files.
pub trait Disk: Send + Sync {
    /// Names of the files in the directory, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Opens a file for writing at any offset, creating it with `preallocate` zero bytes if it does not exist.
    fn open(&self, name: &str, preallocate: u64) -> io::Result<Box<dyn DiskFile>>;
    /// Renames a file within the directory (atomic).
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes created, renamed and removed names survive a crash.
    fn sync_directory(&self) -> io::Result<()>;
    /// Bytes that can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send {
    /// Writes all bytes at this offset.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written survive a crash.
    fn sync(&mut self) -> io::Result<()>;
    /// Sets the length.
    fn set_length(&mut self, length: u64) -> io::Result<()>;
}

/// What is done apart from a shard's loop, turn by turn: writing the log, making segments, fetching, flushing. A turn never
/// waits for anything but disk and store.
pub trait Chore: Send {
    /// Does everything that waits for it.
    fn turn(&mut self) -> Next;
}

/// When a chore has its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When its bell rings.
    Ring,
    /// When its bell rings, or after this time.
    RingOrAfter(Duration),
    /// Never.
    End,
}

/// The way to a chore that was started.
pub trait Bell: Send + Sync {
    /// Something waits for the chore. Never blocks.
    fn ring(&self);
    /// The same, from somebody who blocks right afterwards until the chore has answered.
    fn ring_and_wait(&self) {
        self.ring();
    }
    /// Waits until the chore has ended; false if it panicked.
    fn join(&self) -> bool;
}

/// Who does the chores: a thread for each, or a simulator that gives the turns.
pub trait Crew: Send + Sync {
    /// Starts a chore; its first turn comes without a ring.
    fn start(&self, name: String, chore: Box<dyn Chore>) -> io::Result<Arc<dyn Bell>>;
}

/// What waits of less than a millisecond are measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// A timer of the operating system.
    Fine,
    /// The timers of the async runtime, in whole milliseconds, which a simulator moves.
    Coarse,
}

/// The seam to the outside world: what a simulator replaces.
#[derive(Clone)]
pub struct Environment {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where the log lives.
    pub log_disk: Arc<dyn Disk>,
    /// Who writes the log, fetches and flushes.
    pub crew: Arc<dyn Crew>,
    /// How short waits are measured.
    pub waits: Waits,
}
