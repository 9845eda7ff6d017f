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
    /// Departures from memory when its records were seen there.
    pub departures: u64,
    /// Its encoded size.
    pub bytes: usize,
}

impl Waiting {
    /// A command that has just arrived.
    pub fn new(command: Command, answer: Option<Answer>) -> Self {
        let bytes = command.encoded_len();
        Self { command, answer, pins: Vec::new(), departures: 0, bytes }
    }
}

/// How much waits in a shard.
#[derive(Debug, Default)]
pub struct Queued {
    commands: usize,
    bytes: usize,
}

impl Queued {
    /// A command waits from now on.
    pub fn add(&mut self, bytes: usize) {
        self.commands += 1;
        self.bytes += bytes;
    }

    /// A command that waited is in a batch.
    pub fn remove(&mut self, bytes: usize) {
        self.commands -= 1;
        self.bytes -= bytes;
    }

    /// The room that is left for a command of this size, where runs may take `memory_bytes`; a strained shard has none
    /// for new runs.
    pub fn room(&self, bytes: usize, memory_bytes: usize, is_strained: bool) -> Room {
        let is_below = |commands: usize, share: usize| {
            self.commands < commands && self.bytes + bytes <= (memory_bytes / share).max(limits::QUEUED_BYTES_MIN)
        };
        if !is_below(limits::QUEUED_BEFORE_ALL_IS_REFUSED, limits::QUEUED_SHARE_BEFORE_ALL_IS_REFUSED) {
            Room::None
        } else if is_strained
            || !is_below(limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED, limits::QUEUED_SHARE_BEFORE_NEW_RUNS_ARE_REFUSED)
        {
            Room::ForWhatRuns
        } else {
            Room::ForAll
        }
    }
}

/// What may still come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Everything.
    ForAll,
    /// Nothing that starts something.
    ForWhatRuns,
    /// Nothing.
    None,
}

/// Why this command is refused now; `None` = it is taken.
pub fn overload(command: &internal::Command, room: Room, space: Space) -> Option<&'static str> {
    let starts_something = matches!(command.kind, Some(Kind::RunWf(_) | Kind::MetaWrite(_)));
    if space == Space::Full {
        return Some("the disk of the server is full; nothing is accepted until space is freed");
    }
    if room == Room::None {
        return Some("the server is overloaded");
    }
    if starts_something && space == Space::Low {
        return Some(
            "the disk of the server is nearly full; new runs and definitions are refused until space is freed",
        );
    }
    if starts_something && room == Room::ForWhatRuns {
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
        assert!(overload(&run, Room::ForAll, Space::Ample).is_none());
        assert!(overload(&run, Room::ForAll, Space::Low).is_some());
        assert!(overload(&report, Room::ForAll, Space::Low).is_none());
        assert!(overload(&report, Room::ForAll, Space::Full).is_some());
        assert!(overload(&run, Room::ForWhatRuns, Space::Ample).is_some());
        assert!(overload(&report, Room::ForWhatRuns, Space::Ample).is_none());
        assert!(overload(&report, Room::None, Space::Ample).is_some());
    }

    /// Commands count by number and by size, and what is in a batch counts no longer.
    #[test]
    fn room_ends_by_number_and_by_size() {
        let memory = 1 << 30;
        let mut queued = Queued::default();
        assert_eq!(queued.room(1, memory, false), Room::ForAll);
        assert_eq!(queued.room(1, memory, true), Room::ForWhatRuns);
        assert_eq!(queued.room((memory >> 2) + 1, memory, false), Room::ForWhatRuns);
        assert_eq!(queued.room((memory >> 1) + 1, memory, false), Room::None);
        queued.add(memory >> 1);
        assert_eq!(queued.room(1, memory, false), Room::None);
        queued.remove(memory >> 1);
        assert_eq!(queued.room(limits::QUEUED_BYTES_MIN, 0, false), Room::ForAll, "a few commands always fit");
        for _ in 0..limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED {
            queued.add(1);
        }
        assert_eq!(queued.room(1, memory, false), Room::ForWhatRuns);
        for _ in limits::QUEUED_BEFORE_NEW_RUNS_ARE_REFUSED..limits::QUEUED_BEFORE_ALL_IS_REFUSED {
            queued.add(1);
        }
        assert_eq!(queued.room(1, memory, false), Room::None);
    }
}
