//! The result of a UserTaskRun: checked against its definition, merged with what was saved, given out as JSON
//! (06/U-31..34, U-52).

use std::collections::BTreeMap;

use super::{assign, is_blank, is_open, log, trigger, user_task};
use crate::{
    Code, Rejected,
    internal::UserTaskState,
    mutants::{self, Mutant},
    pb::{self, UserTaskRunStatus, user_task_event::Event, variable_value::Value},
    run::Run,
    state::Context,
    value::{self, json, types},
};

type Results = BTreeMap<String, pb::VariableValue>;

/// Ends the UserTaskRun as DONE; a task that ended before stays as it is (06/U-29).
///
/// # Errors
/// `INVALID_ARGUMENT` for a blank user or results that do not fit the definition, `FAILED_PRECONDITION` if it was deleted.
pub fn complete(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::CompleteUserTaskRunRequest,
    context: &Context<'_>,
) -> Result<(), Rejected> {
    let Some(task) = user_task(run, place).filter(|task| may_complete(task)) else { return Ok(()) };
    if is_blank(&request.user_id) {
        return Err(Rejected::invalid("UserId can't be empty"));
    }
    let id = task.user_task_def_id.clone().unwrap_or_default();
    let definition = context.definitions.user_task_def(&run.tenant, &id.name, Some(id.version)).ok_or_else(|| {
        Rejected::new(Code::FailedPrecondition, format!("UserTaskDef {}/{} was deleted.", id.name, id.version))
    })?;
    check(&definition, &request.results)?;
    let mut results = task.results.clone();
    // What was saved was not checked then (06/U-38).
    results.retain(|name, value| misfit(&definition, name, value).is_none());
    results.extend(request.results.clone());
    let output = output(&results).map_err(|error| Rejected::invalid(error.message))?;
    if task.user_id.as_ref() != Some(&request.user_id) {
        let owner = assign::Owner { user_id: Some(request.user_id.clone()), user_group: task.user_group.clone() };
        assign::assign(run, place, owner, context.now_ms);
    }
    let Some(record) = run.nodes.get_mut(&place) else { return Ok(()) };
    if let Some(task) = record.user_task_run.as_mut() {
        task.results = results;
        task.set_status(UserTaskRunStatus::Done);
        log(task, context.now_ms, Event::Completed(pb::user_task_event::UteCompleted {}));
    }
    record.user_task_state = Some(UserTaskState { output: Some(output), failure: None });
    trigger::forget(run, place);
    Ok(())
}

fn may_complete(task: &pb::UserTaskRun) -> bool {
    is_open(task) || mutants::is_on(Mutant::CompletedAgain)
}

fn check(definition: &pb::UserTaskDef, results: &Results) -> Result<(), Rejected> {
    if let Some(misfit) = results.iter().find_map(|(name, value)| misfit(definition, name, value)) {
        return Err(Rejected::invalid(misfit));
    }
    let missing: Vec<&str> = definition
        .fields
        .iter()
        .filter(|field| field.required && !results.contains_key(&field.name))
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Rejected::invalid(format!("Required fields are missing: {}", missing.join(", "))))
    }
}

/// Why a value cannot be the result of a field: no conversion, no NULL (06/U-31).
fn misfit(definition: &pb::UserTaskDef, name: &str, value: &pb::VariableValue) -> Option<String> {
    let Some(field) = definition.fields.iter().find(|field| field.name == name) else {
        return Some(format!("UserTaskDef {} has no field {name}", definition.name));
    };
    let fits = types::primitive_of_value(value) == Some(field.r#type());
    (!fits).then(|| {
        let (wanted, given) = (field.r#type().as_str_name(), types::value_name(value));
        format!("Field {name} has type {wanted}, but the value is {given}")
    })
}

fn output(results: &Results) -> Result<pb::VariableValue, value::Vse> {
    let mut members = serde_json::Map::new();
    for (name, value) in results {
        members.insert(name.clone(), json::from_value(value)?);
    }
    Ok(value::of(Value::JsonObj(json::write(&serde_json::Value::Object(members))?)))
}
