//! Where Rust meets Python: the only files that use pyo3.
//!
//! `engine` = the classes of the extension · `store` = a shard's store, owned by Python · `lanes` = threads for cold handlers
//! · `checks` = static checks of definitions · `doctor` = looks at a stopped server's directory · `keys` = the key layout as functions · `errors` = exceptions and statuses
//! · `task_link` = a worker's connection
#![allow(unsafe_code, reason = "the macros of pyo3 expand to unsafe code; no line here is unsafe itself")]

pub mod checks;
pub mod doctor;
pub mod engine;
pub mod errors;
pub mod keys;
pub mod lanes;
pub mod store;
pub mod task_link;
