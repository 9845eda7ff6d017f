//! One seed, one run: warm-up and faults, calm, the last look, the verdict.

use std::{sync::Arc, time::Duration};

use lh_core::{ports::Disk, shard::log::all_entries};
use lh_machine::{MachineConfig, key};
use tokio::time::sleep;

use crate::{
    checker::{self, Coverage, Violation},
    clients,
    devices::{
        clock::SimulatedClock,
        store::{Entries, SimulatedStore},
    },
    history::{Event, Line, RunView, is_final},
    operator::Operator,
    plan::{CLUSTER, Plan},
    random::Random,
    replay,
    server::Running,
    workers,
    world::World,
};

/// Simulated time without any change after which what is open is stuck: several times the longest sleep, timeout, backoff
/// and error of the clock together.
const PATIENCE_MS: u64 = 120_000;

/// Simulated time between two looks at what is open.
const LOOK_EVERY: Duration = Duration::from_secs(4);

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

/// Runs a seed with a planted bug, on this thread; the checker and the replay are without it.
#[cfg(feature = "mutants")]
pub fn run_mutant(seed: u64, mutant: lh_machine::mutants::Mutant) -> Report {
    lh_machine::mutants::switch(Some(mutant));
    let report = run(seed);
    lh_machine::mutants::switch(None);
    report
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
    crowd.spawn(clients::define_spares(world.clone(), random.fork()));
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

    // Before the calm an end of the operator can only be a violation.
    let early = tokio::select! {
        biased;
        ended = &mut supervising => Some(ended),
        () = sleep(Duration::from_millis(world.plan.faults_ms)) => None,
    };
    world.set_calm();
    let ended = match early {
        Some(ended) => ended,
        None => supervising.await,
    };
    let server = match ended {
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
    #[cfg(feature = "mutants")]
    lh_machine::mutants::switch(None);
    replayed(world, &operator)
}

/// Looks at all runs until all that exist have ended, or until nothing has changed for longer than anything may take.
async fn until_all_has_ended(world: &World, server: &Running) {
    let mut open: Vec<(String, Option<Option<RunView>>)> =
        world.attempted().into_iter().map(|run| (run, None)).collect();
    let mut changed_ms = world.clock.elapsed_ms();
    while !open.is_empty() && server.failed.reason().is_none() {
        let mut left = Vec::new();
        for (run, before) in open {
            // A read that had no answer in time tells nothing.
            let answered = clients::look(world, &run).await;
            if answered.is_some() && answered != before {
                changed_ms = world.clock.elapsed_ms();
            }
            let view = answered.or(before);
            // A run that does not exist now never will: nobody starts any more.
            let ended = view.as_ref().is_some_and(|view| view.as_ref().is_none_or(|view| is_final(&view.status)));
            if !ended {
                left.push((run, view));
            }
        }
        open = left;
        if world.clock.elapsed_ms() - changed_ms > PATIENCE_MS {
            return;
        }
        sleep(LOOK_EVERY).await;
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
        violations.extend(unknown_definition(shard, &store.entries(), &devices.stores));
        if let Some((key, _)) = store.entries().iter().find(|(key, _)| key.first() == Some(&key::TABLE_OUTBOX)) {
            violations.push(broken("I10", format!("shard {shard}: a message is never delivered: {key:02x?}")));
        }
        let entries = log.get(&shard).map_or(&[][..], Vec::as_slice);
        match replay::replay(MachineConfig { shard, run_shards }, entries) {
            Ok(replayed) => violations.extend(replay::compare(shard, &store.entries(), &replayed)),
            Err(violation) => violations.push(violation),
        }
    }
    violations
}

/// A definition of the metadata group that a run shard never heard of (I10).
fn unknown_definition(shard: u32, entries: &Entries, stores: &[SimulatedStore]) -> Option<Violation> {
    if shard == MachineConfig::META_SHARD {
        return None;
    }
    let meta = stores.last()?.entries();
    let defined = meta.keys().filter(|key| key.first() == Some(&key::TABLE_META));
    let mut unknown = defined.filter(|key| !entries.contains_key(&key::with_table(key::TABLE_DEFINITION, &key[1..])));
    let key = unknown.next()?;
    Some(broken("I10", format!("shard {shard}: never heard of the definition {:?}", String::from_utf8_lossy(key))))
}

fn broken(rule: &'static str, text: String) -> Violation {
    Violation { rule, text }
}
