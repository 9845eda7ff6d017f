//! Conditions of edges and WAIT_FOR_CONDITION nodes (02/X-14, X-15, X-30, T-11; 01/CMP-3..CMP-6).

use lh_machine::pb::Comparator::{self, Equals, In, LessThan, NotEquals, NotIn};
use lh_machine::pb::VariableMutationType::{Add, And, Assign, Or};
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::wait_for_condition_node::NodeCondition;
use lh_machine::pb::{self, VariableType};
use lh_machine::value::types;

use super::fixtures::*;

fn variables() -> Vec<pb::ThreadVarDef> {
    let mut variables = all_variables();
    variables.push(var_of("car", struct_type("car", 0)));
    variables.push(var_of("ints", array_of(types::primitive(VariableType::Int))));
    variables.push(var_of("counts", map_of(VariableType::Str, VariableType::Int)));
    variables
}

fn waiting(condition: NodeCondition) -> pb::PutWfSpecRequest {
    let wait = pb::WaitForConditionNode { node_condition: Some(condition) };
    flow([("main", thread_around(variables(), Kind::WaitForCondition(wait)))])
}

/// The four places and forms of one comparison.
fn forms(
    left: &pb::VariableAssignment,
    comparator: Comparator,
    right: &pb::VariableAssignment,
) -> [pb::PutWfSpecRequest; 4] {
    let legacy =
        pb::LegacyEdgeCondition { comparator: comparator as i32, left: Some(left.clone()), right: Some(right.clone()) };
    let condition = || compare(left.clone(), comparator, right.clone());
    let legacy_edge =
        pb::Edge { edge_condition: Some(pb::edge::EdgeCondition::LegacyCondition(legacy.clone())), ..edge("2-exit") };
    [
        with_edge(variables(), when(condition())),
        with_edge(variables(), legacy_edge),
        waiting(NodeCondition::Condition(condition())),
        waiting(NodeCondition::LegacyCondition(legacy)),
    ]
}

/// 02/T-11, 02/X-14, 02/X-15, 02/X-30, 01/CMP-3
#[test]
fn comparisons() {
    let store = Store::new();
    let unknown = || json_path(read("json_obj"), "$.a");
    for (left, comparator, right) in [
        (read("int"), LessThan, read("double")),
        (read("int"), Equals, read("str")),
        (read("json_obj"), Equals, read("json_obj")),
        (read("car"), NotEquals, read("car")),
        (read("json_obj"), LessThan, null()),
        (read("json_obj"), NotEquals, null()),
        (unknown(), LessThan, read("json_obj")),
        (read("json_obj"), LessThan, unknown()),
        (read("str"), In, read("json_obj")),
        (read("json_obj"), In, read("json_arr")),
        (read("int"), In, read("ints")),
        (read("str"), NotIn, read("counts")),
    ] {
        for request in forms(&left, comparator, &right) {
            store.accepts(&request);
        }
    }
    for (left, comparator, right) in [
        (read("int"), LessThan, read("json_obj")),
        (read("json_obj"), LessThan, read("int")),
        (read("json_obj"), Equals, read("json_arr")),
        (read("car"), Equals, read("str")),
        (read("int"), In, read("json_obj")),
        (read("str"), In, read("ints")),
        (read("str"), In, read("int")),
        (read("json_obj"), NotIn, read("counts")),
    ] {
        for request in forms(&left, comparator, &right) {
            store.refuses(&request, &["Node 1-node invalid"]);
        }
    }
}

/// 02/X-15: the form that was sent is stored.
#[test]
fn the_form_is_kept() {
    let store = Store::new();
    let requests = forms(&read("int"), Equals, &int(1));
    for request in requests {
        let sent = request.thread_specs["main"].nodes["1-node"].clone();
        let stored = store.accepts(&request).thread_specs["main"].nodes["1-node"].clone();
        assert_eq!(stored, sent);
    }
}

/// 02/X-14, 01/CMP-5, 01/CMP-6: what can be a condition.
#[test]
fn booleans() {
    let store = Store::new();
    let accepted = [
        read("bool"),
        json_path(read("json_obj"), "$.a"),
        cast(read("str"), VariableType::Bool),
        cast(json_path(read("json_obj"), "$.a"), VariableType::Bool),
        calculate(read("bool"), And, compare(read("int"), LessThan, int(5))),
        calculate(read("bool"), Or, json_path(read("json_obj"), "$.a")),
        calculate(read("bool"), Assign, read("bool")),
    ];
    for condition in accepted {
        store.accepts(&with_edge(variables(), when(condition.clone())));
        store.accepts(&waiting(NodeCondition::Condition(condition)));
    }
    let refused = [
        read("str"),
        read("int"),
        read("json_obj"),
        text("true"),
        null(),
        calculate(read("int"), Add, int(1)),
        calculate(json_path(read("json_obj"), "$.a"), Add, int(1)),
        calculate(read("int"), Assign, int(1)),
        cast(read("bool"), VariableType::Str),
        build("car", [("model", text("Golf"))]),
    ];
    for condition in refused {
        let texts = ["Does not resolve to a BOOL value"];
        store.refuses(&with_edge(variables(), when(condition.clone())), &texts);
        store.refuses(&waiting(NodeCondition::Condition(condition)), &texts);
    }
    store.refuses(&with_edge(variables(), when(build("car", []))), &["Missing required field(s)"]);
    store.refuses(&with_edge(variables(), when(calculate(read("int"), And, read("bool")))), &["INT"]);
}

/// 02/X-30, 02/G-7, 01/CMP-4: an edge needs no condition, a node that waits for one does.
#[test]
fn missing_conditions() {
    let store = Store::new();
    store.accepts(&with_edge(variables(), edge("2-exit")));
    store.refuses(
        &around(Kind::WaitForCondition(pb::WaitForConditionNode::default())),
        &["Node 1-node", "missing condition"],
    );
}
