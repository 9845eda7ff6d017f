//! Shards: batches, log, consensus, the machine, the store.

pub mod consensus;
pub mod limits;
pub mod log;
pub mod raft;
mod tail;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
