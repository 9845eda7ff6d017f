//! Whether new runs are more than the server can do: it is late, and workers have more to take than they can.
//!
//! A long queue alone says nothing, because its workers may be away. A late server alone says nothing either, because
//! each caller waits for his answer before he asks again. Both together mean that runs start faster than they are worked
//! on: then every further start takes time away from tasks, and refusing it costs no throughput, since what waits is
//! enough for the workers.

use std::collections::BTreeMap;

use super::{claims::Queue, limits};

/// What is known of it.
#[derive(Debug, Default)]
pub struct Strain {
    /// How late the shard has its turn after a sync in ns, smoothed.
    late_ns: f64,
    seen_ns: u64,
    /// Queues that gave tasks away, and when they did last.
    fed: BTreeMap<Queue, u64>,
    is_strained: bool,
}

impl Strain {
    /// The shard has its turn `late_ns` after a sync was done.
    pub fn turn(&mut self, now_ns: u64, late_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.seen_ns) as f64;
        let weight = 1.0 - (-elapsed_ns / limits::STRAIN_SMOOTHING_NS).exp();
        self.late_ns += (late_ns as f64 - self.late_ns) * weight;
        self.seen_ns = now_ns;
    }

    /// Polls of this queue are claimed for.
    pub fn fed(&mut self, now_ns: u64, queue: &Queue) {
        match self.fed.get_mut(queue) {
            Some(at) => *at = now_ns,
            None => drop(self.fed.insert(queue.clone(), now_ns)),
        }
    }

    /// Looks again; `length` tells how many tasks wait in a queue.
    pub fn look(&mut self, now_ns: u64, length: impl Fn(&Queue) -> usize) {
        self.fed.retain(|_, at| now_ns.saturating_sub(*at) < limits::FED_NS);
        self.is_strained = self.late_ns >= limits::LATE_NS as f64
            && self.fed.keys().map(length).sum::<usize>() >= limits::TASKS_BEFORE_NEW_RUNS_ARE_REFUSED;
    }

    /// True while new runs are better refused.
    pub fn is_strained(&self) -> bool {
        self.is_strained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn queue() -> Queue {
        ("default".to_owned(), "charge".to_owned())
    }

    /// Neither lateness nor a long queue alone is overload; both together are, until one of them ends.
    #[test]
    fn late_and_more_work_than_the_workers_take() {
        let many = |_: &Queue| limits::TASKS_BEFORE_NEW_RUNS_ARE_REFUSED;
        let few = |_: &Queue| limits::TASKS_BEFORE_NEW_RUNS_ARE_REFUSED - 1;
        let mut strain = Strain::default();
        strain.fed(1_000 * MS, &queue());
        strain.turn(1_000 * MS, 0);
        strain.look(1_000 * MS, many);
        assert!(!strain.is_strained(), "in time");
        for step in 1..=20 {
            strain.turn((1_000 + step * 10) * MS, 2 * limits::LATE_NS);
        }
        strain.look(1_200 * MS, few);
        assert!(!strain.is_strained(), "the workers keep up");
        strain.look(1_200 * MS, many);
        assert!(strain.is_strained());
        strain.turn(2_000 * MS, 0);
        strain.look(2_000 * MS - 1, many);
        assert!(!strain.is_strained(), "in time again");
    }

    /// Queues whose workers are away do not count: runs may be started for them all the same.
    #[test]
    fn nobody_works_on_the_queue() {
        let mut strain = Strain::default();
        strain.fed(1_000 * MS, &queue());
        strain.turn(1_000 * MS, 2 * limits::LATE_NS);
        strain.look(1_000 * MS, |_| usize::MAX);
        assert!(strain.is_strained());
        strain.look(1_000 * MS + limits::FED_NS, |_| usize::MAX);
        assert!(!strain.is_strained());
    }
}
