//! Scheduled attempts, FIFO per tenant and TaskDef (04/TW-20).

use std::collections::BTreeMap;

use crate::internal::QueueEntry;

/// First sequence number: room below it for entries that go back to the front.
const FIRST_SEQUENCE: u64 = 1 << 40;

/// All queues of a shard.
#[derive(Debug, Default)]
pub struct Queues {
    by_tenant: BTreeMap<String, BTreeMap<String, BTreeMap<u64, QueueEntry>>>,
    sequence: u64,
}

impl Queues {
    /// Appends an entry; returns its sequence number, which no other entry ever gets.
    pub fn push(&mut self, tenant: &str, task_def: &str, entry: QueueEntry) -> u64 {
        self.sequence = self.sequence.max(FIRST_SEQUENCE) + 1;
        let sequence = self.sequence;
        self.load(tenant, task_def, sequence, entry);
        sequence
    }

    /// Puts an entry back at the front.
    pub fn push_front(&mut self, tenant: &str, task_def: &str, entry: QueueEntry) -> u64 {
        match self.head(tenant, task_def).map(|(sequence, _)| sequence) {
            None => self.push(tenant, task_def, entry),
            Some(head) => {
                self.load(tenant, task_def, head - 1, entry);
                head - 1
            }
        }
    }

    /// Puts an entry at its stored place.
    pub fn load(&mut self, tenant: &str, task_def: &str, sequence: u64, entry: QueueEntry) {
        let queues = match self.by_tenant.get_mut(tenant) {
            Some(queues) => queues,
            None => self.by_tenant.entry(tenant.to_owned()).or_default(),
        };
        match queues.get_mut(task_def) {
            Some(queue) => queue.insert(sequence, entry),
            None => queues.entry(task_def.to_owned()).or_default().insert(sequence, entry),
        };
    }

    /// The oldest entry.
    pub fn head(&self, tenant: &str, task_def: &str) -> Option<(u64, &QueueEntry)> {
        self.queue(tenant, task_def)?.first_key_value().map(|(sequence, entry)| (*sequence, entry))
    }

    /// The entry with `before` entries in front of it.
    pub fn nth(&self, tenant: &str, task_def: &str, before: usize) -> Option<&QueueEntry> {
        self.queue(tenant, task_def)?.values().nth(before)
    }

    /// Takes an entry out; an emptied queue is forgotten.
    pub fn remove(&mut self, tenant: &str, task_def: &str, sequence: u64) {
        let Some(queues) = self.by_tenant.get_mut(tenant) else { return };
        let Some(queue) = queues.get_mut(task_def) else { return };
        queue.remove(&sequence);
        if queue.is_empty() {
            queues.remove(task_def);
        }
    }

    /// Number of entries of a queue.
    pub fn length(&self, tenant: &str, task_def: &str) -> usize {
        self.queue(tenant, task_def).map_or(0, BTreeMap::len)
    }

    /// All non-empty queues: tenant, TaskDef, length.
    pub fn lengths(&self) -> Vec<(&str, &str, usize)> {
        let queues = self.by_tenant.iter().flat_map(|(tenant, queues)| queues.iter().map(move |queue| (tenant, queue)));
        queues.map(|(tenant, (task_def, queue))| (tenant.as_str(), task_def.as_str(), queue.len())).collect()
    }

    /// Last sequence number given out.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Continues after this sequence number.
    pub fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    fn queue(&self, tenant: &str, task_def: &str) -> Option<&BTreeMap<u64, QueueEntry>> {
        self.by_tenant.get(tenant)?.get(task_def)
    }
}
