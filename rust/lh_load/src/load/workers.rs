//! Starting runs and doing tasks: poll streams that keep polls waiting, and a report for each task that arrives.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lh_proto::littlehorse::{
    PollTaskRequest, ReportTaskRun, RunWfRequest, ScheduledTask, TaskStatus, WfRun, report_task_run::Result as Outcome,
};
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    connection::Connection,
    definitions::{INPUT, text},
    ledger::{Ledger, payload, position, run_id},
    plan::{Pace, Plan},
};

/// Pause before a refused RunWf, a failed report or a broken stream is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Reports are retried as often as a patient worker would; then the run counts as unfinished.
const REPORT_ATTEMPTS: u32 = 5;

/// One drive: its settings, connections, and what happened.
pub struct Load {
    /// The settings.
    pub plan: Plan,
    /// All connections; used in turn.
    pub connections: Vec<Connection>,
    /// What happened.
    pub ledger: Ledger,
    /// Name of the WfSpec that is run.
    pub wf_spec: String,
    next_connection: AtomicUsize,
}

impl Load {
    /// A drive that has done nothing yet.
    pub fn new(plan: Plan, connections: Vec<Connection>, wf_spec: String) -> Self {
        let ledger = Ledger::new(plan.verify);
        Self { plan, connections, ledger, wf_spec, next_connection: AtomicUsize::new(0) }
    }

    /// Starts one run in the background, unless the drive is ending.
    pub fn start_run(self: &Arc<Self>) {
        if let Some(sequence) = self.ledger.begin_run() {
            tokio::spawn(Arc::clone(self).run_wf(sequence));
        }
    }

    /// Sends RunWf. With a fixed number in flight a refused start is tried again, so that the number holds.
    async fn run_wf(self: Arc<Self>, sequence: u64) {
        let turn = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let connection = &self.connections[turn % self.connections.len()];
        loop {
            let request = RunWfRequest {
                wf_spec_name: self.wf_spec.clone(),
                variables: [(INPUT.to_owned(), text(payload(sequence, self.plan.payload_bytes)))].into(),
                ..RunWfRequest::default()
            };
            self.ledger.sending(sequence);
            match connection.unary::<_, WfRun>("/littlehorse.LittleHorse/RunWf", request).await {
                Ok(_) => {
                    self.ledger.entries().runs_started += 1;
                    return;
                }
                Err(status) => {
                    let again = self.ledger.failed("RunWf", &status) && matches!(self.plan.pace, Pace::InFlight(_));
                    if !again {
                        return self.ledger.give_up(sequence);
                    }
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Keeps `polls` polls waiting on one stream for as long as the drive lasts.
    pub async fn work(self: Arc<Self>, connection: Connection, poll: PollTaskRequest, polls: usize) {
        loop {
            let status = self.serve_stream(&connection, &poll, polls).await;
            self.ledger.failed("PollTask", &status);
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Does the tasks of one stream until it ends; says how it ended.
    async fn serve_stream(self: &Arc<Self>, connection: &Connection, poll: &PollTaskRequest, polls: usize) -> Status {
        let (sender, receiver) = mpsc::unbounded_channel();
        // Sending fails only if the stream is gone, which the next read tells as well.
        (0..polls).for_each(|_| drop(sender.send(poll.clone())));
        let mut tasks = match connection.poll_task(receiver).await {
            Ok(tasks) => tasks,
            Err(status) => return status,
        };
        loop {
            let response = match tasks.message().await {
                Ok(Some(response)) => response,
                Ok(None) => return Status::unavailable("the server ended the stream"),
                Err(status) => return status,
            };
            drop(sender.send(poll.clone()));
            match response.result {
                Some(task) => {
                    self.ledger.received(&task);
                    tokio::spawn(Arc::clone(self).report(connection.clone(), task));
                }
                None => self.ledger.entries().empty_polls += 1,
            }
        }
    }

    /// Reports success with the task's input as its output, and starts the next run after the last task.
    async fn report(self: Arc<Self>, connection: Connection, task: ScheduledTask) {
        let run = run_id(&task).to_owned();
        let position = position(&task);
        let report = success(task);
        for _ in 0..REPORT_ATTEMPTS {
            let sent = Instant::now();
            match connection.unary::<_, ()>("/littlehorse.LittleHorse/ReportTask", report.clone()).await {
                Ok(()) => {
                    let finished = self.ledger.reported(&run, position, self.plan.length, sent.elapsed());
                    if finished && matches!(self.plan.pace, Pace::InFlight(_)) {
                        self.start_run();
                    }
                    return;
                }
                Err(status) => {
                    self.ledger.failed("ReportTask", &status);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}

fn success(task: ScheduledTask) -> ReportTaskRun {
    let output = task.variables.into_iter().next().and_then(|variable| variable.value).unwrap_or_default();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ReportTaskRun {
        task_run_id: task.task_run_id,
        time: Some(prost_types::Timestamp {
            seconds: since_epoch.as_secs().try_into().unwrap_or_default(),
            nanos: since_epoch.subsec_nanos().try_into().unwrap_or_default(),
        }),
        status: TaskStatus::TaskSuccess.into(),
        attempt_number: task.attempt_number,
        result: Some(Outcome::Output(output)),
        ..ReportTaskRun::default()
    }
}
