//! Reads of one run, put together to what the checker compares.

mod outside;

use std::time::Duration;

use lh_machine::{Code, Read, key, pb};
use prost::Message;
use tokio::time::timeout;

pub use self::outside::{text, thrown_name};
use crate::{
    history::{AttemptView, NodeView, RunView, TaskView, ThreadView},
    server::Running,
    specs::TRAIL,
};

/// Objects of one kind that a run has at most.
const MOST: i32 = 1_000;

/// What a reader found.
pub enum Look {
    /// The run.
    Run(Box<RunView>),
    /// No such run; objects that were found all the same.
    Nothing(Vec<String>),
}

/// Reads everything of a run; `None` = a read had no answer, or the run was deleted meanwhile.
pub async fn look(server: &Running, run: &str, deadline: Duration) -> Option<Look> {
    let id = wf_run_id(run);
    let variable = pb::VariableId { wf_run_id: Some(id.clone()), thread_run_number: 0, name: TRAIL.to_owned() };
    let (wf_run_id, limit) = (Some(id.clone()), Some(MOST));
    let of_run = wf_run_id.clone();
    let nodes = pb::ListNodeRunsRequest { wf_run_id: of_run.clone(), limit, ..Default::default() };
    let tasks = pb::ListTaskRunsRequest { wf_run_id: of_run.clone(), limit, ..Default::default() };
    let user_tasks = pb::ListUserTaskRunRequest { wf_run_id: of_run.clone(), limit, ..Default::default() };
    let events = pb::ListExternalEventsRequest { wf_run_id: of_run, limit, ..Default::default() };
    let thrown = pb::ListWorkflowEventsRequest { wf_run_id, limit, ..Default::default() };
    // All are sent before the first is answered. The first and the last say whether the run was there all the time.
    let reads = [
        Read::WfRun(id.clone()),
        Read::NodeRuns(nodes),
        Read::TaskRuns(tasks),
        Read::UserTaskRuns(user_tasks),
        Read::ExternalEvents(events),
        Read::WorkflowEvents(thrown),
        Read::Variable(variable),
        Read::WfRun(id),
    ];
    let answers = reads.map(|read| server.read(run, read));
    let mut found: Vec<Option<Vec<u8>>> = Vec::new();
    for answered in answers {
        found.push(match timeout(deadline, answered).await.ok()?.ok()? {
            Ok(bytes) => Some(bytes),
            Err(lh_core::ports::Failure::Rejected(refusal)) if refusal.code == Code::NotFound => None,
            Err(_) => return None,
        });
    }
    let found: [Option<Vec<u8>>; 8] = found.try_into().ok()?;
    match (&found[0], &found[7]) {
        (Some(first), Some(last)) if started(first) == started(last) => Some(Look::Run(Box::new(run_view(&found)?))),
        (None, None) => Some(Look::Nothing(left(&found)?)),
        _ => None,
    }
}

/// The id of a run named as in histories.
pub fn wf_run_id(run: &str) -> pb::WfRunId {
    key::wf_run_id(run.split('_')).unwrap_or_default()
}

/// The name of a run in histories.
pub fn run_name(id: &pb::WfRunId) -> String {
    key::path(id).join("_")
}

fn started(bytes: &[u8]) -> Option<prost_types::Timestamp> {
    pb::WfRun::decode(bytes).ok()?.start_time
}

fn decode<M: Message + Default>(bytes: &Option<Vec<u8>>) -> Option<M> {
    M::decode(bytes.as_deref()?).ok()
}

fn run_view(found: &[Option<Vec<u8>>; 8]) -> Option<RunView> {
    let (before, wf_run): (pb::WfRun, pb::WfRun) = (decode(&found[0])?, decode(&found[7])?);
    let nodes: pb::NodeRunList = decode(&found[1])?;
    let tasks: pb::TaskRunList = decode(&found[2])?;
    let user_tasks: pb::UserTaskRunList = decode(&found[3])?;
    let events: pb::ExternalEventList = decode(&found[4])?;
    let thrown: pb::WorkflowEventList = decode(&found[5])?;
    let trail: pb::Variable = decode(&found[6])?;
    let mut nodes: Vec<NodeView> = nodes.results.iter().map(node_view).collect();
    nodes.sort_by_key(|node| (node.thread, node.position));
    let mut tasks: Vec<TaskView> = tasks.results.iter().map(task_view).collect();
    tasks.sort_by(|left, right| left.task.cmp(&right.task));
    Some(RunView {
        spec: wf_run.wf_spec_id.as_ref().map(|id| id.name.clone()).unwrap_or_default(),
        status: wf_run.status().as_str_name().to_owned(),
        is_whole: before.status() == pb::LhStatus::Completed,
        start_ms: wf_run.start_time.as_ref().map(milliseconds).unwrap_or_default(),
        end_ms: wf_run.end_time.as_ref().map(milliseconds),
        threads: wf_run.thread_runs.iter().map(thread_view).collect(),
        nodes,
        tasks,
        user_tasks: user_tasks.results.iter().map(outside::user_task_view).collect(),
        events: events.results.iter().map(outside::event_view).collect(),
        thrown: thrown.results.iter().map(outside::thrown_view).collect(),
        trail: Some(tokens(&trail)),
    })
}

/// What is left although there is no run.
fn left(found: &[Option<Vec<u8>>; 8]) -> Option<Vec<String>> {
    let nodes: pb::NodeRunList = decode(&found[1])?;
    let tasks: pb::TaskRunList = decode(&found[2])?;
    let user_tasks: pb::UserTaskRunList = decode(&found[3])?;
    let events: pb::ExternalEventList = decode(&found[4])?;
    let thrown: pb::WorkflowEventList = decode(&found[5])?;
    let counts = [
        ("NodeRun", nodes.results.len()),
        ("TaskRun", tasks.results.len()),
        ("UserTaskRun", user_tasks.results.len()),
        ("WorkflowEvent", thrown.results.len()),
        ("Variable", usize::from(found[6].is_some())),
    ];
    let kinds = counts.iter().filter(|(_, count)| *count > 0).map(|(kind, _)| (*kind).to_owned());
    let events = events.results.iter().map(|event| format!("ExternalEvent {}", outside::event_view(event).id));
    Some(kinds.chain(events).collect())
}

/// Name of a TaskRun in histories.
pub fn task_name(id: Option<&pb::TaskRunId>) -> String {
    let run = id.and_then(|id| id.wf_run_id.as_ref()).map_or_else(String::new, run_name);
    format!("{run}/{}", id.map_or("", |id| &id.task_guid))
}

fn milliseconds(time: &prost_types::Timestamp) -> i64 {
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}

fn thread_view(thread: &pb::ThreadRun) -> ThreadView {
    use pb::thread_halt_reason::Reason;
    let interrupt = thread.interrupt_trigger_id.as_ref().map(outside::event_name);
    let handled = thread.failure_being_handled.as_ref();
    let handled = handled.map(|failure| {
        format!("{}/{}/{}", failure.thread_run_number, failure.node_run_position, failure.failure_number)
    });
    ThreadView {
        number: thread.number,
        kind: thread.r#type().as_str_name().to_owned(),
        status: thread.status().as_str_name().to_owned(),
        parent: thread.parent_thread_id,
        serves: interrupt.or(handled),
        is_stopped: thread.halt_reasons.iter().any(|present| matches!(present.reason, Some(Reason::ManualHalt(_)))),
    }
}

fn node_view(node: &pb::NodeRun) -> NodeView {
    use pb::node_run::NodeType;
    let id = node.id.clone().unwrap_or_default();
    let mut view = NodeView {
        thread: id.thread_run_number,
        position: id.position,
        node: node.node_name.clone(),
        status: node.status().as_str_name().to_owned(),
        arrival_ms: node.arrival_time.as_ref().map(milliseconds).unwrap_or_default(),
        end_ms: node.end_time.as_ref().map(milliseconds),
        failures: node.failures.len(),
        ..Default::default()
    };
    match &node.node_type {
        Some(NodeType::Sleep(sleep)) => view.matures_ms = sleep.maturation_time.as_ref().map(milliseconds),
        Some(NodeType::Task(run)) => view.task = run.task_run_id.as_ref().map(|id| task_name(Some(id))),
        Some(NodeType::UserTask(run)) => view.task = run.user_task_run_id.as_ref().map(outside::user_task_name),
        Some(NodeType::ExternalEvent(run)) => {
            view.event = run.external_event_id.as_ref().map(outside::event_name);
            let definition = run.external_event_def_id.as_ref().map_or("", |id| &id.name);
            let key = run.correlation_key.as_ref().map(|key| format!("/{key}"));
            view.awaits = Some(format!("{definition}{}", key.unwrap_or_default()));
        }
        Some(NodeType::ThrowEvent(run)) => view.event = run.workflow_event_id.as_ref().map(outside::thrown_name),
        Some(NodeType::RunChildWf(run)) => view.child = run.child_wf_run_id.as_ref().map(run_name),
        Some(NodeType::WaitForChildWf(run)) => view.child = run.child_wf_run_id.as_ref().map(run_name),
        _ => {}
    }
    view
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
