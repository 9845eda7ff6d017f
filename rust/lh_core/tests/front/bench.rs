//! A front on a free port of this machine; the test plays the shards and Python.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use _core::{
    effects::{
        event_waits::EventWaits,
        shards::{ShardHandles, Shards},
        tasks::Dispatcher,
    },
    environment::{SystemClock, SystemEntropy},
    front::{
        Front, Parts,
        doors::{Cold, ColdCall, Identities, Known},
        server::{self, Serving},
    },
    ports::{ClaimSource, Failure, ShardHandle, ShardMessage},
};
use lh_machine::{Dispatch, MachineConfig, pb};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

pub struct Bench {
    pub address: SocketAddr,
    pub dispatcher: Arc<Dispatcher>,
    pub event_waits: Arc<EventWaits>,
    /// Messages to run shards 0 and 1.
    pub shards: Vec<UnboundedReceiver<ShardMessage>>,
    /// Calls to Python.
    pub cold: UnboundedReceiver<ColdCall>,
    serving: Option<Serving>,
}

struct FakeLanes(UnboundedSender<ColdCall>);
impl Cold for FakeLanes {
    fn call(&self, call: ColdCall) -> Result<(), Failure> {
        self.0.send(call).map_err(|_| Failure::Unavailable("no lanes".into()))
    }
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(10_000, 1 << 30).await
    }

    /// A front that takes so many connections and has so much memory for calls.
    pub async fn start_with(max_connections: usize, call_memory_bytes: usize) -> Self {
        let (mut run, mut shards) = (Vec::new(), Vec::new());
        for shard in 0..2 {
            let (inbox, receiver) = unbounded_channel();
            run.push(ShardHandle { shard, inbox });
            shards.push(receiver);
        }
        let ways = Arc::new(Shards::default());
        let meta = ShardHandle { shard: MachineConfig::META_SHARD, inbox: unbounded_channel().0 };
        ways.connect(ShardHandles { run: run.clone(), meta });
        let dispatcher = Arc::new(Dispatcher::new(ways, usize::MAX));
        let event_waits = Arc::<EventWaits>::default();
        let (lanes, cold) = unbounded_channel();
        let identities = Arc::<Identities>::default();
        identities.replace(Known {
            tenants: Arc::new(["acme".to_owned()].into()),
            anonymous: Some(Arc::new(pb::Principal {
                id: Some(pb::PrincipalId { id: "anonymous".into() }),
                ..Default::default()
            })),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let front = Front::new(Parts {
            run_shards: run,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            polls: dispatcher.clone(),
            event_waits: event_waits.clone(),
            cold: Arc::new(FakeLanes(lanes)),
            identities,
            advertised: pb::LhHostInfo { host: "engine.example".into(), port: 2023 },
            version: pb::LittleHorseVersion { major_version: 1, minor_version: 3, ..Default::default() },
            max_connections,
            call_memory_bytes,
        });
        let serving = Some(server::serve(listener, Arc::new(front)).await);
        Self { address, event_waits, dispatcher, shards, cold, serving }
    }

    pub async fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        Client { channel: endpoint.connect().await.unwrap(), tenant: None }
    }

    /// Begins the shutdown; the task ends when it is done.
    pub fn stop(&mut self, drain: Duration) -> JoinHandle<()> {
        tokio::spawn(self.serving.take().unwrap().stop(drain))
    }

    /// Waits until a shard hears that a poll waits.
    pub async fn poll_waits(&mut self, shard: usize) -> (String, String) {
        match self.shards[shard].recv().await.unwrap() {
            ShardMessage::PollWaits { tenant, task_def } => (tenant, task_def),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Claims for up to `limit` waiting polls; returns their numbers.
    pub fn take(&self, task_def: &str, limit: usize) -> Vec<u64> {
        self.dispatcher.take("default", task_def, limit).into_iter().map(|claim| claim.poll_id).collect()
    }

    /// Delivers a task to a poll, as shard 0 does after its commit.
    pub fn deliver(&self, poll_id: u64, guid: &str) {
        let task_run_id = pb::TaskRunId { wf_run_id: None, task_guid: guid.into() };
        let task = pb::ScheduledTask { task_run_id: Some(task_run_id), ..Default::default() };
        self.dispatcher.deliver(0, vec![Dispatch { poll_id, task }]);
    }

    /// Waits until no poll waits any more.
    pub async fn no_poll_waits(&self) {
        while self.dispatcher.any_waiting() {
            tokio::task::yield_now().await;
        }
    }
}

/// A client with one connection.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    pub tenant: Option<&'static str>,
}

/// Both directions of a `PollTask` stream; dropping `requests` closes the client's side.
pub struct PollStream {
    pub requests: UnboundedSender<pb::PollTaskRequest>,
    pub responses: Streaming<pb::PollTaskResponse>,
}

impl Client {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(tenant) = self.tenant {
            request.metadata_mut().insert("tenantid", tenant.parse().unwrap());
        }
        request
    }

    async fn grpc(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        grpc
    }

    /// Calls a unary RPC by its path.
    pub async fn call<Q, A>(&self, path: &'static str, message: Q) -> Result<A, Status>
    where
        Q: prost::Message + Default + 'static,
        A: prost::Message + Default + 'static,
    {
        let codec = ProstCodec::<Q, A>::default();
        let request = self.request(message);
        let answer = self.grpc().await.unary(request, PathAndQuery::from_static(path), codec).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn poll_task(&self) -> Result<PollStream, Status> {
        let (requests, outgoing) = unbounded_channel();
        let codec = ProstCodec::<pb::PollTaskRequest, pb::PollTaskResponse>::default();
        let path = PathAndQuery::from_static("/littlehorse.LittleHorse/PollTask");
        let request = self.request(UnboundedReceiverStream::new(outgoing));
        let responses = self.grpc().await.streaming(request, path, codec).await?.into_inner();
        Ok(PollStream { requests, responses })
    }
}

impl PollStream {
    pub fn poll(&self, task_def: &str) {
        let task_def_id = Some(pb::TaskDefId { name: task_def.into() });
        self.requests
            .send(pb::PollTaskRequest { task_def_id, client_id: "w".into(), task_worker_version: None })
            .unwrap();
    }

    /// The guid of the next task.
    pub async fn task(&mut self) -> String {
        let response = self.responses.message().await.unwrap().expect("the stream has ended");
        response.result.expect("a response without a task").task_run_id.unwrap().task_guid
    }

    /// Waits for the end of the stream; its status.
    pub async fn end(&mut self) -> (Code, String) {
        match self.responses.message().await {
            Ok(None) => (Code::Ok, String::new()),
            Err(status) => (status.code(), status.message().to_owned()),
            Ok(Some(response)) => panic!("unexpected {response:?}"),
        }
    }
}
