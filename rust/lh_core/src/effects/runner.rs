//! Performs the effects of a batch. The shard calls in the order of the fields of `lh_machine::Effects`.

use std::sync::Arc;

use lh_machine::{Arm, Dispatch, Outgoing, Thrown};

use crate::{
    effects::{event_waits::EventWaits, outbox::Outbox, shards::Shards, tasks::Dispatcher, timers::Timers},
    ports::{Clock, Effector},
};

/// The effects of one server: all its shards share them.
pub struct Runner {
    /// 1. Wake-ups.
    pub timers: Arc<Timers>,
    /// 2. and 3. Waiting polls.
    pub tasks: Arc<Dispatcher>,
    /// 4. Messages between shards.
    pub outbox: Arc<Outbox>,
    /// 5. Callers that wait for WorkflowEvents.
    pub event_waits: Arc<EventWaits>,
    /// The ways back.
    pub shards: Arc<Shards>,
}

impl Runner {
    /// Effects over this clock; `failed` is called with the reason if a message between shards can never be delivered.
    /// Waiting polls may take `poll_bytes` of memory.
    pub fn new(clock: Arc<dyn Clock>, failed: Arc<dyn Fn(String) + Send + Sync>, poll_bytes: usize) -> Self {
        let shards = Arc::new(Shards::default());
        Self {
            timers: Arc::new(Timers::new(clock, shards.clone())),
            tasks: Arc::new(Dispatcher::new(shards.clone(), poll_bytes)),
            outbox: Arc::new(Outbox::new(shards.clone(), failed)),
            event_waits: Arc::default(),
            shards,
        }
    }
}

impl Effector for Runner {
    fn arm(&self, shard: u32, timers: Vec<Arm>) {
        self.timers.arm(shard, timers);
    }

    fn dispatch(&self, shard: u32, tasks: Vec<Dispatch>) {
        self.tasks.deliver(shard, tasks);
    }

    fn return_polls(&self, polls: Vec<u64>) {
        self.tasks.give_back(polls);
    }

    fn send(&self, shard: u32, messages: Vec<Outgoing>) {
        self.outbox.send(shard, messages);
    }

    fn tell(&self, thrown: Vec<Thrown>) {
        self.event_waits.tell(thrown);
    }
}
