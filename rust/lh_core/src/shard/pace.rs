//! When a batch closes: at once while little happens, not more often than every half millisecond while much does.

use super::limits;

/// Time over which the rate of commands is smoothed, in ns.
const SMOOTHING_NS: f64 = 5_000_000.0;

/// How often something happens, and when it did last.
#[derive(Debug, Default)]
pub struct Rate {
    last_ns: u64,
    /// Per ms.
    pub per_ms: f64,
}

impl Rate {
    /// It happened so often since the last call.
    pub fn note(&mut self, now_ns: u64, count: usize) {
        let elapsed_ns = now_ns.saturating_sub(self.last_ns).max(1) as f64;
        let per_ms = count as f64 * 1e6 / elapsed_ns;
        let weight = 1.0 - (-elapsed_ns / SMOOTHING_NS).exp();
        self.per_ms += (per_ms - self.per_ms) * weight;
        self.last_ns = now_ns;
    }
}

/// The rate of commands and the last close.
#[derive(Debug, Default)]
pub struct Pace {
    commands: Rate,
}

impl Pace {
    /// How long to wait until a batch may close, in ns; 0 = it may close now.
    pub fn wait_ns(&self, now_ns: u64) -> u64 {
        if self.commands.per_ms < limits::BUSY_COMMANDS_PER_MS {
            return 0;
        }
        (self.commands.last_ns + limits::BATCH_WINDOW_NS).saturating_sub(now_ns)
    }

    /// True while the end of a sync is better awaited awake: few commands come, and the batch in flight is young. To fall
    /// asleep and wake up again takes longer on an idle processor than all the rest of a command.
    pub fn stays_awake(&self, now_ns: u64) -> bool {
        self.commands.per_ms < limits::AWAKE_COMMANDS_PER_MS
            && now_ns.saturating_sub(self.commands.last_ns) < limits::AWAKE_NS
    }

    /// A batch with this many commands was closed.
    pub fn closed(&mut self, now_ns: u64, commands: usize) {
        self.commands.note(now_ns, commands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_shard_closes_at_once_and_a_busy_one_waits() {
        let mut pace = Pace::default();
        let mut now_ns = 1_000_000_000;
        assert_eq!(pace.wait_ns(now_ns), 0);
        for _ in 0..100 {
            now_ns += 250_000;
            pace.closed(now_ns, 4);
        }
        assert_eq!(pace.wait_ns(now_ns + 100_000), limits::BATCH_WINDOW_NS - 100_000);
        assert_eq!(pace.wait_ns(now_ns + limits::BATCH_WINDOW_NS), 0);
        now_ns += 1_000_000_000;
        pace.closed(now_ns, 1);
        assert_eq!(pace.wait_ns(now_ns), 0);
    }

    #[test]
    fn only_an_idle_shard_stays_awake_and_not_for_long() {
        let mut pace = Pace::default();
        let mut now_ns = 1_000_000_000;
        pace.closed(now_ns, 1);
        assert!(pace.stays_awake(now_ns + limits::AWAKE_NS - 1));
        assert!(!pace.stays_awake(now_ns + limits::AWAKE_NS));
        for _ in 0..100 {
            now_ns += 1_000_000;
            pace.closed(now_ns, 1);
        }
        assert!(!pace.stays_awake(now_ns));
    }

    #[test]
    fn a_single_command_after_a_pause_does_not_make_a_shard_busy() {
        let mut pace = Pace::default();
        for step in 1..50 {
            pace.closed(step * 10_000_000, 1);
            assert_eq!(pace.wait_ns(step * 10_000_000), 0);
        }
    }
}
