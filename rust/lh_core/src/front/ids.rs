//! Ids in requests: the grammar of WfRun ids, generated ids, and required ids that are missing.

use lh_machine::pb;
use tonic::Status;

use crate::{
    front::status,
    ports::{Clock, Entropy},
};

/// True if `id` matches `[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?` (03/E-101).
pub fn is_wf_run_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// A UUIDv7 as 32 lowercase hex digits (03/E-102): the store's keys then sort by time.
pub fn generate_wf_run_id(clock: &dyn Clock, entropy: &dyn Entropy) -> String {
    let time = u128::from(clock.wall_ms().max(0) as u64 & 0xFFFF_FFFF_FFFF);
    let random_a = u128::from(entropy.next_u64() & 0xFFF);
    let random_b = u128::from(entropy.next_u64() & 0x3FFF_FFFF_FFFF_FFFF);
    let uuid = time << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b;
    format!("{uuid:032x}")
}

/// The id of a WfRun, every part of its chain non-empty; else `INVALID_ARGUMENT` naming `field` (07/S-1, 08/E-4).
pub fn required_wf_run_id<'a>(id: Option<&'a pb::WfRunId>, field: &str) -> Result<&'a pb::WfRunId, Status> {
    let missing = || status::invalid(format!("{field} is required"));
    let whole = id.ok_or_else(missing)?;
    let mut part = Some(whole);
    while let Some(at) = part {
        if at.id.is_empty() {
            return Err(missing());
        }
        part = at.parent_wf_run_id.as_deref();
    }
    Ok(whole)
}

/// The name in a TaskDefId, non-empty; else `INVALID_ARGUMENT` naming `field`.
pub fn required_task_def<'a>(id: Option<&'a pb::TaskDefId>, field: &str) -> Result<&'a str, Status> {
    match id {
        Some(id) if !id.name.is_empty() => Ok(&id.name),
        _ => Err(status::invalid(format!("{field} is required"))),
    }
}

/// A non-empty text; else `INVALID_ARGUMENT` naming `field`.
pub fn required_text(text: &str, field: &str) -> Result<(), Status> {
    if text.is_empty() { Err(status::invalid(format!("{field} is required"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Fixed;
    impl Clock for Fixed {
        fn wall_ms(&self) -> i64 {
            0x0123_4567_89AB
        }
        fn monotonic_ns(&self) -> u64 {
            0
        }
    }
    impl Entropy for Fixed {
        fn next_u64(&self) -> u64 {
            u64::MAX
        }
    }

    /// 03/E-101: letters, digits, inner hyphens.
    #[test]
    fn id_grammar() {
        for good in ["a", "A9", "a-b", "0", "a--b"] {
            assert!(is_wf_run_id(good), "{good}");
        }
        for bad in ["", "-", "-a", "a-", "a_b", "a.b", "a/b", "ä", "a b"] {
            assert!(!is_wf_run_id(bad), "{bad}");
        }
    }

    /// 03/E-102: 32 lowercase hex digits, version 7, time first.
    #[test]
    fn generated_ids_are_uuid7() {
        assert_eq!(generate_wf_run_id(&Fixed, &Fixed), "0123456789ab7fffbfffffffffffffff");
    }

    /// 07/S-1: unset and empty ids, at any level of the chain.
    #[test]
    fn missing_ids_are_invalid() {
        assert!(required_wf_run_id(None, "wf_run_id").is_err());
        let empty = pb::WfRunId::default();
        assert!(required_wf_run_id(Some(&empty), "wf_run_id").is_err());
        let child = pb::WfRunId { id: "c".into(), parent_wf_run_id: Some(Box::new(empty)) };
        let refused = required_wf_run_id(Some(&child), "wf_run_id").unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert_eq!(refused.message(), "wf_run_id is required");
    }
}
