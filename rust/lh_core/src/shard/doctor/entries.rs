//! The entries of one shard's log: each can be read, terms and times never go back (I11, I19).

use lh_machine::internal::Batch;
use prost::Message;

use super::Finding;
use crate::shard::log::RecoveredShard;

/// Problems with the entries; the log reader has checked their bytes and indexes before.
pub fn check(part: &str, log: &RecoveredShard) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut term, mut now_ms) = (log.cut.1, i64::MIN);
    for entry in &log.entries {
        if entry.term < term {
            let text = format!("log entry {} is of term {}, after one of term {term}", entry.index, entry.term);
            findings.push(Finding::bad(part, text));
        }
        term = entry.term;
        // A change of members, or the first entry of a leader.
        if entry.members || entry.data.is_empty() {
            continue;
        }
        match Batch::decode(entry.data.as_slice()) {
            Ok(batch) => {
                let stamp_ms = batch.stamp.unwrap_or_default().now_ms;
                if stamp_ms < now_ms {
                    let text = format!(
                        "log entry {} is stamped {} ms before the one before it",
                        entry.index,
                        now_ms - stamp_ms
                    );
                    findings.push(Finding::bad(part, text));
                }
                now_ms = stamp_ms;
            }
            Err(error) => {
                let text = format!("log entry {} cannot be read ({error}): a newer version wrote it?", entry.index);
                findings.push(Finding::bad(part, text));
            }
        }
    }
    findings
}
