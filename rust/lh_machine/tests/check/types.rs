//! The type of an expression before anything runs (02/T-3..T-10, 01 sections 2, 8 and 9.2), seen through mutations.

use lh_machine::pb::VariableMutationType::{self as Op, Add, Assign, Multiply, Pow};
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::variable_value::Value;
use lh_machine::pb::{self, VariableType};
use lh_machine::value::types;

use super::fixtures::*;

const PRIMITIVES: [VariableType; 9] = [
    VariableType::JsonObj,
    VariableType::JsonArr,
    VariableType::Double,
    VariableType::Bool,
    VariableType::Str,
    VariableType::Int,
    VariableType::Bytes,
    VariableType::WfRunId,
    VariableType::Timestamp,
];

/// A WfSpec that changes a variable of this type.
fn assigning(target: pb::TypeDefinition, operation: Op, right: pb::VariableAssignment) -> pb::PutWfSpecRequest {
    let mut variables = all_variables();
    variables.push(var_of("target", target));
    variables.push(var_of("car", struct_type("car", 0)));
    variables.push(var_of("cars", array_of(struct_type("car", 0))));
    variables.push(var_of("counts", map_of(VariableType::Str, VariableType::Int)));
    with_edge(variables, mutating("target", operation, right))
}

fn to(target: VariableType, right: pb::VariableAssignment) -> pb::PutWfSpecRequest {
    assigning(types::primitive(target), Assign, right)
}

/// 02/T-3, 02/X-16, 01/TYP-6, 01/CST-6: all pairs of primitives without a cast.
#[test]
fn assignable() {
    use VariableType::{Bool, Bytes, Double, Int, Str, WfRunId};
    let store = Store::new();
    for source in PRIMITIVES {
        for target in PRIMITIVES {
            let request = to(target, read(&source.as_str_name().to_lowercase()));
            let fits = source == target
                || (source, target) == (Int, Double)
                || (target == Str && [Int, Double, Bool, Bytes, WfRunId].contains(&source));
            if fits {
                store.accepts(&request);
            } else {
                let text = format!("Cannot assign {} to {}", source.as_str_name(), target.as_str_name());
                store.refuses(&request, &["Edge with sink node 2-exit invalid", &text, "without explicit casting"]);
            }
        }
    }
}

/// 02/T-4, 01/CST-5: all pairs of primitives with a cast.
#[test]
fn castable() {
    use VariableType::{Bool, Bytes, Double, Int, Str, WfRunId};
    let store = Store::new();
    for source in PRIMITIVES {
        for target in PRIMITIVES {
            let request = to(target, cast(read(&source.as_str_name().to_lowercase()), target));
            let fits = source == target
                || matches!((source, target), (Int, Double) | (Double, Int))
                || (target == Str && [Int, Double, Bool, Bytes, WfRunId].contains(&source))
                || (source == Str && [Int, Double, Bool, Bytes, WfRunId].contains(&target));
            if fits {
                store.accepts(&request);
            } else {
                let (from, to) = (source.as_str_name(), target.as_str_name());
                let text = format!("Cannot cast from {from} to {to}. This conversion is not supported.");
                store.refuses(&request, &[&text]);
            }
        }
    }
}

/// 01/CST-5 (2): what the cast gives must fit the variable too.
#[test]
fn cast_to_something_else() {
    let store = Store::new();
    store.accepts(&to(VariableType::Double, cast(read("str"), VariableType::Int)));
    store.refuses(
        &to(VariableType::Bool, cast(read("str"), VariableType::Int)),
        &["Cannot assign INT to BOOL", "cannot use a INT as a BOOL"],
    );
}

/// 02/T-5, 01/TYP-6: structs by name, arrays and maps by equal inner types, empty literals anywhere.
#[test]
fn compatible_compounds() {
    let mut store = Store::new();
    store.structure("car", [field("model", VariableType::Str)]);
    store.structure("boat", []);
    store.accepts(&assigning(struct_type("car", 1), Assign, read("car")));
    store.refuses(&assigning(struct_type("boat", 0), Assign, read("car")), &["cannot use a"]);
    store.refuses(
        &assigning(struct_type("car", 1), Assign, read("str")),
        &["Cannot assign STR to null without explicit casting", "cannot use a STR as a"],
    );
    store.refuses(&assigning(struct_type("car", 1), Assign, read("json_obj")), &["cannot use a JSON_OBJ"]);
    let empty_array = || literal(Value::Array(pb::Array::default()));
    let empty_map = || literal(Value::Map(pb::Map::default()));
    let ints = || array_of(types::primitive(VariableType::Int));
    store.accepts(&assigning(array_of(struct_type("car", 0)), Assign, read("cars")));
    store.accepts(&assigning(ints(), Assign, empty_array()));
    store.refuses(&assigning(ints(), Assign, read("cars")), &["cannot use a"]);
    store.refuses(&assigning(ints(), Assign, read("json_arr")), &["cannot use a JSON_ARR"]);
    store.accepts(&assigning(map_of(VariableType::Str, VariableType::Int), Assign, read("counts")));
    store.accepts(&assigning(map_of(VariableType::Int, VariableType::Int), Assign, empty_map()));
    store.refuses(&assigning(map_of(VariableType::Int, VariableType::Int), Assign, read("counts")), &["cannot use a"]);
}

/// 02/T-7, 01/STA-1: types by source; unknown passes.
#[test]
fn sources() {
    use VariableType::{Bool, Int, JsonObj, Str};
    let store = Store::new();
    store.accepts(&to(Int, null()));
    store.accepts(&to(Int, json_path(read("json_obj"), "$.a")));
    store.accepts(&to(Str, format("{0}", vec![read("json_obj")])));
    store.refuses(&to(Int, format("{0}", vec![int(1)])), &["Cannot assign STR to INT"]);
    store.accepts(&to(Bool, compare(read("json_obj"), pb::Comparator::LessThan, read("str"))));
    store.refuses(&to(Int, compare(int(1), pb::Comparator::LessThan, int(2))), &["Cannot assign BOOL to INT"]);
    store.accepts(&to(Int, calculate(json_path(read("json_obj"), "$.a"), Add, read("str"))));
    store.refuses(&to(JsonObj, text("{}")), &["Cannot assign STR to JSON_OBJ"]);
}

/// 02/T-7, 01/MUT-17: sizes.
#[test]
fn sizes() {
    let store = Store::new();
    for sized in [read("str"), read("json_arr"), read("cars"), json_path(read("json_obj"), "$.a")] {
        store.accepts(&to(VariableType::Int, size_of(sized)));
    }
    for other in [read("int"), read("counts"), read("json_obj"), read("car")] {
        let text = "size() only supports STR, ARRAY or JSON_ARR operands";
        store.refuses(&to(VariableType::Int, size_of(other)), &[text]);
    }
}

/// 02/T-7, 01/PTH-6: a path narrows the type.
#[test]
fn paths() {
    let store = Store::new();
    let index = |inner: pb::VariableAssignment, number: i32| {
        let selector_type = Some(pb::lh_path::selector::SelectorType::Index(number));
        let path = pb::LhPath { path: vec![pb::lh_path::Selector { selector_type }] };
        pb::VariableAssignment { path: Some(pb::variable_assignment::Path::LhPath(path)), ..inner }
    };
    store.accepts(&to(VariableType::Str, key_path(read("car"), "model")));
    store.refuses(&to(VariableType::Int, key_path(read("car"), "model")), &["Cannot assign STR to INT"]);
    store.refuses(&to(VariableType::Str, key_path(read("car"), "colour")), &["could not find field 'colour'"]);
    store.accepts(&to(VariableType::Int, key_path(read("counts"), "a")));
    store.refuses(&to(VariableType::Int, index(read("counts"), 0)), &["key"]);
    store.accepts(&assigning(struct_type("car", 0), Assign, index(read("cars"), 0)));
    store.refuses(&to(VariableType::Int, index(read("cars"), 0)), &["Cannot assign"]);
    store.refuses(&to(VariableType::Int, key_path(read("cars"), "a")), &["index"]);
    store.accepts(&to(VariableType::Int, key_path(read("json_obj"), "a")));
    store.refuses(&to(VariableType::Int, key_path(read("int"), "a")), &["cannot select from INT"]);
    store.accepts(&to(VariableType::Int, key_path(json_path(read("json_obj"), "$.a"), "b")));
}

/// 02/T-9, 06/U-10: what nodes put out. The node before the edge is the one whose output is assigned.
#[test]
fn node_outputs() {
    use VariableType::{Bool, Int, JsonArr, JsonObj, Str, WfRunId};
    let mut store = Store::new();
    store.put(pb::PutWfSpecRequest { name: "child".to_owned(), ..declaring(Vec::new()) }).unwrap();
    let event = |name: &str| {
        let external_event_def_id = Some(pb::ExternalEventDefId { name: name.to_owned() });
        Kind::ExternalEvent(pb::ExternalEventNode { external_event_def_id, ..Default::default() })
    };
    let start = Kind::StartThread(pb::StartThreadNode { thread_spec_name: "other".to_owned(), ..Default::default() });
    let start_all = Kind::StartMultipleThreads(pb::StartMultipleThreadsNode {
        thread_spec_name: "other".to_owned(),
        iterable: Some(read("json_arr")),
        ..Default::default()
    });
    let form = Kind::UserTask(pb::UserTaskNode {
        user_task_def_name: "form".to_owned(),
        user_id: Some(text("ann")),
        ..Default::default()
    });
    let run = Kind::RunChildWf(pb::RunChildWfNode {
        wf_spec: Some(pb::run_child_wf_node::WfSpec::WfSpecName("child".to_owned())),
        ..Default::default()
    });
    let dynamic = Kind::Task(pb::TaskNode {
        task_to_execute: Some(pb::task_node::TaskToExecute::DynamicTask(read("str"))),
        ..Default::default()
    });
    let known = [
        (Kind::Task(task("gives-str", vec![])), Str),
        (Kind::Task(task("gives-int", vec![])), Int),
        (event("str-event"), Str),
        (form, JsonObj),
        (start, Int),
        (start_all, JsonArr),
        (run, WfRunId),
    ];
    let unknown = [dynamic, event("untyped-event"), Kind::Task(task("nothing", vec![])), Kind::Nop(pb::NopNode {})];
    let from = |kind: Kind, target: VariableType| {
        let name = target.as_str_name().to_lowercase();
        let mut main = thread_around(all_variables(), kind);
        main.nodes.get_mut("1-node").unwrap().outgoing_edges = vec![mutating(&name, Assign, output_of("1-node"))];
        flow([("main", main), ("other", idle_thread(Vec::new()))])
    };
    for (kind, output) in known {
        store.accepts(&from(kind.clone(), output));
        store.refuses(&from(kind, Bool), &["Cannot assign", output.as_str_name(), "to BOOL"]);
    }
    for kind in unknown {
        store.accepts(&from(kind, Bool));
    }
}

/// 02/T-9: a reference to a node of another thread or none is refused, to a later node accepted.
#[test]
fn node_references() {
    let store = Store::new();
    store.accepts(&to(VariableType::Int, output_of("2-exit")));
    store.refuses(&to(VariableType::Int, output_of("9-ghost")), &["Node 1-node invalid", "9-ghost"]);
    let elsewhere = thread(
        Vec::new(),
        [
            ("0-e", node(Kind::Entrypoint(pb::EntrypointNode {}), &["1-elsewhere"])),
            ("1-elsewhere", node(Kind::Exit(pb::ExitNode::default()), &[])),
        ],
    );
    let mut request = to(VariableType::Int, output_of("1-elsewhere"));
    request.thread_specs.insert("other".to_owned(), elsewhere);
    store.refuses(&request, &["ThreadSpec main invalid", "1-elsewhere"]);
    let hidden = format("{0}", vec![output_of("9-ghost")]);
    store.refuses(&around(Kind::Task(task("takes-str", vec![hidden]))), &["Node 1-node invalid", "9-ghost"]);
}

/// 02/T-10, 02/X-18, 01/MUT-8, 01/MUT-9, 01/MUT-10: operations on variables.
#[test]
fn operations() {
    use Op::{And, Extend, RemoveIfPresent, RemoveIndex, RemoveKey, Subtract};
    let store = Store::new();
    let on = |target: &str, operation: Op, right: pb::VariableAssignment| {
        with_edge(all_variables(), mutating(target, operation, right))
    };
    for (target, operation, right) in [
        ("int", Multiply, read("double")),
        ("int", Subtract, json_path(read("json_obj"), "$.a")),
        ("double", Pow, read("int")),
        ("str", Add, read("timestamp")),
        ("str", And, read("bool")),
        ("bytes", Extend, read("bytes")),
        ("json_arr", Add, read("bytes")),
        ("json_arr", RemoveIndex, read("int")),
        ("json_obj", RemoveKey, read("str")),
        ("bool", And, read("bool")),
    ] {
        store.accepts(&on(target, operation, right));
    }
    for (target, operation, right, expected) in [
        ("str", Multiply, read("int"), "Cannot multiply to a STR"),
        ("int", Pow, read("double"), "Cannot mutate a INT"),
        ("int", And, read("bool"), "Cannot"),
        ("int", Add, read("str"), "INT"),
        ("bool", Add, read("bool"), "BOOL"),
        ("json_obj", Add, read("json_obj"), "JSON_OBJ"),
        ("json_arr", Extend, read("int"), "JSON_ARR"),
        ("json_arr", RemoveIfPresent, read("json_obj"), "JSON_ARR"),
        ("timestamp", Subtract, read("int"), "TIMESTAMP"),
    ] {
        store.refuses(&on(target, operation, right), &["Edge with sink node 2-exit invalid", expected]);
    }
}

/// 01/MUT-11: an INT times a DOUBLE is an INT, a DOUBLE times an INT is not.
#[test]
fn arithmetic_is_typed_by_its_left_side() {
    let store = Store::new();
    store.accepts(&to(VariableType::Int, calculate(read("int"), Multiply, read("double"))));
    store.accepts(&to(VariableType::Double, calculate(read("int"), Multiply, read("double"))));
    let turned = || calculate(read("double"), Multiply, read("int"));
    store.refuses(&to(VariableType::Int, turned()), &["Cannot assign DOUBLE to INT without explicit casting"]);
    store.accepts(&to(VariableType::Int, cast(turned(), VariableType::Int)));
}
