//! Single objects: WfRun, NodeRun, TaskRun with its checkpoints, UserTaskRun, Variable.

use prost::Message;

use super::{
    Fetched, Stop,
    view::{corrupt, nodes_at, not_found, places, with_run},
};
use crate::{
    Code, Rejected, State, internal, key,
    node::{task, user_task},
    pb,
    run::{TaskAt, record, task_at},
    state::Corrupt,
    value::mask,
};

pub(super) fn wf_run(state: &State, tenant: &str, id: &pb::WfRunId, fetched: &Fetched) -> Result<Vec<u8>, Stop> {
    let mut wf_run = with_run(state, tenant, id, fetched, |view| Ok(view.wf_run.clone()))?;
    if let (Some(trigger), Some(parent)) = (&mut wf_run.parent_trigger, &id.parent_wf_run_id) {
        trigger.waiting_node_run = waiting_node_run(state, tenant, parent, &id.id, fetched)?;
    }
    Ok(wf_run.encode_to_vec())
}

/// A thread that is not in the WfRun's record: completed and archived, or queued (03/E-923).
pub(super) fn inactive_thread_run(
    state: &State,
    tenant: &str,
    id: &pb::InactiveThreadRunId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    use pb::inactive_thread_run::InactiveReason;
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    let number = id.thread_run_number;
    with_run(state, tenant, wf_run_id, fetched, |view| {
        let archived = view
            .archived
            .iter()
            .find(|thread| thread.number == number)
            .map(|thread| ((*thread).clone(), InactiveReason::Archived(pb::ArchivedThreadRunInfo {})));
        let queued = view.queued.iter().find_map(|queued| {
            let thread = queued.thread.as_ref().filter(|thread| thread.number == number)?;
            let mut input_vars = queued.inputs.clone();
            input_vars.values_mut().for_each(mask::mask_structs);
            for name in &queued.masked {
                input_vars.insert(name.clone(), mask::mask_value());
            }
            let info = pb::QueuedThreadRunInfo { input_vars };
            Some((thread.clone(), InactiveReason::Queued(info)))
        });
        let shown = || format!("{}/{number}", key::path(wf_run_id).join("_"));
        let (thread, reason) = archived.or(queued).ok_or_else(|| not_found("InactiveThreadRun", &shown()))?;
        let inactive =
            pb::InactiveThreadRun { thread_run: Some(thread), inactive_reason: Some(reason), id: Some(id.clone()) };
        Ok(inactive.encode_to_vec())
    })
}

/// The NodeRun of the parent that waits or waited for a child: the parent knows (03/E-490).
fn waiting_node_run(
    state: &State,
    tenant: &str,
    parent: &pb::WfRunId,
    child: &str,
    fetched: &Fetched,
) -> Result<Option<pb::NodeRunId>, Stop> {
    let waiting = with_run(state, tenant, parent, fetched, |view| {
        Ok(view.children.get(child).and_then(|child| child.waiting).map(|place| pb::NodeRunId {
            wf_run_id: Some(parent.clone()),
            thread_run_number: place.thread_run_number,
            position: place.position,
        }))
    });
    match waiting {
        Err(Stop::Refused(rejected)) if rejected.code == Code::NotFound => Ok(None),
        other => other,
    }
}

pub(super) fn node_run(state: &State, tenant: &str, id: &pb::NodeRunId, fetched: &Fetched) -> Result<Vec<u8>, Stop> {
    let place = (id.thread_run_number, id.position);
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    let record = record_at(state, tenant, wf_run_id, place, "NodeRun", fetched)?;
    Ok(public_node_run(record).encode_to_vec())
}

pub(super) fn task_run(state: &State, tenant: &str, id: &pb::TaskRunId, fetched: &Fetched) -> Result<Vec<u8>, Stop> {
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    let unknown = || not_found("TaskRun", &id.task_guid);
    let at = TaskAt::parse(&id.task_guid).ok_or_else(unknown)?;
    let record = record_at(state, tenant, wf_run_id, at.place, "TaskRun", fetched)?;
    let task_run = at.find(&record).filter(|task_run| task_run.id.as_ref() == Some(id)).ok_or_else(unknown)?;
    Ok(task::masked(task_run.clone()).encode_to_vec())
}

/// Checkpoints have records of their own: one is among the writes of the next flush, or must be fetched.
pub(super) fn checkpoint(
    state: &State,
    tenant: &str,
    id: &pb::CheckpointId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let task_run = id.task_run.as_ref().ok_or_else(|| missing("task_run"))?;
    let wf_run_id = task_run.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    let key = key::checkpoint(tenant, wf_run_id, &task_run.task_guid, id.checkpoint_number);
    let stored = match state.unwritten(&key).or_else(|| fetched.get(&key)) {
        None => return Err(Stop::Need(vec![key])),
        Some(None) => {
            let shown = format!("{}/{}", task_run.task_guid, id.checkpoint_number);
            return Err(not_found("Checkpoint", &shown));
        }
        Some(Some(stored)) => record::payload(stored).map_err(corrupt)?,
    };
    let mut checkpoint = pb::Checkpoint::decode(stored).map_err(|error| corrupt(Corrupt(error.to_string())))?;
    if hides_checkpoints(state, tenant, task_run, fetched)? {
        checkpoint.value = checkpoint.value.map(|_| mask::mask_value());
    }
    Ok(checkpoint.encode_to_vec())
}

/// The checkpoints of a task with a masked return are hidden once it is over: until then the next attempt asks for them, by
/// the same RPC as anybody else (04/TW-61, TW-68).
fn hides_checkpoints(state: &State, tenant: &str, id: &pb::TaskRunId, fetched: &Fetched) -> Result<bool, Stop> {
    let Some((wf_run_id, at)) = id.wf_run_id.as_ref().zip(TaskAt::parse(&id.task_guid)) else { return Ok(false) };
    let record = record_at(state, tenant, wf_run_id, at.place, "TaskRun", fetched)?;
    let Some((task_run, state)) = at.find(&record).zip(at.find_state(&record)) else { return Ok(false) };
    Ok(!task_at::is_open(task_run.status()) && task::is_masked(state))
}

pub(super) fn user_task_run(
    state: &State,
    tenant: &str,
    id: &pb::UserTaskRunId,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    let unknown = || not_found("UserTaskRun", &id.user_task_guid);
    let place = user_task::parse_guid(&id.user_task_guid).ok_or_else(unknown)?;
    let record = record_at(state, tenant, wf_run_id, place, "UserTaskRun", fetched)?;
    Ok(record.user_task_run.ok_or_else(unknown)?.encode_to_vec())
}

pub(super) fn variable(state: &State, tenant: &str, id: &pb::VariableId, fetched: &Fetched) -> Result<Vec<u8>, Stop> {
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(|| missing("wf_run_id"))?;
    with_run(state, tenant, wf_run_id, fetched, |view| {
        let found = view.variables.iter().find(|variable| variable.id.as_ref() == Some(id));
        let variable = found.ok_or_else(|| not_found("Variable", &id.name))?;
        Ok(public_variable((*variable).clone()).encode_to_vec())
    })
}

/// The Variable as clients see it (01/MSK-2).
pub(super) fn public_variable(mut variable: pb::Variable) -> pb::Variable {
    match &mut variable.value {
        Some(value) if variable.masked => *value = mask::mask_value(),
        Some(value) => mask::mask_structs(value),
        None => {}
    }
    variable
}

/// The NodeRun as clients see it (05/E-53).
pub(super) fn public_node_run(record: internal::NodeRecord) -> pb::NodeRun {
    let mut node_run = record.node_run.unwrap_or_default();
    if let Some(pb::node_run::NodeType::ExternalEvent(waiting)) = &mut node_run.node_type
        && waiting.mask_correlation_key
        && let Some(key) = &mut waiting.correlation_key
    {
        mask::MASK.clone_into(key);
    }
    node_run
}

fn record_at(
    state: &State,
    tenant: &str,
    wf_run_id: &pb::WfRunId,
    place: (i32, i32),
    what: &str,
    fetched: &Fetched,
) -> Result<internal::NodeRecord, Stop> {
    let shown = || format!("{}/{}/{}", key::path(wf_run_id).join("_"), place.0, place.1);
    with_run(state, tenant, wf_run_id, fetched, |view| {
        if !places(&view, Some(place.0)).any(|visited| visited == place) {
            return Err(not_found(what, &shown()));
        }
        nodes_at(&view, tenant, &[place], fetched)?.pop().ok_or_else(|| not_found(what, &shown()))
    })
}

fn missing(field: &str) -> Stop {
    Stop::Refused(Rejected::invalid(format!("Missing required field {field}.")))
}
