//! Mutations on edges (section 9.1).

use std::borrow::Cow;

use crate::pb::{
    TypeDefinition, VariableMutation, VariableMutationType, VariableValue,
    variable_mutation::{NodeOutputSource, RhsValue, node_output_source},
    variable_value::Value,
};

use super::{
    NULL, Scope, Vse, bounds, compute, convert, json, json_path, lh_path, of, resolve,
    types::{self, Kind},
};

/// The new value of the mutated variable.
///
/// * `source_output`: output of the node that the edge leaves (deprecated right-hand form, MUT-7).
/// * `declared`: the variable's type; `current`: its value now; `scope` sees earlier mutations of the same edge (MUT-1).
///
/// # Errors
/// A VSE; the caller then changes no variable at all. The message does not name the variable (section 11 does).
pub fn mutate(
    mutation: &VariableMutation,
    source_output: Option<&VariableValue>,
    declared: &TypeDefinition,
    current: &VariableValue,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let operation = resolve::operation(mutation.operation)?;
    let whole = mutation.lhs_json_path.is_none() && mutation.lhs_lh_path.is_none();
    let right = right_hand_side(mutation, source_output, Some(declared).filter(|_| whole), scope)?;
    let mutated = match (&mutation.lhs_json_path, &mutation.lhs_lh_path) {
        (Some(_), Some(_)) => return Err(Vse::new("a mutation has either a json path or a selector path")),
        (Some(path), None) => at_json_path(operation, path, current, &right, scope)?,
        (None, Some(path)) => {
            if current.value.is_none() {
                return Err(Vse::new("Cannot apply a path to NULL"));
            }
            lh_path::update(current.clone(), Some(declared), &path.path, scope, &mut |present, declared| {
                changed_part(operation, present, declared, &right, scope)
            })?
        }
        (None, None) => whole_variable(operation, declared, current, right.into_owned(), scope)?,
    };
    bounds::check_value(&mutated)?;
    Ok(mutated)
}

/// The right-hand side in any of its three forms; the deprecated ones are treated like an assignment (MUT-7).
fn right_hand_side<'m>(
    mutation: &'m VariableMutation,
    source_output: Option<&'m VariableValue>,
    declared: Option<&TypeDefinition>,
    scope: &'m dyn Scope,
) -> Result<Cow<'m, VariableValue>, Vse> {
    match &mutation.rhs_value {
        Some(RhsValue::RhsAssignment(assignment)) => resolve::shared(assignment, declared, scope),
        Some(RhsValue::LiteralValue(value)) => Ok(Cow::Borrowed(value)),
        Some(RhsValue::NodeOutput(source)) => {
            let output = source_output.ok_or_else(|| Vse::new("Specified node has no output."))?;
            output_at(source, output, scope)
        }
        None => Err(Vse::new("the mutation has no right-hand side")),
    }
}

fn output_at<'m>(
    source: &NodeOutputSource,
    output: &'m VariableValue,
    scope: &dyn Scope,
) -> Result<Cow<'m, VariableValue>, Vse> {
    match &source.path {
        None => Ok(Cow::Borrowed(output)),
        Some(node_output_source::Path::Jsonpath(path)) => resolve::read_json_path(output, path).map(Cow::Owned),
        Some(node_output_source::Path::LhPath(path)) => resolve::read_lh_path(output, path, scope).map(Cow::Owned),
    }
}

/// ASSIGN converts to the declared type (MUT-3, MUT-4); the result of another operation is stored as it is (MUT-5).
fn whole_variable(
    operation: VariableMutationType,
    declared: &TypeDefinition,
    current: &VariableValue,
    right: VariableValue,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    if operation == VariableMutationType::Assign {
        return convert::convert_for_assign(right, declared, scope);
    }
    if matches!(types::kind(declared), Kind::Struct(_) | Kind::InlineStruct(_)) {
        return Err(Vse::new(format!("Cannot apply {} to {}", operation.as_str_name(), types::name(declared))));
    }
    compute::compute(operation, current, &right, Some(declared), scope)
}

/// The new value of a part: as for a variable of its declared type. A part that is missing or NULL takes the
/// right-hand side whatever the operation is (MUT-6, NEW-3).
fn changed_part(
    operation: VariableMutationType,
    present: Option<&VariableValue>,
    declared: Option<&TypeDefinition>,
    right: &VariableValue,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let result = match (present, declared) {
        (Some(present), Some(declared)) if operation != VariableMutationType::Assign => {
            whole_variable(operation, declared, present, right.clone(), scope)?
        }
        (Some(present), None) => compute::compute(operation, present, right, None, scope)?,
        _ => right.clone(),
    };
    match declared {
        Some(declared) => convert::convert_for_assign(result, declared, scope),
        None => Ok(result),
    }
}

/// `lhs_json_path` (MUT-6, PTH-7): the variable must hold JSON; each match is changed by its own present type.
fn at_json_path(
    operation: VariableMutationType,
    path: &str,
    current: &VariableValue,
    right: &VariableValue,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let mut root = json::of_json_value(current)?
        .ok_or_else(|| Vse::new(format!("Cannot apply a json path to {}", types::value_name(current))))?;
    json_path::update(&mut root, path, &mut |present| {
        let present = present.map(json::to_value).transpose()?.unwrap_or(NULL);
        let changed = match types::of_value(&present) {
            None => right.clone(),
            Some(present_type) => whole_variable(operation, &present_type, &present, right.clone(), scope)?,
        };
        json::from_value(&changed)
    })?;
    let text = json::write(&root)?;
    Ok(of(match current.value {
        Some(Value::JsonArr(_)) => Value::JsonArr(text),
        _ => Value::JsonObj(text),
    }))
}
