//! The extension module `littlehorse._core`: everything that waits.
//!
//! ```text
//!   front/    listeners, checks, routes, hot RPCs ──ShardMessage──► shard/ batches, log, machine
//!   effects/  what is done after the commit (timers, tasks, outbox) ◄──Effector──┘
//!   py/       the only files that use pyo3: engine, store, lanes, checks, keys
//!   ports.rs  where they meet              environment.rs  the real clock, random numbers and disk behind it
//! ```
#![deny(unsafe_code)]

pub mod effects;
pub mod environment;
pub mod front;
pub mod ports;
pub mod shard;
