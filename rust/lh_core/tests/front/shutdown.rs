//! Shutdown as clients see it (08/F-1, 04/TW-34i).

use std::time::Duration;

use _core::ports::ShardMessage;
use lh_machine::{Reply, pb};
use tonic::Code;

use crate::bench::Bench;

const GENEROUS: Duration = Duration::from_secs(60);

/// TW-34g, TW-34i: poll streams are cut with UNAVAILABLE, never with OK.
#[tokio::test]
async fn poll_streams_are_cut() {
    let mut bench = Bench::start().await;
    let mut stream = bench.client().await.poll_task().await.unwrap();
    stream.poll("charge");
    bench.poll_waits(0).await;
    let stopped = bench.stop(GENEROUS);
    let (code, message) = stream.end().await;
    assert_eq!(code, Code::Unavailable);
    assert!(message.contains("shutting down"), "{message}");
    stopped.await.unwrap();
    assert!(tokio::net::TcpStream::connect(bench.address).await.is_err(), "the port is closed");
}

/// F-1: calls in flight finish, new ones are refused with a text that clients know.
#[tokio::test]
async fn calls_in_flight_finish() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    let wf_run_id = Some(pb::WfRunId { id: "run".into(), parent_wf_run_id: None });
    let task_run_id = Some(pb::TaskRunId { wf_run_id, task_guid: "g".into() });
    let report = pb::ReportTaskRun { task_run_id, ..Default::default() };
    let in_flight = client.clone();
    let call =
        tokio::spawn(async move { in_flight.call::<_, ()>("/littlehorse.LittleHorse/ReportTask", report).await });
    let (zero, one) = bench.shards.split_at_mut(1);
    let message = tokio::select! {
        message = zero[0].recv() => message,
        message = one[0].recv() => message,
    };
    let Some(ShardMessage::Propose { answer: Some(answer), .. }) = message else { panic!("not a report") };
    let stopped = bench.stop(GENEROUS);
    // The same connection still exists, because a call is in flight on it.
    let refused = loop {
        match client.call::<_, pb::LittleHorseVersion>("/littlehorse.LittleHorse/GetServerVersion", ()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(status) => break status,
        }
    };
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(!stopped.is_finished());
    answer.send(Ok(Reply::Empty)).unwrap();
    call.await.unwrap().unwrap();
    stopped.await.unwrap();
}

/// F-1: the drain is bounded; what is not finished then is cut.
#[tokio::test]
async fn the_drain_is_bounded() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    let request = pb::RunWfRequest { wf_spec_name: "order".into(), id: Some("a".into()), ..Default::default() };
    let call =
        tokio::spawn(async move { client.call::<_, pb::WfRun>("/littlehorse.LittleHorse/RunWf", request).await });
    let (zero, one) = bench.shards.split_at_mut(1);
    let _unanswered = tokio::select! {
        message = zero[0].recv() => message,
        message = one[0].recv() => message,
    };
    bench.stop(Duration::from_millis(1)).await.unwrap();
    assert!(call.await.unwrap().is_err());
}
