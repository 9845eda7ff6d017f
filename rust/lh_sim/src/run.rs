//! One seed, one run: warm-up and faults, calm, the last look, the verdict.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lh_core::{ports::Disk, shard::log::all_entries};
use lh_machine::{
    MachineConfig,
    key::{self, IndexKind},
};
use tokio::time::sleep;

use crate::{
    checker::{self, Coverage, Violation},
    clients,
    devices::{
        clock::SimulatedClock,
        store::{Entries, SimulatedStore},
    },
    events,
    history::{Event, Line, RunView, is_final, is_final_attempt},
    listeners, meddlers,
    operator::Operator,
    people,
    plan::{CLUSTER, Plan},
    random::Random,
    relief::Helper,
    replay,
    server::Running,
    specs::TENANT,
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
    /// Lines, and operations of disk and stores.
    pub steps: u64,
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
        let too_much = || broken("I22", "the servers work on and on".to_owned());
        let mut violations = tokio::select! {
            biased;
            () = world.limit.reached() => vec![too_much()],
            violations = live(&world, random) => violations,
        };
        let lines = world.lines();
        violations.extend(checker::check(&lines));
        let (simulated_ms, steps) = (world.clock.elapsed_ms(), world.limit.steps());
        Report { steps, seed, hash: world.hash(), coverage: checker::coverage(&lines), lines, violations, simulated_ms }
    })
}

/// The run; returns what the history does not show.
async fn live(world: &Arc<World>, mut random: Random) -> Vec<Violation> {
    let operator = Arc::new(Operator::new(world.clone()));
    let mut crowd = tokio::task::JoinSet::new();
    crowd.spawn(clients::define(world.clone(), random.fork()));
    crowd.spawn(clients::define_spares(world.clone(), random.fork()));
    crowd.spawn(clients::read(world.clone(), random.fork()));
    crowd.spawn(events::send(world.clone(), random.fork()));
    crowd.spawn(people::work(world.clone(), random.fork()));
    crowd.spawn(meddlers::meddle(world.clone(), random.fork()));
    let mut listening = tokio::task::JoinSet::new();
    for number in 0..world.plan.runs {
        if random.chance(world.plan.heard_percent) {
            listening.spawn(listeners::listen(world.clone(), clients::run_name(number), random.fork()));
        }
    }
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
    until_all_has_ended(world, &server, Helper::new(world.clone(), random.fork())).await;
    crowd.shutdown().await;
    world.set_done();
    // Panics are bugs of the simulator and must be seen.
    while let Some(listened) = listening.join_next().await {
        listened.expect("a listener has panicked");
    }
    // Everything is at rest, so that what is read one after the other fits together.
    for run in world.attempted() {
        clients::look(world, &run).await;
    }
    events::look(world).await;
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

/// Looks at all runs and helps them on until all that exist have ended, or until nothing has changed for longer than
/// anything may take.
async fn until_all_has_ended(world: &World, server: &Running, mut helper: Helper) {
    let mut seen: BTreeMap<String, Option<Arc<RunView>>> = BTreeMap::new();
    let (mut changed_ms, mut is_checked) = (world.clock.elapsed_ms(), false);
    while server.failed.reason().is_none() {
        let mut is_over = true;
        for run in world.attempted() {
            if seen.get(&run).is_some_and(|view| has_ended(world, view.as_deref())) {
                continue;
            }
            is_over = false;
            // A read that had no answer in time tells nothing.
            let Some(view) = clients::look(world, &run).await else { continue };
            if let Some(view) = &view {
                helper.help(&run, view).await;
            }
            if seen.get(&run) != Some(&view) {
                changed_ms = world.clock.elapsed_ms();
                seen.insert(run, view);
            }
        }
        if is_over && is_checked || world.clock.elapsed_ms() - changed_ms > PATIENCE_MS {
            return;
        }
        sleep(LOOK_EVERY).await;
        if is_over {
            // Somebody who had rescued a run before the calm may have been heard since.
            seen.clear();
            is_checked = true;
        }
    }
}

/// Whether nothing will ever change of a run that looks like this. One that does not exist now never will: nobody starts
/// any more.
fn has_ended(world: &World, view: Option<&RunView>) -> bool {
    let Some(view) = view else { return true };
    let mut attempts = view.tasks.iter().flat_map(|task| &task.attempts);
    is_final(&view.status)
        && attempts.all(|attempt| is_final_attempt(&attempt.status))
        && world.retention_ms(&view.spec).is_none()
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
    let mut violations: Vec<Violation> = checker::deleted(&world.lines())
        .iter()
        .flat_map(|run| devices.stores.iter().filter_map(move |store| index_left(run, &store.entries())))
        .collect();
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

/// An index entry that a search would find of a deleted run (I18). Events may have been posted to its id afterwards, and its id
/// is a correlation key, too.
fn index_left(run: &str, entries: &Entries) -> Option<Violation> {
    let other = [IndexKind::ExternalEvent, IndexKind::CorrelatedEvent].map(|kind| key::index_prefix(TENANT, kind, &[]));
    let is_other = |key: &&Vec<u8>| other.iter().any(|prefix| key.starts_with(prefix));
    let mut indexed = entries.keys().filter(|key| key.first() == Some(&key::TABLE_INDEX) && !is_other(key));
    // The id is the last part; those of its children go on behind an underscore.
    let is_of_run = |key: &&Vec<u8>| {
        let found = key.windows(run.len()).enumerate().filter(|(_, bytes)| *bytes == run.as_bytes());
        found.into_iter().any(|(at, _)| matches!(key.get(at + run.len()), None | Some(b'/')))
    };
    let key = indexed.find(is_of_run)?;
    Some(broken("I18", format!("WfRun {run} was deleted and left {:?}", String::from_utf8_lossy(key))))
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
