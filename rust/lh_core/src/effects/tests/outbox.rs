//! Messages between shards with shards that the test plays.
#![allow(clippy::unwrap_used)]

use lh_machine::{MachineConfig, Reply, internal::DefinitionsArrived};
use tokio::sync::{
    mpsc::{UnboundedReceiver, unbounded_channel},
    oneshot,
};

use super::*;
use crate::{
    effects::shards::ShardHandles,
    ports::{ShardHandle, ShardMessage},
};

type Answer = oneshot::Sender<Result<Reply, Failure>>;

struct Bench {
    shards: Arc<Shards>,
    handles: Option<ShardHandles>,
    outbox: Arc<Outbox>,
    run: Vec<UnboundedReceiver<ShardMessage>>,
    meta: UnboundedReceiver<ShardMessage>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new() -> Self {
        let handle = |shard| {
            let (inbox, receiver) = unbounded_channel();
            (ShardHandle { shard, inbox }, receiver)
        };
        let ((zero, run_zero), (one, run_one), (meta_handle, meta)) =
            (handle(0), handle(1), handle(MachineConfig::META_SHARD));
        let shards = Arc::new(Shards::default());
        let failures = Arc::new(Mutex::new(Vec::new()));
        let failed = failures.clone();
        let outbox = Arc::new(Outbox::new(shards.clone(), Arc::new(move |why| failed.lock().unwrap().push(why))));
        let handles = Some(ShardHandles { run: vec![zero, one], meta: meta_handle });
        Self { shards, handles, outbox, run: vec![run_zero, run_one], meta, failures }
    }

    fn connect(&mut self) {
        self.shards.connect(self.handles.take().unwrap());
    }

    fn send(&self, target_shard: u32, sequence: u64) {
        let arrived = DefinitionsArrived { sequence, writes: Vec::new() };
        let kind = Some(command::Kind::DefinitionsArrived(arrived));
        let command = Command { tenant: String::new(), kind };
        self.outbox.send(MachineConfig::META_SHARD, vec![Outgoing { target_shard, sequence, command }]);
    }

    /// The sequence that a run shard is asked to apply next.
    async fn arrives(&mut self, shard: usize) -> (u64, Answer) {
        match proposal(self.run[shard].recv().await) {
            (command::Kind::DefinitionsArrived(arrived), answer) => (arrived.sequence, answer),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The (target, sequence) that the source is asked to forget next.
    async fn acknowledged(&mut self) -> ((u32, u64), Answer) {
        match proposal(self.meta.recv().await) {
            (command::Kind::OutboxAcknowledged(ack), answer) => ((ack.target_shard, ack.sequence), answer),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn proposal(message: Option<ShardMessage>) -> (command::Kind, Answer) {
    let Some(ShardMessage::Propose { command, answer: Some(answer) }) = message else { panic!("not a proposal") };
    (command.kind.unwrap(), answer)
}

fn done(answer: Answer) {
    answer.send(Ok(Reply::Empty)).unwrap();
}

/// In order, one at a time, each acknowledged to its source; effects before the shards are connected are kept.
#[tokio::test]
async fn in_order_and_acknowledged() {
    let mut bench = Bench::new();
    bench.send(0, 7);
    bench.send(0, 8);
    bench.connect();
    let (sequence, answer) = bench.arrives(0).await;
    assert_eq!(sequence, 7);
    assert!(bench.run[0].try_recv().is_err(), "the next one waits for the answer");
    done(answer);
    let (acknowledged, answer) = bench.acknowledged().await;
    assert_eq!(acknowledged, (0, 7));
    done(answer);
    let (sequence, answer) = bench.arrives(0).await;
    assert_eq!(sequence, 8);
    done(answer);
    assert_eq!(bench.acknowledged().await.0, (0, 8));
}

/// A metadata write is answered when every run shard has applied it, not before.
#[tokio::test]
async fn delivered_waits_for_every_target() {
    let mut bench = Bench::new();
    bench.connect();
    bench.send(0, 5);
    bench.send(1, 5);
    bench.send(1, 6);
    let outbox = bench.outbox.clone();
    let mut delivered = tokio::spawn(async move { outbox.delivered(MachineConfig::META_SHARD, 5).await });
    let (_, zero) = bench.arrives(0).await;
    let (_, one) = bench.arrives(1).await;
    done(zero);
    assert_eq!(bench.acknowledged().await.0, (0, 5));
    assert!(!delivered.is_finished());
    done(one);
    // Number 6 is still undelivered and does not matter.
    (&mut delivered).await.unwrap();
    bench.outbox.delivered(MachineConfig::META_SHARD, 4).await;
}

/// What a shard cannot take now is sent again, the same message first.
#[tokio::test(start_paused = true)]
async fn refused_messages_are_repeated_in_order() {
    let mut bench = Bench::new();
    bench.connect();
    bench.send(0, 1);
    bench.send(0, 2);
    for _ in 0..5 {
        let (sequence, answer) = bench.arrives(0).await;
        assert_eq!(sequence, 1);
        answer.send(Err(Failure::Unavailable("starting".into()))).unwrap();
    }
    let (sequence, answer) = bench.arrives(0).await;
    assert_eq!(sequence, 1);
    done(answer);
    done(bench.acknowledged().await.1);
    assert_eq!(bench.arrives(0).await.0, 2);
    assert!(bench.failures.lock().unwrap().is_empty());
}

/// A message that its target can never apply is our bug: the server is told to stop.
#[tokio::test]
async fn an_impossible_message_fails_the_server() {
    let mut bench = Bench::new();
    bench.connect();
    bench.send(1, 1);
    let (_, answer) = bench.arrives(1).await;
    answer.send(Err(Failure::Internal("4f".into()))).unwrap();
    while bench.failures.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(bench.failures.lock().unwrap()[0].contains("shard 1 refuses"));
}
