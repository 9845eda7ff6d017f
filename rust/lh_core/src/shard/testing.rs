//! A disk and a store in memory, with faults, for the tests of log and shard.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use lh_machine::Writes;

use crate::ports::{Disk, DiskFile, Store};

#[derive(Default)]
struct Content {
    files: BTreeMap<String, Vec<u8>>,
    syncs: u64,
    fail_sync_at: Option<u64>,
    free: Option<u64>,
    full: bool,
    fail_move: bool,
    fail_creation: bool,
}

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Content>>);

impl MemoryDisk {
    /// An independent disk with the same files and without faults: what a restart after a crash finds.
    pub fn copy(&self) -> Self {
        let files = self.0.lock().unwrap().files.clone();
        Self(Arc::new(Mutex::new(Content { files, ..Content::default() })))
    }

    /// Changes the bytes of a file at rest.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.0.lock().unwrap().files.get_mut(name).unwrap());
    }

    /// The `nth` sync from now on (1 = the next) fails.
    pub fn fail_sync(&self, nth: u64) {
        let mut content = self.0.lock().unwrap();
        content.fail_sync_at = Some(content.syncs + nth);
    }

    /// Number of syncs so far.
    pub fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    /// What [`Disk::free_bytes`] says.
    pub fn set_free(&self, free: u64) {
        self.0.lock().unwrap().free = Some(free);
    }

    /// The next rename or removal fails.
    pub fn fail_move(&self) {
        self.0.lock().unwrap().fail_move = true;
    }

    /// The next new file cannot be made.
    pub fn fail_creation(&self) {
        self.0.lock().unwrap().fail_creation = true;
    }

    /// Whether new files are refused with `StorageFull`.
    pub fn set_full(&self, full: bool) {
        self.0.lock().unwrap().full = full;
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.lock().unwrap().files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, name: &str, preallocate: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut content = self.0.lock().unwrap();
        if !content.files.contains_key(name) {
            if std::mem::take(&mut content.fail_creation) {
                return Err(io::Error::other("injected failure of a creation"));
            }
            if content.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.files.insert(name.to_owned(), vec![0; preallocate as usize]);
        }
        Ok(Box::new(MemoryFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        if std::mem::take(&mut content.fail_move) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes = content.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        content.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        if std::mem::take(&mut content.fail_move) {
            return Err(io::Error::other("injected failure of a removal"));
        }
        content.files.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().free.unwrap_or(u64::MAX))
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.disk.0.lock().unwrap();
        let file = content.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        let end = offset as usize + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = self.disk.0.lock().unwrap();
        content.syncs += 1;
        if content.fail_sync_at == Some(content.syncs) {
            return Err(io::Error::other("injected sync failure"));
        }
        Ok(())
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.disk.damage(&self.name, |bytes| bytes.resize(length as usize, 0));
        Ok(())
    }
}

/// A store in memory; clones are the same store. What was written but not persisted is lost by [`MemoryStore::crash`].
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Stored>>);

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct Stored {
    now: Map,
    persisted: Map,
    writes: u64,
    failure: Option<io::ErrorKind>,
}

impl MemoryStore {
    /// The store as a restart after a crash finds it.
    pub fn crash(&self) -> Self {
        let persisted = self.0.lock().unwrap().persisted.clone();
        Self(Arc::new(Mutex::new(Stored { now: persisted.clone(), persisted, ..Stored::default() })))
    }

    /// Everything in it.
    pub fn content(&self) -> Map {
        self.0.lock().unwrap().now.clone()
    }

    /// Number of batches written.
    pub fn writes(&self) -> u64 {
        self.0.lock().unwrap().writes
    }

    /// Lets writes fail with this from now on.
    pub fn fail(&self, failure: Option<io::ErrorKind>) {
        self.0.lock().unwrap().failure = failure;
    }
}

impl Store for MemoryStore {
    fn get_many(&self, keys: &[Vec<u8>]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let stored = self.0.lock().unwrap();
        Ok(keys.iter().map(|key| stored.now.get(key).cloned()).collect())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let stored = self.0.lock().unwrap();
        let range = stored.now.range(start.to_vec()..end.to_vec());
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, writes: &Writes) -> io::Result<()> {
        let mut stored = self.0.lock().unwrap();
        if let Some(failure) = stored.failure {
            return Err(failure.into());
        }
        stored.writes += 1;
        for (key, value) in writes {
            match value {
                Some(value) => stored.now.insert(key.clone(), value.clone()),
                None => stored.now.remove(key),
            };
        }
        Ok(())
    }

    fn persist(&self) -> io::Result<()> {
        let mut stored = self.0.lock().unwrap();
        stored.persisted = stored.now.clone();
        Ok(())
    }
}
