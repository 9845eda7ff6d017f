//! Whether what a store holds agrees with itself: each index entry, queue place and wake-up with the run it belongs to,
//! in both directions (I18).
//!
//! The caller streams every entry of the store, in order of keys, through [`Audit::entry`]; what does not match comes out
//! of [`Audit::unmatched`]. A second stream through [`Audit::naming`] says what those are, so that a store of any size is
//! audited with a few bytes per unmatched entry, whatever the order of the tables.

use std::collections::BTreeSet;

use prost::Message;

use crate::{
    State, index, internal,
    key::{self, MetaKind},
    node::task,
    pb::{self, TaskStatus},
    run::{Run, TaskAt, events::def_of_thrown, record, task_at},
};

/// Problems told in full; of more only the number is told.
pub const PROBLEMS_TOLD: usize = 20;

/// What was seen in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// WfRuns.
    pub runs: u64,
    /// Those of them that have not ended.
    pub live_runs: u64,
    /// NodeRuns with records of their own.
    pub nodes: u64,
    /// Index entries.
    pub index_entries: u64,
    /// Places in queues of tasks.
    pub queued: u64,
    /// Wake-ups.
    pub wakes: u64,
}

/// Fingerprints of entries that a run asks for and the store lacks, or that the store has and no run asks for.
pub type Unmatched = BTreeSet<u128>;

/// One pass over a store.
pub struct Audit<'a> {
    state: &'a State,
    owns: &'a dyn Fn(&str, &str) -> bool,
    run: Option<Run>,
    unmatched: Unmatched,
    /// In the second pass: what is to be named.
    to_name: Option<Unmatched>,
    counts: Counts,
    problems: Vec<String>,
    untold: usize,
}

impl<'a> Audit<'a> {
    /// The first pass. `state` knows the definitions of this store; `owns(tenant, root id)` says whether a tree lies in
    /// this shard.
    pub fn new(state: &'a State, owns: &'a dyn Fn(&str, &str) -> bool) -> Self {
        Self {
            state,
            owns,
            run: None,
            unmatched: Unmatched::new(),
            to_name: None,
            counts: Counts::default(),
            problems: Vec::new(),
            untold: 0,
        }
    }

    /// The second pass, which only says what the unmatched entries of the first are.
    pub fn naming(state: &'a State, owns: &'a dyn Fn(&str, &str) -> bool, unmatched: Unmatched) -> Self {
        Self { to_name: Some(unmatched), ..Self::new(state, owns) }
    }

    /// Takes the next entry of the store.
    pub fn entry(&mut self, key: &[u8], value: &[u8]) {
        match key.first() {
            Some(&key::TABLE_TREE) if key::is_node(key) => self.node(key, value),
            Some(&key::TABLE_TREE) if key::is_run(key) => self.run(key, value),
            Some(&key::TABLE_TREE) if key::is_thrown(key) => self.thrown(key, value),
            // A checkpoint: its TaskRun knows how many there are, not what they hold.
            Some(&key::TABLE_TREE) => self.has(key, &[]),
            Some(&key::TABLE_INDEX) => {
                self.counts.index_entries += 1;
                self.has(key, value);
            }
            Some(&key::TABLE_QUEUE) => {
                self.counts.queued += 1;
                self.has(key, value);
            }
            Some(&key::TABLE_WAKE) => {
                self.counts.wakes += 1;
                self.has(key, value);
            }
            // Resident tables: read by `State::load`, which says what is wrong with them.
            _ => {}
        }
    }

    /// What was seen.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What is wrong, in sentences.
    pub fn into_problems(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.problems.push(format!("{} more problems of these kinds", self.untold));
        }
        self.problems
    }

    /// What a second pass must name; empty = runs and tables agree. It may hold stale places in queues, which are no
    /// problem (they are dropped when they come to the head, 04/TW-18) and which the second pass does not name.
    pub fn unmatched(&mut self) -> Unmatched {
        std::mem::take(&mut self.unmatched)
    }

    fn problem(&mut self, sentence: String) {
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push(sentence);
        } else {
            self.untold += 1;
        }
    }

    fn run(&mut self, key: &[u8], value: &[u8]) {
        self.run = None;
        let record = match record::decode(value) {
            Ok(record) => record,
            Err(corrupt) => return self.broken(key, &corrupt.0),
        };
        if record.wf_run.is_none() {
            // Deleted; what is left only tells of the runs below it (03/E-485).
            return;
        }
        let spec = match self.state.bound_spec(record.spec_uid) {
            Ok(spec) => spec,
            Err(corrupt) => return self.broken(key, &corrupt.0),
        };
        let run = record::into_run(key.to_vec(), record, spec, 0);
        if !run.is_unborn() {
            self.counts.runs += 1;
            self.counts.live_runs += u64::from(!run.is_terminal());
        }
        if key::run(&run.tenant, &run.id()) != key {
            return self.broken(key, "the record is that of another run");
        }
        if !(self.owns)(&run.tenant, key::root_id(&run.id())) {
            self.broken(key, "it belongs to another shard");
        }
        let first = run.deadlines.iter().map(|deadline| deadline.due_ms).min();
        if first.is_some_and(|due_ms| run.armed_ms == 0 || run.armed_ms > due_ms) {
            self.broken(key, "it waits for a moment that it would not be woken at");
        }
        for (entry, value) in asked_for(&run) {
            self.wants(&entry, &value);
        }
        self.run = Some(run);
    }

    fn node(&mut self, key: &[u8], value: &[u8]) {
        self.counts.nodes += 1;
        let record = match record::decode_node(value) {
            Ok(record) => record,
            Err(corrupt) => return self.broken(key, &corrupt.0),
        };
        let Some(run) = self.run.take() else { return self.broken(key, "its run is missing or cannot be read") };
        let id = record.node_run.as_ref().and_then(|node_run| node_run.id.as_ref());
        let place = id.map(|id| (id.thread_run_number, id.position)).unwrap_or_default();
        if key::node(&run.tenant, &run.id(), place.0, place.1) != key {
            self.broken(key, "it is no NodeRun of the run before it");
        } else if run.nodes.contains_key(&place) {
            self.broken(key, "its run keeps the same NodeRun in its own record");
        }
        for (entry, value) in index::of_node(&run, &record).into_iter().chain(checkpoints(&run, &record)) {
            self.wants(&entry, &value);
        }
        self.run = Some(run);
    }

    fn thrown(&mut self, key: &[u8], value: &[u8]) {
        let event = match record::decode_thrown(value) {
            Ok(event) => event,
            Err(corrupt) => return self.broken(key, &corrupt.0),
        };
        let Some(run) = self.run.take() else { return self.broken(key, "its run is missing or cannot be read") };
        let id = event.id.clone().unwrap_or_default();
        let definition = def_of_thrown(&id);
        let is_thrown = run.events.counts().any(|(name, count)| name == definition && (0..count).contains(&id.number));
        if !is_thrown || key::thrown(&run.tenant, &run.id(), definition, id.number) != key {
            self.broken(key, "it is no WorkflowEvent of the run before it");
        } else if run.events.workflow(definition, id.number).is_some() {
            self.broken(key, "its run keeps the same WorkflowEvent in its own record");
        }
        if let Some((entry, value)) = index::of_thrown(&run, &event) {
            self.wants(&entry, &value);
        }
        self.run = Some(run);
    }

    /// The store must hold this entry.
    fn wants(&mut self, key: &[u8], value: &[u8]) {
        let print = fingerprint(key, value);
        if self.to_name.as_ref().is_some_and(|wanted| wanted.contains(&print)) {
            self.problem(format!("{} is missing, or has another content than its run says", readable(key)));
        }
        self.toggle(print);
    }

    /// The store holds this entry.
    fn has(&mut self, key: &[u8], value: &[u8]) {
        let print = fingerprint(key, value);
        let is_stale = key.first() == Some(&key::TABLE_QUEUE);
        if !is_stale && self.to_name.as_ref().is_some_and(|wanted| wanted.contains(&print)) {
            self.problem(format!("{} belongs to no run, or has another content than its run says", readable(key)));
        }
        self.toggle(print);
    }

    fn toggle(&mut self, print: u128) {
        if self.to_name.is_none() && !self.unmatched.remove(&print) {
            self.unmatched.insert(print);
        }
    }

    /// The second pass would only say again what the first has said.
    fn broken(&mut self, key: &[u8], detail: &str) {
        if self.to_name.is_none() {
            self.problem(format!("{}: {detail}", readable(key)));
        }
    }
}

/// The entries of other tables that this run asks for.
fn asked_for(run: &Run) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries: Vec<_> = index::of_run(run).into_iter().collect();
    if run.armed_ms != 0 {
        entries.push((key::wake(run.armed_ms, &run.tenant, &run.id()), Vec::new()));
    }
    for (place, record) in &run.nodes {
        let node = (TaskAt::node(*place), record.task_run.as_ref().zip(record.task_state.as_ref()));
        let reminders = record.reminders.iter().map(|reminder| {
            let at = TaskAt { place: *place, reminder: Some(reminder.event_number) };
            (at, reminder.task_run.as_ref().zip(reminder.task_state.as_ref()))
        });
        let tasks = std::iter::once(node).chain(reminders);
        entries.extend(tasks.filter_map(|(at, task)| queue_place(run, at, task?)));
        entries.extend(checkpoints(run, record));
    }
    entries
}

/// Keys of the checkpoints of a NodeRun's tasks.
fn checkpoints(run: &Run, record: &internal::NodeRecord) -> Vec<(Vec<u8>, Vec<u8>)> {
    let id = run.id();
    let keys = task_at::all(record).flat_map(|task_run| {
        let guid = task_run.id.as_ref().map_or("", |id| &id.task_guid);
        (0..task_run.total_checkpoints).map(|number| key::checkpoint(&run.tenant, &id, guid, number))
    });
    keys.map(|key| (key, Vec::new())).collect()
}

/// The place in a queue of an attempt that waits for a worker.
fn queue_place(
    run: &Run,
    at: TaskAt,
    (task_run, state): (&pb::TaskRun, &internal::TaskState),
) -> Option<(Vec<u8>, Vec<u8>)> {
    let waits = task_run.attempts.last().is_some_and(|attempt| attempt.status() == TaskStatus::TaskScheduled);
    if !waits || state.queue_sequence == 0 {
        return None;
    }
    let entry = task::queue_entry(run.id(), at, task_run.attempts.len() as i32 - 1);
    let name = &task_run.task_def_id.as_ref()?.name;
    Some((key::queue(&run.tenant, name, state.queue_sequence), record::with_format(&entry)))
}

/// FNV-1a of 128 bits over the length of the key, the key and the value.
fn fingerprint(key: &[u8], value: &[u8]) -> u128 {
    let mut digest: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let length = (key.len() as u64).to_be_bytes();
    for byte in length.iter().chain(key).chain(value) {
        digest = (digest ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    digest
}

/// A stored key in words, with its text components.
pub fn readable(key: &[u8]) -> String {
    let kind = match key.first() {
        Some(&key::TABLE_TREE) if key::is_node(key) => "NodeRun record",
        Some(&key::TABLE_TREE) if key::is_run(key) => "run record",
        Some(&key::TABLE_TREE) if key::is_thrown(key) => "WorkflowEvent record",
        Some(&key::TABLE_TREE) => "checkpoint",
        Some(&key::TABLE_INDEX) => "index entry",
        Some(&key::TABLE_QUEUE) => "queue entry",
        Some(&key::TABLE_WAKE) => "wake-up",
        _ => "entry",
    };
    let text = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
    let words: Vec<&str> =
        text.split(|letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{kind} {}", words.join(" / "))
}

/// True if a run shard holds this definition of the metadata group, or one of its kind is of no interest to runs.
pub fn knows_definition(state: &State, meta_key: &[u8], value: &[u8]) -> bool {
    let Some((kind, tenant, name, numbers)) = parse_meta(meta_key) else { return false };
    let numbers: Vec<i32> =
        numbers.chunks_exact(4).map(|four| i32::from_be_bytes([four[0], four[1], four[2], four[3]])).collect();
    let definitions = &state.definitions;
    match (kind, numbers.as_slice()) {
        (MetaKind::TaskDef, []) => definitions
            .task_def(&tenant, &name)
            .is_some_and(|known| pb::TaskDef::decode(value).is_ok_and(|it| *known == it)),
        (MetaKind::ExternalEventDef, []) => definitions
            .external_event_def(&tenant, &name)
            .is_some_and(|known| pb::ExternalEventDef::decode(value).is_ok_and(|it| *known == it)),
        (MetaKind::WorkflowEventDef, []) => definitions
            .workflow_event_def(&tenant, &name)
            .is_some_and(|known| pb::WorkflowEventDef::decode(value).is_ok_and(|it| *known == it)),
        (MetaKind::StructDef, [version]) => {
            let known = definitions.struct_def(&tenant, &name, *version);
            known.is_some_and(|known| pb::StructDef::decode(value).is_ok_and(|it| *known == it))
        }
        (MetaKind::UserTaskDef, [version]) => definitions
            .user_task_def(&tenant, &name, Some(*version))
            .is_some_and(|known| pb::UserTaskDef::decode(value).is_ok_and(|it| *known == it)),
        (MetaKind::WfSpec, [major, revision]) => {
            let known = definitions.wf_spec(&tenant, &name, Some(*major), Some(*revision));
            known.is_some_and(|known| pb::WfSpec::decode(value).is_ok_and(|it| known.wf_spec == it))
        }
        (MetaKind::TaskDef | MetaKind::StructDef | MetaKind::UserTaskDef | MetaKind::WfSpec, _) => false,
        _ => true,
    }
}

/// A meta key in words.
pub fn readable_meta(meta_key: &[u8]) -> String {
    match parse_meta(meta_key) {
        Some((kind, tenant, name, _)) => format!("{kind:?} {name} of tenant {tenant}"),
        None => format!("metadata entry {meta_key:02x?}"),
    }
}

fn parse_meta(meta_key: &[u8]) -> Option<(MetaKind, String, String, &[u8])> {
    let (kind, rest) = meta_key.split_first()?;
    let (tenant, rest) = key::take_text(rest)?;
    let (name, numbers) = key::take_text(rest)?;
    Some((MetaKind::from_byte(*kind)?, tenant, name, numbers))
}
