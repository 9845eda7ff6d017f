//! What is done because a batch was applied, after its commit, on the leader: timers, tasks, outbox, waiting callers. The reply goes out
//! by the shard itself, last.
//!
//! Nothing flows back to a shard except as a new command: `TimerDue`, `UnclaimTask`, `OutboxAcknowledged`.

pub mod event_waits;
pub mod outbox;
pub mod runner;
pub mod shards;
pub mod tasks;
pub mod timers;

pub use runner::Runner;
