//! Struct and map builders (ASG-8 … ASG-10, NEW-4): validated while they are built.

use prost::Message;

use crate::pb::{
    self, InlineStructBuilder, InlineStructDef, StructDefId, TypeDefinition, VariableValue,
    inline_struct_field_value::StructValue, variable_value::Value,
};

use super::{
    NULL, Scope, Vse, bounds,
    collection::Entries,
    convert, ingress, of, resolve,
    types::{self, Kind},
};

/// The Struct of a builder, in the declared version where the target's is known, else in its own (ASG-8, ASG-10).
///
/// # Errors
/// A StructDef that is gone, a field without a value, a failing field, or what STR-10 … STR-12 refuse.
pub fn struct_of(
    builder: &pb::StructBuilder,
    declared: Option<&TypeDefinition>,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let own = builder.struct_def_id.as_ref().ok_or_else(|| Vse::new("the struct builder names no StructDef"))?;
    let id = match declared.map(types::kind) {
        Some(Kind::Struct(declared)) if declared.name == own.name => declared,
        _ => own,
    };
    let schema = schema_of(id, scope)?;
    let fields = builder.value.as_ref();
    let inline = fields_of(schema, fields.unwrap_or(&InlineStructBuilder::default()), scope)
        .map_err(|error| error.at(format!("Struct {}", id.name)))?;
    let built = of(Value::Struct(pb::Struct { struct_def_id: Some(id.clone()), r#struct: Some(inline) }));
    bounds::check_value(&built)?;
    Ok(built)
}

fn schema_of<'s>(id: &StructDefId, scope: &'s dyn Scope) -> Result<&'s InlineStructDef, Vse> {
    scope
        .struct_def(id)
        .and_then(|def| def.struct_def.as_ref())
        .ok_or_else(|| Vse::new(format!("Refers to non-existent StructDef {} version {}", id.name, id.version)))
}

fn fields_of(
    schema: &InlineStructDef,
    builder: &InlineStructBuilder,
    scope: &dyn Scope,
) -> Result<pb::InlineStruct, Vse> {
    let mut inline = pb::InlineStruct::default();
    let mut bytes = 0;
    for (name, given) in &builder.fields {
        let declared = schema.fields.get(name).and_then(|field| field.field_type.as_ref());
        let value = match &given.struct_value {
            Some(StructValue::SimpleValue(assignment)) => resolve::resolve_for(assignment, declared, scope),
            Some(StructValue::SubStructure(nested)) => sub_structure(declared, nested, scope),
            None => Err(Vse::new("is missing a value")),
        }
        .map_err(|error| error.at(format!("field {name}")))?;
        bytes += value.encoded_len() + name.len();
        bounds::check_bytes(bytes)?;
        inline.fields.insert(name.clone(), pb::StructField { value: Some(value), masked: false });
    }
    ingress::typed_fields(schema, inline, scope)
}

/// A nested structure takes the id that its field declares.
fn sub_structure(
    declared: Option<&TypeDefinition>,
    builder: &InlineStructBuilder,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let (id, schema) = match declared.map(types::kind) {
        Some(Kind::Struct(id)) => (Some(id.clone()), schema_of(id, scope)?),
        Some(Kind::InlineStruct(schema)) => (None, schema),
        _ => return Err(Vse::new("a sub-structure needs a field that is declared as a Struct")),
    };
    let inline = fields_of(schema, builder, scope)?;
    Ok(of(Value::Struct(pb::Struct { struct_def_id: id, r#struct: Some(inline) })))
}

/// The Map of a builder: entries in order, converted to the map type if there is one; of a key that comes twice the
/// last value wins at the first place (NEW-4).
///
/// # Errors
/// A failing entry, or one that cannot be converted.
pub fn map_of(builder: &pb::MapBuilder, scope: &dyn Scope) -> Result<VariableValue, Vse> {
    let key_type = builder.map_type.as_ref().and_then(|def| def.key_type.as_deref());
    let value_type = builder.map_type.as_ref().and_then(|def| def.value_type.as_deref());
    let mut entries = Entries::default();
    let mut bytes = 0;
    for (position, entry) in builder.entries.iter().enumerate() {
        let key = part(entry.key.as_ref(), key_type, scope).map_err(|error| error.at(format!("key {position}")))?;
        let value =
            part(entry.value.as_ref(), value_type, scope).map_err(|error| error.at(format!("value {position}")))?;
        bytes += key.encoded_len() + value.encoded_len();
        bounds::check_bytes(bytes)?;
        entries.put(key, value);
    }
    let mut map_type = builder.map_type.clone();
    for inner in map_type.iter_mut().flat_map(|def| [&mut def.key_type, &mut def.value_type]).flatten() {
        types::normalise(inner);
    }
    let built = of(Value::Map(pb::Map { entries: entries.into_list(), map_type }));
    bounds::check_value(&built)?;
    Ok(built)
}

fn part(
    assignment: Option<&pb::VariableAssignment>,
    declared: Option<&TypeDefinition>,
    scope: &dyn Scope,
) -> Result<VariableValue, Vse> {
    let Some(assignment) = assignment else { return Ok(NULL) };
    let value = resolve::resolve_for(assignment, declared, scope)?;
    match declared {
        Some(declared) => convert::convert_for_assign(value, declared, scope),
        None => Ok(value),
    }
}
