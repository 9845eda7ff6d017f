//! Reads of run data: answered from memory and from fetched records, behind a read barrier.

use lh_machine::{Read, ReadOutcome, read, read::Fetched};
use tokio::sync::oneshot;

use super::{
    consensus::{Barrier, Consensus},
    fetch::Values,
    limits,
    replica::{Purpose, Replica},
};
use crate::ports::Failure;

/// A read that waits for records.
pub struct PendingRead {
    tenant: String,
    read: Read,
    answer: oneshot::Sender<Result<Vec<u8>, Failure>>,
    fetched: Fetched,
    restarts: u32,
}

impl PendingRead {
    /// A read that has just arrived.
    pub fn new(tenant: String, read: Read, answer: oneshot::Sender<Result<Vec<u8>, Failure>>) -> Self {
        Self { tenant, read, answer, fetched: Fetched::new(), restarts: 0 }
    }

    fn finish(self, outcome: Result<Vec<u8>, Failure>) {
        // Whoever asked may be gone.
        let _ = self.answer.send(outcome);
    }
}

impl<C: Consensus> Replica<C> {
    /// Answers a read, now or when its records are fetched.
    pub(super) fn read(&mut self, pending: PendingRead) {
        match self.parts.consensus.read_barrier(0) {
            Barrier::Passed => self.attempt(pending),
            // A group with more peers needs a round trip here; it comes with the peer network.
            Barrier::Pending | Barrier::NotLeader => {
                pending.finish(Err(Failure::Unavailable("this server does not lead the shard".to_owned())));
            }
        }
    }

    /// Goes on with a read whose records have come. If runs left memory meanwhile, what was fetched may be older than
    /// what was seen: it starts again.
    pub(super) fn read_on(&mut self, mut pending: PendingRead, values: Values, stale: bool) {
        if stale {
            pending.fetched.clear();
            pending.restarts += 1;
        } else {
            pending.fetched.extend(values);
        }
        self.attempt(pending);
    }

    fn attempt(&mut self, pending: PendingRead) {
        let now_ms = self.parts.clock.wall_ms();
        match read(&self.parts.state, &pending.tenant, &pending.read, &pending.fetched, now_ms) {
            ReadOutcome::Done(outcome) => pending.finish(outcome.map_err(Failure::from)),
            ReadOutcome::Need(_) if pending.restarts > limits::READ_RESTARTS => {
                pending.finish(Err(Failure::Unavailable("the store is too slow to answer this read".to_owned())));
            }
            ReadOutcome::Need(keys) => self.fetch(keys, Purpose::Read(Box::new(pending))),
        }
    }
}
