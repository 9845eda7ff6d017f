//! What the front needs from the rest of the house, as traits that effects and Python implement.

use std::{
    collections::BTreeSet,
    sync::{Arc, RwLock},
};

use lh_machine::pb;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::{front::budget::Charge, ports::Failure};

/// What comes out of the dispatcher for one poll stream.
#[derive(Debug)]
pub enum Delivery {
    /// The answer of one poll.
    Task {
        /// The run shard that made the claim.
        shard: u32,
        /// What the worker gets.
        task: Box<pb::ScheduledTask>,
    },
    /// The client had closed its side and nothing is outstanding any more: end the stream with OK (04/TW-34f).
    Finished,
    /// End the stream with this status (04/TW-34g: never OK while the client's side is open).
    Cut(Failure),
}

/// Where polls wait for tasks. Calls never block.
pub trait Polls: Send + Sync {
    /// Opens a stream of polls in a tenant: its number and what will be delivered to it.
    fn open_stream(&self, tenant: &str) -> (u64, mpsc::UnboundedReceiver<Delivery>);

    /// Lets one poll wait, behind all others of its TaskDef. Errors: `Exhausted` if the stream has too many.
    fn poll(&self, stream: u64, request: pb::PollTaskRequest) -> Result<(), Failure>;

    /// The stream has taken one task out of what was delivered to it.
    fn taken(&self, stream: u64);

    /// The client will send no more: withdraws waiting polls; claims in progress are still delivered, then
    /// [`Delivery::Finished`] (04/TW-34f).
    fn half_close(&self, stream: u64);

    /// The stream is gone: withdraws its polls. `undelivered` are tasks of which nothing was written; their claims are
    /// undone (04/TW-23).
    fn close(&self, stream: u64, undelivered: Vec<(u32, Box<pb::ScheduledTask>)>);

    /// Cuts all streams, those that open later too, with `UNAVAILABLE` and this message (04/TW-34i).
    fn cut_all(&self, message: &str);
}

/// A request for a Python lane.
#[derive(Debug)]
pub struct ColdCall {
    /// Name of the RPC, e.g. `PutTaskDef`.
    pub rpc: &'static str,
    /// The serialized request.
    pub request: bytes::Bytes,
    /// Tenant of the caller.
    pub tenant: String,
    /// Principal of the caller.
    pub principal: String,
    /// The serialized response.
    pub answer: oneshot::Sender<Result<Vec<u8>, Status>>,
    /// What the call is charged, also when its caller has gone and it still waits.
    pub charge: Charge,
}

/// Python's handlers of the RPCs that happen per deployment, per look and per person.
pub trait Cold: Send + Sync {
    /// Queues a call; never blocks. Errors: `Exhausted` if too many wait, `Unavailable` if the lanes have stopped.
    fn call(&self, call: ColdCall) -> Result<(), Failure>;
}

/// Tenants and principals as the front needs them per call: an immutable snapshot, swapped when metadata changes.
#[derive(Debug, Default)]
pub struct Identities {
    known: RwLock<Known>,
}

/// What metadata says about identities.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Names of the tenants that are stored.
    pub tenants: Arc<BTreeSet<String>>,
    /// The principal of callers without a stored identity (08/P-3); `None` before the first objects are stored.
    pub anonymous: Option<Arc<pb::Principal>>,
}

impl Identities {
    /// The tenant that is always there, even before it is stored (08/T-3).
    pub const DEFAULT_TENANT: &str = "default";

    /// True if calls for this tenant are served.
    pub fn knows_tenant(&self, name: &str) -> bool {
        name == Self::DEFAULT_TENANT || self.known().tenants.contains(name)
    }

    /// The snapshot.
    pub fn known(&self) -> Known {
        self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Swaps the snapshot.
    pub fn replace(&self, known: Known) {
        *self.known.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = known;
    }
}
