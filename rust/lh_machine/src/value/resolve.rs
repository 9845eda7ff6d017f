//! Run-time resolution of a `VariableAssignment` (section 7).

use std::borrow::Cow;

use crate::pb::{
    self, LhPath, TypeDefinition, VariableAssignment, VariableValue,
    variable_assignment::{Expression, Path, Source, expression::Operation},
};

use super::{Scope, Vse, bounds, builder, compare, compute, convert, format, json, json_path, lh_path, types};

/// The value of an assignment: its source, then its path, then its cast (CST-3).
///
/// # Errors
/// A VSE whenever the value cannot be had (section 7).
pub fn resolve(assignment: &VariableAssignment, scope: &dyn Scope) -> Result<VariableValue, Vse> {
    resolve_for(assignment, None, scope)
}

/// [`resolve`], for a target of a known type: a struct builder builds the declared version (ASG-10).
///
/// # Errors
/// As [`resolve`]. The value is not yet converted to or checked against the declared type.
pub fn resolve_for(
    assignment: &VariableAssignment,
    declared: Option<&TypeDefinition>,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    shared(assignment, declared, scope).map(Cow::into_owned)
}

/// [`resolve_for`] without a copy of what is only looked at.
pub(super) fn shared<'s>(
    assignment: &'s VariableAssignment,
    declared: Option<&TypeDefinition>,
    scope: &'s dyn Scope,
) -> Result<Cow<'s, VariableValue>, Vse> {
    let declared = declared.filter(|_| assignment.path.is_none() && assignment.target_type.is_none());
    let source = source(assignment, declared, scope)?;
    let value = match &assignment.path {
        None => source,
        Some(Path::JsonPath(path)) => Cow::Owned(read_json_path(&source, path)?),
        Some(Path::LhPath(path)) => Cow::Owned(read_lh_path(&source, path, scope)?),
    };
    match &assignment.target_type {
        Some(target) => convert::cast_to(value.into_owned(), target).map(Cow::Owned),
        None => Ok(value),
    }
}

/// The value of the source alone.
fn source<'s>(
    assignment: &'s VariableAssignment,
    declared: Option<&TypeDefinition>,
    scope: &'s dyn Scope,
) -> Result<Cow<'s, VariableValue>, Vse> {
    Ok(match assignment.source.as_ref().ok_or_else(|| Vse::new("missing source"))? {
        Source::VariableName(name) => Cow::Borrowed(scope.variable(name)?),
        Source::LiteralValue(value) => Cow::Borrowed(value),
        Source::NodeOutput(node) => Cow::Borrowed(scope.node_output(&node.node_name)?),
        Source::FormatString(format) => Cow::Owned(format::render(format, scope)?),
        Source::Expression(expression) => Cow::Owned(evaluate(expression, scope)?),
        Source::StructBuilder(builder) => Cow::Owned(builder::struct_of(builder, declared, scope)?),
        Source::MapBuilder(builder) => Cow::Owned(builder::map_of(builder, scope)?),
        Source::SizeOf(size_of) => Cow::Owned(compute::size_of(operand(size_of.operand.as_deref(), scope)?.as_ref())?),
    })
}

/// `json_path` works on JSON only (PTH-1).
///
/// # Errors
/// Another value, NULL included; a syntax error.
pub(super) fn read_json_path(value: &VariableValue, path: &str) -> Result<VariableValue, Vse> {
    match json::of_json_value(value)? {
        Some(json) => json_path::read(&json, path),
        None => Err(Vse::new(format!("Cannot apply a json path to {}", types::value_name(value)))),
    }
}

/// Selectors, left to right (PTH-3).
///
/// # Errors
/// See [`lh_path::read`].
pub(super) fn read_lh_path(value: &VariableValue, path: &LhPath, scope: &dyn Scope) -> Result<VariableValue, Vse> {
    lh_path::read(value, &path.path, scope)
}

/// Two operands.
type Operands<'s> = (Cow<'s, VariableValue>, Cow<'s, VariableValue>);

/// Both operands of an expression, left before right, always both (MUT-18).
///
/// # Errors
/// The first failure; an operand that is missing.
pub(super) fn operands<'s>(expression: &'s Expression, scope: &'s dyn Scope) -> Result<Operands<'s>, Vse> {
    let left = operand(expression.lhs.as_deref(), scope)?;
    Ok((left, operand(expression.rhs.as_deref(), scope)?))
}

/// One operand.
///
/// # Errors
/// It is missing, or fails.
pub(super) fn operand<'s>(
    side: Option<&'s VariableAssignment>,
    scope: &'s dyn Scope,
) -> Result<Cow<'s, VariableValue>, Vse> {
    shared(side.ok_or_else(|| Vse::new("missing source"))?, None, scope)
}

fn evaluate(expression: &Expression, scope: &dyn Scope) -> Result<VariableValue, Vse> {
    let (left, right) = operands(expression, scope)?;
    match expression.operation {
        Some(Operation::Comparator(number)) => {
            let holds = compare::compare(comparator(number)?, &left, &right)?;
            Ok(super::of(pb::variable_value::Value::Bool(holds)))
        }
        Some(Operation::MutationType(number)) => {
            let value = compute::compute(operation(number)?, &left, &right, None, scope)?;
            bounds::check_value(&value)?;
            Ok(value)
        }
        None => Err(Vse::new("the expression has no operation")),
    }
}

/// The comparator of this number.
///
/// # Errors
/// The number names none.
pub(super) fn comparator(number: i32) -> Result<pb::Comparator, Vse> {
    pb::Comparator::try_from(number).map_err(|_| Vse::new(format!("unknown comparator {number}")))
}

/// The operation of this number.
///
/// # Errors
/// The number names none.
pub(super) fn operation(number: i32) -> Result<pb::VariableMutationType, Vse> {
    pb::VariableMutationType::try_from(number).map_err(|_| Vse::new(format!("unknown operation {number}")))
}
