//! The one table of errors: what went wrong and which gRPC status and text the client gets (08 section 13).

use std::time::Duration;

use lh_machine::{Code, Rejected};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{front::limits, ports::Failure};

/// Text of the refusal during shutdown; clients look for it (08 section 1, step 1).
pub const SHUTTING_DOWN: &str = "The server is shutting down";

/// The request itself is wrong.
pub fn invalid(message: impl Into<String>) -> Status {
    Status::invalid_argument(message)
}

/// A request that is not a message of the contract (08/E-4).
pub fn undecodable(rpc: &str, error: &prost::DecodeError) -> Status {
    invalid(format!("The request is not a valid message for {rpc}: {error}"))
}

/// The RPC is not built; nothing else about the request was looked at.
pub fn not_built(rpc: &str) -> Status {
    Status::unimplemented(format!("{rpc} is not implemented by this server yet"))
}

/// The path names no RPC of any service here (08/G-4).
pub fn unknown_method(path: &str) -> Status {
    Status::unimplemented(format!("Unknown method {path}"))
}

/// 08/T-3.
pub fn tenant_not_allowed() -> Status {
    Status::permission_denied("Tenant not allowed")
}

/// 08 section 1, step 4: a new cluster has not stored its first objects yet.
pub fn initializing() -> Status {
    Status::unavailable("Server Initializing")
}

/// What a connection beyond the limit is answered, whatever it asks.
pub fn too_many_connections() -> Status {
    from_failure(&Failure::Exhausted("the server is overloaded: there are too many connections".to_owned()))
}

/// 08/F-1.
pub fn shutting_down() -> Status {
    Status::unavailable(SHUTTING_DOWN)
}

/// 03/E-002: the command may still take effect.
pub fn deadline_exceeded(limit: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "The server could not complete the request within {} s; it may still take effect",
        limit.as_secs_f64()
    ))
}

/// 01/SIZ-4, 08/X-1: permanent, hence without RetryInfo.
pub fn message_too_large(length: usize) -> Status {
    Status::resource_exhausted(format!(
        "The request message has {length} bytes, more than the limit of {} bytes",
        limits::MAX_MESSAGE_BYTES
    ))
}

/// The peer broke the rules of gRPC over HTTP/2.
pub fn protocol_error(message: impl Into<String>) -> Status {
    Status::internal(message)
}

/// The answer had another shape than the command promises: our bug.
pub fn unexpected_reply() -> Status {
    Status::internal("internal error")
}

/// A machine's refusal. Never with RetryInfo: repeating it unchanged cannot succeed (08/Q-8).
pub fn from_rejected(rejected: &Rejected) -> Status {
    Status::new(grpc_code(rejected.code), rejected.message.clone())
}

/// Why a shard or a lane gave no answer. Only overload asks the client to repeat (08/Q-8); what our bugs say stays in the
/// log (08 section 13).
pub fn from_failure(failure: &Failure) -> Status {
    match failure {
        Failure::Rejected(rejected) => from_rejected(rejected),
        Failure::Unavailable(message) => Status::unavailable(message.clone()),
        Failure::Exhausted(message) => Status::with_error_details(
            tonic::Code::ResourceExhausted,
            message.clone(),
            ErrorDetails::with_retry_info(Some(limits::RETRY_DELAY)),
        ),
        Failure::Internal(id) => Status::internal(format!("internal error {id}")),
    }
}

/// The gRPC code with the number of the machine's code.
fn grpc_code(code: Code) -> tonic::Code {
    tonic::Code::from_i32(code as i32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Every refusal of the machine keeps its code and text (08 section 13).
    #[test]
    fn rejections_keep_their_code() {
        let table = [
            (Code::InvalidArgument, tonic::Code::InvalidArgument),
            (Code::NotFound, tonic::Code::NotFound),
            (Code::AlreadyExists, tonic::Code::AlreadyExists),
            (Code::ResourceExhausted, tonic::Code::ResourceExhausted),
            (Code::FailedPrecondition, tonic::Code::FailedPrecondition),
            (Code::Aborted, tonic::Code::Aborted),
            (Code::Unimplemented, tonic::Code::Unimplemented),
        ];
        for (code, expected) in table {
            let status = from_failure(&Failure::Rejected(Rejected::new(code, "why")));
            assert_eq!((status.code(), status.message()), (expected, "why"));
            assert!(status.details().is_empty(), "08/Q-8: no RetryInfo on a permanent refusal");
        }
    }

    /// 08/Q-8: overload is retryable and says when; 08/E-2: nothing else carries details.
    #[test]
    fn only_overload_carries_retry_info() {
        let overload = from_failure(&Failure::Exhausted("busy".into()));
        assert_eq!(overload.code(), tonic::Code::ResourceExhausted);
        let retry = overload.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(limits::RETRY_DELAY));
        assert!(message_too_large(5_000_000).details().is_empty());
        assert!(from_failure(&Failure::Unavailable("starting".into())).details().is_empty());
    }

    /// 08 section 13: INTERNAL reveals nothing but the id under which the log has the cause.
    #[test]
    fn internal_errors_show_an_id_only() {
        let status = from_failure(&Failure::Internal("4f2a".into()));
        assert_eq!((status.code(), status.message()), (tonic::Code::Internal, "internal error 4f2a"));
    }
}
