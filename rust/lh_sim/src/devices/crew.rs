//! Chores without threads: a ring makes a turn an event of the run, some time later.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lh_core::ports::{Bell, Chore, Crew, Next};

use super::power::Power;
use crate::random::{Random, Shared};

/// How long chores take to begin their turn.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Usual delay of the log, in ms: how long a sync takes.
    pub log_ms: u64,
    /// Usual delay of reads and writes of the store, in ms.
    pub store_ms: u64,
    /// How many of 100 turns take a hundred times as long.
    pub slow_percent: u64,
}

/// The crew of one process.
pub struct SimulatedCrew {
    power: Arc<Power>,
    delays: Delays,
    random: Arc<Shared>,
    failure: Arc<dyn Fn(String) + Send + Sync>,
    /// Called when somebody blocks for a chore that could not do its work: space must come back, or he waits for ever.
    relieve: Arc<dyn Fn() + Send + Sync>,
}

impl SimulatedCrew {
    /// A crew that works while the power is on. `failure` hears of chores that panic.
    pub fn new(
        power: Arc<Power>,
        delays: Delays,
        random: Random,
        failure: Arc<dyn Fn(String) + Send + Sync>,
        relieve: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self { power, delays, random: Arc::new(Shared::new(random)), failure, relieve }
    }
}

impl Crew for SimulatedCrew {
    fn start(&self, name: String, chore: Box<dyn Chore>) -> io::Result<Arc<dyn Bell>> {
        let usual_ms = if name.starts_with("log") { self.delays.log_ms } else { self.delays.store_ms };
        let worker = Arc::new(Worker {
            name,
            chore: Mutex::new(Some(chore)),
            is_due: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            power: self.power.clone(),
            usual_ms,
            slow_percent: self.delays.slow_percent,
            random: self.random.clone(),
            failure: self.failure.clone(),
            relieve: self.relieve.clone(),
        });
        worker.clone().rung();
        Ok(Arc::new(SimulatedBell(worker)))
    }
}

/// Who does one chore.
struct Worker {
    name: String,
    /// `None` once it has ended.
    chore: Mutex<Option<Box<dyn Chore>>>,
    /// A turn is on its way.
    is_due: AtomicBool,
    turns: AtomicU64,
    power: Arc<Power>,
    usual_ms: u64,
    slow_percent: u64,
    random: Arc<Shared>,
    failure: Arc<dyn Fn(String) + Send + Sync>,
    relieve: Arc<dyn Fn() + Send + Sync>,
}

impl Worker {
    fn rung(self: Arc<Self>) {
        if self.power.is_off() || self.is_due.swap(true, Ordering::SeqCst) {
            return;
        }
        let delay_ms = self.random.draw(|random| {
            let usual = random.within(0..self.usual_ms.max(1) * 2);
            if random.chance(self.slow_percent) { usual * 100 } else { usual }
        });
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            self.is_due.store(false, Ordering::SeqCst);
            self.turn();
        });
    }

    /// One turn, here and now.
    fn turn(self: &Arc<Self>) {
        let mut place = self.chore.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(chore) = place.as_mut() else { return };
        if self.power.is_off() {
            *place = None;
            return;
        }
        let count = self.turns.fetch_add(1, Ordering::SeqCst) + 1;
        match catch_unwind(AssertUnwindSafe(|| chore.turn())) {
            Ok(Next::Ring) => {}
            Ok(Next::RingOrAfter(time)) => self.later(count, time),
            Ok(Next::End) => *place = None,
            Err(panic) => {
                *place = None;
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                (self.failure)(format!("{} has panicked: {text}", self.name));
            }
        }
    }

    /// Another turn after this time, unless there was one until then.
    fn later(self: &Arc<Self>, count: u64, time: Duration) {
        let worker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if worker.turns.load(Ordering::SeqCst) == count {
                worker.turn();
            }
        });
    }

    fn has_ended(&self) -> bool {
        self.chore.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

struct SimulatedBell(Arc<Worker>);

impl Bell for SimulatedBell {
    fn ring(&self) {
        self.0.clone().rung();
    }

    fn ring_and_wait(&self) {
        (self.0.relieve)();
        self.0.turn();
    }

    fn join(&self) -> bool {
        // The queue is closed, so that a few turns bring the end.
        while !self.0.has_ended() && !self.0.power.is_off() {
            self.0.turn();
        }
        true
    }
}
