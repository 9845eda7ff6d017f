//! One seed, one run: warm-up and faults, calm, the last look, the verdict.

use std::{sync::Arc, time::Duration};

use lh_core::{ports::Disk, shard::log::all_entries};
use lh_machine::MachineConfig;
use tokio::time::sleep;

use crate::{
    checker::{self, Coverage, Violation},
    clients,
    devices::clock::SimulatedClock,
    history::{Event, Line, is_final},
    operator::Operator,
    plan::{CLUSTER, Plan},
    random::Random,
    replay,
    server::Running,
    workers,
    world::World,
};

/// Simulated time in which everything must come to its end once the faults are over.
const PATIENCE_MS: u64 = 600_000;

/// Simulated time in which a server must stop.
const STOP: Duration = Duration::from_secs(60);

/// What came of a seed.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Hash of everything that was seen, with its time: the same whenever the seed is run.
    pub hash: u64,
    /// The history.
    pub lines: Vec<Line>,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// How much the history shows.
    pub coverage: Coverage,
    /// Simulated time, in ms.
    pub simulated_ms: u64,
}

/// Runs a seed, on this thread.
///
/// # Panics
/// If the simulator itself is wrong.
pub fn run(seed: u64) -> Report {
    let mut random = Random::new(seed);
    let plan = Plan::new(&mut random);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads and I/O needs nothing that can be missing");
    runtime.block_on(async {
        let world = Arc::new(World::new(plan, Arc::new(SimulatedClock::new())));
        let mut violations = live(&world, random).await;
        let lines = world.lines();
        violations.extend(checker::check(&lines));
        let simulated_ms = world.clock.elapsed_ms();
        Report { seed, hash: world.hash(), coverage: checker::coverage(&lines), lines, violations, simulated_ms }
    })
}

/// The run; returns what the history does not show.
async fn live(world: &Arc<World>, mut random: Random) -> Vec<Violation> {
    let operator = Arc::new(Operator::new(world.clone()));
    let mut crowd = tokio::task::JoinSet::new();
    crowd.spawn(clients::define(world.clone(), random.fork()));
    crowd.spawn(clients::read(world.clone(), random.fork()));
    for number in 0..world.plan.workers {
        crowd.spawn(workers::work(world.clone(), format!("worker-{number}"), random.fork()));
    }
    let (faults, full) = (operator.clone(), random.fork());
    crowd.spawn(async move { faults.fill(full).await });
    let (faults, clocks) = (operator.clone(), random.fork());
    crowd.spawn(async move { faults.set_clocks(clocks).await });
    let starting = tokio::spawn(clients::start(world.clone(), random.fork()));
    let (supervisor, chance) = (operator.clone(), random.fork());
    let mut supervising = tokio::spawn(async move { supervisor.supervise(chance).await });

    tokio::select! {
        biased;
        _ = &mut supervising => {}
        () = sleep(Duration::from_millis(world.plan.faults_ms)) => {}
    }
    // A server that serves before the calm is never handed out, so an end before it is a violation.
    world.set_calm();
    let server = match supervising.await {
        Ok(Ok(server)) => server,
        Ok(Err(violation)) => return vec![violation],
        Err(panic) => return vec![broken("I20", format!("the operator has panicked: {panic}"))],
    };
    starting.await.expect("clients do not panic");
    until_all_has_ended(world, &server).await;
    crowd.shutdown().await;
    world.note(Event::Over);
    if let Some(reason) = server.failed.reason() {
        return vec![broken("I20", format!("a server gives up: {reason}"))];
    }
    world.set_server(None);
    if !server.stop(STOP).await {
        return vec![broken("I20", "a server does not stop".to_owned())];
    }
    replayed(world, &operator)
}

/// Looks at all runs until all that exist have ended, or for as long as anybody can be asked to wait.
async fn until_all_has_ended(world: &World, server: &Running) {
    let begin_ms = world.clock.elapsed_ms();
    let mut open = world.attempted();
    while !open.is_empty() && server.failed.reason().is_none() {
        let mut left = Vec::new();
        for run in open {
            // A run that does not exist now never will: nobody starts any more.
            let ended =
                clients::look(world, &run).await.is_some_and(|view| view.is_none_or(|view| is_final(&view.status)));
            if !ended {
                left.push(run);
            }
        }
        open = left;
        if world.clock.elapsed_ms() - begin_ms > PATIENCE_MS {
            return;
        }
        sleep(Duration::from_millis(1_000)).await;
    }
}

/// The stores of the stopped server against the whole log through fresh machines (I16).
fn replayed(world: &World, operator: &Operator) -> Vec<Violation> {
    let devices = operator.devices();
    let disk: Arc<dyn Disk> = Arc::new(devices.disk.with_history());
    let log = match all_entries(&disk, &CLUSTER) {
        Ok(log) => log,
        Err(error) => return vec![broken("I19", error.to_string())],
    };
    let run_shards = world.plan.run_shards;
    let mut violations = Vec::new();
    for (shard, store) in (0..run_shards).chain([MachineConfig::META_SHARD]).zip(&devices.stores) {
        let entries = log.get(&shard).map_or(&[][..], Vec::as_slice);
        match replay::replay(MachineConfig { shard, run_shards }, entries) {
            Ok(replayed) => violations.extend(replay::compare(shard, &store.entries(), &replayed)),
            Err(violation) => violations.push(violation),
        }
    }
    violations
}

fn broken(rule: &'static str, text: String) -> Violation {
    Violation { rule, text }
}
