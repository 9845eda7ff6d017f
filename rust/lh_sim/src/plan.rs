//! What one seed is: sizes, rates and faults, each seed with its own subset of them.

use lh_core::shard::log::LogConfig;

use crate::{devices::crew::Delays, random::Random};

/// The cluster of all runs.
pub const CLUSTER: [u8; 16] = *b"simulated server";

/// A run as its seed wants it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Run shards of the server.
    pub run_shards: u32,
    /// WfSpecs that are defined, one after the other.
    pub specs: u64,
    /// TaskDefs that they use.
    pub task_defs: u64,
    /// WfRuns that clients start.
    pub runs: u64,
    /// Workers at any time.
    pub workers: u64,
    /// Time between two starts, in ms.
    pub start_every_ms: u64,
    /// Deadline of a call, in ms.
    pub deadline_ms: u64,
    /// How many of 100 clients try again after an answer that says nothing.
    pub patient_percent: u64,
    /// How many of 100 deliveries are not treated as they should be.
    pub odd_percent: u64,
    /// Mean time between two events from outside, in ms.
    pub event_every_ms: u64,
    /// Mean time between two interventions of operators, in ms; `None` = they let the runs alone.
    pub meddle_ms: Option<u64>,
    /// How many of 100 runs have somebody who awaits their WorkflowEvents.
    pub heard_percent: u64,
    /// Delays of the chores.
    pub delays: Delays,
    /// Bytes of runs in memory.
    pub memory_bytes: usize,
    /// Sizes of the log.
    pub log: LogConfig,
    /// Mean life of a process, in ms; `None` = no crash by time.
    pub life_ms: Option<u64>,
    /// How many of 100 processes end in the middle of an operation of disk or store.
    pub torn_percent: u64,
    /// How many of 100 processes meet an input/output error.
    pub error_percent: u64,
    /// Mean time between two full disks, in ms.
    pub full_ms: Option<u64>,
    /// Mean time between two changes of the wall clock, in ms.
    pub jump_ms: Option<u64>,
    /// How many of 100 crashes are followed by a look at what a flipped bit would do.
    pub rot_percent: u64,
    /// How long faults happen, in ms.
    pub faults_ms: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(random: &mut Random) -> Self {
        // Larger than any batch of so few clients.
        let segment_bytes = *random.pick(&[64_u64, 96, 192]) << 10;
        let faults_ms = random.within(15_000..45_000);
        let runs = random.within(10..40);
        let sometimes = |random: &mut Random, percent: u64, range: std::ops::Range<u64>| {
            random.chance(percent).then(|| random.within(range))
        };
        Self {
            run_shards: random.within(1..4) as u32,
            specs: random.within(2..6),
            task_defs: random.within(1..4),
            runs,
            workers: random.within(1..6),
            start_every_ms: faults_ms * 2 / 3 / runs,
            deadline_ms: *random.pick(&[20, 200, 2_000]),
            patient_percent: *random.pick(&[50, 90, 100]),
            odd_percent: *random.pick(&[5, 20, 40]),
            event_every_ms: random.within(150..1_500),
            meddle_ms: sometimes(random, 70, 200..3_000),
            heard_percent: *random.pick(&[0, 30, 60]),
            delays: Delays {
                log_ms: *random.pick(&[1, 4, 12]),
                store_ms: *random.pick(&[1, 8, 60]),
                slow_percent: *random.pick(&[0, 1, 3]),
            },
            memory_bytes: *random.pick(&[1 << 30, 40 << 10, 4 << 10]),
            log: LogConfig { cluster: CLUSTER, segment_bytes, persist_bytes: segment_bytes * random.within(1..3) },
            life_ms: sometimes(random, 85, 2_000..15_000),
            torn_percent: *random.pick(&[0, 40, 80]),
            error_percent: *random.pick(&[0, 0, 30, 60]),
            full_ms: sometimes(random, 25, 4_000..20_000),
            jump_ms: sometimes(random, 40, 2_000..10_000),
            rot_percent: *random.pick(&[0, 30]),
            faults_ms,
        }
    }
}
