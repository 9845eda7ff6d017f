//! Names of definitions and of failures (02 section 2).

use crate::Rejected;

use super::Reason;

/// Failure names that only the engine throws (N-5): the `LHErrorType` values.
const RESERVED_FAILURES: [&str; 9] = [
    "CHILD_FAILURE",
    "VAR_SUB_ERROR",
    "VAR_MUTATION_ERROR",
    "USER_TASK_CANCELLED",
    "TIMEOUT",
    "TASK_FAILURE",
    "VAR_ERROR",
    "TASK_ERROR",
    "INTERNAL_ERROR",
];

/// Whether `text` is a name by the contract's grammar (N-1, 03/E-101): ASCII letters and digits with inner hyphens, not
/// empty, of any length.
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Refuses a definition's name that is not [`is_name`] (N-1); `request` names the request in the message.
pub(super) fn require(request: &str, name: &str) -> Result<(), Rejected> {
    if is_name(name) {
        return Ok(());
    }
    Err(Rejected::invalid(format!("{request} is invalid: name '{name}' must be a valid hostname")))
}

/// Whether the engine keeps this failure name for itself (N-5).
pub(super) fn is_reserved_failure(name: &str) -> bool {
    RESERVED_FAILURES.contains(&name)
}

/// Refuses a failure name that an EXIT node may not throw (N-5).
pub(super) fn require_thrown_failure(name: &str) -> Result<(), Reason> {
    if is_reserved_failure(name) {
        return Err(format!("Exception name {name} is reserved!"));
    }
    if !is_name(name) {
        return Err(format!("Invalid name for exception: {name}"));
    }
    Ok(())
}
