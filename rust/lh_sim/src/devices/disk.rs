//! A disk that keeps what was synced, and of the rest any sectors; it tears writes, fails, fills up and rots.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lh_core::ports::{Disk, DiskFile};

use super::power::{Fate, Power};
use crate::random::Random;

/// What is written at once, or not at all, in bytes.
const SECTOR: usize = 512;

/// Free bytes of a disk with room.
const AMPLE: u64 = 1 << 40;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process is killed; what the kernel has reaches the disk.
    Killed,
    /// The power fails; what was not synced may be lost, sector by sector.
    PowerCut,
}

#[derive(Clone, Default)]
struct Inode {
    /// What a read sees.
    now: Vec<u8>,
    /// What survives.
    durable: Vec<u8>,
    /// Writes that may survive, oldest first.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Where what was synced of its present use ends.
    synced_to: usize,
}

#[derive(Clone)]
enum Naming {
    Add(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Default)]
struct Content {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names that a sync of the directory has not reached.
    pending: Vec<Naming>,
    full: bool,
    /// Inode and range of the write that was synced last.
    last_synced: Option<(usize, usize, usize)>,
    /// What files held when their name went away: the whole history of the log.
    archive: BTreeMap<String, Vec<u8>>,
}

/// The log directory as one process has it open; clones are the same directory.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    content: Arc<Mutex<Content>>,
    power: Arc<Power>,
}

impl SimulatedDisk {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next process finds after this one ended without warning.
    pub fn crash(&self, end: End, random: &mut Random, power: Arc<Power>) -> Self {
        let mut content = self.lock().clone();
        content.full = false;
        if end == End::Killed {
            content.durable_names = content.names.clone();
        } else {
            let kept = random.within(0..content.pending.len() as u64 + 1) as usize;
            let pending: Vec<Naming> = content.pending.drain(..).take(kept).collect();
            pending.iter().for_each(|naming| rename(&mut content.durable_names, naming));
        }
        content.pending.clear();
        content.names = content.durable_names.clone();
        for inode in &mut content.inodes {
            match end {
                End::Killed => inode.durable.clone_from(&inode.now),
                End::PowerCut => keep_some(inode, random),
            }
            inode.unsynced.clear();
            inode.now.clone_from(&inode.durable);
        }
        Self { content: Arc::new(Mutex::new(content)), power }
    }

    /// The same content for another process, independent of this one.
    pub fn copy(&self, power: Arc<Power>) -> Self {
        Self { content: Arc::new(Mutex::new(self.lock().clone())), power }
    }

    /// A copy on which every file that ever was is still there under its first name: the log without its cuts.
    pub fn with_history(&self) -> Self {
        let mut content = self.lock().clone();
        for (name, bytes) in std::mem::take(&mut content.archive) {
            if !content.names.contains_key(&name) {
                content.names.insert(name, content.inodes.len());
                content.inodes.push(Inode { now: bytes.clone(), durable: bytes, ..Inode::default() });
            }
        }
        Self { content: Arc::new(Mutex::new(content)), power: Arc::default() }
    }

    /// Flips a bit of what was synced, but not in the last write: what is wrong with that one looks like a write that was
    /// never finished. False if there is nothing to flip.
    pub fn flip_bit(&self, random: &mut Random) -> bool {
        let mut content = self.lock();
        let files: Vec<usize> = content.names.values().copied().collect();
        if files.is_empty() {
            return false;
        }
        let file = *random.pick(&files);
        let spared = content.last_synced;
        let synced_to = content.inodes[file].synced_to;
        if synced_to == 0 {
            return false;
        }
        let at = random.within(0..synced_to as u64) as usize;
        if spared.is_some_and(|(inode, from, to)| inode == file && (from..to).contains(&at)) {
            return false;
        }
        let inode = &mut content.inodes[file];
        inode.now[at] ^= 1 << random.within(0..8);
        inode.durable.clone_from(&inode.now);
        true
    }

    /// Whether the disk has no room left.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Add(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Naming::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Naming::Remove(name) => {
            names.remove(name);
        }
    }
}

/// Lets some sectors of each write reach the disk: none, all, or each by chance.
fn keep_some(inode: &mut Inode, random: &mut Random) {
    for (offset, bytes) in std::mem::take(&mut inode.unsynced) {
        let mood = random.within(0..4);
        let mut from = 0;
        while from < bytes.len() {
            let sector_end = ((offset + from) / SECTOR + 1) * SECTOR - offset;
            let to = sector_end.min(bytes.len());
            if mood == 0 || (mood > 1 && random.chance(50)) {
                write(&mut inode.durable, offset + from, &bytes[from..to]);
            }
            from = to;
        }
    }
}

fn write(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

impl Content {
    fn name(&mut self, naming: Naming) {
        if let Naming::Rename(name, _) | Naming::Remove(name) = &naming
            && let Some(inode) = self.names.get(name)
        {
            self.archive.insert(name.clone(), self.inodes[*inode].now.clone());
        }
        rename(&mut self.names, &naming);
        self.pending.push(naming);
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.power.operation().result()?;
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.power.operation().result()?;
        let content = self.lock();
        let inode = content.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.inodes[*inode].now.clone())
    }

    fn open(&self, name: &str, preallocate: u64) -> io::Result<Box<dyn DiskFile>> {
        let known = self.lock().names.get(name).copied();
        let inode = match known {
            Some(inode) => inode,
            None => {
                self.power.operation().result()?;
                let mut content = self.lock();
                if content.full {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                // A file gets its name only when its zeros are synced.
                let zeros = vec![0; preallocate as usize];
                content.inodes.push(Inode { now: zeros.clone(), durable: zeros, ..Inode::default() });
                let inode = content.inodes.len() - 1;
                content.name(Naming::Add(name.to_owned(), inode));
                inode
            }
        };
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.power.operation().result()?;
        self.lock().name(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.power.operation().result()?;
        self.lock().name(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.power.operation().result()?;
        let mut content = self.lock();
        content.pending.clear();
        content.durable_names = content.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(if self.lock().full { 0 } else { AMPLE })
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

impl DiskFile for SimulatedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fate = self.disk.power.operation();
        let mut content = self.disk.lock();
        let inode = &mut content.inodes[self.inode];
        // Also of a write that was cut short some sectors may be there.
        write(&mut inode.now, offset as usize, bytes);
        inode.unsynced.push((offset as usize, bytes.to_vec()));
        if offset == 0 {
            inode.synced_to = 0;
        }
        fate.result()
    }

    fn sync(&mut self) -> io::Result<()> {
        let fate = self.disk.power.operation();
        let mut content = self.disk.lock();
        let inode = &mut content.inodes[self.inode];
        match fate {
            Fate::Done => {
                let unsynced = std::mem::take(&mut inode.unsynced);
                for (offset, bytes) in &unsynced {
                    write(&mut inode.durable, *offset, bytes);
                }
                // Zeros wipe an unfinished write and are no write of records.
                if let Some((offset, bytes)) = unsynced.iter().rfind(|(_, bytes)| bytes.iter().any(|byte| *byte != 0)) {
                    inode.synced_to = offset + bytes.len();
                    content.last_synced = Some((self.inode, *offset, offset + bytes.len()));
                }
            }
            // The kernel forgets what it could not write: a later sync that succeeds says nothing about it.
            Fate::Fails => inode.unsynced.clear(),
            Fate::Ends => {}
        }
        fate.result()
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.disk.power.operation().result()?;
        let mut content = self.disk.lock();
        let inode = &mut content.inodes[self.inode];
        inode.now.resize(length as usize, 0);
        inode.durable.resize(length as usize, 0);
        Ok(())
    }
}
