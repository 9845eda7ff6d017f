//! Types: reading `TypeDefinition`s, their equality and assignability, and the one table of primitive casts.

use std::fmt::Write;

use crate::pb::{
    self, InlineArrayDef, InlineMapDef, InlineStructDef, StructDefId, StructFieldDef, TypeDefinition, VariableType,
    type_definition::DefinedType, variable_value::Value,
};

/// A type definition with its case made explicit; an absent inner type is unknown.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// One of the primitive types; also a definition without a case (TYP-2).
    Primitive(VariableType),
    /// A reference to a StructDef.
    Struct(&'a StructDefId),
    /// An array of this element type.
    Array(Option<&'a TypeDefinition>),
    /// A map of these key and value types.
    Map(Option<&'a TypeDefinition>, Option<&'a TypeDefinition>),
    /// A struct schema without a name (NEW-5).
    InlineStruct(&'a InlineStructDef),
}

/// The case of a definition; no case, or a number that names no type, means `JSON_OBJ` (TYP-2).
pub fn kind(def: &TypeDefinition) -> Kind<'_> {
    match &def.defined_type {
        None => Kind::Primitive(VariableType::JsonObj),
        Some(DefinedType::PrimitiveType(number)) => {
            Kind::Primitive(VariableType::try_from(*number).unwrap_or(VariableType::JsonObj))
        }
        Some(DefinedType::StructDefId(id)) => Kind::Struct(id),
        Some(DefinedType::InlineArrayDef(array)) => Kind::Array(array.array_type.as_deref()),
        Some(DefinedType::InlineMapDef(map)) => Kind::Map(map.key_type.as_deref(), map.value_type.as_deref()),
        Some(DefinedType::InlineStructDef(schema)) => Kind::InlineStruct(schema),
    }
}

/// The primitive type of a definition, if it is one.
pub fn primitive_of(def: &TypeDefinition) -> Option<VariableType> {
    match kind(def) {
        Kind::Primitive(primitive) => Some(primitive),
        _ => None,
    }
}

/// An unmasked primitive type.
pub fn primitive(primitive: VariableType) -> TypeDefinition {
    TypeDefinition { masked: false, defined_type: Some(DefinedType::PrimitiveType(primitive as i32)) }
}

/// An unmasked reference to a StructDef.
pub fn structure(id: StructDefId) -> TypeDefinition {
    TypeDefinition { masked: false, defined_type: Some(DefinedType::StructDefId(id)) }
}

/// An unmasked array type; `None` = of unknown elements.
pub fn array(element: Option<TypeDefinition>) -> TypeDefinition {
    let array = InlineArrayDef { array_type: element.map(Box::new) };
    TypeDefinition { masked: false, defined_type: Some(DefinedType::InlineArrayDef(Box::new(array))) }
}

/// An unmasked map type; `None` = unknown.
pub fn map(key: Option<TypeDefinition>, value: Option<TypeDefinition>) -> TypeDefinition {
    let map = InlineMapDef { key_type: key.map(Box::new), value_type: value.map(Box::new) };
    TypeDefinition { masked: false, defined_type: Some(DefinedType::InlineMapDef(Box::new(map))) }
}

/// Writes `JSON_OBJ` into every present definition without a case, recursively (TYP-2).
pub fn normalise(def: &mut TypeDefinition) {
    match &mut def.defined_type {
        None => def.defined_type = Some(DefinedType::PrimitiveType(VariableType::JsonObj as i32)),
        Some(DefinedType::InlineArrayDef(array)) => {
            if let Some(element) = &mut array.array_type {
                normalise(element);
            }
        }
        Some(DefinedType::InlineMapDef(map)) => {
            for inner in [&mut map.key_type, &mut map.value_type].into_iter().flatten() {
                normalise(inner);
            }
        }
        Some(DefinedType::InlineStructDef(schema)) => normalise_schema(schema),
        Some(DefinedType::PrimitiveType(_) | DefinedType::StructDefId(_)) => {}
    }
}

/// [`normalise`] for every field of a schema; a field without a type is left without one.
pub fn normalise_schema(schema: &mut InlineStructDef) {
    for field in schema.fields.values_mut() {
        if let Some(field_type) = &mut field.field_type {
            normalise(field_type);
        }
    }
}

/// The type of a variable: the deprecated `type` wins over `type_def`; neither means `JSON_OBJ` (TYP-4).
pub fn var_def_type(def: &pb::VariableDef) -> TypeDefinition {
    let masked = def.masked_value.unwrap_or(false);
    if def.r#type.is_some() {
        return TypeDefinition { masked, ..primitive(def.r#type()) };
    }
    match &def.type_def {
        Some(type_def) => {
            let mut type_def = type_def.clone();
            normalise(&mut type_def);
            type_def
        }
        None => TypeDefinition { masked, ..primitive(VariableType::JsonObj) },
    }
}

/// The primitive type of a value; `None` for NULL, Struct, Array and Map.
pub fn primitive_of_value(value: &pb::VariableValue) -> Option<VariableType> {
    Some(match value.value.as_ref()? {
        Value::JsonObj(_) => VariableType::JsonObj,
        Value::JsonArr(_) => VariableType::JsonArr,
        Value::Double(_) => VariableType::Double,
        Value::Bool(_) => VariableType::Bool,
        Value::Str(_) => VariableType::Str,
        Value::Int(_) => VariableType::Int,
        Value::Bytes(_) => VariableType::Bytes,
        Value::WfRunId(_) => VariableType::WfRunId,
        Value::UtcTimestamp(_) => VariableType::Timestamp,
        Value::Struct(_) | Value::Array(_) | Value::Map(_) => return None,
    })
}

/// The type of a value (VAL-6); `None` for NULL.
pub fn of_value(value: &pb::VariableValue) -> Option<TypeDefinition> {
    match value.value.as_ref()? {
        Value::Struct(structure) => Some(of_struct(structure)),
        Value::Array(items) => Some(array(of_elements(items))),
        Value::Map(entries) => {
            let (key, value) = of_entries(entries);
            Some(map(key, value))
        }
        _ => primitive_of_value(value).map(primitive),
    }
}

/// The element type of an array value; `None` = unknown (VAL-6).
pub fn of_elements(array: &pb::Array) -> Option<TypeDefinition> {
    array.element_type.clone().or_else(|| array.items.first().and_then(of_value))
}

/// Key and value type of a map value; `None` = unknown (VAL-6).
pub fn of_entries(map: &pb::Map) -> (Option<TypeDefinition>, Option<TypeDefinition>) {
    if let Some(map_type) = &map.map_type {
        return (map_type.key_type.as_deref().cloned(), map_type.value_type.as_deref().cloned());
    }
    let Some(first) = map.entries.first() else { return (None, None) };
    (first.key.as_ref().and_then(of_value), first.value.as_ref().and_then(of_value))
}

fn of_struct(structure_value: &pb::Struct) -> TypeDefinition {
    if let Some(id) = &structure_value.struct_def_id {
        return structure(id.clone());
    }
    let fields = structure_value.r#struct.as_ref().map(|inline| {
        inline.fields.iter().map(|(name, field)| {
            let field_type = field.value.as_ref().and_then(of_value);
            (name.clone(), StructFieldDef { field_type, ..StructFieldDef::default() })
        })
    });
    let schema = InlineStructDef { fields: fields.into_iter().flatten().collect() };
    TypeDefinition { masked: false, defined_type: Some(DefinedType::InlineStructDef(schema)) }
}

/// Structural equality including `masked` at every level and the struct version (TYP-5).
pub fn equal(a: &TypeDefinition, b: &TypeDefinition) -> bool {
    a.masked == b.masked
        && match (kind(a), kind(b)) {
            (Kind::Primitive(a), Kind::Primitive(b)) => a == b,
            (Kind::Struct(a), Kind::Struct(b)) => a == b,
            (Kind::Array(a), Kind::Array(b)) => equal_inner(a, b),
            (Kind::Map(key_a, value_a), Kind::Map(key_b, value_b)) => {
                equal_inner(key_a, key_b) && equal_inner(value_a, value_b)
            }
            (Kind::InlineStruct(a), Kind::InlineStruct(b)) => {
                a.fields.len() == b.fields.len()
                    && a.fields.iter().zip(&b.fields).all(|((name_a, field_a), (name_b, field_b))| {
                        name_a == name_b && equal_fields(field_a, field_b)
                    })
            }
            _ => false,
        }
}

/// Whether two field definitions agree in type, default and nullability (descriptions do not count).
pub fn equal_fields(a: &StructFieldDef, b: &StructFieldDef) -> bool {
    a.is_nullable == b.is_nullable
        && a.default_value == b.default_value
        && equal_inner(a.field_type.as_ref(), b.field_type.as_ref())
}

fn equal_inner(a: Option<&TypeDefinition>, b: Option<&TypeDefinition>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => equal(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a value of type `source` may be stored where `target` is declared, without a cast (TYP-6).
pub fn assignable(target: &TypeDefinition, source: &TypeDefinition) -> bool {
    match (kind(target), kind(source)) {
        (Kind::Primitive(target), Kind::Primitive(source)) => implicit(source, target),
        (Kind::Struct(target), Kind::Struct(source)) => target.name == source.name,
        (Kind::Array(target), Kind::Array(source)) => assignable_inner(target, source),
        (Kind::Map(target_key, target_value), Kind::Map(source_key, source_value)) => {
            assignable_inner(target_key, source_key) && assignable_inner(target_value, source_value)
        }
        (Kind::InlineStruct(target), Kind::InlineStruct(source)) => assignable_schema(target, source),
        _ => false,
    }
}

/// Element types must be equal, unless one of them is unknown.
fn assignable_inner(target: Option<&TypeDefinition>, source: Option<&TypeDefinition>) -> bool {
    match (target, source) {
        (Some(target), Some(source)) => equal(target, source),
        _ => true,
    }
}

/// Structural assignability: every required field is there, every field that both know fits (NEW-5).
fn assignable_schema(target: &InlineStructDef, source: &InlineStructDef) -> bool {
    target.fields.iter().all(|(name, wanted)| match source.fields.get(name) {
        None => !is_required(wanted),
        Some(given) => match (&wanted.field_type, &given.field_type) {
            (Some(wanted), Some(given)) => assignable(wanted, given),
            _ => true,
        },
    })
}

/// Whether a value must have this field: no default and not nullable (STR-4).
pub fn is_required(field: &StructFieldDef) -> bool {
    field.default_value.is_none() && !field.is_nullable
}

/// Whether a primitive is taken for another without a cast (CST-1).
pub fn implicit(from: VariableType, to: VariableType) -> bool {
    use VariableType::{Bool, Bytes, Double, Int, Str, WfRunId};
    from == to || matches!((from, to), (Int, Double) | (Int | Double | Bool | Bytes | WfRunId, Str))
}

/// Whether a primitive can be cast with `target_type` (CST-1 and CST-2).
pub fn castable(from: VariableType, to: VariableType) -> bool {
    use VariableType::{Bool, Bytes, Double, Int, Str, WfRunId};
    implicit(from, to) || matches!((from, to), (Double, Int) | (Str, Int | Double | Bool | Bytes | WfRunId))
}

/// Whether a type is scalar (01 section 0): INT, DOUBLE, BOOL, STR, TIMESTAMP, WF_RUN_ID.
pub fn is_scalar(def: &TypeDefinition) -> bool {
    use VariableType::{Bool, Double, Int, Str, Timestamp, WfRunId};
    matches!(kind(def), Kind::Primitive(Int | Double | Bool | Str | Timestamp | WfRunId))
}

/// Whether a type is numeric: INT, DOUBLE.
pub fn is_numeric(def: &TypeDefinition) -> bool {
    matches!(kind(def), Kind::Primitive(VariableType::Int | VariableType::Double))
}

/// The name of a type in messages: `INT`, `Struct<car>`, `Array<STR>`, `Map<STR, INT>`.
pub fn name(def: &TypeDefinition) -> String {
    let mut text = String::new();
    write_name(def, &mut text);
    text
}

fn write_name(def: &TypeDefinition, text: &mut String) {
    match kind(def) {
        Kind::Primitive(primitive) => text.push_str(primitive.as_str_name()),
        Kind::Struct(id) => {
            // Writing into a String cannot fail.
            let _ = write!(text, "Struct<{}>", id.name);
        }
        Kind::Array(element) => {
            text.push_str("Array<");
            write_inner(element, text);
            text.push('>');
        }
        Kind::Map(key, value) => {
            text.push_str("Map<");
            write_inner(key, text);
            text.push_str(", ");
            write_inner(value, text);
            text.push('>');
        }
        Kind::InlineStruct(_) => text.push_str("Struct"),
    }
}

fn write_inner(def: Option<&TypeDefinition>, text: &mut String) {
    match def {
        Some(def) => write_name(def, text),
        None => text.push('?'),
    }
}

/// The name of the primitive type, `null` for every other type (CST-6).
pub fn primitive_name(def: &TypeDefinition) -> &'static str {
    primitive_of(def).map_or("null", |primitive| primitive.as_str_name())
}

/// The name of a value's type in messages; `NULL` for NULL.
pub fn value_name(value: &pb::VariableValue) -> String {
    of_value(value).map_or_else(|| "NULL".to_owned(), |def| name(&def))
}
