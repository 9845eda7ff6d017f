//! Static types of operations and comparisons, as checked at registration (MUT-8, MUT-9, CMP-3; 02/T-10, 02/T-11).

use crate::pb::{Comparator, TypeDefinition, VariableMutationType, VariableType};

use super::types::{self, Kind};

/// The type of `left op right`.
///
/// `None` as an operand is an unknown (or null) type, which passes; `None` as a result is unknown. The error is the
/// inner message of an `INVALID_ARGUMENT` (MUT-8, MUT-9).
pub fn result_type(
    operation: VariableMutationType,
    left: Option<&TypeDefinition>,
    right: Option<&TypeDefinition>,
) -> Result<Option<TypeDefinition>, String> {
    match operation {
        VariableMutationType::And | VariableMutationType::Or => logical(operation, left, right).map(Some),
        VariableMutationType::Assign => assigned(left, right),
        _ => match (left, right) {
            (Some(left), Some(right)) => arithmetic_or_collection(operation, left, right).map(Some),
            _ => Ok(None),
        },
    }
}

/// AND and OR take booleans and, as at run time, the texts `true` and `false` (MUT-9, MUT-16).
fn logical(
    operation: VariableMutationType,
    left: Option<&TypeDefinition>,
    right: Option<&TypeDefinition>,
) -> Result<TypeDefinition, String> {
    for operand in [left, right].into_iter().flatten() {
        if !matches!(types::kind(operand), Kind::Primitive(VariableType::Bool | VariableType::Str)) {
            return Err(format!("Cannot use a {} in {}", types::name(operand), operation.as_str_name()));
        }
    }
    Ok(types::primitive(VariableType::Bool))
}

fn assigned(left: Option<&TypeDefinition>, right: Option<&TypeDefinition>) -> Result<Option<TypeDefinition>, String> {
    match (left, right) {
        (Some(left), Some(right)) if !types::assignable(left, right) => Err(format!(
            "Cannot assign {} to {} without explicit casting",
            types::primitive_name(right),
            types::primitive_name(left)
        )),
        (left, _) => Ok(left.map(unmasked)),
    }
}

/// The table MUT-8: which right-hand types an operation takes by its left-hand type, and what comes out.
fn arithmetic_or_collection(
    operation: VariableMutationType,
    left: &TypeDefinition,
    right: &TypeDefinition,
) -> Result<TypeDefinition, String> {
    use VariableMutationType::{Add, Divide, Extend, Multiply, Pow, RemoveIfPresent, RemoveIndex, RemoveKey, Subtract};
    use VariableType::{Bytes, Double, Int, JsonArr, JsonObj, Str};
    let accepted = match (types::kind(left), operation) {
        (Kind::Primitive(Int | Double), Add | Subtract | Multiply | Divide | Pow) => types::is_numeric(right),
        (Kind::Primitive(Str), Add | Extend | RemoveIfPresent) => types::is_scalar(right),
        (Kind::Primitive(JsonArr), Add) => true,
        (Kind::Primitive(JsonArr), Extend) => types::primitive_of(right) == Some(JsonArr),
        (Kind::Primitive(JsonArr | JsonObj), RemoveIfPresent) | (Kind::Primitive(JsonObj), RemoveKey) => {
            types::is_scalar(right)
        }
        (Kind::Primitive(Str | JsonArr) | Kind::Array(_), RemoveIndex) => types::is_numeric(right),
        (Kind::Primitive(Bytes), Extend) => types::primitive_of(right) == Some(Bytes),
        (Kind::Array(element), Extend) => types::assignable(left, right) || is_element(element, right),
        (Kind::Array(element), RemoveIfPresent) => is_element(element, right),
        (Kind::Map(..), Extend) => matches!(types::kind(right), Kind::Map(..)),
        (Kind::Map(key, _), RemoveKey) => key.is_none_or(|key| types::assignable(key, right)),
        _ => return Err(format!("Cannot {} a {}", verb(operation), types::name(left))),
    };
    if !accepted {
        return Err(format!("Cannot {} a {} with a {}", verb(operation), types::name(left), types::name(right)));
    }
    let int_to_double = operation == Pow && types::primitive_of(right) == Some(Double);
    Ok(if int_to_double { types::primitive(Double) } else { unmasked(left) })
}

fn is_element(element: Option<&TypeDefinition>, right: &TypeDefinition) -> bool {
    element.is_none_or(|element| types::equal(&unmasked(element), &unmasked(right)))
}

/// The operation in words, with its preposition: `multiply to` is what clients look for (MUT-10).
fn verb(operation: VariableMutationType) -> &'static str {
    match operation {
        VariableMutationType::Assign => "assign to",
        VariableMutationType::Add => "add to",
        VariableMutationType::Extend => "extend to",
        VariableMutationType::Subtract => "subtract to",
        VariableMutationType::Multiply => "multiply to",
        VariableMutationType::Divide => "divide to",
        VariableMutationType::RemoveIfPresent => "remove if present to",
        VariableMutationType::RemoveIndex => "remove index to",
        VariableMutationType::RemoveKey => "remove key to",
        VariableMutationType::And => "and to",
        VariableMutationType::Or => "or to",
        VariableMutationType::Pow => "pow to",
    }
}

/// Masking belongs to a variable or a field, not to what is computed from it (MSK-1: no taint tracking).
fn unmasked(def: &TypeDefinition) -> TypeDefinition {
    TypeDefinition { masked: false, ..def.clone() }
}

/// Whether a condition may compare these types (CMP-3, 02/T-11).
///
/// `None` = unknown or null, which passes. The error is the inner message of an `INVALID_ARGUMENT`.
pub fn comparable(
    comparator: Comparator,
    left: Option<&TypeDefinition>,
    right: Option<&TypeDefinition>,
    right_is_null_literal: bool,
) -> Result<(), String> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(()) };
    if right_is_null_literal {
        return Ok(());
    }
    let accepted = match comparator {
        Comparator::Equals | Comparator::NotEquals => {
            types::equal(left, right) || (has_order(left) && has_order(right))
        }
        Comparator::LessThan | Comparator::LessThanEq | Comparator::GreaterThan | Comparator::GreaterThanEq => {
            has_order(left) && has_order(right)
        }
        Comparator::In | Comparator::NotIn => may_contain(right, left),
    };
    if accepted {
        return Ok(());
    }
    Err(format!("Cannot compare {} {} {}", types::name(left), comparator.as_str_name(), types::name(right)))
}

fn has_order(def: &TypeDefinition) -> bool {
    use VariableType::{Bool, Double, Int, Str, Timestamp};
    matches!(types::kind(def), Kind::Primitive(Int | Double | Str | Bool | Timestamp))
}

/// Whether `IN` may look for an element of this type in that collection.
fn may_contain(collection: &TypeDefinition, element: &TypeDefinition) -> bool {
    match types::kind(collection) {
        Kind::Primitive(VariableType::JsonArr) => true,
        Kind::Primitive(VariableType::Str) => types::is_scalar(element),
        Kind::Primitive(VariableType::JsonObj) | Kind::Struct(_) | Kind::InlineStruct(_) => {
            types::primitive_of(element) == Some(VariableType::Str)
        }
        Kind::Array(inner) | Kind::Map(inner, _) => inner.is_none_or(|inner| types::assignable(inner, element)),
        Kind::Primitive(_) => false,
    }
}
