//! Views and names of what comes from outside a run or leaves it: events and user tasks.

use lh_machine::pb::{self, variable_value::Value};

use super::{milliseconds, run_name};
use crate::{
    history::{EventView, ThrownView, UserTaskView},
    specs::RESULT,
};

/// Text of a value.
pub fn text(value: Option<&pb::VariableValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::Str(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        None => String::new(),
        other => format!("{other:?}"),
    }
}

/// Name of an ExternalEvent in histories, without its run.
pub fn event_name(id: &pb::ExternalEventId) -> String {
    format!("{}/{}", id.external_event_def_id.as_ref().map_or("", |id| &id.name), id.guid)
}

/// Name of a WorkflowEvent in histories, without its run.
pub fn thrown_name(id: &pb::WorkflowEventId) -> String {
    format!("{}/{}", id.workflow_event_def_id.as_ref().map_or("", |id| &id.name), id.number)
}

/// Name of a UserTaskRun in histories.
pub fn user_task_name(id: &pb::UserTaskRunId) -> String {
    let run = id.wf_run_id.as_ref().map_or_else(String::new, run_name);
    format!("{run}/{}", id.user_task_guid)
}

pub(super) fn event_view(event: &pb::ExternalEvent) -> EventView {
    EventView {
        id: event.id.as_ref().map(event_name).unwrap_or_default(),
        token: text(event.content.as_ref()),
        claimed: event.claimed,
        thread: event.thread_run_number,
        position: event.node_run_position,
    }
}

pub(super) fn thrown_view(event: &pb::WorkflowEvent) -> ThrownView {
    let id = event.id.clone().unwrap_or_default();
    let place = event.node_run_id.as_ref().map(|id| (id.thread_run_number, id.position));
    ThrownView {
        definition: id.workflow_event_def_id.unwrap_or_default().name,
        number: id.number,
        token: text(event.content.as_ref()),
        place: place.unwrap_or_default(),
    }
}

/// The notes of a user task say after how many ms it is cancelled.
pub(super) fn user_task_view(task: &pb::UserTaskRun) -> UserTaskView {
    UserTaskView {
        task: task.id.as_ref().map(user_task_name).unwrap_or_default(),
        status: task.status().as_str_name().to_owned(),
        user: task.user_id.clone(),
        epoch: task.epoch,
        log: task.events.len(),
        token: task.results.get(RESULT).map(|value| text(Some(value))),
        scheduled_ms: task.scheduled_time.as_ref().map(milliseconds).unwrap_or_default(),
        deadline_ms: task.notes.as_ref().and_then(|notes| notes.parse().ok()),
    }
}
