//! Versions of a WfSpec: what is frozen, what breaks, what number comes next (section 11).

use std::collections::{BTreeMap, BTreeSet};

use pb::type_definition::DefinedType;
use prost::Message;

use super::thread::{self, Output};
use super::view::{SpecView, declarations};
use super::{Definitions, Reason};
use crate::{pb, value};

/// The frozen variables of `spec` as the successor of `latest` (V-6), by name.
///
/// # Errors
/// A variable that is frozen in `latest` is declared with another type.
pub(super) fn frozen(spec: &pb::WfSpec, latest: Option<&pb::WfSpec>) -> Result<Vec<pb::ThreadVarDef>, Reason> {
    let mut frozen: Vec<pb::ThreadVarDef> = public(spec).chain(required(spec)).cloned().collect();
    let mut types: BTreeMap<&str, Vec<pb::TypeDefinition>> = BTreeMap::new();
    for (_, variable) in spec.thread_specs.values().flat_map(declarations) {
        types.entry(&variable.name).or_default().push(value::types::var_def_type(variable));
    }
    let stored = latest.into_iter().flat_map(|latest| &latest.frozen_variables);
    for before in stored {
        let Some(variable) = &before.var_def else { continue };
        let wanted = value::types::var_def_type(variable);
        let Some(declared) = types.get(variable.name.as_str()) else {
            frozen.push(before.clone());
            continue;
        };
        if !declared.iter().any(|other| is_same_but_version(other, &wanted)) {
            let name = &variable.name;
            return Err(format!("frozen Variable {name} must be of type {}", value::types::name(&wanted)));
        }
    }
    frozen.sort_by_cached_key(|declaration| (name_of(declaration).to_owned(), declaration.encode_to_vec()));
    frozen.dedup_by(|one, other| super::same(one, other));
    Ok(frozen)
}

/// Whether programs and clients of `latest` may not work with `spec` (V-3, V-4).
pub(super) fn is_breaking(spec: &pb::WfSpec, latest: &pb::WfSpec, definitions: &dyn Definitions) -> bool {
    let encoded = |declaration: &pb::ThreadVarDef| declaration.encode_to_vec();
    let sets = |spec| -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
        (public(spec).map(encoded).collect(), required(spec).map(encoded).collect())
    };
    sets(spec) != sets(latest) || !output(spec, definitions).agrees_with(&output(latest, definitions))
}

/// The number of the version that follows `latest` (V-1).
pub(super) fn next(name: &str, latest: Option<&pb::WfSpec>, is_breaking: bool) -> pb::WfSpecId {
    let id = latest.map(|latest| latest.id.clone().unwrap_or_default());
    let (major_version, revision) = match id {
        None => (0, 0),
        Some(id) if is_breaking => (id.major_version + 1, 0),
        Some(id) => (id.major_version, id.revision + 1),
    };
    pb::WfSpecId { name: name.to_owned(), major_version, revision }
}

/// `PUBLIC_VAR`s of all threads.
fn public(spec: &pb::WfSpec) -> impl Iterator<Item = &pb::ThreadVarDef> {
    let all = spec.thread_specs.values().flat_map(|thread| &thread.variable_defs);
    all.filter(|declaration| declaration.access_level() == pb::WfRunVariableAccessLevel::PublicVar)
}

/// Required variables of the entrypoint thread.
fn required(spec: &pb::WfSpec) -> impl Iterator<Item = &pb::ThreadVarDef> {
    let entrypoint = spec.thread_specs.get(&spec.entrypoint_thread_name);
    entrypoint.into_iter().flat_map(|thread| &thread.variable_defs).filter(|declaration| declaration.required)
}

/// What the entrypoint thread returns; unknown if a definition that it used is gone by now.
fn output(spec: &pb::WfSpec, definitions: &dyn Definitions) -> Output {
    let Some(entrypoint) = spec.thread_specs.get(&spec.entrypoint_thread_name) else { return Output::Void };
    let view = SpecView::new(&spec.thread_specs, definitions);
    thread::output(&view.thread(&spec.entrypoint_thread_name, entrypoint)).unwrap_or(Output::Unknown)
}

fn name_of(declaration: &pb::ThreadVarDef) -> &str {
    declaration.var_def.as_ref().map_or("", |variable| variable.name.as_str())
}

/// Equality (T-6) that ignores StructDef versions: a re-put of a `-1` variable must not fail because its StructDef gained
/// a version; V-4 makes that a breaking change (V-6).
fn is_same_but_version(left: &pb::TypeDefinition, right: &pb::TypeDefinition) -> bool {
    value::types::equal(&without_versions(left.clone()), &without_versions(right.clone()))
}

fn without_versions(mut definition: pb::TypeDefinition) -> pb::TypeDefinition {
    match &mut definition.defined_type {
        Some(DefinedType::StructDefId(id)) => id.version = 0,
        Some(DefinedType::InlineArrayDef(array)) => clear_inner(&mut array.array_type),
        Some(DefinedType::InlineMapDef(map)) => {
            clear_inner(&mut map.key_type);
            clear_inner(&mut map.value_type);
        }
        Some(DefinedType::InlineStructDef(schema)) => {
            let fields: BTreeMap<_, _> = std::mem::take(&mut schema.fields);
            schema.fields = fields
                .into_iter()
                .map(|(name, field)| {
                    let field_type = field.field_type.map(without_versions);
                    (name, pb::StructFieldDef { field_type, ..field })
                })
                .collect();
        }
        Some(DefinedType::PrimitiveType(_)) | None => {}
    }
    definition
}

fn clear_inner(inner: &mut Option<Box<pb::TypeDefinition>>) {
    *inner = inner.take().map(|boxed| Box::new(without_versions(*boxed)));
}
