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
    /// Events that were claimed can be claimed again after a restart.
    EventClaimedAgain,
    /// A flush leaves out events that were claimed, and with them what recognises a second post.
    ClaimedEventLostAtFlush,
    /// A start forgets what was posted ahead to its run.
    EventPostedAheadLost,
    /// A message of another shard is taken in again when it is sent again.
    MessageTakenTwice,
    /// A failure gets two handlers.
    HandlerTwice,
    /// A parent that was read from the store does not hear that its child has ended.
    ChildEndUntold,
    /// A deleted run leaves its index entries.
    IndexLeftByDelete,
    /// The store keeps the record of a deleted run.
    DeletedRunKeptInStore,
    /// The end of a run starts no retention.
    RetentionForgotten,
    /// Deadlines of user tasks are forgotten at a restart.
    UserTaskDeadlineLostAtRestart,
    /// That a thread was stopped is forgotten at a restart.
    StopLostAtRestart,
    /// A user task that was completed can be completed again.
    CompletedAgain,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 29] = [
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
        Self::EventClaimedAgain,
        Self::ClaimedEventLostAtFlush,
        Self::EventPostedAheadLost,
        Self::MessageTakenTwice,
        Self::HandlerTwice,
        Self::ChildEndUntold,
        Self::IndexLeftByDelete,
        Self::DeletedRunKeptInStore,
        Self::RetentionForgotten,
        Self::UserTaskDeadlineLostAtRestart,
        Self::StopLostAtRestart,
        Self::CompletedAgain,
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
