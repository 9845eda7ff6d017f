//! Where the engine says that it failed beyond repair, and where the process that owns it listens.

use std::{
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

/// The first failure of an engine; later ones are consequences.
#[derive(Debug, Default)]
pub struct FailureSlot {
    reason: Mutex<Option<String>>,
    changed: Condvar,
}

impl FailureSlot {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.reason.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Says why the engine failed. Only the first report counts.
    pub fn report(&self, reason: String) {
        self.lock().get_or_insert(reason);
        self.changed.notify_all();
    }

    /// Waits up to `timeout` for a failure and returns why; `None` = none so far.
    pub fn wait(&self, timeout: Duration) -> Option<String> {
        let guard = self.lock();
        match self.changed.wait_timeout_while(guard, timeout, |reason| reason.is_none()) {
            Ok((reason, _)) => reason.clone(),
            Err(poisoned) => poisoned.into_inner().0.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_first_failure_wakes_the_waiter() {
        let slot = Arc::new(FailureSlot::default());
        assert_eq!(slot.wait(Duration::ZERO), None);
        let waiter = std::thread::spawn({
            let slot = slot.clone();
            move || slot.wait(Duration::from_secs(60))
        });
        slot.report("fsync failed".to_owned());
        slot.report("everything else".to_owned());
        assert_eq!(waiter.join().ok().flatten().as_deref(), Some("fsync failed"));
    }
}
