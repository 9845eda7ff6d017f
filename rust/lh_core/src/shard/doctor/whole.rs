//! The whole log, from its first entry, through a fresh machine: the store must hold exactly what comes of it (I16).

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use lh_machine::{MachineConfig, State, Writes};

use super::{Finding, replay, store};
use crate::{ports::Store, shard::log::LogEntry};

/// Entries between two flushes of the replay: what it holds in memory twice is bounded by them.
const ENTRIES_PER_FLUSH: usize = 2_000;

/// Keys that differ and are told in full.
const TOLD: usize = 5;

/// Replays `entries` and compares the outcome with the store as it will be when `writes` are in it.
pub fn compare(
    part: &str,
    config: MachineConfig,
    store: &Arc<dyn Store>,
    writes: &Writes,
    entries: &[LogEntry],
) -> Vec<Finding> {
    let first = entries.first().map_or(1, |entry| entry.index);
    if first != 1 {
        return vec![Finding::bad(part, format!("the whole log was to be replayed, but it begins at entry {first}"))];
    }
    let mut replayed = match through_a_machine(config, entries) {
        Ok(replayed) => replayed,
        Err(sentence) => return vec![Finding::bad(part, format!("whole log: {sentence}"))],
    };
    let (mut same, mut different) = (0_usize, Vec::new());
    let read = store::stream(store, writes, &mut |key, value| match replayed.remove(key) {
        Some(other) if other == value => same += 1,
        Some(_) => different.push((key.to_vec(), "differs between store and replay")),
        None => different.push((key.to_vec(), "is in the store only")),
    });
    if let Err(error) = read {
        return vec![Finding::bad(part, format!("it cannot be read to its end: {error}"))];
    }
    different.extend(replayed.into_keys().map(|key| (key, "is in the replay only")));
    if different.is_empty() {
        let count = entries.len();
        let text = format!("{count} log entries from the first one on give the same {same} records, byte for byte");
        return vec![Finding::good(part, text)];
    }
    let count = different.len();
    let told = different.iter().take(TOLD);
    told.map(|(key, how)| {
        let name = String::from_utf8_lossy(key);
        Finding::bad(part, format!("whole log: {count} records differ, {name:?} ({key:02x?}) {how}"))
    })
    .collect()
}

/// What a store would hold at the end of the log.
fn through_a_machine(config: MachineConfig, entries: &[LogEntry]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, String> {
    let memory = Arc::new(Memory::default());
    let store: Arc<dyn Store> = memory.clone();
    let mut state = State::new(config);
    for piece in entries.chunks(ENTRIES_PER_FLUSH) {
        replay::replay(&mut state, &store, piece)?;
        store.write(&state.take_flush().writes).map_err(|error| error.to_string())?;
        state.flushed();
        state.sweep(usize::MAX);
    }
    Ok(std::mem::take(&mut *memory.0.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// A store that forgets.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for Memory {
    fn get_many(&self, keys: &[Vec<u8>]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.iter().map(|key| entries.get(key).cloned()).collect())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let range = entries.range(start.to_vec()..).take_while(|(key, _)| key.as_slice() < end);
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, writes: &Writes) -> io::Result<()> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            match value {
                Some(value) => entries.insert(key.clone(), value.clone()),
                None => entries.remove(key),
            };
        }
        Ok(())
    }

    fn persist(&self) -> io::Result<()> {
        Ok(())
    }
}
