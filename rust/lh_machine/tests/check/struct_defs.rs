//! PutStructDef and ValidateStructDefEvolution (02 section 8, 01 section 4.1).

use lh_machine::check;
use lh_machine::pb::StructDefCompatibilityType::{FullyCompatibleSchemaUpdates, NoSchemaUpdates};
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, StructDefCompatibilityType, VariableType};
use lh_machine::rejected::Code;
use lh_machine::value::types;

use super::fixtures::*;

type Field = (String, pb::StructFieldDef);

fn put<const N: usize>(fields: [Field; N], allowed: StructDefCompatibilityType) -> pb::PutStructDefRequest {
    pb::PutStructDefRequest {
        name: "order".to_owned(),
        description: None,
        struct_def: Some(pb::InlineStructDef { fields: fields.into_iter().collect() }),
        allowed_updates: allowed as i32,
    }
}

fn of_type(name: &str, field_type: pb::TypeDefinition) -> Field {
    (name.to_owned(), pb::StructFieldDef { field_type: Some(field_type), ..Default::default() })
}

fn defaulting(inner: Field, default: Option<Value>) -> Field {
    (inner.0, pb::StructFieldDef { default_value: Some(pb::VariableValue { value: default }), ..inner.1 })
}

#[track_caller]
fn refused(store: &mut Store, request: pb::PutStructDefRequest, texts: &[&str]) {
    assert_refusal(&store.put_struct_def(request).unwrap_err(), Code::InvalidArgument, texts);
}

fn version(store: &mut Store, request: pb::PutStructDefRequest) -> i32 {
    store.put_struct_def(request).unwrap().id.unwrap().version
}

/// 02/SD-3, 02/N-4, 01/STR-2: names of fields.
#[test]
fn field_names() {
    let mut store = Store::default();
    store
        .put_struct_def(put([field("a", VariableType::Str), field("aB9", VariableType::Int)], NoSchemaUpdates))
        .unwrap();
    for (name, text) in [
        ("1a", "first character must be a letter"),
        ("_a", "first character must be a letter"),
        ("A", "first letter must be lowercase"),
        ("A_b", "first letter must be lowercase"),
        ("a_b", "cannot include underscores"),
        ("a-b", "cannot include special characters"),
        ("aß", "cannot include special characters"),
        ("", "StructDef validation failed: "),
    ] {
        refused(
            &mut store,
            put([field(name, VariableType::Str)], NoSchemaUpdates),
            &["StructDef validation failed", text],
        );
    }
}

/// 02/SD-4, 01/STR-3: JSON has no place in a schema.
#[test]
fn json_is_forbidden() {
    let mut store = Store::default();
    let json = types::primitive(VariableType::JsonObj);
    for definition in [
        json.clone(),
        array_of(json.clone()),
        types::map(Some(types::primitive(VariableType::Str)), Some(json.clone())),
        types::map(Some(json.clone()), Some(types::primitive(VariableType::Str))),
        pb::TypeDefinition::default(),
    ] {
        let request = put([of_type("f", definition)], NoSchemaUpdates);
        refused(&mut store, request, &["StructDef validation failed", "Forbidden JSON type: JSON_OBJ"]);
    }
    let request = put([("f".to_owned(), pb::StructFieldDef::default())], NoSchemaUpdates);
    refused(&mut store, request, &["Forbidden JSON type: JSON_OBJ"]);
    let request = put([field("f", VariableType::JsonArr)], NoSchemaUpdates);
    refused(&mut store, request, &["Forbidden JSON type: JSON_ARR"]);
}

/// 02/SD-4, 02/T-2: references exist and are pinned; no reference to itself in the first version.
#[test]
fn references_are_pinned() {
    let mut store = Store::new();
    let request = put([of_type("cars", array_of(struct_type("car", -1)))], NoSchemaUpdates);
    let stored = store.put_struct_def(request).unwrap();
    assert_eq!(stored.struct_def.unwrap().fields["cars"].field_type, Some(array_of(struct_type("car", 0))));
    refused(
        &mut Store::new(),
        put([of_type("next", struct_type("order", -1))], NoSchemaUpdates),
        &["Refers to non-existent StructDef order"],
    );
    refused(
        &mut store,
        put([of_type("m", map_of(VariableType::Bytes, VariableType::Int))], FullyCompatibleSchemaUpdates),
        &["Map key type must be a primitive"],
    );
}

/// 02/SD-5, 01/STR-4: defaults fit their field.
#[test]
fn defaults() {
    let mut store = Store::default();
    let accepted = [
        defaulting(field("a", VariableType::Str), Some(Value::Str("x".to_owned()))),
        defaulting(field("b", VariableType::Double), Some(Value::Int(1))),
        defaulting(optional_field("c", VariableType::Int), None),
    ];
    store.put_struct_def(put(accepted, NoSchemaUpdates)).unwrap();
    let mismatch = defaulting(field("a", VariableType::Int), Some(Value::Str("x".to_owned())));
    refused(&mut Store::default(), put([mismatch], NoSchemaUpdates), &["StructDef validation failed", "default value"]);
    let null = defaulting(field("a", VariableType::Int), None);
    refused(&mut Store::default(), put([null], NoSchemaUpdates), &["null default value"]);
}

/// 02/SD-1, 02/SD-2, 01/STR-1, 01/STR-5: versions, idempotency, description.
#[test]
fn versions() {
    let mut store = Store::default();
    let empty = || put([], NoSchemaUpdates);
    let described = |text: &str| pb::PutStructDefRequest { description: Some(text.to_owned()), ..empty() };
    let first = store.put_struct_def(empty()).unwrap();
    assert_eq!(first.id, Some(pb::StructDefId { name: "order".to_owned(), version: 0 }));
    assert_eq!(first.description, None);
    let again = check::put_struct_def(empty(), &store, NOW_MS + 1_000).unwrap();
    assert_eq!(again, first);
    // Another description is another version under every update type; absent is not empty.
    assert_eq!(version(&mut store, described("")), 1);
    assert_eq!(version(&mut store, described("text")), 2);
    assert_eq!(version(&mut store, described("text")), 2);
    assert_eq!(version(&mut store, empty()), 3);
}

/// One row: schema before, schema after, the update type, the fields that violate it.
type Evolution = (Vec<Field>, Vec<Field>, StructDefCompatibilityType, &'static [&'static str]);

fn evolutions() -> Vec<Evolution> {
    use VariableType::{Int, Str};
    let int = || field("f", Int);
    let nullable = || optional_field("f", Int);
    let with_default = || defaulting(int(), Some(Value::Int(1)));
    let described = || {
        let (name, inner) = int();
        vec![(name, pb::StructFieldDef { description: Some("text".to_owned()), ..inner })]
    };
    vec![
        (vec![], vec![int()], NoSchemaUpdates, &["f"]),
        (vec![], vec![nullable()], NoSchemaUpdates, &["f"]),
        (vec![int()], vec![], NoSchemaUpdates, &["f"]),
        (vec![int()], vec![field("f", Str)], NoSchemaUpdates, &["f"]),
        (vec![int()], vec![with_default()], NoSchemaUpdates, &["f"]),
        (vec![int()], vec![nullable()], NoSchemaUpdates, &["f"]),
        (vec![int(), field("g", Int)], vec![nullable()], NoSchemaUpdates, &["f", "g"]),
        // A description is documentation (02/K-4, 01/NEW-1).
        (vec![int()], described(), NoSchemaUpdates, &[]),
        (vec![int()], described(), FullyCompatibleSchemaUpdates, &[]),
        (vec![int()], vec![], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![int()], vec![nullable()], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![int()], vec![with_default()], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![int()], vec![field("f", Str)], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![], vec![int()], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![nullable()], vec![int()], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![nullable()], vec![optional_field("f", Str)], FullyCompatibleSchemaUpdates, &["f"]),
        (vec![], vec![nullable()], FullyCompatibleSchemaUpdates, &[]),
        (vec![nullable()], vec![], FullyCompatibleSchemaUpdates, &[]),
        (vec![nullable()], vec![with_default()], FullyCompatibleSchemaUpdates, &[]),
        (vec![with_default()], vec![defaulting(int(), Some(Value::Int(2)))], FullyCompatibleSchemaUpdates, &[]),
    ]
}

fn schema(fields: &[Field]) -> pb::InlineStructDef {
    pb::InlineStructDef { fields: fields.iter().cloned().collect() }
}

/// 02/SD-6, 01/STR-6
#[test]
fn compatibility() {
    for (row, (before, after, allowed, violated)) in evolutions().into_iter().enumerate() {
        let mut store = Store::default();
        let request =
            |fields: &[Field]| pb::PutStructDefRequest { struct_def: Some(schema(fields)), ..put([], allowed) };
        store.put_struct_def(request(&before)).unwrap();
        let outcome = store.put_struct_def(request(&after));
        if violated.is_empty() {
            assert_eq!(outcome.unwrap().id.unwrap().version, 1, "row {row}");
            continue;
        }
        let expected = format!(
            "Incompatible StructDef evolution on field(s): [{}] using {} compatibility type",
            violated.join(", "),
            allowed.as_str_name()
        );
        let rejected = outcome.expect_err(&format!("row {row}"));
        assert_eq!((rejected.code, rejected.message), (Code::InvalidArgument, expected), "row {row}");
    }
}

/// 02/SD-7, 01/STR-7: the same rules, asked without storing.
#[test]
fn evolution_can_be_asked() {
    let ask = |store: &Store, name: &str, version: i32, fields: &[Field], kind: StructDefCompatibilityType| {
        let request = pb::ValidateStructDefEvolutionRequest {
            struct_def_id: Some(pb::StructDefId { name: name.to_owned(), version }),
            struct_def: Some(schema(fields)),
            compatibility_type: kind as i32,
        };
        check::validate_struct_def_evolution(request, store)
    };
    for (row, (before, after, kind, violated)) in evolutions().into_iter().enumerate() {
        let mut store = Store::default();
        let request = pb::PutStructDefRequest { struct_def: Some(schema(&before)), ..put([], kind) };
        store.put_struct_def(request).unwrap();
        assert_eq!(ask(&store, "order", -1, &after, kind), Ok(violated.is_empty()), "row {row}");
        assert_eq!(ask(&store, "order", 0, &before, kind), Ok(true), "row {row}");
    }
    let mut store = Store::default();
    store.put_struct_def(put([field("f", VariableType::Int)], NoSchemaUpdates)).unwrap();
    assert_eq!(ask(&store, "nowhere", -1, &[], NoSchemaUpdates), Ok(true));
    assert_eq!(ask(&store, "order", 7, &[], NoSchemaUpdates), Ok(true));
    let invalid = ask(&store, "order", -1, &[field("F", VariableType::Int)], NoSchemaUpdates).unwrap_err();
    assert_refusal(&invalid, Code::InvalidArgument, &["StructDef evolution request invalid: "]);
}
