//! The engine's thread: builds the parts in order, serves, and takes them down in the opposite order.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinHandle,
};

use crate::{
    effects::{Runner, shards::ShardHandles},
    engine::{ColdLanes, Settings, Started, address, directory::DataDirectory, failure::FailureSlot},
    environment,
    front::{self, Front, Parts, doors::Identities, server::Serving},
    ports::{ClaimSource, Effector, Environment, Failure, ShardHandle, ShardMessage, Store},
    shard::{self, ShardsConfig},
};

/// Environment variable that tests make log segments small with.
const SEGMENT_BYTES_VARIABLE: &str = "LH_TEST_LOG_SEGMENT_BYTES";

/// Everything that the thread needs.
pub(super) struct Plan {
    pub settings: Settings,
    pub stores: Vec<Arc<dyn Store>>,
    pub lanes: Arc<dyn ColdLanes>,
    pub failure: Arc<FailureSlot>,
}

/// A server that serves.
struct Server {
    serving: Serving,
    shards: RunningShards,
    /// Locked until everything else has ended.
    _directory: DataDirectory,
}

/// Shards that run as tasks of the engine's thread.
struct RunningShards {
    /// Run shards by number, then the metadata group.
    handles: Vec<ShardHandle>,
    task: JoinHandle<()>,
}

/// Body of the engine's thread: ends after `stopping` or after a failed start, which `started` is told.
pub(super) fn run(plan: Plan, started: &SyncSender<io::Result<Started>>, stopping: oneshot::Receiver<Duration>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(started, Err(error)),
    };
    runtime.block_on(async {
        let lanes = plan.lanes.clone();
        match open(plan).await {
            Ok((server, told)) => {
                tell(started, Ok(told));
                // A dropped sender means that the engine's owner is gone: stop at once.
                let drain = stopping.await.unwrap_or_default();
                server.stop(drain, lanes).await;
            }
            Err(error) => {
                stop_lanes(lanes).await;
                tell(started, Err(error));
            }
        }
    });
}

fn tell(started: &SyncSender<io::Result<Started>>, outcome: io::Result<Started>) {
    // The owner waits for exactly this message; if it panicked, nobody is left to tell.
    let _ = started.send(outcome);
}

async fn open(plan: Plan) -> io::Result<(Server, Started)> {
    let Plan { settings, stores, lanes, failure } = plan;
    let (clock, entropy) = (environment::SystemClock::new(), environment::SystemEntropy);
    let segment_bytes = segment_bytes()?;
    let directory = DataDirectory::open(&settings.data_dir, settings.run_shards, segment_bytes, &clock, &entropy)?;
    let environment = environment::real(&directory.log_directory())?;
    let slot = failure.clone();
    let (fails, mut fails_early) = watch::channel(());
    let failed: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |reason| {
        slot.report(reason);
        // Only a start listens.
        let _ = fails.send(());
    });
    let runner = Arc::new(Runner::new(environment.clock.clone(), failed.clone(), settings.call_memory_bytes / 2));
    let config = ShardsConfig {
        cluster: directory.identity.cluster,
        run_shards: settings.run_shards,
        memory_bytes: settings.memory_limit_bytes,
        segment_bytes,
        flush_slice: shard::limits::FLUSH_SLICE,
        failure: failed,
    };
    let shards = RunningShards::open(&environment, stores, &runner, &config)?;
    let served = tokio::select! {
        served = serve(&settings, &environment, &shards, &runner, lanes) => served,
        // A log that fails answers nobody, so the shards would recover for ever.
        _ = fails_early.changed() => Err(io::Error::other("the server failed while it started")),
    };
    match (served, failure.wait(Duration::ZERO)) {
        (Ok((serving, told)), _) => Ok((Server { serving, shards, _directory: directory }, told)),
        // What failed cannot be stopped in order; its owner is to hear of the cause.
        (Err(_), Some(reason)) => Err(io::Error::other(reason)),
        (Err(error), None) => {
            shards.stop().await;
            Err(error)
        }
    }
}

/// The size of log segments. Tests of faults make it small by [`SEGMENT_BYTES_VARIABLE`], so that a short run fills many
/// and cuts the log; a command must fit into one, so it is no setting for others.
fn segment_bytes() -> io::Result<u64> {
    let Ok(text) = std::env::var(SEGMENT_BYTES_VARIABLE) else { return Ok(shard::limits::SEGMENT_BYTES) };
    text.parse().map_err(|_| {
        let message = format!("{SEGMENT_BYTES_VARIABLE} must be a number of bytes, but is {text}");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

/// Waits until the shards have recovered, then listens.
async fn serve(
    settings: &Settings,
    environment: &Environment,
    shards: &RunningShards,
    runner: &Arc<Runner>,
    lanes: Arc<dyn ColdLanes>,
) -> io::Result<(Serving, Started)> {
    shards.recovered().await.map_err(io::Error::other)?;
    let listener = TcpListener::bind(&settings.listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", settings.listen)))?;
    // Again, as the first time the queue is of 128: a crowd that comes at once would be back after a second and more.
    rustix::net::listen(&listener, front::limits::CONNECTIONS_THAT_WAIT)?;
    let address = listener.local_addr()?;
    let identities = Arc::<Identities>::default();
    let parts = parts(settings, environment, address, shards.run(), runner, lanes, identities.clone());
    let serving = front::server::serve(listener, Arc::new(Front::new(parts))).await;
    Ok((serving, Started { runtime: Handle::current(), runner: runner.clone(), identities, address }))
}

impl Server {
    /// In the opposite order of the start: nothing is asked of a part that has stopped.
    async fn stop(self, drain: Duration, lanes: Arc<dyn ColdLanes>) {
        self.serving.stop(drain).await;
        stop_lanes(lanes).await;
        self.shards.stop().await;
    }
}

impl RunningShards {
    /// Opens log and stores, begins to run the shards, and lets the effects reach them.
    fn open(
        environment: &Environment,
        stores: Vec<Arc<dyn Store>>,
        runner: &Arc<Runner>,
        config: &ShardsConfig,
    ) -> io::Result<Self> {
        let effector: Arc<dyn Effector> = runner.clone();
        let polls: Arc<dyn ClaimSource> = runner.tasks.clone();
        let shards = shard::open(environment, stores, &effector, &polls, config).map_err(io::Error::other)?;
        let opened = Self { handles: shards.handles().to_vec(), task: tokio::spawn(shards.run()) };
        runner.shards.connect(ShardHandles { run: opened.run().to_vec(), meta: opened.meta().clone() });
        tokio::spawn(runner.timers.clone().run());
        tokio::spawn(runner.tasks.clone().watch());
        Ok(opened)
    }

    /// The run shards by number.
    fn run(&self) -> &[ShardHandle] {
        &self.handles[..self.handles.len() - 1]
    }

    /// The metadata group: the last one, because [`shard::open`] says so.
    fn meta(&self) -> &ShardHandle {
        &self.handles[self.handles.len() - 1]
    }

    /// Waits until every shard has applied its log: each answers only then.
    async fn recovered(&self) -> Result<(), Failure> {
        let gone = |_| Failure::Unavailable("a shard stopped while it recovered".to_owned());
        let mut flushed = Vec::new();
        for shard in self.run() {
            let (answer, answered) = oneshot::channel();
            // A shard that has failed drops the message, which closes the answer.
            let _ = shard.inbox.send(ShardMessage::Flush { answer });
            flushed.push(answered);
        }
        let (answer, answered) = oneshot::channel();
        let _ = self.meta().inbox.send(ShardMessage::Meta { answer });
        answered.await.map_err(gone)??;
        for answered in flushed {
            match answered.await.map_err(gone)? {
                // A disk without room is no reason not to serve what is there.
                Ok(()) | Err(Failure::Exhausted(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Lets every shard finish what is proposed and flush.
    async fn stop(self) {
        let mut stopped = Vec::new();
        for shard in &self.handles {
            let (answer, answered) = oneshot::channel();
            let _ = shard.inbox.send(ShardMessage::Stop { answer });
            stopped.push(answered);
        }
        for answered in stopped {
            // A closed answer: the shard has failed before and said why.
            let _ = answered.await;
        }
        // A panic was reported by the failure hook.
        let _ = self.task.await;
    }
}

/// Lanes may wait for the engine, so their end must not be awaited on the engine's thread.
async fn stop_lanes(lanes: Arc<dyn ColdLanes>) {
    // A panic of a lane was reported by the lane.
    let _ = tokio::task::spawn_blocking(move || lanes.stop()).await;
}

fn parts(
    settings: &Settings,
    environment: &Environment,
    address: SocketAddr,
    run_shards: &[ShardHandle],
    runner: &Arc<Runner>,
    lanes: Arc<dyn ColdLanes>,
    identities: Arc<Identities>,
) -> Parts {
    Parts {
        run_shards: run_shards.to_vec(),
        clock: environment.clock.clone(),
        entropy: environment.entropy.clone(),
        polls: runner.tasks.clone(),
        event_waits: runner.event_waits.clone(),
        cold: lanes,
        identities,
        advertised: settings.advertise.clone().unwrap_or_else(|| address::reachable(address)),
        version: settings.version.clone(),
        max_connections: settings.max_connections,
        call_memory_bytes: settings.call_memory_bytes,
    }
}
