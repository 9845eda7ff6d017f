//! One machine with a store in memory, as a shard runs it: fetches what a command needs, applies it, flushes.

use std::collections::BTreeMap;

use lh_machine::{Command, Effects, MachineConfig, Stamp, State, Writes, apply, internal, key, needs};
use prost::Message;

/// The tenant of everything here.
pub const TENANT: &str = "default";

/// A machine and what its store holds.
pub struct Replica {
    pub state: State,
    pub store: BTreeMap<Vec<u8>, Vec<u8>>,
    index: u64,
}

impl Replica {
    pub fn new() -> Self {
        Self { state: empty(), store: BTreeMap::new(), index: 0 }
    }

    /// Applies a command as a log entry of its own.
    pub fn apply(&mut self, now_ms: i64, command: &Command) -> Effects {
        loop {
            let missing = needs(&self.state, command, 0);
            if missing.is_empty() {
                break;
            }
            for key in missing {
                let value = self.store.get(&key).cloned();
                self.state.insert(&key, value.as_deref()).unwrap();
            }
        }
        let effects = apply(&mut self.state, &Stamp { now_ms, seed: self.index }, command);
        self.index += 1;
        self.state.set_applied(self.index, 1);
        effects
    }

    /// Brings the store up to the last command; returns what was written.
    pub fn flush(&mut self) -> Writes {
        self.state.begin_flush();
        self.flush_slice(usize::MAX).expect("a set that is encoded as a whole is complete")
    }

    /// Encodes so many more runs of the flush set that was begun; what was written once the store has it.
    pub fn flush_slice(&mut self, runs: usize) -> Option<Writes> {
        let writes = self.state.continue_flush(runs)?.writes;
        for (key, value) in &writes {
            match value {
                Some(value) => self.store.insert(key.clone(), value.clone()),
                None => self.store.remove(key),
            };
        }
        self.state.flushed();
        Some(writes)
    }

    /// A new machine on what the store has: as after a crash right behind a flush.
    pub fn restart(&mut self) {
        self.state = empty();
        for (key, value) in &self.store {
            if key::RESIDENT_TABLES.contains(&key[0]) {
                self.state.load(key, value).unwrap();
            }
        }
    }

    /// The store with every NodeRun and WorkflowEvent in a record of its own: when they leave the record of their run
    /// depends on flushes.
    pub fn spread(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut spread = BTreeMap::new();
        for (key, value) in &self.store {
            if !key::is_run(key) {
                spread.insert(key.clone(), value.clone());
                continue;
            }
            let mut record = internal::RunRecord::decode(&value[1..]).unwrap();
            for node in std::mem::take(&mut record.nodes) {
                let id = node.node_run.as_ref().unwrap().id.clone().unwrap();
                let key = key::node(TENANT, &id.wf_run_id.unwrap(), id.thread_run_number, id.position);
                spread.insert(key, [&value[..1], &node.encode_to_vec()].concat());
            }
            let mut counts: BTreeMap<String, i32> =
                record.thrown.drain(..).map(|count| (count.workflow_event_def, count.count)).collect();
            for event in std::mem::take(&mut record.workflow_events) {
                let id = event.id.clone().unwrap();
                let name = id.workflow_event_def_id.unwrap().name;
                let key = key::thrown(TENANT, &id.wf_run_id.unwrap(), &name, id.number);
                spread.insert(key, [&value[..1], &event.encode_to_vec()].concat());
                let count = counts.entry(name).or_default();
                *count = (*count).max(id.number + 1);
            }
            record.thrown = counts
                .into_iter()
                .map(|(workflow_event_def, count)| internal::ThrownCount { workflow_event_def, count })
                .collect();
            spread.insert(key.clone(), [&value[..1], &record.encode_to_vec()].concat());
        }
        spread
    }
}

fn empty() -> State {
    State::new(MachineConfig { shard: 0, run_shards: 1 })
}

/// Keys under which the stores of two replicas differ.
pub fn difference(one: &Replica, other: &Replica) -> Vec<String> {
    let (one, other) = (one.spread(), other.spread());
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differs = |key: &&&Vec<u8>| one.get(**key) != other.get(**key);
    keys.iter().filter(differs).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}
