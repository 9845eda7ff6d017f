//! A server for tests: shards over a disk and stores in memory, with polls and effects that tests can watch.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use lh_machine::{
    Arm, Command, Dispatch, MachineConfig, Outgoing, Read, Reply, Thrown,
    internal::{self, ClaimTask, command::Kind, meta_write},
    key::{self, MetaKind},
    pb,
};
use prost::Message;
use tokio::sync::{Notify, oneshot};

use crate::{
    environment::Threads,
    ports::{
        ClaimSource, Clock, Effector, Entropy, Environment, Failure, MetaSnapshot, ShardHandle, ShardMessage, Store,
        Waits,
    },
    shard::{
        OpenError, ShardsConfig,
        log::LogConfig,
        open_with,
        testing::{MemoryDisk, MemoryStore},
    },
};

pub const TENANT: &str = "default";
const CLUSTER: [u8; 16] = *b"cluster of tests";
/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that tests set.
#[derive(Default)]
pub struct TestClock {
    pub wall_ms: AtomicI64,
    ticks: AtomicU64,
}

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.ticks.fetch_add(1_000_000, Ordering::SeqCst)
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Waiting polls and what was done for them.
#[derive(Default)]
pub struct Effects {
    handles: OnceLock<Vec<ShardHandle>>,
    seen: Mutex<Seen>,
    changed: Notify,
    /// While true, messages between shards are kept back.
    pub hold_outbox: AtomicBool,
}

#[derive(Default)]
struct Seen {
    waiting: BTreeMap<u64, String>,
    reserved: BTreeMap<u64, String>,
    tasks: Vec<Dispatch>,
    timers: Vec<Arm>,
    returned: Vec<u64>,
    held: Vec<(u32, Outgoing)>,
}

impl Effects {
    fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let out = change(&mut self.seen.lock().unwrap());
        self.changed.notify_waiters();
        out
    }

    async fn until<T>(&self, mut seen: impl FnMut(&mut Seen) -> Option<T>) -> T {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = seen(&mut self.seen.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("what the test waits for never happened")
    }

    /// The next task that was delivered to a poll.
    pub async fn task(&self) -> Dispatch {
        self.until(|seen| (!seen.tasks.is_empty()).then(|| seen.tasks.remove(0))).await
    }

    /// Tasks that were delivered and not taken by [`Effects::task`].
    pub fn undelivered(&self) -> Vec<Dispatch> {
        self.seen.lock().unwrap().tasks.clone()
    }

    /// Waits for a wake-up of this run.
    pub async fn timer(&self, id: &str) -> Arm {
        self.until(|seen| seen.timers.iter().find(|arm| arm.wf_run_id.id == id).cloned()).await
    }

    /// Waits until this poll was handed back.
    pub async fn returned(&self, poll: u64) {
        self.until(|seen| seen.returned.contains(&poll).then_some(())).await;
    }

    /// Delivers the messages that were kept back.
    pub fn release_outbox(self: &Arc<Self>) {
        self.hold_outbox.store(false, Ordering::SeqCst);
        let held = self.change(|seen| std::mem::take(&mut seen.held));
        for (shard, message) in held {
            self.send(shard, vec![message]);
        }
    }

    fn handle(&self, shard: u32) -> &ShardHandle {
        self.handles.get().unwrap().iter().find(|handle| handle.shard == shard).unwrap()
    }
}

/// The effector as shards know it: delivers messages between shards in the order they came.
struct Performer(Arc<Effects>);

impl Effector for Performer {
    fn arm(&self, _shard: u32, timers: Vec<Arm>) {
        self.0.change(|seen| seen.timers.extend(timers));
    }

    fn dispatch(&self, _shard: u32, tasks: Vec<Dispatch>) {
        self.0.change(|seen| {
            for task in &tasks {
                assert!(seen.reserved.remove(&task.poll_id).is_some(), "a poll gets one task");
            }
            seen.tasks.extend(tasks);
        });
    }

    fn return_polls(&self, polls: Vec<u64>) {
        let back = self.0.change(|seen| {
            seen.returned.extend(&polls);
            let back: Vec<String> = polls
                .iter()
                .map(|poll| {
                    let task_def = seen.reserved.remove(poll).expect("only reserved polls come back");
                    seen.waiting.insert(*poll, task_def.clone());
                    task_def
                })
                .collect();
            back
        });
        back.into_iter().for_each(|task_def| self.0.announce(task_def));
    }

    fn send(&self, shard: u32, messages: Vec<Outgoing>) {
        self.0.send(shard, messages);
    }

    fn tell(&self, _thrown: Vec<Thrown>) {}
}

impl Effects {
    fn announce(&self, task_def: String) {
        for handle in self.handles.get().unwrap() {
            let _ =
                handle.inbox.send(ShardMessage::PollWaits { tenant: TENANT.to_owned(), task_def: task_def.clone() });
        }
    }

    fn send(self: &Arc<Self>, shard: u32, messages: Vec<Outgoing>) {
        if self.hold_outbox.load(Ordering::SeqCst) {
            return self.change(|seen| seen.held.extend(messages.into_iter().map(|message| (shard, message))));
        }
        let effects = self.clone();
        tokio::spawn(async move {
            for message in messages {
                let (answer, answered) = oneshot::channel();
                let propose = ShardMessage::Propose { command: Box::new(message.command), answer: Some(answer) };
                let _ = effects.handle(message.target_shard).inbox.send(propose);
                if matches!(answered.await, Ok(Ok(_))) {
                    let (target_shard, sequence) = (message.target_shard, message.sequence);
                    let kind = Kind::OutboxAcknowledged(internal::OutboxAcknowledged { target_shard, sequence });
                    let command = Box::new(Command { tenant: String::new(), kind: Some(kind) });
                    let _ = effects.handle(shard).inbox.send(ShardMessage::Propose { command, answer: None });
                }
            }
        });
    }
}

struct Waiting(Arc<Effects>);

impl ClaimSource for Waiting {
    fn take(&self, _tenant: &str, task_def: &str, limit: usize) -> Vec<ClaimTask> {
        self.0.change(|seen| {
            let polls: Vec<u64> =
                seen.waiting.iter().filter(|(_, name)| *name == task_def).map(|(poll, _)| *poll).take(limit).collect();
            polls
                .into_iter()
                .map(|poll_id| {
                    let name = seen.waiting.remove(&poll_id).unwrap();
                    seen.reserved.insert(poll_id, name.clone());
                    ClaimTask {
                        task_def_name: name,
                        poll_id,
                        client_id: "worker".to_owned(),
                        task_worker_version: None,
                    }
                })
                .collect()
        })
    }

    fn any_waiting(&self) -> bool {
        !self.0.seen.lock().unwrap().waiting.is_empty()
    }
}

/// How a server is built; what survives a crash.
#[derive(Clone)]
pub struct Setup {
    pub disk: MemoryDisk,
    pub stores: Vec<MemoryStore>,
    pub clock: Arc<TestClock>,
    pub memory_bytes: usize,
    pub log: LogConfig,
}

impl Setup {
    /// An empty server with this many run shards.
    pub fn new(run_shards: usize) -> Self {
        let clock = TestClock::default();
        clock.wall_ms.store(1_000_000, Ordering::SeqCst);
        Self {
            disk: MemoryDisk::default(),
            stores: vec![MemoryStore::default(); run_shards + 1].iter().map(MemoryStore::crash).collect(),
            clock: Arc::new(clock),
            memory_bytes: usize::MAX,
            log: LogConfig { cluster: CLUSTER, segment_bytes: 64 << 10, persist_bytes: 256 << 10 },
        }
    }

    /// Opens it without running it.
    pub fn try_open(&self) -> Result<(), OpenError> {
        self.open(&Arc::default(), &Arc::default()).map(|_| ())
    }

    fn open(
        &self,
        effects: &Arc<Effects>,
        failures: &Arc<Mutex<Vec<String>>>,
    ) -> Result<crate::shard::Shards, OpenError> {
        let environment = Environment {
            clock: self.clock.clone(),
            entropy: Arc::new(Counter(AtomicU64::new(1))),
            log_disk: Arc::new(self.disk.clone()),
            crew: Arc::new(Threads),
            waits: Waits::Fine,
        };
        let (failures, changed) = (failures.clone(), effects.clone());
        let config = ShardsConfig {
            cluster: CLUSTER,
            run_shards: self.stores.len() as u32 - 1,
            memory_bytes: self.memory_bytes,
            flush_slice: 1,
            segment_bytes: self.log.segment_bytes,
            failure: Arc::new(move |message| {
                failures.lock().unwrap().push(message);
                changed.changed.notify_waiters();
            }),
        };
        let stores = self.stores.iter().map(|store| Arc::new(store.clone()) as Arc<dyn Store>).collect();
        let effector: Arc<dyn Effector> = Arc::new(Performer(effects.clone()));
        let polls: Arc<dyn ClaimSource> = Arc::new(Waiting(effects.clone()));
        open_with(&environment, stores, &effector, &polls, &config, self.log)
    }

    /// Opens and runs it.
    pub fn start(self) -> Server {
        let (effects, failures) = (Arc::<Effects>::default(), Arc::default());
        let shards = self.open(&effects, &failures).unwrap();
        effects.handles.set(shards.handles().to_vec()).unwrap();
        let task = tokio::spawn(shards.run());
        Server { setup: self, effects, failures, task, last_poll: AtomicU64::new(0) }
    }
}

/// A running server.
pub struct Server {
    pub setup: Setup,
    pub effects: Arc<Effects>,
    pub failures: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
    last_poll: AtomicU64,
}

impl Server {
    /// Ends it without warning; what a restart finds: the synced log, and what the stores persisted.
    pub fn crash(self) -> Setup {
        self.task.abort();
        let stores = self.setup.stores.iter().map(MemoryStore::crash).collect();
        Setup { disk: self.setup.disk.copy(), stores, ..self.setup }
    }

    /// Stops it politely.
    pub async fn stop(self) -> Setup {
        for handle in self.effects.handles.get().unwrap() {
            let (answer, answered) = oneshot::channel();
            handle.inbox.send(ShardMessage::Stop { answer }).unwrap();
            tokio::time::timeout(PATIENCE, answered).await.expect("stops").unwrap();
        }
        tokio::time::timeout(PATIENCE, self.task).await.expect("ends").unwrap();
        Setup { disk: self.setup.disk.copy(), ..self.setup }
    }

    pub fn send(&self, shard: u32, message: ShardMessage) {
        // A shard that has failed takes nothing; then the answer is missing, which is what tests look at.
        let _ = self.effects.handle(shard).inbox.send(message);
    }

    /// Proposes without waiting.
    pub fn begin(&self, shard: u32, kind: Kind) -> oneshot::Receiver<Result<Reply, Failure>> {
        let (answer, answered) = oneshot::channel();
        let command = Box::new(Command { tenant: TENANT.to_owned(), kind: Some(kind) });
        self.send(shard, ShardMessage::Propose { command, answer: Some(answer) });
        answered
    }

    pub async fn propose(&self, shard: u32, kind: Kind) -> Result<Reply, Failure> {
        patient(self.begin(shard, kind)).await
    }

    pub async fn read(&self, shard: u32, read: Read) -> Result<Vec<u8>, Failure> {
        let (answer, answered) = oneshot::channel();
        self.send(shard, ShardMessage::Read { tenant: TENANT.to_owned(), read, answer });
        patient(answered).await
    }

    /// The WfRun as clients see it.
    pub async fn wf_run(&self, id: &str) -> pb::WfRun {
        pb::WfRun::decode(self.read(0, Read::WfRun(wf_run_id(id))).await.unwrap().as_slice()).unwrap()
    }

    pub async fn meta(&self) -> MetaSnapshot {
        let (answer, answered) = oneshot::channel();
        self.send(MachineConfig::META_SHARD, ShardMessage::Meta { answer });
        patient(answered).await.unwrap()
    }

    pub async fn flush(&self, shard: u32) {
        let (answer, answered) = oneshot::channel();
        self.send(shard, ShardMessage::Flush { answer });
        patient(answered).await.unwrap();
    }

    /// Registers a chain of `tasks` tasks of TaskDef `task`, as WfSpec `name`.
    pub async fn define(&self, name: &str, tasks: usize) -> Result<Reply, Failure> {
        self.propose(MachineConfig::META_SHARD, definitions(name, tasks)).await
    }

    /// Lets a poll for TaskDef `task` wait; returns its number.
    pub fn poll(&self) -> u64 {
        let number = self.last_poll.fetch_add(1, Ordering::SeqCst) + 1;
        self.effects.change(|seen| seen.waiting.insert(number, "task".to_owned()));
        self.effects.announce("task".to_owned());
        number
    }

    pub async fn run(&self, spec: &str, id: &str) -> Result<Reply, Failure> {
        self.propose(0, run_wf(spec, id)).await
    }

    pub async fn report(&self, task: &Dispatch) -> Result<Reply, Failure> {
        self.propose(0, report(task)).await
    }

    /// Waits until the failure hook was called; returns what it was told.
    pub async fn failure(&self) -> String {
        self.effects.until(|_| self.failures.lock().unwrap().first().cloned()).await
    }
}

async fn patient<T>(answered: oneshot::Receiver<Result<T, Failure>>) -> Result<T, Failure> {
    let outcome = tokio::time::timeout(PATIENCE, answered).await.expect("an answer");
    outcome.unwrap_or_else(|_| Err(Failure::Unavailable("no answer will come".to_owned())))
}

pub fn wf_run_id(id: &str) -> pb::WfRunId {
    pb::WfRunId { id: id.to_owned(), parent_wf_run_id: None }
}

pub fn run_wf(spec: &str, id: &str) -> Kind {
    let request = pb::RunWfRequest { wf_spec_name: spec.to_owned(), id: Some(id.to_owned()), ..Default::default() };
    Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })
}

pub fn report(task: &Dispatch) -> Kind {
    Kind::ReportTask(pb::ReportTaskRun {
        task_run_id: task.task.task_run_id.clone(),
        status: pb::TaskStatus::TaskSuccess as i32,
        attempt_number: task.task.attempt_number,
        ..Default::default()
    })
}

pub fn definitions(name: &str, tasks: usize) -> Kind {
    use pb::{node::Node, sleep_node::SleepLength, task_node::TaskToExecute, variable_assignment::Source};
    let task_def = pb::TaskDef { id: Some(pb::TaskDefId { name: "task".to_owned() }), ..Default::default() };
    let mut kinds = vec![Node::Entrypoint(pb::EntrypointNode {})];
    for _ in 0..tasks {
        let to_execute = TaskToExecute::TaskDefId(pb::TaskDefId { name: "task".to_owned() });
        kinds.push(Node::Task(pb::TaskNode {
            task_to_execute: Some(to_execute),
            timeout_seconds: 3600,
            ..Default::default()
        }));
    }
    if tasks == 0 {
        let seconds = pb::VariableValue { value: Some(pb::variable_value::Value::Int(60)) };
        let seconds = pb::VariableAssignment { source: Some(Source::LiteralValue(seconds)), ..Default::default() };
        kinds.push(Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::RawSeconds(seconds)) }));
    }
    kinds.push(Node::Exit(pb::ExitNode::default()));
    let last = kinds.len() - 1;
    let node_name = |at: usize| match at {
        0 => "0-entrypoint-ENTRYPOINT".to_owned(),
        at => format!("{at}-step"),
    };
    let nodes = kinds.into_iter().enumerate().map(|(at, kind)| {
        let edge = pb::Edge { sink_node_name: node_name(at + 1), ..Default::default() };
        let outgoing_edges = if at == last { Vec::new() } else { vec![edge] };
        (node_name(at), pb::Node { node: Some(kind), outgoing_edges, ..Default::default() })
    });
    let thread = pb::ThreadSpec { nodes: nodes.collect(), ..Default::default() };
    let wf_spec = pb::WfSpec {
        id: Some(pb::WfSpecId { name: name.to_owned(), major_version: 0, revision: 0 }),
        thread_specs: BTreeMap::from([("entrypoint".to_owned(), thread)]),
        entrypoint_thread_name: "entrypoint".to_owned(),
        ..Default::default()
    };
    let write = |key, value: Vec<u8>| meta_write::Write { key, value: Some(value) };
    Kind::MetaWrite(internal::MetaWrite {
        expects: Vec::new(),
        writes: vec![
            write(key::meta(MetaKind::TaskDef, TENANT, "task", &[]), task_def.encode_to_vec()),
            write(key::meta(MetaKind::WfSpec, TENANT, name, &[0, 0]), wf_spec.encode_to_vec()),
        ],
    })
}
