//! What one invocation does.
use std::time::Duration;

/// When runs start.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// This many runs are in flight at any time: a new one starts when one finishes (closed loop).
    InFlight(usize),
    /// Runs start at this rate whatever the server does (open loop), so a slow server cannot slow the questions down.
    PerSecond(f64),
}

/// All settings of a drive; `USAGE` in `main.rs` says what each means.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the subcommand, repeated in the output.
    pub case: &'static str,
    /// When runs start.
    pub pace: Pace,
    /// `HOST:PORT` of the server.
    pub server: String,
    /// Process id of the server, if its CPU time shall be measured.
    pub server_process: Option<u32>,
    /// TASK nodes per run.
    pub length: u32,
    /// Instead of a chain of `length` TASK nodes: two TASK nodes that lead to each other, visited `length` times together.
    pub is_loop: bool,
    /// Seconds that an attempt of a task may take. Its deadline outlives the task: what a server does about deadlines
    /// of tasks that are done shows only in drives longer than this.
    pub task_timeout_s: i32,
    /// The measured window; at most this long if `window_tasks` is set.
    pub window: Duration,
    /// Load before the window; at most this long if `warmup_tasks` is set.
    pub warmup: Duration,
    /// The window begins once this many tasks were reported.
    pub warmup_tasks: Option<u64>,
    /// The window ends once this many tasks were reported in it.
    pub window_tasks: Option<u64>,
    /// HTTP/2 connections.
    pub connections: usize,
    /// Poll streams per connection.
    pub streams: usize,
    /// Polls kept waiting, over all streams.
    pub polls: usize,
    /// Length of the STR that each run, task input and task output carries.
    pub payload_bytes: usize,
    /// How long runs in flight may take to finish after the window.
    pub drain: Duration,
    /// How many finished runs are read back.
    pub verify: usize,
}
