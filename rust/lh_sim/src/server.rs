//! One server process: the engine's shards and effects on simulated devices, from opening to its end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lh_core::{
    effects::{Runner, shards::ShardHandles},
    front::placement,
    ports::{ClaimSource, Effector, Environment, Failure, ShardHandle, ShardMessage, Store, Waits},
    shard::{self, ShardsConfig},
};
use lh_machine::{Command, MachineConfig, Read, Reply, internal::command::Kind};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{
    devices::{clock::SimulatedClock, crew::SimulatedCrew, disk::SimulatedDisk, power::Power, store::SimulatedStore},
    plan::{CLUSTER, Plan},
    random::{Random, Shared},
    specs::TENANT,
};

/// Time in which a caller notices that the process has ended.
const NOTICE_END: Duration = Duration::from_millis(200);

/// What outlives a process.
#[derive(Clone)]
pub struct Devices {
    /// The log directory.
    pub disk: SimulatedDisk,
    /// The stores: run shards by number, then the metadata group.
    pub stores: Vec<SimulatedStore>,
}

/// Why a server said that it cannot go on; the first reason counts.
#[derive(Default)]
pub struct Failed {
    reason: Mutex<Option<String>>,
    changed: Notify,
}

impl Failed {
    fn report(&self, reason: String) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.changed.notify_one();
    }

    /// The reason, if there is one.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a reason; one may wait.
    pub async fn happened(&self) {
        while self.reason().is_none() {
            self.changed.notified().await;
        }
    }
}

/// A process that runs.
pub struct Running {
    /// Its effects: timers, polls, outbox.
    pub runner: Arc<Runner>,
    /// Its life.
    pub power: Arc<Power>,
    /// Whether it gave up by itself.
    pub failed: Arc<Failed>,
    handles: Vec<ShardHandle>,
    shards: JoinHandle<()>,
    timers: JoinHandle<()>,
}

/// Opens a server on these devices. Must be called within the runtime.
///
/// # Errors
/// The words of the engine.
pub fn open(
    plan: &Plan,
    devices: &Devices,
    clock: &Arc<SimulatedClock>,
    power: Arc<Power>,
    random: &mut Random,
) -> Result<Running, String> {
    let failed = Arc::<Failed>::default();
    let (reported, relieved) = (failed.clone(), devices.disk.clone());
    let failure: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |reason| reported.report(reason));
    // Somebody waits for a segment that a full disk does not give: he would wait until there is room.
    let relieve = Arc::new(move || relieved.set_full(false));
    let crew = SimulatedCrew::new(power.clone(), plan.delays, random.fork(), failure.clone(), relieve);
    let environment = Environment {
        clock: clock.clone(),
        entropy: Arc::new(Shared::new(random.fork())),
        log_disk: Arc::new(devices.disk.clone()),
        crew: Arc::new(crew),
        waits: Waits::Coarse,
    };
    let config = ShardsConfig {
        cluster: CLUSTER,
        run_shards: plan.run_shards,
        memory_bytes: plan.memory_bytes,
        segment_bytes: plan.log.segment_bytes,
        // As many commands as can be between the beginning of a flush set and its end.
        flush_slice: 1,
        failure: failure.clone(),
    };
    let runner = Arc::new(Runner::new(clock.clone(), failure, usize::MAX));
    let stores = devices.stores.iter().map(|store| Arc::new(store.clone()) as Arc<dyn Store>).collect();
    let effector: Arc<dyn Effector> = runner.clone();
    let polls: Arc<dyn ClaimSource> = runner.tasks.clone();
    let opened = shard::open_with(&environment, stores, &effector, &polls, &config, plan.log)
        .map_err(|error| error.to_string())?;
    let handles = opened.handles().to_vec();
    let shards = tokio::spawn(opened.run());
    let last = handles.len() - 1;
    runner.shards.connect(ShardHandles { run: handles[..last].to_vec(), meta: handles[last].clone() });
    let timers = tokio::spawn(runner.timers.clone().run());
    Ok(Running { runner, power, failed, handles, shards, timers })
}

impl Running {
    /// Waits until every shard has applied its log: each answers only then. False if one did not get there.
    pub async fn recovered(&self) -> bool {
        let last = self.handles.len() - 1;
        let (answer, answered) = oneshot::channel();
        // A shard that has failed drops the message, which closes the answer.
        let _ = self.handles[last].inbox.send(ShardMessage::Meta { answer });
        let mut recovered = matches!(answered.await, Ok(Ok(_)));
        for handle in &self.handles[..last] {
            let (answer, answered) = oneshot::channel();
            let _ = handle.inbox.send(ShardMessage::Flush { answer });
            // A store without room says so; it has recovered all the same.
            recovered &= matches!(answered.await, Ok(Ok(()) | Err(Failure::Exhausted(_))));
        }
        recovered
    }

    /// Proposes a command of a client to the shard of this run, or of a correlation key.
    pub fn propose(&self, run: &str, kind: Kind) -> oneshot::Receiver<Result<Reply, Failure>> {
        let shard = self.shard_of(run);
        self.runner.shards.propose(shard, Command { tenant: TENANT.to_owned(), kind: Some(kind) })
    }

    /// Proposes a change of metadata.
    pub fn define(&self, kind: Kind) -> oneshot::Receiver<Result<Reply, Failure>> {
        let command = Command { tenant: TENANT.to_owned(), kind: Some(kind) };
        self.runner.shards.propose(MachineConfig::META_SHARD, command)
    }

    /// Reads something of this run.
    pub fn read(&self, run: &str, read: Read) -> oneshot::Receiver<Result<Vec<u8>, Failure>> {
        let shard = self.shard_of(run);
        let (answer, answered) = oneshot::channel();
        self.runner.shards.send(shard, ShardMessage::Read { tenant: TENANT.to_owned(), read, answer });
        answered
    }

    /// A run is where its root is.
    fn shard_of(&self, run: &str) -> u32 {
        let root = run.split('_').next().unwrap_or_default();
        placement::shard_of(TENANT, root, self.handles.len() - 1) as u32
    }

    /// Waits until the process has ended.
    pub async fn ended(&self) {
        while !self.power.is_off() {
            tokio::time::sleep(NOTICE_END).await;
        }
    }

    /// Ends the process without warning.
    pub fn kill(&self) {
        self.power.switch_off();
        self.shards.abort();
        self.timers.abort();
    }

    /// Stops the process as an operator does; false if it does not end in time.
    pub async fn stop(self: Arc<Self>, patience: Duration) -> bool {
        self.timers.abort();
        let stopped = async {
            for handle in &self.handles {
                let (answer, answered) = oneshot::channel();
                let _ = handle.inbox.send(ShardMessage::Stop { answer });
                // A closed answer: the shard has failed, which is reported.
                let _ = answered.await;
            }
            while !self.shards.is_finished() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(patience, stopped).await.is_ok() && self.failed.reason().is_none()
    }
}
