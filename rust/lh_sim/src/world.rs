//! What everybody in a run shares: the history, the clock, and the server that answers at the moment.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    devices::clock::SimulatedClock,
    history::{Event, Line, to_json},
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
    /// Ids of runs that somebody tried to start.
    pub runs: Mutex<Vec<String>>,
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
            runs: Mutex::default(),
        }
    }

    /// Writes a line of the history; returns how many there are now.
    pub fn note(&self, event: Event) -> usize {
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
        lock(&self.runs).push(run.to_owned());
    }

    /// Runs that somebody tried to start.
    pub fn attempted(&self) -> Vec<String> {
        lock(&self.runs).clone()
    }
}
