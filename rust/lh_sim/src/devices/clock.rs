//! Simulated time: the paused clock of the runtime, and a wall clock that somebody may set.

use std::sync::atomic::{AtomicI64, Ordering};

use lh_core::ports::Clock;
use tokio::time::Instant;

/// Wall time when a run begins, in ms since the epoch.
const BEGIN_MS: i64 = 1_750_000_000_000;

/// Clocks of all processes of a run.
#[derive(Debug)]
pub struct SimulatedClock {
    start: Instant,
    offset_ms: AtomicI64,
    latest_ms: AtomicI64,
}

impl SimulatedClock {
    /// A clock that starts now. Must be called within a runtime whose time is paused.
    pub fn new() -> Self {
        Self { start: Instant::now(), offset_ms: AtomicI64::new(0), latest_ms: AtomicI64::new(BEGIN_MS) }
    }

    /// Somebody sets the wall clock by this much.
    pub fn jump(&self, by_ms: i64) {
        self.wall_ms();
        self.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Simulated time since the begin, in ms.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The latest time that the wall clock has ever shown, in ms since the epoch.
    pub fn latest_wall_ms(&self) -> i64 {
        self.wall_ms();
        self.latest_ms.load(Ordering::SeqCst)
    }
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimulatedClock {
    fn wall_ms(&self) -> i64 {
        let now = BEGIN_MS + self.elapsed_ms() as i64 + self.offset_ms.load(Ordering::SeqCst);
        self.latest_ms.fetch_max(now, Ordering::SeqCst);
        now
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
