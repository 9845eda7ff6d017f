//! Conversions between types of values: text, casts, and what an assignment does (CST-3, CST-4, MUT-3, MUT-4).

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use crate::pb::{TypeDefinition, VariableType, VariableValue, WfRunId, variable_value::Value};

use super::{
    NULL, StructDefs, Vse, bounds, ingress,
    json::{self, Shape},
    of, text,
    types::{self, Kind},
};

/// The text of a primitive value (CST-4, MUT-3); JSON as compact JSON text, bytes as Base64, times as ISO-8601.
///
/// # Errors
/// NULL, Struct, Array and Map have no text; malformed JSON.
pub fn to_text(value: &VariableValue) -> Result<String, Vse> {
    Ok(match &value.value {
        Some(Value::Str(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Double(number)) => text::double_text(*number),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::WfRunId(id)) => text::run_id_text(id),
        Some(Value::UtcTimestamp(time)) => text::timestamp_text(time),
        Some(Value::Bytes(bytes)) => BASE64.encode(bytes),
        Some(Value::JsonObj(text)) => json_text(text, Shape::Object)?,
        Some(Value::JsonArr(text)) => json_text(text, Shape::Array)?,
        None | Some(Value::Struct(_) | Value::Array(_) | Value::Map(_)) => {
            return Err(Vse::new(format!("Cannot convert {} to STR", types::value_name(value))));
        }
    })
}

fn json_text(text: &str, shape: Shape) -> Result<String, Vse> {
    Ok(json::canonical(text, shape)?.unwrap_or_else(|| "null".to_owned()))
}

/// Casts with `target_type` (CST-2 … CST-4). NULL passes unchanged.
///
/// # Errors
/// A pair that is not castable, a text that cannot be parsed, or a target of another category.
pub fn cast_to(value: VariableValue, target: &TypeDefinition) -> Result<VariableValue, Vse> {
    match (&value.value, types::kind(target)) {
        (None, _)
        | (Some(Value::Array(_)), Kind::Array(_))
        | (Some(Value::Map(_)), Kind::Map(..))
        | (Some(Value::Struct(_)), Kind::InlineStruct(_)) => Ok(value),
        (Some(Value::Struct(structure)), Kind::Struct(wanted))
            if structure.struct_def_id.as_ref().is_some_and(|id| id.name == wanted.name) =>
        {
            Ok(value)
        }
        (_, Kind::Primitive(primitive)) => cast(value, primitive),
        _ => Err(not_castable(&value, &types::name(target))),
    }
}

/// Casts to a primitive type (CST-1, CST-2, CST-4). NULL passes unchanged.
///
/// # Errors
/// A pair that is not castable, or a text that cannot be parsed.
pub fn cast(value: VariableValue, target: VariableType) -> Result<VariableValue, Vse> {
    if value.value.is_none() {
        return Ok(value);
    }
    match types::primitive_of_value(&value) {
        Some(source) if source == target => Ok(value),
        Some(source) if types::castable(source, target) => convert(&value, target),
        _ => Err(not_castable(&value, target.as_str_name())),
    }
}

fn not_castable(value: &VariableValue, target: &str) -> Vse {
    let source = types::value_name(value);
    Vse::new(format!("Cannot cast from {source} to {target}. This conversion is not supported."))
}

/// Converts the right-hand side of an assignment to the declared type (MUT-3, MUT-4). NULL passes unchanged.
///
/// Structs are validated against the declared version and take its id; arrays and maps take the declared element types.
///
/// # Errors
/// Another category, no conversion, a text that cannot be parsed, or what [`ingress::accept`] refuses.
pub fn convert_for_assign(
    value: VariableValue,
    declared: &TypeDefinition,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    if value.value.is_none() {
        return Ok(NULL);
    }
    match types::kind(declared) {
        Kind::Primitive(target) => convert(&value, target),
        _ => {
            let fits = types::of_value(&value).is_some_and(|source| match (&value.value, types::kind(declared)) {
                // Items without a declared type are checked one by one below.
                (Some(Value::Array(array)), Kind::Array(_)) if array.element_type.is_none() => true,
                (Some(Value::Map(map)), Kind::Map(..)) if map.map_type.is_none() => true,
                _ => types::assignable(declared, &source),
            });
            if !fits {
                return Err(not_convertible(&value, declared));
            }
            ingress::accept(declared, value, defs)
        }
    }
}

fn not_convertible(value: &VariableValue, declared: &TypeDefinition) -> Vse {
    Vse::new(format!("Cannot convert {} to {}", types::value_name(value), types::name(declared)))
}

/// The conversions of an assignment between primitive types (MUT-3). `value` is not NULL.
///
/// # Errors
/// No conversion, or a text that cannot be parsed.
pub fn convert(value: &VariableValue, target: VariableType) -> Result<VariableValue, Vse> {
    let Some(inner) = &value.value else { return Ok(NULL) };
    if types::primitive_of_value(value) == Some(target) {
        // A literal may hold JSON that nobody has looked at yet (VAL-2, VAL-4).
        return ingress::canonical(value.clone());
    }
    let unsupported = || not_convertible(value, &types::primitive(target));
    if types::primitive_of_value(value).is_none() {
        return Err(unsupported());
    }
    Ok(of(match target {
        VariableType::Str => Value::Str(bounded(to_text(value)?)?),
        VariableType::Bytes => Value::Bytes(bounded(to_text(value)?)?.into_bytes()),
        VariableType::Int => Value::Int(match inner {
            Value::Double(number) => truncate(*number),
            Value::Str(text) => int_of(text)?,
            Value::UtcTimestamp(time) => time.seconds.wrapping_mul(1_000),
            _ => return Err(unsupported()),
        }),
        VariableType::Double => Value::Double(match inner {
            Value::Int(number) => *number as f64,
            Value::Str(text) => double_of(text)?,
            _ => return Err(unsupported()),
        }),
        VariableType::Bool => match inner {
            Value::Str(text) => Value::Bool(bool_of(text)?),
            _ => return Err(unsupported()),
        },
        VariableType::WfRunId => Value::WfRunId(match inner {
            Value::Str(text) => text::parse_run_id(text)?,
            Value::Int(_) | Value::Double(_) => WfRunId { id: to_text(value)?, parent_wf_run_id: None },
            _ => return Err(unsupported()),
        }),
        VariableType::JsonObj | VariableType::JsonArr | VariableType::Timestamp => return Err(unsupported()),
    }))
}

fn bounded(text: String) -> Result<String, Vse> {
    bounds::check_bytes(text.len())?;
    Ok(text)
}

/// Toward zero; NaN is 0; saturates at the bounds of int64 (CST-4). Rust's `as` does exactly that.
pub fn truncate(number: f64) -> i64 {
    number as i64
}

/// The integer of a text (CST-4).
///
/// # Errors
/// "Cannot parse '…' as INT".
pub fn int_of(text: &str) -> Result<i64, Vse> {
    text::parse_int(text).ok_or_else(|| unparsable(text, VariableType::Int))
}

/// The double of a text (CST-4).
///
/// # Errors
/// "Cannot parse '…' as DOUBLE".
pub fn double_of(text: &str) -> Result<f64, Vse> {
    text::parse_double(text).ok_or_else(|| unparsable(text, VariableType::Double))
}

/// The boolean of a text (CST-4).
///
/// # Errors
/// "Cannot parse '…' as BOOL".
pub fn bool_of(text: &str) -> Result<bool, Vse> {
    text::parse_bool(text).ok_or_else(|| unparsable(text, VariableType::Bool))
}

fn unparsable(text: &str, target: VariableType) -> Vse {
    Vse::new(format!("Cannot parse '{}' as {}", text::excerpt(text), target.as_str_name()))
}
