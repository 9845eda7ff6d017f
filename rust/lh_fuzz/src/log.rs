//! The log reader: whatever the segment files hold, it recovers what was written, drops an incomplete last write, or
//! refuses; and it never panics.

use std::{collections::BTreeMap, sync::Arc};

use _core::shard::log::{HardState, Kind, Log, LogConfig, LogEntry, LogError, Record, Recovered};

use crate::{disk::MemoryDisk, source::Source};

const CLUSTER: [u8; 16] = *b"cluster of fuzz.";
const SEGMENT_BYTES: u64 = 1024;
const SHARDS: usize = 3;

/// What one shard has written so far.
#[derive(Clone, Copy, Default)]
struct Written {
    term: u64,
    index: u64,
    cut: u64,
}

/// Writes a log, damages it, opens it again.
pub fn log(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    if source.one_in(4) {
        return anything(source.rest());
    }
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).expect("an empty directory can be opened");
    // What each number of writes leaves, as a fresh start sees it.
    let mut after = vec![recovered(&disk)];
    let mut shards = [Written::default(); SHARDS];
    for _ in 0..source.below(24) {
        let records: Vec<Record> = (0..1 + source.below(3)).map(|_| record(&mut source, &mut shards)).collect();
        log.append(&records).expect("a disk in memory takes everything");
        after.push(recovered(&disk));
    }
    drop(log);
    let (damaged, one_bit) = damage(&mut source, &disk);
    let Ok((mut log, found)) = open(&damaged) else { return };
    if one_bit {
        let before = &after[after.len().saturating_sub(2)];
        between(before, &found, after.last().unwrap_or(before));
    }
    // What was recovered can be written on to, and is recovered again.
    let next = found.get(&0).map_or(1, |shard| shard.last_index() + 1);
    let term = found.get(&0).and_then(|shard| shard.entries.last()).map_or(1, |entry| entry.term.max(1));
    log.append(&[LogEntry { term, index: next, members: false, data: b"next".to_vec() }.into_record(0)])
        .expect("a recovered log can be written on to");
    let (_, again) = open(&damaged).expect("a log that was just written can be opened");
    assert_eq!(again.get(&0).map(|shard| shard.last_index()), Some(next));
    for (shard, before) in found.iter().filter(|(shard, _)| **shard != 0) {
        assert_eq!(again.get(shard), Some(before), "shard {shard}");
    }
}

/// One changed bit costs the last write at most, which is the last append or the part of it behind a segment's end.
fn between(least: &Recovered, found: &Recovered, most: &Recovered) {
    let last = |recovered: &Recovered, shard: &u32| recovered.get(shard).map_or(0, |shard| shard.last_index());
    for (shard, all) in most {
        // The last write may have cut this shard, after which older segments went. What the store had persisted for that
        // is ahead of what is left then, and a server does not start on it.
        let is_refused = last(found, shard) < all.cut.0;
        assert!(
            is_refused || last(least, shard) <= last(found, shard),
            "synced records of shard {shard} are not there"
        );
        let kept = found.get(shard).map_or(&[][..], |shard| &shard.entries);
        let changed = kept.iter().find(|entry| entry.index > all.cut.0 && !all.entries.contains(entry));
        assert!(changed.is_none(), "shard {shard} has an entry that it never wrote: {changed:?}");
    }
}

/// Any bytes as segment files.
fn anything(bytes: &[u8]) {
    let mut files = BTreeMap::new();
    for (number, part) in bytes.chunks(300).enumerate() {
        files.insert(format!("log-{:016}.seg", number + 1), part.to_vec());
    }
    drop(open(&MemoryDisk::of(files)));
}

fn open(disk: &MemoryDisk) -> Result<(Log, Recovered), LogError> {
    let config = LogConfig { cluster: CLUSTER, segment_bytes: SEGMENT_BYTES, persist_bytes: 2 * SEGMENT_BYTES };
    Log::open(Arc::new(disk.clone()), config)
}

fn recovered(disk: &MemoryDisk) -> Recovered {
    open(&MemoryDisk::of(disk.files())).expect("an undamaged log can be opened").1
}

fn record(source: &mut Source<'_>, shards: &mut [Written; SHARDS]) -> Record {
    let shard = source.below(SHARDS);
    let written = &mut shards[shard];
    match source.below(8) {
        1 => {
            written.term += 1;
            HardState { term: written.term, vote: source.number(), commit: written.index }.into_record(shard as u32)
        }
        2 => {
            written.cut = written.cut.max(written.index.saturating_sub(source.below(3) as u64));
            Record { shard: shard as u32, kind: Kind::Cut, term: written.term, index: written.cut, payload: Vec::new() }
        }
        _ => {
            written.term = written.term.max(1);
            written.index += 1;
            let data = vec![source.byte(); source.below(400)];
            LogEntry { term: written.term, index: written.index, members: source.one_in(8), data }
                .into_record(shard as u32)
        }
    }
}

/// A damaged copy; true if one bit changed and nothing else.
fn damage(source: &mut Source<'_>, disk: &MemoryDisk) -> (MemoryDisk, bool) {
    let mut files = disk.files();
    let kind = source.below(6);
    let which = source.below(files.len());
    let Some(name) = files.keys().nth(which).cloned() else { return (MemoryDisk::of(files), false) };
    let other = files.values().next().cloned().unwrap_or_default();
    let Some(file) = files.get_mut(&name) else { return (MemoryDisk::of(files), false) };
    let at = source.below(file.len());
    let mut one_bit = false;
    match kind {
        0 | 1 if !file.is_empty() => {
            file[at] ^= 1 << source.below(8);
            one_bit = true;
        }
        2 => file.truncate(at),
        3 => file[at..].fill(0),
        4 => {
            // Older bytes in place of newer ones.
            let length = source.below(200).min(file.len() - at).min(other.len());
            file[at..at + length].copy_from_slice(&other[..length]);
        }
        _ => {
            files.remove(&name);
        }
    }
    (MemoryDisk::of(files), one_bit)
}
