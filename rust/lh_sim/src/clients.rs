//! Clients that define, start and read, with deadlines, and try again when they do not know what became of a call.

use std::{sync::Arc, time::Duration};

use lh_core::ports::Failure;
use lh_machine::{
    Code, Reply,
    internal::{self, command::Kind},
    pb,
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    history::{Event, Outcome, RunView},
    random::Random,
    specs::{self, INPUT},
    view,
    world::World,
};

/// Tries of a client that does not give up.
const TRIES: usize = 40;

/// Time that a reader waits for each object.
pub const LOOK: Duration = Duration::from_secs(2);

/// What an answer says about whether the command was executed.
pub async fn outcome(answered: oneshot::Receiver<Result<Reply, Failure>>, deadline: Duration) -> Outcome {
    match timeout(deadline, answered).await {
        Ok(Ok(Ok(_))) => Outcome::Ok,
        Ok(Ok(Err(Failure::Rejected(refusal)))) => match refusal.code {
            Code::AlreadyExists => Outcome::Exists,
            Code::NotFound => Outcome::NotFound,
            _ => Outcome::Refused,
        },
        Ok(Ok(Err(Failure::Exhausted(_)))) => Outcome::Refused,
        // Also UNAVAILABLE: a client does not know whether it came before or after the command.
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Outcome::Unknown,
    }
}

/// Defines the WfSpecs one after the other, each until it is acknowledged.
pub async fn define(world: Arc<World>, mut random: Random) {
    let plan = world.plan;
    for number in 0..plan.specs {
        let spec = format!("spec-{number}");
        let kind = specs::definitions(&spec, plan.task_defs, &mut random);
        loop {
            let server = world.reach().await;
            let call = world.call();
            world.note(Event::Define { call, spec: spec.clone() });
            let outcome = outcome(server.define(kind.clone()), Duration::from_millis(plan.deadline_ms.max(200))).await;
            world.note(Event::Defined { call, outcome });
            if outcome == Outcome::Ok {
                break;
            }
            sleep(Duration::from_millis(random.within(1..300))).await;
        }
        sleep(Duration::from_millis(random.within(0..plan.faults_ms / plan.specs / 2))).await;
    }
}

/// Defines TaskDefs that nobody uses, one after the other, each once whatever came of it, until the faults are over: so
/// that nobody sends again what a crash kept from the shards.
pub async fn define_spares(world: Arc<World>, mut random: Random) {
    for number in 0_u64.. {
        sleep(Duration::from_millis(random.within(50..2_000))).await;
        if world.is_calm() {
            return;
        }
        let Some(server) = world.server() else { continue };
        let spec = format!("spare-{number}");
        let kind = specs::spare(&spec);
        let call = world.call();
        world.note(Event::Define { call, spec });
        let outcome = outcome(server.define(kind), Duration::from_millis(world.plan.deadline_ms)).await;
        world.note(Event::Defined { call, outcome });
    }
}

/// Starts all runs, one every now and then, each by a client of its own.
pub async fn start(world: Arc<World>, mut random: Random) {
    let plan = world.plan;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..plan.runs {
        sleep(Duration::from_millis(random.within(0..plan.start_every_ms * 2 + 1))).await;
        let run = format!("run-{number}");
        world.remember(&run);
        clients.spawn(client(world.clone(), run, random.fork()));
    }
    // Panics of clients are bugs of the simulator and must be seen.
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client has panicked");
    }
}

async fn client(world: Arc<World>, run: String, mut random: Random) {
    let plan = world.plan;
    let spec = format!("spec-{}", random.within(0..plan.specs));
    let input = pb::VariableValue { value: Some(pb::variable_value::Value::Int(random.within(0..10) as i64)) };
    let request = pb::RunWfRequest {
        wf_spec_name: spec.clone(),
        id: Some(run.clone()),
        variables: [(INPUT.to_owned(), input)].into(),
        ..Default::default()
    };
    let kind = Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false });
    let is_patient = random.chance(plan.patient_percent);
    for _ in 0..TRIES {
        let server = world.reach().await;
        let call = world.call();
        world.note(Event::Start { call, run: run.clone(), spec: spec.clone() });
        let outcome = outcome(server.propose(&run, kind.clone()), Duration::from_millis(plan.deadline_ms)).await;
        world.note(Event::Started { call, outcome });
        match outcome {
            Outcome::Ok | Outcome::Exists => {
                look(&world, &run).await;
                return;
            }
            Outcome::Unknown if !is_patient => return,
            // The spec comes later, or there is no room.
            Outcome::Unknown | Outcome::NotFound | Outcome::Refused => {}
        }
        sleep(Duration::from_millis(random.within(1..1_500))).await;
    }
}

/// Reads a run, if a server answers; what it saw, or `Some(None)` if there is no such run.
pub async fn look(world: &World, run: &str) -> Option<Option<RunView>> {
    let server = world.server()?;
    let asked = world.length();
    let view = view::look(&server, run, LOOK).await?;
    world.note(Event::Seen { run: run.to_owned(), asked, view: view.clone() });
    Some(view)
}

/// Reads now this run, now that one, until its task is aborted.
pub async fn read(world: Arc<World>, mut random: Random) {
    loop {
        sleep(Duration::from_millis(random.within(20..600))).await;
        let runs = world.attempted();
        if !runs.is_empty() {
            let run: &String = random.pick(&runs);
            look(&world, run).await;
        }
    }
}
