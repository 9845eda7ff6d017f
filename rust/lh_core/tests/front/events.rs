//! Events through the front: generated guids, and callers that wait for WorkflowEvents.

use std::time::Duration;

use _core::{
    front::placement,
    ports::{Failure, ShardMessage},
};
use lh_machine::{Read, Rejected, Reply, Thrown, internal::command, pb};
use prost::Message;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::bench::Bench;

const AWAIT: &str = "/littlehorse.LittleHorse/AwaitWorkflowEvent";
const PUT: &str = "/littlehorse.LittleHorse/PutExternalEvent";

fn run_id() -> Option<pb::WfRunId> {
    Some(pb::WfRunId { id: "run".into(), parent_wf_run_id: None })
}

fn event(number: i32) -> pb::WorkflowEvent {
    let id = pb::WorkflowEventId {
        wf_run_id: run_id(),
        workflow_event_def_id: Some(pb::WorkflowEventDefId { name: "done".into() }),
        number,
    };
    pb::WorkflowEvent { id: Some(id), ..Default::default() }
}

/// Lets a caller wait until the shard was asked and has answered.
async fn waiting(bench: &mut Bench, found: Result<Vec<u8>, Failure>) -> JoinHandle<Result<pb::WorkflowEvent, Status>> {
    let client = bench.client().await;
    let request = pb::AwaitWorkflowEventRequest { wf_run_id: run_id(), ..Default::default() };
    let call = tokio::spawn(async move { client.call(AWAIT, request).await });
    let shard = placement::shard_of("default", "run", 2);
    let Some(ShardMessage::Read { read, answer, .. }) = bench.shards[shard].recv().await else { panic!("not a read") };
    assert!(matches!(read, Read::AwaitedEvent(_)));
    answer.send(found).unwrap();
    call
}

fn nothing_thrown() -> Result<Vec<u8>, Failure> {
    Err(Failure::Rejected(Rejected::not_found("nothing yet")))
}

/// 05/E-63: what was thrown before is answered at once, and nobody is left waiting.
#[tokio::test]
async fn thrown_before() {
    let mut bench = Bench::start().await;
    let call = waiting(&mut bench, Ok(event(3).encode_to_vec())).await;
    assert_eq!(call.await.unwrap().unwrap(), event(3));
    assert_eq!(bench.event_waits.waiting(), 0);
}

/// 05/E-64, E-68: two callers wait, and one event answers both.
#[tokio::test]
async fn thrown_later() {
    let mut bench = Bench::start().await;
    let one = waiting(&mut bench, nothing_thrown()).await;
    let other = waiting(&mut bench, nothing_thrown()).await;
    assert_eq!(bench.event_waits.waiting(), 2);
    bench.event_waits.tell(vec![Thrown { tenant: "default".into(), event: event(0) }]);
    assert_eq!(one.await.unwrap().unwrap(), event(0));
    assert_eq!(other.await.unwrap().unwrap(), event(0));
    assert_eq!(bench.event_waits.waiting(), 0);
}

/// 08/F-1: a caller that waits does not hold up the shutdown.
#[tokio::test]
async fn waits_are_cut() {
    let mut bench = Bench::start().await;
    let call = waiting(&mut bench, nothing_thrown()).await;
    bench.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(bench.event_waits.waiting(), 0);
}

/// 05/E-1, E-12: a guid that was not given, or is empty, is generated; a given one is used as it is.
#[tokio::test]
async fn guids() {
    let mut bench = Bench::start().await;
    for given in [None, Some(""), Some("mine")] {
        let client = bench.client().await;
        let request = pb::PutExternalEventRequest {
            wf_run_id: run_id(),
            external_event_def_id: Some(pb::ExternalEventDefId { name: "paid".into() }),
            guid: given.map(str::to_owned),
            ..Default::default()
        };
        let call = tokio::spawn(async move { client.call::<_, pb::ExternalEvent>(PUT, request).await });
        let shard = placement::shard_of("default", "run", 2);
        let Some(ShardMessage::Propose { command, answer: Some(answer) }) = bench.shards[shard].recv().await else {
            panic!("not a proposal")
        };
        let Some(command::Kind::PutExternalEvent(put)) = command.kind else { panic!("not an event") };
        let guid = put.guid.unwrap();
        match given {
            Some("mine") => assert_eq!(guid, "mine"),
            _ => assert!(guid.len() == 32 && guid.bytes().all(|byte| byte.is_ascii_hexdigit()), "{guid}"),
        }
        let stored = pb::ExternalEvent { claimed: true, ..Default::default() };
        answer.send(Ok(Reply::ExternalEvent(Box::new(stored.clone())))).unwrap();
        assert_eq!(call.await.unwrap().unwrap(), stored);
    }
}
