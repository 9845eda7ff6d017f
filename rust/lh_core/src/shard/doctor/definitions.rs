//! Whether every run shard knows, or will be told, what the metadata group defines.

use std::collections::BTreeSet;

use lh_machine::audit;

use super::{Examined, Finding};

/// Compares the run shards (all but the last) with the metadata group (the last).
pub fn compare(examined: &[Examined]) -> Vec<Finding> {
    let Some((meta, shards)) = examined.split_last() else { return Vec::new() };
    let told = meta.state.applied().outbox_sequence;
    let mut findings = Vec::new();
    for shard in shards {
        let number = shard.state.config.shard;
        let known = shard.state.applied().definitions_sequence;
        let messages = meta.state.outbox();
        let under_way: BTreeSet<u64> =
            messages.iter().filter(|message| message.target_shard == number).map(|message| message.sequence).collect();
        if known > told {
            let text = format!("it knows change {known} of the definitions, but metadata made only {told}");
            findings.push(Finding::bad(&shard.part, text));
        } else if let Some(lost) = (known + 1..=told).find(|sequence| !under_way.contains(sequence)) {
            let text = format!("change {lost} of the definitions never arrived and is not under way");
            findings.push(Finding::bad(&shard.part, text));
        } else if known == told {
            let meta = meta.state.meta();
            let unknown = meta.iter().filter(|(key, entry)| !audit::knows_definition(&shard.state, key, &entry.value));
            findings.extend(unknown.map(|(key, _)| {
                Finding::bad(&shard.part, format!("{} differs from metadata or is missing", audit::readable_meta(key)))
            }));
        }
    }
    if findings.is_empty() {
        findings
            .push(Finding::good("definitions", format!("{} entries, known to every shard", meta.state.meta().len())));
    }
    findings
}
