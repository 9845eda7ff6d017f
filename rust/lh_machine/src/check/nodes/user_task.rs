//! USER_TASK nodes.

use pb::ut_action_trigger::Action;
use pb::variable_assignment::Source;
use pb::variable_value::Value;

use super::super::view::ThreadView;
use super::super::{Definitions, Reason, static_type};
use super::task;
use crate::pb;

/// Pins the UserTaskDef's version (UT-4) and settles the reminder tasks.
pub(super) fn settle(node: &mut pb::UserTaskNode, definitions: &dyn Definitions) -> Result<(), Reason> {
    let name = &node.user_task_def_name;
    let found = definitions.user_task_def(name, node.user_task_def_version);
    let found = found.ok_or_else(|| format!("Refers to missing UserTaskDef {name}"))?;
    node.user_task_def_version = Some(found.version);
    for trigger in &mut node.actions {
        if let Some(Action::Task(reminder)) = &mut trigger.action
            && let Some(task) = &mut reminder.task
        {
            task::settle(task)?;
        }
    }
    Ok(())
}

/// Checks that somebody is assigned; what the triggers do is a matter of run time.
pub(super) fn require(view: &ThreadView<'_>, node: &pb::UserTaskNode) -> Result<(), Reason> {
    if node.user_id.is_none() && node.user_group.is_none() {
        return Err("Must specify userGroup or userId".to_owned());
    }
    if node.user_id.as_ref().is_some_and(is_blank) {
        return Err("UserId can't be empty".to_owned());
    }
    if node.user_group.as_ref().is_some_and(is_blank) {
        return Err("UserGroup can't be empty".to_owned());
    }
    let expressions = [&node.user_id, &node.user_group, &node.notes, &node.on_cancellation_exception_name];
    for expression in expressions.into_iter().flatten() {
        static_type::of(view, expression)?;
    }
    Ok(())
}

fn is_blank(assignment: &pb::VariableAssignment) -> bool {
    match &assignment.source {
        Some(Source::LiteralValue(pb::VariableValue { value: Some(Value::Str(text)) })) => text.trim().is_empty(),
        _ => false,
    }
}
