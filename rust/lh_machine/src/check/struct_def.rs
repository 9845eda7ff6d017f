//! PutStructDef and ValidateStructDefEvolution (02 section 8, 01 section 4.1).

use pb::type_definition::DefinedType;

use super::{Definitions, Reason, name, same, timestamp, types};
use crate::{Rejected, pb, value};

/// Checks a StructDef (SD-1..SD-6, STR-1..STR-6) and answers the object to return: the latest version if nothing
/// changed, else a new one created at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// `INVALID_ARGUMENT` for a bad name, schema or evolution.
pub fn put_struct_def(
    request: pb::PutStructDefRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<pb::StructDef, Rejected> {
    name::require("PutStructDefRequest", &request.name)?;
    let mut schema = request.struct_def.unwrap_or_default();
    require_valid(&mut schema, definitions)
        .map_err(|reason| Rejected::invalid(format!("StructDef validation failed: {reason}")))?;
    let latest = definitions.struct_def(&request.name, None);
    let version = latest.as_ref().map_or(0, |latest| version_of(latest) + 1);
    if let Some(latest) = latest {
        let stored = latest.struct_def.clone().unwrap_or_default();
        if same(&schema, &stored) {
            if request.description == latest.description {
                return Ok(latest);
            }
        } else {
            require_compatible(&stored, &schema, request.allowed_updates)?;
        }
    }
    Ok(pb::StructDef {
        id: Some(pb::StructDefId { name: request.name, version }),
        description: request.description,
        created_at: Some(timestamp(now_ms)),
        struct_def: Some(schema),
    })
}

/// Whether the StructDef may evolve to the new schema (SD-7, STR-7); an unknown StructDef may become anything.
///
/// # Errors
/// `INVALID_ARGUMENT` if the new schema itself is invalid.
pub fn validate_struct_def_evolution(
    request: pb::ValidateStructDefEvolutionRequest,
    definitions: &dyn Definitions,
) -> Result<bool, Rejected> {
    let mut schema = request.struct_def.unwrap_or_default();
    require_valid(&mut schema, definitions)
        .map_err(|reason| Rejected::invalid(format!("StructDef evolution request invalid: {reason}")))?;
    let id = request.struct_def_id.unwrap_or_default();
    let Some(stored) = definitions.struct_def(&id.name, (id.version != -1).then_some(id.version)) else {
        return Ok(true);
    };
    let stored = stored.struct_def.unwrap_or_default();
    let compatibility = compatibility_of(request.compatibility_type)?;
    Ok(violations(&stored, &schema, compatibility).is_empty())
}

/// Checks the fields of a schema and brings them into the form that is stored (SD-3..SD-5); types must be bounded.
pub(super) fn settle_schema(schema: &mut pb::InlineStructDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    for (field_name, field) in &mut schema.fields {
        require_field_name(field_name)?;
        settle_field(field, definitions).map_err(|reason| format!("Field {field_name} invalid: {reason}"))?;
    }
    Ok(())
}

fn require_valid(schema: &mut pb::InlineStructDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    for field in schema.fields.values() {
        field.field_type.as_ref().map_or(Ok(()), types::require_bounded)?;
    }
    settle_schema(schema, definitions)
}

fn require_field_name(field_name: &str) -> Result<(), Reason> {
    let because = |text: &str| Err(format!("Field name '{field_name}' is invalid: {text}"));
    let Some(first) = field_name.chars().next() else { return because("it cannot be empty") };
    if !first.is_ascii_alphabetic() {
        return because("first character must be a letter");
    }
    if first.is_ascii_uppercase() {
        return because("first letter must be lowercase");
    }
    if field_name.contains('_') {
        return because("cannot include underscores");
    }
    if !field_name.chars().all(|character| character.is_ascii_alphanumeric()) {
        return because("cannot include special characters");
    }
    Ok(())
}

fn settle_field(field: &mut pb::StructFieldDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    let field_type = field.field_type.get_or_insert_default();
    value::types::normalise(field_type);
    refuse_json(field_type)?;
    types::settle(field_type, definitions)?;
    let Some(default) = field.default_value.take() else { return Ok(()) };
    if default.value.is_none() && !field.is_nullable {
        return Err("null default value for a field that is not nullable".to_owned());
    }
    let accepted = types::accept_default(field_type, default, definitions)
        .map_err(|reason| format!("default value does not fit the field type: {reason}"))?;
    field.default_value = Some(accepted);
    Ok(())
}

/// JSON has no place in a schema, at any depth (SD-4).
fn refuse_json(definition: &pb::TypeDefinition) -> Result<(), Reason> {
    let mut pending = vec![definition];
    while let Some(current) = pending.pop() {
        match (&current.defined_type, value::types::primitive_of(current)) {
            (_, Some(json @ (pb::VariableType::JsonObj | pb::VariableType::JsonArr))) => {
                return Err(format!("Forbidden JSON type: {}", json.as_str_name()));
            }
            (Some(DefinedType::InlineArrayDef(array)), _) => pending.extend(array.array_type.as_deref()),
            (Some(DefinedType::InlineMapDef(map)), _) => {
                pending.extend(map.key_type.as_deref());
                pending.extend(map.value_type.as_deref());
            }
            _ => {}
        }
    }
    Ok(())
}

fn version_of(struct_def: &pb::StructDef) -> i32 {
    struct_def.id.as_ref().map_or(0, |id| id.version)
}

fn compatibility_of(number: i32) -> Result<pb::StructDefCompatibilityType, Rejected> {
    pb::StructDefCompatibilityType::try_from(number)
        .map_err(|_| Rejected::invalid(format!("Unknown StructDefCompatibilityType {number}")))
}

fn require_compatible(
    stored: &pb::InlineStructDef,
    schema: &pb::InlineStructDef,
    allowed_updates: i32,
) -> Result<(), Rejected> {
    let compatibility = compatibility_of(allowed_updates)?;
    let fields = violations(stored, schema, compatibility);
    if fields.is_empty() {
        return Ok(());
    }
    Err(Rejected::invalid(format!(
        "Incompatible StructDef evolution on field(s): [{}] using {} compatibility type",
        fields.join(", "),
        compatibility.as_str_name()
    )))
}

/// Names of the fields whose change is not allowed (SD-6, STR-6), in order.
fn violations<'a>(
    stored: &'a pb::InlineStructDef,
    schema: &'a pb::InlineStructDef,
    compatibility: pb::StructDefCompatibilityType,
) -> Vec<&'a str> {
    let violates = match compatibility {
        pb::StructDefCompatibilityType::NoSchemaUpdates => is_changed,
        pb::StructDefCompatibilityType::FullyCompatibleSchemaUpdates => is_incompatible,
    };
    let mut names: Vec<&str> = stored.fields.keys().chain(schema.fields.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| violates(stored.fields.get(*name), schema.fields.get(*name)));
    names
}

/// Whether anything but the description differs: a description is documentation (K-4, NEW-1).
fn is_changed(old: Option<&pb::StructFieldDef>, new: Option<&pb::StructFieldDef>) -> bool {
    let plain = |field: &pb::StructFieldDef| pb::StructFieldDef { description: None, ..field.clone() };
    match (old, new) {
        (Some(old), Some(new)) => !same(&plain(old), &plain(new)),
        (None, None) => false,
        _ => true,
    }
}

/// Whether an old reader or writer would trip over the change: optional fields may come and go, nothing may be retyped.
fn is_incompatible(old: Option<&pb::StructFieldDef>, new: Option<&pb::StructFieldDef>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            value::types::is_required(old) != value::types::is_required(new) || is_retyped(old, new)
        }
        (Some(only), None) | (None, Some(only)) => value::types::is_required(only),
        (None, None) => false,
    }
}

fn is_retyped(old: &pb::StructFieldDef, new: &pb::StructFieldDef) -> bool {
    match (&old.field_type, &new.field_type) {
        (Some(old), Some(new)) => !value::types::equal(old, new),
        (old, new) => old.is_some() != new.is_some(),
    }
}
