//! One server put together: data directory, shards, effects and front, on one thread with one runtime.
//!
//! ```text
//!   Engine::start ──► thread "lh-engine": directory ─► shards recover ─► effects connected ─► listener ─► serving
//!   Engine::stop  ──► front refuses and drains ─► lanes finish ─► shards flush and stop ─► thread ends
//! ```
//!
//! The only place that knows both front and shard; Python's half of it is `py/engine.rs`.

pub mod address;
mod assembly;
pub mod definitions;
pub mod directory;
pub mod doctor;
pub mod failure;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use lh_machine::{
    Code, Command, MachineConfig, Reply,
    internal::{MetaWrite, command},
    key::MetaKind,
    pb,
};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    effects::Runner,
    engine::failure::FailureSlot,
    front::doors::{Cold, Identities},
    ports::{Failure, MetaSnapshot, ShardMessage, Store},
};

/// How long Python waits for an answer that the engine itself bounds by nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What an engine is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Holds log, lock and identity.
    pub data_dir: PathBuf,
    /// HOST:PORT to listen on; port 0 = any free.
    pub listen: String,
    /// HOST and port that workers are told; `None` = the address listened on.
    pub advertise: Option<pb::LhHostInfo>,
    /// Number of run shards.
    pub run_shards: u32,
    /// Bound of the runs kept in memory, over all shards.
    pub memory_limit_bytes: usize,
    /// Bound of what calls in progress hold; half as much may polls that wait.
    pub call_memory_bytes: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// What GetServerVersion answers.
    pub version: pb::LittleHorseVersion,
}

/// Python threads that must be ended between front and shards.
pub trait ColdLanes: Cold {
    /// Finishes what is queued; blocks.
    fn stop(&self);
}

/// Why the engine cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It was not started, or has stopped.
    #[error("the engine is not running")]
    NotRunning,
    /// No answer in time; a write may still take effect.
    #[error("the engine did not answer in time")]
    TimedOut,
    /// The shard's answer.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Front, shards and effects of one server process.
pub struct Engine {
    settings: Settings,
    stores: Vec<Arc<dyn Store>>,
    lanes: Arc<dyn ColdLanes>,
    failure: Arc<FailureSlot>,
    running: Mutex<Option<Running>>,
}

/// A started engine.
struct Running {
    runtime: Handle,
    runner: Arc<Runner>,
    identities: Arc<Identities>,
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

/// What the engine's thread tells once it serves.
struct Started {
    runtime: Handle,
    runner: Arc<Runner>,
    identities: Arc<Identities>,
    address: std::net::SocketAddr,
}

impl Engine {
    /// An engine over these stores (run shards in order, then metadata) and lanes, not started.
    pub fn new(settings: Settings, stores: Vec<Arc<dyn Store>>, lanes: Arc<dyn ColdLanes>) -> io::Result<Self> {
        if settings.run_shards == 0 || stores.len() != settings.run_shards as usize + 1 {
            let message = "an engine needs at least one run shard, and one store per run shard and one for metadata";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self { settings, stores, lanes, failure: Arc::default(), running: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Recovers every shard, then listens. Returns the HOST:PORT listened on.
    pub fn start(&self) -> io::Result<String> {
        let mut running = self.lock();
        if running.is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the engine is running already"));
        }
        let (started, wait_started) = mpsc::sync_channel(1);
        let (stop, stopping) = oneshot::channel();
        let plan = assembly::Plan {
            settings: self.settings.clone(),
            stores: self.stores.clone(),
            lanes: self.lanes.clone(),
            failure: self.failure.clone(),
        };
        let name = std::thread::Builder::new().name("lh-engine".to_owned());
        let thread = name.spawn(move || assembly::run(plan, &started, stopping))?;
        let told: io::Result<Started> =
            wait_started.recv().unwrap_or_else(|_| Err(io::Error::other("the engine's thread ended during start")));
        match told {
            Ok(Started { runtime, runner, identities, address }) => {
                *running = Some(Running { runtime, runner, identities, stop, thread });
                drop(running);
                self.refresh_identities().map_err(io::Error::other)?;
                Ok(address.to_string())
            }
            Err(error) => {
                // The thread has told all it knew; a panic after that has its own message.
                let _ = thread.join();
                Err(error)
            }
        }
    }

    /// Stops and waits until all threads have ended; `drain` bounds the time for calls in flight. Blocks. Harmless if the
    /// engine is not running.
    pub fn stop(&self, drain: Duration) {
        let Some(running) = self.lock().take() else { return self.lanes.stop() };
        // If the thread has ended already there is nobody to tell.
        let _ = running.stop.send(drain);
        if running.thread.join().is_err() {
            self.failure.report("the engine's thread panicked".to_owned());
        }
    }

    /// Waits up to `timeout` for a failure beyond repair and returns why.
    pub fn wait_failed(&self, timeout: Duration) -> Option<String> {
        self.failure.wait(timeout)
    }

    /// Runs a future on the engine's runtime and waits for it; the caller's thread is not the engine's.
    fn ask<T: Send + 'static>(
        &self,
        timeout: Duration,
        question: impl FnOnce(Arc<Runner>) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Result<T, AskError> {
        let (answer, answered) = mpsc::sync_channel(1);
        {
            let running = self.lock();
            let running = running.as_ref().ok_or(AskError::NotRunning)?;
            let question = question(running.runner.clone());
            running.runtime.spawn(async move {
                // The asker may have given up.
                let _ = answer.send(question.await);
            });
        }
        answered.recv_timeout(timeout).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => AskError::TimedOut,
            mpsc::RecvTimeoutError::Disconnected => AskError::NotRunning,
        })
    }

    /// Sends a message that carries an answer to a shard, and waits for the answer.
    fn ask_shard<T: Send + 'static>(
        &self,
        shard: u32,
        message: impl FnOnce(oneshot::Sender<Result<T, Failure>>) -> ShardMessage,
    ) -> Result<T, AskError> {
        let (answer, answered) = oneshot::channel();
        let message = message(answer);
        let outcome = self.ask(ANSWER_TIMEOUT, |runner| {
            runner.shards.send(shard, message);
            Box::pin(answered)
        })?;
        Ok(outcome.unwrap_or_else(|_| Err(Failure::Unavailable("the shard has stopped".to_owned())))?)
    }

    /// The metadata as of now: everything acknowledged is in it.
    pub fn metadata(&self) -> Result<MetaSnapshot, AskError> {
        self.ask_shard(MachineConfig::META_SHARD, |answer| ShardMessage::Meta { answer })
    }

    /// Compare-and-write; true once it is durable and every run shard has applied it, false if an expected version differs.
    pub fn write_metadata(&self, write: MetaWrite, timeout: Duration) -> Result<bool, AskError> {
        let identity_kinds = [MetaKind::Tenant as u8, MetaKind::Principal as u8];
        let is_identity = |kind: &u8| identity_kinds.contains(kind);
        let changes_identities = write.writes.iter().any(|write| write.key.first().is_some_and(is_identity));
        let command = Command { tenant: String::new(), kind: Some(command::Kind::MetaWrite(write)) };
        let outcome = self.ask(timeout, |runner| Box::pin(write_and_deliver(runner, command)))?;
        match outcome {
            Ok(()) => {}
            Err(Failure::Rejected(rejected)) if rejected.code == Code::Aborted => return Ok(false),
            Err(failure) => return Err(failure.into()),
        }
        if changes_identities {
            self.refresh_identities()?;
        }
        Ok(true)
    }

    /// Gives the front the tenants and principals that metadata knows.
    fn refresh_identities(&self) -> Result<(), AskError> {
        let snapshot = self.metadata()?;
        if let Some(running) = self.lock().as_ref() {
            running.identities.replace(definitions::identities(&snapshot));
        }
        Ok(())
    }

    /// Brings the store of a run shard up to everything acknowledged so far.
    pub fn flush(&self, shard: u32) -> Result<(), AskError> {
        self.ask_shard(shard, |answer| ShardMessage::Flush { answer })
    }
}

/// Writes metadata and waits until every run shard has applied the change.
async fn write_and_deliver(runner: Arc<Runner>, command: Command) -> Result<(), Failure> {
    let answered = runner.shards.propose(MachineConfig::META_SHARD, command).await;
    match answered.unwrap_or_else(|_| Err(Failure::Unavailable("the metadata group has stopped".to_owned())))? {
        Reply::MetaWritten { sequence } => runner.outbox.delivered(MachineConfig::META_SHARD, sequence).await,
        Reply::Empty
        | Reply::WfRun(_)
        | Reply::CorrelatedEvent(_)
        | Reply::ExternalEvent(_)
        | Reply::Checkpoint(_)
        | Reply::UserTaskRun(_) => {
            return Err(Failure::Internal("a metadata write was not answered with its sequence".to_owned()));
        }
    }
    Ok(())
}
