//! What a server stands on, simulated: power, clock, disk, store, and the crew that does its chores.

pub mod clock;
pub mod crew;
pub mod disk;
pub mod power;
pub mod store;
