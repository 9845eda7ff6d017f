//! The words in which scripts describe WfSpecs and values.
//!
//! `spec NAME [VAR:TYPE[!][=VALUE]]... : NODE -> NODE -> ...` with nodes `task DEF [key=value]...`, `sleep SECONDS`,
//! `sleep_at VALUE`, `nop`, `loop` (a NOP whose edge leads back to the node before it), `exit`, `exit return=VALUE`,
//! `exit fail=NAME`. `set=VAR:VALUE` on any node puts an ASSIGN on its outgoing edge. Values are `int:5`, `str:x`,
//! `bool:true`, `double:1.5`, `json:{...}`, `null`, `$variable`, `@node` (output of a node).

use std::collections::BTreeMap;

use lh_machine::pb::{self, variable_value::Value};

pub fn literal(text: &str) -> pb::VariableValue {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let value = match kind {
        "null" => None,
        "int" => Some(Value::Int(rest.parse().unwrap())),
        "str" => Some(Value::Str(rest.to_owned())),
        "bool" => Some(Value::Bool(rest == "true")),
        "double" => Some(Value::Double(rest.parse().unwrap())),
        "json" if rest.starts_with('[') => Some(Value::JsonArr(rest.to_owned())),
        "json" => Some(Value::JsonObj(rest.to_owned())),
        "big" => Some(Value::Str("x".repeat(rest.parse().unwrap()))),
        other => panic!("unknown kind of value {other}"),
    };
    pb::VariableValue { value }
}

pub fn assignment(text: &str) -> pb::VariableAssignment {
    use pb::variable_assignment::{NodeOutputReference, Source};
    let source = match text.split_at(1) {
        ("$", name) => Source::VariableName(name.to_owned()),
        ("@", name) => Source::NodeOutput(NodeOutputReference { node_name: name.to_owned() }),
        _ => Source::LiteralValue(literal(text)),
    };
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

fn type_definition(name: &str) -> pb::TypeDefinition {
    let primitive = pb::VariableType::from_str_name(name).unwrap_or_else(|| panic!("unknown type {name}"));
    pb::TypeDefinition {
        masked: false,
        defined_type: Some(pb::type_definition::DefinedType::PrimitiveType(primitive as i32)),
    }
}

pub fn variable_def(text: &str) -> (pb::VariableDef, bool) {
    let (declaration, default) = match text.split_once('=') {
        Some((declaration, default)) => (declaration, Some(literal(default))),
        None => (text, None),
    };
    let required = declaration.ends_with('!');
    let (name, kind) = declaration.trim_end_matches('!').split_once(':').unwrap();
    let mut type_def = type_definition(kind.trim_end_matches('*'));
    type_def.masked = kind.ends_with('*');
    let definition = pb::VariableDef {
        name: name.to_owned(),
        type_def: Some(type_def),
        default_value: default,
        ..Default::default()
    };
    (definition, required)
}

/// `task_def NAME [INPUT:TYPE]... [returns=TYPE]`
pub fn task_def(words: &[&str]) -> pb::TaskDef {
    let mut task_def = pb::TaskDef { id: Some(pb::TaskDefId { name: words[0].to_owned() }), ..Default::default() };
    task_def.return_type = Some(pb::ReturnType::default());
    for word in &words[1..] {
        match word.strip_prefix("returns=") {
            Some(kind) => {
                let mut returns = type_definition(kind.trim_end_matches('*'));
                returns.masked = kind.ends_with('*');
                task_def.return_type = Some(pb::ReturnType { return_type: Some(returns) });
            }
            None => task_def.input_vars.push(variable_def(word).0),
        }
    }
    task_def
}

pub fn wf_spec(name: &str, head: &str, body: &str) -> pb::WfSpec {
    let mut thread = pb::ThreadSpec::default();
    for word in head.split_whitespace() {
        let searchable = word.starts_with('?');
        let (definition, required) = variable_def(word.trim_start_matches('?'));
        thread.variable_defs.push(pb::ThreadVarDef {
            var_def: Some(definition),
            required,
            searchable,
            access_level: pb::WfRunVariableAccessLevel::PrivateVar as i32,
            ..Default::default()
        });
    }
    let mut nodes: Vec<(String, pb::Node)> = Vec::new();
    let texts: Vec<&str> = std::iter::once("entrypoint").chain(body.split("->").map(str::trim)).collect();
    for (index, text) in texts.iter().enumerate() {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut node = pb::Node { node: Some(kind(&words)), ..Default::default() };
        let mutations = words.iter().filter_map(|word| word.strip_prefix("set=")).map(assign).collect();
        if let Some(previous) = index.checked_sub(1).filter(|_| words[0] == "loop") {
            let sink_node_name = nodes[previous].0.clone();
            node.outgoing_edges.push(pb::Edge { sink_node_name, variable_mutations: mutations, ..Default::default() });
        } else if let Some(next) = texts.get(index + 1) {
            let sink_node_name = format!("{}-{}", index + 1, next.split_whitespace().next().unwrap());
            node.outgoing_edges.push(pb::Edge { sink_node_name, variable_mutations: mutations, ..Default::default() });
        }
        nodes.push((format!("{index}-{}", words[0]), node));
    }
    thread.nodes = nodes.into_iter().collect();
    pb::WfSpec {
        id: Some(pb::WfSpecId { name: name.to_owned(), major_version: 0, revision: 0 }),
        thread_specs: BTreeMap::from([("entrypoint".to_owned(), thread)]),
        entrypoint_thread_name: "entrypoint".to_owned(),
        ..Default::default()
    }
}

fn assign(text: &str) -> pb::VariableMutation {
    let (name, value) = text.split_once(':').unwrap();
    pb::VariableMutation {
        lhs_name: name.to_owned(),
        operation: pb::VariableMutationType::Assign as i32,
        rhs_value: Some(pb::variable_mutation::RhsValue::RhsAssignment(assignment(value))),
        ..Default::default()
    }
}

fn kind(words: &[&str]) -> pb::node::Node {
    use pb::{exit_node, node::Node, sleep_node::SleepLength, task_node::TaskToExecute};
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    match words[0] {
        "entrypoint" => Node::Entrypoint(pb::EntrypointNode {}),
        "nop" | "loop" => Node::Nop(pb::NopNode {}),
        "sleep" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::RawSeconds(assignment(words[1]))) }),
        "sleep_at" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::Timestamp(assignment(words[1]))) }),
        "sleep_iso" => Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::IsoDate(assignment(words[1]))) }),
        "exit" => Node::Exit(pb::ExitNode {
            result: match (option("return"), option("fail")) {
                (Some(value), _) => Some(exit_node::Result::ReturnContent(assignment(value))),
                (_, Some(name)) => Some(exit_node::Result::FailureDef(pb::FailureDef {
                    failure_name: name.to_owned(),
                    message: "defined to fail".to_owned(),
                    content: option("content").map(assignment),
                })),
                _ => None,
            },
        }),
        "task" | "dynamic" => {
            let to_execute = if words[0] == "task" {
                TaskToExecute::TaskDefId(pb::TaskDefId { name: words[1].to_owned() })
            } else {
                TaskToExecute::DynamicTask(assignment(words[1]))
            };
            Node::Task(pb::TaskNode {
                task_to_execute: Some(to_execute),
                timeout_seconds: option("timeout").map_or(0, |text| text.parse().unwrap()),
                retries: option("retries").map_or(0, |text| text.parse().unwrap()),
                exponential_backoff: option("backoff").map(backoff),
                variables: words.iter().filter_map(|word| word.strip_prefix("in=")).map(assignment).collect(),
            })
        }
        other => panic!("unknown node {other}"),
    }
}

fn backoff(text: &str) -> pb::ExponentialBackoffRetryPolicy {
    let parts: Vec<&str> = text.split(',').collect();
    pb::ExponentialBackoffRetryPolicy {
        base_interval_ms: parts[0].parse().unwrap(),
        multiplier: parts[1].parse().unwrap(),
        max_delay_ms: parts[2].parse().unwrap(),
    }
}
