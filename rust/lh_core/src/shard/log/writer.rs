//! The log itself, without a thread: one write and one sync for any number of records of any shards.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
};

use lh_machine::mutants::{self, Mutant};

use super::{
    HardState, Kind, LogConfig, LogError, Record, Recovered,
    format::{self, Link, SEGMENT_HEADER, SegmentHeader},
    prepare::{Ahead, Segments, SpaceWatch, Stock},
    recover::{self, Segment},
};
use crate::ports::{Crew, Disk, DiskFile};

/// An open log.
pub struct Log {
    config: LogConfig,
    source: Box<dyn Segments>,
    /// Segments with records, oldest first; the last one is being written.
    segments: VecDeque<Segment>,
    current: Option<Current>,
    /// What every segment repeats at its start, so that older ones can go.
    marks: BTreeMap<u32, Marks>,
    chain: u32,
    write: u64,
    next_sequence: u64,
    buffer: Vec<u8>,
}

struct Current {
    name: String,
    file: Box<dyn DiskFile>,
    offset: u64,
    seed: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    hard_state: HardState,
    cut: (u64, u64),
}

impl Log {
    /// Opens the log on `disk`, with segments made when they are needed (no thread).
    pub fn open(disk: Arc<dyn Disk>, config: LogConfig) -> Result<(Self, Recovered), LogError> {
        Self::open_with(&disk, config, |stock, _| Ok(Box::new(stock)))
    }

    /// Opens the log on `disk`, with segments made ahead by one of the crew who keeps `space` up to date.
    pub fn open_prepared(
        disk: Arc<dyn Disk>,
        crew: &dyn Crew,
        config: LogConfig,
        space: &SpaceWatch,
        failure: &Arc<dyn Fn(String) + Send + Sync>,
    ) -> Result<(Self, Recovered), LogError> {
        space.look(disk.as_ref()).map_err(LogError::io("directory"))?;
        Self::open_with(&disk, config, |stock, next| {
            Ok(Box::new(Ahead::start(crew, stock, next, space.clone(), failure.clone())?))
        })
    }

    fn open_with(
        disk: &Arc<dyn Disk>,
        config: LogConfig,
        source: impl FnOnce(Stock, u64) -> io::Result<Box<dyn Segments>>,
    ) -> Result<(Self, Recovered), LogError> {
        let scan = recover::scan(disk, &config.cluster)?;
        let prepared = match scan.prepared {
            Some((sequence, true)) => {
                let name = format::segment_name(sequence);
                disk.remove(&name).map_err(LogError::io(&name))?;
                disk.sync_directory().map_err(LogError::io("directory"))?;
                None
            }
            prepared => prepared.map(|(sequence, _)| sequence),
        };
        let current = match (scan.segments.last(), scan.end) {
            (Some(segment), Some(end)) => Some(reopen(disk, &config, segment.sequence, end.offset, scan.torn)?),
            _ => None,
        };
        let next_sequence = scan.segments.last().map_or(1, |segment| segment.sequence + 1);
        let source = source(Stock::new(disk.clone(), config.segment_bytes, prepared), next_sequence)
            .map_err(LogError::io("directory"))?;
        let marks = scan
            .shards
            .iter()
            .map(|(shard, found)| (*shard, Marks { hard_state: found.hard_state, cut: found.cut }))
            .collect();
        let mut log = Self {
            config,
            source,
            segments: scan.segments.into(),
            current,
            marks,
            chain: scan.end.map_or(0, |end| end.chain),
            write: scan.end.map_or(0, |end| end.write),
            next_sequence,
            buffer: Vec::new(),
        };
        log.release()?;
        Ok((log, scan.shards))
    }

    /// Writes these records and syncs them. When this returns `Ok` they survive a crash; after an error nothing is
    /// known about them, and the log must not be used any more (fault 8).
    pub fn append(&mut self, records: &[Record]) -> Result<(), LogError> {
        let mut rest = records;
        while let Some(first) = rest.first() {
            let mut preamble = Vec::new();
            if self.room() < format::record_length(first.payload.len()) as u64 {
                preamble = self.roll()?;
            }
            let count = self.fitting(&preamble, rest);
            if count == 0 {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "a record is larger than a segment");
                return Err(LogError::Io { file: format::segment_name(self.next_sequence), source: error });
            }
            let (now, later) = rest.split_at(count);
            self.write(&preamble, now)?;
            rest = later;
        }
        self.release()
    }

    /// Shards whose entries reach back more than [`LogConfig::persist_bytes`].
    pub fn lagging(&self) -> BTreeSet<u32> {
        let whole = self.config.persist_bytes.div_ceil(self.config.segment_bytes) as usize;
        let old = self.segments.len().saturating_sub(whole);
        let mut shards = BTreeSet::new();
        for segment in self.segments.iter().take(old) {
            shards
                .extend(segment.last_index.iter().filter(|(shard, last)| self.holds(**shard, **last)).map(|(s, _)| *s));
        }
        shards
    }

    fn holds(&self, shard: u32, last: u64) -> bool {
        self.marks.get(&shard).is_none_or(|marks| marks.cut.0 < last)
    }

    /// Bytes that records may take in the current segment: none goes beyond its size, where no file was made ahead.
    fn room(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| {
            let taken = if current.offset == 0 { SEGMENT_HEADER as u64 } else { current.offset };
            self.config.segment_bytes.saturating_sub(taken)
        })
    }

    /// How many of `records` fit into the current segment after `preamble`.
    fn fitting(&self, preamble: &[Record], records: &[Record]) -> usize {
        let length = |record: &Record| format::record_length(record.payload.len()) as u64;
        let mut room = self.room().saturating_sub(preamble.iter().map(length).sum());
        records
            .iter()
            .take_while(|record| {
                let fits = length(record) <= room;
                room = room.saturating_sub(length(record));
                fits
            })
            .count()
    }

    /// Starts the next segment; returns the records that stand at its beginning.
    fn roll(&mut self) -> Result<Vec<Record>, LogError> {
        let sequence = self.next_sequence;
        let name = format::segment_name(sequence);
        let file = self.source.take(sequence).map_err(LogError::io(&name))?;
        self.next_sequence += 1;
        self.segments.push_back(Segment { sequence, ..Segment::default() });
        // The header is written together with the first records: offset 0 marks that it is still missing.
        self.current = Some(Current { name, file, offset: 0, seed: format::seed(&self.config.cluster, sequence) });
        let mut preamble = Vec::new();
        for (shard, marks) in &self.marks {
            preamble.push(marks.hard_state.into_record(*shard));
            let (index, term) = marks.cut;
            preamble.push(Record { shard: *shard, kind: Kind::Cut, term, index, payload: Vec::new() });
        }
        Ok(preamble)
    }

    fn write(&mut self, preamble: &[Record], records: &[Record]) -> Result<(), LogError> {
        let Some(current) = self.current.as_mut() else {
            return Err(LogError::Io { file: "directory".to_owned(), source: io::Error::other("no segment is open") });
        };
        self.buffer.clear();
        if current.offset == 0 {
            let sequence = self.next_sequence - 1;
            let header = SegmentHeader { cluster: self.config.cluster, sequence, chain: self.chain, write: self.write };
            self.buffer.extend_from_slice(&header.encode());
            debug_assert_eq!(self.buffer.len(), SEGMENT_HEADER);
        }
        let write = self.write + 1;
        let count = preamble.len() + records.len();
        for (at, record) in preamble.iter().chain(records).enumerate() {
            let link = Link { previous: self.chain, write, last_of_write: at + 1 == count };
            self.chain = format::encode_record(&mut self.buffer, current.seed, record, link);
        }
        current.file.write_at(current.offset, &self.buffer).map_err(LogError::io(&current.name))?;
        if !mutants::is_on(Mutant::AckBeforeSync) {
            let synced = current.file.sync();
            if !mutants::is_on(Mutant::FailedSyncIgnored) {
                synced.map_err(LogError::io(&current.name))?;
            }
        }
        let is_first = current.offset == 0;
        current.offset += self.buffer.len() as u64;
        self.write = write;
        if is_first {
            self.source.started(self.next_sequence - 1);
        }
        for record in records {
            self.note(record);
        }
        Ok(())
    }

    fn note(&mut self, record: &Record) {
        if let Some(segment) = self.segments.back_mut() {
            segment.note(record);
        }
        let marks = self.marks.entry(record.shard).or_default();
        match record.kind {
            Kind::HardState => {
                let vote = record.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
                marks.hard_state = HardState { term: record.term, vote, commit: record.index };
            }
            Kind::Cut => marks.cut = marks.cut.max((record.index, record.term)),
            Kind::Snapshot => marks.cut = (record.index, record.term),
            Kind::Entry | Kind::Members => {}
        }
    }

    /// Retires the oldest segments that no shard needs. The one being written stays.
    fn release(&mut self) -> Result<(), LogError> {
        while self.segments.len() > 1 {
            let needed = self
                .segments
                .front()
                .is_some_and(|segment| segment.last_index.iter().any(|(shard, last)| self.holds(*shard, *last)));
            if needed {
                return Ok(());
            }
            if let Some(segment) = self.segments.pop_front() {
                let retired = self.source.retire(segment.sequence);
                retired.map_err(LogError::io(&format::segment_name(segment.sequence)))?;
            }
        }
        Ok(())
    }
}

/// Opens the segment that was being written; wipes an incomplete write, so that it can never be taken for a record.
fn reopen(
    disk: &Arc<dyn Disk>,
    config: &LogConfig,
    sequence: u64,
    offset: u64,
    torn: Option<u64>,
) -> Result<Current, LogError> {
    let name = format::segment_name(sequence);
    let mut file = disk.open(&name, config.segment_bytes).map_err(LogError::io(&name))?;
    if let Some(length) = torn {
        let zeros = vec![0; length.saturating_sub(offset) as usize];
        file.write_at(offset, &zeros).map_err(LogError::io(&name))?;
        file.sync().map_err(LogError::io(&name))?;
    }
    let seed = format::seed(&config.cluster, sequence);
    Ok(Current { name, file, offset, seed })
}
