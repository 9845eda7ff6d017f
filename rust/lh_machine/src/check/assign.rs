//! Whether an expression may be put where a type is declared (CST-5, CST-6, T-3..T-5).

use pb::variable_assignment::Source;

use super::static_type;
use super::view::ThreadView;
use super::{Reason, builder};
use crate::{pb, value};

/// Refuses an expression whose known type does not fit `target`.
///
/// # Errors
/// The type, its cast or a part of a builder does not fit.
pub(super) fn require(
    view: &ThreadView<'_>,
    assignment: &pb::VariableAssignment,
    target: &pb::TypeDefinition,
) -> Result<(), Reason> {
    if assignment.path.is_none() && assignment.target_type.is_none() {
        match &assignment.source {
            Some(Source::StructBuilder(built)) => return builder::require_struct(view, built, target),
            Some(Source::MapBuilder(built)) => return builder::require_map(view, built, target),
            _ => {}
        }
    }
    let before = static_type::before_cast(view, assignment)?;
    let Some(cast) = &assignment.target_type else { return require_type(before.as_ref(), target) };
    require_castable(before.as_ref(), cast)?;
    if value::types::assignable(target, cast) {
        return Ok(());
    }
    let (from, to) = (value::types::name(cast), value::types::name(target));
    Err(format!("Cannot assign {from} to {to}: cannot use a {from} as a {to}"))
}

/// Refuses a known type that does not fit `target` without a cast (CST-6).
pub(super) fn require_type(source: Option<&pb::TypeDefinition>, target: &pb::TypeDefinition) -> Result<(), Reason> {
    let Some(source) = source else { return Ok(()) };
    if value::types::assignable(target, source) {
        return Ok(());
    }
    let (from, to) = (value::types::name(source), value::types::name(target));
    let castable = match (value::types::primitive_of(source), value::types::primitive_of(target)) {
        (Some(source), Some(target)) => value::types::castable(source, target),
        _ => false,
    };
    if castable {
        return Err(format!("Cannot assign {from} to {to} without explicit casting."));
    }
    // What has no primitive type prints as `null` here (CST-6).
    let (from_primitive, to_primitive) = (value::types::primitive_name(source), value::types::primitive_name(target));
    Err(format!(
        "Cannot assign {from_primitive} to {to_primitive} without explicit casting. Cannot use a {from} as a {to}."
    ))
}

/// Refuses an explicit cast that no value can take (T-4, CST-2).
pub(super) fn require_castable(source: Option<&pb::TypeDefinition>, target: &pb::TypeDefinition) -> Result<(), Reason> {
    let Some(source) = source else { return Ok(()) };
    let castable = match (value::types::primitive_of(source), value::types::primitive_of(target)) {
        (Some(source), Some(target)) => value::types::castable(source, target),
        _ => value::types::assignable(target, source),
    };
    if castable {
        return Ok(());
    }
    let (from, to) = (value::types::name(source), value::types::name(target));
    Err(format!("Cannot cast from {from} to {to}. This conversion is not supported."))
}
