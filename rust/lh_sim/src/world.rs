//! What everybody in a run shares: the history, the clock, and the server that answers at the moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    devices::clock::SimulatedClock,
    history::{Event, Line, RunView, to_json},
    limit::Limit,
    plan::Plan,
    server::Running,
};

/// Pause before somebody tries again to reach a server that is down.
const REACH_AGAIN: Duration = Duration::from_millis(40);

/// A run in progress.
pub struct World {
    /// What the seed wants.
    pub plan: Plan,
    /// Time.
    pub clock: Arc<SimulatedClock>,
    lines: Mutex<Vec<Line>>,
    /// Hash of all lines, with the simulated time of each.
    hash: Mutex<u64>,
    server: Mutex<Option<Arc<Running>>>,
    calls: AtomicU64,
    calm: AtomicBool,
    /// Told when faults end.
    pub calmed: Notify,
    /// How much has happened.
    pub limit: Arc<Limit>,
    done: AtomicBool,
    known: Mutex<Known>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(plan: Plan, clock: Arc<SimulatedClock>) -> Self {
        Self {
            plan,
            clock,
            lines: Mutex::default(),
            hash: Mutex::new(0xCBF2_9CE4_8422_2325),
            server: Mutex::default(),
            calls: AtomicU64::new(0),
            calm: AtomicBool::new(false),
            calmed: Notify::new(),
            limit: Arc::default(),
            done: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    /// Writes a line of the history; returns how many there are now.
    pub fn note(&self, event: Event) -> usize {
        self.limit.step();
        let line = Line { wall_ms: self.clock.latest_wall_ms(), event };
        self.mix(to_json(&line).as_bytes());
        self.mix(&self.clock.elapsed_ms().to_le_bytes());
        let mut lines = lock(&self.lines);
        lines.push(line);
        lines.len()
    }

    /// Adds something to the trace hash (FNV-1a).
    pub fn mix(&self, bytes: &[u8]) {
        let mut hash = lock(&self.hash);
        for byte in bytes {
            *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The trace hash so far.
    pub fn hash(&self) -> u64 {
        *lock(&self.hash)
    }

    /// Number of lines so far.
    pub fn length(&self) -> usize {
        lock(&self.lines).len()
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.lines).clone()
    }

    /// A number for a call.
    pub fn call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The server that answers now.
    pub fn server(&self) -> Option<Arc<Running>> {
        lock(&self.server).clone()
    }

    /// Another server answers from now on, or none.
    pub fn set_server(&self, server: Option<Arc<Running>>) {
        *lock(&self.server) = server;
    }

    /// Waits until a server answers.
    pub async fn reach(&self) -> Arc<Running> {
        loop {
            match self.server() {
                Some(server) => return server,
                None => tokio::time::sleep(REACH_AGAIN).await,
            }
        }
    }

    /// Faults end.
    pub fn set_calm(&self) {
        self.calm.store(true, Ordering::SeqCst);
        self.note(Event::Calm);
        self.calmed.notify_waiters();
    }

    /// True once there are no faults any more.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// Remembers that somebody tries to start this run.
    pub fn remember(&self, run: &str) {
        lock(&self.known).runs.push(run.to_owned());
    }

    /// Nobody tries to start this run any more.
    pub fn settle(&self, run: &str) {
        lock(&self.known).settled.insert(run.to_owned());
    }

    /// True if nobody will start this run, because somebody did or gave up, or because a node did.
    pub fn is_settled(&self, run: &str) -> bool {
        run.contains('_') || lock(&self.known).settled.contains(run)
    }

    /// Runs that somebody tried to start, and the children that were seen.
    pub fn attempted(&self) -> Vec<String> {
        lock(&self.known).runs.clone()
    }

    /// Remembers how a run was seen last, and its children.
    pub fn remember_view(&self, run: &str, view: Option<Arc<RunView>>) {
        let mut known = lock(&self.known);
        let children = view.iter().flat_map(|view| &view.nodes).filter_map(|node| node.child.as_ref());
        for child in children {
            if !known.runs.contains(child) {
                known.runs.push(child.clone());
            }
        }
        match view {
            Some(view) => known.views.insert(run.to_owned(), view),
            None => known.views.remove(run),
        };
    }

    /// How all runs were seen last that are there, by name.
    pub fn views(&self) -> Vec<(String, Arc<RunView>)> {
        lock(&self.known).views.iter().map(|(run, view)| (run.clone(), view.clone())).collect()
    }

    /// Runs of this WfSpec are deleted by themselves so long after their end.
    pub fn keep_for(&self, spec: &str, retention_ms: Option<i64>) {
        if let Some(retention_ms) = retention_ms {
            lock(&self.known).retention_ms.insert(spec.to_owned(), retention_ms);
        }
    }

    /// How long runs of this WfSpec are kept after their end; `None` = for ever.
    pub fn retention_ms(&self, spec: &str) -> Option<i64> {
        lock(&self.known).retention_ms.get(spec).copied()
    }

    /// Remembers that somebody put this CorrelatedEvent.
    pub fn remember_correlated(&self, id: &str) {
        lock(&self.known).correlated.insert(id.to_owned());
    }

    /// All CorrelatedEvents that somebody put, as `definition/key`.
    pub fn correlated(&self) -> Vec<String> {
        lock(&self.known).correlated.iter().cloned().collect()
    }

    /// Everything has ended: who waits for something waits no longer.
    pub fn set_done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// True once everything has ended.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// What the people of a run know of it.
#[derive(Default)]
struct Known {
    /// Runs that somebody tried to start, and the children that were seen.
    runs: Vec<String>,
    settled: BTreeSet<String>,
    views: BTreeMap<String, Arc<RunView>>,
    retention_ms: BTreeMap<String, i64>,
    correlated: BTreeSet<String>,
}
