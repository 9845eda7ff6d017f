//! Arbitrary WfSpecs, most of them nearly right, and the definitions that they may refer to.

use std::collections::BTreeMap;

use lh_machine::{
    check,
    pb::{self, node::Node as Kind},
    value::types,
};

use crate::{
    source::Source,
    values::{self, PRIMITIVES, VARIABLES},
};

/// TaskDefs that generated specs refer to; [`Defined`] has all but the last.
pub const TASK_DEFS: [&str; 4] = ["nothing", "text", "number", "unknown"];

/// What is defined before: TaskDefs, StructDefs, and the WfSpecs that were accepted so far.
#[derive(Default)]
pub struct Defined {
    /// By name; the last is the latest.
    pub wf_specs: Vec<pb::WfSpec>,
}

impl Defined {
    /// The TaskDef of this name.
    pub fn task(name: &str) -> Option<pb::TaskDef> {
        let primitive = match name {
            "nothing" => None,
            "text" => Some(pb::VariableType::Str),
            "number" => Some(pb::VariableType::Int),
            _ => return None,
        };
        let return_type = primitive.map(types::primitive);
        let input = return_type.clone().map(|type_def| pb::VariableDef {
            name: "input".to_owned(),
            type_def: Some(type_def),
            ..Default::default()
        });
        Some(pb::TaskDef {
            id: Some(pb::TaskDefId { name: name.to_owned() }),
            input_vars: input.into_iter().collect(),
            return_type: Some(pb::ReturnType { return_type }),
            ..Default::default()
        })
    }

    /// The StructDefs: a person of text and number, a car with a person in it.
    pub fn structs() -> Vec<pb::StructDef> {
        let field = |field_type| pb::StructFieldDef { field_type: Some(field_type), ..Default::default() };
        let id = |name: &str| pb::StructDefId { name: name.to_owned(), version: 0 };
        let of = |name: &str, fields: Vec<(&str, pb::StructFieldDef)>| pb::StructDef {
            id: Some(id(name)),
            struct_def: Some(pb::InlineStructDef {
                fields: fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect(),
            }),
            ..Default::default()
        };
        let nullable = pb::StructFieldDef { is_nullable: true, ..field(types::primitive(pb::VariableType::Int)) };
        let person = of("person", vec![("str", field(types::primitive(pb::VariableType::Str))), ("int", nullable)]);
        let car = of("car", vec![("obj", field(types::structure(id("person"))))]);
        vec![person, car]
    }
}

impl check::Definitions for Defined {
    fn task_def(&self, name: &str) -> Option<pb::TaskDef> {
        Self::task(name)
    }

    fn external_event_def(&self, _name: &str) -> Option<pb::ExternalEventDef> {
        None
    }

    fn workflow_event_def(&self, _name: &str) -> Option<pb::WorkflowEventDef> {
        None
    }

    fn user_task_def(&self, _name: &str, _version: Option<i32>) -> Option<pb::UserTaskDef> {
        None
    }

    fn struct_def(&self, name: &str, version: Option<i32>) -> Option<pb::StructDef> {
        let found = Self::structs().into_iter().find(|def| def.id.as_ref().is_some_and(|id| id.name == name));
        found.filter(|_| version.is_none_or(|version| version == 0))
    }

    fn wf_spec(&self, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<pb::WfSpec> {
        let mut found = self.wf_specs.iter().rev().filter(|spec| {
            spec.id.as_ref().is_some_and(|id| {
                let right = |wanted: Option<i32>, is: i32| wanted.is_none_or(|wanted| wanted == is);
                id.name == name && right(major, id.major_version) && right(revision, id.revision)
            })
        });
        found.next().cloned()
    }
}

/// Any request to put a WfSpec of this name.
pub fn put_wf_spec(source: &mut Source<'_>, name: &str) -> pb::PutWfSpecRequest {
    let threads: Vec<String> = (0..1 + source.below(4)).map(|number| format!("thread{number}")).collect();
    let mut thread_specs = BTreeMap::new();
    for (number, thread) in threads.iter().enumerate() {
        thread_specs.insert(thread.clone(), thread_spec(source, number, &threads));
    }
    let retention_policy = source.one_in(4).then(|| pb::WorkflowRetentionPolicy {
        wf_gc_policy: Some(pb::workflow_retention_policy::WfGcPolicy::SecondsAfterWfTermination(source.pick(&[
            0,
            1,
            60,
            i64::MAX,
            -1,
        ]))),
    });
    let parent_wf_spec = source.one_in(12).then(|| pb::wf_spec::ParentWfSpecReference {
        wf_spec_name: source.pick(&["spec0", "spec1"]).to_owned(),
        wf_spec_major_version: source.below(2) as i32,
    });
    let entrypoint_thread_name = if source.one_in(32) { source.text() } else { threads[0].clone() };
    pb::PutWfSpecRequest {
        name: name.to_owned(),
        thread_specs,
        entrypoint_thread_name,
        retention_policy,
        parent_wf_spec,
        allowed_updates: source.below(4) as i32,
    }
}

fn thread_spec(source: &mut Source<'_>, number: usize, threads: &[String]) -> pb::ThreadSpec {
    // Variables of other threads are seen too, so each thread but the first declares few of its own.
    let declares = if number == 0 { source.byte() | 0x30 } else { 0 };
    let variable_defs = (0..7).filter(|bit| declares & 1 << bit != 0).map(|bit| variable_def(source, bit)).collect();
    let count = source.below(6);
    let names: Vec<String> = (0..count + 2)
        .map(|place| match place {
            0 => "0-entrypoint".to_owned(),
            _ => format!("{place}-node"),
        })
        .collect();
    let mut nodes = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        let kind = match place {
            0 => Kind::Entrypoint(pb::EntrypointNode {}),
            _ if place == names.len() - 1 => exit(source, &names),
            _ => node(source, number, threads, &names),
        };
        let failure_handlers = (0..source.below(16) / 12).map(|_| handler(source, number, threads)).collect();
        let outgoing_edges = if matches!(kind, Kind::Exit(_)) { Vec::new() } else { edges(source, place, &names) };
        nodes.insert(name.clone(), pb::Node { node: Some(kind), outgoing_edges, failure_handlers });
    }
    pb::ThreadSpec { nodes, variable_defs, ..Default::default() }
}

fn variable_def(source: &mut Source<'_>, number: usize) -> pb::ThreadVarDef {
    let type_def = match source.one_in(12) {
        true => values::type_definition(source, 2),
        false => types::primitive(PRIMITIVES[number]),
    };
    let definition = pb::VariableDef {
        name: VARIABLES[number].to_owned(),
        type_def: Some(type_def),
        default_value: source.one_in(6).then(|| values::value(source, 2)),
        ..Default::default()
    };
    pb::ThreadVarDef {
        var_def: Some(definition),
        required: source.one_in(12),
        searchable: source.one_in(4),
        access_level: source.below(3) as i32,
        ..Default::default()
    }
}

/// On to the next node, and sometimes under a condition to another one first.
fn edges(source: &mut Source<'_>, place: usize, names: &[String]) -> Vec<pb::Edge> {
    use pb::edge::EdgeCondition;
    let mut edges = Vec::new();
    if source.one_in(4) {
        let condition = match source.one_in(2) {
            true => EdgeCondition::Condition(values::assignment(source, 2, names)),
            false => EdgeCondition::LegacyCondition(pb::LegacyEdgeCondition {
                comparator: source.below(9) as i32,
                left: Some(values::assignment(source, 1, names)),
                right: Some(values::assignment(source, 1, names)),
            }),
        };
        edges.push(pb::Edge {
            sink_node_name: names[source.below(names.len())].clone(),
            edge_condition: (!source.one_in(8)).then_some(condition),
            variable_mutations: mutations(source, names),
        });
    }
    let next = names.get(place + 1).cloned().unwrap_or_default();
    edges.push(pb::Edge { sink_node_name: next, edge_condition: None, variable_mutations: mutations(source, names) });
    edges
}

fn mutations(source: &mut Source<'_>, names: &[String]) -> Vec<pb::VariableMutation> {
    (0..source.below(16) / 11).map(|_| values::mutation(source, names)).collect()
}

fn handler(source: &mut Source<'_>, number: usize, threads: &[String]) -> pb::FailureHandlerDef {
    use pb::failure_handler_def::FailureToCatch;
    let failure_to_catch = match source.below(4) {
        0 => None,
        1 => Some(FailureToCatch::AnyFailureOfType(source.below(3) as i32)),
        _ => Some(FailureToCatch::SpecificFailure(source.pick(&["TIMEOUT", "VAR_SUB_ERROR", "my-failure"]).to_owned())),
    };
    pb::FailureHandlerDef { handler_spec_name: other_thread(source, number, threads), failure_to_catch }
}

/// A later thread mostly, so that threads rarely start themselves.
fn other_thread(source: &mut Source<'_>, number: usize, threads: &[String]) -> String {
    let later = &threads[(number + 1).min(threads.len() - 1)..];
    if source.one_in(32) { source.text() } else { later[source.below(later.len())].clone() }
}

fn exit(source: &mut Source<'_>, names: &[String]) -> Kind {
    use pb::exit_node::Result;
    let result = match source.below(6) {
        1 => Some(Result::ReturnContent(values::assignment(source, 2, names))),
        2 => Some(Result::FailureDef(pb::FailureDef {
            failure_name: source.pick(&["my-failure", "other-failure", "TIMEOUT", ""]).to_owned(),
            message: values::text(source),
            content: source.one_in(2).then(|| values::assignment(source, 1, names)),
        })),
        _ => None,
    };
    Kind::Exit(pb::ExitNode { result })
}

fn node(source: &mut Source<'_>, number: usize, threads: &[String], names: &[String]) -> Kind {
    use pb::{sleep_node::SleepLength, wait_for_condition_node::NodeCondition};
    match source.below(12) {
        0 => Kind::Nop(pb::NopNode {}),
        1..=4 => task(source, names),
        5 => {
            let length = values::assignment(source, 1, names);
            Kind::Sleep(pb::SleepNode {
                sleep_length: Some(match source.below(3) {
                    0 => SleepLength::RawSeconds(length),
                    1 => SleepLength::Timestamp(length),
                    _ => SleepLength::IsoDate(length),
                }),
            })
        }
        6 | 7 => Kind::StartThread(pb::StartThreadNode {
            thread_spec_name: other_thread(source, number, threads),
            variables: BTreeMap::new(),
        }),
        8 => Kind::StartMultipleThreads(pb::StartMultipleThreadsNode {
            thread_spec_name: other_thread(source, number, threads),
            variables: BTreeMap::new(),
            iterable: Some(values::assignment(source, 1, names)),
        }),
        9 | 10 => wait_for_threads(source, number, threads, names),
        _ => Kind::WaitForCondition(pb::WaitForConditionNode {
            node_condition: Some(NodeCondition::Condition(values::assignment(source, 2, names))),
        }),
    }
}

fn task(source: &mut Source<'_>, names: &[String]) -> Kind {
    use pb::task_node::TaskToExecute;
    let name = if source.one_in(32) { "unknown" } else { source.pick(&TASK_DEFS[..3]) };
    let to_execute = match source.one_in(8) {
        true => TaskToExecute::DynamicTask(values::assignment(source, 1, names)),
        false => TaskToExecute::TaskDefId(pb::TaskDefId { name: name.to_owned() }),
    };
    let inputs = usize::from(name != "nothing");
    let exponential_backoff = source.one_in(4).then(|| pb::ExponentialBackoffRetryPolicy {
        base_interval_ms: source.pick(&[1, 1_000, i32::MAX, 0, -1]),
        max_delay_ms: source.pick(&[1, 60_000, i64::MAX, 0]),
        multiplier: source.pick(&[1.0, 2.0, f32::MAX, 0.5, f32::NAN]),
    });
    Kind::Task(pb::TaskNode {
        task_to_execute: Some(to_execute),
        timeout_seconds: source.pick(&[0, 1, 60, i32::MAX, -1]),
        retries: source.pick(&[0, 0, 1, 3, i32::MAX, -1]),
        exponential_backoff,
        variables: (0..inputs)
            .map(|_| match source.one_in(2) {
                true => values::assignment(source, 2, names),
                false => pb::VariableAssignment {
                    source: Some(pb::variable_assignment::Source::VariableName(
                        if name == "text" { "str" } else { "int" }.to_owned(),
                    )),
                    ..Default::default()
                },
            })
            .collect(),
    })
}

fn wait_for_threads(source: &mut Source<'_>, number: usize, threads: &[String], names: &[String]) -> Kind {
    use pb::wait_for_threads_node::{ThreadToWaitFor, ThreadsToWaitFor, ThreadsToWaitForOneOf};
    let awaited = match source.one_in(3) {
        true => ThreadsToWaitForOneOf::ThreadList(values::assignment(source, 1, names)),
        false => ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor {
            threads: (0..1 + source.below(3))
                .map(|_| ThreadToWaitFor { thread_run_number: Some(values::assignment(source, 0, names)) })
                .collect(),
        }),
    };
    let handlers = (0..source.below(16) / 12).map(|_| handler(source, number, threads)).collect();
    Kind::WaitForThreads(pb::WaitForThreadsNode {
        threads_to_wait_for: Some(awaited),
        per_thread_failure_handlers: handlers,
        strategy: source.below(4) as i32,
    })
}

/// A WfSpec of one task, tried twice.
pub fn one_task() -> pb::WfSpec {
    let edge = |sink: &str| vec![pb::Edge { sink_node_name: sink.to_owned(), ..Default::default() }];
    let task = pb::TaskNode {
        task_to_execute: Some(pb::task_node::TaskToExecute::TaskDefId(pb::TaskDefId { name: "nothing".to_owned() })),
        retries: 1,
        ..Default::default()
    };
    let of = |kind, outgoing_edges| pb::Node { node: Some(kind), outgoing_edges, ..Default::default() };
    let nodes = [
        ("entrypoint", of(Kind::Entrypoint(pb::EntrypointNode {}), edge("task"))),
        ("task", of(Kind::Task(task), edge("exit"))),
        ("exit", of(Kind::Exit(pb::ExitNode::default()), Vec::new())),
    ];
    let mut source = Source::new(&[]);
    let thread = pb::ThreadSpec {
        nodes: nodes.into_iter().map(|(name, node)| (name.to_owned(), node)).collect(),
        variable_defs: vec![variable_def(&mut source, 4)],
        ..Default::default()
    };
    pb::WfSpec {
        id: Some(pb::WfSpecId { name: "spec0".to_owned(), ..Default::default() }),
        thread_specs: [("thread0".to_owned(), thread)].into(),
        entrypoint_thread_name: "thread0".to_owned(),
        ..Default::default()
    }
}
