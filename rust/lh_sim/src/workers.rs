//! Task workers: most do what they should; some die with a task in hand, are late, report twice, or lie.

use std::{sync::Arc, time::Duration};

use lh_core::front::doors::{Delivery, Polls};
use lh_machine::{internal::command::Kind, pb};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{sleep, timeout},
};

use crate::{
    clients::call,
    history::{Event, Outcome},
    random::Random,
    server::Running,
    specs,
    view::task_name,
    world::World,
};

/// Tries of a report whose outcome is not known.
const TRIES: usize = 20;

/// Time without a task after which a worker polls for another TaskDef.
const CHANGE_AFTER: Duration = Duration::from_secs(2);

/// What a worker does with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Reports once, again only if it does not know whether it arrived.
    Honest,
    /// Never reports, and its stream breaks.
    Dies,
    /// Reports after the timeout.
    Late,
    /// Reports the same again although it was acknowledged.
    Twice,
    /// Reports something else again.
    Lies,
}

/// Works until its task is aborted; every stream has another client id.
pub async fn work(world: Arc<World>, name: String, mut random: Random) {
    for life in 0_u64.. {
        let server = world.reach().await;
        let worker = format!("{name}-{life}");
        let (stream, deliveries) = server.runner.tasks.open_stream(specs::TENANT);
        let mut at_work = AtWork { world: &world, server: &server, worker: &worker, stream, deliveries };
        at_work.serve(&mut random).await;
        at_work.leave();
        sleep(Duration::from_millis(random.within(1..400))).await;
    }
}

/// A worker with its stream.
struct AtWork<'a> {
    world: &'a Arc<World>,
    server: &'a Arc<Running>,
    worker: &'a str,
    stream: u64,
    deliveries: UnboundedReceiver<Delivery>,
}

impl AtWork<'_> {
    /// Polls and works until the stream breaks.
    async fn serve(&mut self, random: &mut Random) {
        loop {
            let task_def = specs::task_def(random.within(0..self.world.plan.task_defs));
            let request = pb::PollTaskRequest {
                task_def_id: Some(pb::TaskDefId { name: task_def }),
                client_id: self.worker.to_owned(),
                ..Default::default()
            };
            if self.server.runner.tasks.poll(self.stream, request).is_err() {
                return;
            }
            match timeout(CHANGE_AFTER, self.deliveries.recv()).await {
                Ok(Some(Delivery::Task { task, .. })) => {
                    if !self.handle(*task, random).await {
                        return;
                    }
                }
                Ok(_) => return,
                Err(_) if self.server.power.is_off() || random.chance(20) => return,
                // The next poll waits beside this one.
                Err(_) => {}
            }
        }
    }

    /// False if the worker is gone afterwards.
    async fn handle(&mut self, task: pb::ScheduledTask, random: &mut Random) -> bool {
        let name = task_name(task.task_run_id.as_ref());
        let attempt = task.attempt_number.max(0) as usize;
        self.world.note(Event::Delivered { worker: self.worker.to_owned(), task: name, attempt });
        let plan = self.world.plan;
        let manner = if !self.world.is_calm() && random.chance(plan.odd_percent) {
            *random.pick(&[Manner::Dies, Manner::Late, Manner::Twice, Manner::Lies])
        } else {
            Manner::Honest
        };
        if manner == Manner::Dies {
            return false;
        }
        let pause_ms = if manner == Manner::Late { random.within(1_500..12_000) } else { random.within(1..150) };
        let reporter = Reporter { world: self.world.clone(), task, worker: self.worker.to_owned() };
        let is_busy = random.chance(70);
        let reporting = reporter.run(manner, pause_ms, random.fork());
        if is_busy {
            reporting.await;
        } else {
            tokio::spawn(reporting);
        }
        true
    }

    /// The stream ends; tasks that were not read from it go back.
    fn leave(&mut self) {
        self.deliveries.close();
        let mut undelivered = Vec::new();
        while let Ok(delivery) = self.deliveries.try_recv() {
            if let Delivery::Task { shard, task } = delivery {
                undelivered.push((shard, task));
            }
        }
        self.server.runner.tasks.close(self.stream, undelivered);
    }
}

struct Reporter {
    world: Arc<World>,
    task: pb::ScheduledTask,
    worker: String,
}

impl Reporter {
    async fn run(self, manner: Manner, pause_ms: u64, mut random: Random) {
        sleep(Duration::from_millis(pause_ms)).await;
        let is_success = !random.chance(if self.world.is_calm() { 0 } else { 20 });
        self.report(is_success, 0, &mut random).await;
        match manner {
            Manner::Twice => self.report(is_success, 0, &mut random).await,
            Manner::Lies => self.report(random.chance(50), 1, &mut random).await,
            Manner::Honest | Manner::Dies | Manner::Late => {}
        }
    }

    /// Sends one report until its outcome is known.
    async fn report(&self, is_success: bool, version: u32, random: &mut Random) {
        let task = task_name(self.task.task_run_id.as_ref());
        let attempt = self.task.attempt_number.max(0) as usize;
        let token = format!("{} {task} {attempt} {version}", self.worker);
        let is_exception = random.chance(40);
        let (status, result) = result(is_success, is_exception, &token);
        let report = pb::ReportTaskRun {
            task_run_id: self.task.task_run_id.clone(),
            status: status as i32,
            attempt_number: self.task.attempt_number,
            result: Some(result),
            log_output: random.chance(15).then(|| chatter(random)),
            ..Default::default()
        };
        let run = task.split('/').next().unwrap_or_default();
        let kind = Kind::ReportTask(report);
        for _ in 0..TRIES {
            let server = self.world.reach().await;
            let (task, status, token) = (task.clone(), status.as_str_name().to_owned(), token.clone());
            let event = |call| Event::Report { call, task, attempt, status, token };
            let outcome = call(&self.world, &server, run, event, kind.clone()).await;
            if !matches!(outcome, Outcome::Unknown | Outcome::Refused) {
                return;
            }
            sleep(Duration::from_millis(random.within(1..500))).await;
        }
    }
}

/// What a worker prints: makes records of several sectors.
fn chatter(random: &mut Random) -> pb::VariableValue {
    let text = "x".repeat(random.within(0..900) as usize);
    pb::VariableValue { value: Some(pb::variable_value::Value::Str(text)) }
}

fn result(is_success: bool, is_exception: bool, token: &str) -> (pb::TaskStatus, pb::report_task_run::Result) {
    use pb::{report_task_run::Result, variable_value::Value};
    if is_success {
        let output = pb::VariableValue { value: Some(Value::Str(token.to_owned())) };
        return (pb::TaskStatus::TaskSuccess, Result::Output(output));
    }
    if is_exception {
        let exception = pb::LhTaskException { name: "bad".to_owned(), message: token.to_owned(), ..Default::default() };
        return (pb::TaskStatus::TaskException, Result::Exception(exception));
    }
    let error = pb::LhTaskError { r#type: pb::LhErrorType::TaskFailure as i32, message: token.to_owned() };
    (pb::TaskStatus::TaskFailed, Result::Error(error))
}
