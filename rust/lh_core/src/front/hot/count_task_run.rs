//! `CountTaskRun`: how many attempts of a TaskDef are queued, summed over all shards (04/TW-73).

use bytes::Bytes;
use lh_machine::{Read, pb};
use prost::Message;
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, hot::decode, status};

/// Answers the RPC. Errors: `INVALID_ARGUMENT` for an empty name or another status than `TASK_SCHEDULED` (07/C-3).
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::CountTaskRunRequest = decode("CountTaskRun", request)?;
    if request.task_def_name.is_empty() {
        return Err(status::invalid("taskDefName is required"));
    }
    if request.status != pb::TaskStatus::TaskScheduled as i32 {
        return Err(status::invalid("Only TASK_SCHEDULED can be counted"));
    }
    let mut total = pb::Count::default();
    for shard in &front.parts.run_shards {
        let part = front.read(shard, caller, Read::CountTaskRun(request.clone())).await?;
        total.value += pb::Count::decode(&part[..]).map_err(|_| status::unexpected_reply())?.value;
    }
    Ok(Framed::encode(&total))
}
