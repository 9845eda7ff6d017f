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
    server::Running,
    specs::{self, INPUT, OWN_KEY},
    view::{self, Look},
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

/// Sends one command about this run and notes both the call and what came of it.
pub async fn call(world: &World, server: &Running, run: &str, event: impl FnOnce(u64) -> Event, kind: Kind) -> Outcome {
    let call = world.call();
    world.note(event(call));
    let outcome = outcome(server.propose(run, kind), Duration::from_millis(world.plan.deadline_ms)).await;
    world.note(Event::Answered { call, outcome });
    outcome
}

/// The same until the outcome is known, as many times as somebody tries who wants it done.
pub async fn insist(
    world: &World,
    random: &mut Random,
    run: &str,
    event: impl Fn(u64) -> Event,
    kind: &Kind,
) -> Outcome {
    for _ in 0..TRIES {
        let server = world.reach().await;
        let outcome = call(world, &server, run, &event, kind.clone()).await;
        if outcome != Outcome::Unknown {
            return outcome;
        }
        sleep(Duration::from_millis(random.within(1..500))).await;
    }
    Outcome::Unknown
}

/// Defines the WfSpecs one after the other, each until it is acknowledged.
pub async fn define(world: Arc<World>, mut random: Random) {
    let plan = world.plan;
    let definitions: Vec<_> =
        (0..plan.specs).map(|number| specs::definitions(number, plan.task_defs, &mut random)).collect();
    for (number, (_, retention_ms)) in (0..).zip(&definitions) {
        world.keep_for(&specs::spec_name(number), *retention_ms);
    }
    for (number, (kind, retention_ms)) in (0..).zip(definitions) {
        let spec = specs::spec_name(number);
        loop {
            let server = world.reach().await;
            let call = world.call();
            world.note(Event::Define { call, spec: spec.clone(), retention_ms, once: false });
            let outcome = outcome(server.define(kind.clone()), Duration::from_millis(plan.deadline_ms.max(200))).await;
            world.note(Event::Answered { call, outcome });
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
        world.note(Event::Define { call, spec, retention_ms: None, once: false });
        let outcome = outcome(server.define(kind), Duration::from_millis(world.plan.deadline_ms)).await;
        world.note(Event::Answered { call, outcome });
    }
}

/// Starts all runs, one every now and then, each by a client of its own.
pub async fn start(world: Arc<World>, mut random: Random) {
    let plan = world.plan;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..plan.runs {
        sleep(Duration::from_millis(random.within(0..plan.start_every_ms * 2 + 1))).await;
        let run = run_name(number);
        world.remember(&run);
        clients.spawn(client(world.clone(), run, random.fork()));
    }
    // Panics of clients are bugs of the simulator and must be seen.
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client has panicked");
    }
}

/// Name of the run that client `number` starts.
pub fn run_name(number: u64) -> String {
    format!("run-{number}")
}

async fn client(world: Arc<World>, run: String, mut random: Random) {
    let plan = world.plan;
    let spec = specs::spec_name(random.within(0..plan.specs));
    let value = |value| pb::VariableValue { value: Some(value) };
    let input = value(pb::variable_value::Value::Int(random.within(0..10) as i64));
    let own_key = value(pb::variable_value::Value::Str(run.clone()));
    let request = pb::RunWfRequest {
        wf_spec_name: spec.clone(),
        id: Some(run.clone()),
        variables: [(INPUT.to_owned(), input), (OWN_KEY.to_owned(), own_key)].into(),
        ..Default::default()
    };
    let kind = Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false });
    // Of a run that is deleted by itself nobody may try twice: it could be a second one.
    let is_patient = random.chance(plan.patient_percent) && world.retention_ms(&spec).is_none();
    for _ in 0..TRIES {
        let server = world.reach().await;
        let event = |call| Event::Start { call, run: run.clone(), spec: spec.clone(), batch: None };
        match call(&world, &server, &run, event, kind.clone()).await {
            Outcome::Ok | Outcome::Exists => {
                look(&world, &run).await;
                break;
            }
            Outcome::Unknown if !is_patient => break,
            // The spec comes later, or there is no room.
            Outcome::Unknown | Outcome::NotFound | Outcome::Refused => {}
        }
        sleep(Duration::from_millis(random.within(1..1_500))).await;
    }
    world.settle(&run);
}

/// Reads a run, if a server answers; what it saw, or `Some(None)` if there is no such run.
pub async fn look(world: &World, run: &str) -> Option<Option<Arc<RunView>>> {
    let server = world.server()?;
    let asked = world.length();
    let (view, left) = match view::look(&server, run, LOOK).await? {
        Look::Run(view) => (Some(view), Vec::new()),
        Look::Nothing(left) => (None, left),
    };
    world.note(Event::Seen { run: run.to_owned(), asked, view: view.clone(), left });
    let view = view.map(|view| Arc::new(*view));
    world.remember_view(run, view.clone());
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
