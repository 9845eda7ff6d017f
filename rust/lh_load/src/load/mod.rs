//! One drive: register, connect, load, measure, drain, verify, report.
pub mod connection;
pub mod definitions;
pub mod ledger;
pub mod plan;
pub mod report;
pub mod start;
pub mod verify;
pub mod workers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lh_proto::littlehorse::{PollTaskRequest, TaskDef, TaskDefId, WfSpec};
use tokio::task::JoinSet;

use connection::Connection;
use plan::{Pace, Plan};
use report::{Outcome, Window};
use workers::Load;

use crate::process::cpu_time;

/// Carries out the plan. Errors: what kept the load from starting, as a sentence.
pub async fn run(plan: Plan) -> Result<Outcome, String> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(Connection::open(&plan.server).await?);
    }
    let name = definitions::unique_name(plan.case);
    register(&connections[0], &name, &plan).await?;
    let load = Arc::new(Load::new(plan, connections, name.clone()));
    let mut background = JoinSet::new();
    open_streams(&load, &name, &mut background);
    match load.plan.pace {
        Pace::InFlight(runs) => (0..runs).for_each(|_| load.start_run()),
        Pace::PerSecond(rate) => drop(background.spawn(start_at_rate(Arc::clone(&load), rate))),
    }
    load.ledger.until_reported(load.plan.warmup_tasks, load.plan.warmup).await;
    let window = measure(&load).await;
    load.ledger.drain(load.plan.drain).await;
    background.shutdown().await;
    let sample = load.ledger.entries().sample.take();
    let verified = verify::verify(&load.connections[0], sample, load.plan.length).await;
    Ok(report::outcome(&load.plan, &load.ledger.entries(), &window, &verified))
}

async fn register(connection: &Connection, name: &str, plan: &Plan) -> Result<(), String> {
    let task_def = definitions::task_def(name);
    let _: TaskDef = connection.ask("/littlehorse.LittleHorse/PutTaskDef", task_def).await?;
    let wf_spec = if plan.is_loop {
        definitions::loop_spec(name, name, plan.length, plan.task_timeout_s)
    } else {
        definitions::wf_spec(name, name, plan.length, plan.task_timeout_s)
    };
    let _: WfSpec = connection.ask("/littlehorse.LittleHorse/PutWfSpec", wf_spec).await?;
    Ok(())
}

/// Spreads the polls over all streams; earlier streams take the remainder.
fn open_streams(load: &Arc<Load>, task_def: &str, background: &mut JoinSet<()>) {
    let streams = load.plan.connections * load.plan.streams;
    for stream in 0..streams {
        let polls = load.plan.polls / streams + usize::from(stream < load.plan.polls % streams);
        if polls > 0 {
            let connection = load.connections[stream % load.connections.len()].clone();
            let poll = PollTaskRequest {
                task_def_id: Some(TaskDefId { name: task_def.to_owned() }),
                client_id: format!("lh-load-{stream}"),
                task_worker_version: None,
            };
            background.spawn(Arc::clone(load).work(connection, poll, polls));
        }
    }
}

async fn start_at_rate(load: Arc<Load>, per_second: f64) {
    let begin = tokio::time::Instant::now();
    for number in 0_u32.. {
        tokio::time::sleep_until(begin + Duration::from_secs_f64(f64::from(number) / per_second)).await;
        load.start_run();
    }
}

async fn measure(load: &Load) -> Window {
    let server = load.plan.server_process.map(|process| process.to_string());
    let cpu_times = || (server.as_deref().and_then(cpu_time), cpu_time("self"));
    load.ledger.record(true);
    let (begin, before) = (Instant::now(), cpu_times());
    let target = load.plan.window_tasks.map(|tasks| load.ledger.entries().tasks_reported + tasks);
    load.ledger.until_reported(target, load.plan.window).await;
    load.ledger.record(false);
    let (elapsed, after) = (begin.elapsed(), cpu_times());
    let used = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
    Window { elapsed, server_cpu: used(before.0, after.0), driver_cpu: used(before.1, after.1) }
}
