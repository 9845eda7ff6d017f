//! Requests that are incomplete or nested without end (02/G-7).

use lh_machine::check::MAX_DEPTH;
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_assignment::{Expression, Source};
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, VariableType};
use lh_machine::rejected::Code;

use super::fixtures::*;

fn returning(content: pb::VariableAssignment) -> pb::PutWfSpecRequest {
    let nodes = [("e", node(Kind::Entrypoint(pb::EntrypointNode {}), &["x"])), ("x", node(exit_with(content), &[]))];
    flow([("main", thread(all_variables(), nodes))])
}

/// Applies a wrapping `levels` times.
fn nest<T>(levels: usize, innermost: T, wrap: impl Fn(T) -> T) -> T {
    (0..levels).fold(innermost, |inner, _| wrap(inner))
}

/// The limit on expressions, whatever they are nested in.
#[test]
fn expressions() {
    let store = Store::new();
    let add = |inner| calculate(inner, pb::VariableMutationType::Add, text("x"));
    store.accepts(&returning(nest(MAX_DEPTH - 1, text("x"), add)));
    let wraps: [fn(pb::VariableAssignment) -> pb::VariableAssignment; 5] = [
        |inner| calculate(inner, pb::VariableMutationType::Add, text("x")),
        |inner| calculate(text("x"), pb::VariableMutationType::Add, inner),
        size_of,
        |inner| format("{0}", vec![inner]),
        |inner| build("car", [("model", inner)]),
    ];
    for wrap in wraps {
        store.refuses(&returning(nest(MAX_DEPTH + 1, text("x"), wrap)), &["Node x invalid", "nested deeper"]);
    }
}

/// Maps within maps are evaluated once per level: this would not end otherwise.
#[test]
fn nested_map_builders_end() {
    let wrap = |inner: pb::VariableAssignment| {
        let entry = pb::map_builder::Entry { key: Some(text("k")), value: Some(inner) };
        let source = Source::MapBuilder(pb::MapBuilder { entries: vec![entry], map_type: None });
        pb::VariableAssignment { source: Some(source), ..Default::default() }
    };
    Store::new().accepts(&returning(nest(MAX_DEPTH - 1, text("x"), wrap)));
}

/// 01/NEW-4, 02/K-3: keys of a map builder are scalars, entries fit the declared type.
#[test]
fn map_builders() {
    let store = Store::new();
    let mapping = |key, value, map_type: Option<pb::TypeDefinition>| {
        let map_type = map_type.and_then(|declared| match declared.defined_type {
            Some(pb::type_definition::DefinedType::InlineMapDef(map)) => Some(*map),
            _ => None,
        });
        let entry = pb::map_builder::Entry { key: Some(key), value: Some(value) };
        let source = Source::MapBuilder(pb::MapBuilder { entries: vec![entry], map_type });
        pb::VariableAssignment { source: Some(source), ..Default::default() }
    };
    let declared = || Some(map_of(VariableType::Str, VariableType::Int));
    store.accepts(&returning(mapping(text("k"), int(1), declared())));
    store.accepts(&returning(mapping(int(1), read("json_obj"), None)));
    store.refuses(&returning(mapping(text("k"), text("v"), declared())), &["Cannot assign STR to INT"]);
    store.refuses(&returning(mapping(read("json_obj"), int(1), None)), &["invalid Map key type JSON_OBJ"]);
    let variable = || vec![var_of("m", map_of(VariableType::Str, VariableType::Int)), var("s", VariableType::Str)];
    let assigned = |right| with_edge(variable(), mutating("m", pb::VariableMutationType::Assign, right));
    store.accepts(&assigned(mapping(read("s"), int(1), None)));
    store.refuses(&assigned(mapping(text("k"), read("s"), None)), &["Cannot assign STR to INT"]);
}

/// Types and values have the same limit.
#[test]
fn types_and_values() {
    let mut store = Store::new();
    let deep_type = || nest(MAX_DEPTH + 1, struct_type("car", 0), array_of);
    store.refuses(&declaring(vec![var_of("x", deep_type())]), &["nested deeper"]);
    let request = pb::PutTaskDefRequest {
        name: "deep".to_owned(),
        input_vars: vec![variable_def("x", deep_type())],
        ..Default::default()
    };
    assert_refusal(&store.put_task_def(request).unwrap_err(), Code::InvalidArgument, &["nested deeper"]);
    let deep_value = nest(MAX_DEPTH + 1, pb::VariableValue::default(), |inner| pb::VariableValue {
        value: Some(Value::Array(pb::Array { items: vec![inner], element_type: None })),
    });
    let literal = pb::VariableAssignment { source: Some(Source::LiteralValue(deep_value)), ..Default::default() };
    store.refuses(&returning(literal), &["nested deeper"]);
}

/// 01/VAL-4: malformed and endlessly nested JSON in a literal; what is kept is written canonically.
#[test]
fn json_literals() {
    let store = Store::new();
    let json = |text: &str| returning(literal(Value::JsonArr(text.to_owned())));
    let endless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for refused in ["[1, 2", "{\"a\": 1}", &endless] {
        store.refuses(&json(refused), &["Node x invalid"]);
    }
    let spec = store.accepts(&json("[ 1, 2.0 ]"));
    assert_eq!(
        spec.thread_specs["main"].nodes["x"].node,
        Some(exit_with(literal(Value::JsonArr("[1,2.0]".to_owned()))))
    );
}

/// 02/G-7, 01/ASG-7, 01/MUT-18: what is mandatory is there, and the message says where it is not.
#[test]
fn missing_parts() {
    let store = Store::new();
    let nothing = pb::VariableAssignment::default;
    let expression = |lhs: Option<pb::VariableAssignment>, operation| {
        let expression = Expression { lhs: lhs.map(Box::new), rhs: Some(Box::new(int(1))), operation };
        let source = Some(Source::Expression(Box::new(expression)));
        pb::VariableAssignment { source, ..Default::default() }
    };
    use pb::variable_assignment::expression::Operation;
    let add = Some(Operation::MutationType(pb::VariableMutationType::Add as i32));
    store.accepts(&returning(expression(Some(int(1)), add)));
    for (content, text) in [
        (nothing(), "missing source"),
        (size_of(nothing()), "missing source"),
        (format("{0}", vec![nothing()]), "missing source"),
        (expression(None, add), "missing source"),
        (expression(Some(int(1)), None), "operation"),
        (expression(Some(int(1)), Some(Operation::MutationType(99))), "unknown operation 99"),
        (expression(Some(int(1)), Some(Operation::Comparator(99))), "unknown comparator 99"),
    ] {
        store.refuses(&returning(content), &["ThreadSpec main invalid: Node x invalid: ", text]);
    }
}
