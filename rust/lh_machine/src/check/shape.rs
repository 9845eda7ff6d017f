//! What a WfSpec request must contain at all: mandatory oneofs, known enum numbers, bounded nesting (G-7).

use std::collections::BTreeMap;

use pb::inline_struct_field_value::StructValue;
use pb::node::Node as Kind;
use pb::variable_assignment::expression::Operation;
use pb::variable_assignment::{Path, Source};
use pb::variable_mutation::{RhsValue, node_output_source};

use super::{MAX_DEPTH, Reason, literal, types, walk};
use crate::pb;

/// What a node refers to by name (X-6, T-9).
#[derive(Default)]
pub(super) struct References {
    /// Variables read or written.
    pub variables: Vec<String>,
    /// Nodes whose output is read.
    pub nodes: Vec<String>,
}

/// References of each node, by thread name and node name.
pub(super) type ReferencesByNode = BTreeMap<(String, String), References>;

/// Checks the shape of all nodes and collects what they refer to.
///
/// # Errors
/// The first thing missing, with thread and node.
pub(super) fn require_complete(threads: &mut BTreeMap<String, pb::ThreadSpec>) -> Result<ReferencesByNode, Reason> {
    let mut all = BTreeMap::new();
    for (thread_name, thread) in threads {
        for (node_name, node) in &mut thread.nodes {
            let references = of_node(node)
                .map_err(|reason| format!("ThreadSpec {thread_name} invalid: Node {node_name} invalid: {reason}"))?;
            all.insert((thread_name.clone(), node_name.clone()), references);
        }
    }
    Ok(all)
}

fn of_node(node: &mut pb::Node) -> Result<References, Reason> {
    require_kind(node)?;
    let mut references = References::default();
    for edge in &node.outgoing_edges {
        if let Some(pb::edge::EdgeCondition::LegacyCondition(legacy)) = &edge.edge_condition {
            require_legacy(legacy)?;
        }
    }
    for mutation in walk::mutations_of(node) {
        require_mutation(mutation)?;
        references.variables.push(mutation.lhs_name.clone());
    }
    for assignment in walk::assignments_of(node) {
        walk::visit(assignment, &mut |current| {
            require_assignment(current)?;
            match &current.source {
                Some(Source::VariableName(name)) => references.variables.push(name.clone()),
                Some(Source::NodeOutput(output)) => references.nodes.push(output.node_name.clone()),
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(references)
}

fn require_kind(node: &pb::Node) -> Result<(), Reason> {
    let missing = match &node.node {
        None => Some("missing node type"),
        Some(Kind::Task(task)) if task.task_to_execute.is_none() => Some("missing task to execute"),
        Some(Kind::Sleep(sleep)) if sleep.sleep_length.is_none() => Some("missing sleep length"),
        Some(Kind::WaitForCondition(wait)) => match &wait.node_condition {
            None => Some("missing condition"),
            Some(pb::wait_for_condition_node::NodeCondition::LegacyCondition(legacy)) => {
                return require_legacy(legacy);
            }
            Some(_) => None,
        },
        Some(Kind::UserTask(user_task)) => missing_in_triggers(user_task),
        Some(Kind::StartMultipleThreads(start)) if start.iterable.is_none() => Some("missing iterable"),
        Some(Kind::WaitForThreads(wait)) => missing_in_wait(wait),
        Some(Kind::WaitForChildWf(wait)) if wait.child_wf_run_id.is_none() => Some("missing child_wf_run_id"),
        Some(_) => None,
    };
    missing.map_or(Ok(()), |text| Err(text.to_owned()))
}

fn missing_in_triggers(user_task: &pb::UserTaskNode) -> Option<&'static str> {
    user_task.actions.iter().find_map(|trigger| match &trigger.action {
        None => Some("missing action of a user task trigger"),
        Some(pb::ut_action_trigger::Action::Task(reminder)) => {
            let task = reminder.task.as_ref().and_then(|task| task.task_to_execute.as_ref());
            task.is_none().then_some("missing task of a user task trigger")
        }
        Some(_) => None,
    })
}

fn missing_in_wait(wait: &pb::WaitForThreadsNode) -> Option<&'static str> {
    use pb::wait_for_threads_node::ThreadsToWaitForOneOf;
    match &wait.threads_to_wait_for {
        None => Some("missing threads to wait for"),
        Some(ThreadsToWaitForOneOf::Threads(threads)) => threads
            .threads
            .iter()
            .any(|thread| thread.thread_run_number.is_none())
            .then_some("missing thread_run_number"),
        Some(ThreadsToWaitForOneOf::ThreadList(_)) => None,
    }
}

fn require_legacy(legacy: &pb::LegacyEdgeCondition) -> Result<(), Reason> {
    require_comparator(legacy.comparator)?;
    if legacy.left.is_none() || legacy.right.is_none() {
        return Err("condition is missing source".to_owned());
    }
    Ok(())
}

fn require_mutation(mutation: &pb::VariableMutation) -> Result<(), Reason> {
    require_operation(mutation.operation)?;
    if mutation.lhs_json_path.is_some() && mutation.lhs_lh_path.is_some() {
        return Err(format!("mutation of {} has both lhs_json_path and lhs_lh_path", mutation.lhs_name));
    }
    mutation.lhs_lh_path.as_ref().map_or(Ok(()), require_path)?;
    match &mutation.rhs_value {
        None => Err(format!("mutation of {} is missing source", mutation.lhs_name)),
        Some(RhsValue::LiteralValue(value)) => literal::require_bounded(value),
        Some(RhsValue::NodeOutput(output)) => match &output.path {
            Some(node_output_source::Path::LhPath(path)) => require_path(path),
            _ => Ok(()),
        },
        Some(RhsValue::RhsAssignment(_)) => Ok(()),
    }
}

fn require_assignment(assignment: &pb::VariableAssignment) -> Result<(), Reason> {
    assignment.target_type.as_ref().map_or(Ok(()), types::require_bounded)?;
    if let Some(Path::LhPath(path)) = &assignment.path {
        require_path(path)?;
    }
    let complete = match &assignment.source {
        None => false,
        Some(Source::LiteralValue(value)) => return literal::require_bounded(value),
        Some(Source::FormatString(format)) => format.format.is_some(),
        Some(Source::SizeOf(size_of)) => size_of.operand.is_some(),
        Some(Source::Expression(expression)) => {
            match expression.operation {
                None => return Err("expression is missing its operation".to_owned()),
                Some(Operation::Comparator(number)) => require_comparator(number)?,
                Some(Operation::MutationType(number)) => require_operation(number)?,
            }
            expression.lhs.is_some() && expression.rhs.is_some()
        }
        Some(Source::StructBuilder(builder)) => return require_builder(builder),
        Some(Source::MapBuilder(builder)) => {
            let types = builder.map_type.iter().flat_map(|types| [&types.key_type, &types.value_type]).flatten();
            for declared in types {
                super::types::require_bounded(declared)?;
            }
            builder.entries.iter().all(|entry| entry.key.is_some() && entry.value.is_some())
        }
        Some(Source::VariableName(_) | Source::NodeOutput(_)) => true,
    };
    if complete { Ok(()) } else { Err("assignment is missing source".to_owned()) }
}

fn require_builder(builder: &pb::StructBuilder) -> Result<(), Reason> {
    if builder.struct_def_id.is_none() {
        return Err("struct builder is missing its StructDef".to_owned());
    }
    let mut pending: Vec<_> = builder.value.iter().map(|inner| (inner, 0)).collect();
    while let Some((current, depth)) = pending.pop() {
        if depth >= MAX_DEPTH {
            return Err(format!("Struct builder is nested deeper than {MAX_DEPTH} levels"));
        }
        let values = current.fields.values().filter_map(|field| field.struct_value.as_ref());
        pending.extend(values.filter_map(|value| match value {
            StructValue::SubStructure(inner) => Some((inner, depth + 1)),
            StructValue::SimpleValue(_) => None,
        }));
    }
    Ok(())
}

fn require_path(path: &pb::LhPath) -> Result<(), Reason> {
    if path.path.iter().any(|selector| selector.selector_type.is_none()) {
        return Err("path selector has neither key nor index".to_owned());
    }
    Ok(())
}

fn require_comparator(number: i32) -> Result<(), Reason> {
    pb::Comparator::try_from(number).map(drop).map_err(|_| format!("unknown comparator {number}"))
}

fn require_operation(number: i32) -> Result<(), Reason> {
    pb::VariableMutationType::try_from(number).map(drop).map_err(|_| format!("unknown operation {number}"))
}
