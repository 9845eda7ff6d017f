//! The loop of one shard: takes messages in, closes batches, applies what is committed, performs the effects.
//!
//! ```text
//!   inbox ──admit──► ready ──close──► batch in flight ──consensus, log──► committed ──apply──► effects, replies
//!            │         ▲                (closing.rs)                       (commit.rs)
//!            └─ cold ──┘ fetched                        checkpoint.rs: flush sets ──► store, cut of the log
//! ```
//!
//! One batch is in flight at a time. Runs leave memory only between two batches, so that what a batch was closed over is
//! still there when it is applied.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use lh_machine::{Command, State, internal::command::Kind, needs};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::Instant,
};

use super::{
    admission::{Answer, Queued, Waiting, overload},
    checkpoint::Checkpoint,
    claims::{Claims, Queue},
    commit::{InFlight, Unacknowledged},
    consensus::{Consensus, Position},
    fetch::{Fetcher, Values},
    flush::Flusher,
    heavy::Heavy,
    limits,
    log::{LogHandle, Space, SpaceWatch},
    pace::Pace,
    reads::PendingRead,
    strain::Strain,
    window::FineTimer,
};
use crate::ports::{ClaimSource, Clock, Effector, Entropy, Failure, ShardMessage, Waits};

/// What a shard's own chores tell it.
#[derive(Debug)]
pub enum Event {
    /// Everything up to this ready of the consensus is synced.
    Persisted(u64),
    /// Stored values, by ticket.
    Fetched(Vec<(u64, Values)>),
    /// The flush set is in the store.
    Flushed,
    /// The disk has no room for the flush set; it is tried again until there is room.
    NoRoom,
    /// The store failed; the shard cannot go on.
    Failed(String),
}

/// What a replica works with; given to it once.
pub struct Parts<C> {
    /// Number of the shard.
    pub shard: u32,
    /// Its machine, standing where the store stands.
    pub state: State,
    /// Its consensus, standing where the log stands.
    pub consensus: C,
    /// The log of the server.
    pub log: LogHandle,
    /// What is known of the free space.
    pub space: SpaceWatch,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How short waits are measured.
    pub waits: Waits,
    /// Seeds of stamps.
    pub entropy: Arc<dyn Entropy>,
    /// Performs effects.
    pub effector: Arc<dyn Effector>,
    /// Waiting polls.
    pub polls: Arc<dyn ClaimSource>,
    /// Reads the store.
    pub fetcher: Fetcher,
    /// Writes the store.
    pub flusher: Flusher,
    /// Bytes of runs that may be in memory.
    pub memory_bytes: usize,
    /// See [`limits::FLUSH_SLICE`].
    pub flush_slice: usize,
    /// Index up to which the log was cut, see [`super::log::Kind::Cut`].
    pub cut: u64,
    /// Called with a sentence when the shard cannot go on.
    pub failure: Arc<dyn Fn(String) + Send + Sync>,
    /// Messages to this shard.
    pub inbox: UnboundedReceiver<ShardMessage>,
    /// The end that its chores send events to.
    pub events: (UnboundedSender<Event>, UnboundedReceiver<Event>),
    /// The shared set that lookups read during a flush.
    pub being_written: super::fetch::BeingWritten,
}

/// What fetched values are for.
pub(super) enum Purpose {
    /// A command that can join a batch then.
    Command(Box<Waiting>),
    /// A read that can go on then.
    Read(Box<PendingRead>),
    /// The next claims of a queue.
    Claims(Queue),
}

/// One shard of this server.
pub struct Replica<C> {
    pub(super) parts: Parts<C>,
    /// Commands whose records are in memory, in the order of their arrival.
    pub(super) ready: VecDeque<Waiting>,
    /// Commands whose records must be fetched and wait for their turn.
    pub(super) cold: VecDeque<Waiting>,
    /// What is being fetched, by ticket, with the epoch in which it was asked for. Ordered, so that a shard that is dropped
    /// with answers open drops them in the same order in every run of a simulation.
    pub(super) fetching: BTreeMap<u64, (u64, Purpose)>,
    /// How many commands are among [`Replica::fetching`].
    pub(super) fetching_commands: usize,
    pub(super) last_ticket: u64,
    /// Grows with every flush: runs that changed may leave memory from then on, so what was asked for in an earlier epoch is
    /// asked for again.
    pub(super) epoch: u64,
    /// Grows whenever runs leave memory: a command that was found ready before is looked at again.
    pub(super) departures: u64,
    pub(super) claims: Claims,
    pub(super) pace: Pace,
    pub(super) strain: Strain,
    /// Commands whose records are in memory and which would keep others waiting.
    pub(super) heavy: Heavy,
    /// Commands that wait for a batch or for their records, together.
    pub(super) queued: Queued,
    /// When the window of a busy shard ends; asked of the fine timer.
    pub(super) window: Option<u64>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) checkpoint: Checkpoint,
    pub(super) unacknowledged: Vec<Unacknowledged>,
    /// This peer leads and has applied everything that was committed before: effects are performed, messages served.
    pub(super) serving: bool,
    pub(super) failed: bool,
    stopping: Option<Vec<tokio::sync::oneshot::Sender<()>>>,
    next_tick: Instant,
}

impl<C: Consensus> Replica<C> {
    /// A replica that has not started.
    pub fn new(parts: Parts<C>) -> Self {
        Self {
            checkpoint: Checkpoint::new(parts.cut),
            parts,
            ready: VecDeque::new(),
            cold: VecDeque::new(),
            fetching: BTreeMap::new(),
            fetching_commands: 0,
            last_ticket: 0,
            epoch: 0,
            departures: 0,
            claims: Claims::default(),
            pace: Pace::default(),
            strain: Strain::default(),
            heavy: Heavy::default(),
            queued: Queued::default(),
            window: None,
            in_flight: None,
            unacknowledged: Vec::new(),
            serving: false,
            failed: false,
            stopping: None,
            next_tick: Instant::now() + Duration::from_millis(limits::TICK_MS),
        }
    }

    /// Runs until [`ShardMessage::Stop`] or until every handle is gone. Needs a runtime with time and I/O.
    pub async fn run(mut self) {
        let mut timer = match FineTimer::new(self.parts.waits) {
            Ok(timer) => timer,
            Err(error) => return self.fail(format!("shard {}: timer: {error}", self.parts.shard)),
        };
        if let Err(refused) = self.parts.consensus.campaign() {
            self.fail(format!("shard {}: {refused}", self.parts.shard));
        }
        while !self.failed {
            self.hear();
            // Before commands are found ready: those that were before runs left memory are looked at twice.
            self.settle();
            self.receive();
            self.close_batch();
            self.advance();
            self.checkpoint();
            if self.is_finished() {
                break;
            }
            self.wait(&mut timer).await;
        }
        self.finish().await;
    }

    /// Takes in what its chores have done.
    fn hear(&mut self) {
        while let Ok(event) = self.parts.events.1.try_recv() {
            self.event(event);
        }
        self.advance();
    }

    /// Takes in every message that has arrived.
    fn receive(&mut self) {
        if self.serving {
            for _ in 0..limits::BATCH_COMMANDS {
                match self.parts.inbox.try_recv() {
                    Ok(message) => self.message(message),
                    Err(_) => break,
                }
            }
        }
    }

    /// Waits for the next thing to do.
    async fn wait(&mut self, timer: &mut FineTimer) {
        if let Some(end_ns) = self.window {
            let left = end_ns.saturating_sub(self.parts.clock.monotonic_ns());
            if let Err(error) = timer.set(left) {
                return self.fail(format!("shard {}: timer: {error}", self.parts.shard));
            }
        }
        let flush_at = self.checkpoint.alarm().filter(|_| self.serving);
        let alarm = flush_at.map_or(self.next_tick, |at| at.min(self.next_tick));
        let stays_awake = self.checkpoint.is_encoding()
            || self.in_flight.is_none() && self.parts.state.has_litter()
            || matches!(self.parts.waits, Waits::Fine)
                && self.in_flight.is_some()
                && self.pace.stays_awake(self.parts.clock.monotonic_ns());
        tokio::select! {
            biased;
            Some(event) = self.parts.events.1.recv() => self.event(event),
            message = self.parts.inbox.recv(), if self.serving => match message {
                Some(message) => self.message(message),
                None => self.stop(None),
            },
            rang = timer.rang(), if self.window.is_some() => {
                self.window = None;
                if let Err(error) = rang {
                    self.fail(format!("shard {}: timer: {error}", self.parts.shard));
                }
            }
            () = tokio::time::sleep_until(alarm) => self.tick(),
            // Whatever else waits for this thread has its turn, then the shard looks again.
            () = tokio::task::yield_now(), if stays_awake => {}
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + Duration::from_millis(limits::TICK_MS);
            self.parts.consensus.tick();
            self.checkpoint.look_at_log = true;
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Persisted(ready) => self.parts.consensus.persisted(ready),
            Event::Fetched(results) => results.into_iter().for_each(|(ticket, values)| self.fetched(ticket, values)),
            Event::Flushed => self.checkpoint.flushed(),
            Event::NoRoom => self.checkpoint.refuse_askers(),
            Event::Failed(message) => self.fail(format!("shard {}: {message}", self.parts.shard)),
        }
    }

    fn message(&mut self, message: ShardMessage) {
        if self.stopping.is_some() {
            return refuse(message, "the server is stopping");
        }
        match message {
            ShardMessage::Propose { command, answer } => self.admit(*command, answer),
            ShardMessage::Read { tenant, read, answer } => self.read(PendingRead::new(tenant, read, answer)),
            ShardMessage::PollWaits { tenant, task_def } => self.claims.poll_waits((tenant, task_def)),
            ShardMessage::Flush { answer } => self.checkpoint.ask(answer),
            ShardMessage::Meta { answer } => {
                // Whoever asked may be gone.
                let _ = answer.send(Ok(self.parts.state.meta().clone()));
            }
            ShardMessage::Stop { answer } => self.stop(Some(answer)),
        }
    }

    fn stop(&mut self, answer: Option<tokio::sync::oneshot::Sender<()>>) {
        self.stopping.get_or_insert_default().extend(answer);
        for waiting in self.heavy.drain() {
            self.queued.remove(waiting.bytes);
            waiting.pins.iter().for_each(|key| self.parts.state.unpin(key));
            let reason = "the server is stopping".to_owned();
            // Whoever asked may be gone.
            waiting.answer.into_iter().for_each(|answer| drop(answer.send(Err(Failure::Unavailable(reason.clone())))));
        }
        for waiting in self.unacknowledged.drain(..) {
            let reason =
                "the server is stopping; the command is stored, and what it tells other shards will reach them"
                    .to_owned();
            let _ = waiting.answer.send(Err(Failure::Unavailable(reason)));
        }
    }

    /// True once a stopping shard has nothing left to do; begins the last flush when only that is left.
    fn is_finished(&mut self) -> bool {
        if self.stopping.is_none() || !self.serving {
            return false;
        }
        if self.parts.space.get() == Space::Full {
            // Nothing more can be written, and everything acknowledged is in the log.
            return true;
        }
        let working =
            self.in_flight.is_some() || !self.ready.is_empty() || !self.heavy.is_empty() || !self.cold.is_empty();
        if working || !self.fetching.is_empty() {
            return false;
        }
        self.finish_checkpoint()
    }

    /// Refuses what still comes, so that nobody waits for an answer that never comes.
    async fn finish(mut self) {
        self.parts.inbox.close();
        for answer in self.stopping.take().into_iter().flatten() {
            let _ = answer.send(());
        }
        let reason = if self.failed { "the shard has failed" } else { "the server has stopped" };
        while let Some(message) = self.parts.inbox.recv().await {
            refuse(message, reason);
        }
    }

    /// Stops the shard loudly: our bug, or a disk that cannot be trusted. Nothing is acknowledged any more.
    pub(super) fn fail(&mut self, message: String) {
        if !std::mem::replace(&mut self.failed, true) {
            (self.parts.failure)(message);
        }
    }

    /// Hands keys to the fetching thread.
    pub(super) fn fetch(&mut self, keys: Vec<Vec<u8>>, purpose: Purpose) {
        self.last_ticket += 1;
        self.fetching_commands += usize::from(matches!(purpose, Purpose::Command(_)));
        self.fetching.insert(self.last_ticket, (self.epoch, purpose));
        self.parts.fetcher.fetch(self.last_ticket, keys);
    }

    fn fetched(&mut self, ticket: u64, values: Values) {
        let Some((epoch, purpose)) = self.fetching.remove(&ticket) else { return };
        self.fetching_commands -= usize::from(matches!(purpose, Purpose::Command(_)));
        let stale = epoch != self.epoch;
        match purpose {
            Purpose::Read(read) => self.read_on(*read, values, stale),
            Purpose::Claims(queue) => {
                if !stale {
                    self.insert(&values);
                }
                self.claims.fetched(queue);
            }
            Purpose::Command(mut waiting) => {
                // Runs may have left memory since these values were asked for, changed: they are asked for again.
                if !stale && self.insert(&values) {
                    for (key, _) in values {
                        self.parts.state.pin(&key);
                        waiting.pins.push(key);
                    }
                }
                self.place(*waiting);
            }
        }
        self.fetch_cold();
    }

    fn insert(&mut self, values: &Values) -> bool {
        for (key, value) in values {
            if let Err(corrupt) = self.parts.state.insert(key, value.as_deref()) {
                self.fail(format!("shard {}: the store is damaged: {}", self.parts.shard, corrupt.0));
                return false;
            }
        }
        true
    }

    /// Lets a command wait for the next batch, or for its records.
    pub(super) fn place(&mut self, waiting: Waiting) {
        if needs(&self.parts.state, &waiting.command, 0).is_empty() {
            self.queue(waiting);
        } else {
            self.cold.push_back(waiting);
        }
    }

    /// Lets a command whose records are in memory wait for the next batch.
    fn queue(&mut self, mut waiting: Waiting) {
        waiting.departures = self.departures;
        self.ready.extend(self.heavy.place(waiting, &self.parts.state));
    }

    /// Starts fetching for as many commands as may be fetched for at one time.
    pub(super) fn fetch_cold(&mut self) {
        while self.fetching_commands < limits::FETCHING_COMMANDS {
            let Some(waiting) = self.cold.pop_front() else { return };
            let keys = needs(&self.parts.state, &waiting.command, 0);
            if keys.is_empty() {
                self.queue(waiting);
            } else {
                self.fetch(keys, Purpose::Command(Box::new(waiting)));
            }
        }
    }

    /// Takes in a command that somebody proposes. What nobody waits for (timers, unclaims) is never refused: it would
    /// come back only after a restart.
    fn admit(&mut self, command: Command, answer: Option<Answer>) {
        let mut waiting = Waiting::new(command, answer);
        let is_start = matches!(waiting.command.kind, Some(Kind::RunWf(_)));
        let is_strained = is_start
            && (self.is_oversize(limits::OVERSIZE_SHARE_BEFORE_NEW_RUNS_ARE_REFUSED) || !self.strain.lets_start());
        let room = self.queued.room(waiting.bytes, self.parts.memory_bytes, is_strained);
        if let Some(reason) = overload(&waiting.command, room, self.parts.space.get())
            && let Some(answer) = waiting.answer.take()
        {
            // Whoever asked may be gone.
            return drop(answer.send(Err(Failure::Exhausted(reason.to_owned()))));
        }
        self.queued.add(waiting.bytes);
        self.place(waiting);
        self.fetch_cold();
    }
}

/// The index and term that the state stands at.
pub(super) fn applied(state: &State) -> Position {
    let record = state.applied();
    Position { index: record.index, term: record.term }
}

fn refuse(message: ShardMessage, reason: &str) {
    let failure = || Failure::Unavailable(reason.to_owned());
    match message {
        ShardMessage::Propose { answer: Some(answer), .. } => drop(answer.send(Err(failure()))),
        ShardMessage::Read { answer, .. } => drop(answer.send(Err(failure()))),
        ShardMessage::Flush { answer } => drop(answer.send(Err(failure()))),
        ShardMessage::Meta { answer } => drop(answer.send(Err(failure()))),
        ShardMessage::Stop { answer } => drop(answer.send(())),
        ShardMessage::Propose { answer: None, .. } | ShardMessage::PollWaits { .. } => {}
    }
}
