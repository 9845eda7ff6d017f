//! How much may happen in a run: a server that works on and on would otherwise fill the memory, in no simulated time.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Lines of the history and operations of disk and stores together; many times what the longest run needs.
const MOST_STEPS: u64 = 50_000;

/// Counts what happens in a run.
#[derive(Debug, Default)]
pub struct Limit {
    steps: AtomicU64,
    reached: Notify,
}

impl Limit {
    /// Something has happened.
    pub fn step(&self) {
        if self.steps.fetch_add(1, Ordering::SeqCst) + 1 == MOST_STEPS {
            self.reached.notify_one();
        }
    }

    /// What has happened so far.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// Waits until too much has happened; one may wait.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }
}
