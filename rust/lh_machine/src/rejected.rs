//! A client's mistake, as a value: which gRPC status it becomes and why.

use std::fmt;

/// The gRPC statuses that the machine answers with; numbers are gRPC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// The request itself is wrong.
    InvalidArgument = 3,
    /// The named object does not exist.
    NotFound = 5,
    /// The object exists already.
    AlreadyExists = 6,
    /// A record or request limit would be exceeded.
    ResourceExhausted = 8,
    /// The state does not allow it.
    FailedPrecondition = 9,
    /// Metadata changed between evaluation and write; evaluate again.
    Aborted = 10,
    /// Not built.
    Unimplemented = 12,
    /// Our bug or a damaged store.
    Internal = 13,
}

/// Why a command was refused; the state is untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The status.
    pub code: Code,
    /// One sentence for the client.
    pub message: String,
}

impl Rejected {
    /// A refusal with this status and message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// `INVALID_ARGUMENT`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// `NOT_FOUND`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for Rejected {}
