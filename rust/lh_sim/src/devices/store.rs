//! A store that loses on a crash what was not persisted: always whole batches, the latest first.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lh_core::ports::Store;
use lh_machine::Writes;

use super::power::Power;
use crate::random::Random;

/// All entries of a store.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct Content {
    now: Entries,
    persisted: Entries,
    /// Batches since the last persist.
    batches: Vec<Writes>,
    full: bool,
}

/// The store of one shard as one process has it open; clones are the same store.
#[derive(Clone, Default)]
pub struct SimulatedStore {
    content: Arc<Mutex<Content>>,
    power: Arc<Power>,
}

impl SimulatedStore {
    /// What the next process finds after this one ended without warning.
    pub fn crash(&self, random: &mut Random, power: Arc<Power>) -> Self {
        let content = self.lock();
        let kept = random.within(0..content.batches.len() as u64 + 1) as usize;
        let mut entries = content.persisted.clone();
        content.batches.iter().take(kept).for_each(|batch| put(&mut entries, batch));
        let content = Content { now: entries.clone(), persisted: entries, ..Content::default() };
        Self { content: Arc::new(Mutex::new(content)), power }
    }

    /// Everything in it.
    pub fn entries(&self) -> Entries {
        self.lock().now.clone()
    }

    /// Whether writes are refused for lack of space.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(entries: &mut Entries, batch: &Writes) {
    for (key, value) in batch {
        match value {
            Some(value) => entries.insert(key.clone(), value.clone()),
            None => entries.remove(key),
        };
    }
}

impl Store for SimulatedStore {
    fn get_many(&self, keys: &[Vec<u8>]) -> io::Result<Vec<Option<Vec<u8>>>> {
        self.power.operation().result()?;
        let content = self.lock();
        Ok(keys.iter().map(|key| content.now.get(key).cloned()).collect())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.power.operation().result()?;
        let content = self.lock();
        let range = content.now.range(start.to_vec()..end.to_vec());
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, writes: &Writes) -> io::Result<()> {
        self.power.operation().result()?;
        let mut content = self.lock();
        if content.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let batch = writes.clone();
        put(&mut content.now, &batch);
        content.batches.push(batch);
        Ok(())
    }

    fn persist(&self) -> io::Result<()> {
        self.power.operation().result()?;
        let mut content = self.lock();
        if content.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let Content { persisted, batches, .. } = &mut *content;
        batches.drain(..).for_each(|batch| put(persisted, &batch));
        Ok(())
    }
}
