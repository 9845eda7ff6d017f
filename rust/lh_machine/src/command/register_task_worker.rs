//! RegisterTaskWorker: registration and heartbeat of a task worker (04/TW-27, TW-28).

use crate::{Rejected, Reply, Stamp, State, internal, key, run::record};

/// Members whose heartbeat is this old are gone (04/TW-28).
pub const WORKER_EXPIRES_MS: i64 = 90_000;

/// Upserts the worker in the group of its TaskDef; expired members are dropped first.
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    command: &internal::RegisterTaskWorker,
) -> Result<Reply, Rejected> {
    let request = command.request.as_ref().ok_or_else(|| Rejected::invalid("The request is empty."))?;
    let task_def = request.task_def_id.as_ref().map(|id| id.name.as_str()).unwrap_or_default();
    let group_key = key::worker_group(tenant, task_def);
    let group = state
        .worker_groups
        .entry(group_key.clone())
        .or_insert_with(|| internal::TaskWorkerGroupRecord { created_ms: stamp.now_ms, ..Default::default() });
    group.workers.retain(|_, worker| stamp.now_ms - worker.latest_heartbeat_ms < WORKER_EXPIRES_MS);
    let hosts = command.hosts.iter().map(|host| format!("{}:{}", host.host, host.port)).collect();
    group.workers.insert(
        request.task_worker_id.clone(),
        internal::task_worker_group_record::WorkerRecord { latest_heartbeat_ms: stamp.now_ms, hosts },
    );
    state.writes.insert(group_key, Some(record::with_format(group)));
    Ok(Reply::Empty)
}
