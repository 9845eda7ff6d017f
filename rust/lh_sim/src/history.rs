//! What clients, workers and operators saw, as JSON lines: all that the checker looks at.
//!
//! A test on real processes can write the same lines. Times are milliseconds since the epoch; a line's `wall_ms` is the
//! latest time that any clock of the servers had shown when it was written. The order of the lines is real-time order.

use std::{
    fmt::Write,
    io::{self, BufRead},
};

use serde::{Deserialize, Serialize};

/// How a call ended, as far as its caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Acknowledged.
    Ok,
    /// `ALREADY_EXISTS`.
    Exists,
    /// `NOT_FOUND`.
    NotFound,
    /// Refused in words that say that it was not executed.
    Refused,
    /// No answer, or one that says nothing: it may have happened, or may happen later.
    Unknown,
}

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Latest wall time that any server can have seen by now.
    pub wall_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A definition was sent.
    Define {
        /// Number of the call.
        call: u64,
        /// Name of the WfSpec.
        spec: String,
        /// Time after which its runs are deleted once they have ended, in ms.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_ms: Option<i64>,
        /// It has no loops, and nobody rescues its runs: a thread reaches none of its nodes twice.
        #[serde(default, skip_serializing_if = "is_false")]
        once: bool,
    },
    /// `RunWf` was sent.
    Start {
        /// Number of the call.
        call: u64,
        /// Id of the WfRun.
        run: String,
        /// Name of the WfSpec.
        spec: String,
        /// What the run can be searched by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<String>,
    },
    /// A worker received an attempt.
    Delivered {
        /// Id of the worker.
        worker: String,
        /// WfRun and guid of the TaskRun, as `run/guid`.
        task: String,
        /// Number of the attempt, from 0.
        attempt: usize,
    },
    /// `ReportTask` was sent.
    Report {
        /// Number of the call.
        call: u64,
        /// The TaskRun, as in `Delivered`.
        task: String,
        /// Number of the attempt.
        attempt: usize,
        /// `TASK_SUCCESS`, `TASK_FAILED` or `TASK_EXCEPTION`.
        status: String,
        /// The output or the error message; no two different reports carry the same.
        token: String,
    },
    /// `PutExternalEvent` was sent.
    Post {
        /// Number of the call.
        call: u64,
        /// The WfRun.
        run: String,
        /// ExternalEventDef and guid, as `definition/guid`.
        id: String,
        /// The content, the same whenever this event is sent and in no other event.
        token: String,
    },
    /// `PutCorrelatedEvent` was sent.
    Correlate {
        /// Number of the call.
        call: u64,
        /// ExternalEventDef and key, as `definition/key`.
        id: String,
        /// The content, in no other event.
        token: String,
    },
    /// Somebody did something to a UserTaskRun.
    Handle {
        /// Number of the call.
        call: u64,
        /// WfRun and guid of the UserTaskRun, as `run/guid`.
        task: String,
        /// What.
        action: Action,
        /// COMPLETE: the result, in no other call.
        token: String,
    },
    /// An operator did something to a WfRun.
    Operate {
        /// Number of the call.
        call: u64,
        /// The WfRun.
        run: String,
        /// Number of the ThreadRun.
        thread: i32,
        /// What.
        action: Action,
    },
    /// The answer of a call.
    Answered {
        /// Number of the call.
        call: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// Somebody who awaits WorkflowEvents was told one.
    Told {
        /// The WfRun.
        run: String,
        /// WorkflowEventDef and number, as `definition/number`.
        id: String,
        /// Its content.
        token: String,
    },
    /// Somebody who awaits all WorkflowEvents of a WfRun waited until nothing was left to wait for.
    Listened {
        /// The WfRun.
        run: String,
    },
    /// Runs were searched.
    Found {
        /// What they were searched by.
        batch: String,
        /// Number of lines before the search was sent.
        asked: usize,
        /// Ids of the WfRuns that it found.
        runs: Vec<String>,
    },
    /// A run was read.
    Seen {
        /// Id of the WfRun; of a child all ids from the root on, joined by `_`.
        run: String,
        /// Number of lines before the read was sent.
        asked: usize,
        /// What was there; `None` = `NOT_FOUND`.
        view: Option<Box<RunView>>,
        /// Objects that were found although the WfRun was not: kinds, and ids where others could have made them since.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// A CorrelatedEvent was read.
    Kept {
        /// ExternalEventDef and key, as `definition/key`.
        id: String,
        /// Its content; `None` = `NOT_FOUND`.
        token: Option<String>,
    },
    /// A server ended.
    Ended {
        /// Why.
        how: String,
    },
    /// A server serves.
    Serving,
    /// From here on there are no faults, and every run must come to its end.
    Calm,
    /// All is over; what is still unfinished will never be finished.
    Over,
}

/// What people do to UserTaskRuns and operators to WfRuns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// AssignUserTaskRun.
    Assign,
    /// SaveUserTaskRunProgress.
    Save,
    /// PutUserTaskRunComment.
    Comment,
    /// CompleteUserTaskRun.
    Complete,
    /// CancelUserTaskRun.
    Cancel,
    /// StopWfRun.
    Stop,
    /// ResumeWfRun.
    Resume,
    /// RescueThreadRun.
    Rescue,
    /// DeleteWfRun.
    Delete,
}

/// A run as its readers see it. Its parts may have been read one after the other. What nobody looked at is left out of the
/// JSON: who writes a history of real processes leaves out what their runs do not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunView {
    /// Name of its WfSpec.
    pub spec: String,
    /// Status of the WfRun.
    pub status: String,
    /// It had COMPLETED before any part of it was read.
    pub is_whole: bool,
    /// When it was started.
    pub start_ms: i64,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// Its ThreadRuns by number.
    pub threads: Vec<ThreadView>,
    /// NodeRuns by thread and position.
    pub nodes: Vec<NodeView>,
    /// TaskRuns.
    pub tasks: Vec<TaskView>,
    /// UserTaskRuns.
    pub user_tasks: Vec<UserTaskView>,
    /// ExternalEvents.
    pub events: Vec<EventView>,
    /// WorkflowEvents.
    pub thrown: Vec<ThrownView>,
    /// Value of the variable to which every output of tasks and events and every result of a user task is appended;
    /// `None` = not read.
    pub trail: Option<Vec<String>>,
}

/// A ThreadRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThreadView {
    /// Its number.
    pub number: i32,
    /// Its type.
    pub kind: String,
    /// Its status.
    pub status: String,
    /// Number of its parent.
    pub parent: Option<i32>,
    /// INTERRUPT: the ExternalEvent, as `definition/guid`. FAILURE_HANDLER of a node: thread, position and number of the
    /// failure, as `1/2/0`.
    pub serves: Option<String>,
    /// Somebody has stopped it.
    pub is_stopped: bool,
}

/// An ExternalEvent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventView {
    /// Definition and guid, as `definition/guid`.
    pub id: String,
    /// Its content.
    pub token: String,
    /// Something took it.
    pub claimed: bool,
    /// Thread for which it is or which took it.
    pub thread: Option<i32>,
    /// Position for which it is or which took it.
    pub position: Option<i32>,
}

/// A WorkflowEvent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrownView {
    /// Definition.
    pub definition: String,
    /// Number, from 0.
    pub number: i32,
    /// Its content.
    pub token: String,
    /// Thread and position of the NodeRun that threw it.
    pub place: (i32, i32),
}

/// A UserTaskRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserTaskView {
    /// WfRun and guid, as `run/guid`.
    pub task: String,
    /// Its status.
    pub status: String,
    /// Who has it.
    pub user: Option<String>,
    /// Number of assignments.
    pub epoch: i32,
    /// Entries of its log.
    pub log: usize,
    /// The result.
    pub token: Option<String>,
    /// When it was reached.
    pub scheduled_ms: i64,
    /// Time after which it is cancelled by itself, in ms.
    pub deadline_ms: Option<i64>,
}

/// A NodeRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeView {
    /// Number of its thread.
    pub thread: i32,
    /// Its position.
    pub position: i32,
    /// Name of its node.
    pub node: String,
    /// Its status.
    pub status: String,
    /// When it was reached.
    pub arrival_ms: i64,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// SLEEP: when it is over.
    pub matures_ms: Option<i64>,
    /// TASK: guid of its TaskRun, as `run/guid`. USER_TASK: that of its UserTaskRun.
    pub task: Option<String>,
    /// Number of its failures.
    pub failures: usize,
    /// EXTERNAL_EVENT: definition and guid of the event that it took, as `definition/guid`. THROW_EVENT: definition and
    /// number of what it threw.
    pub event: Option<String>,
    /// EXTERNAL_EVENT: its definition, and after a slash its correlation key if it has one.
    pub awaits: Option<String>,
    /// RUN_CHILD_WF, WAIT_FOR_CHILD_WF: the child, named as in [`Event::Seen`].
    pub child: Option<String>,
}

/// A TaskRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskView {
    /// WfRun and guid, as `run/guid`.
    pub task: String,
    /// Its status.
    pub status: String,
    /// Time that an attempt has.
    pub timeout_ms: i64,
    /// Most attempts.
    pub total_attempts: usize,
    /// Shortest pause before a retry.
    pub backoff_ms: i64,
    /// Its attempts.
    pub attempts: Vec<AttemptView>,
}

/// An attempt of a TaskRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttemptView {
    /// Its status.
    pub status: String,
    /// Who got it; empty = nobody yet.
    pub worker: String,
    /// When it was scheduled.
    pub schedule_ms: Option<i64>,
    /// When it was claimed.
    pub start_ms: Option<i64>,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// Its output or error message.
    pub token: Option<String>,
}

/// True for a status of WfRuns, ThreadRuns and NodeRuns that never changes again.
pub fn is_final(status: &str) -> bool {
    matches!(status, "COMPLETED" | "ERROR" | "EXCEPTION")
}

/// True for a status of attempts that never changes again.
pub fn is_final_attempt(status: &str) -> bool {
    !matches!(status, "TASK_PENDING" | "TASK_SCHEDULED" | "TASK_RUNNING")
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A line of a history; our own types always can be written.
pub fn to_json(line: &Line) -> String {
    serde_json::to_string(line).unwrap_or_else(|error| format!("{{\"unwritable\":\"{error}\"}}"))
}

/// The whole history as JSON lines.
pub fn to_json_lines(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", to_json(line));
    }
    text
}

/// Reads JSON lines; empty ones are skipped.
///
/// # Errors
/// The source failed, or a line is none of a history; the message names its number.
pub fn read_json_lines(source: impl BufRead) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            let parsed = serde_json::from_str(&line);
            lines.push(parsed.map_err(|error| io::Error::other(format!("line {}: {error}", number + 1)))?);
        }
    }
    Ok(lines)
}
