//! From a committed entry to its effects: apply every command in order, then perform, then answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lh_machine::{
    Arm, Command, Dispatch, Effects, Outgoing, Rejected, Reply, Stamp, State, Thrown, apply,
    internal::{Batch, command::Kind},
    mutants::{self, Mutant},
    needs,
};
use prost::Message;

use super::{
    admission::Answer,
    consensus::{Committed, Consensus, Content, Position, Ready},
    replica::{Event, Replica},
};
use crate::ports::{Effector, Failure};

/// The batch that was proposed and is not applied yet.
pub struct InFlight {
    /// Where it stands in the log.
    pub position: Position,
    /// The batch, so that it need not be decoded.
    pub batch: Batch,
    /// Who waits for each command.
    pub answers: Vec<Option<Answer>>,
    /// Records kept in memory for it.
    pub pins: Vec<Vec<u8>>,
    /// When it was closed, on the monotonic clock.
    pub closed_ns: u64,
}

/// An answer to a command whose messages other shards have not all applied.
pub struct Unacknowledged {
    /// Outbox sequence that must be acknowledged.
    pub sequence: u64,
    /// Who waits for it.
    pub answer: Answer,
    /// What it will be.
    pub reply: Result<Reply, Failure>,
}

/// Effects of a whole batch, in the order of the fields of [`Effects`].
#[derive(Default)]
struct Performance {
    timers: Vec<Arm>,
    tasks: Vec<Dispatch>,
    returned_polls: Vec<u64>,
    outbox: Vec<Outgoing>,
    thrown: Vec<Thrown>,
    replies: Vec<Answered>,
}

/// What a command is answered.
struct Answered {
    reply: Option<Result<Reply, Rejected>>,
    /// Sequence of its last message to another shard: a client is answered when that was applied there.
    last_message: Option<u64>,
}

impl Performance {
    fn add(&mut self, effects: Effects) {
        self.timers.extend(effects.timers);
        self.tasks.extend(effects.tasks);
        self.returned_polls.extend(effects.returned_polls);
        let last_message = effects.outbox.last().map(|message| message.sequence);
        self.outbox.extend(effects.outbox);
        self.thrown.extend(effects.thrown);
        self.replies.push(Answered { reply: effects.reply, last_message });
    }

    fn perform(&mut self, shard: u32, effector: &dyn Effector) {
        if !self.timers.is_empty() {
            effector.arm(shard, std::mem::take(&mut self.timers));
        }
        if !self.tasks.is_empty() {
            effector.dispatch(shard, std::mem::take(&mut self.tasks));
        }
        if !self.returned_polls.is_empty() {
            effector.return_polls(std::mem::take(&mut self.returned_polls));
        }
        if !self.outbox.is_empty() {
            effector.send(shard, std::mem::take(&mut self.outbox));
        }
        if !self.thrown.is_empty() {
            effector.tell(std::mem::take(&mut self.thrown));
        }
    }
}

impl<C: Consensus> Replica<C> {
    /// Does what the consensus wants done: sync, then apply.
    pub(super) fn advance(&mut self) {
        while !self.failed {
            let Some(ready) = self.parts.consensus.ready() else { return };
            let Ready { number, hard_state, entries, messages, messages_after_sync, committed, .. } = ready;
            // A group of one has nobody to talk to.
            debug_assert!(messages.is_empty() && messages_after_sync.is_empty());
            if hard_state.is_some() || !entries.is_empty() {
                let shard = self.parts.shard;
                let mut records: Vec<_> = hard_state.into_iter().map(|state| state.into_record(shard)).collect();
                records.extend(entries.into_iter().map(|entry| entry.into_record(shard)));
                let events = self.parts.events.0.clone();
                // The shard may be gone when the log answers.
                let done = move || drop(events.send(Event::Persisted(number)));
                self.parts.log.append(records, Some(Box::new(done)));
            }
            for entry in committed {
                self.commit(entry);
            }
        }
    }

    fn commit(&mut self, entry: Committed) {
        if self.failed {
            return;
        }
        let position = entry.position;
        match entry.content {
            Content::Batch(bytes) => self.commit_batch(position, &bytes),
            Content::Members(members) => self.parts.state.set_conf_state(members),
            Content::NewLeader => {}
        }
        if self.failed {
            return;
        }
        self.parts.state.set_applied(position.index, position.term);
        self.parts.consensus.applied(position.index);
        self.checkpoint.dirty();
        if !self.serving && self.parts.consensus.is_leader() && position.term == self.parts.consensus.term() {
            self.take_over();
        }
    }

    /// From here on this peer does what only a leader does: everything that came before is applied (04/TW-24).
    fn take_over(&mut self) {
        self.serving = true;
        let wakes = self.parts.state.wakes();
        let outbox = self.parts.state.outbox();
        let wakes = if mutants::is_on(Mutant::TimersLostAtRestart) { Vec::new() } else { wakes };
        let outbox = if mutants::is_on(Mutant::OutboxLostAtRestart) { Vec::new() } else { outbox };
        let mut open = Performance { timers: wakes, outbox, ..Performance::default() };
        open.perform(self.parts.shard, self.parts.effector.as_ref());
        self.claims.applied(&self.parts.state, self.parts.polls.as_ref());
    }

    fn commit_batch(&mut self, position: Position, bytes: &[u8]) {
        let mine = self.in_flight.take_if(|in_flight| in_flight.position.index <= position.index);
        match mine {
            Some(mine) if mine.position == position => {
                self.apply_batch(&mine.batch, mine.answers);
                mine.pins.iter().for_each(|key| self.parts.state.unpin(key));
                let now_ns = self.parts.clock.monotonic_ns();
                let took_ns = now_ns.saturating_sub(mine.closed_ns);
                self.strain.applied(took_ns);
                self.heavy.applied(now_ns, took_ns);
            }
            lost => {
                self.lose(lost);
                match Batch::decode(bytes) {
                    Ok(batch) => {
                        if self.fetch_for(&batch) {
                            self.apply_batch(&batch, Vec::new());
                            if mutants::is_on(Mutant::AppliedTwiceAfterRestart) {
                                self.apply_batch(&batch, Vec::new());
                            }
                        }
                    }
                    Err(error) => {
                        self.fail(format!("shard {}: log entry {}: {error}", self.parts.shard, position.index))
                    }
                }
            }
        }
    }

    /// Another leader's entry stands where ours should: nobody knows here what became of it.
    fn lose(&mut self, lost: Option<InFlight>) {
        let Some(lost) = lost else { return };
        lost.pins.iter().for_each(|key| self.parts.state.unpin(key));
        for answer in lost.answers.into_iter().flatten() {
            let _ = answer.send(Err(Failure::Unavailable("the leader of the shard has changed".to_owned())));
        }
    }

    /// Brings the records that a batch from the log needs into memory, one crossing for most of it.
    fn fetch_for(&mut self, batch: &Batch) -> bool {
        let keys = batch.commands.iter().flat_map(|command| needs(&self.parts.state, command, 0)).collect();
        self.bring_in(keys)
    }

    fn bring_in(&mut self, keys: Vec<Vec<u8>>) -> bool {
        if keys.is_empty() {
            return true;
        }
        let values = match self.parts.fetcher.fetch_now(keys) {
            Ok(values) => values,
            Err(error) => {
                self.fail(format!("shard {}: store: reading failed: {error}", self.parts.shard));
                return false;
            }
        };
        for (key, value) in values {
            if let Err(corrupt) = self.parts.state.insert(&key, value.as_deref()) {
                self.fail(format!("shard {}: the store is damaged: {}", self.parts.shard, corrupt.0));
                return false;
            }
        }
        true
    }

    fn apply_batch(&mut self, batch: &Batch, answers: Vec<Option<Answer>>) {
        let stamp = batch.stamp.unwrap_or_default();
        let mut performance = Performance::default();
        for command in &batch.commands {
            // Only while the log is replayed can something be missing: a claim of an entry that the batch itself made
            // the head of its queue. A batch of our own was closed over records that are in memory.
            // Records name further ones, hence the loop.
            while !self.serving {
                let missing = needs(&self.parts.state, command, 0);
                if missing.is_empty() {
                    break;
                }
                if !self.bring_in(missing) {
                    return;
                }
            }
            match apply_guarded(&mut self.parts.state, &stamp, command) {
                Ok(effects) => {
                    if !effects.looped.is_empty() {
                        let now_ns = self.parts.clock.monotonic_ns();
                        effects.looped.iter().for_each(|wf_spec| self.heavy.looped(wf_spec.clone(), now_ns));
                    }
                    performance.add(effects);
                }
                Err(panic) => {
                    let kind = command.kind.as_ref().map_or("empty", name);
                    return self.fail(format!("shard {}: the machine panicked at {kind}: {panic}", self.parts.shard));
                }
            }
        }
        if !self.serving {
            return;
        }
        performance.perform(self.parts.shard, self.parts.effector.as_ref());
        for ((answer, answered), command) in answers.into_iter().zip(performance.replies).zip(&batch.commands) {
            if let Some(answer) = answer {
                // The outbox does not wait for what its own messages cause: two shards would wait for each other.
                let is_message = matches!(command.kind, Some(Kind::FromShard(_)));
                self.answer(answer, answered, is_message);
            }
        }
        self.answer_acknowledged();
        self.claims.applied(&self.parts.state, self.parts.polls.as_ref());
    }

    fn answer(&mut self, answer: Answer, answered: Answered, at_once: bool) {
        let reply = answered.reply.unwrap_or(Ok(Reply::Empty)).map_err(Failure::from);
        match answered.last_message {
            // Answered when every shard has it, so that the next call of this client sees it.
            Some(sequence) if !at_once => self.unacknowledged.push(Unacknowledged { sequence, answer, reply }),
            // Whoever asked may be gone.
            _ => drop(answer.send(reply)),
        }
    }

    /// Answers commands of which no message is under way any more.
    fn answer_acknowledged(&mut self) {
        if self.unacknowledged.is_empty() {
            return;
        }
        let open = self.parts.state.oldest_undelivered().unwrap_or(u64::MAX);
        for waiting in self.unacknowledged.extract_if(.., |waiting| waiting.sequence < open) {
            let _ = waiting.answer.send(waiting.reply);
        }
    }
}

/// Applies one command; a panic is our bug and is handed out as text. The state must not be used after it.
fn apply_guarded(state: &mut State, stamp: &Stamp, command: &Command) -> Result<Effects, String> {
    catch_unwind(AssertUnwindSafe(|| apply(state, stamp, command))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::RunWf(_) => "RunWf",
        Kind::ReportTask(_) => "ReportTask",
        Kind::ClaimTask(_) => "ClaimTask",
        Kind::UnclaimTask(_) => "UnclaimTask",
        Kind::TimerDue(_) => "TimerDue",
        Kind::MetaWrite(_) => "MetaWrite",
        Kind::DefinitionsArrived(_) => "DefinitionsArrived",
        Kind::OutboxAcknowledged(_) => "OutboxAcknowledged",
        Kind::RegisterTaskWorker(_) => "RegisterTaskWorker",
        Kind::StopWfRun(_) => "StopWfRun",
        Kind::ResumeWfRun(_) => "ResumeWfRun",
        Kind::RescueThreadRun(_) => "RescueThreadRun",
        Kind::DeleteWfRun(_) => "DeleteWfRun",
        Kind::PutExternalEvent(_) => "PutExternalEvent",
        Kind::PutCheckpoint(_) => "PutCheckpoint",
        Kind::UserTask(_) => "UserTask",
        Kind::PutCorrelatedEvent(_) => "PutCorrelatedEvent",
        Kind::DeleteCorrelatedEvent(_) => "DeleteCorrelatedEvent",
        Kind::FromShard(_) => "FromShard",
    }
}
