//! Variables and the WfSpec as a whole (02 section 12.1).

use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, VariableType};
use lh_machine::value::types;

use super::fixtures::*;

/// 02/X-1: a name is declared once; INPUT may repeat in several threads.
#[test]
fn duplicates() {
    let store = Store::new();
    let (x, input) = (var("x", VariableType::Int), var("INPUT", VariableType::Int));
    store.refuses(&declaring(vec![x.clone(), x.clone()]), &["duplicates not allowed"]);
    let twice = |one: &pb::ThreadVarDef| {
        flow([("main", idle_thread(vec![one.clone()])), ("other", idle_thread(vec![one.clone()]))])
    };
    store.refuses(&twice(&x), &["duplicates not allowed"]);
    store.accepts(&twice(&input));
}

fn child_of(parent: &str, variables: Vec<pb::ThreadVarDef>) -> pb::PutWfSpecRequest {
    pb::PutWfSpecRequest {
        parent_wf_spec: Some(pb::wf_spec::ParentWfSpecReference {
            wf_spec_name: parent.to_owned(),
            wf_spec_major_version: 0,
        }),
        ..declaring(variables)
    }
}

fn store_with_parent() -> Store {
    let mut store = Store::new();
    let variables = vec![public(var("open", VariableType::Int)), var("secret", VariableType::Int)];
    store.put(pb::PutWfSpecRequest { name: "parent".to_owned(), ..declaring(variables) }).unwrap();
    store
}

/// 02/X-2, 02/X-3: inherited variables need a parent that lets them be seen.
#[test]
fn inherited_variables() {
    let store = store_with_parent();
    let inheriting = |name: &str| vec![inherited(var(name, VariableType::Str))];
    store.accepts(&child_of("parent", inheriting("open")));
    store.refuses(&declaring(inheriting("open")), &["Only child workflows are allowed to access INHERITED variables"]);
    store.refuses(&child_of("parent", inheriting("other")), &["does not exist in parent WfSpec"]);
    store.refuses(&child_of("parent", inheriting("secret")), &["is defined as PRIVATE in parent WfSpec"]);
    store.refuses(&child_of("nobody", inheriting("open")), &["nonexistent parent wfSpec"]);
}

/// 02/X-3: what the parent itself inherits can be inherited.
#[test]
fn inherited_twice() {
    let mut store = store_with_parent();
    let open = || vec![inherited(var("open", VariableType::Int))];
    store.put(pb::PutWfSpecRequest { name: "child".to_owned(), ..child_of("parent", open()) }).unwrap();
    store.accepts(&child_of("child", open()));
}

/// 02/P-1: the parent's major version exists, in whatever revision.
#[test]
fn parent_exists() {
    let mut store = store_with_parent();
    store.refuses(&child_of("nobody", Vec::new()), &["nonexistent parent wfSpec"]);
    let mut wrong = child_of("parent", Vec::new());
    wrong.parent_wf_spec.as_mut().unwrap().wf_spec_major_version = 1;
    store.refuses(&wrong, &["nonexistent parent wfSpec"]);
    let revised = vec![public(var("open", VariableType::Int)), var("new", VariableType::Int)];
    store.put(pb::PutWfSpecRequest { name: "parent".to_owned(), ..declaring(revised) }).unwrap();
    store.wf_specs.remove(&("parent".to_owned(), 0, 0)).unwrap();
    let accepted = store.accepts(&child_of("parent", Vec::new()));
    assert_eq!(accepted.parent_wf_spec, child_of("parent", Vec::new()).parent_wf_spec);
}

/// 02/X-4, 02/T-2: StructDefs exist, at any depth, and are pinned.
#[test]
fn struct_types() {
    let mut store = Store::new();
    store.structure("car", [field("model", VariableType::Str)]);
    let spec = store.accepts(&declaring(vec![var_of("x", array_of(struct_type("car", -1)))]));
    let stored = spec.thread_specs["main"].variable_defs[0].var_def.as_ref().unwrap();
    assert_eq!(stored.type_def, Some(array_of(struct_type("car", 1))));
    for missing in [struct_type("boat", -1), struct_type("car", 9), array_of(struct_type("boat", 0))] {
        store.refuses(&declaring(vec![var_of("x", missing)]), &["refers to non-existent StructDef"]);
    }
}

/// 02/X-5, 01/TYP-9: map keys are scalars.
#[test]
fn map_keys() {
    use VariableType::{Bool, Bytes, Double, Int, JsonArr, JsonObj, Str, Timestamp, WfRunId};
    let store = Store::new();
    for key in [Int, Bool, Double, WfRunId, Timestamp, Str] {
        store.accepts(&declaring(vec![var_of("x", map_of(key, JsonObj))]));
    }
    for key in [Bytes, JsonObj, JsonArr] {
        store.refuses(&declaring(vec![var_of("x", map_of(key, Int))]), &["invalid Map key type"]);
        store.refuses(&declaring(vec![var_of("x", array_of(map_of(key, Int)))]), &["invalid Map key type"]);
    }
    let struct_key = types::map(Some(struct_type("car", 0)), Some(types::primitive(Int)));
    store.refuses(&declaring(vec![var_of("x", struct_key)]), &["invalid Map key type"]);
}

/// 02/T-1, 01/TYP-4: only `type_def` is stored.
#[test]
fn deprecated_type() {
    let mut declaration = var("x", VariableType::Str);
    let variable = declaration.var_def.as_mut().unwrap();
    variable.r#type = Some(VariableType::Int as i32);
    variable.masked_value = Some(true);
    let spec = Store::new().accepts(&declaring(vec![declaration]));
    let masked = pb::TypeDefinition { masked: true, ..types::primitive(VariableType::Int) };
    assert_eq!(spec.thread_specs["main"].variable_defs[0].var_def, Some(variable_def("x", masked)));
}

/// 01/TYP-10: a default is validated like a value from outside.
#[test]
fn defaults() {
    let store = Store::new();
    store.accepts(&declaring(vec![with_default(var("x", VariableType::Double), Value::Int(5))]));
    store.refuses(
        &declaring(vec![with_default(var("x", VariableType::Int), Value::Str("five".to_owned()))]),
        &["Variable x invalid", "default value"],
    );
    let json =
        |text: &str| declaring(vec![with_default(var("x", VariableType::JsonObj), Value::JsonObj(text.to_owned()))]);
    let spec = store.accepts(&json("{ \"a\" : 1 }"));
    let stored = spec.thread_specs["main"].variable_defs[0].var_def.as_ref().unwrap();
    let canonical = pb::VariableValue { value: Some(Value::JsonObj("{\"a\":1}".to_owned())) };
    assert_eq!(stored.default_value, Some(canonical));
    store.refuses(&json("{ \"a\" "), &["default value"]);
}

/// 02/X-6, 01/STA-2: every name used is declared by some thread, wherever it is used.
#[test]
fn missing_variables() {
    use pb::VariableMutationType::{Add, Assign};
    let store = Store::new();
    let int_variable = || vec![var("x", VariableType::Int)];
    let length = |assignment| {
        Kind::Sleep(pb::SleepNode { sleep_length: Some(pb::sleep_node::SleepLength::RawSeconds(assignment)) })
    };
    let throwing = |content| {
        let event_def_id = Some(pb::WorkflowEventDefId { name: "str-thrown".to_owned() });
        Kind::ThrowEvent(pb::ThrowEventNode { event_def_id, content: Some(content) })
    };
    let failing = |content| {
        let failure = pb::FailureDef { failure_name: "no".to_owned(), content: Some(content), ..Default::default() };
        Kind::Exit(pb::ExitNode { result: Some(pb::exit_node::Result::FailureDef(failure)) })
    };
    let requests = [
        around(Kind::Task(task("takes-int", vec![read("ghost")]))),
        around(Kind::Task(task("takes-int", vec![calculate(read("int"), Add, read("ghost"))]))),
        around(Kind::Task(task("takes-int", vec![size_of(read("ghost"))]))),
        around(Kind::Task(task("takes-str", vec![format("{0}", vec![read("ghost")])]))),
        around(length(read("ghost"))),
        around(throwing(read("ghost"))),
        around(failing(read("ghost"))),
        around(exit_with(read("ghost"))),
        with_edge(int_variable(), when(compare(read("x"), pb::Comparator::Equals, read("ghost")))),
        with_edge(int_variable(), mutating("ghost", Assign, int(1))),
        with_edge(int_variable(), mutating("x", Assign, read("ghost"))),
        with_edge(int_variable(), mutating("x", Assign, calculate(read("ghost"), Add, int(1)))),
        with_edge(
            vec![var_of("c", struct_type("car", 0))],
            mutating("c", Assign, build("car", [("model", read("ghost"))])),
        ),
    ];
    for request in requests {
        let texts =
            ["PutWfSpecRequest is invalid: ThreadSpec main invalid: Node 1-node invalid: refers to missing var ghost"];
        store.refuses(&request, &texts);
    }
}

/// 02/X-6, 02/SC-5: a declaration in another thread is enough; scope is a matter of run time.
#[test]
fn out_of_scope_variables() {
    let main = thread_around(Vec::new(), Kind::Task(task("takes-int", vec![read("x")])));
    Store::new().accepts(&flow([("main", main), ("other", idle_thread(vec![var("x", VariableType::Int)]))]));
}

/// 02/W-1 step 3: the entrypoint thread exists.
#[test]
fn entrypoint_thread() {
    let request = pb::PutWfSpecRequest { entrypoint_thread_name: "ghost".to_owned(), ..declaring(Vec::new()) };
    Store::new().refuses(&request, &["unknown entrypoint thread"]);
}

/// 02/W-1: the first failing step decides: variables before names used before nodes.
#[test]
fn order_of_steps() {
    let store = Store::new();
    let all_wrong =
        |variables| flow([("main", thread_around(variables, Kind::Task(task("ghost-task", vec![read("ghost")]))))]);
    let bad_variable = || vec![var_of("x", struct_type("boat", -1))];
    store.refuses(&all_wrong(bad_variable()), &["non-existent StructDef"]);
    store.refuses(&all_wrong(Vec::new()), &["refers to missing var ghost"]);
    store.refuses(&all_wrong(vec![var("ghost", VariableType::Int)]), &["nonexistent TaskDef ghost-task"]);
}
