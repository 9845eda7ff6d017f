//! Shards end to end over memory: batches, claims, restarts, cold runs, full disks, failing syncs.
#![allow(clippy::unwrap_used)]

mod doctor;
mod recovery;
mod server;
mod service;
