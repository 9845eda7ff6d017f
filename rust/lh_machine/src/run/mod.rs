//! A WfRun in memory, and how it advances: passes and steps over its ThreadRuns (spec 03 section 4).
//!
//! `record` = to and from the store · `scope` = what assignments see · `advance` = passes and steps ·
//! `start` = a ThreadRun begins · `finish` = a NodeRun or ThreadRun is done · `edge` = from one node to the next ·
//! `failure` = a NodeRun or ThreadRun fails · `family` = parent and child runs · `handler` = failure handlers ·
//! `halt` = halting and going on · `events` = events posted to the run and thrown by it · `interrupt` = threads halted by
//! an event · `room` = how many threads are active · `correlation` = NodeRuns that
//! wait for a correlation key · `watch` = runs that look at inherited variables · `deadline` = moments at which to look again · `task_at` = where TaskRuns
//! are kept.

pub mod advance;
pub mod correlation;
pub mod deadline;
pub mod edge;
pub mod events;
pub mod failure;
pub mod family;
pub mod finish;
pub mod halt;
pub mod handler;
pub mod interrupt;
pub mod record;
pub mod room;
pub mod scope;
pub mod start;
pub mod task_at;
pub mod watch;

use std::{collections::BTreeMap, sync::Arc};

pub use task_at::TaskAt;

use crate::{internal, key, pb, spec::Spec};

/// What the maps and lists of a run take beyond their values, and what it takes to be found.
const FIXED_BYTES: usize = 3_584;
/// The same for each value of a map.
const EACH_BYTES: usize = 128;

/// One WfRun with everything of it that is not in records of its own.
#[derive(Clone, Debug)]
pub struct Run {
    /// Key of its record.
    pub key: Vec<u8>,
    /// Tenant that owns it.
    pub tenant: Arc<str>,
    /// The definition it is bound to.
    pub spec: Arc<Spec>,
    /// The public record.
    pub wf_run: pb::WfRun,
    /// NodeRuns with their TaskRuns, by (thread, position); closed ones may have been spilled to records of their own.
    /// Boxed: a map keeps room for several values, and most runs have few.
    pub nodes: BTreeMap<(i32, i32), Box<internal::NodeRecord>>,
    /// Variables by (thread, name).
    pub variables: BTreeMap<(i32, String), pb::Variable>,
    /// ThreadRuns that completed and left the public record, by number.
    pub archived: BTreeMap<i32, pb::ThreadRun>,
    /// ThreadRuns that wait for room, by number.
    pub queued: BTreeMap<i32, internal::QueuedThread>,
    /// While a pass lasts: index of the next active ThreadRun to get a step.
    pub cursor: usize,
    /// What evaluation needs of each ThreadRun.
    pub threads: BTreeMap<i32, internal::ThreadState>,
    /// The runs right below this one, by id.
    pub children: family::Children,
    /// Events may have been posted ahead to ids below it.
    pub has_ahead: bool,
    /// Moments at which the run must be looked at again; few, unordered.
    pub deadlines: Vec<internal::Deadline>,
    /// The wake-up that is armed for this run; 0 = none.
    pub armed_ms: i64,
    /// When it last moved, in milliseconds since the epoch.
    pub moved_ms: i64,
    /// Suffix that makes task guids unique over all WfRuns (04/TW-76).
    pub guid_suffix: String,
    /// ExternalEvents posted to it and WorkflowEvents that it has thrown.
    pub events: events::Events,
    /// NodeRuns that the homes of their correlation keys know to be waiting, by place.
    pub registrations: BTreeMap<(i32, i32), pb::CorrelatedEventId>,
    /// What is known of a correlation key, if this is the record of one and of no run.
    pub correlation: Option<Box<internal::Correlation>>,
    /// Where the run stands towards the store.
    pub stored: Stored,
}

/// What the store holds of a run, and since when it has not been used.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Index keys of this run's record that are in the store (as of the last flush set taken).
    pub index: Vec<Vec<u8>>,
    /// Changed since the last flush set was taken.
    pub dirty: bool,
    /// Number of the flush set that last held this run.
    pub flush: u64,
    /// The wake-up entry of `armed_ms` is in the store (as of the last flush set taken).
    pub armed: bool,
    /// Counter value of the last use, for eviction.
    pub used: u64,
    /// Length of its record when it was encoded or read last, in bytes.
    pub record_bytes: usize,
    /// Rough size in memory, in bytes, as of then.
    pub bytes: usize,
}

impl Stored {
    /// Its run comes from the store and was not written since.
    pub fn was_read(&self) -> bool {
        self.record_bytes != 0 && self.flush == 0
    }
}

impl Run {
    /// The run's id.
    pub fn id(&self) -> pb::WfRunId {
        self.wf_run.id.clone().unwrap_or_default()
    }

    /// Rough size in memory, in bytes: a record takes many times its length once it is decoded.
    pub fn footprint(&self) -> usize {
        let threads = self.wf_run.thread_runs.len() * (size_of::<pb::ThreadRun>() + size_of::<internal::ThreadState>());
        let nodes = self.nodes.len() * (size_of::<internal::NodeRecord>() + EACH_BYTES);
        let variables = self.variables.len() * (size_of::<pb::Variable>() + EACH_BYTES);
        size_of::<Self>() + FIXED_BYTES + threads + nodes + variables + 2 * self.stored.record_bytes
    }

    /// How many objects it has, itself included: what encoding or dropping it costs, roughly.
    pub fn objects(&self) -> usize {
        let events = self.events.thrown().count();
        1 + self.wf_run.thread_runs.len() + self.nodes.len() + self.variables.len() + self.children.len() + events
    }

    /// True if this is only a record of events that were posted ahead to an id without WfRun (05/E-19).
    pub fn is_unborn(&self) -> bool {
        self.spec.uid == 0
    }

    /// Takes over what is known of the runs below.
    pub fn adopt(&mut self, children: family::Children) {
        self.has_ahead = family::has_ahead(&children);
        self.children = children;
    }

    /// True if nothing but a rescue can move it again (03/E-220).
    pub fn is_terminal(&self) -> bool {
        is_terminal(self.wf_run.status())
    }

    /// Index of an active ThreadRun in `thread_runs`; index and number differ once something was archived (03/E-201).
    pub fn thread_index(&self, number: i32) -> Option<usize> {
        let threads = &self.wf_run.thread_runs;
        // Until something is archived, number and index are the same.
        let direct = usize::try_from(number).ok().filter(|&at| threads.get(at).is_some_and(|it| it.number == number));
        direct.or_else(|| threads.iter().position(|thread| thread.number == number))
    }

    /// True if the NodeRun of this place has left the record of the run for one of its own.
    pub fn has_spilled(&self, place: (i32, i32)) -> bool {
        let visited =
            || self.thread(place.0).is_some_and(|thread| (0..=thread.current_node_position).contains(&place.1));
        !self.nodes.contains_key(&place) && visited()
    }

    /// Key of the record that the NodeRun of this place has once it is not in that of the run any more.
    pub fn node_key(&self, place: (i32, i32)) -> Vec<u8> {
        key::node(&self.tenant, &self.id(), place.0, place.1)
    }

    /// The ThreadRun of this number: active, archived or queued (03/E-922).
    pub fn thread(&self, number: i32) -> Option<&pb::ThreadRun> {
        match self.thread_index(number) {
            Some(index) => self.wf_run.thread_runs.get(index),
            None => {
                let queued = || self.queued.get(&number).and_then(|queued| queued.thread.as_ref());
                self.archived.get(&number).or_else(queued)
            }
        }
    }

    /// The ThreadRun of this number, to be changed: active or queued, for archived ones do not change.
    pub fn thread_mut(&mut self, number: i32) -> Option<&mut pb::ThreadRun> {
        match self.thread_index(number) {
            Some(index) => self.wf_run.thread_runs.get_mut(index),
            None => self.queued.get_mut(&number).and_then(|queued| queued.thread.as_mut()),
        }
    }

    /// Every ThreadRun that the run ever had and that is not queued, in no particular order.
    pub fn every_thread(&self) -> impl Iterator<Item = &pb::ThreadRun> {
        self.wf_run.thread_runs.iter().chain(self.archived.values())
    }

    /// True once a deletion has begun that takes several commands (03/E-943).
    pub fn is_being_deleted(&self) -> bool {
        self.deadlines.iter().any(|deadline| matches!(deadline.kind, Some(internal::deadline::Kind::Delete(_))))
    }

    /// Where the ThreadRun of this number stands.
    pub fn place_of(&self, number: i32) -> Option<(i32, i32)> {
        self.thread(number).map(|thread| (number, thread.current_node_position))
    }

    /// The NodeRun at a place.
    pub fn node_run(&self, place: (i32, i32)) -> Option<&pb::NodeRun> {
        self.nodes.get(&place)?.node_run.as_ref()
    }

    /// The NodeRun at a place, to be changed.
    pub fn node_run_mut(&mut self, place: (i32, i32)) -> Option<&mut pb::NodeRun> {
        self.nodes.get_mut(&place)?.node_run.as_mut()
    }

    /// The NodeRun that a ThreadRun stands on.
    pub fn current_node(&self, thread: &pb::ThreadRun) -> Option<&internal::NodeRecord> {
        self.nodes.get(&(thread.number, thread.current_node_position)).map(AsRef::as_ref)
    }
}

/// COMPLETED, ERROR and EXCEPTION.
pub fn is_terminal(status: pb::LhStatus) -> bool {
    matches!(status, pb::LhStatus::Completed | pb::LhStatus::Error | pb::LhStatus::Exception)
}

/// Milliseconds since the epoch as the contract's timestamp.
pub fn timestamp(ms: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: ms.div_euclid(1000), nanos: (ms.rem_euclid(1000) * 1_000_000) as i32 }
}

/// The contract's timestamp in milliseconds since the epoch; saturates.
pub fn milliseconds(timestamp: &prost_types::Timestamp) -> i64 {
    timestamp.seconds.saturating_mul(1000).saturating_add(i64::from(timestamp.nanos) / 1_000_000)
}

/// Suffix of task guids: a 64-bit FNV-1a digest of the run's ids, so that a guid alone names one TaskRun (04/TW-76).
pub fn guid_suffix(id: &pb::WfRunId) -> String {
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    for part in crate::key::path(id) {
        for byte in part.bytes().chain([b'_']) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{digest:016x}")
}
