//! The front: who asks, what for, and which shard answers. It decides nothing about workflows.
//!
//! ```text
//!   server (connections, limits) ──► pipeline (checks in order) ──► routes (one row per RPC)
//!                                                                     │ hot/   command or read for a shard
//!                                                                     │ cold   bytes to a Python lane
//!                                                                     └ else   UNIMPLEMENTED
//!   frames, body: gRPC framing      status: the one table of errors      doors: what the front needs from outside
//!   budget, outgoing: what calls may hold in memory, and clients that do not read
//! ```
//!
//! Absent on purpose: shard, effects, machine state, and Python. A thread of the front never attaches to Python.

pub mod body;
pub mod budget;
pub mod cold;
pub mod doors;
pub mod frames;
pub mod hot;
pub mod ids;
pub mod limits;
pub mod outgoing;
pub mod pipeline;
pub mod placement;
pub mod routes;
pub mod server;
pub mod status;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lh_machine::{Command, MachineConfig, Read, Reply, internal::command, pb};
use tokio::sync::oneshot;
use tonic::Status;

use crate::{
    front::{
        budget::Budget,
        doors::{Cold, Identities, Polls},
        outgoing::Outgoing,
    },
    ports::{Clock, Entropy, EventWaits, Failure, ShardHandle, ShardMessage},
};

/// Who calls, as the checks of the pipeline found out (08 section 1).
#[derive(Clone, Debug)]
pub struct Caller {
    /// Tenant of the call (08/T-1).
    pub tenant: String,
    /// Id of the resolved Principal (08/P-3).
    pub principal: &'static str,
}

/// What the front is built from.
pub struct Parts {
    /// The run shards, by number.
    pub run_shards: Vec<ShardHandle>,
    /// Time, for generated ids.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for generated ids.
    pub entropy: Arc<dyn Entropy>,
    /// Where polls wait.
    pub polls: Arc<dyn Polls>,
    /// Where callers wait for WorkflowEvents.
    pub event_waits: Arc<dyn EventWaits>,
    /// Python's handlers.
    pub cold: Arc<dyn Cold>,
    /// Tenants and principals that exist.
    pub identities: Arc<Identities>,
    /// What workers are told to connect to (04/TW-29).
    pub advertised: pb::LhHostInfo,
    /// What GetServerVersion answers (08/H-3).
    pub version: pb::LittleHorseVersion,
    /// Connections at a time; further ones are refused.
    pub max_connections: usize,
    /// What calls in progress may hold in memory, in bytes.
    pub call_memory_bytes: usize,
}

/// The front of one server: everything that answers RPCs.
pub struct Front {
    parts: Parts,
    budget: Arc<Budget>,
    outgoing: Arc<Outgoing>,
    stopping: AtomicBool,
}

impl Front {
    /// A front over these parts; there is at least one run shard.
    pub fn new(parts: Parts) -> Self {
        assert!(!parts.run_shards.is_empty(), "a server has at least one run shard");
        let budget = Budget::new(parts.call_memory_bytes);
        let outgoing = Arc::new(Outgoing::new(budget.clone()));
        Self { parts, budget, outgoing, stopping: AtomicBool::new(false) }
    }

    /// From now on every new RPC is refused (08/F-1) and what waits is cut (04/TW-34i).
    pub fn refuse(&self) {
        self.stopping.store(true, Ordering::Release);
        self.parts.polls.cut_all(status::SHUTTING_DOWN);
        self.parts.event_waits.cut_all();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The shard of the tree with this root id.
    fn shard_of_tree(&self, tenant: &str, root_id: &str) -> &ShardHandle {
        &self.parts.run_shards[placement::shard_of(tenant, root_id, self.parts.run_shards.len())]
    }

    /// The home of a correlation key of an ExternalEventDef.
    fn shard_of_correlation(&self, tenant: &str, definition: &str, correlation_key: &str) -> &ShardHandle {
        self.shard_of_tree(tenant, &placement::correlation_root(definition, correlation_key))
    }

    /// The shard that keeps the worker group of a TaskDef.
    fn home_of_task_def(&self, tenant: &str, name: &str) -> &ShardHandle {
        &self.parts.run_shards[placement::home_of_task_def(tenant, name, self.parts.run_shards.len())]
    }

    /// Has a command committed and applied; the machine's refusal becomes its gRPC status.
    async fn propose(&self, shard: &ShardHandle, caller: &Caller, kind: command::Kind) -> Result<Reply, Status> {
        debug_assert_ne!(shard.shard, MachineConfig::META_SHARD, "the front does not write metadata");
        let (answer, answered) = oneshot::channel();
        let command = Box::new(Command { tenant: caller.tenant.clone(), kind: Some(kind) });
        send(shard, ShardMessage::Propose { command, answer: Some(answer) })?;
        received(answered.await)
    }

    /// Has run data read behind a read barrier; returns the serialized response message.
    async fn read(&self, shard: &ShardHandle, caller: &Caller, read: Read) -> Result<Vec<u8>, Status> {
        let (answer, answered) = oneshot::channel();
        send(shard, ShardMessage::Read { tenant: caller.tenant.clone(), read, answer })?;
        received(answered.await)
    }
}

fn send(shard: &ShardHandle, message: ShardMessage) -> Result<(), Status> {
    shard.inbox.send(message).map_err(|_| status::from_failure(&stopped()))
}

/// A dropped answer means that the shard stopped with the request in its inbox.
fn received<T>(answer: Result<Result<T, Failure>, oneshot::error::RecvError>) -> Result<T, Status> {
    answer.unwrap_or_else(|_| Err(stopped())).map_err(|failure| status::from_failure(&failure))
}

fn stopped() -> Failure {
    Failure::Unavailable("the shard has stopped".to_owned())
}

/// Bounds the execution of a unary RPC (03/E-002, 08/X-3).
async fn within_deadline<T>(limit: Duration, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(status::deadline_exceeded(limit)),
    }
}
