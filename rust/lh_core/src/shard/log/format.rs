//! Bytes of segment files: header, records, checksums, chain.
//!
//! Checksums start from a seed made of cluster id and segment number, so that bytes left over in a recycled file are
//! never valid: CRC-32C of the same bytes under another seed is always another one.

use lh_machine::mutants::{self, Mutant};

use super::{ClusterId, Kind, Record};

/// Bytes of a segment header.
pub const SEGMENT_HEADER: usize = 64;

/// Bytes of a record header; payloads follow, padded to [`ALIGNMENT`].
pub const RECORD_HEADER: usize = 48;

/// Records start at multiples of this many bytes.
pub const ALIGNMENT: usize = 8;

const MAGIC: &[u8; 8] = b"LHLOG\x00\x00\x01";
const FLAG_LAST_OF_WRITE: u16 = 1;

/// Name of the segment with this number.
pub fn segment_name(sequence: u64) -> String {
    format!("log-{sequence:016}.seg")
}

/// Number of the segment with this name; `None` for foreign files.
pub fn segment_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".seg")?;
    (digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// What the checksums of a segment start from.
pub fn seed(cluster: &ClusterId, sequence: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(cluster), &sequence.to_le_bytes())
}

/// First bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Cluster that wrote it.
    pub cluster: ClusterId,
    /// Its number.
    pub sequence: u64,
    /// Checksum of the last record before this segment.
    pub chain: u32,
    /// Number of the last write before this segment.
    pub write: u64,
}

impl SegmentHeader {
    /// The bytes of this header.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&self.cluster);
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.chain.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.write.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`; `None` if there is no intact one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SEGMENT_HEADER)?;
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..60]) != read_u32(bytes, 60) {
            return None;
        }
        Some(Self {
            cluster: bytes[8..24].try_into().ok()?,
            sequence: read_u64(bytes, 24),
            chain: read_u32(bytes, 32),
            write: read_u64(bytes, 40),
        })
    }
}

/// Where a record stands in the chain of all records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Checksum of the record before.
    pub previous: u32,
    /// Number of the write (one write = one sync) that it was part of.
    pub write: u64,
    /// True for the last record of its write.
    pub last_of_write: bool,
}

/// An intact record, wherever it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The record.
    pub record: Record,
    /// Its place in the chain.
    pub link: Link,
    /// Its checksum: what the next one must name as `previous`.
    pub sum: u32,
    /// Bytes it takes.
    pub length: usize,
}

/// Bytes that a record with this payload takes.
pub fn record_length(payload: usize) -> usize {
    RECORD_HEADER + payload.next_multiple_of(ALIGNMENT)
}

/// Appends a record to `buffer`; returns its checksum.
pub fn encode_record(buffer: &mut Vec<u8>, seed: u32, record: &Record, link: Link) -> u32 {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&crc32c::crc32c_append(seed, &record.payload).to_le_bytes());
    buffer.extend_from_slice(&link.previous.to_le_bytes());
    buffer.extend_from_slice(&(record.payload.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&record.shard.to_le_bytes());
    buffer.extend_from_slice(&(record.kind as u16).to_le_bytes());
    buffer.extend_from_slice(&(if link.last_of_write { FLAG_LAST_OF_WRITE } else { 0 }).to_le_bytes());
    buffer.extend_from_slice(&link.write.to_le_bytes());
    buffer.extend_from_slice(&record.term.to_le_bytes());
    buffer.extend_from_slice(&record.index.to_le_bytes());
    let sum = crc32c::crc32c_append(seed, &buffer[start + 4..]);
    buffer[start..start + 4].copy_from_slice(&sum.to_le_bytes());
    buffer.extend_from_slice(&record.payload);
    buffer.resize(start + record_length(record.payload.len()), 0);
    sum
}

/// The record at `offset`; `None` if there is no intact one. Its place in the chain is for the caller to judge.
pub fn decode_record(bytes: &[u8], offset: usize, seed: u32) -> Option<Found> {
    let header = bytes.get(offset..offset.checked_add(RECORD_HEADER)?)?;
    let sum = read_u32(header, 0);
    // Looked at first because it is cheaper than a checksum, and a whole segment is searched at start-up.
    let kind = kind(read_u16(header, 20))?;
    if crc32c::crc32c_append(seed, &header[4..]) != sum {
        return None;
    }
    let size = read_u32(header, 12) as usize;
    let payload = bytes.get(offset + RECORD_HEADER..(offset + RECORD_HEADER).checked_add(size)?)?;
    if crc32c::crc32c_append(seed, payload) != read_u32(header, 4) && !mutants::is_on(Mutant::TornTailAccepted) {
        return None;
    }
    let record = Record {
        shard: read_u32(header, 16),
        kind,
        term: read_u64(header, 32),
        index: read_u64(header, 40),
        payload: payload.to_vec(),
    };
    let link = Link {
        previous: read_u32(header, 8),
        write: read_u64(header, 24),
        last_of_write: read_u16(header, 22) & FLAG_LAST_OF_WRITE != 0,
    };
    Some(Found { record, link, sum, length: record_length(size) })
}

fn kind(number: u16) -> Option<Kind> {
    [Kind::Entry, Kind::Members, Kind::HardState, Kind::Snapshot, Kind::Cut]
        .into_iter()
        .find(|kind| *kind as u16 == number)
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(read_u32(bytes, at)) | u64::from(read_u32(bytes, at + 4)) << 32
}
