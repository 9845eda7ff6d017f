//! Reads of run data: what a client sees, with masks applied. The only serializer of run data for clients.
//!
//! `view` = a run from memory or from its record · `get` = single objects · `list` = pages · `events` = events.

pub mod events;
mod get;
mod list;
mod view;

use std::collections::BTreeMap;

use prost::Message;

use crate::{Rejected, State, command::register_task_worker::WORKER_EXPIRES_MS, key, pb, run::timestamp};

/// A read of run data in one tenant.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// GetWfRun.
    WfRun(pb::WfRunId),
    /// GetInactiveThreadRun.
    InactiveThreadRun(pb::InactiveThreadRunId),
    /// GetNodeRun.
    NodeRun(pb::NodeRunId),
    /// GetTaskRun.
    TaskRun(pb::TaskRunId),
    /// GetVariable.
    Variable(pb::VariableId),
    /// ListNodeRuns.
    NodeRuns(pb::ListNodeRunsRequest),
    /// ListTaskRuns.
    TaskRuns(pb::ListTaskRunsRequest),
    /// ListVariables.
    Variables(pb::ListVariablesRequest),
    /// GetExternalEvent.
    ExternalEvent(pb::ExternalEventId),
    /// GetCorrelatedEvent.
    CorrelatedEvent(pb::CorrelatedEventId),
    /// GetWorkflowEvent.
    WorkflowEvent(pb::WorkflowEventId),
    /// ListExternalEvents.
    ExternalEvents(pb::ListExternalEventsRequest),
    /// ListWorkflowEvents.
    WorkflowEvents(pb::ListWorkflowEventsRequest),
    /// The event that an AwaitWorkflowEvent need not wait for any more; `NOT_FOUND` = it must wait.
    AwaitedEvent(pb::AwaitWorkflowEventRequest),
    /// CountTaskRun.
    CountTaskRun(pb::CountTaskRunRequest),
    /// GetCheckpoint.
    Checkpoint(pb::CheckpointId),
    /// GetUserTaskRun.
    UserTaskRun(pb::UserTaskRunId),
    /// ListUserTaskRuns.
    UserTaskRuns(pb::ListUserTaskRunRequest),
    /// GetTaskWorkerGroup.
    TaskWorkerGroup(pb::TaskDefId),
}

impl Read {
    /// The root WfRun id that decides the shard; `None` = ask every shard (counts), the home of the correlation key or the TaskDef's home shard.
    pub fn root_id(&self) -> Option<&str> {
        let id = match self {
            Self::WfRun(id) => Some(id),
            Self::InactiveThreadRun(id) => id.wf_run_id.as_ref(),
            Self::NodeRun(id) => id.wf_run_id.as_ref(),
            Self::TaskRun(id) => id.wf_run_id.as_ref(),
            Self::Variable(id) => id.wf_run_id.as_ref(),
            Self::NodeRuns(request) => request.wf_run_id.as_ref(),
            Self::TaskRuns(request) => request.wf_run_id.as_ref(),
            Self::Variables(request) => request.wf_run_id.as_ref(),
            Self::ExternalEvent(id) => id.wf_run_id.as_ref(),
            Self::WorkflowEvent(id) => id.wf_run_id.as_ref(),
            Self::ExternalEvents(request) => request.wf_run_id.as_ref(),
            Self::WorkflowEvents(request) => request.wf_run_id.as_ref(),
            Self::AwaitedEvent(request) => request.wf_run_id.as_ref(),
            Self::Checkpoint(id) => id.task_run.as_ref().and_then(|id| id.wf_run_id.as_ref()),
            Self::UserTaskRun(id) => id.wf_run_id.as_ref(),
            Self::UserTaskRuns(request) => request.wf_run_id.as_ref(),
            Self::CorrelatedEvent(_) | Self::CountTaskRun(_) | Self::TaskWorkerGroup(_) => None,
        };
        id.map(key::root_id)
    }
}

/// What came of a read.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadOutcome {
    /// The serialized response message, or the refusal.
    Done(Result<Vec<u8>, Rejected>),
    /// Fetch the values of these keys and call again with them added to `fetched`.
    Need(Vec<Vec<u8>>),
}

/// Values fetched so far for one read: key -> stored value, `None` = the store has none.
pub type Fetched = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Why a read is not done: it was refused, or more must be fetched.
enum Stop {
    Refused(Rejected),
    Need(Vec<Vec<u8>>),
}

impl From<Rejected> for Stop {
    fn from(rejected: Rejected) -> Self {
        Self::Refused(rejected)
    }
}

/// Answers a read from memory and from `fetched`. `now_ms` is only used to leave out expired members of worker groups.
pub fn read(state: &State, tenant: &str, read: &Read, fetched: &Fetched, now_ms: i64) -> ReadOutcome {
    let answer = match read {
        Read::WfRun(id) => get::wf_run(state, tenant, id, fetched),
        Read::InactiveThreadRun(id) => get::inactive_thread_run(state, tenant, id, fetched),
        Read::NodeRun(id) => get::node_run(state, tenant, id, fetched),
        Read::TaskRun(id) => get::task_run(state, tenant, id, fetched),
        Read::Variable(id) => get::variable(state, tenant, id, fetched),
        Read::NodeRuns(request) => list::node_runs(state, tenant, request, fetched),
        Read::TaskRuns(request) => list::task_runs(state, tenant, request, fetched),
        Read::Variables(request) => list::variables(state, tenant, request, fetched),
        Read::ExternalEvent(id) => events::external_event(state, tenant, id, fetched),
        Read::CorrelatedEvent(id) => events::correlated_event(state, tenant, id, fetched),
        Read::WorkflowEvent(id) => events::workflow_event(state, tenant, id, fetched),
        Read::ExternalEvents(request) => events::external_events(state, tenant, request, fetched),
        Read::WorkflowEvents(request) => events::workflow_events(state, tenant, request, fetched),
        Read::AwaitedEvent(request) => events::awaited(state, tenant, request, fetched),
        Read::Checkpoint(id) => get::checkpoint(state, tenant, id, fetched),
        Read::UserTaskRun(id) => get::user_task_run(state, tenant, id, fetched),
        Read::UserTaskRuns(request) => list::user_task_runs(state, tenant, request, fetched),
        Read::CountTaskRun(request) => count_task_run(state, tenant, request),
        Read::TaskWorkerGroup(id) => task_worker_group(state, tenant, id, now_ms),
    };
    match answer {
        Ok(bytes) => ReadOutcome::Done(Ok(bytes)),
        Err(Stop::Refused(rejected)) => ReadOutcome::Done(Err(rejected)),
        Err(Stop::Need(keys)) => ReadOutcome::Need(keys),
    }
}

/// Queue depth (07/C-3).
fn count_task_run(state: &State, tenant: &str, request: &pb::CountTaskRunRequest) -> Result<Vec<u8>, Stop> {
    if request.task_def_name.is_empty() {
        return Err(Rejected::invalid("taskDefName is required.").into());
    }
    if request.status() != pb::TaskStatus::TaskScheduled {
        return Err(Rejected::invalid("Only TASK_SCHEDULED can be counted.").into());
    }
    let count = state.queue_length(tenant, &request.task_def_name) as i64;
    Ok(pb::Count { value: count }.encode_to_vec())
}

/// Members whose heartbeat expired are left out (04 section 4.1).
fn task_worker_group(state: &State, tenant: &str, id: &pb::TaskDefId, now_ms: i64) -> Result<Vec<u8>, Stop> {
    let group = state
        .worker_groups
        .get(&key::worker_group(tenant, &id.name))
        .ok_or_else(|| Rejected::not_found(format!("No task worker has registered for TaskDef {}.", id.name)))?;
    let task_workers = group
        .workers
        .iter()
        .filter(|(_, worker)| now_ms - worker.latest_heartbeat_ms < WORKER_EXPIRES_MS)
        .map(|(name, worker)| {
            let metadata = pb::TaskWorkerMetadata {
                task_worker_id: name.clone(),
                latest_heartbeat: Some(timestamp(worker.latest_heartbeat_ms)),
                hosts: worker.hosts.iter().map(|host| host_info(host)).collect(),
            };
            (name.clone(), metadata)
        })
        .collect();
    let group = pb::TaskWorkerGroup {
        id: Some(pb::TaskWorkerGroupId { task_def_id: Some(id.clone()) }),
        created_at: Some(timestamp(group.created_ms)),
        task_workers,
    };
    Ok(group.encode_to_vec())
}

fn host_info(text: &str) -> pb::LhHostInfo {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    pb::LhHostInfo { host: host.to_owned(), port: port.parse().unwrap_or_default() }
}
