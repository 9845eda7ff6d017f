//! What must be done because a command was applied, in the order in which the runner does it.
//!
//! Writes are not listed here: they are the state's dirty set, taken by [`crate::State::take_flush`] (decision 002).

use crate::{Rejected, internal, pb};

/// Effects of one command. A follower and a restart perform none of them; the leader performs them in field order,
/// after the commit.
#[derive(Debug, Default)]
pub struct Effects {
    /// 1. Wake-ups to arm or to forget, in this order. One that comes too early or twice is harmless: the machine looks at its own deadlines.
    pub timers: Vec<Arm>,
    /// 2. Claimed tasks, to be written to the streams of their polls.
    pub tasks: Vec<Dispatch>,
    /// 3. Polls whose claim found nothing: they wait on, at their old place.
    pub returned_polls: Vec<u64>,
    /// 4. Messages to other shards, each until it is acknowledged.
    pub outbox: Vec<Outgoing>,
    /// While a command is applied: messages that still have no place in the outbox. Empty afterwards.
    pub(crate) unsent: Vec<Unsent>,
    /// 5. WorkflowEvents, for those who wait for them.
    pub thrown: Vec<Thrown>,
    /// Not to be performed: WfSpecs, by tenant and name, of which a run was stopped because it looped (03/E-307).
    pub looped: Vec<(String, String)>,
    /// 6. The caller's answer, last: whoever reads it can read the writes.
    pub reply: Option<Result<Reply, Rejected>>,
}

/// A wake-up: send `TimerDue` for this run once the clock has reached `due_ms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Milliseconds since the epoch.
    pub due_ms: i64,
    /// Tenant of the run.
    pub tenant: String,
    /// The run to wake.
    pub wf_run_id: pb::WfRunId,
    /// False: this wake-up, armed before, is not needed any more and should be forgotten. Firing it would be harmless, but
    /// every run that finishes would be fetched once more when its last timeout would have come.
    pub is_wanted: bool,
}

/// A task for a poll.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The poll that the claim named.
    pub poll_id: u64,
    /// What the worker gets.
    pub task: pb::ScheduledTask,
}

/// A WorkflowEvent that was thrown.
#[derive(Clone, Debug, PartialEq)]
pub struct Thrown {
    /// Tenant of the run.
    pub tenant: String,
    /// The event.
    pub event: pb::WorkflowEvent,
}

/// A message that has no place in the outbox yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unsent {
    pub(crate) target_shard: u32,
    pub(crate) tenant: String,
    pub(crate) message: internal::from_shard::Message,
}

/// A message to another shard.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Index of the receiving run shard.
    pub target_shard: u32,
    /// Position in this shard's outbox for that target.
    pub sequence: u64,
    /// What the target applies.
    pub command: internal::Command,
}

/// The answer of an accepted command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing but "done".
    Empty,
    /// `RunWf`.
    WfRun(Box<pb::WfRun>),
    /// `PutCorrelatedEvent`.
    CorrelatedEvent(Box<pb::CorrelatedEvent>),
    /// `PutExternalEvent`.
    ExternalEvent(Box<pb::ExternalEvent>),
    /// `PutCheckpoint`.
    Checkpoint(Box<pb::PutCheckpointResponse>),
    /// A change of a UserTaskRun that is answered with it.
    UserTaskRun(Box<pb::UserTaskRun>),
    /// `MetaWrite`: the outbox sequence after which every shard has the change.
    MetaWritten {
        /// Highest outbox sequence that this write caused.
        sequence: u64,
    },
}
