//! Wake-ups: one queue for all shards of a server. A run is woken when the clock says so, never earlier (03, 04 section 7).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use lh_machine::{
    Arm, Command,
    internal::{TimerDue, command},
    key,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

use crate::{
    effects::shards::Shards,
    ports::{Clock, Failure},
};

/// Wake-ups that are proposed before the next look at the clock: many sleepers wake in batches, and other work gets in
/// between.
const DUE_PER_TURN: usize = 1_000;

/// The longest sleep: the wall clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long a wake-up waits that its shard could not take.
const RETRY_MS: i64 = 500;

/// The armed wake-ups of this server.
pub struct Timers {
    clock: Arc<dyn Clock>,
    shards: Arc<Shards>,
    queue: Mutex<Queue>,
    /// An earlier deadline than all others was armed.
    earlier: Notify,
}

/// Armed wake-ups and the shards that armed them, by the key that the store has for them: it begins with the deadline, is
/// compact (there may be millions), and says exactly which wake-up is to be forgotten.
#[derive(Default)]
struct Queue {
    entries: BTreeMap<Vec<u8>, u32>,
}

/// A wake-up that was taken out of the queue.
struct Due {
    shard: u32,
    arm: Arm,
}

impl Timers {
    /// No wake-ups yet.
    pub fn new(clock: Arc<dyn Clock>, shards: Arc<Shards>) -> Self {
        Self { clock, shards, queue: Mutex::default(), earlier: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Arms or forgets wake-ups of a shard, in this order. One that comes although nobody waits for it is harmless.
    pub fn arm(&self, shard: u32, arms: Vec<Arm>) {
        let mut queue = self.lock();
        let first_before = queue.next_due();
        for arm in arms {
            let key = key::wake(arm.due_ms, &arm.tenant, &arm.wf_run_id);
            if arm.is_wanted {
                queue.entries.insert(key, shard);
            } else {
                queue.entries.remove(&key);
            }
        }
        let is_earlier = match (queue.next_due(), first_before) {
            (Some(now), Some(before)) => now < before,
            (now, None) => now.is_some(),
            (None, Some(_)) => false,
        };
        drop(queue);
        if is_earlier {
            self.earlier.notify_one();
        }
    }

    /// Wakes runs for ever; ends with its task.
    pub async fn run(self: Arc<Self>) {
        self.shards.connected().await;
        loop {
            let due = self.lock().take_due(self.clock.wall_ms(), DUE_PER_TURN);
            if due.is_empty() {
                self.rest().await;
            } else {
                self.clone().wake(due);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sleeps until the earliest deadline or until an earlier one is armed.
    async fn rest(&self) {
        let wait = match self.lock().next_due() {
            // A deadline less than a millisecond away is one clock tick away.
            Some(due_ms) => Duration::from_millis(due_ms.saturating_sub(self.clock.wall_ms()).max(1) as u64),
            None => LONGEST_SLEEP,
        };
        // Either outcome leads to another look at the queue.
        let _ = timeout(wait.min(LONGEST_SLEEP), self.earlier.notified()).await;
    }

    /// Proposes `TimerDue` for each; what a shard cannot take now comes again later.
    fn wake(self: Arc<Self>, due: Vec<Due>) {
        let mut proposed = Vec::with_capacity(due.len());
        for entry in due {
            let timer_due = TimerDue { wf_run_id: Some(entry.arm.wf_run_id.clone()), due_ms: entry.arm.due_ms };
            let command = Command { tenant: entry.arm.tenant.clone(), kind: Some(command::Kind::TimerDue(timer_due)) };
            proposed.push((self.shards.propose(entry.shard, command), entry));
        }
        tokio::spawn(async move {
            for (answered, entry) in proposed {
                if must_repeat(answered).await {
                    self.clone().arm_later(entry);
                }
            }
        });
    }

    /// The wake-up keeps its deadline; only our next attempt is later.
    fn arm_later(self: Arc<Self>, entry: Due) {
        tokio::spawn(async move {
            sleep(Duration::from_millis(RETRY_MS as u64)).await;
            self.arm(entry.shard, vec![entry.arm]);
        });
    }
}

/// True if the shard did not execute it but may later. A closed answer means that the shard stopped: at its next start it
/// arms its wake-ups itself.
async fn must_repeat(answered: oneshot::Receiver<Result<lh_machine::Reply, Failure>>) -> bool {
    matches!(answered.await, Ok(Err(Failure::Unavailable(_) | Failure::Exhausted(_))))
}

impl Queue {
    fn next_due(&self) -> Option<i64> {
        self.entries.first_key_value().and_then(|(key, _)| key::wake_due_ms(key))
    }

    /// Takes at most `limit` wake-ups with `due <= now`, earliest first.
    fn take_due(&mut self, now_ms: i64, limit: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < limit && self.next_due().is_some_and(|due_ms| due_ms <= now_ms) {
            let Some((key, shard)) = self.entries.pop_first() else { break };
            let Some((due_ms, tenant, wf_run_id)) = key::parse_wake(&key) else {
                debug_assert!(false, "a wake-up key that cannot be read");
                continue;
            };
            due.push(Due { shard, arm: Arm { due_ms, tenant, wf_run_id, is_wanted: true } });
        }
        due
    }
}

#[cfg(test)]
#[path = "tests/timers.rs"]
mod tests;
