//! One shard's machine with a store in memory: fetches what commands need, flushes, starts again.

use std::collections::BTreeMap;

use lh_machine::{
    Command, Effects, MachineConfig, Read, ReadOutcome, Stamp, State, apply,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    needs, pb, read,
};
use prost::Message;

use crate::specs::{Defined, TASK_DEFS};

/// The tenant of everything that fuzzing makes.
pub const TENANT: &str = "default";

/// When the first command comes, in ms since the epoch.
pub const START_MS: i64 = 1_700_000_000_000;

/// The machine and what its store holds.
pub struct World {
    /// The machine.
    pub state: State,
    /// What the store holds.
    pub store: BTreeMap<Vec<u8>, Vec<u8>>,
    index: u64,
    definitions: u64,
}

impl World {
    /// A machine that knows the TaskDefs and StructDefs of [`Defined`].
    pub fn new() -> Self {
        let mut world = Self { state: empty(), store: BTreeMap::new(), index: 0, definitions: 0 };
        for task_def in TASK_DEFS.iter().filter_map(|name| Defined::task(name)) {
            let name = task_def.id.as_ref().map(|id| id.name.clone()).unwrap_or_default();
            world.define(key::meta(MetaKind::TaskDef, TENANT, &name, &[]), Some(task_def.encode_to_vec()));
        }
        for struct_def in Defined::structs() {
            let id = struct_def.id.clone().unwrap_or_default();
            let key = key::meta(MetaKind::StructDef, TENANT, &id.name, &[id.version]);
            world.define(key, Some(struct_def.encode_to_vec()));
        }
        world
    }

    /// Puts or deletes a definition.
    pub fn define(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.definitions += 1;
        let writes = vec![meta_write::Write { key, value }];
        let arrived = internal::DefinitionsArrived { sequence: self.definitions, writes };
        let effects = self.apply(START_MS, Kind::DefinitionsArrived(arrived));
        assert!(matches!(effects.reply, Some(Ok(_))), "a definition is taken in: {effects:?}");
    }

    /// Applies a command as a log entry of its own.
    pub fn apply(&mut self, now_ms: i64, kind: Kind) -> Effects {
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        // A command needs a run, then perhaps records that are known with the run.
        for round in 0.. {
            let missing = needs(&self.state, &command, 0);
            if missing.is_empty() {
                break;
            }
            assert!(round < 3, "what was fetched is asked for again: {missing:02x?}");
            for key in missing {
                let value = self.store.get(&key).map(Vec::as_slice);
                self.state.insert(&key, value).expect("what the machine stored can be read");
            }
        }
        let effects = apply(&mut self.state, &Stamp { now_ms, seed: 7 }, &command);
        self.index += 1;
        self.state.set_applied(self.index, 1);
        effects
    }

    /// Brings the store up to the last command.
    pub fn flush(&mut self) {
        for (key, value) in self.state.take_flush().writes {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
        self.state.flushed();
    }

    /// A new machine on the same store, which must be up to date.
    pub fn restart(&mut self) {
        self.state = empty();
        for (key, value) in &self.store {
            if key::RESIDENT_TABLES.contains(&key[0]) {
                self.state.load(key, value).expect("what the machine stored can be loaded");
            }
        }
    }

    /// Answers a read, fetching what it asks for.
    pub fn read(&self, what: &Read) -> Result<Vec<u8>, lh_machine::Rejected> {
        let mut fetched = BTreeMap::new();
        loop {
            match read(&self.state, TENANT, what, &fetched, START_MS) {
                ReadOutcome::Done(answer) => return answer,
                ReadOutcome::Need(keys) => {
                    // A damaged run may name a record twice, but a read that asks for nothing new would never end.
                    let before = fetched.len();
                    fetched.extend(keys.into_iter().map(|key| {
                        let value = self.store.get(&key).cloned();
                        (key, value)
                    }));
                    assert!(fetched.len() > before, "a read asks again for what it was given");
                }
            }
        }
    }

    /// Everything that can be read of a run.
    pub fn read_all(&self, id: &pb::WfRunId) -> Vec<Result<Vec<u8>, lh_machine::Rejected>> {
        let wf_run_id = Some(id.clone());
        let node = pb::NodeRunId { wf_run_id: wf_run_id.clone(), thread_run_number: 0, position: 1 };
        let variable = pb::VariableId { wf_run_id: wf_run_id.clone(), thread_run_number: 0, name: "str".to_owned() };
        let nodes = pb::ListNodeRunsRequest { wf_run_id: wf_run_id.clone(), ..Default::default() };
        let tasks = pb::ListTaskRunsRequest { wf_run_id: wf_run_id.clone(), ..Default::default() };
        let variables = pb::ListVariablesRequest { wf_run_id, ..Default::default() };
        let reads = [
            Read::WfRun(id.clone()),
            Read::NodeRun(node),
            Read::Variable(variable),
            Read::NodeRuns(nodes),
            Read::TaskRuns(tasks),
            Read::Variables(variables),
        ];
        reads.iter().map(|what| self.read(what)).collect()
    }
}

fn empty() -> State {
    State::new(MachineConfig { shard: 0, run_shards: 1 })
}
