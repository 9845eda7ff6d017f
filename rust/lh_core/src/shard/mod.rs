//! Shards: batches, log, consensus, the machine, the store.

pub mod limits;
pub mod log;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
