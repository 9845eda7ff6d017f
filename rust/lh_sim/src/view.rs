//! Reads of one run, put together to what the checker compares.

use std::time::Duration;

use lh_machine::{Code, Read, pb};
use prost::Message;
use tokio::time::timeout;

use crate::{
    history::{AttemptView, NodeView, RunView, TaskView},
    server::Running,
    specs::TRAIL,
};

/// Objects of one kind that a run has at most.
const MOST: i32 = 1_000;

/// Reads everything of a run: `None` = a read had no answer, `Some(None)` = the run does not exist.
pub async fn look(server: &Running, run: &str, deadline: Duration) -> Option<Option<RunView>> {
    let id = pb::WfRunId { id: run.to_owned(), parent_wf_run_id: None };
    let wf_run: pb::WfRun = match read(server, run, Read::WfRun(id.clone()), deadline).await? {
        Some(wf_run) => wf_run,
        None => return Some(None),
    };
    let request = pb::ListNodeRunsRequest { wf_run_id: Some(id.clone()), limit: Some(MOST), ..Default::default() };
    let nodes: pb::NodeRunList = read(server, run, Read::NodeRuns(request), deadline).await??;
    let request = pb::ListTaskRunsRequest { wf_run_id: Some(id.clone()), limit: Some(MOST), ..Default::default() };
    let tasks: pb::TaskRunList = read(server, run, Read::TaskRuns(request), deadline).await??;
    let variable = pb::VariableId { wf_run_id: Some(id), thread_run_number: 0, name: TRAIL.to_owned() };
    let trail: pb::Variable = read(server, run, Read::Variable(variable), deadline).await??;
    let mut nodes: Vec<NodeView> = nodes.results.iter().map(node_view).collect();
    nodes.sort_by_key(|node| (node.thread, node.position));
    let mut tasks: Vec<TaskView> = tasks.results.iter().map(task_view).collect();
    tasks.sort_by(|left, right| left.task.cmp(&right.task));
    let status = wf_run.status().as_str_name().to_owned();
    Some(Some(RunView { status, nodes, tasks, trail: Some(tokens(&trail)) }))
}

/// `None` = no answer, `Some(None)` = `NOT_FOUND`.
async fn read<M: Message + Default>(server: &Running, run: &str, read: Read, deadline: Duration) -> Option<Option<M>> {
    let answer = timeout(deadline, server.read(run, read)).await.ok()?.ok()?;
    match answer {
        Ok(bytes) => M::decode(bytes.as_slice()).ok().map(Some),
        Err(lh_core::ports::Failure::Rejected(refusal)) if refusal.code == Code::NotFound => Some(None),
        Err(_) => None,
    }
}

/// Name of a TaskRun in histories.
pub fn task_name(id: Option<&pb::TaskRunId>) -> String {
    let run = id.and_then(|id| id.wf_run_id.as_ref()).map_or("", |run| &run.id);
    format!("{run}/{}", id.map_or("", |id| &id.task_guid))
}

fn milliseconds(time: &prost_types::Timestamp) -> i64 {
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}

fn node_view(node: &pb::NodeRun) -> NodeView {
    use pb::node_run::NodeType;
    let id = node.id.clone().unwrap_or_default();
    let (mut matures_ms, mut task) = (None, None);
    match &node.node_type {
        Some(NodeType::Sleep(sleep)) => matures_ms = sleep.maturation_time.as_ref().map(milliseconds),
        Some(NodeType::Task(run)) => task = run.task_run_id.as_ref().map(|id| task_name(Some(id))),
        _ => {}
    }
    NodeView {
        thread: id.thread_run_number,
        position: id.position,
        node: node.node_name.clone(),
        status: node.status().as_str_name().to_owned(),
        arrival_ms: node.arrival_time.as_ref().map(milliseconds).unwrap_or_default(),
        end_ms: node.end_time.as_ref().map(milliseconds),
        matures_ms,
        task,
    }
}

fn task_view(task: &pb::TaskRun) -> TaskView {
    TaskView {
        task: task_name(task.id.as_ref()),
        status: task.status().as_str_name().to_owned(),
        timeout_ms: i64::from(task.timeout_seconds) * 1_000,
        total_attempts: task.total_attempts.max(0) as usize,
        backoff_ms: task.exponential_backoff.as_ref().map_or(0, |policy| i64::from(policy.base_interval_ms)),
        attempts: task.attempts.iter().map(attempt_view).collect(),
    }
}

fn attempt_view(attempt: &pb::TaskAttempt) -> AttemptView {
    use pb::{task_attempt::Result, variable_value::Value};
    let token = match &attempt.result {
        Some(Result::Output(output)) => match &output.value {
            Some(Value::Str(text)) => Some(text.clone()),
            other => Some(format!("{other:?}")),
        },
        Some(Result::Error(error)) => Some(error.message.clone()),
        Some(Result::Exception(exception)) => Some(exception.message.clone()),
        None => None,
    };
    AttemptView {
        status: attempt.status().as_str_name().to_owned(),
        worker: attempt.task_worker_id.clone(),
        schedule_ms: attempt.schedule_time.as_ref().map(milliseconds),
        start_ms: attempt.start_time.as_ref().map(milliseconds),
        end_ms: attempt.end_time.as_ref().map(milliseconds),
        token,
    }
}

/// The texts of a JSON list.
fn tokens(variable: &pb::Variable) -> Vec<String> {
    use pb::variable_value::Value;
    match variable.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::JsonArr(text)) => serde_json::from_str(text).unwrap_or_else(|_| vec![text.clone()]),
        Some(other) => vec![format!("{other:?}")],
        None => Vec::new(),
    }
}
