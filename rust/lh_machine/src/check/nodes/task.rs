//! TASK nodes, also those of user task reminders (X-21..X-23).

use pb::task_node::TaskToExecute;

use super::super::static_type::{self, Static};
use super::super::view::ThreadView;
use super::super::{Reason, assign};
use crate::{pb, value};

/// The time limit of a task whose node names none, in seconds (W-5, 04/TW-53).
const DEFAULT_TIMEOUT_S: i32 = 60;

/// Fills in the default time limit and refuses a negative one.
pub(super) fn settle(node: &mut pb::TaskNode) -> Result<(), Reason> {
    if node.timeout_seconds < 0 {
        return Err(format!("timeout_seconds cannot be negative: {}", node.timeout_seconds));
    }
    if node.timeout_seconds == 0 {
        node.timeout_seconds = DEFAULT_TIMEOUT_S;
    }
    Ok(())
}

/// Checks the task, its inputs and its retries.
pub(super) fn require(view: &ThreadView<'_>, node: &pb::TaskNode) -> Result<(), Reason> {
    require_retries(node)?;
    match &node.task_to_execute {
        None => Err("missing task to execute".to_owned()),
        Some(TaskToExecute::TaskDefId(id)) => {
            let task_def = view.definitions().task_def(&id.name);
            let task_def = task_def.ok_or_else(|| format!("Refers to nonexistent TaskDef {}", id.name))?;
            require_inputs(view, &node.variables, &task_def)
        }
        // Which task it is, and so what it takes, is known only at run time.
        Some(TaskToExecute::DynamicTask(name)) => {
            assign::require(view, name, &value::types::primitive(pb::VariableType::Str))
                .map_err(|reason| format!("Dynamic task name invalid: {reason}"))?;
            node.variables.iter().try_for_each(|input| static_type::of(view, input).map(drop))
        }
    }
}

/// The return type of a static task; unknown for a dynamic, deleted or void one.
pub(super) fn output_type(view: &ThreadView<'_>, node: &pb::TaskNode) -> Static {
    match &node.task_to_execute {
        Some(TaskToExecute::TaskDefId(id)) => view.definitions().task_def(&id.name)?.return_type?.return_type,
        _ => None,
    }
}

fn require_inputs(
    view: &ThreadView<'_>,
    given: &[pb::VariableAssignment],
    task_def: &pb::TaskDef,
) -> Result<(), Reason> {
    if given.len() != task_def.input_vars.len() {
        let name = task_def.id.as_ref().map_or("", |id| id.name.as_str());
        return Err(format!(
            "TaskDef {name} takes {} input variables, but {} were given",
            task_def.input_vars.len(),
            given.len()
        ));
    }
    for (position, (assignment, declared)) in given.iter().zip(&task_def.input_vars).enumerate() {
        assign::require(view, assignment, &value::types::var_def_type(declared))
            .map_err(|reason| format!("Input variable {} at position {position} invalid: {reason}", declared.name))?;
    }
    Ok(())
}

fn require_retries(node: &pb::TaskNode) -> Result<(), Reason> {
    if node.retries < 0 {
        return Err(format!("negative retries: {}", node.retries));
    }
    let Some(backoff) = &node.exponential_backoff else { return Ok(()) };
    if backoff.base_interval_ms <= 0 {
        return Err(format!("Base interval must be > 0: base_interval_ms is {}", backoff.base_interval_ms));
    }
    if backoff.multiplier.is_nan() || backoff.multiplier < 1.0 {
        return Err(format!("multiplier must be at least 1.0: {}", backoff.multiplier));
    }
    if backoff.max_delay_ms < i64::from(backoff.base_interval_ms) {
        return Err(format!("max_delay_ms must be at least base_interval_ms: {}", backoff.max_delay_ms));
    }
    Ok(())
}
