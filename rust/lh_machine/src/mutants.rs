//! Bugs planted on purpose, to show that the simulator's checker finds them. Without the feature `mutants` none of them
//! can be switched on, and the compiler leaves nothing of them.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The log answers without having synced.
    AckBeforeSync,
    /// A sync that failed is taken for one that did not.
    FailedSyncIgnored,
    /// A record whose payload does not match its checksum is taken from the log.
    TornTailAccepted,
    /// The log is cut behind what the store has, not behind what it persisted.
    LogCutTooEarly,
    /// Armed wake-ups are forgotten at a restart.
    TimersLostAtRestart,
    /// Undelivered messages between shards are forgotten at a restart.
    OutboxLostAtRestart,
    /// Queued attempts that the store holds are forgotten at a restart.
    QueueLostAtRestart,
    /// Batches of the log are applied twice while it is replayed.
    AppliedTwiceAfterRestart,
    /// A flush does not say up to which entry it goes.
    FlushWithoutApplied,
    /// Index entries that are not true any more stay.
    IndexEntryKept,
    /// A batch is stamped with a clock that was set back.
    StampGoesBack,
    /// A claim leaves the attempt in its queue and does not look whether it was claimed before.
    DoubleClaim,
    /// A report is accepted although one was accepted before.
    ReportTwice,
    /// A claim sets no deadline.
    TimeoutForgotten,
    /// A retry does not wait for its backoff.
    BackoffSkipped,
    /// Runs are evicted although the store does not have their last change.
    DirtyRunEvicted,
    /// A start does not look whether the run exists.
    StartTwice,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::AckBeforeSync,
        Self::FailedSyncIgnored,
        Self::TornTailAccepted,
        Self::LogCutTooEarly,
        Self::TimersLostAtRestart,
        Self::OutboxLostAtRestart,
        Self::QueueLostAtRestart,
        Self::AppliedTwiceAfterRestart,
        Self::FlushWithoutApplied,
        Self::IndexEntryKept,
        Self::StampGoesBack,
        Self::DoubleClaim,
        Self::ReportTwice,
        Self::TimeoutForgotten,
        Self::BackoffSkipped,
        Self::DirtyRunEvicted,
        Self::StartTwice,
    ];
}

/// Whether this bug is switched on for the present thread.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn is_on(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
thread_local! {
    static PRESENT: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is switched on for the present thread.
#[cfg(feature = "mutants")]
pub fn is_on(mutant: Mutant) -> bool {
    PRESENT.get() == Some(mutant)
}

/// Switches a bug on for the present thread, or all off.
#[cfg(feature = "mutants")]
pub fn switch(mutant: Option<Mutant>) {
    PRESENT.set(mutant);
}
