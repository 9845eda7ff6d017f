//! Where TaskRuns are kept: at the NodeRun of their TASK node, or as reminders at that of a user task.

use super::Run;
use crate::{
    internal::{NodeRecord, TaskState, deadline::Kind},
    pb::{self, TaskStatus},
};

/// Where a TaskRun is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskAt {
    /// Thread and position of its NodeRun.
    pub place: (i32, i32),
    /// Of a reminder: the index of its entry in the events of the UserTaskRun.
    pub reminder: Option<i32>,
}

impl TaskAt {
    /// The TaskRun of a TASK node.
    pub fn node(place: (i32, i32)) -> Self {
        Self { place, reminder: None }
    }

    /// Reads a task guid: `thread-position-digest`, of a reminder `ut-thread-position-event-digest` (06/U-65, 04/TW-76).
    pub fn parse(guid: &str) -> Option<Self> {
        let (rest, is_reminder) = match guid.strip_prefix("ut-") {
            Some(rest) => (rest, true),
            None => (guid, false),
        };
        let mut parts = rest.split('-');
        let mut number = || parts.next()?.parse::<i32>().ok().filter(|number| *number >= 0);
        let place = (number()?, number()?);
        let reminder = if is_reminder { Some(number()?) } else { None };
        parts.next()?;
        Some(Self { place, reminder })
    }

    /// The guid of the TaskRun that is kept here, with the digest of its run.
    pub fn guid(&self, suffix: &str) -> String {
        let (thread, position) = self.place;
        match self.reminder {
            Some(event) => format!("ut-{thread}-{position}-{event}-{suffix}"),
            None => format!("{thread}-{position}-{suffix}"),
        }
    }

    /// The TaskRun in the record of its NodeRun.
    pub fn find<'a>(&self, record: &'a NodeRecord) -> Option<&'a pb::TaskRun> {
        match self.reminder {
            None => record.task_run.as_ref(),
            Some(event) => record.reminders.iter().find(|reminder| reminder.event_number == event)?.task_run.as_ref(),
        }
    }

    /// The private state of the TaskRun in the record of its NodeRun.
    pub fn find_state<'a>(&self, record: &'a NodeRecord) -> Option<&'a TaskState> {
        match self.reminder {
            None => record.task_state.as_ref(),
            Some(event) => record.reminders.iter().find(|reminder| reminder.event_number == event)?.task_state.as_ref(),
        }
    }
}

impl Run {
    /// The TaskRun at a place.
    pub fn task(&self, at: TaskAt) -> Option<&pb::TaskRun> {
        at.find(self.nodes.get(&at.place)?)
    }

    /// The TaskRun at a place and its private state, to be changed.
    pub fn task_mut(&mut self, at: TaskAt) -> Option<(&mut pb::TaskRun, &mut TaskState)> {
        let record = self.nodes.get_mut(&at.place)?;
        match at.reminder {
            None => record.task_run.as_mut().zip(record.task_state.as_mut()),
            Some(event) => {
                let reminder = record.reminders.iter_mut().find(|reminder| reminder.event_number == event)?;
                reminder.task_run.as_mut().zip(reminder.task_state.as_mut())
            }
        }
    }
}

/// All TaskRuns of a NodeRun.
pub fn all(record: &NodeRecord) -> impl Iterator<Item = &pb::TaskRun> {
    record.task_run.iter().chain(record.reminders.iter().filter_map(|reminder| reminder.task_run.as_ref()))
}

/// True while an attempt waits, is worked on, or will be made.
pub fn is_open(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::TaskScheduled | TaskStatus::TaskRunning | TaskStatus::TaskPending)
}

/// True while a reminder of the NodeRun can still be claimed or reported: reminders outlive their NodeRun (06/U-66).
pub fn has_open_reminder(record: &NodeRecord) -> bool {
    record.reminders.iter().filter_map(|reminder| reminder.task_run.as_ref()).any(|task| is_open(task.status()))
}

/// Forgets timeout and retry of the TaskRun.
pub fn forget_deadlines(run: &mut Run, at: TaskAt) {
    run.deadlines.retain(|deadline| {
        let reminder = match &deadline.kind {
            Some(Kind::TaskTimeout(timeout)) => timeout.reminder,
            Some(Kind::TaskRetry(retry)) => retry.reminder,
            _ => return true,
        };
        (deadline.thread_run_number, deadline.position) != at.place || reminder != at.reminder
    });
}
