//! PutTaskDef (02 section 4).

use lh_machine::pb::{self, VariableType};
use lh_machine::rejected::Code;
use lh_machine::value::types;

use super::fixtures::*;

fn request() -> pb::PutTaskDefRequest {
    pb::PutTaskDefRequest {
        name: "greet".to_owned(),
        input_vars: vec![variable_def("name", types::primitive(VariableType::Str))],
        return_type: None,
        description: None,
    }
}

fn taking(definition: pb::TypeDefinition) -> pb::PutTaskDefRequest {
    pb::PutTaskDefRequest { input_vars: vec![variable_def("x", definition)], ..request() }
}

/// 02/TD-1, 02/G-8: what is stored; names of inputs are not checked.
#[test]
fn stored_form() {
    let mut store = Store::default();
    let inputs = vec![
        variable_def("", types::primitive(VariableType::Int)),
        variable_def("", types::primitive(VariableType::Int)),
    ];
    let request = pb::PutTaskDefRequest { input_vars: inputs.clone(), description: Some(String::new()), ..request() };
    let stored = store.put_task_def(request).unwrap();
    assert_eq!(stored.id.unwrap().name, "greet");
    assert_eq!(stored.input_vars, inputs);
    assert_eq!(stored.return_type, Some(pb::ReturnType::default()));
    assert_eq!(stored.description.as_deref(), Some(""));
    assert_eq!(stored.created_at, Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_000_000 }));
}

/// 02/T-1, 01/TYP-2, 01/TYP-4: deprecated fields and unset types are written out.
#[test]
fn types_are_normalised() {
    let mut store = Store::default();
    let deprecated = pb::VariableDef {
        name: "x".to_owned(),
        r#type: Some(VariableType::Int as i32),
        masked_value: Some(true),
        type_def: Some(types::primitive(VariableType::Str)),
        default_value: None,
    };
    let request = pb::PutTaskDefRequest {
        input_vars: vec![deprecated, variable_def("y", pb::TypeDefinition::default())],
        return_type: Some(return_type(pb::TypeDefinition::default())),
        ..request()
    };
    let stored = store.put_task_def(request).unwrap();
    let masked_int = pb::TypeDefinition { masked: true, ..types::primitive(VariableType::Int) };
    assert_eq!(stored.input_vars[0], variable_def("x", masked_int));
    assert_eq!(stored.input_vars[1], variable_def("y", types::primitive(VariableType::JsonObj)));
    assert_eq!(stored.return_type, Some(return_type(types::primitive(VariableType::JsonObj))));
}

/// 02/T-2, 01/TYP-7: -1 is pinned everywhere, other versions must exist.
#[test]
fn struct_defs_are_pinned() {
    let mut store = Store::new();
    store.structure("car", [field("model", VariableType::Str)]);
    let nested = types::map(Some(types::primitive(VariableType::Str)), Some(array_of(struct_type("car", -1))));
    let stored = store.put_task_def(taking(nested)).unwrap();
    let pinned = types::map(Some(types::primitive(VariableType::Str)), Some(array_of(struct_type("car", 1))));
    assert_eq!(stored.input_vars[0], variable_def("x", pinned));
    store.task_defs.clear();
    let kept = store.put_task_def(taking(struct_type("car", 0))).unwrap();
    assert_eq!(kept.input_vars[0], variable_def("x", struct_type("car", 0)));
    for missing in [struct_type("car", 2), struct_type("boat", -1), array_of(struct_type("boat", 0))] {
        let refused = store.put_task_def(taking(missing)).unwrap_err();
        assert_refusal(&refused, Code::InvalidArgument, &["Refers to non-existent StructDef"]);
    }
    let returning = pb::PutTaskDefRequest { return_type: Some(return_type(struct_type("boat", -1))), ..request() };
    let refused = store.put_task_def(returning).unwrap_err();
    assert_refusal(&refused, Code::InvalidArgument, &["Refers to non-existent StructDef boat"]);
}

/// 01/TYP-9: map keys are scalars, in TaskDefs too.
#[test]
fn map_keys_are_scalars() {
    let mut store = Store::new();
    store.put_task_def(taking(map_of(VariableType::Timestamp, VariableType::JsonObj))).unwrap();
    for key in [VariableType::JsonObj, VariableType::JsonArr, VariableType::Bytes] {
        let refused = store.put_task_def(taking(array_of(map_of(key, VariableType::Int)))).unwrap_err();
        assert_refusal(&refused, Code::InvalidArgument, &["Map key type must be a primitive", key.as_str_name()]);
    }
}

/// 02/TD-2: putting it again unchanged answers the stored object.
#[test]
fn the_same_again_answers_the_stored_one() {
    let mut store = Store::new();
    let first = store.put_task_def(request()).unwrap();
    let again = lh_machine::check::put_task_def(request(), &store, NOW_MS + 5_000).unwrap();
    assert_eq!(again, first);
    let deprecated =
        pb::VariableDef { name: "name".to_owned(), r#type: Some(VariableType::Str as i32), ..Default::default() };
    let same = pb::PutTaskDefRequest { input_vars: vec![deprecated], ..request() };
    assert_eq!(store.put_task_def(same).unwrap(), first);
}

/// 02/TD-2: everything but the time counts.
#[test]
fn a_difference_is_refused() {
    let mut store = Store::new();
    store.put_task_def(request()).unwrap();
    let different = [
        taking(types::primitive(VariableType::Str)),
        pb::PutTaskDefRequest { return_type: Some(return_type(types::primitive(VariableType::Int))), ..request() },
        pb::PutTaskDefRequest { description: Some(String::new()), ..request() },
        pb::PutTaskDefRequest { input_vars: Vec::new(), ..request() },
    ];
    for request in different {
        let refused = store.put_task_def(request).unwrap_err();
        assert_refusal(&refused, Code::AlreadyExists, &["TaskDef [greet] already exists and is immutable."]);
    }
}

/// 01/TYP-3: no return type, and a return type without type, are void.
#[test]
fn void_return_types() {
    let mut store = Store::new();
    let request = |return_type| pb::PutTaskDefRequest { return_type, ..taking(types::primitive(VariableType::Int)) };
    let stored = store.put_task_def(request(None)).unwrap();
    assert_eq!(stored.return_type.clone().unwrap_or_default(), pb::ReturnType::default());
    assert_eq!(store.put_task_def(request(Some(pb::ReturnType::default()))).unwrap(), stored);
    let typed = return_type(types::primitive(VariableType::JsonObj));
    let refused = store.put_task_def(request(Some(typed))).unwrap_err();
    assert_refusal(&refused, Code::AlreadyExists, &["immutable"]);
}

/// 01/TYP-1: every form of a type is stored as it was given.
#[test]
fn forms_of_types() {
    let inline = pb::InlineStructDef { fields: [field("f", VariableType::Int)].into() };
    for form in [
        types::primitive(VariableType::Timestamp),
        struct_type("car", 0),
        array_of(struct_type("car", 0)),
        map_of(VariableType::Str, VariableType::Int),
        pb::TypeDefinition {
            defined_type: Some(pb::type_definition::DefinedType::InlineStructDef(inline)),
            masked: true,
        },
    ] {
        let stored = Store::new().put_task_def(taking(form.clone())).unwrap();
        assert_eq!(stored.input_vars[0].type_def, Some(form));
    }
}

/// 02/TD-3, 01/TYP-8: -1 means the pin that is stored, however many versions there are by now.
#[test]
fn minus_one_stays_idempotent() {
    let mut store = Store::new();
    let latest = || pb::PutTaskDefRequest {
        return_type: Some(return_type(struct_type("car", -1))),
        ..taking(array_of(struct_type("car", -1)))
    };
    let first = store.put_task_def(latest()).unwrap();
    store.structure("car", [field("model", VariableType::Str)]);
    assert_eq!(store.put_task_def(latest()).unwrap(), first);
    let explicit = store.put_task_def(taking(array_of(struct_type("car", 1)))).unwrap_err();
    assert_refusal(&explicit, Code::AlreadyExists, &["immutable"]);
}
