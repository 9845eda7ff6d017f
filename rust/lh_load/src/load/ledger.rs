//! What happened during a drive: counts, latencies, and everything that must not happen.
//!
//! A run counts as finished when the report of its last task was acknowledged; the chain visits positions 1, 2, ...,
//! so any other order of deliveries (a task twice, one skipped, one of a foreign run) is seen at once.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lh_proto::littlehorse::{ScheduledTask, task_run_source::TaskRunSource, variable_value::Value};
use tokio::sync::Notify;
use tonic::{Code, Status};

/// Length of the hexadecimal sequence number at the start of every payload.
const SEQUENCE_DIGITS: usize = 16;

/// Pause between two looks at a count.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Everything known about a drive so far.
#[derive(Debug, Default)]
pub struct Entries {
    /// False once no new run may start.
    stopping: bool,
    /// True inside the measured window.
    recording: bool,
    next_sequence: u64,
    /// Runs begun and not finished or given up.
    pub live: usize,
    /// When the RunWf with this sequence number was sent, until its first task arrives.
    sent: HashMap<u64, Instant>,
    /// Position of the next task that a run may deliver.
    expected: HashMap<String, u32>,
    /// RunWf answered OK.
    pub runs_started: u64,
    /// Last report acknowledged.
    pub runs_finished: u64,
    /// Tasks that came out of polls.
    pub tasks_received: u64,
    /// Reports acknowledged.
    pub tasks_reported: u64,
    /// Tasks that were not the next one of their run.
    pub misdelivered: u64,
    /// Poll answers without a task.
    pub empty_polls: u64,
    /// Calls that were refused for the moment, with the time after which to ask again, by RPC.
    pub refused: BTreeMap<String, u64>,
    /// Calls that failed otherwise by `<Rpc> <status code>`.
    pub errors: BTreeMap<String, u64>,
    /// Reports acknowledged inside the window.
    pub window_tasks: u64,
    /// Runs finished inside the window.
    pub window_runs: u64,
    /// Round trips of reports inside the window, in microseconds.
    pub report_micros: Vec<u32>,
    /// RunWf sent → first task received, inside the window, in microseconds.
    pub schedule_micros: Vec<u32>,
    /// Ids of finished runs, evenly spread over the drive.
    pub sample: Sample,
}

/// `RESOURCE_EXHAUSTED` with a RetryInfo: overload, and not something that is too large.
fn is_refused_for_now(status: &Status) -> bool {
    const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";
    status.code() == Code::ResourceExhausted
        && status.details().windows(RETRY_INFO.len()).any(|part| part == RETRY_INFO)
}

/// Up to `2 * wanted` ids, evenly spread over all that were offered.
#[derive(Debug, Default)]
pub struct Sample {
    wanted: usize,
    stride: u64,
    offered: u64,
    ids: Vec<String>,
}

impl Sample {
    fn offer(&mut self, id: String) {
        if self.wanted > 0 && self.offered.is_multiple_of(self.stride) {
            self.ids.push(id);
        }
        self.offered += 1;
        if self.ids.len() >= 2 * self.wanted.max(1) {
            let mut keep = false;
            self.ids.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
    }

    /// At most `wanted` of the ids.
    pub fn take(&self) -> Vec<String> {
        let step = self.ids.len().div_ceil(self.wanted.max(1)).max(1);
        self.ids.iter().step_by(step).cloned().collect()
    }
}

/// The shared [`Entries`].
#[derive(Debug)]
pub struct Ledger {
    entries: Mutex<Entries>,
    run_ended: Notify,
}

impl Ledger {
    /// An empty ledger that keeps the ids of `sample` finished runs.
    pub fn new(sample: usize) -> Self {
        let sample = Sample { wanted: sample, stride: 1, ..Sample::default() };
        Self { entries: Mutex::new(Entries { sample, ..Entries::default() }), run_ended: Notify::new() }
    }

    /// The entries, locked. Never held across an await.
    pub fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new run: its sequence number, or `None` if no run may start any more.
    pub fn begin_run(&self) -> Option<u64> {
        let mut entries = self.entries();
        if entries.stopping {
            return None;
        }
        entries.live += 1;
        entries.next_sequence += 1;
        Some(entries.next_sequence)
    }

    /// The RunWf with this sequence number goes out now.
    pub fn sending(&self, sequence: u64) {
        self.entries().sent.insert(sequence, Instant::now());
    }

    /// The RunWf was refused for good.
    pub fn give_up(&self, sequence: u64) {
        let mut entries = self.entries();
        entries.sent.remove(&sequence);
        entries.live -= 1;
        self.run_ended.notify_one();
    }

    /// A call failed; true if it is worth trying again (the drive goes on).
    pub fn failed(&self, rpc: &str, status: &Status) -> bool {
        let mut entries = self.entries();
        if is_refused_for_now(status) {
            *entries.refused.entry(rpc.to_owned()).or_default() += 1;
        } else {
            *entries.errors.entry(format!("{rpc} {:?}", status.code())).or_default() += 1;
        }
        !entries.stopping
    }

    /// A task came out of a poll.
    pub fn received(&self, task: &ScheduledTask) {
        let now = Instant::now();
        let position = position(task);
        let run = run_id(task);
        let mut entries = self.entries();
        entries.tasks_received += 1;
        let next = match entries.expected.get_mut(run) {
            Some(next) => next,
            None => entries.expected.entry(run.to_owned()).or_insert(1),
        };
        if *next != position {
            entries.misdelivered += 1;
            return;
        }
        *next += 1;
        if position == 1
            && let Some(sent) = sequence(task).and_then(|sequence| entries.sent.remove(&sequence))
            && entries.recording
        {
            entries.schedule_micros.push(micros(now - sent));
        }
    }

    /// A report was acknowledged after `round_trip`. True if it finished its run.
    pub fn reported(&self, run: &str, position: u32, length: u32, round_trip: Duration) -> bool {
        let finished = position == length;
        let mut entries = self.entries();
        entries.tasks_reported += 1;
        if entries.recording {
            entries.window_tasks += 1;
            entries.window_runs += u64::from(finished);
            entries.report_micros.push(micros(round_trip));
        }
        if finished && let Some((id, _)) = entries.expected.remove_entry(run) {
            entries.runs_finished += 1;
            entries.live -= 1;
            entries.sample.offer(id);
            self.run_ended.notify_one();
        }
        finished
    }

    /// Starts or ends the measured window.
    pub fn record(&self, on: bool) {
        self.entries().recording = on;
    }

    /// Waits until `tasks` reports were acknowledged since the drive began, or for `longest`; always for `longest` without
    /// a number. It looks once in a while instead of being told, so that a report costs the same with and without.
    pub async fn until_reported(&self, tasks: Option<u64>, longest: Duration) {
        let Some(tasks) = tasks else { return tokio::time::sleep(longest).await };
        let enough = async {
            while self.entries().tasks_reported < tasks {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        // A window that ends by time is as good, only longer.
        drop(tokio::time::timeout(longest, enough).await);
    }

    /// No run starts from now on; waits until none is live, or `patience` is over.
    pub async fn drain(&self, patience: Duration) {
        self.entries().stopping = true;
        let all_ended = async {
            while self.entries().live > 0 {
                self.run_ended.notified().await;
            }
        };
        // Whoever is still live afterwards is reported as unfinished.
        drop(tokio::time::timeout(patience, all_ended).await);
    }
}

/// The id of the run that a task belongs to.
pub fn run_id(task: &ScheduledTask) -> &str {
    let id = task.task_run_id.as_ref().and_then(|id| id.wf_run_id.as_ref());
    id.map_or("", |id| id.id.as_str())
}

/// The position of a task's NodeRun (03/E-204: ENTRYPOINT is 0); 0 if the source is missing, which no task may have.
pub fn position(task: &ScheduledTask) -> u32 {
    match task.source.as_ref().and_then(|source| source.task_run_source.as_ref()) {
        Some(TaskRunSource::TaskNode(node)) => {
            node.node_run_id.as_ref().map_or(0, |id| id.position.try_into().unwrap_or(0))
        }
        _ => 0,
    }
}

fn sequence(task: &ScheduledTask) -> Option<u64> {
    match task.variables.first()?.value.as_ref()?.value.as_ref()? {
        Value::Str(text) => u64::from_str_radix(text.get(..SEQUENCE_DIGITS)?, 16).ok(),
        _ => None,
    }
}

/// A payload of `bytes` bytes that starts with the sequence number.
pub fn payload(sequence: u64, bytes: usize) -> String {
    let mut text = format!("{sequence:0SEQUENCE_DIGITS$x}");
    while text.len() < bytes {
        text.push('x');
    }
    text
}

fn micros(duration: Duration) -> u32 {
    duration.as_micros().try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use lh_proto::littlehorse::{
        NodeRunId, TaskNodeReference, TaskRunId, TaskRunSource as Source, VarNameAndVal, WfRunId,
    };

    use super::*;

    fn task(run: &str, position: i32, sequence: u64) -> ScheduledTask {
        let wf_run_id = Some(WfRunId { id: run.to_owned(), parent_wf_run_id: None });
        let node = NodeRunId { wf_run_id: wf_run_id.clone(), thread_run_number: 0, position };
        let value = Some(crate::load::definitions::text(payload(sequence, 20)));
        ScheduledTask {
            task_run_id: Some(TaskRunId { wf_run_id, task_guid: String::new() }),
            variables: vec![VarNameAndVal { value, ..VarNameAndVal::default() }],
            source: Some(Source {
                task_run_source: Some(TaskRunSource::TaskNode(TaskNodeReference { node_run_id: Some(node) })),
                wf_spec_id: None,
            }),
            ..ScheduledTask::default()
        }
    }

    #[test]
    fn a_run_finishes_with_the_report_of_its_last_task() {
        let ledger = Ledger::new(1);
        let sequence = ledger.begin_run();
        ledger.sending(1);
        ledger.record(true);
        ledger.received(&task("a", 1, 1));
        assert!(!ledger.reported("a", 1, 2, Duration::from_millis(2)));
        ledger.received(&task("a", 2, 1));
        assert!(ledger.reported("a", 2, 2, Duration::from_millis(4)));
        let entries = ledger.entries();
        assert_eq!((sequence, entries.live, entries.runs_finished, entries.misdelivered), (Some(1), 0, 1, 0));
        assert_eq!((entries.window_tasks, entries.window_runs), (2, 1));
        assert_eq!((&entries.report_micros[..], entries.schedule_micros.len()), (&[2000, 4000][..], 1));
        assert_eq!(entries.sample.take(), ["a"]);
    }

    #[test]
    fn a_task_twice_one_skipped_or_one_of_a_finished_run_is_misdelivered() {
        let ledger = Ledger::new(0);
        assert!(ledger.begin_run().is_some());
        for (position, misdelivered) in [(1, 0), (1, 1), (3, 2), (2, 2)] {
            ledger.received(&task("a", position, 1));
            assert_eq!(ledger.entries().misdelivered, misdelivered, "position {position}");
        }
        assert!(ledger.reported("a", 2, 2, Duration::ZERO));
        ledger.received(&task("a", 2, 1));
        assert_eq!(ledger.entries().misdelivered, 3);
    }

    #[test]
    fn a_sample_is_spread_over_the_whole_drive() {
        let mut sample = Sample { wanted: 4, stride: 1, ..Sample::default() };
        (0..1000).for_each(|number: u32| sample.offer(number.to_string()));
        let numbers: Vec<u32> = sample.take().iter().filter_map(|id| id.parse().ok()).collect();
        assert!(
            (2..=4).contains(&numbers.len()) && numbers[0] < 250 && numbers[numbers.len() - 1] >= 500,
            "{numbers:?}"
        );
    }
}
