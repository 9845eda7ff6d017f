//! Where a node holds expressions: the one list of places, so that no check forgets one.
//!
//! Nothing here recurses, so no request can exhaust the stack.

use pb::inline_struct_field_value::StructValue;
use pb::lh_path::selector::SelectorType;
use pb::node::Node as Kind;
use pb::ut_action_trigger::Action;
use pb::variable_assignment::{Path, Source};
use pb::variable_mutation::{RhsValue, node_output_source};

use super::{MAX_DEPTH, Reason};
use crate::pb;

type Found<'a> = Vec<&'a mut pb::VariableAssignment>;

/// The expressions that stand directly in a node: of its kind, its edges' conditions and its mutations.
pub(super) fn assignments_of(node: &mut pb::Node) -> Vec<&mut pb::VariableAssignment> {
    let mut found = Vec::new();
    for edge in &mut node.outgoing_edges {
        match &mut edge.edge_condition {
            Some(pb::edge::EdgeCondition::Condition(condition)) => found.push(condition),
            Some(pb::edge::EdgeCondition::LegacyCondition(legacy)) => of_legacy(legacy, &mut found),
            None => {}
        }
        edge.variable_mutations.iter_mut().for_each(|mutation| of_mutation(mutation, &mut found));
    }
    if let Some(kind) = &mut node.node {
        of_kind(kind, &mut found);
    }
    found
}

/// The mutations of a node: of its edges and of its user task's triggers.
pub(super) fn mutations_of(node: &mut pb::Node) -> Vec<&mut pb::VariableMutation> {
    let mut found: Vec<_> =
        node.outgoing_edges.iter_mut().flat_map(|edge| edge.variable_mutations.iter_mut()).collect();
    if let Some(Kind::UserTask(user_task)) = &mut node.node {
        for trigger in &mut user_task.actions {
            if let Some(Action::Task(task)) = &mut trigger.action {
                found.extend(task.mutations.iter_mut());
            }
        }
    }
    found
}

/// Calls `apply` with an expression and everything nested in it, the outer before the inner.
///
/// # Errors
/// What `apply` answers, or a refusal if the nesting exceeds [`MAX_DEPTH`].
pub(super) fn visit(
    assignment: &mut pb::VariableAssignment,
    apply: &mut dyn FnMut(&mut pb::VariableAssignment) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let mut pending = vec![(assignment, 0)];
    while let Some((current, depth)) = pending.pop() {
        if depth >= MAX_DEPTH {
            return Err(format!("Expression is nested deeper than {MAX_DEPTH} levels"));
        }
        apply(current)?;
        for (inner, levels) in nested_in(current) {
            pending.push((inner, depth + levels));
        }
    }
    Ok(())
}

/// The expressions directly inside another one, with how many levels deeper each is.
fn nested_in(assignment: &mut pb::VariableAssignment) -> Vec<(&mut pb::VariableAssignment, usize)> {
    let mut found = Vec::new();
    if let Some(Path::LhPath(path)) = &mut assignment.path {
        of_path(path, &mut found);
    }
    match &mut assignment.source {
        Some(Source::FormatString(format)) => {
            found.extend(format.format.as_deref_mut());
            found.extend(format.args.iter_mut());
        }
        Some(Source::Expression(expression)) => {
            found.extend(expression.lhs.as_deref_mut());
            found.extend(expression.rhs.as_deref_mut());
        }
        Some(Source::SizeOf(size_of)) => found.extend(size_of.operand.as_deref_mut()),
        Some(Source::MapBuilder(builder)) => {
            let parts = builder.entries.iter_mut().flat_map(|entry| [&mut entry.key, &mut entry.value]);
            found.extend(parts.flatten());
        }
        Some(Source::StructBuilder(builder)) => {
            let mut deeper: Vec<_> = found.into_iter().map(|inner| (inner, 1)).collect();
            of_builder(builder, &mut deeper);
            return deeper;
        }
        Some(Source::VariableName(_) | Source::LiteralValue(_) | Source::NodeOutput(_)) | None => {}
    }
    found.into_iter().map(|inner| (inner, 1)).collect()
}

fn of_builder<'a>(builder: &'a mut pb::StructBuilder, found: &mut Vec<(&'a mut pb::VariableAssignment, usize)>) {
    let mut pending: Vec<_> = builder.value.iter_mut().map(|inner| (inner, 1)).collect();
    while let Some((current, levels)) = pending.pop() {
        for field in current.fields.values_mut() {
            match &mut field.struct_value {
                Some(StructValue::SimpleValue(value)) => found.push((value, levels)),
                Some(StructValue::SubStructure(inner)) => pending.push((inner, levels + 1)),
                None => {}
            }
        }
    }
}

fn of_path<'a>(path: &'a mut pb::LhPath, found: &mut Found<'a>) {
    for selector in &mut path.path {
        if let Some(SelectorType::Dynamic(dynamic)) = &mut selector.selector_type {
            found.push(dynamic);
        }
    }
}

fn of_legacy<'a>(legacy: &'a mut pb::LegacyEdgeCondition, found: &mut Found<'a>) {
    found.extend(legacy.left.as_mut());
    found.extend(legacy.right.as_mut());
}

fn of_mutation<'a>(mutation: &'a mut pb::VariableMutation, found: &mut Found<'a>) {
    if let Some(path) = &mut mutation.lhs_lh_path {
        of_path(path, found);
    }
    match &mut mutation.rhs_value {
        Some(RhsValue::RhsAssignment(assignment)) => found.push(assignment),
        Some(RhsValue::NodeOutput(output)) => {
            if let Some(node_output_source::Path::LhPath(path)) = &mut output.path {
                of_path(path, found);
            }
        }
        Some(RhsValue::LiteralValue(_)) | None => {}
    }
}

fn of_task<'a>(task: &'a mut pb::TaskNode, found: &mut Found<'a>) {
    if let Some(pb::task_node::TaskToExecute::DynamicTask(name)) = &mut task.task_to_execute {
        found.push(name);
    }
    found.extend(task.variables.iter_mut());
}

fn of_kind<'a>(kind: &'a mut Kind, found: &mut Found<'a>) {
    match kind {
        Kind::Entrypoint(_) | Kind::Nop(_) => {}
        Kind::Exit(exit) => of_exit(exit, found),
        Kind::Task(task) => of_task(task, found),
        Kind::ExternalEvent(event) => {
            found.extend(event.timeout_seconds.as_mut());
            found.extend(event.correlation_key.as_mut());
        }
        Kind::StartThread(start) => found.extend(start.variables.values_mut()),
        Kind::StartMultipleThreads(start) => {
            found.extend(start.variables.values_mut());
            found.extend(start.iterable.as_mut());
        }
        Kind::WaitForThreads(wait) => of_wait_for_threads(wait, found),
        Kind::Sleep(sleep) => of_sleep(sleep, found),
        Kind::UserTask(user_task) => of_user_task(user_task, found),
        Kind::ThrowEvent(throw) => found.extend(throw.content.as_mut()),
        Kind::WaitForCondition(wait) => match &mut wait.node_condition {
            Some(pb::wait_for_condition_node::NodeCondition::Condition(condition)) => found.push(condition),
            Some(pb::wait_for_condition_node::NodeCondition::LegacyCondition(legacy)) => of_legacy(legacy, found),
            None => {}
        },
        Kind::RunChildWf(run) => {
            if let Some(pb::run_child_wf_node::WfSpec::WfSpecVar(name)) = &mut run.wf_spec {
                found.push(name);
            }
            found.extend(run.inputs.values_mut());
            found.extend(run.child_id.as_mut());
        }
        Kind::WaitForChildWf(wait) => found.extend(wait.child_wf_run_id.as_mut()),
    }
}

fn of_exit<'a>(exit: &'a mut pb::ExitNode, found: &mut Found<'a>) {
    match &mut exit.result {
        Some(pb::exit_node::Result::ReturnContent(content)) => found.push(content),
        Some(pb::exit_node::Result::FailureDef(failure)) => found.extend(failure.content.as_mut()),
        None => {}
    }
}

fn of_wait_for_threads<'a>(wait: &'a mut pb::WaitForThreadsNode, found: &mut Found<'a>) {
    use pb::wait_for_threads_node::ThreadsToWaitForOneOf;
    match &mut wait.threads_to_wait_for {
        Some(ThreadsToWaitForOneOf::Threads(threads)) => {
            found.extend(threads.threads.iter_mut().filter_map(|thread| thread.thread_run_number.as_mut()));
        }
        Some(ThreadsToWaitForOneOf::ThreadList(list)) => found.push(list),
        None => {}
    }
}

fn of_sleep<'a>(sleep: &'a mut pb::SleepNode, found: &mut Found<'a>) {
    use pb::sleep_node::SleepLength;
    if let Some(SleepLength::RawSeconds(length) | SleepLength::Timestamp(length) | SleepLength::IsoDate(length)) =
        &mut sleep.sleep_length
    {
        found.push(length);
    }
}

fn of_user_task<'a>(user_task: &'a mut pb::UserTaskNode, found: &mut Found<'a>) {
    let direct = [
        &mut user_task.user_group,
        &mut user_task.user_id,
        &mut user_task.notes,
        &mut user_task.on_cancellation_exception_name,
    ];
    found.extend(direct.into_iter().flatten());
    // Inside an action, an assignment without a source counts as unset; published SDKs send such (06/U-12, U-83).
    let mut in_actions = Found::new();
    of_actions(&mut user_task.actions, &mut in_actions);
    found.extend(in_actions.into_iter().filter(|assignment| assignment.source.is_some()));
}

fn of_actions<'a>(actions: &'a mut [pb::UtActionTrigger], found: &mut Found<'a>) {
    for trigger in actions {
        found.extend(trigger.delay_seconds.as_mut());
        match &mut trigger.action {
            Some(Action::Task(reminder)) => {
                if let Some(task) = &mut reminder.task {
                    of_task(task, found);
                }
                reminder.mutations.iter_mut().for_each(|mutation| of_mutation(mutation, found));
            }
            Some(Action::Reassign(reassign)) => {
                found.extend([&mut reassign.user_id, &mut reassign.user_group].into_iter().flatten());
            }
            Some(Action::Cancel(_)) | None => {}
        }
    }
}
