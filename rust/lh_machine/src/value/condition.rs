//! Conditions of edges and of WAIT_FOR_CONDITION nodes (CMP-4 … CMP-8).

use crate::pb::{
    self, VariableAssignment, VariableMutationType, VariableValue,
    variable_assignment::{Source, expression::Operation},
    variable_value::Value,
};

use super::{Scope, Vse, compare, resolve, types};

/// Whether the edge may be taken; no condition = yes (CMP-4).
///
/// # Errors
/// A VSE if the condition cannot be evaluated to a boolean (CMP-7, CMP-8).
pub fn edge_holds(edge: &pb::Edge, scope: &dyn Scope) -> Result<bool, Vse> {
    match &edge.edge_condition {
        None => Ok(true),
        Some(pb::edge::EdgeCondition::LegacyCondition(condition)) => legacy_holds(condition, scope),
        Some(pb::edge::EdgeCondition::Condition(condition)) => condition_holds(condition, scope),
    }
}

/// Whether a condition given as an assignment holds (CMP-5 … CMP-7). Path and cast of an outer expression are ignored.
///
/// # Errors
/// A VSE if it cannot be evaluated to a boolean.
pub fn condition_holds(condition: &VariableAssignment, scope: &dyn Scope) -> Result<bool, Vse> {
    let Some(Source::Expression(expression)) = &condition.source else {
        return boolean(resolve::shared(condition, None, scope)?.as_ref());
    };
    let (left, right) = resolve::operands(expression, scope)?;
    match expression.operation {
        Some(Operation::Comparator(number)) => compare::compare(resolve::comparator(number)?, &left, &right),
        Some(Operation::MutationType(number)) => {
            // Unlike in an assignment, texts are not taken for booleans here, and both operands are checked (CMP-5).
            let (left, right) = match resolve::operation(number)? {
                VariableMutationType::And | VariableMutationType::Or => (boolean(&left)?, boolean(&right)?),
                other => return Err(Vse::new(format!("{} does not resolve to a BOOL value", other.as_str_name()))),
            };
            let either = number == VariableMutationType::Or as i32;
            Ok(if either { left || right } else { left && right })
        }
        None => Err(Vse::new("the expression has no operation")),
    }
}

/// Whether a condition of the old form holds (CMP-4).
///
/// # Errors
/// A VSE if an operand cannot be resolved or the operands cannot be compared.
pub fn legacy_holds(condition: &pb::LegacyEdgeCondition, scope: &dyn Scope) -> Result<bool, Vse> {
    let left = resolve::operand(condition.left.as_ref(), scope)?;
    let right = resolve::operand(condition.right.as_ref(), scope)?;
    compare::compare(resolve::comparator(condition.comparator)?, &left, &right)
}

/// A real BOOL: neither NULL nor a text (CMP-5, CMP-7).
fn boolean(value: &VariableValue) -> Result<bool, Vse> {
    match value.value {
        Some(Value::Bool(value)) => Ok(value),
        _ => Err(Vse::new(format!("{} does not resolve to a BOOL value", types::value_name(value)))),
    }
}
