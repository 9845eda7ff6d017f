//! A directory in memory, which can be copied and damaged.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use _core::ports::{Disk, DiskFile};

type Files = BTreeMap<String, Vec<u8>>;

/// The directory; clones are the same one.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Files>>);

impl MemoryDisk {
    /// A directory with these files.
    pub fn of(files: Files) -> Self {
        Self(Arc::new(Mutex::new(files)))
    }

    /// A copy of its files.
    pub fn files(&self) -> Files {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.lock().get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, name: &str, preallocate: u64) -> io::Result<Box<dyn DiskFile>> {
        self.lock().entry(name.to_owned()).or_insert_with(|| vec![0; preallocate as usize]);
        Ok(Box::new(MemoryFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.lock();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl MemoryFile {
    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut files = self.disk.lock();
        change(files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?);
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        self.change(|file| {
            file.resize(file.len().max(end), 0);
            file[start..end].copy_from_slice(bytes);
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.change(|file| file.resize(length as usize, 0))
    }
}
