//! The real world behind [`crate::ports`]: system clocks, the kernel's random numbers, a directory on a disk, threads.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::ports::{Bell, Chore, Clock, Crew, Disk, DiskFile, Entropy, Environment, Next, Waits};

/// Bytes written between two syncs while a file is filled with zeros: the log's own syncs wait for one such piece at most.
const FILL_BYTES: usize = 1 << 20;

/// Suffix of a file that is being made and not whole yet.
const UNFINISHED: &str = ".unfinished";

/// Environment variable that tests keep the whole log with: a directory that segments are copied to before they go.
const LOG_ARCHIVE_VARIABLE: &str = "LH_TEST_LOG_ARCHIVE";

/// The real environment with the log in `log_directory`, which is created if it does not exist.
pub fn real(log_directory: &Path) -> io::Result<Environment> {
    let log = Directory::open(log_directory)?;
    Ok(Environment {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        log_disk: Arc::new(match std::env::var_os(LOG_ARCHIVE_VARIABLE) {
            Some(archive) => log.archiving(archive.into()),
            None => log,
        }),
        crew: Arc::new(Threads),
        waits: Waits::Fine,
    })
}

/// The clocks of the operating system.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 is a machine that never learned the time.
            Err(_) => 0,
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Random numbers of the kernel.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the kernel has random numbers once the system is up")
    }
}

/// A directory of a file system.
pub struct Directory {
    path: PathBuf,
    /// Where files are copied before they lose their name.
    archive: Option<PathBuf>,
}

impl Directory {
    /// Opens the directory, creating it if needed.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), archive: None })
    }

    /// The same directory; what is renamed or removed is copied to `archive` before, for tests that want the whole log.
    pub fn archiving(self, archive: PathBuf) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// A copy that a crash cuts short is made again: its file keeps the name until the copy is whole.
    fn keep(&self, name: &str) -> io::Result<()> {
        match &self.archive {
            Some(archive) => std::fs::copy(self.path.join(name), archive.join(name)).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Makes a file of zeros whose blocks are all written: syncs of later writes have no metadata to update. It gets its
    /// name only when it is whole, so that a full disk leaves no short file behind.
    fn create(&self, name: &str, length: u64) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let filled = File::create(&unfinished).and_then(|file| fill(file, length));
        if let Err(error) = filled {
            std::fs::remove_file(&unfinished)?;
            return Err(error);
        }
        std::fs::rename(&unfinished, self.path.join(name))
    }
}

fn fill(mut file: File, length: u64) -> io::Result<()> {
    let zeros = vec![0; FILL_BYTES];
    let mut left = length;
    while left > 0 {
        let piece = left.min(FILL_BYTES as u64);
        file.write_all(&zeros[..piece as usize])?;
        file.sync_data()?;
        left -= piece;
    }
    file.sync_all()
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string()
                && !name.ends_with(UNFINISHED)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(name))
    }

    fn open(&self, name: &str, preallocate: u64) -> io::Result<Box<dyn DiskFile>> {
        let path = self.path.join(name);
        if !path.try_exists()? {
            self.create(name, preallocate)?;
        }
        Ok(Box::new(SystemFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.keep(from)?;
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.keep(name)?;
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let status = rustix::fs::statvfs(&self.path)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

struct SystemFile(File);

impl DiskFile for SystemFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

/// A thread of the operating system for every chore.
pub struct Threads;

impl Crew for Threads {
    fn start(&self, name: String, mut chore: Box<dyn Chore>) -> io::Result<Arc<dyn Bell>> {
        // Room for one ring: the next turn takes everything that waits. A ring during a turn is not lost.
        let (ring, rings) = mpsc::sync_channel(1);
        let turns = move || {
            loop {
                // A bell that nobody has any more is seen by the chore as a closed queue.
                match chore.turn() {
                    Next::Ring => drop(rings.recv()),
                    Next::RingOrAfter(time) => drop(rings.recv_timeout(time)),
                    Next::End => return,
                }
            }
        };
        let running = std::thread::Builder::new().name(name).spawn(turns)?;
        Ok(Arc::new(ThreadBell { ring, running: Mutex::new(Some(running)) }))
    }
}

struct ThreadBell {
    ring: mpsc::SyncSender<()>,
    /// Until somebody has joined it.
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Bell for ThreadBell {
    fn ring(&self) {
        // A full bell rings already; a closed one has nobody who listens.
        let _ = self.ring.try_send(());
    }

    fn join(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.is_none_or(|running| running.join().is_ok())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn directory(test: &str) -> PathBuf {
        std::env::temp_dir().join(format!("littlehorse-{test}-{}-{:x}", std::process::id(), SystemEntropy.next_u64()))
    }

    #[test]
    fn a_file_is_made_whole_written_and_listed() {
        let path = directory("disk");
        let disk = Directory::open(&path).unwrap();
        let mut file = disk.open("a.seg", 3 << 20).unwrap();
        file.write_at(2 << 20, b"here").unwrap();
        file.sync().unwrap();
        std::fs::write(path.join("b.seg.unfinished"), b"half").unwrap();
        let bytes = disk.read("a.seg").unwrap();
        assert_eq!(bytes.len(), 3 << 20);
        assert_eq!(&bytes[2 << 20..(2 << 20) + 4], b"here");
        disk.rename("a.seg", "c.seg").unwrap();
        disk.sync_directory().unwrap();
        assert_eq!(disk.list().unwrap(), ["c.seg"]);
        assert!(disk.free_bytes().unwrap() > 0);
        disk.remove("c.seg").unwrap();
        assert!(disk.list().unwrap().is_empty());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn an_archive_gets_what_loses_its_name() {
        let (path, archive) = (directory("disk"), directory("archive"));
        std::fs::create_dir_all(&archive).unwrap();
        let disk = Directory::open(&path).unwrap().archiving(archive.clone());
        for (name, content) in [("a.seg", b"first"), ("b.seg", b"other")] {
            disk.open(name, 0).unwrap().write_at(0, content).unwrap();
        }
        disk.rename("a.seg", "c.seg").unwrap();
        disk.remove("b.seg").unwrap();
        assert_eq!(disk.list().unwrap(), ["c.seg"]);
        assert_eq!(std::fs::read(archive.join("a.seg")).unwrap(), b"first");
        assert_eq!(std::fs::read(archive.join("b.seg")).unwrap(), b"other");
        std::fs::remove_dir_all(path).unwrap();
        std::fs::remove_dir_all(archive).unwrap();
    }

    #[test]
    fn monotonic_time_never_goes_back_and_entropy_differs() {
        let clock = SystemClock::new();
        let (first, second) = (clock.monotonic_ns(), clock.monotonic_ns());
        assert!(first <= second);
        assert!(clock.wall_ms() > 1_600_000_000_000);
        assert_ne!(SystemEntropy.next_u64(), SystemEntropy.next_u64());
    }
}
