//! Closing a batch: which commands, which claims, the stamp, the proposal.

use lh_machine::{
    Command, Stamp,
    internal::Batch,
    mutants::{self, Mutant},
    needs,
};
use prost::Message;

use super::{
    admission::{Answer, Waiting},
    commit::InFlight,
    consensus::Consensus,
    limits,
    replica::{Purpose, Replica},
};
use crate::ports::Failure;

/// The commands of a batch with who waits for them.
#[derive(Default)]
struct Chosen {
    commands: Vec<Command>,
    answers: Vec<Option<Answer>>,
    pins: Vec<Vec<u8>>,
}

impl<C: Consensus> Replica<C> {
    /// Closes a batch if none is in flight, something is to be done, and the shard is not too busy for it now.
    pub(super) fn close_batch(&mut self) {
        self.window = None;
        if !self.serving || self.in_flight.is_some() || self.failed {
            return;
        }
        let now_ns = self.parts.clock.monotonic_ns();
        if self.ready.is_empty() && !self.claims.are_due(&self.parts.state) {
            let heavy_ns = self.heavy.due_ns(now_ns);
            if heavy_ns.is_none_or(|due_ns| due_ns > now_ns) {
                self.window = heavy_ns;
                return;
            }
        }
        let wait_ns = self.pace.wait_ns(now_ns);
        if wait_ns > 0 && self.ready.len() < limits::BATCH_COMMANDS {
            self.window = Some(now_ns + wait_ns);
            return;
        }
        let mut chosen = self.choose(now_ns);
        let count = chosen.commands.len();
        self.append_claims(now_ns, &mut chosen.commands);
        if chosen.commands.is_empty() {
            return;
        }
        chosen.answers.resize_with(chosen.commands.len(), || None);
        self.pace.closed(now_ns, count);
        self.propose(chosen, now_ns);
    }

    /// Takes commands from the front of the queue whose records are (still) in memory.
    fn choose(&mut self, now_ns: u64) -> Chosen {
        let mut chosen = Chosen::default();
        let mut bytes = 0;
        while chosen.commands.len() < limits::BATCH_COMMANDS && bytes < limits::BATCH_BYTES {
            let Some(waiting) = self.ready.pop_front() else { break };
            bytes += self.join(waiting, &mut chosen);
        }
        for waiting in self.heavy.take(now_ns, !chosen.commands.is_empty()) {
            self.join(waiting, &mut chosen);
        }
        self.fetch_cold();
        chosen
    }

    /// Takes a command into a batch, unless its records have left memory; the bytes that it adds.
    fn join(&mut self, waiting: Waiting, chosen: &mut Chosen) -> usize {
        if waiting.departures != self.departures && !needs(&self.parts.state, &waiting.command, 0).is_empty() {
            self.cold.push_back(waiting);
            return 0;
        }
        let Waiting { command, answer, pins, bytes: length, .. } = waiting;
        self.queued.remove(length);
        chosen.commands.push(command);
        chosen.answers.push(answer);
        chosen.pins.extend(pins);
        length
    }

    fn append_claims(&mut self, now_ns: u64, commands: &mut Vec<Command>) {
        let built = self.claims.build(&self.parts.state, self.parts.polls.as_ref(), commands);
        self.strain.closed(now_ns, built.claimed, built.waiting);
        commands.extend(built.commands);
        if !built.returned.is_empty() {
            self.parts.effector.return_polls(built.returned);
        }
        for (queue, keys) in built.fetch {
            self.fetch(keys, Purpose::Claims(queue));
        }
    }

    /// Stamps the batch and hands it to the consensus. Time never goes back, even if the wall clock does (I11).
    fn propose(&mut self, chosen: Chosen, closed_ns: u64) {
        let latest_ms =
            if mutants::is_on(Mutant::StampGoesBack) { 0 } else { self.parts.state.applied().last_stamp_ms };
        let now_ms = self.parts.clock.wall_ms().max(latest_ms);
        let stamp = Stamp { now_ms, seed: self.parts.entropy.next_u64() };
        let Chosen { commands, answers, pins } = chosen;
        let batch = Batch { stamp: Some(stamp), commands };
        match self.parts.consensus.propose(batch.encode_to_vec()) {
            Ok(position) => self.in_flight = Some(InFlight { position, batch, answers, pins, closed_ns }),
            Err(refused) => {
                pins.iter().for_each(|key| self.parts.state.unpin(key));
                for answer in answers.into_iter().flatten() {
                    let _ = answer.send(Err(Failure::Unavailable(refused.to_string())));
                }
            }
        }
    }
}
