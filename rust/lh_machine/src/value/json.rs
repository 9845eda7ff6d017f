//! JSON text: bounded parsing, the canonical form, and values from and to JSON (VAL-2 … VAL-4).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::pb::{self, VariableValue, variable_value::Value};

use super::{NULL, Vse, bounds, of, text};

/// Deepest nesting of objects and arrays. Bounded before any recursive code looks at the text.
pub const JSON_DEPTH_MAX: usize = 64;

/// What a JSON text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `JSON_OBJ`.
    Object,
    /// `JSON_ARR`.
    Array,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "JSON_OBJ",
            Self::Array => "JSON_ARR",
        }
    }
}

/// Parses the text of a `JSON_OBJ` or `JSON_ARR`; an empty text and `null` are NULL = `None` (VAL-3).
///
/// # Errors
/// Malformed, of the other shape, duplicate keys at the top, a number beyond double, or nested deeper than
/// [`JSON_DEPTH_MAX`] (VAL-4).
pub fn parse(text: &str, shape: Shape) -> Result<Option<Json>, Vse> {
    let blank = text.trim_matches([' ', '\t', '\n', '\r']);
    if blank.is_empty() || blank == "null" {
        return Ok(None);
    }
    let json = parse_any(text).map_err(|error| error.at(format!("malformed {}", shape.name())))?;
    match (&json, shape) {
        (Json::Object(_), Shape::Object) | (Json::Array(_), Shape::Array) => Ok(Some(json)),
        _ => Err(Vse::new(format!("malformed {}: the text is not of that kind", shape.name()))),
    }
}

/// Parses any JSON text.
///
/// # Errors
/// As [`parse`], except for the shape.
pub fn parse_any(text: &str) -> Result<Json, Vse> {
    check_depth(text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let json = Node { top: true }.deserialize(&mut deserializer).map_err(|error| Vse::new(error.to_string()))?;
    deserializer.end().map_err(|error| Vse::new(error.to_string()))?;
    Ok(json)
}

/// The canonical text of a `JSON_OBJ` or `JSON_ARR`; `None` = NULL (VAL-2, VAL-3).
///
/// # Errors
/// As [`parse`].
pub fn canonical(text: &str, shape: Shape) -> Result<Option<String>, Vse> {
    Ok(parse(text, shape)?.map(|json| json.to_string()))
}

/// The text of a JSON value that was computed.
///
/// # Errors
/// `RESOURCE_EXHAUSTED` if it is too large, a plain failure if it is nested too deep.
pub fn write(json: &Json) -> Result<String, Vse> {
    let text = json.to_string();
    bounds::check_bytes(text.len())?;
    check_depth(&text)?;
    Ok(text)
}

/// Counts brackets outside of strings, without recursion.
pub(super) fn check_depth(text: &str) -> Result<(), Vse> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(Vse::new(format!("JSON is nested deeper than {JSON_DEPTH_MAX} levels")));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Reads one JSON node: integers beyond int64 become doubles (VAL-2); duplicate keys are malformed at the top, else the
/// last one wins (VAL-3).
struct Node {
    top: bool,
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or_else(|_| Json::from(value as f64), Json::from))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Node { top: false })? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Node { top: false })?;
            if self.top && object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key '{}'", text::excerpt(&key))));
            }
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

/// The value that a JSON node stands for (PTH-2); JSON null is NULL.
///
/// # Errors
/// As [`write`], for objects and arrays.
pub fn to_value(json: &Json) -> Result<VariableValue, Vse> {
    Ok(match json {
        Json::Null => NULL,
        Json::Bool(value) => of(Value::Bool(*value)),
        Json::Number(number) => of(number_value(number)),
        Json::String(text) => of(Value::Str(text.clone())),
        Json::Object(_) => of(Value::JsonObj(write(json)?)),
        Json::Array(_) => of(Value::JsonArr(write(json)?)),
    })
}

fn number_value(number: &Number) -> Value {
    match number.as_i64() {
        Some(integer) => Value::Int(integer),
        None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The JSON form of a value (MUT-6): Base64 for bytes, the text form for ids, ISO-8601 for times, the fields of a
/// Struct, the items of an Array, and the entries of a Map under the text of their keys.
///
/// # Errors
/// Malformed JSON inside, a double that JSON cannot hold, or a map key without a text form.
pub fn from_value(value: &VariableValue) -> Result<Json, Vse> {
    Ok(match &value.value {
        None => Json::Null,
        Some(Value::JsonObj(text)) => parse(text, Shape::Object)?.unwrap_or(Json::Null),
        Some(Value::JsonArr(text)) => parse(text, Shape::Array)?.unwrap_or(Json::Null),
        Some(Value::Double(number)) => Number::from_f64(*number)
            .map(Json::Number)
            .ok_or_else(|| Vse::new(format!("{} has no JSON form", text::double_text(*number))))?,
        Some(Value::Bool(value)) => Json::Bool(*value),
        Some(Value::Str(text)) => Json::String(text.clone()),
        Some(Value::Int(number)) => Json::from(*number),
        Some(Value::Bytes(bytes)) => Json::String(BASE64.encode(bytes)),
        Some(Value::WfRunId(id)) => Json::String(text::run_id_text(id)),
        Some(Value::UtcTimestamp(time)) => Json::String(text::timestamp_text(time)),
        Some(Value::Struct(structure)) => Json::Object(from_fields(structure)?),
        Some(Value::Array(array)) => Json::Array(array.items.iter().map(from_value).collect::<Result<_, _>>()?),
        Some(Value::Map(map)) => Json::Object(from_entries(map)?),
    })
}

fn from_fields(structure: &pb::Struct) -> Result<Map<String, Json>, Vse> {
    let fields = structure.r#struct.iter().flat_map(|inline| &inline.fields);
    fields.map(|(name, field)| Ok((name.clone(), from_value(field.value.as_ref().unwrap_or(&NULL))?))).collect()
}

fn from_entries(map: &pb::Map) -> Result<Map<String, Json>, Vse> {
    let entries = map.entries.iter().map(|entry| {
        let key = match &entry.key {
            Some(VariableValue { value: Some(_) }) => super::convert::to_text(entry.key.as_ref().unwrap_or(&NULL))?,
            _ => "null".to_owned(),
        };
        Ok((key, from_value(entry.value.as_ref().unwrap_or(&NULL))?))
    });
    entries.collect()
}

/// The parsed JSON of a `JSON_OBJ` or `JSON_ARR`; `Ok(None)` for every other value, NULL included.
///
/// # Errors
/// Malformed JSON.
pub fn of_json_value(value: &VariableValue) -> Result<Option<Json>, Vse> {
    match &value.value {
        Some(Value::JsonObj(text)) => parse(text, Shape::Object),
        Some(Value::JsonArr(text)) => parse(text, Shape::Array),
        _ => Ok(None),
    }
}
