//! One server in one process by seed: the engine's shards, log, effects and machine on simulated devices.
//!
//! ```text
//!   plan.rs (what the seed wants) ──► run.rs ──► operator.rs: server after server on devices/ (power, clock, disk, store, crew)
//!                                      │  clients, workers, listeners: define, start, read, report, await; some die, are late, lie
//!                                      │  events, people, meddlers: send events, do user tasks, stop, resume, rescue, delete
//!                                      │  relief: afterwards, whoever still waits gets what he waits for
//!                                      ▼
//!                       history.rs (JSON lines) ──► checker/ ──► violations ◄── replay.rs: the log through a fresh machine
//! ```
//!
//! A run has one thread, one source of chance and a clock that moves when nobody has anything left to do. So a seed
//! always gives the same run, and its trace hash shows it. `history` and `checker` know nothing of the simulation: tests on
//! real processes may write the same lines.

// The library is named as Python imports it.
extern crate _core as lh_core;

pub mod checker;
mod clients;
mod devices;
mod events;
pub mod history;
mod limit;
mod listeners;
mod meddlers;
mod operator;
mod people;
mod plan;
mod random;
mod relief;
mod replay;
pub mod run;
mod server;
mod specs;
mod view;
mod workers;
mod world;
