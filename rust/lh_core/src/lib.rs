//! The extension module `littlehorse._core`: everything that waits.
//!
//! ```text
//!   front/    listeners, checks, routes, hot RPCs ──ShardMessage──► shard/ batches, log, machine
//!   effects/  what is done after the commit (timers, tasks, outbox) ◄──Effector──┘
//!   ports.rs  where they meet              environment.rs  the real clock, random numbers and disk behind it
//!   engine/   one server put together      py/  the only files that use pyo3: engine, store, lanes, checks, keys
//!   link/     the client side of Python task workers: needs no server in its process
//! ```
#![deny(unsafe_code)]

pub mod effects;
pub mod engine;
pub mod environment;
pub mod front;
pub mod link;
pub mod ports;
pub mod py;
pub mod shard;

/// Allocation is a tenth of the cost of a task; this allocator takes half of that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What Python sees.
#[allow(unsafe_code, reason = "the macro expands to unsafe code")]
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::py::{
        doctor::examine,
        engine::{Engine, EngineConfig},
        keys::{
            index_prefix, index_value, meta_key, meta_prefix, node_runs_in, parse_meta_key, routes, run_key, shard_of,
            stored_run_shards, trees_prefix, variable_in, wf_spec_prefixes,
        },
        task_link::TaskLink,
    };
}
