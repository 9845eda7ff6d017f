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
    },
    /// Its answer.
    Defined {
        /// Number of the call.
        call: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// `RunWf` was sent.
    Start {
        /// Number of the call.
        call: u64,
        /// Id of the WfRun.
        run: String,
        /// Name of the WfSpec.
        spec: String,
    },
    /// Its answer.
    Started {
        /// Number of the call.
        call: u64,
        /// How it ended.
        outcome: Outcome,
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
        /// `TASK_SUCCESS` or `TASK_FAILED`.
        status: String,
        /// The output or the error message; no two different reports carry the same.
        token: String,
    },
    /// Its answer.
    Reported {
        /// Number of the call.
        call: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A run was read.
    Seen {
        /// Id of the WfRun.
        run: String,
        /// Number of lines before the read was sent.
        asked: usize,
        /// What was there; `None` = `NOT_FOUND`.
        view: Option<RunView>,
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

/// A run as its readers see it. Its parts may have been read one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// Status of the WfRun.
    pub status: String,
    /// NodeRuns by thread and position.
    pub nodes: Vec<NodeView>,
    /// TaskRuns.
    pub tasks: Vec<TaskView>,
    /// Value of the variable to which every task's output is appended; `None` = not read.
    pub trail: Option<Vec<String>>,
}

/// A NodeRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// TASK: guid of its TaskRun, as `run/guid`.
    pub task: Option<String>,
}

/// A TaskRun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
