//! Messages between shards: in order per target, one at a time, until the target has applied them (design: outbox).
//!
//! The target recognises repeated messages by source and sequence, so a repetition after a restart is harmless. What was
//! applied is acknowledged to the source by a command, which then forgets it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use lh_machine::{
    Command, Outgoing,
    internal::{OutboxAcknowledged, command},
};
use tokio::{sync::Notify, time::sleep};

use crate::{effects::shards::Shards, ports::Failure};

/// First pause before a message is sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Source and target of messages.
type Pair = (u32, u32);

/// Undelivered messages of all shards of this server.
pub struct Outbox {
    shards: Arc<Shards>,
    failed: Arc<dyn Fn(String) + Send + Sync>,
    lanes: Mutex<BTreeMap<Pair, Lane>>,
    /// A message was delivered.
    delivered: Notify,
}

#[derive(Default)]
struct Lane {
    /// Oldest first; the first one is being delivered.
    waiting: VecDeque<Outgoing>,
    /// A task delivers this lane.
    is_running: bool,
}

impl Outbox {
    /// An empty outbox; `failed` hears why a message can never be delivered.
    pub fn new(shards: Arc<Shards>, failed: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        Self { shards, failed, lanes: Mutex::default(), delivered: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Pair, Lane>> {
        self.lanes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Queues messages of shard `source`; delivery begins at once, or when the shards are connected. Must be called within
    /// the runtime.
    pub fn send(self: &Arc<Self>, source: u32, messages: Vec<Outgoing>) {
        let mut lanes = self.lock();
        for message in messages {
            let pair = (source, message.target_shard);
            let lane = lanes.entry(pair).or_default();
            lane.waiting.push_back(message);
            if !lane.is_running {
                lane.is_running = true;
                tokio::spawn(self.clone().deliver(pair));
            }
        }
    }

    /// Waits until every target has applied all messages of `source` up to `sequence`.
    pub async fn delivered(&self, source: u32, sequence: u64) {
        loop {
            let progress = self.delivered.notified();
            let is_pending = self
                .lock()
                .range((source, 0)..=(source, u32::MAX))
                .any(|(_, lane)| lane.waiting.front().is_some_and(|message| message.sequence <= sequence));
            if !is_pending {
                return;
            }
            progress.await;
        }
    }

    /// Delivers a lane until it is empty.
    async fn deliver(self: Arc<Self>, pair: Pair) {
        self.shards.connected().await;
        while let Some(message) = self.next(pair) {
            let sequence = message.sequence;
            if !self.until_applied(pair.1, message.command).await {
                return;
            }
            if let Some(lane) = self.lock().get_mut(&pair) {
                lane.waiting.pop_front();
            }
            self.delivered.notify_waiters();
            let acknowledged = OutboxAcknowledged { target_shard: pair.1, sequence };
            let kind = Some(command::Kind::OutboxAcknowledged(acknowledged));
            if !self.until_applied(pair.0, Command { tenant: String::new(), kind }).await {
                return;
            }
        }
    }

    /// The message to deliver now; `None` ends the lane's task.
    fn next(&self, pair: Pair) -> Option<Outgoing> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(&pair)?;
        lane.is_running = !lane.waiting.is_empty();
        lane.waiting.front().cloned()
    }

    /// Proposes until the shard has applied it. False: it never will (the shard stopped, or refuses the message, which is
    /// our bug and stops the server loudly).
    async fn until_applied(&self, shard: u32, command: Command) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.shards.propose(shard, command.clone()).await {
                Ok(Ok(_)) => return true,
                Ok(Err(Failure::Unavailable(_) | Failure::Exhausted(_))) => {}
                Ok(Err(refusal)) => {
                    (self.failed)(format!("shard {shard} refuses a message of another shard: {refusal}"));
                    return false;
                }
                // The shard stopped; the source keeps the message and sends it again after a restart.
                Err(_) => return false,
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
#[path = "tests/outbox.rs"]
mod tests;
