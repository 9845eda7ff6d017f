//! Comparators on run-time values (CMP-1, CMP-2) and exact equality (VAL-5).

use std::cmp::Ordering;

use prost_types::Timestamp;
use serde_json::Value as Json;

use crate::pb::{self, Comparator, VariableValue, variable_value::Value};

use super::{NULL, Vse, convert, json, text, types};

/// Whether `left comparator right` holds. Nothing is converted between types.
///
/// # Errors
/// Operands that cannot be compared (CMP-1), or a right-hand side of `IN` that contains nothing (CMP-2).
pub fn compare(comparator: Comparator, left: &VariableValue, right: &VariableValue) -> Result<bool, Vse> {
    match comparator {
        Comparator::Equals => equals(left, right),
        Comparator::NotEquals => equals(left, right).map(|equal| !equal),
        Comparator::LessThan => order(left, right).map(Ordering::is_lt),
        Comparator::LessThanEq => order(left, right).map(Ordering::is_le),
        Comparator::GreaterThan => order(left, right).map(Ordering::is_gt),
        Comparator::GreaterThanEq => order(left, right).map(Ordering::is_ge),
        Comparator::In => contains(right, left),
        Comparator::NotIn => contains(right, left).map(|contained| !contained),
    }
}

fn incomparable(left: &VariableValue, right: &VariableValue) -> Vse {
    Vse::new(format!("Cannot compare {} to {}", types::value_name(left), types::value_name(right)))
}

fn equals(left: &VariableValue, right: &VariableValue) -> Result<bool, Vse> {
    match (&left.value, &right.value) {
        (Some(Value::Bytes(left)), Some(Value::Bytes(right))) => Ok(left == right),
        (Some(Value::Array(_)), Some(Value::Array(_)))
        | (Some(Value::Map(_)), Some(Value::Map(_)))
        | (Some(Value::Struct(_)), Some(Value::Struct(_))) => Ok(exactly_equal(left, right)),
        _ => order(left, right).map(Ordering::is_eq),
    }
}

/// The one ordering of CMP-1; NULL is less than everything else.
fn order(left: &VariableValue, right: &VariableValue) -> Result<Ordering, Vse> {
    let (left_inner, right_inner) = match (&left.value, &right.value) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => return Ok(left.is_some().cmp(&right.is_some())),
    };
    Ok(match (left_inner, right_inner) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Double(left), Value::Double(right)) => order_doubles(*left, *right),
        (Value::Str(left), Value::Str(right)) => order_texts(left, right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::WfRunId(left), Value::WfRunId(right)) => {
            order_texts(&text::run_id_text(left), &text::run_id_text(right))
        }
        (Value::UtcTimestamp(left), Value::UtcTimestamp(right)) => instant(left).cmp(&instant(right)),
        _ => return Err(incomparable(left, right)),
    })
}

/// By UTF-16 code unit.
pub fn order_texts(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// `-0.0 < 0.0`; NaN equals itself and is greatest.
fn order_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).filter(|order| order.is_ne()).unwrap_or_else(|| match (left.is_nan(), right.is_nan()) {
        (false, false) => right.is_sign_negative().cmp(&left.is_sign_negative()),
        (left, right) => left.cmp(&right),
    })
}

/// Nanoseconds since the epoch, also of a timestamp whose nanoseconds are out of range.
fn instant(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// Whether the collection contains the element (CMP-2).
///
/// # Errors
/// A collection that is none, or NULL in a `STR`.
pub fn contains(collection: &VariableValue, element: &VariableValue) -> Result<bool, Vse> {
    match &collection.value {
        Some(Value::Str(text)) => Ok(text.contains(&convert::to_text(element)?)),
        Some(Value::JsonArr(_)) => {
            let wanted = json::from_value(element)?;
            let parsed = json::of_json_value(collection)?;
            let items = parsed.as_ref().and_then(Json::as_array).into_iter().flatten();
            Ok(items.into_iter().any(|item| covers(item, &wanted)))
        }
        Some(Value::JsonObj(_)) => {
            let key = convert::to_text(element)?;
            let parsed = json::of_json_value(collection)?;
            Ok(parsed.as_ref().and_then(Json::as_object).is_some_and(|object| object.contains_key(&key)))
        }
        Some(Value::Array(array)) => Ok(array.items.iter().any(|item| exactly_equal(item, element))),
        Some(Value::Map(map)) => {
            Ok(map.entries.iter().any(|entry| exactly_equal(entry.key.as_ref().unwrap_or(&NULL), element)))
        }
        _ => Err(Vse::new(format!("Cannot search in a {}", types::value_name(collection)))),
    }
}

/// Whether the item equals what is wanted, numbers compared numerically; an object may have more members than wanted.
fn covers(item: &Json, wanted: &Json) -> bool {
    match (item, wanted) {
        (Json::Number(item), Json::Number(wanted)) => same_number(item, wanted),
        (Json::Object(item), Json::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| item.get(key).is_some_and(|item| covers(item, wanted)))
        }
        (Json::Array(item), Json::Array(wanted)) => {
            item.len() == wanted.len() && item.iter().zip(wanted).all(|(item, wanted)| covers(item, wanted))
        }
        _ => item == wanted,
    }
}

/// Numeric equality of JSON numbers: `1` is `1.0`.
pub fn same_number(left: &serde_json::Number, right: &serde_json::Number) -> bool {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left == right,
        _ => left.as_f64() == right.as_f64(),
    }
}

/// Same case and equal content, recursively; no equality across number types (VAL-5).
pub fn exactly_equal(left: &VariableValue, right: &VariableValue) -> bool {
    match (&left.value, &right.value) {
        (Some(Value::Double(left)), Some(Value::Double(right))) => order_doubles(*left, *right).is_eq(),
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            left.element_type == right.element_type
                && left.items.len() == right.items.len()
                && left.items.iter().zip(&right.items).all(|(left, right)| exactly_equal(left, right))
        }
        (Some(Value::Map(left)), Some(Value::Map(right))) => {
            left.map_type == right.map_type
                && left.entries.len() == right.entries.len()
                && left.entries.iter().zip(&right.entries).all(|(left, right)| {
                    equal_or_absent(left.key.as_ref(), right.key.as_ref())
                        && equal_or_absent(left.value.as_ref(), right.value.as_ref())
                })
        }
        (Some(Value::Struct(left)), Some(Value::Struct(right))) => equal_structs(left, right),
        (left, right) => left == right,
    }
}

fn equal_or_absent(left: Option<&VariableValue>, right: Option<&VariableValue>) -> bool {
    exactly_equal(left.unwrap_or(&NULL), right.unwrap_or(&NULL))
}

fn equal_structs(left: &pb::Struct, right: &pb::Struct) -> bool {
    let fields_of_left = left.r#struct.iter().flat_map(|inline| &inline.fields);
    let fields_of_right = right.r#struct.iter().flat_map(|inline| &inline.fields);
    left.struct_def_id == right.struct_def_id
        && fields_of_left.clone().count() == fields_of_right.clone().count()
        && fields_of_left.zip(fields_of_right).all(|((left_name, left), (right_name, right))| {
            left_name == right_name
                && left.masked == right.masked
                && equal_or_absent(left.value.as_ref(), right.value.as_ref())
        })
}
