//! Static checks of definitions, spec chapter 02 (and the registration rules of 01): each rule with something refused
//! and something accepted.
#![allow(clippy::unwrap_used)]

mod conditions;
mod definitions;
mod edges;
mod fixtures;
mod lookups;
mod names;
mod nesting;
mod nodes;
mod pins;
mod struct_defs;
mod task_defs;
mod thread_nodes;
mod threads;
mod types;
mod variables;
mod versions;
