//! The data directory: one process at a time (`LOCK`), and what it belongs to (`IDENTITY`).

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    environment,
    ports::{Clock, Disk, Entropy},
    shard::log,
};

const LOCK_FILE: &str = "LOCK";
const IDENTITY_FILE: &str = "IDENTITY";
const LOG_DIRECTORY: &str = "log";

/// What a data directory was made for; written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Random; every log file carries it.
    pub cluster: [u8; 16],
    /// When the directory was made, in ms since the epoch.
    pub created_ms: i64,
    /// Number of run shards; runs are spread over them by hash.
    pub run_shards: u32,
}

/// An open data directory; the lock lasts as long as this value.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// What it was made for.
    pub identity: Identity,
    _lock: File,
}

impl DataDirectory {
    /// Locks the directory and reads its identity; makes both if the directory is new, with the first of the log's
    /// segments of `segment_bytes`. Errors: locked by another process, made with another number of shards, damaged, its log
    /// lost, not writable.
    pub fn open(
        path: &Path,
        run_shards: u32,
        segment_bytes: u64,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = lock(path)?;
        let identity = match read_identity(path)? {
            Some(identity) => {
                check_log_exists(path)?;
                identity
            }
            None => create_identity(path, run_shards, segment_bytes, clock, entropy)?,
        };
        if identity.run_shards != run_shards {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} was made with {} shards and cannot be opened with {run_shards}: start with --shards {}",
                    path.display(),
                    identity.run_shards,
                    identity.run_shards
                ),
            ));
        }
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    /// Locks a directory that exists and reads its identity; makes nothing but the lock file. Errors: no data directory,
    /// locked by another process, damaged, its log lost.
    pub fn inspect(path: &Path) -> io::Result<Self> {
        let not_found = || {
            let text = format!("{} is no data directory of a server: it has no {IDENTITY_FILE} file", path.display());
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        let identity = read_identity(path)?.ok_or_else(not_found)?;
        let lock = lock(path)?;
        check_log_exists(path)?;
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    /// Where the log lives.
    pub fn log_directory(&self) -> PathBuf {
        self.path.join(LOG_DIRECTORY)
    }
}

/// The number of run shards that a directory was made with; `None` if it is new. Errors: damaged, not readable.
pub fn stored_run_shards(path: &Path) -> io::Result<Option<u32>> {
    Ok(read_identity(path)?.map(|identity| identity.run_shards))
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("{} is in use by another server process: stop it, or choose another --data-dir", path.display()),
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read_identity(path: &Path) -> io::Result<Option<Identity>> {
    let file = path.join(IDENTITY_FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    parse(&text).map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is damaged: restore it from a backup of this data directory", file.display()),
        )
    })
}

/// A directory with an identity had a segment before it had the identity: without one, everything acknowledged is lost.
fn check_log_exists(path: &Path) -> io::Result<()> {
    let directory = path.join(LOG_DIRECTORY);
    if directory.try_exists()? && log::has_segments(&environment::Directory::open(&directory)?)? {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "{} has lost its log: the files log-*.seg are missing. Restore the whole data directory from a backup",
            directory.display()
        ),
    ))
}

fn create_identity(
    path: &Path,
    run_shards: u32,
    segment_bytes: u64,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> io::Result<Identity> {
    let disk: Arc<dyn Disk> = Arc::new(environment::Directory::open(&path.join(LOG_DIRECTORY))?);
    if log::is_started(disk.as_ref())? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} has a log but no {IDENTITY_FILE} file: restore it from a backup", path.display()),
        ));
    }
    // A crash after this leaves an empty segment and no identity, which is where a start begins again.
    log::lay_out(&disk, segment_bytes)?;
    let random = u128::from(entropy.next_u64()) << 64 | u128::from(entropy.next_u64());
    let identity = Identity { cluster: random.to_be_bytes(), created_ms: clock.wall_ms(), run_shards };
    let unfinished = path.join(format!("{IDENTITY_FILE}.unfinished"));
    let mut file = File::create(&unfinished)?;
    file.write_all(format(&identity).as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path.join(IDENTITY_FILE))?;
    File::open(path)?.sync_all()?;
    Ok(identity)
}

fn format(identity: &Identity) -> String {
    let cluster = u128::from_be_bytes(identity.cluster);
    format!("cluster {cluster:032x}\ncreated_ms {}\nrun_shards {}\n", identity.created_ms, identity.run_shards)
}

fn parse(text: &str) -> Option<Identity> {
    let mut lines = text.lines();
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let cluster = u128::from_str_radix(value("cluster")?, 16).ok()?.to_be_bytes();
    let created_ms = value("created_ms")?.parse().ok()?;
    let run_shards = value("run_shards")?.parse().ok().filter(|shards| *shards > 0)?;
    Some(Identity { cluster, created_ms, run_shards })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::environment::{SystemClock, SystemEntropy};

    const SEGMENT: u64 = 4096;

    /// A fresh directory that goes when the test ends.
    struct Fresh(PathBuf);
    impl Fresh {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lh-{name}-{:016x}", SystemEntropy.next_u64()));
            Self(path)
        }
        fn open(&self, shards: u32) -> io::Result<DataDirectory> {
            DataDirectory::open(&self.0, shards, SEGMENT, &SystemClock::new(), &SystemEntropy)
        }
    }
    impl Drop for Fresh {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn identity_stays() {
        let fresh = Fresh::new("identity");
        let first = fresh.open(2).unwrap().identity;
        assert_eq!(fresh.open(2).unwrap().identity, first);
        assert_eq!(stored_run_shards(&fresh.0).unwrap(), Some(2));
    }

    #[test]
    fn a_second_process_is_refused() {
        let fresh = Fresh::new("lock");
        let first = fresh.open(1).unwrap();
        let refused = fresh.open(1).unwrap_err();
        assert!(refused.to_string().contains("in use by another server process"), "{refused}");
        drop(first);
        fresh.open(1).unwrap();
    }

    #[test]
    fn another_number_of_shards_is_refused() {
        let fresh = Fresh::new("shards");
        fresh.open(2).unwrap();
        let refused = fresh.open(3).unwrap_err();
        assert!(refused.to_string().contains("start with --shards 2"), "{refused}");
    }

    #[test]
    fn damage_is_told() {
        let fresh = Fresh::new("damage");
        fresh.open(1).unwrap();
        fs::write(fresh.0.join(IDENTITY_FILE), "cluster xyz\n").unwrap();
        assert!(fresh.open(1).unwrap_err().to_string().contains("is damaged"));
    }

    /// Fault 38: a log that was written without an identity, an identity without a log.
    #[test]
    fn half_of_a_directory_is_refused() {
        let fresh = Fresh::new("half");
        let directory = fresh.open(1).unwrap();
        let disk: Arc<dyn Disk> = Arc::new(environment::Directory::open(&directory.log_directory()).unwrap());
        let config =
            log::LogConfig { cluster: directory.identity.cluster, segment_bytes: SEGMENT, persist_bytes: SEGMENT };
        drop(directory);
        let (mut opened, _) = log::Log::open(disk, config).unwrap();
        opened.append(&[log::HardState::default().into_record(0)]).unwrap();
        drop(opened);
        let kept = fs::read(fresh.0.join(IDENTITY_FILE)).unwrap();
        fs::remove_file(fresh.0.join(IDENTITY_FILE)).unwrap();
        assert!(fresh.open(1).unwrap_err().to_string().contains("has a log but no IDENTITY"));
        fs::write(fresh.0.join(IDENTITY_FILE), kept).unwrap();
        fresh.open(1).unwrap();
        fs::remove_dir_all(fresh.0.join(LOG_DIRECTORY)).unwrap();
        for refused in [fresh.open(1).unwrap_err(), DataDirectory::inspect(&fresh.0).unwrap_err()] {
            assert!(refused.to_string().contains("has lost its log"), "{refused}");
        }
    }

    /// A crash while a directory is made: the next start makes the rest.
    #[test]
    fn a_crash_before_the_identity_leaves_a_new_directory() {
        let fresh = Fresh::new("begun");
        fresh.open(1).unwrap();
        fs::remove_file(fresh.0.join(IDENTITY_FILE)).unwrap();
        fresh.open(1).unwrap();
    }

    /// What is no data directory is not made one by looking at it.
    #[test]
    fn only_a_data_directory_is_inspected() {
        let fresh = Fresh::new("inspect");
        fs::create_dir(&fresh.0).unwrap();
        assert!(DataDirectory::inspect(&fresh.0).unwrap_err().to_string().contains("is no data directory"));
        assert!(fs::read_dir(&fresh.0).unwrap().next().is_none());
        let open = fresh.open(1).unwrap();
        assert!(DataDirectory::inspect(&fresh.0).unwrap_err().to_string().contains("in use by another"));
        drop(open);
        DataDirectory::inspect(&fresh.0).unwrap();
    }
}
