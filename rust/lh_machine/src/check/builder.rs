//! Struct and map builders against the types they build (X-17, ASG-9, NEW-4, K-3).

use pb::inline_struct_field_value::StructValue;
use pb::type_definition::DefinedType;

use super::view::ThreadView;
use super::{Reason, assign, static_type};
use crate::{pb, value};

/// Checks a struct builder against the declared type that it is assigned to.
pub(super) fn require_struct(
    view: &ThreadView<'_>,
    builder: &pb::StructBuilder,
    target: &pb::TypeDefinition,
) -> Result<(), Reason> {
    let id = builder.struct_def_id.as_ref().ok_or("struct builder is missing its StructDef")?;
    let built = value::types::structure(id.clone());
    match &target.defined_type {
        Some(DefinedType::StructDefId(declared)) if declared.name == id.name => {
            require_schema(view, builder, &schema_of(view, declared)?, &declared.name)
        }
        Some(DefinedType::InlineStructDef(schema)) => require_schema(view, builder, schema, "(inline)"),
        _ => assign::require_type(Some(&built), target),
    }
}

/// Checks a struct builder against its own StructDef.
pub(super) fn require_buildable(view: &ThreadView<'_>, builder: &pb::StructBuilder) -> Result<(), Reason> {
    let id = builder.struct_def_id.as_ref().ok_or("struct builder is missing its StructDef")?;
    require_schema(view, builder, &schema_of(view, id)?, &id.name)
}

/// Checks a map builder against the declared type that it is assigned to.
pub(super) fn require_map(
    view: &ThreadView<'_>,
    builder: &pb::MapBuilder,
    target: &pb::TypeDefinition,
) -> Result<(), Reason> {
    if builder.map_type.is_none()
        && let Some(DefinedType::InlineMapDef(declared)) = &target.defined_type
    {
        return require_entries(view, builder, declared);
    }
    assign::require_type(Some(&map_type(view, builder)?), target)
}

/// The type of what a map builder builds: the one it names, else a map of unknown (NEW-4).
pub(super) fn map_type(view: &ThreadView<'_>, builder: &pb::MapBuilder) -> Result<pb::TypeDefinition, Reason> {
    let declared = builder.map_type.clone().unwrap_or_default();
    require_entries(view, builder, &declared)?;
    Ok(pb::TypeDefinition { defined_type: Some(DefinedType::InlineMapDef(Box::new(declared))), masked: false })
}

/// Evaluates each part once: twice per level would take for ever on nested builders.
fn require_entries(view: &ThreadView<'_>, builder: &pb::MapBuilder, declared: &pb::InlineMapDef) -> Result<(), Reason> {
    for entry in &builder.entries {
        let key = entry.key.as_ref().ok_or("map builder is missing source")?;
        match &declared.key_type {
            Some(key_type) => assign::require(view, key, key_type)?,
            None => require_scalar(static_type::of(view, key)?)?,
        }
        let content = entry.value.as_ref().ok_or("map builder is missing source")?;
        match &declared.value_type {
            Some(value_type) => assign::require(view, content, value_type)?,
            None => static_type::of(view, content).map(drop)?,
        }
    }
    Ok(())
}

fn require_scalar(key: static_type::Static) -> Result<(), Reason> {
    match key.filter(|key| !value::types::is_scalar(key)) {
        Some(key) => {
            let name = value::types::name(&key);
            Err(format!("invalid Map key type {name}: Map key type must be a primitive"))
        }
        None => Ok(()),
    }
}

fn schema_of(view: &ThreadView<'_>, id: &pb::StructDefId) -> Result<pb::InlineStructDef, Reason> {
    let found = view.definitions().struct_def(&id.name, Some(id.version));
    let found = found.ok_or_else(|| format!("Refers to non-existent StructDef {} version {}", id.name, id.version))?;
    Ok(found.struct_def.unwrap_or_default())
}

fn require_schema(
    view: &ThreadView<'_>,
    builder: &pb::StructBuilder,
    schema: &pb::InlineStructDef,
    struct_name: &str,
) -> Result<(), Reason> {
    let none = pb::InlineStructBuilder::default();
    require_fields(view, builder.value.as_ref().unwrap_or(&none), schema, struct_name)
}

fn require_fields(
    view: &ThreadView<'_>,
    builder: &pb::InlineStructBuilder,
    schema: &pb::InlineStructDef,
    struct_name: &str,
) -> Result<(), Reason> {
    let absent: Vec<&str> = schema
        .fields
        .iter()
        .filter(|(name, field)| value::types::is_required(field) && !builder.fields.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    if !absent.is_empty() {
        return Err(format!("Missing required field(s) for StructDef {struct_name}: [{}]", absent.join(", ")));
    }
    for (name, given) in &builder.fields {
        let Some(field) = schema.fields.get(name) else {
            return Err(format!("StructDef {struct_name} does not contain field '{name}'"));
        };
        let declared = field.field_type.clone().unwrap_or_default();
        require_field(view, given, &declared, name).map_err(|reason| format!("Field {name} invalid: {reason}"))?;
    }
    Ok(())
}

fn require_field(
    view: &ThreadView<'_>,
    given: &pb::InlineStructFieldValue,
    declared: &pb::TypeDefinition,
    name: &str,
) -> Result<(), Reason> {
    match (&given.struct_value, &declared.defined_type) {
        (None, _) => Err(format!("field {name} is missing a value")),
        (Some(StructValue::SimpleValue(assignment)), _) => assign::require(view, assignment, declared),
        (Some(StructValue::SubStructure(inner)), Some(DefinedType::StructDefId(id))) => {
            require_fields(view, inner, &schema_of(view, id)?, &id.name)
        }
        (Some(StructValue::SubStructure(inner)), Some(DefinedType::InlineStructDef(schema))) => {
            require_fields(view, inner, schema, name)
        }
        (Some(StructValue::SubStructure(_)), _) => {
            Err(format!("a sub_structure was given, but the field is a {}", value::types::name(declared)))
        }
    }
}
