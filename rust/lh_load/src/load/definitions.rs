//! What is registered before the load: one TaskDef and a WfSpec that is a chain of its tasks.
use std::{
    collections::BTreeMap,
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use lh_proto::littlehorse::{
    Comparator, Edge, EntrypointNode, ExitNode, LegacyEdgeCondition, Node, NopNode, PutTaskDefRequest,
    PutWfSpecRequest, ReturnType, TaskDefId, TaskNode, ThreadSpec, ThreadVarDef, TypeDefinition, VariableAssignment,
    VariableDef, VariableMutation, VariableMutationType, VariableType, VariableValue, WfRunVariableAccessLevel,
    edge::EdgeCondition, node::Node as Kind, task_node::TaskToExecute, type_definition::DefinedType,
    variable_assignment::Source, variable_mutation::RhsValue, variable_value::Value,
};

/// The WfSpec's variable and the TaskDef's parameter.
pub const INPUT: &str = "input";
/// The variable in which a looping run counts.
const VISITS: &str = "visits";
const THREAD: &str = "entrypoint";

/// A name that no other drive has used on any server: leftover tasks of an earlier drive can then not be mistaken.
pub fn unique_name(case: &str) -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("load-{case}-{:x}-{:x}", since_epoch.as_micros(), process::id())
}

/// A TaskDef that takes one STR and returns one STR.
pub fn task_def(name: &str) -> PutTaskDefRequest {
    PutTaskDefRequest {
        name: name.to_owned(),
        input_vars: vec![text_variable()],
        return_type: Some(ReturnType { return_type: Some(text_type()) }),
        description: None,
    }
}

/// ENTRYPOINT, `length` TASK nodes, EXIT; each task gets the run's variable and may take `timeout_s` seconds.
pub fn wf_spec(name: &str, task_def: &str, length: u32, timeout_s: i32) -> PutWfSpecRequest {
    let mut kinds = vec![("entrypoint-ENTRYPOINT".to_owned(), Kind::Entrypoint(EntrypointNode {}))];
    kinds.extend((0..length).map(|_| (format!("{task_def}-TASK"), Kind::Task(task_node(task_def, timeout_s)))));
    kinds.push(("exit-EXIT".to_owned(), Kind::Exit(ExitNode { result: None })));
    let names: Vec<String> = kinds.iter().enumerate().map(|(index, (label, _))| format!("{index}-{label}")).collect();
    let nodes: BTreeMap<String, Node> = kinds
        .into_iter()
        .enumerate()
        .map(|(index, (_, kind))| {
            let edge = names.get(index + 1).map(|sink| Edge { sink_node_name: sink.clone(), ..Default::default() });
            (
                names[index].clone(),
                Node { outgoing_edges: edge.into_iter().collect(), node: Some(kind), ..Node::default() },
            )
        })
        .collect();
    one_thread(name, nodes, vec![variable(text_variable(), true)])
}

/// ENTRYPOINT, two TASK nodes that lead to each other (an edge may not lead back to its own node) until they were visited
/// `visits` times together, EXIT.
pub fn loop_spec(name: &str, task_def: &str, visits: u32, timeout_s: i32) -> PutWfSpecRequest {
    let (entrypoint, exit) = ("0-entrypoint-ENTRYPOINT", "3-exit-EXIT");
    let tasks = [format!("1-{task_def}-TASK"), format!("2-{task_def}-TASK")];
    let edge = |sink: &str| Edge { sink_node_name: sink.to_owned(), ..Default::default() };
    let again = |sink: &str| Edge {
        edge_condition: Some(EdgeCondition::LegacyCondition(LegacyEdgeCondition {
            comparator: Comparator::LessThan.into(),
            left: Some(assigned(Source::VariableName(VISITS.to_owned()))),
            right: Some(assigned(Source::LiteralValue(number(visits.into())))),
        })),
        variable_mutations: vec![VariableMutation {
            lhs_name: VISITS.to_owned(),
            operation: VariableMutationType::Add.into(),
            rhs_value: Some(RhsValue::LiteralValue(number(1))),
            ..VariableMutation::default()
        }],
        ..edge(sink)
    };
    let node = |kind: Kind, outgoing_edges: Vec<Edge>| Node { node: Some(kind), outgoing_edges, ..Node::default() };
    let task = |next: &str| node(Kind::Task(task_node(task_def, timeout_s)), vec![again(next), edge(exit)]);
    let nodes = BTreeMap::from([
        (entrypoint.to_owned(), node(Kind::Entrypoint(EntrypointNode {}), vec![edge(&tasks[0])])),
        (tasks[0].clone(), task(&tasks[1])),
        (tasks[1].clone(), task(&tasks[0])),
        (exit.to_owned(), node(Kind::Exit(ExitNode { result: None }), vec![])),
    ]);
    let int =
        TypeDefinition { defined_type: Some(DefinedType::PrimitiveType(VariableType::Int.into())), masked: false };
    let counter = VariableDef {
        name: VISITS.to_owned(),
        type_def: Some(int),
        default_value: Some(number(1)),
        ..VariableDef::default()
    };
    one_thread(name, nodes, vec![variable(text_variable(), true), variable(counter, false)])
}

/// ENTRYPOINT and two NOP nodes that lead to each other for ever.
pub fn endless_spec(name: &str) -> PutWfSpecRequest {
    let edge = |sink: &str| Edge { sink_node_name: sink.to_owned(), ..Default::default() };
    let node = |kind: Kind, sink: &str| Node { node: Some(kind), outgoing_edges: vec![edge(sink)], ..Node::default() };
    let nodes = BTreeMap::from([
        ("0-entrypoint-ENTRYPOINT".to_owned(), node(Kind::Entrypoint(EntrypointNode {}), "1-nop-NOP")),
        ("1-nop-NOP".to_owned(), node(Kind::Nop(NopNode {}), "2-nop-NOP")),
        ("2-nop-NOP".to_owned(), node(Kind::Nop(NopNode {}), "1-nop-NOP")),
    ]);
    one_thread(name, nodes, vec![])
}

fn one_thread(name: &str, nodes: BTreeMap<String, Node>, variable_defs: Vec<ThreadVarDef>) -> PutWfSpecRequest {
    let thread = ThreadSpec { nodes, variable_defs, ..ThreadSpec::default() };
    PutWfSpecRequest {
        name: name.to_owned(),
        thread_specs: BTreeMap::from([(THREAD.to_owned(), thread)]),
        entrypoint_thread_name: THREAD.to_owned(),
        ..PutWfSpecRequest::default()
    }
}

fn variable(definition: VariableDef, required: bool) -> ThreadVarDef {
    ThreadVarDef {
        var_def: Some(definition),
        required,
        access_level: WfRunVariableAccessLevel::PrivateVar.into(),
        ..ThreadVarDef::default()
    }
}

fn assigned(source: Source) -> VariableAssignment {
    VariableAssignment { source: Some(source), ..VariableAssignment::default() }
}

fn number(value: i64) -> VariableValue {
    VariableValue { value: Some(Value::Int(value)) }
}

/// A STR value.
pub fn text(value: String) -> VariableValue {
    VariableValue { value: Some(Value::Str(value)) }
}

fn task_node(task_def: &str, timeout_s: i32) -> TaskNode {
    let input = assigned(Source::VariableName(INPUT.to_owned()));
    TaskNode {
        task_to_execute: Some(TaskToExecute::TaskDefId(TaskDefId { name: task_def.to_owned() })),
        timeout_seconds: timeout_s,
        variables: vec![input],
        ..TaskNode::default()
    }
}

fn text_type() -> TypeDefinition {
    TypeDefinition { defined_type: Some(DefinedType::PrimitiveType(VariableType::Str.into())), masked: false }
}

fn text_variable() -> VariableDef {
    VariableDef { name: INPUT.to_owned(), type_def: Some(text_type()), ..VariableDef::default() }
}
