//! Shards: commands in, batches through log and consensus, the machine, the store, effects out.
//!
//! ```text
//!   replica.rs     the loop of one shard           admission.rs  who waits, who is refused (strain.rs: by lateness)
//!   closing.rs     choose, claim, stamp, propose   claims.rs     which waiting polls a batch takes along
//!   commit.rs      apply, perform, answer          reads.rs      reads from memory and store
//!   checkpoint.rs  when to flush, cut of the log   fetch.rs flush.rs  who meets the store (post.rs: the way there)
//!   consensus.rs   what a shard wants of Raft      raft.rs tail.rs    raft-rs behind it
//!   log/           one log for all shards          opening.rs    start-up, and when it is refused
//!   doctor/        looks at log and stores of a stopped server
//! ```
//!
//! Absent on purpose: workflow rules (they are in the machine), the front, how effects are performed, Python.

mod admission;
mod checkpoint;
mod claims;
mod closing;
mod commit;
pub mod consensus;
pub mod doctor;
mod fetch;
mod flush;
mod heavy;
pub mod limits;
pub mod log;
mod opening;
mod pace;
mod post;
pub mod raft;
mod reads;
mod replica;
mod strain;
mod tail;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;

use lh_machine::MachineConfig;
pub use opening::OpenError;
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    fetch::{BeingWritten, Fetcher},
    flush::Flusher,
    log::{ClusterId, Log, LogConfig, LogHandle, Space, SpaceWatch},
    raft::Raft,
    replica::{Parts, Replica},
};
use crate::ports::{ClaimSource, Effector, Environment, ShardHandle, Store};

/// What the shards of a server are told when they are opened.
#[derive(Clone)]
pub struct ShardsConfig {
    /// Identity of the cluster: a log of another one is refused.
    pub cluster: ClusterId,
    /// Number of run shards; fixed when the data directory is made.
    pub run_shards: u32,
    /// Bytes of runs that may be in memory, over all shards.
    pub memory_bytes: usize,
    /// Size of a segment file of the log in bytes, see [`limits::SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Objects that are encoded for a flush between two looks at what has arrived, see [`limits::FLUSH_SLICE`].
    pub flush_slice: usize,
    /// Called with a sentence when the server cannot go on (log or store failed, a bug in the machine). Nothing is
    /// acknowledged after it; the process should end.
    pub failure: Arc<dyn Fn(String) + Send + Sync>,
}

/// All shards of a server, opened and not yet running.
pub struct Shards {
    handles: Vec<ShardHandle>,
    replicas: Vec<Replica<Raft>>,
    log: LogHandle,
    space: SpaceWatch,
    failure: Arc<dyn Fn(String) + Send + Sync>,
}

/// Opens log and stores; `stores` are those of the run shards by number, then that of the metadata group.
/// Reads them on this thread: not to be called where others wait. The lock of the data directory is the caller's.
///
/// # Errors
/// [`OpenError`] if anything is damaged, missing or does not belong together. Nothing acknowledged was changed then.
pub fn open(
    environment: &Environment,
    stores: Vec<Arc<dyn Store>>,
    effector: &Arc<dyn Effector>,
    polls: &Arc<dyn ClaimSource>,
    config: &ShardsConfig,
) -> Result<Shards, OpenError> {
    open_with(environment, stores, effector, polls, config, LogConfig::new(config.cluster, config.segment_bytes))
}

/// The same with a log of other sizes, for tests and the simulator.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    environment: &Environment,
    stores: Vec<Arc<dyn Store>>,
    effector: &Arc<dyn Effector>,
    polls: &Arc<dyn ClaimSource>,
    config: &ShardsConfig,
    log_config: LogConfig,
) -> Result<Shards, OpenError> {
    let run_shards = config.run_shards;
    if stores.len() != run_shards as usize + 1 {
        return Err(OpenError::Stores { stores: stores.len(), run_shards });
    }
    let space = SpaceWatch::default();
    let crew = environment.crew.as_ref();
    let disk = environment.log_disk.clone();
    let (log, mut recovered) = Log::open_prepared(disk, crew, log_config, &space, &config.failure)?;
    let numbers = (0..run_shards).chain([MachineConfig::META_SHARD]);
    if let Some(shard) = recovered.keys().find(|shard| **shard >= run_shards && **shard != MachineConfig::META_SHARD) {
        return Err(OpenError::UnknownShard { shard: *shard, run_shards });
    }
    let mut opened = Vec::new();
    for (shard, store) in numbers.zip(stores) {
        let state = opening::load(MachineConfig { shard, run_shards }, &store)?;
        let found = recovered.remove(&shard).unwrap_or_default();
        let cut = found.cut.0;
        opened.push((store, opening::consensus(&state, found)?, state, cut));
    }
    let log = log::start(crew, log, config.failure.clone()).map_err(OpenError::Thread)?;
    let (mut handles, mut replicas) = (Vec::new(), Vec::new());
    for (store, consensus, state, cut) in opened {
        let shard = state.config.shard;
        let (inbox_end, inbox) = mpsc::unbounded_channel();
        let events = mpsc::unbounded_channel();
        let being_written = BeingWritten::default();
        let fetcher = Fetcher::start(crew, shard, store.clone(), being_written.clone(), events.0.clone());
        let flusher = Flusher::start(crew, shard, store, being_written.clone(), space.clone(), events.0.clone());
        handles.push(ShardHandle { shard, inbox: inbox_end });
        replicas.push(Replica::new(Parts {
            shard,
            state,
            consensus,
            log: log.clone(),
            space: space.clone(),
            clock: environment.clock.clone(),
            waits: environment.waits,
            entropy: environment.entropy.clone(),
            effector: effector.clone(),
            polls: polls.clone(),
            fetcher: fetcher.map_err(OpenError::Thread)?,
            flusher: flusher.map_err(OpenError::Thread)?,
            memory_bytes: config.memory_bytes / run_shards.max(1) as usize,
            flush_slice: config.flush_slice,
            cut,
            failure: config.failure.clone(),
            inbox,
            events,
            being_written,
        }));
    }
    Ok(Shards { handles, replicas, log, space, failure: config.failure.clone() })
}

impl Shards {
    /// The ways to the shards: run shards by number, then the metadata group. What is sent before a shard serves waits in
    /// its inbox.
    pub fn handles(&self) -> &[ShardHandle] {
        &self.handles
    }

    /// Runs all shards as tasks of the current runtime (which needs time and I/O) until all were stopped by
    /// [`crate::ports::ShardMessage::Stop`] or have failed; then everything is in the stores and the log is closed.
    pub async fn run(self) {
        let Self { handles, replicas, log, space, failure } = self;
        drop(handles);
        let mut tasks = JoinSet::new();
        for replica in replicas {
            tasks.spawn(replica.run());
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                failure(format!("a shard has panicked: {error}"));
            }
        }
        // It ends with the last handle; what it still has to write was not acknowledged. On a full disk it may wait for
        // ever.
        let log = log.close();
        if space.get() != Space::Full && !log.join() {
            failure("the log has panicked".to_owned());
        }
    }
}
