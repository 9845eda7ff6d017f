//! Generated messages only: `littlehorse` is the public contract, `internal` is ours (log entries, private records).
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::all)]

/// The public contract, gRPC package `littlehorse`.
pub mod littlehorse {
    include!(concat!(env!("OUT_DIR"), "/littlehorse.rs"));
}

/// Commands, log entries and private records; never sent to clients.
pub mod internal {
    include!(concat!(env!("OUT_DIR"), "/lhinternal.rs"));
}

/// The serialized `FileDescriptorSet` of all files above.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
