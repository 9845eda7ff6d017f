//! Unary RPCs: routing, checks before a command exists, and what answers become.

use std::time::Duration;

use _core::{
    front::placement,
    ports::{Failure, ShardMessage},
};
use lh_machine::{Code as MachineCode, Command, Read, Rejected, Reply, internal::command, pb};
use prost::Message;
use tokio::sync::oneshot;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::bench::{Bench, Client};

type Answer = oneshot::Sender<Result<Reply, Failure>>;

const RUN_WF: &str = "/littlehorse.LittleHorse/RunWf";

async fn run_wf(client: Client, request: pb::RunWfRequest) -> Result<pb::WfRun, Status> {
    client.call(RUN_WF, request).await
}

fn start(id: Option<&str>) -> pb::RunWfRequest {
    pb::RunWfRequest { wf_spec_name: "order".into(), id: id.map(str::to_owned), ..Default::default() }
}

/// The proposal that reaches either shard next, and which shard that is.
async fn proposal(bench: &mut Bench) -> (usize, Command, Answer) {
    let (zero, one) = bench.shards.split_at_mut(1);
    let (shard, message) = tokio::select! {
        message = zero[0].recv() => (0, message),
        message = one[0].recv() => (1, message),
    };
    match message.unwrap() {
        ShardMessage::Propose { command, answer: Some(answer) } => (shard, *command, answer),
        other => panic!("unexpected {other:?}"),
    }
}

/// 03/E-101, E-103: the command goes to the shard of the tree's root with its id; the answer is the stored WfRun.
#[tokio::test]
async fn run_wf_with_an_id() {
    let mut bench = Bench::start().await;
    for id in ["a", "b", "c", "d", "e"] {
        let call = tokio::spawn(run_wf(bench.client().await, start(Some(id))));
        let (shard, command, answer) = proposal(&mut bench).await;
        assert_eq!(shard, placement::shard_of("default", id, 2));
        assert_eq!(command.tenant, "default");
        let Some(command::Kind::RunWf(run)) = command.kind else { panic!("not a RunWf") };
        assert!(!run.id_is_generated);
        assert_eq!(run.request.unwrap().id.as_deref(), Some(id));
        let id = Some(pb::WfRunId { id: id.into(), parent_wf_run_id: None });
        let wf_run = pb::WfRun { id, ..Default::default() };
        answer.send(Ok(Reply::WfRun(Box::new(wf_run.clone())))).unwrap();
        assert_eq!(call.await.unwrap().unwrap(), wf_run);
    }
}

/// 03/E-102: an absent id is 32 lowercase hex digits, and the command says that it was generated.
#[tokio::test]
async fn run_wf_without_an_id() {
    let mut bench = Bench::start().await;
    let _call = tokio::spawn(run_wf(bench.client().await, start(None)));
    let (shard, command, _answer) = proposal(&mut bench).await;
    let Some(command::Kind::RunWf(run)) = command.kind else { panic!("not a RunWf") };
    assert!(run.id_is_generated);
    let id = run.request.unwrap().id.unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{id}");
    assert_eq!(shard, placement::shard_of("default", &id, 2));
}

/// 03/E-103: a child lives in the shard of its root.
#[tokio::test]
async fn run_wf_below_a_parent() {
    let mut bench = Bench::start().await;
    let root = pb::WfRunId { id: "root".into(), parent_wf_run_id: None };
    let parent = pb::WfRunId { id: "parent".into(), parent_wf_run_id: Some(Box::new(root)) };
    for id in ["a", "b", "c"] {
        let request = pb::RunWfRequest { parent_wf_run_id: Some(parent.clone()), ..start(Some(id)) };
        let _call = tokio::spawn(run_wf(bench.client().await, request));
        assert_eq!(proposal(&mut bench).await.0, placement::shard_of("default", "root", 2));
    }
}

/// 03 section 2.2, rows 1 and 2: refused before anything becomes a command.
#[tokio::test]
async fn run_wf_with_bad_ids() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    for id in ["", "a_b", "a.b", "-a"] {
        let refused = run_wf(client.clone(), start(Some(id))).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("must be a valid hostname"), "{}", refused.message());
    }
    let nameless = pb::RunWfRequest { id: Some("a_b".into()), ..Default::default() };
    let refused = run_wf(client.clone(), nameless).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "wf_spec_name is required"));
    assert!(bench.shards.iter_mut().all(|shard| shard.try_recv().is_err()));
}

/// 08 section 13, Q-8: what the shard answers becomes a status; only overload carries RetryInfo.
#[tokio::test]
async fn failures_become_statuses() {
    let mut bench = Bench::start().await;
    let table = [
        (Failure::Rejected(Rejected::new(MachineCode::AlreadyExists, "it exists")), Code::AlreadyExists, "it exists"),
        (
            Failure::Rejected(Rejected::new(MachineCode::ResourceExhausted, "too big")),
            Code::ResourceExhausted,
            "too big",
        ),
        (Failure::Unavailable("starting".into()), Code::Unavailable, "starting"),
        (Failure::Exhausted("busy".into()), Code::ResourceExhausted, "busy"),
        (Failure::Internal("4f2a".into()), Code::Internal, "internal error 4f2a"),
    ];
    for (failure, code, message) in table {
        let is_overload = matches!(failure, Failure::Exhausted(_));
        let call = tokio::spawn(run_wf(bench.client().await, start(Some("a"))));
        proposal(&mut bench).await.2.send(Err(failure)).unwrap();
        let status = call.await.unwrap().unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message));
        assert_eq!(status.get_details_retry_info().is_some(), is_overload, "{status:?}");
    }
}

/// 08/X-4: a caller that goes away does not undo what was proposed.
#[tokio::test]
async fn a_caller_that_goes_away() {
    let mut bench = Bench::start().await;
    let call = tokio::spawn(run_wf(bench.client().await, start(Some("a"))));
    let (_, _, answer) = proposal(&mut bench).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    while !answer.is_closed() {
        tokio::task::yield_now().await;
    }
}

/// 04/TW-37: a report is answered when its shard has applied it.
#[tokio::test]
async fn report_task() {
    let mut bench = Bench::start().await;
    let wf_run_id = Some(pb::WfRunId { id: "run".into(), parent_wf_run_id: None });
    let task_run_id = Some(pb::TaskRunId { wf_run_id, task_guid: "g".into() });
    let report = pb::ReportTaskRun { task_run_id, attempt_number: 2, ..Default::default() };
    let client = bench.client().await;
    let sent = report.clone();
    let call = tokio::spawn(async move { client.call::<_, ()>("/littlehorse.LittleHorse/ReportTask", sent).await });
    let (shard, command, answer) = proposal(&mut bench).await;
    assert_eq!(shard, placement::shard_of("default", "run", 2));
    assert_eq!(command.kind, Some(command::Kind::ReportTask(report)));
    assert!(!call.is_finished());
    answer.send(Ok(Reply::Empty)).unwrap();
    call.await.unwrap().unwrap();
}

/// 08/E-4, 07/S-1, 04/TW-40: missing ids are INVALID_ARGUMENT.
#[tokio::test]
async fn missing_ids() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    async fn refused<Q: Message + Default + 'static>(client: &Client, path: &'static str, message: Q) {
        let status = client.call::<Q, pb::Count>(path, message).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{path}: {}", status.message());
    }
    refused(&client, "/littlehorse.LittleHorse/ReportTask", pb::ReportTaskRun::default()).await;
    refused(&client, "/littlehorse.LittleHorse/GetWfRun", pb::WfRunId::default()).await;
    refused(&client, "/littlehorse.LittleHorse/GetNodeRun", pb::NodeRunId::default()).await;
    refused(&client, "/littlehorse.LittleHorse/GetTaskRun", pb::TaskRunId::default()).await;
    refused(&client, "/littlehorse.LittleHorse/GetVariable", pb::VariableId::default()).await;
    refused(&client, "/littlehorse.LittleHorse/ListNodeRuns", pb::ListNodeRunsRequest::default()).await;
    refused(&client, "/littlehorse.LittleHorse/ListTaskRuns", pb::ListTaskRunsRequest::default()).await;
    refused(&client, "/littlehorse.LittleHorse/ListVariables", pb::ListVariablesRequest::default()).await;
    refused(&client, "/littlehorse.LittleHorse/RegisterTaskWorker", pb::RegisterTaskWorkerRequest::default()).await;
    refused(&client, "/littlehorse.LittleHorse/GetTaskWorkerGroup", pb::TaskDefId::default()).await;
    refused(&client, "/littlehorse.LittleHorse/CountTaskRun", pb::CountTaskRunRequest::default()).await;
}

/// 04/TW-73: only queued attempts are counted; all shards are asked and summed.
#[tokio::test]
async fn count_task_run() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    const PATH: &str = "/littlehorse.LittleHorse/CountTaskRun";
    let mut request = pb::CountTaskRunRequest { task_def_name: "charge".into(), status: 1 };
    let refused = client.call::<_, pb::Count>(PATH, request.clone()).await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("Only TASK_SCHEDULED"));
    request.status = pb::TaskStatus::TaskScheduled as i32;
    let call = tokio::spawn(async move { client.call::<_, pb::Count>(PATH, request).await });
    for (shard, value) in [(0, 40), (1, 2)] {
        let Some(ShardMessage::Read { tenant, read: Read::CountTaskRun(asked), answer }) =
            bench.shards[shard].recv().await
        else {
            panic!("not a count")
        };
        assert_eq!((tenant.as_str(), asked.task_def_name.as_str()), ("default", "charge"));
        answer.send(Ok(pb::Count { value }.encode_to_vec())).unwrap();
    }
    assert_eq!(call.await.unwrap().unwrap().value, 42);
}

/// 04/TW-29, TW-32: the advertised address, known to the group too; health unset.
#[tokio::test]
async fn register_task_worker() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    let task_def_id = Some(pb::TaskDefId { name: "charge".into() });
    let request = pb::RegisterTaskWorkerRequest { task_worker_id: "w".into(), task_def_id };
    let call = tokio::spawn(async move {
        let path = "/littlehorse.LittleHorse/RegisterTaskWorker";
        client.call::<_, pb::RegisterTaskWorkerResponse>(path, request).await
    });
    let (shard, command, answer) = proposal(&mut bench).await;
    assert_eq!(shard, placement::home_of_task_def("default", "charge", 2));
    let host = pb::LhHostInfo { host: "engine.example".into(), port: 2023 };
    let Some(command::Kind::RegisterTaskWorker(registered)) = command.kind else { panic!("not a registration") };
    assert_eq!(registered.hosts, std::slice::from_ref(&host));
    answer.send(Ok(Reply::Empty)).unwrap();
    let told = call.await.unwrap().unwrap();
    assert_eq!(told, pb::RegisterTaskWorkerResponse { your_hosts: vec![host], is_cluster_healthy: None });
}

/// Cold RPCs: bytes go to a lane with tenant and principal, and come back; a refusal of Python becomes a status.
#[tokio::test]
async fn cold_rpcs_pass_bytes() {
    let mut bench = Bench::start().await;
    let mut client = bench.client().await;
    client.tenant = Some("acme");
    let id = pb::TaskDefId { name: "charge".into() };
    let task_def = pb::TaskDef { id: Some(id.clone()), ..Default::default() };
    for answer in [Ok(task_def.encode_to_vec()), Err(Status::not_found("no such TaskDef"))] {
        let (client, request) = (client.clone(), id.clone());
        let call =
            tokio::spawn(
                async move { client.call::<_, pb::TaskDef>("/littlehorse.LittleHorse/GetTaskDef", request).await },
            );
        let asked = bench.cold.recv().await.unwrap();
        assert_eq!((asked.rpc, asked.tenant.as_str(), asked.principal.as_str()), ("GetTaskDef", "acme", "anonymous"));
        assert_eq!(&asked.request[..], id.encode_to_vec());
        let expected = answer.clone().map(|_| task_def.clone()).map_err(|status| status.code());
        asked.answer.send(answer).unwrap();
        assert_eq!(call.await.unwrap().map_err(|status| status.code()), expected);
    }
}

/// 08/G-4: names that no service knows; RPCs of the contract that are not built say so.
#[tokio::test]
async fn unimplemented() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    for (path, text) in [
        ("/littlehorse.LittleHorse/NoSuchRpc", "Unknown method /littlehorse.LittleHorse/NoSuchRpc"),
        ("/littlehorse.Other/RunWf", "Unknown method /littlehorse.Other/RunWf"),
        ("/littlehorse.LittleHorse/MigrateWfSpec", "MigrateWfSpec is not implemented by this server yet"),
    ] {
        let status = client.call::<_, pb::WfRun>(path, pb::RunWfRequest::default()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, text));
    }
}

/// 08/H-3, P-8: without a shard; 08/T-3: even these refuse an unknown tenant.
#[tokio::test]
async fn version_and_whoami() {
    let bench = Bench::start().await;
    let mut client = bench.client().await;
    let version: pb::LittleHorseVersion = client.call("/littlehorse.LittleHorse/GetServerVersion", ()).await.unwrap();
    assert_eq!((version.major_version, version.minor_version), (1, 3));
    let who: pb::Principal = client.call("/littlehorse.LittleHorse/Whoami", ()).await.unwrap();
    assert_eq!(who.id.unwrap().id, "anonymous");
    client.tenant = Some("");
    for path in ["/littlehorse.LittleHorse/GetServerVersion", "/littlehorse.LittleHorse/Whoami"] {
        assert_eq!(client.call::<_, pb::Principal>(path, ()).await.unwrap_err().code(), Code::PermissionDenied);
    }
}

/// 08/X-1, 01/SIZ-4: RESOURCE_EXHAUSTED without RetryInfo; the connection goes on.
#[tokio::test]
async fn an_oversized_message() {
    let mut bench = Bench::start().await;
    let client = bench.client().await;
    let request = pb::RunWfRequest { wf_spec_name: "x".repeat(4 * 1024 * 1024 + 1), ..Default::default() };
    let refused = run_wf(client.clone(), request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.get_details_retry_info().is_none());
    let call = tokio::spawn(run_wf(client, start(Some("a"))));
    proposal(&mut bench).await.2.send(Ok(Reply::WfRun(Box::default()))).unwrap();
    tokio::time::timeout(Duration::from_secs(30), call).await.unwrap().unwrap().unwrap();
}

/// 08/E-4: bytes that are no message of the contract, and messages nested too deeply, are INVALID_ARGUMENT.
#[tokio::test]
async fn undecodable_requests() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let unknown_fields = pb::RunWfRequest { wf_spec_name: "order".into(), ..Default::default() };
    // Field 3 is the name of a Variable, a text, but bytes here that are not UTF-8.
    let as_bytes = pb::ListNodeRunsRequest { bookmark: Some(vec![0xFF, 0xFE]), ..Default::default() };
    let path = "/littlehorse.LittleHorse/GetServerVersion";
    let answer = client.call::<_, pb::LittleHorseVersion>(path, unknown_fields).await;
    assert!(answer.is_ok(), "an Empty request may carry unknown fields");
    let status = client.call::<_, pb::Variable>("/littlehorse.LittleHorse/GetVariable", as_bytes).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let mut deep = pb::WfRunId { id: "a".into(), parent_wf_run_id: None };
    for _ in 0..100_000 {
        deep = pb::WfRunId { id: "a".into(), parent_wf_run_id: Some(Box::new(deep)) };
        if deep.encoded_len() > 1_000 {
            break;
        }
    }
    let status = client.call::<_, pb::WfRun>("/littlehorse.LittleHorse/GetWfRun", deep).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
}
