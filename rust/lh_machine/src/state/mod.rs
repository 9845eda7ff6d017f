//! Everything a shard's machine knows: definitions, queues, metadata, and the live runs that are in memory.
//!
//! `definitions` = what run shards know of WfSpecs and TaskDefs · `queues` = scheduled attempts, FIFO ·
//! `residence` = which runs are in memory, pins, eviction · `flush` = what the store must hold.

pub mod definitions;
pub mod flush;
pub mod queues;
pub mod residence;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use definitions::{Definitions, DefinitionsOf};
pub use flush::{FlushSet, Writes};
use prost::Message;
use queues::Queues;

use crate::{
    Arm, Command, Effects, Outgoing, Stamp,
    command::{from_shard, user_task},
    internal,
    internal::command::Kind,
    key,
    mutants::{self, Mutant},
    pb,
    run::{self, Run, family::Family, record},
};

/// Most bytes that one stored public object can have (01/SIZ-1).
pub const RECORD_BYTES_MAX: usize = 1_047_000;

/// What a machine is told once, when its shard opens.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// Index of this run shard; the metadata group has [`MachineConfig::META_SHARD`].
    pub shard: u32,
    /// Number of run shards of the cluster: whom definition changes are sent to.
    pub run_shards: u32,
}

impl MachineConfig {
    /// The metadata group's shard number.
    pub const META_SHARD: u32 = u32::MAX;
}

/// A stored value could not be read: the store is damaged or from a newer version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt(pub String);

/// A metadata entry: its version and the public message, serialized.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaValue {
    /// Grows with every write of the entry; never 0.
    pub version: u64,
    /// Serialized definition.
    pub value: bytes::Bytes,
}

/// State of one shard's machine. In memory are all resident tables and the runs that commands touched.
#[derive(Debug)]
pub struct State {
    /// Who this machine is.
    pub config: MachineConfig,
    /// What this shard knows of definitions.
    pub definitions: Definitions,
    pub(crate) meta: Arc<BTreeMap<Vec<u8>, MetaValue>>,
    pub(crate) outbox: BTreeMap<(u32, u64), Command>,
    pub(crate) queues: Queues,
    pub(crate) worker_groups: BTreeMap<Vec<u8>, internal::TaskWorkerGroupRecord>,
    pub(crate) applied: internal::AppliedRecord,
    /// Writes of resident tables since the last flush set; runs are encoded when the set is taken.
    pub(crate) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    wakes: BTreeSet<Vec<u8>>,
    residence: residence::Residence,
    flush: flush::Progress,
}

/// What a command works with while its run is taken out of the state.
pub struct Context<'a> {
    /// The batch's time, in milliseconds since the epoch.
    pub now_ms: i64,
    /// The batch's random number.
    pub seed: u64,
    /// The runs above, and those that the command starts.
    pub family: Family,
    /// Definitions of all tenants.
    pub definitions: &'a Definitions,
    /// Queues of all tenants.
    pub queues: &'a mut Queues,
    /// Number of run shards of the cluster.
    pub run_shards: u32,
    /// Writes of resident tables.
    pub writes: &'a mut BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What must be done after the commit.
    pub effects: &'a mut Effects,
    residence: &'a mut residence::Residence,
    flush: &'a mut flush::Progress,
}

impl Context<'_> {
    /// Takes out what was posted ahead to the id of a run that is to be started; [`crate::needs`] has named it.
    pub(crate) fn take_unborn(&mut self, key: &[u8]) -> Option<Box<Run>> {
        self.residence.take_unborn(key, self.flush)
    }
}

impl State {
    /// An empty state, as of a shard that never applied anything.
    pub fn new(config: MachineConfig) -> Self {
        Self {
            config,
            definitions: Definitions::default(),
            meta: Arc::default(),
            outbox: BTreeMap::new(),
            queues: Queues::default(),
            worker_groups: BTreeMap::new(),
            applied: internal::AppliedRecord::default(),
            writes: BTreeMap::new(),
            wakes: BTreeSet::new(),
            residence: residence::Residence::default(),
            flush: flush::Progress::default(),
        }
    }

    /// Takes in one stored entry of a resident table ([`key::RESIDENT_TABLES`]) when the shard opens.
    ///
    /// # Errors
    /// [`Corrupt`] if key or value cannot be read.
    pub fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), Corrupt> {
        let damaged = |what: &str| Corrupt(format!("{what} under key {key:02x?}"));
        match key.first() {
            Some(&key::TABLE_APPLIED) => {
                self.applied = decode(value)?;
                self.queues.set_sequence(self.applied.queue_sequence);
                self.flush.queue_sequence = self.applied.queue_sequence;
            }
            Some(&key::TABLE_DEFINITION) => self.definitions.load(&key[1..], value)?,
            Some(&key::TABLE_META) => {
                let entry: internal::MetaEntry = decode(value)?;
                let value = MetaValue { version: entry.version, value: entry.value.into() };
                Arc::make_mut(&mut self.meta).insert(key[1..].to_vec(), value);
            }
            Some(&key::TABLE_OUTBOX) => {
                let entry: internal::OutboxEntry = decode(value)?;
                let command = Command::decode(&*entry.command).map_err(|_| damaged("outbox command"))?;
                self.outbox.insert((entry.target_shard, entry.sequence), command);
            }
            Some(&key::TABLE_QUEUE) if mutants::is_on(Mutant::QueueLostAtRestart) => {}
            Some(&key::TABLE_QUEUE) => {
                let (tenant, task_def, sequence) = key::parse_queue(key).ok_or_else(|| damaged("queue key"))?;
                self.queues.load(&tenant, &task_def, sequence, decode(value)?);
            }
            Some(&key::TABLE_WAKE) => {
                key::parse_wake(key).ok_or_else(|| damaged("wake-up key"))?;
                self.wakes.insert(key.to_vec());
            }
            Some(&key::TABLE_WORKER_GROUP) => {
                self.worker_groups.insert(key.to_vec(), decode(value)?);
            }
            _ => return Err(damaged("entry of an unknown table")),
        }
        Ok(())
    }

    /// Where the shard stands: index and term of the last applied log entry, and the Raft conf state.
    pub fn applied(&self) -> &internal::AppliedRecord {
        &self.applied
    }

    /// Notes that the log entry at `index` was applied (after its commands were).
    pub fn set_applied(&mut self, index: u64, term: u64) {
        self.applied.index = index;
        self.applied.term = term;
        self.flush.advanced = true;
    }

    /// Remembers the batch's time: no later batch may be stamped earlier.
    pub(crate) fn note_time(&mut self, stamp: &Stamp) {
        self.applied.last_stamp_ms = self.applied.last_stamp_ms.max(stamp.now_ms);
    }

    /// Remembers the Raft conf state, opaque to the machine.
    pub fn set_conf_state(&mut self, conf_state: Vec<u8>) {
        self.applied.conf_state = conf_state;
        self.flush.advanced = true;
    }

    /// All wake-ups that are armed: what a leader must put in its timer queue after opening. Takes the list that
    /// [`State::load`] collected and adds those of runs that the log brought back.
    pub fn wakes(&mut self) -> Vec<Arm> {
        let mut keys = std::mem::take(&mut self.wakes);
        for (key, value) in &self.writes {
            if key.first() == Some(&key::TABLE_WAKE) {
                match value {
                    Some(_) => keys.insert(key.clone()),
                    None => keys.remove(key),
                };
            }
        }
        keys.iter()
            .filter_map(|key| key::parse_wake(key))
            .map(|(due_ms, tenant, wf_run_id)| Arm { due_ms, tenant, wf_run_id, is_wanted: true })
            .collect()
    }

    /// All undelivered messages to other shards, oldest first per target: what a new leader must send.
    pub fn outbox(&self) -> Vec<Outgoing> {
        self.outbox
            .iter()
            .map(|(&(target_shard, sequence), command)| Outgoing { target_shard, sequence, command: command.clone() })
            .collect()
    }

    /// Sequence of the oldest undelivered message to any shard.
    pub fn oldest_undelivered(&self) -> Option<u64> {
        let targets = 0..self.config.run_shards;
        targets
            .filter_map(|target| self.outbox.range((target, 0)..=(target, u64::MAX)).next())
            .map(|(at, _)| at.1)
            .min()
    }

    /// Which queues (tenant, TaskDef) this command could feed: what the shard guesses claims from.
    pub fn hints(&self, command: &Command) -> Vec<(String, String)> {
        let tenant = &command.tenant;
        match &command.kind {
            Some(Kind::RunWf(run_wf)) => {
                let Some(request) = &run_wf.request else { return Vec::new() };
                let (major, revision) = (request.major_version, request.revision);
                let Some(spec) = self.definitions.wf_spec(tenant, &request.wf_spec_name, major, revision) else {
                    return Vec::new();
                };
                let thread = &spec.wf_spec.entrypoint_thread_name;
                let Some(facts) = spec.threads.get(thread) else { return Vec::new() };
                spec.feeds(thread, &facts.entrypoint).iter().map(|name| (tenant.clone(), name.clone())).collect()
            }
            Some(Kind::ReportTask(report)) => {
                let Some(id) = &report.task_run_id else { return Vec::new() };
                let run = id.wf_run_id.as_ref().and_then(|wf_run_id| self.run(&key::run(tenant, wf_run_id)));
                match (run, run::TaskAt::parse(&id.task_guid)) {
                    (Some(run), Some(at)) => run::edge::feeds(run, at.place),
                    _ => Vec::new(),
                }
            }
            Some(Kind::PutExternalEvent(request)) => {
                let (Some(id), Some(event_def)) = (&request.wf_run_id, &request.external_event_def_id) else {
                    return Vec::new();
                };
                let run = self.run(&key::run(tenant, id));
                run.map(|run| run::edge::fed_by_event(run, &event_def.name)).unwrap_or_default()
            }
            Some(Kind::FromShard(message)) => {
                let Some(event_id) = from_shard::event(message).and_then(|event| event.id.as_ref()) else {
                    return Vec::new();
                };
                let run = event_id.wf_run_id.as_ref().and_then(|id| self.run(&key::run(tenant, id)));
                run.map(|run| run::edge::fed_by_event(run, &run::events::names(event_id).0)).unwrap_or_default()
            }
            Some(Kind::UserTask(command)) => {
                let target = user_task::target(tenant, command);
                let run = target.and_then(|(run_key, _, place)| Some((self.run(&run_key)?, place)));
                run.map_or_else(Vec::new, |(run, place)| run::edge::feeds(run, place))
            }
            _ => Vec::new(),
        }
    }

    /// The non-empty queues with their lengths (tenant, TaskDef, length).
    pub fn queues(&self) -> Vec<(&str, &str, usize)> {
        self.queues.lengths()
    }

    /// Length of one queue.
    pub fn queue_length(&self, tenant: &str, task_def: &str) -> usize {
        self.queues.length(tenant, task_def)
    }

    /// Snapshot of the metadata entries (meta key -> version, value); only filled in the metadata group.
    pub fn meta(&self) -> &Arc<BTreeMap<Vec<u8>, MetaValue>> {
        &self.meta
    }

    /// The context for work on a run, with its ancestors in the family; [`State::settle`] brings all of them back.
    pub(crate) fn family_context<'a>(
        &'a mut self,
        tenant: &str,
        id: &pb::WfRunId,
        stamp: &Stamp,
        effects: &'a mut Effects,
    ) -> Context<'a> {
        let mut family = Family::default();
        let mut above = id.parent_wf_run_id.as_deref();
        while let Some(id) = above {
            if let Some(run) = self.take_run(&key::run(tenant, id)) {
                family.join(run);
            }
            above = id.parent_wf_run_id.as_deref();
        }
        Context { family, ..self.context(stamp, effects) }
    }

    /// Brings back a run that was worked on, and its family.
    pub(crate) fn settle(&mut self, run: Box<Run>, family: Family) {
        self.put_run(run);
        for (run, changed) in family.leave() {
            if changed { self.put_run(run) } else { self.return_run(run) }
        }
    }

    /// The context for work that concerns no other run.
    pub(crate) fn context<'a>(&'a mut self, stamp: &Stamp, effects: &'a mut Effects) -> Context<'a> {
        Context {
            now_ms: stamp.now_ms,
            seed: stamp.seed,
            family: Family::default(),
            definitions: &self.definitions,
            queues: &mut self.queues,
            run_shards: self.config.run_shards,
            writes: &mut self.writes,
            effects,
            residence: &mut self.residence,
            flush: &mut self.flush,
        }
    }

    /// Takes an entry off its queue; one that never reached the store leaves no trace there.
    pub(crate) fn remove_from_queue(&mut self, tenant: &str, task_def: &str, sequence: u64) {
        self.queues.remove(tenant, task_def, sequence);
        let key = key::queue(tenant, task_def, sequence);
        if sequence > self.flush.queue_sequence {
            self.writes.remove(&key);
        } else {
            self.writes.insert(key, None);
        }
    }
}

pub(crate) fn decode<M: Message + Default>(value: &[u8]) -> Result<M, Corrupt> {
    M::decode(record::payload(value)?).map_err(|error| Corrupt(format!("stored record: {error}")))
}
