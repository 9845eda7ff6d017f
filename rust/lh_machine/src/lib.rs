//! The workflow machine: `apply(state, stamp, command) -> effects`, a pure function.
//!
//! ```text
//!   command ──► apply ──► one file per command (command/) ──► run/ advances passes and steps ──► node/ one file per kind
//!                                                                 │                                  │
//!                                                                 └── value/ (resolve, mutate, compare) ◄┘
//!   effects ◄── what must be done after the commit, in field order
//!   state.take_flush() ◄── what the store must hold (records encoded once per flush, not once per command)
//! ```
//!
//! Absent on purpose: clock, randomness, I/O, threads, hash-ordered maps. `clippy.toml` holds it.
//! Leader, follower, restart and simulator run this same code; a client's mistake is a [`Rejected`] value that
//! leaves the state untouched.
#![forbid(unsafe_code)]

pub mod apply;
pub mod audit;
pub mod check;
pub mod command;
pub mod effects;
pub mod feeds;
pub mod index;
pub mod key;
pub mod moves;
pub mod mutants;
pub mod needs;
pub mod node;
pub mod outbox;
pub mod placement;
pub mod read;
pub mod rejected;
pub mod run;
pub mod spec;
pub mod state;
pub mod value;

pub use apply::apply;
pub use effects::{Arm, Dispatch, Effects, Outgoing, Reply, Thrown};
pub use moves::wf_spec_moved_by;
pub use needs::needs;
pub use read::{Read, ReadOutcome, read};
pub use rejected::{Code, Rejected};
pub use state::{FlushSet, MachineConfig, State, Writes};

pub use lh_proto::internal;
pub use lh_proto::internal::{Command, Stamp};
pub use lh_proto::littlehorse as pb;
