//! `RegisterTaskWorker`: registration and heartbeat of a worker; tells it where to poll (04 section 4).

use bytes::Bytes;
use lh_machine::{
    internal::{RegisterTaskWorker, command},
    pb,
};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{required_task_def, required_text},
};

/// Answers the RPC with the advertised address of this server (04/TW-29). Whether the TaskDef exists does not matter
/// (04/TW-28). Errors: `INVALID_ARGUMENT` for missing ids.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::RegisterTaskWorkerRequest = decode("RegisterTaskWorker", request)?;
    let task_def = required_task_def(request.task_def_id.as_ref(), "task_def_id")?;
    required_text(&request.task_worker_id, "task_worker_id")?;
    let shard = front.home_of_task_def(&caller.tenant, task_def).clone();
    let hosts = vec![front.parts.advertised.clone()];
    let command = RegisterTaskWorker { request: Some(request), hosts: hosts.clone() };
    front.propose(&shard, caller, command::Kind::RegisterTaskWorker(command)).await?;
    // `is_cluster_healthy` stays unset: clients then assume healthy (04/TW-32).
    Ok(Framed::encode(&pb::RegisterTaskWorkerResponse { your_hosts: hosts, is_cluster_healthy: None }))
}
