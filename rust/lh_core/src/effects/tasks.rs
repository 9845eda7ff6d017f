//! The dispatcher: polls wait here, first come first served, until a shard claims a task for them (04/TW-21).
//!
//! ```text
//!   poll ──► waiting ──take──► reserved ──deliver──► the stream
//!               ▲                  │ give_back: the claim found nothing, back to its old place
//!               └──────────────────┘        (a poll whose stream is gone: its claim is undone, TW-23)
//! ```
//!
//! A claim that takes too long (the shard cannot write) cuts the stream, so that its worker looks elsewhere (TW-25).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use lh_machine::{
    Command, Dispatch,
    internal::{ClaimTask, UnclaimTask, command},
    pb,
};
use prost::Message;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep},
};

use crate::{
    effects::shards::Shards,
    front::{
        doors::{Delivery, Polls},
        limits,
    },
    ports::{ClaimSource, Failure, ShardMessage},
};

/// Waiting polls of all streams of this server.
pub struct Dispatcher {
    shards: Arc<Shards>,
    state: Mutex<State>,
    /// Waiting polls over all queues, readable without the lock.
    waiting: AtomicUsize,
    /// What unanswered polls may take, in bytes.
    poll_bytes_max: usize,
}

#[derive(Default)]
struct State {
    /// Waiting polls by tenant and TaskDef. The order of the numbers is the order of arrival (TW-21), so that a poll that
    /// is given back finds its old place.
    queues: HashMap<Arc<str>, HashMap<Arc<str>, Queue>>,
    /// Polls that a claim names, by number.
    reserved: HashMap<u64, Reserved>,
    streams: HashMap<u64, Stream>,
    last_number: u64,
    /// What unanswered polls take.
    poll_bytes: usize,
    /// Why streams are cut since shutdown began.
    cut: Option<String>,
}

/// Waiting polls of one TaskDef by number, hence by arrival.
type Queue = BTreeMap<u64, Poll>;

/// One unanswered request of a stream.
struct Poll {
    stream: u64,
    client_id: String,
    task_worker_version: Option<String>,
    /// What it takes in memory.
    bytes: usize,
}

struct Reserved {
    poll: Poll,
    since: Instant,
    /// Kept here too, because the stream may be gone when the claim comes back.
    tenant: Arc<str>,
    task_def: Arc<str>,
}

struct Stream {
    tenant: Arc<str>,
    deliveries: UnboundedSender<Delivery>,
    /// Its waiting polls with their TaskDefs: what to withdraw.
    waiting: BTreeMap<u64, Arc<str>>,
    /// Those of them that are in no queue, because the stream does not read what it got.
    parked: BTreeMap<u64, Reserved>,
    /// Its polls that claims name.
    reserved: usize,
    /// Sizes of the tasks that were delivered and that it has not taken yet, in order.
    unread: VecDeque<usize>,
    unread_bytes: usize,
    /// Size of the latest task, for an estimate of those that claims name.
    task_bytes: usize,
    half_closed: bool,
}

impl Dispatcher {
    /// A dispatcher without polls, which may take `poll_bytes_max` of memory.
    pub fn new(shards: Arc<Shards>, poll_bytes_max: usize) -> Self {
        Self { shards, state: Mutex::default(), waiting: AtomicUsize::new(0), poll_bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; and a dispatcher that refuses to work helps nobody.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes claimed tasks to the streams of their polls; undoes the claims of polls whose stream is gone (TW-23).
    pub fn deliver(&self, shard: u32, tasks: Vec<Dispatch>) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        for Dispatch { poll_id, task } in tasks {
            let Some(reserved) = state.reserved.remove(&poll_id) else {
                debug_assert!(false, "a claim named poll {poll_id}, which is not reserved");
                continue;
            };
            let task = Box::new(task);
            state.poll_bytes -= reserved.poll.bytes;
            match state.streams.get_mut(&reserved.poll.stream) {
                Some(stream) => {
                    stream.reserved -= 1;
                    stream.note_unread(task.encoded_len());
                    // The stream exists as long as its receiver does: a send cannot fail.
                    let _ = stream.deliveries.send(Delivery::Task { shard, task });
                    stream.finish_if_idle();
                }
                None => gone.push((reserved.tenant, task)),
            }
        }
        drop(state);
        for (tenant, task) in gone {
            self.undo_claim(shard, &tenant, *task);
        }
    }

    /// Looks for claims that take too long, for ever; ends with its task.
    pub async fn watch(self: Arc<Self>) {
        loop {
            sleep(limits::CLAIM_RECHECK).await;
            self.cut_overdue();
        }
    }

    /// Cuts the streams whose claims are not settled within the limit (TW-25). Such a claim may still be executed: then it
    /// is undone, because its stream is gone.
    fn cut_overdue(&self) {
        let mut state = self.lock();
        let overdue = |reserved: &Reserved| reserved.since.elapsed() >= limits::CLAIM_DEADLINE;
        let streams: BTreeSet<u64> =
            state.reserved.values().filter(|reserved| overdue(reserved)).map(|reserved| reserved.poll.stream).collect();
        for number in streams {
            let withdrawn = state.withdraw(number);
            self.waiting.fetch_sub(withdrawn, Ordering::Relaxed);
            if let Some(stream) = state.streams.get(&number) {
                let failure = Failure::Unavailable("Task claim could not be processed in time".to_owned());
                // The stream exists as long as its receiver does: a send cannot fail.
                let _ = stream.deliveries.send(Delivery::Cut(failure));
            }
        }
    }

    /// Puts polls back at their old place: their claim found nothing. All shards hear of it, because one that had a task
    /// meanwhile did not see these polls.
    pub fn give_back(&self, polls: Vec<u64>) {
        let mut waiting = Vec::new();
        let mut state = self.lock();
        for number in polls {
            let Some(reserved) = state.reserved.remove(&number) else { continue };
            let bytes = reserved.poll.bytes;
            let stream = state.streams.get_mut(&reserved.poll.stream).filter(|stream| {
                // The client of a half-closed one waits for claims in progress only (TW-34f).
                !stream.half_closed
            });
            let Some(stream) = stream else {
                state.poll_bytes -= bytes;
                if let Some(stream) = state.streams.get_mut(&reserved.poll.stream) {
                    stream.reserved -= 1;
                    stream.finish_if_idle();
                }
                continue;
            };
            stream.reserved -= 1;
            let unparked = stream.unpark();
            waiting.extend(self.wait_again(&mut state, unparked.into_iter().chain([(number, reserved)])));
        }
        drop(state);
        self.announce_all(waiting);
    }

    /// Puts polls back at their places; returns the queues that have them now.
    fn wait_again(
        &self,
        state: &mut State,
        polls: impl IntoIterator<Item = (u64, Reserved)>,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let mut queues = Vec::new();
        for (number, reserved) in polls {
            queues.push((reserved.tenant.clone(), reserved.task_def.clone()));
            state.insert(number, reserved);
        }
        self.waiting.fetch_add(queues.len(), Ordering::Relaxed);
        queues
    }

    fn announce_all(&self, mut waiting: Vec<(Arc<str>, Arc<str>)>) {
        waiting.dedup();
        for (tenant, task_def) in waiting {
            self.announce(&tenant, &task_def);
        }
    }

    /// Tells every run shard that a poll waits; one with a task in that queue claims for it.
    fn announce(&self, tenant: &str, task_def: &str) {
        for shard in self.shards.run() {
            // A stopped shard has no tasks to give.
            let _ = shard.inbox.send(ShardMessage::PollWaits { tenant: tenant.into(), task_def: task_def.into() });
        }
    }

    fn undo_claim(&self, shard: u32, tenant: &str, task: pb::ScheduledTask) {
        let unclaim = UnclaimTask { task_run_id: task.task_run_id, attempt_number: task.attempt_number };
        let command = Command { tenant: tenant.to_owned(), kind: Some(command::Kind::UnclaimTask(unclaim)) };
        // If the shard has stopped, the attempt stays claimed and times out (TW-23): the promise is at most once.
        self.shards.send(shard, ShardMessage::Propose { command: Box::new(command), answer: None });
    }
}

impl State {
    /// Lets a poll wait at the place that its number gives.
    fn insert(&mut self, number: u64, Reserved { poll, tenant, task_def, .. }: Reserved) {
        if let Some(stream) = self.streams.get_mut(&poll.stream) {
            stream.waiting.insert(number, task_def.clone());
        }
        self.queues.entry(tenant).or_default().entry(task_def).or_default().insert(number, poll);
    }

    /// The one copy of a tenant's and a TaskDef's name that all polls share, if there has been a poll for it.
    fn shared_names(&self, tenant: &str, task_def: &str) -> Option<(Arc<str>, Arc<str>)> {
        let (tenant, queues) = self.queues.get_key_value(tenant)?;
        let (task_def, _) = queues.get_key_value(task_def)?;
        Some((tenant.clone(), task_def.clone()))
    }

    /// Takes the waiting polls of a stream away; returns how many there were.
    fn withdraw(&mut self, stream: u64) -> usize {
        let Some(stream) = self.streams.get_mut(&stream) else { return 0 };
        let all = std::mem::take(&mut stream.waiting);
        let parked = std::mem::take(&mut stream.parked);
        self.poll_bytes -= parked.values().map(|parked| parked.poll.bytes).sum::<usize>();
        let tenant = stream.tenant.clone();
        let mut withdrawn = 0;
        for (number, task_def) in &all {
            let Some(queues) = self.queues.get_mut(&tenant) else { continue };
            let Some(queue) = queues.get_mut(task_def) else { continue };
            if let Some(poll) = queue.remove(number) {
                self.poll_bytes -= poll.bytes;
                withdrawn += 1;
            }
            // Empty queues go when a stream goes, not when their last poll is served: that would churn with every task.
            if queue.is_empty() {
                queues.remove(task_def);
            }
        }
        withdrawn
    }
}

impl Stream {
    fn new(tenant: Arc<str>, deliveries: UnboundedSender<Delivery>) -> Self {
        Self {
            tenant,
            deliveries,
            waiting: BTreeMap::new(),
            parked: BTreeMap::new(),
            reserved: 0,
            unread: VecDeque::new(),
            unread_bytes: 0,
            task_bytes: 0,
            half_closed: false,
        }
    }

    fn note_unread(&mut self, bytes: usize) {
        self.unread.push_back(bytes);
        self.unread_bytes += bytes;
        self.task_bytes = bytes;
    }

    /// True if it has left enough unread, with what claims in progress will bring: it gets no more for now.
    fn is_behind(&self) -> bool {
        self.unread_bytes + self.reserved * self.task_bytes > limits::MAX_UNREAD_TASK_BYTES
    }

    /// Its parked polls, to be put back at their places, if it is behind no longer.
    fn unpark(&mut self) -> BTreeMap<u64, Reserved> {
        if self.parked.is_empty() || self.is_behind() { BTreeMap::new() } else { std::mem::take(&mut self.parked) }
    }

    /// After the client closed its side: the last outstanding claim ends the stream with OK (TW-34f).
    fn finish_if_idle(&self) {
        if self.half_closed && self.reserved == 0 {
            let _ = self.deliveries.send(Delivery::Finished);
        }
    }
}

impl Polls for Dispatcher {
    fn open_stream(&self, tenant: &str) -> (u64, UnboundedReceiver<Delivery>) {
        let (deliveries, receiver) = unbounded_channel();
        let mut state = self.lock();
        if let Some(message) = &state.cut {
            let _ = deliveries.send(Delivery::Cut(Failure::Unavailable(message.clone())));
        }
        state.last_number += 1;
        let number = state.last_number;
        let tenant = state.queues.get_key_value(tenant).map_or_else(|| tenant.into(), |(name, _)| name.clone());
        state.streams.insert(number, Stream::new(tenant, deliveries));
        (number, receiver)
    }

    fn poll(&self, stream: u64, request: pb::PollTaskRequest) -> Result<(), Failure> {
        let name = request.task_def_id.unwrap_or_default().name;
        let mut state = self.lock();
        if let Some(message) = &state.cut {
            return Err(Failure::Unavailable(message.clone()));
        }
        let Some(owner) = state.streams.get(&stream) else {
            return Err(Failure::Unavailable("the stream is closed".to_owned()));
        };
        if owner.waiting.len() + owner.reserved >= limits::MAX_WAITING_POLLS_PER_STREAM {
            return Err(Failure::Exhausted("too many polls are waiting on this stream".to_owned()));
        }
        let tenant = owner.tenant.clone();
        let texts = name.len() + request.client_id.len() + request.task_worker_version.as_ref().map_or(0, String::len);
        let bytes = limits::POLL_BYTES + texts;
        if state.poll_bytes + bytes > self.poll_bytes_max {
            return Err(Failure::Exhausted("too many polls are waiting on this server".to_owned()));
        }
        state.poll_bytes += bytes;
        let task_def = match state.shared_names(&tenant, &name) {
            Some((_, task_def)) => task_def,
            None => name.into(),
        };
        state.last_number += 1;
        let number = state.last_number;
        let poll =
            Poll { stream, client_id: request.client_id, task_worker_version: request.task_worker_version, bytes };
        let since = Instant::now();
        state.insert(number, Reserved { poll, since, tenant: tenant.clone(), task_def: task_def.clone() });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.announce(&tenant, &task_def);
        Ok(())
    }

    fn taken(&self, stream: u64) {
        let mut state = self.lock();
        let Some(stream) = state.streams.get_mut(&stream) else { return };
        stream.unread_bytes -= stream.unread.pop_front().unwrap_or_default();
        let unparked = stream.unpark();
        if unparked.is_empty() {
            return;
        }
        let waiting = self.wait_again(&mut state, unparked);
        drop(state);
        self.announce_all(waiting);
    }

    fn half_close(&self, stream: u64) {
        let mut state = self.lock();
        let withdrawn = state.withdraw(stream);
        self.waiting.fetch_sub(withdrawn, Ordering::Relaxed);
        if let Some(stream) = state.streams.get_mut(&stream) {
            stream.half_closed = true;
            stream.finish_if_idle();
        }
    }

    fn close(&self, stream: u64, undelivered: Vec<(u32, Box<pb::ScheduledTask>)>) {
        let mut state = self.lock();
        let withdrawn = state.withdraw(stream);
        self.waiting.fetch_sub(withdrawn, Ordering::Relaxed);
        let closed = state.streams.remove(&stream);
        drop(state);
        let Some(closed) = closed else { return };
        for (shard, task) in undelivered {
            self.undo_claim(shard, &closed.tenant, *task);
        }
    }

    fn cut_all(&self, message: &str) {
        let mut state = self.lock();
        state.cut = Some(message.to_owned());
        for stream in state.streams.values() {
            let _ = stream.deliveries.send(Delivery::Cut(Failure::Unavailable(message.to_owned())));
        }
    }
}

impl ClaimSource for Dispatcher {
    fn take(&self, tenant: &str, task_def: &str, limit: usize) -> Vec<ClaimTask> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.cut.is_some() {
            return Vec::new();
        }
        let Some((tenant, name)) = state.shared_names(tenant, task_def) else { return Vec::new() };
        let Some(queue) = state.queues.get_mut(&tenant).and_then(|queues| queues.get_mut(&name)) else {
            return Vec::new();
        };
        let since = Instant::now();
        let mut claims = Vec::with_capacity(limit.min(queue.len()));
        let mut parked = 0;
        while claims.len() < limit
            && let Some((number, poll)) = queue.pop_first()
        {
            if let Some(stream) = state.streams.get_mut(&poll.stream)
                && stream.is_behind()
            {
                stream.parked.insert(number, Reserved { poll, since, tenant: tenant.clone(), task_def: name.clone() });
                parked += 1;
                continue;
            }
            claims.push(ClaimTask {
                task_def_name: task_def.to_owned(),
                poll_id: number,
                client_id: poll.client_id.clone(),
                task_worker_version: poll.task_worker_version.clone(),
            });
            if let Some(stream) = state.streams.get_mut(&poll.stream) {
                stream.waiting.remove(&number);
                stream.reserved += 1;
            }
            state.reserved.insert(number, Reserved { poll, since, tenant: tenant.clone(), task_def: name.clone() });
        }
        self.waiting.fetch_sub(claims.len() + parked, Ordering::Relaxed);
        claims
    }

    fn any_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
#[path = "tests/tasks.rs"]
mod tests;
