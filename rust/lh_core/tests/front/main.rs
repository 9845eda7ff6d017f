//! The front over a real port, with fake shards behind it and a real dispatcher beside it.
#![allow(clippy::unwrap_used)]

mod bench;
mod connections;
mod events;
mod overload;
mod polls;
mod shutdown;
mod unary;
