//! Whether new runs are more than the server can do: batches are slow, workers wait for the server, and still tasks wait for
//! them.
//!
//! A long queue alone says nothing, because its workers may be away or slow; slow batches alone say nothing either, the
//! disk may be so. All together mean that runs start faster than they are worked on: then every further start takes time
//! and space away from tasks, and refusing it costs no throughput, since what waits is enough for the workers.

use super::{limits, pace::Rate};

/// What is known of it.
#[derive(Debug, Default)]
pub struct Strain {
    /// Time from the close of a batch until it was applied in ns, smoothed.
    batch_ns: f64,
    /// Polls that were claimed for per batch, smoothed.
    claims: f64,
    /// The same in time.
    claimed: Rate,
    /// Tasks that wait in the queues that the last batch claimed of.
    waiting: f64,
    /// Starts that may be let in all the same.
    starts: f64,
}

impl Strain {
    /// A batch is closed with so many claims, of queues in which so many tasks wait.
    pub fn closed(&mut self, now_ns: u64, claims: usize, waiting: usize) {
        self.claimed.note(now_ns, claims);
        self.claims += (claims as f64 - self.claims) * limits::BATCH_WEIGHT;
        self.waiting = waiting as f64;
        let starts = self.starts + claims as f64 / limits::CLAIMS_PER_START;
        self.starts = starts.min(self.claims.max(1.0));
    }

    /// A batch was applied so long after its close.
    pub fn applied(&mut self, took_ns: u64) {
        self.batch_ns += (took_ns as f64 - self.batch_ns) * limits::BATCH_WEIGHT;
    }

    /// Whether a run may start now.
    pub fn lets_start(&mut self) -> bool {
        if !self.is_overloaded() {
            return true;
        }
        let is_let = self.starts >= 1.0;
        if is_let {
            self.starts -= 1.0;
        }
        is_let
    }

    fn is_overloaded(&self) -> bool {
        let enough = (self.claims * limits::SHARE_OF_CLAIMS_THAT_MAY_WAIT).max(limits::TASKS_THAT_MAY_WAIT);
        self.batch_ns >= limits::SLOW_BATCH_NS
            && self.claims >= limits::CLAIMS_OF_BUSY_WORKERS
            && self.claimed.per_ms >= limits::CLAIMS_PER_MS_OF_A_BUSY_SERVER
            && self.waiting >= enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shard knows after many such batches.
    fn after(batch_ns: f64, claims: usize, waiting: usize) -> Strain {
        let mut strain = Strain::default();
        for batch in 1..=100 {
            strain.closed(batch * batch_ns as u64, claims, waiting);
            strain.applied(batch_ns as u64);
        }
        strain
    }

    /// Slow batches, busy workers and a long queue: only all together are overload.
    #[test]
    fn one_sign_alone_is_no_overload() {
        let slow = 2.0 * limits::SLOW_BATCH_NS;
        assert!(after(slow, 100, 1_000).is_overloaded());
        assert!(!after(slow / 4.0, 100, 1_000).is_overloaded(), "the server is quick");
        assert!(!after(slow, 5, 1_000_000).is_overloaded(), "the workers are slow");
        assert!(!after(slow, 0, 1_000_000).is_overloaded(), "there are no workers");
        assert!(!after(slow, 500, 249).is_overloaded(), "the workers take nearly all at once");
        assert!(!after(10.0 * slow, 100, 1_000).is_overloaded(), "the disk is slow");
    }

    /// An overloaded shard lets one run start for so many claims, so new work is not starved by a long queue.
    #[test]
    fn a_few_runs_are_let_in() {
        let mut strain = after(2.0 * limits::SLOW_BATCH_NS, 128, 1_000_000);
        while strain.lets_start() {}
        let mut let_in = 0;
        for batch in 1..=100 {
            strain.closed((100 + batch) * 3_000_000, 128, 1_000_000);
            let_in += (0..1_000).filter(|_| strain.lets_start()).count();
        }
        assert_eq!(let_in, 100 * 128 / limits::CLAIMS_PER_START as usize);
    }
}
