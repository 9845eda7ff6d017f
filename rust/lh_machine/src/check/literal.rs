//! Literals in expressions: brought into the form that is stored (VAL-2, VAL-4, ASG-10).

use pb::variable_value::Value;

use super::types::{self, MAX_DEPTH};
use super::{Definitions, Reason};
use crate::{pb, value};

/// Writes JSON text canonically, refusing what is malformed, and pins the StructDefs of struct values.
pub(super) fn settle(literal: &mut pb::VariableValue, definitions: &dyn Definitions) -> Result<(), Reason> {
    require_bounded(literal)?;
    let mut pending = vec![literal];
    while let Some(current) = pending.pop() {
        match &current.value {
            Some(Value::JsonObj(_)) => {
                *current = accept_json(pb::VariableType::JsonObj, std::mem::take(current), definitions)?;
            }
            Some(Value::JsonArr(_)) => {
                *current = accept_json(pb::VariableType::JsonArr, std::mem::take(current), definitions)?;
            }
            _ => {}
        }
        match &mut current.value {
            Some(Value::Struct(value)) => {
                if let Some(id) = &mut value.struct_def_id {
                    types::pin_id(id, definitions)?;
                }
                let fields = value.r#struct.iter_mut().flat_map(|inner| inner.fields.values_mut());
                pending.extend(fields.filter_map(|field| field.value.as_mut()));
            }
            Some(Value::Array(array)) => {
                if let Some(element) = &mut array.element_type {
                    types::settle(element, definitions)?;
                }
                pending.extend(array.items.iter_mut());
            }
            Some(Value::Map(map)) => {
                if let Some(map_type) = &mut map.map_type {
                    types::settle_map(map_type, definitions)?;
                }
                for entry in &mut map.entries {
                    pending.extend([&mut entry.key, &mut entry.value].into_iter().flatten());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses values nested deeper than [`MAX_DEPTH`], without recursion.
pub(super) fn require_bounded(value: &pb::VariableValue) -> Result<(), Reason> {
    let mut pending = vec![(value, 0)];
    while let Some((current, depth)) = pending.pop() {
        if depth >= MAX_DEPTH {
            return Err(format!("Value is nested deeper than {MAX_DEPTH} levels"));
        }
        match &current.value {
            Some(Value::Struct(value)) => {
                let fields = value.r#struct.iter().flat_map(|inner| inner.fields.values());
                pending.extend(fields.filter_map(|field| field.value.as_ref()).map(|inner| (inner, depth + 1)));
            }
            Some(Value::Array(array)) => {
                if let Some(element) = &array.element_type {
                    types::require_bounded(element)?;
                }
                pending.extend(array.items.iter().map(|inner| (inner, depth + 1)));
            }
            Some(Value::Map(map)) => {
                let inner = map.map_type.iter().flat_map(|types| [&types.key_type, &types.value_type]);
                for declared in inner.flatten() {
                    types::require_bounded(declared)?;
                }
                let parts = map.entries.iter().flat_map(|entry| [&entry.key, &entry.value]).flatten();
                pending.extend(parts.map(|inner| (inner, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn accept_json(
    kind: pb::VariableType,
    text: pb::VariableValue,
    definitions: &dyn Definitions,
) -> Result<pb::VariableValue, Reason> {
    types::accept_default(&value::types::primitive(kind), text, definitions)
}
