//! The log under crashes, torn writes, damage, failing syncs and full disks.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use super::{format::RECORD_HEADER, prepare::Stock, *};
use crate::{environment::Threads, ports::Disk, shard::testing::MemoryDisk};

const CLUSTER: ClusterId = *b"cluster of tests";
const FIRST: &str = "log-0000000000000001.seg";
const SECOND: &str = "log-0000000000000002.seg";
/// Small, so that tests see many segments.
const SEGMENT: u64 = 4096;

fn config() -> LogConfig {
    LogConfig { cluster: CLUSTER, segment_bytes: SEGMENT, persist_bytes: 2 * SEGMENT }
}

fn open(disk: &MemoryDisk) -> Result<(Log, Recovered), LogError> {
    Log::open(Arc::new(disk.clone()), config())
}

fn entry(shard: u32, index: u64, data: &[u8]) -> Record {
    LogEntry { term: 1, index, members: false, data: data.to_vec() }.into_record(shard)
}

fn cut(shard: u32, index: u64) -> Record {
    Record { shard, kind: Kind::Cut, term: 1, index, payload: Vec::new() }
}

fn indexes(recovered: &Recovered, shard: u32) -> Vec<u64> {
    recovered.get(&shard).map_or(Vec::new(), |found| found.entries.iter().map(|entry| entry.index).collect())
}

/// Three writes of one entry each; returns the offset at which the last one starts and ends.
fn three_writes(disk: &MemoryDisk) -> (usize, usize) {
    let (mut log, _) = open(disk).unwrap();
    log.append(&[entry(0, 1, b"one")]).unwrap();
    log.append(&[entry(0, 2, b"two")]).unwrap();
    log.append(&[entry(0, 3, b"three, a little longer")]).unwrap();
    let start = format::SEGMENT_HEADER + 2 * format::record_length(3);
    (start, start + format::record_length(22))
}

fn damaged_at(result: Result<(Log, Recovered), LogError>) -> (String, u64) {
    match result.map(|(_, recovered)| recovered) {
        Err(LogError::Damaged { file, offset, .. }) => (file, offset),
        other => panic!("expected damage, got {other:?}"),
    }
}

/// I1: what was acknowledged is found again, of every shard, with hard states.
#[test]
fn what_was_synced_is_recovered() {
    let disk = MemoryDisk::default();
    let (mut log, recovered) = open(&disk).unwrap();
    assert!(recovered.is_empty());
    let hard_state = HardState { term: 3, vote: 1, commit: 0 };
    log.append(&[hard_state.into_record(7), entry(7, 1, b"a"), entry(9, 1, b"b")]).unwrap();
    log.append(&[entry(7, 2, b"c")]).unwrap();
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(indexes(&recovered, 7), [1, 2]);
    assert_eq!(recovered[&7].hard_state, hard_state);
    assert_eq!(recovered[&7].entries[1].data, b"c");
    assert_eq!(indexes(&recovered, 9), [1]);
}

/// One sync per append, however many records it has.
#[test]
fn an_append_costs_one_sync() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[entry(0, 1, b"a")]).unwrap();
    let before = disk.syncs();
    log.append(&[entry(0, 2, b"b"), entry(1, 1, b"c"), entry(2, 1, b"d")]).unwrap();
    assert_eq!(disk.syncs(), before + 1);
}

/// Fault 3, I19: a last write torn at any byte is cut, and the log goes on behind it.
#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let whole = MemoryDisk::default();
    let (start, end) = three_writes(&whole);
    for torn_at in start..end {
        let disk = whole.copy();
        let mut intact = Vec::new();
        disk.damage(FIRST, |bytes| {
            intact = bytes.clone();
            bytes[torn_at..].fill(0);
        });
        let padding = intact[torn_at..end].iter().all(|byte| *byte == 0);
        let (mut log, recovered) = open(&disk).unwrap();
        let kept = if padding { vec![1, 2, 3] } else { vec![1, 2] };
        assert_eq!(indexes(&recovered, 0), kept, "torn at {torn_at}");
        let next = kept.len() as u64 + 1;
        log.append(&[entry(0, next, b"again")]).unwrap();
        let (_, recovered) = open(&disk).unwrap();
        assert_eq!(recovered[&0].last_index(), next, "torn at {torn_at}");
    }
}

/// Fault 3: sectors of one write may reach the disk in any order. An incomplete write is dropped whole, even if a later
/// part of it is intact, and what it left can never come back.
#[test]
fn an_incomplete_write_is_dropped_whole() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[entry(0, 1, b"one")]).unwrap();
    log.append(&[entry(0, 2, b"two"), entry(0, 3, b"tri"), entry(0, 4, b"for")]).unwrap();
    let second = format::SEGMENT_HEADER + format::record_length(3);
    let one = format::record_length(3);
    for bad in [second, second + one, second + 2 * one] {
        let disk = disk.copy();
        disk.damage(FIRST, |bytes| bytes[bad + RECORD_HEADER] ^= 1);
        let (mut log, recovered) = open(&disk).unwrap();
        assert_eq!(indexes(&recovered, 0), [1]);
        log.append(&[entry(0, 2, b"new")]).unwrap();
        let (_, recovered) = open(&disk).unwrap();
        assert_eq!(indexes(&recovered, 0), [1, 2]);
        assert_eq!(recovered[&0].entries[1].data, b"new");
    }
}

/// No write goes beyond the size of a segment, header and marks included: whatever stands there would not be wiped.
#[test]
fn a_segment_keeps_its_size() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[entry(0, 1, b"whose hard state and cut every later segment repeats")]).unwrap();
    let marks = format::record_length(8) + format::record_length(0);
    let fits = SEGMENT as usize - format::SEGMENT_HEADER - marks - RECORD_HEADER;
    for (index, length) in (2..).zip(fits - 16..=fits) {
        log.append(&[entry(0, index, &vec![b'x'; length])]).unwrap();
    }
    assert!(log.append(&[entry(0, 19, &vec![b'x'; fits + 1])]).is_err());
    assert_eq!(indexes(&open(&disk).unwrap().1, 0), (1..=18).collect::<Vec<_>>());
    let sizes: Vec<usize> = disk.list().unwrap().iter().map(|name| disk.read(name).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size as u64 == SEGMENT), "{sizes:?}");
}

/// Fault 3: an incomplete write is wiped to the end of the file, also where that lies behind the size of a segment.
#[test]
fn an_incomplete_write_is_wiped_to_the_end_of_the_file() {
    let disk = MemoryDisk::default();
    let larger = LogConfig { segment_bytes: 3 * SEGMENT, ..config() };
    let (mut log, _) = Log::open(Arc::new(disk.clone()), larger).unwrap();
    log.append(&[entry(0, 1, b"one")]).unwrap();
    let long = vec![b'x'; SEGMENT as usize];
    log.append(&[entry(0, 2, b"bad"), entry(0, 3, &long), entry(0, 4, b"late")]).unwrap();
    let second = format::SEGMENT_HEADER + format::record_length(3);
    disk.damage(FIRST, |bytes| bytes[second + RECORD_HEADER] ^= 1);
    let (mut log, recovered) = open(&disk).unwrap();
    assert_eq!(indexes(&recovered, 0), [1]);
    log.append(&[entry(0, 2, b"new")]).unwrap();
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(indexes(&recovered, 0), [1, 2]);
}

/// Fault 4, I1, I21: any flipped bit in an acknowledged record that others follow is refused, with file and offset.
#[test]
fn a_flipped_bit_before_the_tail_is_refused() {
    let whole = MemoryDisk::default();
    three_writes(&whole);
    let first = format::SEGMENT_HEADER;
    for at in first..first + RECORD_HEADER + 3 {
        let disk = whole.copy();
        disk.damage(FIRST, |bytes| bytes[at] ^= 0x10);
        assert_eq!(damaged_at(open(&disk)), (FIRST.to_owned(), first as u64), "bit flipped at {at}");
    }
}

/// Fault 6, I19: an older record in the place of a newer one is refused, also at the tail.
#[test]
fn a_misplaced_record_is_refused() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for index in 1..=3 {
        log.append(&[entry(0, index, b"same")]).unwrap();
    }
    let length = format::record_length(4);
    let (first, last) = (format::SEGMENT_HEADER, format::SEGMENT_HEADER + 2 * length);
    disk.damage(FIRST, |bytes| bytes.copy_within(first..first + length, last));
    assert_eq!(damaged_at(open(&disk)), (FIRST.to_owned(), last as u64));
}

fn fill(log: &mut Log, indexes: std::ops::RangeInclusive<u64>) {
    for index in indexes {
        log.append(&[entry(0, index, &[index as u8; 1000])]).unwrap();
    }
}

/// Fault 4, 5: a segment that ends early, has no header, or is gone, is refused.
#[test]
fn gaps_between_segments_are_refused() {
    let whole = MemoryDisk::default();
    fill(&mut open(&whole).unwrap().0, 1..=9);
    assert_eq!(indexes(&open(&whole).unwrap().1, 0), (1..=9).collect::<Vec<_>>());

    let disk = whole.copy();
    disk.damage(FIRST, |bytes| bytes.truncate(3000));
    assert_eq!(damaged_at(open(&disk)).0, FIRST);

    let disk = whole.copy();
    disk.damage(SECOND, |bytes| bytes[9] ^= 1);
    assert_eq!(damaged_at(open(&disk)), (SECOND.to_owned(), 0));

    let disk = whole.copy();
    disk.remove(SECOND).unwrap();
    assert!(matches!(open(&disk).err(), Some(LogError::Missing { file }) if file == SECOND));

    let disk = whole.copy();
    disk.remove(FIRST).unwrap();
    assert_eq!(damaged_at(open(&disk)).0, SECOND);
}

/// A log of another cluster is refused.
#[test]
fn another_clusters_log_is_refused() {
    let disk = MemoryDisk::default();
    three_writes(&disk);
    let other = LogConfig { cluster: [7; 16], ..config() };
    assert!(matches!(Log::open(Arc::new(disk), other).err(), Some(LogError::WrongCluster { .. })));
}

/// I22, I19: segments behind every shard's cut are used again, and what they held is never taken for records.
#[test]
fn recycled_bytes_are_not_records() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    let hard_state = HardState { term: 1, vote: 1, commit: 0 };
    log.append(&[hard_state.into_record(0)]).unwrap();
    for round in 0..40 {
        let first = round * 3 + 1;
        fill(&mut log, first..=first + 2);
        log.append(&[cut(0, first + 2)]).unwrap();
        assert!(disk.list().unwrap().len() <= 3 + limits::RETIRED_SEGMENTS);
        let (_, recovered) = open(&disk.copy()).unwrap();
        assert_eq!(recovered[&0].cut.0, first + 2);
        assert_eq!(indexes(&recovered, 0), [] as [u64; 0]);
        assert_eq!(recovered[&0].hard_state.vote, 1, "every segment repeats the hard state");
    }
    assert!(!disk.list().unwrap().contains(&FIRST.to_owned()));
    // The first write of a segment in a recycled file is torn: everything before it is there, nothing else.
    let newest = |disk: &MemoryDisk| disk.list().unwrap().pop().unwrap();
    let before = newest(&disk);
    let mut index = 120;
    while newest(&disk) == before {
        index += 1;
        fill(&mut log, index..=index);
    }
    disk.damage(&newest(&disk), |bytes| bytes[..64].fill(0xEE));
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(indexes(&recovered, 0), (121..index).collect::<Vec<_>>());
}

/// Faults 7 and 8: a rename or removal that fails while segments are used again leaves no gap between them.
#[test]
fn a_failed_recycling_leaves_no_gap() {
    let disk = MemoryDisk::default();
    let mut stock = Stock::new(Arc::new(disk.clone()), SEGMENT, None);
    let names = |numbers: std::ops::RangeInclusive<u64>| numbers.map(format::segment_name).collect::<Vec<_>>();
    for sequence in 1..=7 {
        stock.make(sequence).unwrap();
    }
    for sequence in 1..=3 {
        stock.keep(sequence).unwrap();
    }
    disk.fail_move();
    assert_eq!(stock.make(8).err().unwrap().kind(), io::ErrorKind::StorageFull);
    stock.make(8).unwrap();
    assert_eq!(disk.list().unwrap(), names(2..=8));
    stock.keep(4).unwrap();
    disk.fail_move();
    stock.keep(5).unwrap_err();
    stock.make(9).unwrap();
    assert_eq!(disk.list().unwrap(), names(3..=9));
}

/// Fault 8: a segment that cannot be made ends the log; no later one is made, which would leave a gap.
#[test]
fn a_segment_that_cannot_be_made_ends_the_log() {
    let disk = MemoryDisk::default();
    let watched = watched();
    let space = SpaceWatch::default();
    let (mut log, _) = Log::open_prepared(Arc::new(disk.clone()), &Threads, config(), &space, &watched.hook).unwrap();
    let mut index = 1;
    fill(&mut log, 1..=1);
    disk.fail_creation();
    // Of those that are prepared at this moment one may be left.
    let failed = loop {
        index += 1;
        match log.append(&[entry(0, index, &[1; 1000])]) {
            Ok(()) => assert!(index < 100, "the log goes on without a segment"),
            Err(error) => break error,
        }
    };
    assert!(failed.to_string().contains("injected failure of a creation"), "{failed}");
    drop(log);
    assert_eq!(indexes(&open(&disk).unwrap().1, 0), (1..index).collect::<Vec<_>>());
}

/// A shard that is behind keeps the log; one that is far behind is reported.
#[test]
fn a_segment_stays_until_all_shards_are_past_it() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[entry(5, 1, b"idle shard")]).unwrap();
    fill(&mut log, 1..=20);
    log.append(&[cut(0, 20)]).unwrap();
    assert!(disk.list().unwrap().contains(&FIRST.to_owned()));
    assert_eq!(log.lagging().into_iter().collect::<Vec<_>>(), [5]);
    assert_eq!(indexes(&open(&disk.copy()).unwrap().1, 5), [1]);
    log.append(&[cut(5, 1)]).unwrap();
    assert!(log.lagging().is_empty());
    drop(log);
    let (mut log, recovered) = open(&disk).unwrap();
    assert_eq!(recovered[&5].cut, (1, 1));
    fill(&mut log, 21..=40);
    assert!(!disk.list().unwrap().contains(&FIRST.to_owned()));
}

/// A new leader's entry replaces the tail that the old one could not commit.
#[test]
fn an_entry_replaces_what_stands_at_its_index() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[entry(0, 1, b"a"), entry(0, 2, b"b"), entry(0, 3, b"c")]).unwrap();
    let mut newer = entry(0, 2, b"B");
    newer.term = 2;
    log.append(&[newer]).unwrap();
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(indexes(&recovered, 0), [1, 2]);
    assert_eq!(recovered[&0].entries[1].term, 2);
}

struct Watched {
    failures: Arc<Mutex<Vec<String>>>,
    hook: Arc<dyn Fn(String) + Send + Sync>,
}

fn watched() -> Watched {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let seen = failures.clone();
    Watched { failures, hook: Arc::new(move |message| seen.lock().unwrap().push(message)) }
}

/// Fault 8 (fsyncgate), I1, I2: after a failed sync nothing is acknowledged, ever, and the sync is not tried again.
#[test]
fn a_failed_sync_is_reported_once_and_nothing_is_acknowledged() {
    let disk = MemoryDisk::default();
    let watched = watched();
    let (log, _) = open(&disk).unwrap();
    let handle = start(&Threads, log, watched.hook.clone()).unwrap();
    let (acknowledged, answers) = mpsc::channel();
    let append = |index| {
        let acknowledged = acknowledged.clone();
        handle.append(vec![entry(0, index, b"x")], Some(Box::new(move || acknowledged.send(index).unwrap())));
    };
    append(1);
    assert_eq!(answers.recv_timeout(Duration::from_secs(10)).unwrap(), 1);
    disk.fail_sync(1);
    append(2);
    assert!(handle.clone().close().join());
    append(3);
    drop(acknowledged);
    let syncs = disk.syncs();
    assert!(answers.try_recv().is_err());
    assert_eq!(disk.syncs(), syncs);
    let failures = watched.failures.lock().unwrap();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].contains("injected sync failure") && failures[0].contains(FIRST), "{failures:?}");
}

/// Fault 7: while no segment can be made, appends wait unanswered and the space is said to be full; when space comes
/// back they are written, without a restart.
#[test]
fn a_full_disk_delays_and_recovers() {
    let disk = MemoryDisk::default();
    let watched = watched();
    let space = SpaceWatch::default();
    let (log, _) = Log::open_prepared(Arc::new(disk.clone()), &Threads, config(), &space, &watched.hook).unwrap();
    let handle = start(&Threads, log, watched.hook.clone()).unwrap();
    let (acknowledged, answers) = mpsc::channel();
    let append = |index: u64| {
        let acknowledged = acknowledged.clone();
        let done = Box::new(move || acknowledged.send(index).unwrap());
        handle.append(vec![entry(0, index, &[1; 1000])], Some(done));
    };
    append(1);
    assert_eq!(answers.recv_timeout(Duration::from_secs(10)).unwrap(), 1);
    disk.set_full(true);
    let mut index = 1;
    while space.get() != Space::Full {
        index += 1;
        append(index);
        std::thread::yield_now();
    }
    (index + 1..=index + 30).for_each(append);
    let on_disk = open(&disk.copy()).unwrap().1[&0].last_index();
    assert!(on_disk < index + 30, "there is no room for all of them");
    disk.set_full(false);
    for expected in 2..=index + 30 {
        assert_eq!(answers.recv_timeout(Duration::from_secs(10)).unwrap(), expected);
    }
    assert!(watched.failures.lock().unwrap().is_empty());
    assert_eq!(indexes(&open(&disk).unwrap().1, 0), (1..=index + 30).collect::<Vec<_>>());
}

/// Fault 7: the reserve is seen, and that it is free again.
#[test]
fn the_reserve_is_watched() {
    let disk = MemoryDisk::default();
    let space = SpaceWatch::default();
    for (free, expected) in [
        (limits::RESERVE_BYTES, Space::Ample),
        (limits::RESERVE_BYTES - 1, Space::Low),
        (limits::FULL_BYTES - 1, Space::Full),
        (u64::MAX, Space::Ample),
    ] {
        disk.set_free(free);
        space.look(&disk).unwrap();
        assert_eq!(space.get(), expected);
    }
}

/// A record that no segment can hold is an error, not a loop.
#[test]
fn an_oversized_record_is_an_error() {
    let (mut log, _) = open(&MemoryDisk::default()).unwrap();
    assert!(matches!(log.append(&[entry(0, 1, &[0; SEGMENT as usize])]), Err(LogError::Io { .. })));
}
