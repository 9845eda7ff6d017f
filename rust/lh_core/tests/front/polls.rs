//! `PollTask` as workers see it (04 section 5).

use _core::ports::ShardMessage;
use lh_machine::{internal::command, pb};
use tonic::Code;

use crate::bench::Bench;

/// TW-34a: each poll waits and gets exactly one response, in the order in which tasks come.
#[tokio::test]
async fn one_response_per_poll() {
    let mut bench = Bench::start().await;
    let mut stream = bench.client().await.poll_task().await.unwrap();
    stream.poll("charge");
    stream.poll("charge");
    for _ in 0..2 {
        assert_eq!(bench.poll_waits(0).await, ("default".into(), "charge".into()));
        bench.poll_waits(1).await;
    }
    let polls = bench.take("charge", 9);
    assert_eq!(polls.len(), 2);
    bench.deliver(polls[1], "one");
    bench.deliver(polls[0], "two");
    assert_eq!(stream.task().await, "one");
    assert_eq!(stream.task().await, "two");
    assert_eq!(bench.take("charge", 9), [0_u64; 0]);
}

/// TW-21: polls of several streams and connections are served in the order in which they came.
#[tokio::test]
async fn streams_take_turns() {
    let mut bench = Bench::start().await;
    let mut one = bench.client().await.poll_task().await.unwrap();
    let mut two = bench.client().await.poll_task().await.unwrap();
    one.poll("charge");
    bench.poll_waits(0).await;
    two.poll("charge");
    bench.poll_waits(0).await;
    let polls = bench.take("charge", 9);
    bench.deliver(polls[0], "first");
    bench.deliver(polls[1], "second");
    assert_eq!(one.task().await, "first");
    assert_eq!(two.task().await, "second");
}

/// TW-34d, TW-34e: each message names its TaskDef, known or not, in the tenant of the stream.
#[tokio::test]
async fn every_message_stands_alone() {
    let mut bench = Bench::start().await;
    let mut client = bench.client().await;
    client.tenant = Some("acme");
    let stream = client.poll_task().await.unwrap();
    stream.poll("charge");
    stream.poll("never-registered");
    assert_eq!(bench.poll_waits(0).await, ("acme".into(), "charge".into()));
    assert_eq!(bench.poll_waits(0).await, ("acme".into(), "never-registered".into()));
}

/// TW-34f: half-close withdraws waiting polls, delivers what is claimed, then ends with OK.
#[tokio::test]
async fn half_close() {
    let mut bench = Bench::start().await;
    let mut stream = bench.client().await.poll_task().await.unwrap();
    stream.poll("charge");
    stream.poll("charge");
    bench.poll_waits(0).await;
    bench.poll_waits(0).await;
    let claimed = bench.take("charge", 1);
    let (closed, _) = tokio::sync::mpsc::unbounded_channel();
    stream.requests = closed;
    bench.no_poll_waits().await;
    assert_eq!(bench.take("charge", 9), [0_u64; 0]);
    bench.deliver(claimed[0], "last");
    assert_eq!(stream.task().await, "last");
    assert_eq!(stream.end().await.0, Code::Ok);
}

/// TW-34f: an idle stream ends with OK as soon as the client closes its side.
#[tokio::test]
async fn half_close_of_an_idle_stream() {
    let mut bench = Bench::start().await;
    let mut stream = bench.client().await.poll_task().await.unwrap();
    stream.poll("charge");
    bench.poll_waits(0).await;
    let (closed, _) = tokio::sync::mpsc::unbounded_channel();
    stream.requests = closed;
    assert_eq!(stream.end().await.0, Code::Ok);
}

/// TW-34h, TW-23: a cancelled stream takes its waiting polls along, and a claim for it is undone.
#[tokio::test]
async fn cancellation() {
    let mut bench = Bench::start().await;
    let stream = bench.client().await.poll_task().await.unwrap();
    stream.poll("charge");
    stream.poll("charge");
    bench.poll_waits(0).await;
    bench.poll_waits(0).await;
    let claimed = bench.take("charge", 1);
    drop(stream);
    bench.no_poll_waits().await;
    bench.deliver(claimed[0], "in vain");
    let Some(ShardMessage::Propose { command, answer: None }) = bench.shards[0].recv().await else {
        panic!("the claim is not undone")
    };
    let Some(command::Kind::UnclaimTask(undo)) = command.kind else { panic!("not an unclaim") };
    assert_eq!(undo.task_run_id.unwrap().task_guid, "in vain");
}

/// TW-34e: an empty or missing TaskDef name ends the stream.
#[tokio::test]
async fn a_poll_without_task_def() {
    let bench = Bench::start().await;
    for task_def_id in [None, Some(pb::TaskDefId::default())] {
        let mut stream = bench.client().await.poll_task().await.unwrap();
        stream.requests.send(pb::PollTaskRequest { task_def_id, ..Default::default() }).unwrap();
        assert_eq!(stream.end().await, (Code::InvalidArgument, "task_def_id is required".into()));
    }
}

/// 08/T-3, 04/TW-34k: the checks of the pipeline end the stream at once.
#[tokio::test]
async fn a_stream_of_an_unknown_tenant() {
    let bench = Bench::start().await;
    let mut client = bench.client().await;
    client.tenant = Some("nobody");
    let Err(refused) = client.poll_task().await else { panic!("accepted") };
    assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, "Tenant not allowed"));
}

/// Issue: 10,000 waiting polls cost no thread each; here on ten streams of one connection.
#[tokio::test]
async fn ten_thousand_waiting_polls() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let stream = client.poll_task().await.unwrap();
        for _ in 0..1_000 {
            stream.poll("charge");
        }
        streams.push(stream);
    }
    for _ in 0..10_000 {
        bench.poll_waits(0).await;
    }
    let polls = bench.take("charge", 20_000);
    assert_eq!(polls.len(), 10_000);
    for poll in polls {
        bench.deliver(poll, "task");
    }
    for stream in &mut streams {
        for _ in 0..1_000 {
            stream.task().await;
        }
    }
}
