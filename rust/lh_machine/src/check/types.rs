//! Types in definitions: written out, pinned and checked before they are stored (02 section 3).

use std::collections::BTreeMap;

use pb::type_definition::DefinedType;

use super::{Definitions, Reason, literal, struct_def};
use crate::pb;
use crate::value::{self, StructDefs};

/// How deep expressions, types and values of a definition may be nested: far above any program, far below what would
/// exhaust the stack of a recursive evaluation.
pub const MAX_DEPTH: usize = 64;

/// The version that asks for the latest StructDef at registration (T-2).
const LATEST: i32 = -1;

/// Brings a type into the form that is stored: unset types written out (T-1), StructDefs pinned (T-2), map keys checked
/// (X-5, TYP-9).
pub(super) fn settle(definition: &mut pb::TypeDefinition, definitions: &dyn Definitions) -> Result<(), Reason> {
    require_bounded(definition)?;
    value::types::normalise(definition);
    pin(definition, definitions)
}

/// [`settle`] of a return type; an absent one is void (TYP-3) and stays so.
pub(super) fn settle_return_type(
    return_type: &mut pb::ReturnType,
    definitions: &dyn Definitions,
) -> Result<(), Reason> {
    return_type.return_type.as_mut().map_or(Ok(()), |inner| settle(inner, definitions))
}

/// Brings a variable definition into its stored form (T-1, TYP-4): only `type_def`, never the deprecated fields.
pub(super) fn settle_variable(
    variable: &mut pb::VariableDef,
    definitions: &dyn Definitions,
) -> Result<pb::TypeDefinition, Reason> {
    if let Some(declared) = &variable.type_def {
        require_bounded(declared)?;
    }
    let mut settled = value::types::var_def_type(variable);
    settle(&mut settled, definitions)?;
    variable.r#type = None;
    variable.masked_value = None;
    variable.type_def = Some(settled.clone());
    Ok(settled)
}

/// Replaces version -1 by the latest one; any other version must exist (T-2).
pub(super) fn pin_id(id: &mut pb::StructDefId, definitions: &dyn Definitions) -> Result<(), Reason> {
    let wanted = (id.version != LATEST).then_some(id.version);
    let Some(found) = definitions.struct_def(&id.name, wanted) else {
        return Err(format!("Refers to non-existent StructDef {}{}", id.name, version_text(wanted)));
    };
    id.version = found.id.map_or(id.version, |found| found.version);
    Ok(())
}

/// Sets the version of each -1 reference to the one that `stored` has at the same place under the same name (TD-3).
pub(super) fn adopt_pins(requested: &mut pb::TypeDefinition, stored: &pb::TypeDefinition) {
    match (&mut requested.defined_type, &stored.defined_type) {
        (Some(DefinedType::StructDefId(id)), Some(DefinedType::StructDefId(pinned)))
            if id.version == LATEST && id.name == pinned.name =>
        {
            id.version = pinned.version;
        }
        (Some(DefinedType::InlineArrayDef(array)), Some(DefinedType::InlineArrayDef(pinned))) => {
            adopt_inner(&mut array.array_type, &pinned.array_type);
        }
        (Some(DefinedType::InlineMapDef(map)), Some(DefinedType::InlineMapDef(pinned))) => {
            adopt_inner(&mut map.key_type, &pinned.key_type);
            adopt_inner(&mut map.value_type, &pinned.value_type);
        }
        (Some(DefinedType::InlineStructDef(schema)), Some(DefinedType::InlineStructDef(pinned))) => {
            for (name, field) in &mut schema.fields {
                if let Some(pinned) = pinned.fields.get(name)
                    && let (Some(inner), Some(pinned)) = (&mut field.field_type, &pinned.field_type)
                {
                    adopt_pins(inner, pinned);
                }
            }
        }
        _ => {}
    }
}

/// [`adopt_pins`] for return types; the requested one is written out first (T-1).
pub(super) fn adopt_return_pins(requested: &mut pb::ReturnType, stored: Option<&pb::ReturnType>) {
    if let Some(inner) = &mut requested.return_type {
        value::types::normalise(inner);
        if let Some(pinned) = stored.and_then(|stored| stored.return_type.as_ref()) {
            adopt_pins(inner, pinned);
        }
    }
}

fn adopt_inner(requested: &mut Option<Box<pb::TypeDefinition>>, stored: &Option<Box<pb::TypeDefinition>>) {
    if let (Some(requested), Some(stored)) = (requested, stored) {
        adopt_pins(requested, stored);
    }
}

/// Refuses types nested deeper than [`MAX_DEPTH`], without recursion.
pub(super) fn require_bounded(definition: &pb::TypeDefinition) -> Result<(), Reason> {
    let mut pending = vec![(definition, 0)];
    while let Some((current, depth)) = pending.pop() {
        if depth >= MAX_DEPTH {
            return Err(format!("Type is nested deeper than {MAX_DEPTH} levels"));
        }
        match &current.defined_type {
            Some(DefinedType::PrimitiveType(number)) if pb::VariableType::try_from(*number).is_err() => {
                return Err(format!("Unknown variable type {number}"));
            }
            Some(DefinedType::InlineArrayDef(array)) => {
                pending.extend(array.array_type.as_deref().map(|inner| (inner, depth + 1)));
            }
            Some(DefinedType::InlineMapDef(map)) => {
                pending.extend(map.key_type.as_deref().map(|inner| (inner, depth + 1)));
                pending.extend(map.value_type.as_deref().map(|inner| (inner, depth + 1)));
            }
            Some(DefinedType::InlineStructDef(schema)) => {
                let fields = schema.fields.values().filter_map(|field| field.field_type.as_ref());
                pending.extend(fields.map(|inner| (inner, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn pin(definition: &mut pb::TypeDefinition, definitions: &dyn Definitions) -> Result<(), Reason> {
    match &mut definition.defined_type {
        Some(DefinedType::StructDefId(id)) => pin_id(id, definitions),
        Some(DefinedType::InlineArrayDef(array)) => {
            array.array_type.as_deref_mut().map_or(Ok(()), |inner| pin(inner, definitions))
        }
        Some(DefinedType::InlineMapDef(map)) => pin_map(map, definitions),
        Some(DefinedType::InlineStructDef(schema)) => struct_def::settle_schema(schema, definitions),
        Some(DefinedType::PrimitiveType(_)) | None => Ok(()),
    }
}

/// [`settle`] of the types of a map.
pub(super) fn settle_map(map: &mut pb::InlineMapDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    for inner in [&mut map.key_type, &mut map.value_type].into_iter().flatten() {
        settle(inner, definitions)?;
    }
    pin_map(map, definitions)
}

fn pin_map(map: &mut pb::InlineMapDef, definitions: &dyn Definitions) -> Result<(), Reason> {
    let key = map.key_type.as_deref().ok_or("invalid Map key type: Map key type must be a primitive")?;
    if !value::types::is_scalar(key) {
        let name = value::types::name(key);
        return Err(format!("invalid Map key type {name}: Map key type must be a primitive"));
    }
    map.value_type.as_deref_mut().map_or(Ok(()), |inner| pin(inner, definitions))
}

fn version_text(version: Option<i32>) -> String {
    version.map_or_else(String::new, |number| format!(" version {number}"))
}

/// Validates a default value like a value that comes in from outside (TYP-10, ING-2, ING-3); answers what is stored.
pub(super) fn accept_default(
    declared: &pb::TypeDefinition,
    default: pb::VariableValue,
    definitions: &dyn Definitions,
) -> Result<pb::VariableValue, Reason> {
    literal::require_bounded(&default)?;
    let structs = LoadedStructs::reachable_from(declared, definitions);
    value::ingress::accept(declared, default, &structs).map_err(|failure| failure.message)
}

/// The StructDefs that values of some type are made of.
struct LoadedStructs(BTreeMap<(String, i32), pb::StructDef>);

impl LoadedStructs {
    fn reachable_from(definition: &pb::TypeDefinition, definitions: &dyn Definitions) -> Self {
        let mut loaded = BTreeMap::new();
        let mut pending = vec![definition.clone()];
        while let Some(current) = pending.pop() {
            match current.defined_type {
                Some(DefinedType::StructDefId(id)) => {
                    let key = (id.name, id.version);
                    if loaded.contains_key(&key) {
                        continue;
                    }
                    if let Some(found) = definitions.struct_def(&key.0, Some(key.1)) {
                        let fields = found.struct_def.iter().flat_map(|schema| schema.fields.values());
                        pending.extend(fields.filter_map(|field| field.field_type.clone()));
                        loaded.insert(key, found);
                    }
                }
                Some(DefinedType::InlineArrayDef(array)) => pending.extend(array.array_type.map(|inner| *inner)),
                Some(DefinedType::InlineMapDef(map)) => pending.extend(map.value_type.map(|inner| *inner)),
                Some(DefinedType::InlineStructDef(schema)) => {
                    pending.extend(schema.fields.into_values().filter_map(|field| field.field_type));
                }
                Some(DefinedType::PrimitiveType(_)) | None => {}
            }
        }
        Self(loaded)
    }
}

impl StructDefs for LoadedStructs {
    fn struct_def(&self, id: &pb::StructDefId) -> Option<&pb::StructDef> {
        self.0.get(&(id.name.clone(), id.version))
    }
}
