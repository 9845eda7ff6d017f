//! Start-up of the log: reads every segment, checks every byte that was acknowledged, cuts a torn tail, refuses damage.
//!
//! A crash can leave only the last write incomplete, in any of its sectors. So behind the first record that is not
//! intact there may be intact ones of that same write and nothing else; anything else means that synced bytes changed.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ClusterId, Kind, LogEntry, LogError, Record, Recovered,
    format::{self, ALIGNMENT, Found, SEGMENT_HEADER, SegmentHeader},
};
use crate::ports::Disk;

/// A segment that holds records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub sequence: u64,
    /// Highest entry index per shard in it: it can go once all of them are cut.
    pub last_index: BTreeMap<u32, u64>,
}

impl Segment {
    /// Notes that the record was written to this segment.
    pub fn note(&mut self, record: &Record) {
        if matches!(record.kind, Kind::Entry | Kind::Members) {
            let last = self.last_index.entry(record.shard).or_default();
            *last = (*last).max(record.index);
        }
    }
}

/// Where the next record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Offset in the last segment.
    pub offset: u64,
    /// Checksum of the last record.
    pub chain: u32,
    /// Number of the last write.
    pub write: u64,
}

/// What was found on the disk.
#[derive(Debug, Default)]
pub struct Scan {
    /// Segments with records, oldest first.
    pub segments: Vec<Segment>,
    /// Where the last of them ends; `None` = there is none.
    pub end: Option<End>,
    /// Bytes behind the end look like records of an incomplete write and must be wiped before anything is written, up
    /// to this length of the file.
    pub torn: Option<u64>,
    /// A prepared segment in which nothing was written, and whether it must be made anew (an incomplete write is in it).
    pub prepared: Option<(u64, bool)>,
    /// What the shards had.
    pub shards: Recovered,
}

/// Reads the whole log. Changes nothing on the disk.
pub fn scan(disk: &Arc<dyn Disk>, cluster: &ClusterId) -> Result<Scan, LogError> {
    read(disk, cluster)?.finish()
}

/// All entries that the files hold, also those that the log was cut behind: for a replay from the beginning.
///
/// # Errors
/// As for opening the log.
pub fn all_entries(disk: &Arc<dyn Disk>, cluster: &ClusterId) -> Result<BTreeMap<u32, Vec<LogEntry>>, LogError> {
    let shards = read(disk, cluster)?.scan.shards;
    Ok(shards.into_iter().map(|(shard, found)| (shard, found.entries)).collect())
}

fn read(disk: &Arc<dyn Disk>, cluster: &ClusterId) -> Result<Reader, LogError> {
    let mut sequences: Vec<u64> = disk
        .list()
        .map_err(LogError::io("directory"))?
        .iter()
        .filter_map(|name| format::segment_sequence(name))
        .collect();
    sequences.sort_unstable();
    if let Some(pair) = sequences.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(LogError::Missing { file: format::segment_name(pair[0] + 1) });
    }
    let mut reader = Reader { cluster: *cluster, scan: Scan::default() };
    for (at, sequence) in sequences.iter().enumerate() {
        let name = format::segment_name(*sequence);
        let bytes = disk.read(&name).map_err(LogError::io(&name))?;
        reader.segment(&name, *sequence, &bytes, at + 1 == sequences.len())?;
    }
    Ok(reader)
}

struct Reader {
    cluster: ClusterId,
    scan: Scan,
}

impl Reader {
    fn segment(&mut self, name: &str, sequence: u64, bytes: &[u8], newest: bool) -> Result<(), LogError> {
        let Some(header) = self.header(name, sequence, bytes)? else {
            return self.unstarted(name, sequence, bytes, newest);
        };
        if let (Some(end), Some(before)) = (self.scan.end, self.scan.segments.last())
            && (self.scan.torn.is_some() || header.chain != end.chain || header.write != end.write)
        {
            let detail = format!("its records stop here, but {name} continues later ones");
            return Err(damaged(&format::segment_name(before.sequence), end.offset as usize, detail));
        }
        self.scan.segments.push(Segment { sequence, ..Segment::default() });
        self.records(name, header, bytes)
    }

    /// The header if this segment was started under this number.
    fn header(&self, name: &str, sequence: u64, bytes: &[u8]) -> Result<Option<SegmentHeader>, LogError> {
        match SegmentHeader::decode(bytes) {
            Some(header) if header.cluster != self.cluster => Err(LogError::WrongCluster {
                file: name.to_owned(),
                found: hex(&header.cluster),
                expected: hex(&self.cluster),
            }),
            Some(header) if header.sequence == sequence => Ok(Some(header)),
            _ => Ok(None),
        }
    }

    fn unstarted(&mut self, name: &str, sequence: u64, bytes: &[u8], newest: bool) -> Result<(), LogError> {
        if !newest {
            return Err(damaged(name, 0, "the header of this segment is not intact".to_owned()));
        }
        let write = self.scan.end.map_or(0, |end| end.write);
        let survivors = self.survivors(name, sequence, bytes, SEGMENT_HEADER, write + 1, 0)?;
        self.scan.prepared = Some((sequence, survivors));
        Ok(())
    }

    fn records(&mut self, name: &str, header: SegmentHeader, bytes: &[u8]) -> Result<(), LogError> {
        let seed = format::seed(&self.cluster, header.sequence);
        let mut end = End { offset: SEGMENT_HEADER as u64, chain: header.chain, write: header.write };
        let (mut offset, mut chain) = (SEGMENT_HEADER, header.chain);
        let mut incomplete: Vec<(usize, Found)> = Vec::new();
        while let Some(found) = format::decode_record(bytes, offset, seed) {
            if found.link.previous != chain || found.link.write != end.write + 1 {
                return Err(damaged(name, offset, "a record stands where another one was written".to_owned()));
            }
            let (at, last_of_write) = (offset, found.link.last_of_write);
            offset += found.length;
            chain = found.sum;
            incomplete.push((at, found));
            if last_of_write {
                for (at, found) in incomplete.drain(..) {
                    self.take(name, at, found.record)?;
                }
                end = End { offset: offset as u64, chain, write: end.write + 1 };
            }
        }
        let survivors = self.survivors(name, header.sequence, bytes, offset, end.write + 1, offset)?;
        self.scan.torn = (survivors || !incomplete.is_empty()).then_some(bytes.len() as u64);
        self.scan.end = Some(end);
        Ok(())
    }

    /// True if there are intact records from `from` on, all of the write `torn_write`. Others: damage at `bad`.
    fn survivors(
        &self,
        name: &str,
        sequence: u64,
        bytes: &[u8],
        from: usize,
        torn_write: u64,
        bad: usize,
    ) -> Result<bool, LogError> {
        let seed = format::seed(&self.cluster, sequence);
        let mut any = false;
        let mut offset = from;
        while offset < bytes.len() {
            match format::decode_record(bytes, offset, seed) {
                Some(found) if found.link.write == torn_write => {
                    any = true;
                    offset += found.length;
                }
                Some(_) => {
                    let detail = format!("no intact record here, but one of a later write at offset {offset}");
                    return Err(damaged(name, bad, detail));
                }
                None => offset += ALIGNMENT,
            }
        }
        Ok(any)
    }

    fn take(&mut self, name: &str, offset: usize, record: Record) -> Result<(), LogError> {
        if let Some(segment) = self.scan.segments.last_mut() {
            segment.note(&record);
        }
        let shard = self.scan.shards.entry(record.shard).or_default();
        match record.kind {
            Kind::HardState => {
                let vote = record.payload.as_slice().try_into().map(u64::from_le_bytes);
                let vote = vote.map_err(|_| damaged(name, offset, "a hard state without a vote".to_owned()))?;
                shard.hard_state = super::HardState { term: record.term, vote, commit: record.index };
            }
            Kind::Cut => shard.cut = shard.cut.max((record.index, record.term)),
            Kind::Snapshot => {
                shard.cut = (record.index, record.term);
                shard.entries.retain(|entry| entry.index > record.index);
            }
            Kind::Entry | Kind::Members => {
                // A new leader replaces what the old one could not commit.
                while shard.entries.last().is_some_and(|last| last.index >= record.index) {
                    shard.entries.pop();
                }
                if let Some(last) = shard.entries.last()
                    && last.index + 1 != record.index
                {
                    let detail = format!("entry {} of shard {} follows {}", record.index, record.shard, last.index);
                    return Err(damaged(name, offset, detail));
                }
                let members = record.kind == Kind::Members;
                shard.entries.push(LogEntry { term: record.term, index: record.index, members, data: record.payload });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Scan, LogError> {
        let oldest = self.scan.segments.first().map_or(0, |segment| segment.sequence);
        for (number, shard) in &mut self.scan.shards {
            let cut = shard.cut.0;
            shard.entries.retain(|entry| entry.index > cut);
            if let Some(first) = shard.entries.first().filter(|first| first.index > cut + 1) {
                let detail = format!("shard {number} lacks entries {}..={} before it", cut + 1, first.index - 1);
                return Err(damaged(&format::segment_name(oldest), 0, detail));
            }
        }
        Ok(self.scan)
    }
}

fn damaged(file: &str, offset: usize, detail: String) -> LogError {
    LogError::Damaged { file: file.to_owned(), offset: offset as u64, detail }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
