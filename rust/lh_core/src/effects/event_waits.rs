//! Callers of `AwaitWorkflowEvent` wait here until the commands that throw their events are committed (05/E-64, E-68).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
};

use lh_machine::{Thrown, key, pb, read::events::is_awaited};
use tokio::sync::oneshot;

use crate::ports;

/// Waiting callers of this server. A caller costs an entry here and a suspended call, no thread.
#[derive(Default)]
pub struct EventWaits {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Waiting callers by the key of the run they wait for, and by number, hence in the order of arrival.
    runs: HashMap<Vec<u8>, BTreeMap<u64, Waiting>>,
    /// The run of each waiting caller.
    keys: HashMap<u64, Vec<u8>>,
    last_number: u64,
}

struct Waiting {
    request: pb::AwaitWorkflowEventRequest,
    answer: oneshot::Sender<pb::WorkflowEvent>,
}

impl EventWaits {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Answers those who wait for one of these events; each of them gets it.
    pub fn tell(&self, thrown: Vec<Thrown>) {
        let mut state = self.lock();
        for Thrown { tenant, event } in thrown {
            let Some(run) = event.id.as_ref().and_then(|id| id.wf_run_id.as_ref()) else { continue };
            let key = key::run(&tenant, run);
            let Some(waiting) = state.runs.get_mut(&key) else { continue };
            let answered: Vec<(u64, Waiting)> =
                waiting.extract_if(.., |_, waiting| is_awaited(&waiting.request, &event)).collect();
            if waiting.is_empty() {
                state.runs.remove(&key);
            }
            for (number, waiting) in answered {
                state.keys.remove(&number);
                // The caller may be gone.
                let _ = waiting.answer.send(event.clone());
            }
        }
    }

    /// Number of waiting callers.
    pub fn waiting(&self) -> usize {
        self.lock().keys.len()
    }
}

impl ports::EventWaits for EventWaits {
    fn wait(
        &self,
        tenant: &str,
        request: pb::AwaitWorkflowEventRequest,
    ) -> (u64, oneshot::Receiver<pb::WorkflowEvent>) {
        let (answer, answered) = oneshot::channel();
        let key = key::run(tenant, &request.wf_run_id.clone().unwrap_or_default());
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        state.keys.insert(number, key.clone());
        state.runs.entry(key).or_default().insert(number, Waiting { request, answer });
        (number, answered)
    }

    fn withdraw(&self, number: u64) {
        let mut state = self.lock();
        let Some(key) = state.keys.remove(&number) else { return };
        let Some(waiting) = state.runs.get_mut(&key) else { return };
        waiting.remove(&number);
        if waiting.is_empty() {
            state.runs.remove(&key);
        }
    }

    fn cut_all(&self) {
        let mut state = self.lock();
        state.runs.clear();
        state.keys.clear();
    }
}

#[cfg(test)]
#[path = "tests/event_waits.rs"]
mod tests;
