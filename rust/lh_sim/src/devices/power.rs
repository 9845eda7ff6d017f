//! The life of one server process: counts what it does to disk and stores, and ends it at any of these operations.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::limit::Limit;

/// What happens to an operation of disk or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails with an input/output error; nobody knows what was written.
    Fails,
    /// The process ends during it.
    Ends,
}

/// Which operations do not go well; counted from 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mishaps {
    /// The process ends during this one.
    pub end_at: Option<u64>,
    /// This one fails with EIO.
    pub fail_at: Option<u64>,
}

/// Alive until it is ended.
#[derive(Debug, Default)]
pub struct Power {
    off: AtomicBool,
    failed: AtomicBool,
    changed: Notify,
    state: Mutex<(u64, Mishaps)>,
    limit: Arc<Limit>,
}

impl Power {
    /// A process that meets these mishaps; everything it does counts.
    pub fn new(mishaps: Mishaps, limit: Arc<Limit>) -> Self {
        Self { limit, state: Mutex::new((0, mishaps)), ..Self::default() }
    }

    /// Ends the process.
    pub fn switch_off(&self) {
        self.off.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// True once it has ended.
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    /// True once an operation has failed: the process may give up then.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Waits until it has ended; one may wait.
    pub async fn went_off(&self) {
        while !self.is_off() {
            self.changed.notified().await;
        }
    }

    /// No mishaps from now on.
    pub fn calm(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = Mishaps::default();
    }

    /// Counts an operation and tells what becomes of it.
    pub fn operation(&self) -> Fate {
        if self.is_off() {
            return Fate::Ends;
        }
        self.limit.step();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        let (count, mishaps) = *state;
        drop(state);
        if mishaps.end_at == Some(count) {
            self.switch_off();
            return Fate::Ends;
        }
        if mishaps.fail_at == Some(count) {
            self.failed.store(true, Ordering::SeqCst);
            return Fate::Fails;
        }
        Fate::Done
    }
}

impl Fate {
    /// The error of an operation that was not done.
    ///
    /// # Errors
    /// EIO, or that the process has ended, which nobody is left to read.
    pub fn result(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Fails => Err(io::Error::other("simulated input/output error")),
            Self::Ends => Err(io::Error::other("the process has ended")),
        }
    }
}
