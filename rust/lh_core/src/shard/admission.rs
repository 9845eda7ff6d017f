//! What may wait in a shard, and when more is refused.

use lh_machine::{
    Command, Reply,
    internal::{self, command::Kind},
};
use prost::Message;
use tokio::sync::oneshot;

use super::{limits, log::Space};
use crate::ports::Failure;

/// Where the outcome of a command goes.
pub type Answer = oneshot::Sender<Result<Reply, Failure>>;

/// A command that waits for a batch.
pub struct Waiting {
    /// The command.
    pub command: Command,
    /// Who waits for it.
    pub answer: Option<Answer>,
    /// Records kept in memory for it.
    pub pins: Vec<Vec<u8>>,
    /// Epoch in which its records were seen in memory.
    pub epoch: u64,
    /// Its encoded size.
    pub bytes: usize,
}

impl Waiting {
    /// A command that has just arrived.
    pub fn new(command: Command, answer: Option<Answer>) -> Self {
        let bytes = command.encoded_len();
        Self { command, answer, pins: Vec::new(), epoch: 0, bytes }
    }
}

/// Why this command is refused now, with `queued` commands waiting; `None` = it is taken.
pub fn overload(command: &internal::Command, queued: usize, space: Space) -> Option<&'static str> {
    let starts_something = matches!(command.kind, Some(Kind::RunWf(_) | Kind::MetaWrite(_)));
    if space == Space::Full {
        return Some("the disk of the server is full; nothing is accepted until space is freed");
    }
    if queued >= limits::QUEUED_BEFORE_ALL_IS_REFUSED {
        return Some("the server is overloaded");
    }
    if starts_something && space == Space::Low {
        return Some(
            "the disk of the server is nearly full; new runs and definitions are refused until space is freed",
        );
    }
    if starts_something && queued >= limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED {
        return Some("the server is overloaded; new runs and definitions are refused for the moment");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(kind: Kind) -> Command {
        Command { tenant: "default".to_owned(), kind: Some(kind) }
    }

    /// Fault 7: below the reserve new runs are refused while running ones go on; a full disk refuses everything.
    #[test]
    fn new_runs_are_refused_first() {
        let run = command(Kind::RunWf(internal::RunWf::default()));
        let report = command(Kind::ReportTask(lh_machine::pb::ReportTaskRun::default()));
        assert!(overload(&run, 0, Space::Ample).is_none());
        assert!(overload(&run, 0, Space::Low).is_some());
        assert!(overload(&report, 0, Space::Low).is_none());
        assert!(overload(&report, 0, Space::Full).is_some());
        assert!(overload(&run, limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED, Space::Ample).is_some());
        assert!(overload(&report, limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED, Space::Ample).is_none());
        assert!(overload(&report, limits::QUEUED_BEFORE_ALL_IS_REFUSED, Space::Ample).is_some());
    }
}
