//! Which claims a batch carries (04/TW-20 to TW-23): the policy, in one place.
//!
//! A command that could feed a queue takes one waiting poll of it; a non-empty queue takes as many as it has entries. A
//! guess that was wrong costs the poll nothing (it goes back to its place) and the shard one more batch.

use std::collections::{BTreeMap, BTreeSet};

use lh_machine::{Command, State, internal::command::Kind, needs};

use super::limits;
use crate::ports::ClaimSource;

/// Tenant and TaskDef.
pub type Queue = (String, String);

/// What is known of polls and queues between two batches.
#[derive(Debug, Default)]
pub struct Claims {
    /// Queues that may have an entry for a waiting poll.
    due: BTreeSet<Queue>,
    /// Queues whose waiting polls are all taken. A poll that comes is announced, so they need not be asked again.
    starved: BTreeSet<Queue>,
    /// Queues whose next entry is being fetched.
    blocked: BTreeSet<Queue>,
}

/// What was built for one batch.
#[derive(Debug, Default)]
pub struct Built {
    /// The claims, to be appended to the batch.
    pub commands: Vec<Command>,
    /// Records that claims of these queues would have needed.
    pub fetch: Vec<(Queue, Vec<Vec<u8>>)>,
    /// Polls that were taken in vain.
    pub returned: Vec<u64>,
    /// Polls that are claimed for.
    pub claimed: usize,
    /// Tasks that wait in their queues, those that are claimed included.
    pub waiting: usize,
}

impl Claims {
    /// A poll waits.
    pub fn poll_waits(&mut self, queue: Queue) {
        self.starved.remove(&queue);
        self.due.insert(queue);
    }

    /// The next entry of this queue is in memory now.
    pub fn fetched(&mut self, queue: Queue) {
        self.blocked.remove(&queue);
        self.due.insert(queue);
    }

    /// A batch was applied: every queue that has an entry may feed a poll.
    pub fn applied(&mut self, state: &State, source: &dyn ClaimSource) {
        if !source.any_waiting() {
            return;
        }
        for (tenant, task_def, _) in state.queues() {
            let queue = (tenant.to_owned(), task_def.to_owned());
            if !self.starved.contains(&queue) {
                self.due.insert(queue);
            }
        }
    }

    /// True if claims alone may make a batch.
    pub fn are_due(&self, state: &State) -> bool {
        self.due.iter().any(|queue| !self.blocked.contains(queue) && state.queue_length(&queue.0, &queue.1) > 0)
    }

    /// The claims for a batch with these commands.
    pub fn build(&mut self, state: &State, source: &dyn ClaimSource, commands: &[Command]) -> Built {
        let mut built = Built::default();
        let mut wanted: BTreeMap<Queue, usize> =
            std::mem::take(&mut self.due).into_iter().map(|queue| (queue, 0)).collect();
        if !source.any_waiting() {
            return built;
        }
        for command in commands {
            for queue in state.hints(command) {
                *wanted.entry(queue).or_default() += 1;
            }
        }
        for (queue, hints) in wanted {
            if !self.blocked.contains(&queue) {
                self.claim(state, source, queue, hints, &mut built);
            }
        }
        built
    }

    fn claim(&mut self, state: &State, source: &dyn ClaimSource, queue: Queue, hints: usize, built: &mut Built) {
        let (tenant, task_def) = &queue;
        let queued = state.queue_length(tenant, task_def);
        let limit = queued.min(limits::CLAIMS_PER_QUEUE) + hints;
        if limit == 0 {
            return;
        }
        let polls = source.take(tenant, task_def, limit);
        if polls.len() < limit {
            self.starved.insert(queue.clone());
        } else {
            self.starved.remove(&queue);
            if queued > limits::CLAIMS_PER_QUEUE {
                self.due.insert(queue.clone());
            }
        }
        if !polls.is_empty() {
            built.waiting += queued;
            built.claimed += polls.len();
        }
        let mut missing = Vec::new();
        for (before, poll) in polls.into_iter().enumerate() {
            let poll_id = poll.poll_id;
            let command = Command { tenant: tenant.clone(), kind: Some(Kind::ClaimTask(poll)) };
            let keys = if before < queued { needs(state, &command, before) } else { Vec::new() };
            missing.extend(keys);
            // Once one entry is not in memory, claims behind it would take it in its place.
            if missing.is_empty() {
                built.commands.push(command);
            } else {
                built.returned.push(poll_id);
            }
        }
        if !missing.is_empty() {
            self.blocked.insert(queue.clone());
            built.fetch.push((queue, missing));
        }
    }
}
