//! Conditions of edges and WAIT_FOR_CONDITION nodes (X-14, X-15, CMP-3..CMP-6).

use pb::variable_assignment::Source;
use pb::variable_assignment::expression::Operation;

use super::Reason;
use super::static_type;
use super::view::ThreadView;
use crate::{pb, value};

/// Why a condition that is no BOOL is refused.
const NOT_BOOL: &str = "Does not resolve to a BOOL value";

/// Checks the deprecated form.
pub(super) fn require_legacy(view: &ThreadView<'_>, legacy: &pb::LegacyEdgeCondition) -> Result<(), Reason> {
    require_comparison(view, legacy.comparator, legacy.left.as_ref(), legacy.right.as_ref())
}

/// Checks a condition that is an expression: it must be able to give a BOOL; unknown types are left to run time.
pub(super) fn require(view: &ThreadView<'_>, condition: &pb::VariableAssignment) -> Result<(), Reason> {
    if let Some(Source::Expression(expression)) = &condition.source {
        match expression.operation {
            Some(Operation::Comparator(comparator)) if condition.target_type.is_none() => {
                return require_comparison(view, comparator, expression.lhs.as_deref(), expression.rhs.as_deref());
            }
            Some(Operation::MutationType(number)) if condition.target_type.is_none() => require_logical(number)?,
            _ => {}
        }
    }
    if static_type::is_null_literal(condition) {
        return Err(NOT_BOOL.to_owned());
    }
    let known = static_type::of(view, condition)?;
    if known.as_ref().is_none_or(|known| value::types::primitive_of(known) == Some(pb::VariableType::Bool)) {
        return Ok(());
    }
    Err(NOT_BOOL.to_owned())
}

/// Only these operations can give a BOOL, whatever their operands are (CMP-5).
fn require_logical(number: i32) -> Result<(), Reason> {
    use pb::VariableMutationType::{And, Assign, Or};
    match pb::VariableMutationType::try_from(number) {
        Ok(And | Or | Assign) => Ok(()),
        _ => Err(NOT_BOOL.to_owned()),
    }
}

fn require_comparison(
    view: &ThreadView<'_>,
    comparator: i32,
    left: Option<&pb::VariableAssignment>,
    right: Option<&pb::VariableAssignment>,
) -> Result<(), Reason> {
    let comparator = pb::Comparator::try_from(comparator).map_err(|_| format!("unknown comparator {comparator}"))?;
    let left_type = static_type::of_operand(view, left)?;
    let right_type = static_type::of_operand(view, right)?;
    let right_is_null = right.is_some_and(static_type::is_null_literal);
    value::operators::comparable(comparator, left_type.as_ref(), right_type.as_ref(), right_is_null)
}
