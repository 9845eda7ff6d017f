//! What is registered before the load: one TaskDef and a WfSpec that is a chain of its tasks.
use std::{
    collections::BTreeMap,
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use lh_proto::littlehorse::{
    Edge, EntrypointNode, ExitNode, Node, PutTaskDefRequest, PutWfSpecRequest, ReturnType, TaskDefId, TaskNode,
    ThreadSpec, ThreadVarDef, TypeDefinition, VariableAssignment, VariableDef, VariableType, VariableValue,
    WfRunVariableAccessLevel, node::Node as Kind, task_node::TaskToExecute, type_definition::DefinedType,
    variable_assignment::Source, variable_value::Value,
};

/// The WfSpec's variable and the TaskDef's parameter.
pub const INPUT: &str = "input";
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
    let variable = ThreadVarDef {
        var_def: Some(text_variable()),
        required: true,
        access_level: WfRunVariableAccessLevel::PrivateVar.into(),
        ..ThreadVarDef::default()
    };
    let thread = ThreadSpec { nodes, variable_defs: vec![variable], ..ThreadSpec::default() };
    PutWfSpecRequest {
        name: name.to_owned(),
        thread_specs: BTreeMap::from([(THREAD.to_owned(), thread)]),
        entrypoint_thread_name: THREAD.to_owned(),
        ..PutWfSpecRequest::default()
    }
}

/// A STR value.
pub fn text(value: String) -> VariableValue {
    VariableValue { value: Some(Value::Str(value)) }
}

fn task_node(task_def: &str, timeout_s: i32) -> TaskNode {
    let input = VariableAssignment { source: Some(Source::VariableName(INPUT.to_owned())), ..Default::default() };
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
