//! Values on their way in: pinned to the declared type, validated, JSON brought to its canonical form (section 3).
//!
//! Validation is recursive throughout, also where the peer stops (ING-2).

use crate::pb::{
    self, InlineStructDef, StructFieldDef, TypeDefinition, VariableType, VariableValue, type_definition::DefinedType,
    variable_value::Value,
};

use super::{
    NULL, StructDefs, Vse, bounds, convert,
    json::{self, Shape},
    of,
    types::{self, Kind},
};

/// Pins and validates a client's value (ING-1 … ING-4, STR-9 … STR-13, VAL-2, VAL-4); nothing is converted.
///
/// # Errors
/// What is wrong, with the place inside the value. Callers put the variable's name in front (ING-5).
pub fn accept(declared: &TypeDefinition, value: VariableValue, defs: &dyn StructDefs) -> Result<VariableValue, Vse> {
    bounds::check_messages(&value)?;
    let value = typed(declared, value, defs)?;
    bounds::check_messages(&value)?;
    Ok(value)
}

/// Accepts a task input and casts it to the declared primitive type (ING-6, 04/TW-9).
///
/// # Errors
/// A VSE whose message contains the name of the value's type.
pub fn task_input(
    declared: &TypeDefinition,
    value: VariableValue,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    let value = accept(declared, value, defs)?;
    match types::kind(declared) {
        Kind::Primitive(target) => convert::cast(value, target),
        _ => Ok(value),
    }
}

/// Accepts what a worker reports with `TASK_SUCCESS` (ING-7, 04/TW-46). Void, or no type at all, takes everything but
/// malformed JSON.
///
/// # Errors
/// The message of the attempt's `VAR_SUB_ERROR`.
pub fn task_output(
    return_type: Option<&pb::ReturnType>,
    value: VariableValue,
    defs: &dyn StructDefs,
) -> Result<VariableValue, String> {
    match &value.value {
        Some(Value::JsonObj(text)) => json::parse(text, Shape::Object).map(drop),
        Some(Value::JsonArr(text)) => json::parse(text, Shape::Array).map(drop),
        _ => Ok(()),
    }
    .map_err(|error| format!("Task output cannot be read: {error}"))?;
    match return_type.and_then(|return_type| return_type.return_type.as_ref()) {
        None => accept_untyped(value, defs).map_err(|error| format!("Task output cannot be read: {error}")),
        Some(declared) => accept(declared, value, defs)
            .map_err(|error| format!("Task output incompatible with declared return type: {error}")),
    }
}

/// Accepts a value for which no type is declared (ING-7c, ING-8): canonical JSON, `masked` flags from the StructDefs.
///
/// # Errors
/// Malformed JSON at any depth, or nested too deep.
pub fn accept_untyped(value: VariableValue, defs: &dyn StructDefs) -> Result<VariableValue, Vse> {
    bounds::check_messages(&value)?;
    untyped(value, defs)
}

fn typed(declared: &TypeDefinition, value: VariableValue, defs: &dyn StructDefs) -> Result<VariableValue, Vse> {
    let Some(inner) = value.value else { return Ok(NULL) };
    match (types::kind(declared), inner) {
        (Kind::Array(element), Value::Array(array)) => typed_array(element, array, defs),
        (Kind::Map(key, value), Value::Map(map)) => typed_map(key, value, map, defs),
        (Kind::Struct(id), Value::Struct(structure)) => typed_struct(id, structure, defs),
        (Kind::InlineStruct(schema), Value::Struct(structure)) => typed_inline_struct(schema, structure, defs),
        (Kind::Primitive(target), inner) => typed_primitive(target, of(inner)),
        (_, inner) => Err(mismatch(&types::name(declared), &of(inner))),
    }
}

fn mismatch(expected: &str, value: &VariableValue) -> Vse {
    Vse::new(format!("expected {expected} but got {}", types::value_name(value)))
}

fn typed_primitive(target: VariableType, value: VariableValue) -> Result<VariableValue, Vse> {
    match types::primitive_of_value(&value) {
        Some(source) if types::implicit(source, target) => canonical(value),
        _ => Err(mismatch(target.as_str_name(), &value)),
    }
}

/// JSON in its canonical form (VAL-2); every other value as it is.
///
/// # Errors
/// Malformed JSON (VAL-4).
pub(super) fn canonical(value: VariableValue) -> Result<VariableValue, Vse> {
    Ok(match value.value {
        Some(Value::JsonObj(text)) => {
            json::canonical(&text, Shape::Object)?.map_or(NULL, |text| of(Value::JsonObj(text)))
        }
        Some(Value::JsonArr(text)) => {
            json::canonical(&text, Shape::Array)?.map_or(NULL, |text| of(Value::JsonArr(text)))
        }
        inner => VariableValue { value: inner },
    })
}

/// The declared element type is written over whatever the client sent (ING-3).
fn typed_array(
    element: Option<&TypeDefinition>,
    array: pb::Array,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    let items = array
        .items
        .into_iter()
        .enumerate()
        .map(|(index, item)| optional(element, item, defs).map_err(|error| error.at(format!("item {index}"))));
    let items = items.collect::<Result<_, _>>()?;
    let element_type = element.map(normalised);
    Ok(of(Value::Array(pb::Array { items, element_type })))
}

/// The declared key and value types are written over whatever the client sent (ING-3).
fn typed_map(
    key_type: Option<&TypeDefinition>,
    value_type: Option<&TypeDefinition>,
    map: pb::Map,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    let entries = map.entries.into_iter().enumerate().map(|(index, entry)| {
        let key = optional(key_type, entry.key.unwrap_or(NULL), defs)
            .map_err(|error| error.at(format!("key of entry {index}")))?;
        let value = optional(value_type, entry.value.unwrap_or(NULL), defs)
            .map_err(|error| error.at(format!("value of entry {index}")))?;
        Ok(pb::map::Entry { key: Some(key), value: Some(value) })
    });
    let entries = entries.collect::<Result<_, Vse>>()?;
    let map_type = pb::InlineMapDef {
        key_type: key_type.map(normalised).map(Box::new),
        value_type: value_type.map(normalised).map(Box::new),
    };
    Ok(of(Value::Map(pb::Map { entries, map_type: Some(map_type) })))
}

fn normalised(def: &TypeDefinition) -> TypeDefinition {
    let mut def = def.clone();
    types::normalise(&mut def);
    def
}

fn optional(
    declared: Option<&TypeDefinition>,
    value: VariableValue,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    match declared {
        Some(declared) => typed(declared, value, defs),
        None => untyped(value, defs),
    }
}

/// The name must be the declared one, the version becomes the declared one (STR-9).
fn typed_struct(
    declared: &pb::StructDefId,
    structure: pb::Struct,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    if structure.struct_def_id.as_ref().is_none_or(|id| id.name != declared.name) {
        let given = structure.struct_def_id.map_or_else(String::new, |id| id.name);
        return Err(Vse::new(format!("expected Struct<{}> but got Struct<{given}>", declared.name)));
    }
    let schema = defs.struct_def(declared).and_then(|def| def.struct_def.as_ref()).ok_or_else(|| {
        Vse::new(format!("Refers to non-existent StructDef {} version {}", declared.name, declared.version))
    })?;
    let inline = typed_fields(schema, structure.r#struct.unwrap_or_default(), defs)?;
    Ok(of(Value::Struct(pb::Struct { struct_def_id: Some(declared.clone()), r#struct: Some(inline) })))
}

/// Values of an inline schema carry no id (NEW-5).
fn typed_inline_struct(
    schema: &InlineStructDef,
    structure: pb::Struct,
    defs: &dyn StructDefs,
) -> Result<VariableValue, Vse> {
    if let Some(id) = structure.struct_def_id {
        return Err(Vse::new(format!("expected an inline Struct but got Struct<{}>", id.name)));
    }
    let inline = typed_fields(schema, structure.r#struct.unwrap_or_default(), defs)?;
    Ok(of(Value::Struct(pb::Struct { struct_def_id: None, r#struct: Some(inline) })))
}

/// Fields against their schema (STR-10 … STR-13); fields that the schema does not know are kept.
pub(super) fn typed_fields(
    schema: &InlineStructDef,
    inline: pb::InlineStruct,
    defs: &dyn StructDefs,
) -> Result<pb::InlineStruct, Vse> {
    for (name, field) in &schema.fields {
        if types::is_required(field) && !inline.fields.contains_key(name) {
            return Err(Vse::new(format!("Missing required field {name}")));
        }
    }
    let fields = inline.fields.into_iter().map(|(name, field)| {
        let value = field.value.unwrap_or(NULL);
        let accepted = match schema.fields.get(&name) {
            Some(declared) => typed_field(declared, value, defs),
            None => untyped(value, defs).map(|value| pb::StructField { value: Some(value), masked: false }),
        };
        match accepted {
            Ok(field) => Ok((name, field)),
            Err(error) => Err(error.at(format!("field {name}"))),
        }
    });
    Ok(pb::InlineStruct { fields: fields.collect::<Result<_, _>>()? })
}

/// One declared field: nullability (STR-12), type (ING-2), and the `masked` flag from the declaration (STR-13).
pub(super) fn typed_field(
    declared: &StructFieldDef,
    value: VariableValue,
    defs: &dyn StructDefs,
) -> Result<pb::StructField, Vse> {
    let value = optional(declared.field_type.as_ref(), value, defs)?;
    if value.value.is_none() && !declared.is_nullable {
        return Err(Vse::new("the field is not nullable"));
    }
    let masked = declared.field_type.as_ref().is_some_and(|def| def.masked);
    Ok(pb::StructField { value: Some(value), masked })
}

fn untyped(value: VariableValue, defs: &dyn StructDefs) -> Result<VariableValue, Vse> {
    Ok(match value.value {
        Some(Value::Array(mut array)) => {
            array.items = array.items.into_iter().map(|item| untyped(item, defs)).collect::<Result<_, _>>()?;
            of(Value::Array(array))
        }
        Some(Value::Map(mut map)) => {
            for entry in &mut map.entries {
                entry.key = entry.key.take().map(|key| untyped(key, defs)).transpose()?;
                entry.value = entry.value.take().map(|value| untyped(value, defs)).transpose()?;
            }
            of(Value::Map(map))
        }
        Some(Value::Struct(structure)) => of(Value::Struct(untyped_struct(structure, defs)?)),
        inner => canonical(VariableValue { value: inner })?,
    })
}

/// A struct that nothing was declared for: its own StructDef, if there is one, says which fields are masked (MSK-2).
fn untyped_struct(mut structure: pb::Struct, defs: &dyn StructDefs) -> Result<pb::Struct, Vse> {
    let schema =
        structure.struct_def_id.as_ref().and_then(|id| defs.struct_def(id)).and_then(|def| def.struct_def.as_ref());
    for (name, field) in structure.r#struct.iter_mut().flat_map(|inline| &mut inline.fields) {
        field.value = field.value.take().map(|value| untyped(value, defs)).transpose()?;
        let declared = schema.and_then(|schema| schema.fields.get(name)).and_then(|field| field.field_type.as_ref());
        field.masked = declared.is_some_and(|def| def.masked);
    }
    Ok(structure)
}

/// The schema that a struct type refers to; `None` for other types and for a StructDef that is gone.
pub(super) fn schema_of<'a>(def: &'a TypeDefinition, defs: &'a dyn StructDefs) -> Option<&'a InlineStructDef> {
    match &def.defined_type {
        Some(DefinedType::StructDefId(id)) => defs.struct_def(id)?.struct_def.as_ref(),
        Some(DefinedType::InlineStructDef(schema)) => Some(schema),
        _ => None,
    }
}
