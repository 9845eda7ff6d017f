//! Opening a shard: the store as a checkpoint, the log behind it, and whether they belong together.

use std::{io, sync::Arc};

use lh_machine::{MachineConfig, State, key};

use super::{
    consensus::{Position, Refused},
    limits,
    log::{LogError, RecoveredShard},
    raft::{Raft, Start},
    replica::applied,
};
use crate::ports::Store;

/// The one peer of a group of one.
const ONLY_PEER: u64 = 1;

/// Why the shards cannot be opened. Nothing that was acknowledged was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store could not be read.
    #[error("store of shard {shard}: {source}")]
    Store {
        /// Number of the shard.
        shard: u32,
        /// What the store said.
        source: io::Error,
    },
    /// A stored record could not be read.
    #[error("store of shard {shard} is damaged: {detail}. Restore the data directory from a backup or another server")]
    Damaged {
        /// Number of the shard.
        shard: u32,
        /// What was found.
        detail: String,
    },
    /// The store knows of entries that the log does not have: acknowledged writes are lost, or it is not its log.
    #[error(
        "store of shard {shard} stands at entry {store}, but the log ends at {log}: log files are missing or belong to \
         another store. Restore the whole data directory"
    )]
    StoreAhead {
        /// Number of the shard.
        shard: u32,
        /// Applied index of the store.
        store: u64,
        /// Last index of the log.
        log: u64,
    },
    /// The log was cut behind a store that stood further than this one does.
    #[error(
        "store of shard {shard} stands at entry {store}, but the log begins behind {cut}: the store is older than its log \
         or was lost. Restore the whole data directory"
    )]
    StoreBehind {
        /// Number of the shard.
        shard: u32,
        /// Applied index of the store.
        store: u64,
        /// Index up to which the log was cut.
        cut: u64,
    },
    /// Both have the entry, with different terms.
    #[error("store and log of shard {shard} disagree about entry {index}: they do not belong together")]
    Disagree {
        /// Number of the shard.
        shard: u32,
        /// Index of the entry.
        index: u64,
    },
    /// The log has entries of a shard that this server does not have.
    #[error(
        "the log holds shard {shard}, but the server was started with {run_shards} shards: the number must stay as it was"
    )]
    UnknownShard {
        /// Number of the shard.
        shard: u32,
        /// Configured number of run shards.
        run_shards: u32,
    },
    /// The stored members of the group could not be read.
    #[error("shard {shard}: {source}")]
    Members {
        /// Number of the shard.
        shard: u32,
        /// What was wrong.
        source: Refused,
    },
    /// The operating system gave no thread.
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
    /// Another number of stores than shards.
    #[error("{stores} stores were given for {run_shards} run shards and the metadata group")]
    Stores {
        /// Stores given.
        stores: usize,
        /// Run shards configured.
        run_shards: u32,
    },
}

/// Loads what a machine always has in memory.
pub fn load(config: MachineConfig, store: &Arc<dyn Store>) -> Result<State, OpenError> {
    let shard = config.shard;
    let mut state = State::new(config);
    for table in key::RESIDENT_TABLES {
        let (mut start, end) = (vec![table], [table + 1]);
        loop {
            let page =
                store.scan(&start, &end, limits::SCAN_ENTRIES).map_err(|source| OpenError::Store { shard, source })?;
            for (key, value) in &page {
                state.load(key, value).map_err(|corrupt| OpenError::Damaged { shard, detail: corrupt.0 })?;
            }
            match page.into_iter().next_back() {
                // The smallest key behind the last one.
                Some((mut last, _)) => {
                    last.push(0);
                    start = last;
                }
                None => break,
            }
        }
    }
    Ok(state)
}

/// The consensus of a shard whose state was loaded and whose log was recovered.
pub fn consensus(state: &State, recovered: RecoveredShard) -> Result<Raft, OpenError> {
    let shard = state.config.shard;
    let applied = applied(state);
    check(shard, applied, &recovered)?;
    let start = Start {
        peer: ONLY_PEER,
        members: state.applied().conf_state.clone(),
        applied,
        hard_state: recovered.hard_state,
        entries: recovered.entries,
    };
    Raft::new(start).map_err(|source| OpenError::Members { shard, source })
}

/// Whether a store that stands at `applied` and this log belong together.
pub fn check(shard: u32, applied: Position, recovered: &RecoveredShard) -> Result<(), OpenError> {
    let (cut, cut_term) = recovered.cut;
    if applied.index > recovered.last_index() {
        return Err(OpenError::StoreAhead { shard, store: applied.index, log: recovered.last_index() });
    }
    if applied.index < cut {
        return Err(OpenError::StoreBehind { shard, store: applied.index, cut });
    }
    let entry = recovered.entries.iter().find(|entry| entry.index == applied.index).map(|entry| entry.term);
    let term = if applied.index == cut { Some(cut_term) } else { entry };
    if applied.index > 0 && term != Some(applied.term) {
        return Err(OpenError::Disagree { shard, index: applied.index });
    }
    Ok(())
}
