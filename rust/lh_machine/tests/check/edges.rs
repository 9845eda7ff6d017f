//! Edges, mutations, struct builders and failure handlers (02 section 12.3).

use lh_machine::pb::VariableMutationType::{Add, Assign};
use lh_machine::pb::inline_struct_field_value::StructValue;
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_assignment::Source;
use lh_machine::pb::variable_mutation::{NodeOutputSource, RhsValue};
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, VariableType};

use super::fixtures::*;

/// 02/X-12, 02/X-13, 02/X-19, 02/X-36
#[test]
fn sinks() {
    let store = Store::new();
    let leading_to = |sinks: &[&str]| {
        let mut main = idle_thread(Vec::new());
        main.nodes.insert("1-node".to_owned(), node(Kind::Nop(pb::NopNode {}), sinks));
        flow([("main", main)])
    };
    store.accepts(&leading_to(&["2-exit", "2-exit"]));
    store.accepts(&leading_to(&[]));
    store.refuses(&leading_to(&["1-node"]), &["Edge with sink node 1-node invalid: Self loop not allowed!"]);
    store.refuses(&leading_to(&["9-ghost"]), &["Edge with sink node 9-ghost invalid", "missing node"]);
    store.refuses(&leading_to(&["0-entrypoint"]), &["ENTRYPOINT"]);
}

fn car_variables() -> Vec<pb::ThreadVarDef> {
    let mut variables = all_variables();
    variables.push(var_of("car", struct_type("car", 0)));
    variables
}

fn building(right: pb::VariableAssignment) -> pb::PutWfSpecRequest {
    with_edge(car_variables(), mutating("car", Assign, right))
}

/// 02/X-17, 01/ASG-9: struct builders against the declared struct.
#[test]
fn struct_builders() {
    let mut store = Store::new();
    store.structure("boat", []);
    let spec = store.accepts(&building(build("car", [("model", text("Golf")), ("year", read("int"))])));
    let stored = &spec.thread_specs["main"].nodes["1-node"].outgoing_edges[0].variable_mutations[0];
    let Some(RhsValue::RhsAssignment(assignment)) = &stored.rhs_value else { panic!("{stored:?}") };
    let Some(Source::StructBuilder(builder)) = &assignment.source else { panic!("{assignment:?}") };
    assert_eq!(builder.struct_def_id.as_ref().unwrap().version, 0, "pinned");
    store.accepts(&building(build("car", [("model", json_path(read("json_obj"), "$.m"))])));
    store.refuses(&building(build("car", [])), &["Missing required field(s)", "model"]);
    store
        .refuses(&building(build("car", [("model", text("x")), ("colour", text("red"))])), &["does not contain field"]);
    store.refuses(&building(build("car", [("model", read("json_obj"))])), &["Field model invalid", "JSON_OBJ"]);
    store.refuses(&building(build("boat", [])), &["cannot use a"]);
    store.refuses(&building(build("plane", [])), &["non-existent StructDef plane"]);
    store.refuses(&with_edge(car_variables(), mutating("int", Assign, build("boat", []))), &["cannot use a"]);
}

/// 02/X-17: a field needs a value, and only a struct has a sub-structure.
#[test]
fn struct_builder_parts() {
    let mut store = Store::new();
    let garage =
        ("car".to_owned(), pb::StructFieldDef { field_type: Some(struct_type("car", 0)), ..Default::default() });
    store.structure("garage", [garage]);
    let with_field = |name: &str, value: Option<StructValue>| {
        let mut builder = build(if name == "model" { "car" } else { "garage" }, []);
        if let Some(Source::StructBuilder(builder)) = &mut builder.source {
            let field = pb::InlineStructFieldValue { struct_value: value };
            builder.value.as_mut().unwrap().fields.insert(name.to_owned(), field);
        }
        builder
    };
    let sub = |fields: pb::VariableAssignment| match fields.source {
        Some(Source::StructBuilder(builder)) => StructValue::SubStructure(builder.value.unwrap()),
        _ => panic!("no builder"),
    };
    store.refuses(&building(with_field("model", None)), &["is missing a value"]);
    store.refuses(&building(with_field("model", Some(sub(build("car", []))))), &["sub_structure"]);
    let garages = |right| with_edge(vec![var_of("g", struct_type("garage", 0))], mutating("g", Assign, right));
    let complete = sub(build("car", [("model", text("Golf"))]));
    store.accepts(&garages(with_field("car", Some(complete))));
    let incomplete = sub(build("car", []));
    store.refuses(&garages(with_field("car", Some(incomplete))), &["Missing required field(s)", "model"]);
}

/// 02/X-17 in a task input.
#[test]
fn struct_builders_as_task_inputs() {
    let mut store = Store::new();
    let request = pb::PutTaskDefRequest {
        name: "drive".to_owned(),
        input_vars: vec![variable_def("car", struct_type("car", -1))],
        ..Default::default()
    };
    store.put_task_def(request).unwrap();
    let driving = |input| around(Kind::Task(task("drive", vec![input])));
    store.accepts(&driving(build("car", [("model", read("str"))])));
    store.refuses(&driving(build("car", [])), &["Input variable car at position 0", "Missing required field(s)"]);
    store.refuses(&driving(read("str")), &["Cannot assign STR to null without explicit casting"]);
}

/// 02 section 12.3: mutations inside a JSON document have no static type.
#[test]
fn json_path_mutations_are_not_typed() {
    let mut changed = mutating("json_obj", Add, read("bytes"));
    changed.variable_mutations[0].lhs_json_path = Some("$.a".to_owned());
    Store::new().accepts(&with_edge(all_variables(), changed));
}

/// 01/NEW-3: a path into a typed variable narrows what is changed.
#[test]
fn lh_path_mutations_are_typed() {
    let store = Store::new();
    let setting = |key: &str, right: pb::VariableAssignment| {
        let Some(pb::variable_assignment::Path::LhPath(path)) = key_path(null(), key).path else { panic!("no path") };
        let mut changed = mutating("car", Assign, right);
        changed.variable_mutations[0].lhs_lh_path = Some(path);
        with_edge(car_variables(), changed)
    };
    store.accepts(&setting("model", text("Golf")));
    store.refuses(&setting("year", text("old")), &["Cannot assign STR to INT"]);
    store.refuses(&setting("colour", text("red")), &["could not find field 'colour'"]);
    let mut both = setting("model", text("Golf"));
    let main = both.thread_specs.get_mut("main").unwrap();
    let changed = &mut main.nodes.get_mut("1-node").unwrap().outgoing_edges[0];
    changed.variable_mutations[0].lhs_json_path = Some("$.a".to_owned());
    store.refuses(&both, &["both lhs_json_path and lhs_lh_path"]);
}

/// 01/MUT-7: the deprecated right-hand sides mean what the new form says.
#[test]
fn deprecated_right_hand_sides() {
    let store = Store::new();
    let with = |right: Option<RhsValue>| {
        let mut changed = mutating("int", Assign, int(0));
        changed.variable_mutations[0].rhs_value = right;
        let mut main = thread_around(all_variables(), Kind::Task(task("gives-str", vec![])));
        main.nodes.get_mut("1-node").unwrap().outgoing_edges = vec![changed];
        flow([("main", main)])
    };
    let value = |inner: Value| Some(RhsValue::LiteralValue(pb::VariableValue { value: Some(inner) }));
    let output = |path| Some(RhsValue::NodeOutput(NodeOutputSource { path }));
    let json = pb::variable_mutation::node_output_source::Path::Jsonpath("$.a".to_owned());
    store.accepts(&with(value(Value::Int(1))));
    store.refuses(&with(value(Value::Str("x".to_owned()))), &["Cannot assign STR to INT"]);
    store.accepts(&with(output(Some(json))));
    store.refuses(&with(output(None)), &["Cannot assign STR to INT"]);
    store.refuses(&with(None), &["missing source"]);
}

/// 02/X-20: a handler's thread exists; its variables, duplicates and order are free.
#[test]
fn failure_handlers() {
    let store = Store::new();
    let handled_by = |handlers: &[&str]| {
        let mut main = idle_thread(Vec::new());
        main.nodes.get_mut("1-node").unwrap().failure_handlers = handlers
            .iter()
            .map(|name| pb::FailureHandlerDef { handler_spec_name: (*name).to_owned(), failure_to_catch: None })
            .collect();
        let handler = idle_thread(vec![var("anything", VariableType::Int), var("INPUT", VariableType::Str)]);
        flow([("main", main), ("handler", handler)])
    };
    store.accepts(&handled_by(&["handler", "handler"]));
    store.refuses(&handled_by(&["ghost"]), &["Node 1-node invalid", "missing ThreadSpec ghost"]);
}
