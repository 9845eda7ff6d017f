//! What the fuzzer calls, as ordinary functions of bytes; `tests/replay.rs` calls the same ones with the kept inputs.
//!
//! ```text
//!   bytes ──► source (choices) ──► values · specs ──► log · store · expression · wf_spec · machine · key
//! ```
//!
//! A target returns if all is well and panics if not. `rust/fuzz` hands them to libFuzzer.
#![forbid(unsafe_code)]

mod disk;
mod expression;
mod key;
mod log;
mod machine;
mod source;
mod specs;
mod store;
mod values;
mod wf_spec;
mod world;

pub use expression::expression;
pub use key::key;
pub use log::log;
pub use machine::machine;
pub use store::store;
pub use wf_spec::wf_spec;

/// A property that must hold for all bytes.
pub type Target = fn(&[u8]);

/// All targets by name: the folders of kept inputs and the binaries of `rust/fuzz` have the same names.
pub const TARGETS: [(&str, Target); 6] = [
    ("expression", expression),
    ("key", key),
    ("log", log),
    ("machine", machine),
    ("store", store),
    ("wf_spec", wf_spec),
];
