//! Bounds on values, so that neither a loop that doubles a string nor one that nests structs can exhaust a server.

use prost::Message;

use crate::pb::{self, TypeDefinition, VariableValue, WfRunId, variable_value::Value};

use super::{
    Vse,
    types::{self, Kind},
};

/// Most bytes of one value, serialised (SIZ-1): no stored object may be larger.
pub const VALUE_BYTES_MAX: usize = 1_047_000;

/// Most protobuf messages within each other in one value. Decoders (ours and the clients') stop at 100, and records,
/// commands and responses wrap a value in up to 15 more.
pub const VALUE_MESSAGES_MAX: usize = 80;

/// Most ids in the chain of one `WfRunId` that is made from text.
pub const RUN_ID_PARTS_MAX: usize = 32;

/// Refuses to build a value of this many bytes before it is built.
///
/// # Errors
/// A failure whose message contains `RESOURCE_EXHAUSTED` (SIZ-2).
pub fn check_bytes(bytes: usize) -> Result<(), Vse> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(Vse::new(format!("RESOURCE_EXHAUSTED: a value of {bytes} bytes is larger than {VALUE_BYTES_MAX} bytes")))
}

/// Checks the size and the nesting of a finished value.
///
/// # Errors
/// `RESOURCE_EXHAUSTED` for the size, a plain failure for the nesting.
pub fn check_value(value: &VariableValue) -> Result<(), Vse> {
    check_messages(value)?;
    check_bytes(value.encoded_len())
}

/// Checks that clients can decode the value.
///
/// # Errors
/// A failure if more than [`VALUE_MESSAGES_MAX`] messages lie within each other.
pub fn check_messages(value: &VariableValue) -> Result<(), Vse> {
    if value_fits(value, VALUE_MESSAGES_MAX) {
        return Ok(());
    }
    Err(Vse::new(format!("the value is nested too deep (more than {VALUE_MESSAGES_MAX} messages)")))
}

/// Whether the value needs at most `room` messages; stops descending when there is no room left.
fn value_fits(value: &VariableValue, room: usize) -> bool {
    let Some(inner_room) = room.checked_sub(2) else { return false };
    match &value.value {
        Some(Value::Array(array)) => {
            array.element_type.as_ref().is_none_or(|def| type_fits(def, inner_room))
                && array.items.iter().all(|item| value_fits(item, inner_room))
        }
        Some(Value::Map(map)) => map_fits(map, inner_room),
        Some(Value::Struct(structure)) => {
            // Struct, InlineStruct, the map's entry and StructField lie around each field.
            let Some(field_room) = room.checked_sub(5) else { return false };
            structure
                .r#struct
                .iter()
                .flat_map(|inline| inline.fields.values())
                .all(|field| field.value.as_ref().is_none_or(|value| value_fits(value, field_room)))
        }
        Some(Value::WfRunId(id)) => run_id_fits(id, inner_room),
        _ => true,
    }
}

fn map_fits(map: &pb::Map, room: usize) -> bool {
    let Some(entry_room) = room.checked_sub(1) else { return false };
    let inner_types = map.map_type.iter().flat_map(|def| [&def.key_type, &def.value_type]).flatten();
    inner_types.into_iter().all(|def| type_fits(def, entry_room))
        && map
            .entries
            .iter()
            .all(|entry| [&entry.key, &entry.value].into_iter().flatten().all(|value| value_fits(value, entry_room)))
}

fn type_fits(def: &TypeDefinition, room: usize) -> bool {
    let Some(inner_room) = room.checked_sub(2) else { return false };
    match types::kind(def) {
        Kind::Primitive(_) | Kind::Struct(_) => true,
        Kind::Array(element) => element.is_none_or(|element| type_fits(element, inner_room)),
        Kind::Map(key, value) => [key, value].into_iter().flatten().all(|inner| type_fits(inner, inner_room)),
        Kind::InlineStruct(schema) => inner_room.checked_sub(2).is_some_and(|field_room| {
            schema.fields.values().filter_map(|field| field.field_type.as_ref()).all(|def| type_fits(def, field_room))
        }),
    }
}

fn run_id_fits(id: &WfRunId, room: usize) -> bool {
    let mut parts = 1;
    let mut parent = &id.parent_wf_run_id;
    while let Some(id) = parent {
        parts += 1;
        parent = &id.parent_wf_run_id;
    }
    parts <= room.min(RUN_ID_PARTS_MAX)
}
