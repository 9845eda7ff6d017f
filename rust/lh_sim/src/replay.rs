//! The log from its first entry through a fresh machine: what the store must hold in the end (I16), and that time never
//! went back in it (I11).

use lh_core::shard::log::LogEntry;
use lh_machine::{MachineConfig, State, apply, internal::Batch, needs};
use prost::Message;

use crate::{checker::Violation, devices::store::Entries};

/// Applies all entries; returns what one flush at the end writes.
///
/// # Errors
/// Time went back, or an entry cannot be read.
pub fn replay(config: MachineConfig, log: &[LogEntry]) -> Result<Entries, Violation> {
    let shard = config.shard;
    let mut state = State::new(config);
    let mut latest_ms = i64::MIN;
    for entry in log {
        let batch = Batch::decode(entry.data.as_slice())
            .map_err(|error| broken("I19", format!("entry {} of shard {shard}: {error}", entry.index)))?;
        if let Some(stamp) = batch.stamp {
            if stamp.now_ms < latest_ms {
                let text =
                    format!("entry {} of shard {shard} is stamped {}, after {latest_ms}", entry.index, stamp.now_ms);
                return Err(broken("I11", text));
            }
            latest_ms = stamp.now_ms;
            for command in &batch.commands {
                for key in needs(&state, command, 0) {
                    // What the log has not made does not exist.
                    state.insert(&key, None).map_err(|corrupt| broken("I16", corrupt.0))?;
                }
                apply(&mut state, &stamp, command);
            }
        }
        state.set_applied(entry.index, entry.term);
    }
    let writes = state.take_flush().writes;
    Ok(writes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

/// How the store differs from the replay; empty = not at all.
pub fn compare(shard: u32, stored: &Entries, replayed: &Entries) -> Vec<Violation> {
    let keys = stored.keys().chain(replayed.keys()).filter(|key| stored.get(*key) != replayed.get(*key));
    let mut keys: Vec<&Vec<u8>> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let first = keys.iter().take(3).map(|key| {
        let kind = match (stored.get(*key), replayed.get(*key)) {
            (Some(_), None) => "only in the store",
            (None, Some(_)) => "only in the replay",
            _ => "different",
        };
        broken(
            "I16",
            format!("shard {shard}: {} entries differ; {:?} is {kind}", keys.len(), String::from_utf8_lossy(key)),
        )
    });
    first.collect()
}

fn broken(rule: &'static str, text: String) -> Violation {
    Violation { rule, text }
}
