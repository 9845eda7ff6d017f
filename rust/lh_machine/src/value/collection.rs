//! Run-time results of operations on texts, bytes, JSON, arrays and maps (MUT-15, MUT-16).

use std::collections::BTreeMap;

use prost::Message;
use serde_json::{Map as JsonMap, Value as Json};

use crate::pb::{
    self, TypeDefinition, VariableMutationType, VariableType, VariableValue, map::Entry, variable_value::Value,
};

use super::{
    NULL, StructDefs, Vse, bounds, compare,
    compute::{concatenate, unsupported},
    convert, ingress, json, of,
    types::{self, Kind},
};

/// `JSON_ARR` ADD: the value as one more element (MUT-15).
///
/// # Errors
/// NULL, Struct, Array and Map cannot be added.
pub fn append(left: &VariableValue, right: &VariableValue) -> Result<VariableValue, Vse> {
    if types::primitive_of_value(right).is_none() {
        return Err(unsupported(VariableMutationType::Add, left, right));
    }
    let mut items = json_items(left)?;
    items.push(json::from_value(right)?);
    written(Json::Array(items))
}

fn written(json: Json) -> Result<VariableValue, Vse> {
    let text = json::write(&json)?;
    Ok(of(if json.is_array() { Value::JsonArr(text) } else { Value::JsonObj(text) }))
}

fn json_items(value: &VariableValue) -> Result<Vec<Json>, Vse> {
    match json::of_json_value(value)? {
        Some(Json::Array(items)) => Ok(items),
        _ => Err(Vse::new(format!("{} is not a JSON_ARR", types::value_name(value)))),
    }
}

fn json_members(value: &VariableValue) -> Result<JsonMap<String, Json>, Vse> {
    match json::of_json_value(value)? {
        Some(Json::Object(members)) => Ok(members),
        _ => Err(Vse::new(format!("{} is not a JSON_OBJ", types::value_name(value)))),
    }
}

/// EXTEND (MUT-16).
///
/// # Errors
/// Operands that the table does not list, or a result that is too large.
pub fn extend(
    left: &VariableValue,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    let refused = || unsupported(VariableMutationType::Extend, left, right);
    match &left.value {
        Some(Value::Str(text)) => concatenate(text, right),
        Some(Value::Bytes(bytes)) => match convert::convert(right, VariableType::Bytes)?.value {
            Some(Value::Bytes(added)) => {
                bounds::check_bytes(bytes.len() + added.len())?;
                Ok(of(Value::Bytes([bytes.as_slice(), &added].concat())))
            }
            _ => Err(refused()),
        },
        Some(Value::JsonArr(_)) => {
            if !matches!(&right.value, Some(Value::JsonArr(_))) {
                return Err(refused());
            }
            let mut items = json_items(left)?;
            items.extend(json_items(right)?);
            written(Json::Array(items))
        }
        Some(Value::Array(array)) => extend_array(array, right, declared, defs),
        Some(Value::Map(map)) => match &right.value {
            Some(Value::Map(_)) => extend_map(map, right, declared, defs),
            _ => Err(refused()),
        },
        _ => Err(refused()),
    }
}

/// The element type: declared for the variable, else carried by the value.
fn element_type(array: &pb::Array, declared: Option<&TypeDefinition>) -> Option<TypeDefinition> {
    match declared.map(types::kind) {
        Some(Kind::Array(Some(element))) => Some(element.clone()),
        _ => types::of_elements(array),
    }
}

fn extend_array(
    array: &pb::Array,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    bounds::check_bytes(array.encoded_len() + right.encoded_len())?;
    let element = element_type(array, declared);
    let mut items = array.items.clone();
    match added_items(element.as_ref(), right, defs)? {
        Some(added) => items.extend(added),
        None => match &element {
            Some(_) if right.value.is_none() => return Err(Vse::new("Cannot extend an Array by NULL")),
            Some(element) => items.push(convert::convert_for_assign(right.clone(), element, defs)?),
            None => items.push(right.clone()),
        },
    }
    let extended = of(Value::Array(pb::Array { items, element_type: element.or_else(|| array.element_type.clone()) }));
    bounds::check_value(&extended)?;
    Ok(extended)
}

/// The items to concatenate if the right-hand side is an Array of the same type; `None` = it is one item itself.
fn added_items(
    element: Option<&TypeDefinition>,
    right: &VariableValue,
    defs: &dyn StructDefs,
) -> Result<Option<Vec<VariableValue>>, Vse> {
    let Some(Value::Array(added)) = &right.value else { return Ok(None) };
    let Some(element) = element else { return Ok(Some(added.items.clone())) };
    match types::of_elements(added) {
        None => Ok(Some(added.items.clone())),
        Some(given) if types::equal(element, &given) => Ok(Some(added.items.clone())),
        // An untyped literal whose items fit one by one, unless the elements are arrays themselves.
        Some(_) if added.element_type.is_none() && !matches!(types::kind(element), Kind::Array(_)) => {
            match ingress::accept(&types::array(Some(element.clone())), right.clone(), defs)?.value {
                Some(Value::Array(accepted)) => Ok(Some(accepted.items)),
                _ => Ok(None),
            }
        }
        Some(_) => Ok(None),
    }
}

/// Key and value type: declared for the variable, else carried by the value.
fn entry_types(map: &pb::Map, declared: Option<&TypeDefinition>) -> (Option<TypeDefinition>, Option<TypeDefinition>) {
    match declared.map(types::kind) {
        Some(Kind::Map(key, value)) => (key.cloned(), value.cloned()),
        _ => types::of_entries(map),
    }
}

/// Existing keys keep their place and take the new value, new ones are appended in order (MUT-16).
fn extend_map(
    map: &pb::Map,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    bounds::check_bytes(map.encoded_len() + right.encoded_len())?;
    let (key, value) = entry_types(map, declared);
    let map_type = types::map(key, value);
    let Some(Value::Map(added)) = convert::convert_for_assign(right.clone(), &map_type, defs)?.value else {
        return Err(Vse::new("Cannot extend a Map by something else"));
    };
    let mut entries = Entries::default();
    for entry in map.entries.iter().cloned().chain(added.entries) {
        entries.put(entry.key.unwrap_or(NULL), entry.value.unwrap_or(NULL));
    }
    let map_type = map.map_type.clone().or_else(|| match map_type.defined_type {
        Some(pb::type_definition::DefinedType::InlineMapDef(def)) if def.key_type.is_some() => Some(*def),
        _ => None,
    });
    let extended = of(Value::Map(pb::Map { entries: entries.list, map_type }));
    bounds::check_value(&extended)?;
    Ok(extended)
}

/// Map entries in order of their first appearance, found by their exact key (VAL-5).
#[derive(Default)]
pub(super) struct Entries {
    list: Vec<Entry>,
    by_key: BTreeMap<Vec<u8>, usize>,
}

impl Entries {
    /// Sets the value of a key; a new key goes to the end.
    pub(super) fn put(&mut self, key: VariableValue, value: VariableValue) {
        let position = *self.by_key.entry(key.encode_to_vec()).or_insert(self.list.len());
        match self.list.get_mut(position) {
            Some(entry) => entry.value = Some(value),
            None => self.list.push(Entry { key: Some(key), value: Some(value) }),
        }
    }

    /// The entries in order.
    pub(super) fn into_list(self) -> Vec<Entry> {
        self.list
    }
}

/// REMOVE_IF_PRESENT: all elements that equal the value (MUT-16).
///
/// # Errors
/// The left-hand side is neither a `JSON_ARR` nor an Array, or the value cannot be converted to the element type.
pub fn remove_if_present(
    left: &VariableValue,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    match &left.value {
        Some(Value::JsonArr(_)) => {
            let removed = json::from_value(right)?;
            let mut items = json_items(left)?;
            items.retain(|item| *item != removed);
            written(Json::Array(items))
        }
        Some(Value::Array(array)) => {
            let removed = match element_type(array, declared) {
                Some(element) => convert::convert_for_assign(right.clone(), &element, defs)?,
                None => right.clone(),
            };
            let mut array = array.clone();
            array.items.retain(|item| !compare::exactly_equal(item, &removed));
            Ok(of(Value::Array(array)))
        }
        _ => Err(unsupported(VariableMutationType::RemoveIfPresent, left, right)),
    }
}

/// REMOVE_INDEX (MUT-16).
///
/// # Errors
/// The left-hand side is neither a `JSON_ARR` nor an Array; an index that is no number, negative or out of range.
pub fn remove_index(left: &VariableValue, right: &VariableValue) -> Result<VariableValue, Vse> {
    let index = match &right.value {
        Some(Value::Int(index)) => *index,
        Some(Value::Double(index)) => convert::truncate(*index),
        Some(Value::Str(text)) => convert::int_of(text)?,
        _ => return Err(unsupported(VariableMutationType::RemoveIndex, left, right)),
    };
    let position = |length: usize| {
        let position = usize::try_from(index).ok().filter(|position| *position < length);
        position.ok_or_else(|| Vse::new(format!("index {index} is out of range: the array has {length} elements")))
    };
    match &left.value {
        Some(Value::JsonArr(_)) => {
            let mut items = json_items(left)?;
            items.remove(position(items.len())?);
            written(Json::Array(items))
        }
        Some(Value::Array(array)) => {
            let mut array = array.clone();
            array.items.remove(position(array.items.len())?);
            Ok(of(Value::Array(array)))
        }
        _ => Err(unsupported(VariableMutationType::RemoveIndex, left, right)),
    }
}

/// REMOVE_KEY (MUT-16); the value is converted to the key type of a Map first.
///
/// # Errors
/// The left-hand side is neither a `JSON_OBJ` nor a Map, or the key cannot be converted.
pub fn remove_key(
    left: &VariableValue,
    right: &VariableValue,
    declared: Option<&TypeDefinition>,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    match &left.value {
        Some(Value::JsonObj(_)) => {
            let mut members = json_members(left)?;
            // The plain `remove` would move the last member into the gap.
            members.shift_remove(&convert::to_text(right)?);
            written(Json::Object(members))
        }
        Some(Value::Map(map)) => {
            let removed = match entry_types(map, declared).0 {
                Some(key) => convert::convert_for_assign(right.clone(), &key, defs)?,
                None => right.clone(),
            };
            let mut map = map.clone();
            map.entries.retain(|entry| !compare::exactly_equal(entry.key.as_ref().unwrap_or(&NULL), &removed));
            Ok(of(Value::Map(map)))
        }
        _ => Err(unsupported(VariableMutationType::RemoveKey, left, right)),
    }
}
