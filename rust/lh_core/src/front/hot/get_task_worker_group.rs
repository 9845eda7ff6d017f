//! `GetTaskWorkerGroup`: who works on a TaskDef, from the shard that keeps its group (04 section 4.1).

use bytes::Bytes;
use lh_machine::{Read, pb};
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, ids::required_task_def};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for an empty name, `NOT_FOUND` if no worker ever registered.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::TaskDefId = decode("GetTaskWorkerGroup", request)?;
    let name = required_task_def(Some(&request), "name")?;
    let shard = front.home_of_task_def(&caller.tenant, name).clone();
    Ok(Framed::wrap(&front.read(&shard, caller, Read::TaskWorkerGroup(request)).await?))
}
