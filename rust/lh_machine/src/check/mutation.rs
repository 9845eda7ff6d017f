//! Mutations of variables on edges and user task triggers (X-16..X-18, MUT-8..MUT-11).

use pb::variable_assignment::{NodeOutputReference, Path, Source};
use pb::variable_mutation::{RhsValue, node_output_source};

use super::view::ThreadView;
use super::{Reason, assign, static_type};
use crate::{pb, value};

/// Checks a mutation that runs after `node_name`, whose output the deprecated `node_output` form means (MUT-7).
pub(super) fn require(view: &ThreadView<'_>, node_name: &str, mutation: &pb::VariableMutation) -> Result<(), Reason> {
    // A part of a JSON document has no type before it is there (MUT-6).
    if mutation.lhs_json_path.is_some() {
        return Ok(());
    }
    let inside = |reason: Reason| format!("Mutation of variable {} invalid: {reason}", mutation.lhs_name);
    let declared = view.variable_type(&mutation.lhs_name)?.cloned();
    let target = match &mutation.lhs_lh_path {
        Some(path) => static_type::narrow(view, declared, path).map_err(inside)?,
        None => declared,
    };
    let source = right_hand(node_name, mutation)?;
    match target {
        Some(target) => require_on(view, mutation.operation(), &target, &source).map_err(inside),
        None => static_type::of(view, &source).map(drop).map_err(inside),
    }
}

fn require_on(
    view: &ThreadView<'_>,
    operation: pb::VariableMutationType,
    target: &pb::TypeDefinition,
    source: &pb::VariableAssignment,
) -> Result<(), Reason> {
    if operation == pb::VariableMutationType::Assign {
        return assign::require(view, source, target);
    }
    let Some(right) = static_type::of(view, source)? else { return Ok(()) };
    let result = value::operators::result_type(operation, Some(target), Some(&right))?;
    match result {
        Some(result) if !value::types::assignable(target, &result) => Err(format!(
            "Cannot mutate a {} with {} {}: the result is a {}",
            value::types::name(target),
            operation.as_str_name(),
            value::types::name(&right),
            value::types::name(&result)
        )),
        _ => Ok(()),
    }
}

/// The right-hand side, the deprecated forms written as the expressions that they mean (MUT-7).
fn right_hand(node_name: &str, mutation: &pb::VariableMutation) -> Result<pb::VariableAssignment, Reason> {
    let of =
        |source: Source, path: Option<Path>| pb::VariableAssignment { target_type: None, path, source: Some(source) };
    match &mutation.rhs_value {
        None => Err(format!("mutation of {} is missing source", mutation.lhs_name)),
        Some(RhsValue::RhsAssignment(assignment)) => Ok(assignment.clone()),
        Some(RhsValue::LiteralValue(literal)) => Ok(of(Source::LiteralValue(literal.clone()), None)),
        Some(RhsValue::NodeOutput(output)) => {
            let path = output.path.clone().map(|path| match path {
                node_output_source::Path::Jsonpath(text) => Path::JsonPath(text),
                node_output_source::Path::LhPath(path) => Path::LhPath(path),
            });
            Ok(of(Source::NodeOutput(NodeOutputReference { node_name: node_name.to_owned() }), path))
        }
    }
}
