//! Masking of what clients read (section 13).

use crate::pb::{VariableValue, variable_value::Value};

use super::of;

/// The text that a client sees instead of a masked one (MSK-1).
pub const MASK: &str = "*****";

/// What a client sees instead of a masked value (MSK-1).
pub fn mask_value() -> VariableValue {
    of(Value::Str(MASK.to_owned()))
}

/// Replaces the value of every masked struct field, also inside arrays, maps and other structs (MSK-2, MSK-3).
pub fn mask_structs(value: &mut VariableValue) {
    match &mut value.value {
        Some(Value::Struct(structure)) => {
            for field in structure.r#struct.iter_mut().flat_map(|inline| inline.fields.values_mut()) {
                if field.masked {
                    field.value = Some(mask_value());
                } else if let Some(inner) = &mut field.value {
                    mask_structs(inner);
                }
            }
        }
        Some(Value::Array(array)) => array.items.iter_mut().for_each(mask_structs),
        Some(Value::Map(map)) => {
            for entry in &mut map.entries {
                entry.key.iter_mut().chain(&mut entry.value).for_each(mask_structs);
            }
        }
        _ => {}
    }
}
