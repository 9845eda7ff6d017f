//! Segments ahead of need: preallocated or recycled apart from the log, by a chore that also watches the free space.
//!
//! Filling 16 MiB with zeros while commands wait would stall all shards. The next segment therefore always exists
//! before the current one is full. A recycled segment is a retired one under a new name.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
        mpsc,
    },
    time::Duration,
};

use super::format;
use crate::{
    ports::{Chore, Crew, Disk, DiskFile, Next},
    shard::{
        limits,
        post::{self, Post},
    },
};

/// How much room the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Space {
    /// Enough.
    Ample = 0,
    /// Below [`limits::RESERVE_BYTES`]: nothing new is started.
    Low = 1,
    /// Below [`limits::FULL_BYTES`], or a segment could not be prepared: nothing is proposed.
    Full = 2,
}

/// What is known of the free space; shared by all shards, updated by who prepares segments.
#[derive(Clone, Debug, Default)]
pub struct SpaceWatch(Arc<AtomicU8>);

impl SpaceWatch {
    /// The latest finding.
    pub fn get(&self) -> Space {
        match self.0.load(Ordering::Relaxed) {
            0 => Space::Ample,
            1 => Space::Low,
            _ => Space::Full,
        }
    }

    /// Notes a finding.
    pub fn set(&self, space: Space) {
        self.0.store(space as u8, Ordering::Relaxed);
    }

    /// Looks at the disk.
    pub fn look(&self, disk: &dyn Disk) -> io::Result<()> {
        let free = disk.free_bytes()?;
        self.set(match free {
            free if free < limits::FULL_BYTES => Space::Full,
            free if free < limits::RESERVE_BYTES => Space::Low,
            _ => Space::Ample,
        });
        Ok(())
    }
}

/// Where the log gets its segments from and leaves them.
pub trait Segments: Send {
    /// The file of segment `sequence`, ready to be written from its start.
    fn take(&mut self, sequence: u64) -> io::Result<Box<dyn DiskFile>>;
    /// The header of this segment is on the disk. Only now may the next one be made: two files without a header could
    /// not be told from damage after a crash.
    fn started(&mut self, sequence: u64);
    /// The segment is needed no more. Called oldest first, so that what is left is always without gaps.
    fn retire(&mut self, sequence: u64) -> io::Result<()>;
}

/// Makes segments when they are asked for.
pub struct Stock {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    retired: VecDeque<u64>,
    prepared: Option<u64>,
}

impl Stock {
    /// A stock that knows of a segment that exists already under its number.
    pub fn new(disk: Arc<dyn Disk>, segment_bytes: u64, prepared: Option<u64>) -> Self {
        Self { disk, segment_bytes, retired: VecDeque::new(), prepared }
    }

    /// Makes segment `sequence`: its name survives a crash when this returns.
    pub fn make(&mut self, sequence: u64) -> io::Result<Box<dyn DiskFile>> {
        let name = format::segment_name(sequence);
        if self.prepared.take() != Some(sequence)
            && let Some(old) = self.retired.front()
        {
            self.disk.rename(&format::segment_name(*old), &name)?;
            // Forgotten only now: a file that is left behind by a failure must stay the oldest, or a gap follows it.
            self.retired.pop_front();
            self.disk.sync_directory()?;
        }
        let file = self.disk.open(&name, self.segment_bytes)?;
        self.disk.sync_directory()?;
        Ok(file)
    }

    /// Keeps the segment for later, or removes it.
    pub fn keep(&mut self, sequence: u64) -> io::Result<()> {
        self.retired.push_back(sequence);
        while self.retired.len() > limits::RETIRED_SEGMENTS {
            if let Some(oldest) = self.retired.front() {
                self.disk.remove(&format::segment_name(*oldest))?;
                self.retired.pop_front();
                self.disk.sync_directory()?;
            }
        }
        Ok(())
    }
}

impl Segments for Stock {
    fn take(&mut self, sequence: u64) -> io::Result<Box<dyn DiskFile>> {
        self.make(sequence)
    }

    fn started(&mut self, _sequence: u64) {}

    fn retire(&mut self, sequence: u64) -> io::Result<()> {
        self.keep(sequence)
    }
}

enum Task {
    Prepare(u64),
    Retire(u64),
}

/// Segments made ahead by a chore, which goes on until this is dropped.
pub struct Ahead {
    tasks: Post<Task>,
    made: mpsc::Receiver<(u64, io::Result<Box<dyn DiskFile>>)>,
}

impl Ahead {
    /// Starts the chore; it prepares segment `next` at once and keeps `space` up to date.
    pub fn start(
        crew: &dyn Crew,
        stock: Stock,
        next: u64,
        space: SpaceWatch,
        failure: Arc<dyn Fn(String) + Send + Sync>,
    ) -> io::Result<Self> {
        let (outbox, made) = mpsc::channel();
        let tasks = Post::start(crew, "log-prepare", |inbox| Preparer {
            stock,
            space,
            failure,
            failed: false,
            wanted: Some(next),
            inbox,
            outbox,
        })?;
        Ok(Self { tasks, made })
    }
}

impl Segments for Ahead {
    fn take(&mut self, sequence: u64) -> io::Result<Box<dyn DiskFile>> {
        loop {
            self.tasks.bell().ring_and_wait();
            let (made, file) = self.made.recv().map_err(|_| io::Error::other("nobody prepares segments"))?;
            // One that could not be made ends the log: a later one would leave a gap.
            let file = file?;
            if made == sequence {
                return Ok(file);
            }
            self.started(made);
        }
    }

    fn started(&mut self, sequence: u64) {
        // Once asked for, it is made; the chore may have ended only while the server stops.
        self.tasks.send(Task::Prepare(sequence + 1));
    }

    fn retire(&mut self, sequence: u64) -> io::Result<()> {
        if self.tasks.send(Task::Retire(sequence)) { Ok(()) } else { Err(io::Error::other("nobody prepares segments")) }
    }
}

struct Preparer {
    stock: Stock,
    space: SpaceWatch,
    failure: Arc<dyn Fn(String) + Send + Sync>,
    failed: bool,
    wanted: Option<u64>,
    inbox: mpsc::Receiver<Task>,
    outbox: mpsc::Sender<(u64, io::Result<Box<dyn DiskFile>>)>,
}

impl Chore for Preparer {
    fn turn(&mut self) -> Next {
        let mut ended = false;
        while let Some(task) = post::take(&self.inbox, &mut ended) {
            match task {
                Task::Prepare(sequence) => self.wanted = Some(sequence),
                Task::Retire(sequence) => {
                    if let Err(error) = self.stock.keep(sequence) {
                        self.fail(&error);
                    }
                }
            }
        }
        if ended {
            return Next::End;
        }
        if let Some(sequence) = self.wanted {
            self.prepare(sequence);
        }
        if self.wanted.is_none()
            && let Err(error) = self.space.look(self.stock.disk.as_ref())
        {
            self.fail(&error);
        }
        Next::RingOrAfter(Duration::from_millis(limits::SPACE_CHECK_MS))
    }
}

impl Preparer {
    fn prepare(&mut self, sequence: u64) {
        match self.stock.make(sequence) {
            // Space comes back: tried again in the next turn.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.space.set(Space::Full),
            made => {
                self.wanted = None;
                let _ = self.outbox.send((sequence, made));
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            (self.failure)(format!("log directory: {error}"));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{environment::Threads, shard::testing::MemoryDisk};

    /// Fault 1: a kill never leaves two segments without a header, which the next start would have to refuse.
    #[test]
    fn the_next_segment_waits_for_the_header_of_this_one() {
        let disk = MemoryDisk::default();
        let stock = Stock::new(Arc::new(disk.clone()), 4096, None);
        let mut ahead = Ahead::start(&Threads, stock, 1, SpaceWatch::default(), Arc::new(|_| {})).unwrap();
        let mut file = ahead.take(1).unwrap();
        ahead.tasks.bell().ring_and_wait();
        assert_eq!(disk.list().unwrap(), ["log-0000000000000001.seg"]);
        file.write_at(0, b"header").unwrap();
        file.sync().unwrap();
        ahead.started(1);
        ahead.take(2).unwrap();
        assert_eq!(disk.list().unwrap(), ["log-0000000000000001.seg", "log-0000000000000002.seg"]);
    }
}
