//! Generated WfSpecs of the node kinds that are built: chains, branches, loops, sleeps, child threads, retries, timeouts.

use std::collections::BTreeMap;

use lh_machine::{
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    pb::{
        self, node::Node, sleep_node::SleepLength, task_node::TaskToExecute, variable_assignment::Source,
        variable_value::Value,
    },
};
use prost::Message;

use crate::random::Random;

/// The tenant of all runs.
pub const TENANT: &str = "default";

/// The variable to which every task appends its output.
pub const TRAIL: &str = "trail";

/// The input that branches look at.
pub const INPUT: &str = "input";

const COUNTER: &str = "counter";
const ENTRYPOINT: &str = "entrypoint";

/// Name of TaskDef `number`.
pub fn task_def(number: u64) -> String {
    format!("task-{number}")
}

/// The command that defines WfSpec `name`, by chance, and the `task_defs` TaskDefs that specs use.
pub fn definitions(name: &str, task_defs: u64, random: &mut Random) -> Kind {
    let mut writes = Vec::new();
    for number in 0..task_defs {
        let name = task_def(number);
        let definition = pb::TaskDef {
            id: Some(pb::TaskDefId { name: name.clone() }),
            return_type: Some(pb::ReturnType { return_type: Some(primitive(pb::VariableType::Str)) }),
            ..Default::default()
        };
        let key = key::meta(MetaKind::TaskDef, TENANT, &name, &[]);
        writes.push(meta_write::Write { key, value: Some(definition.encode_to_vec()) });
    }
    let key = key::meta(MetaKind::WfSpec, TENANT, name, &[0, 0]);
    writes.push(meta_write::Write { key, value: Some(wf_spec(name, task_defs, random).encode_to_vec()) });
    Kind::MetaWrite(internal::MetaWrite { expects: Vec::new(), writes })
}

/// The command that defines a TaskDef that no WfSpec uses.
pub fn spare(name: &str) -> Kind {
    let definition = pb::TaskDef { id: Some(pb::TaskDefId { name: name.to_owned() }), ..Default::default() };
    let key = key::meta(MetaKind::TaskDef, TENANT, name, &[]);
    let write = meta_write::Write { key, value: Some(definition.encode_to_vec()) };
    Kind::MetaWrite(internal::MetaWrite { expects: Vec::new(), writes: vec![write] })
}

fn wf_spec(name: &str, task_defs: u64, random: &mut Random) -> pb::WfSpec {
    let mut thread_specs = BTreeMap::new();
    let has_children = random.chance(30);
    let mut entrypoint = ThreadBuilder::new(task_defs, has_children.then_some("child"));
    for _ in 0..random.within(1..6) {
        entrypoint.step(random);
    }
    let mut thread = entrypoint.finish();
    thread.variable_defs = vec![
        variable(TRAIL, pb::VariableType::JsonArr, Value::JsonArr("[]".to_owned())),
        variable(COUNTER, pb::VariableType::Int, Value::Int(0)),
        variable(INPUT, pb::VariableType::Int, Value::Int(0)),
    ];
    thread_specs.insert(ENTRYPOINT.to_owned(), thread);
    if has_children {
        let mut child = ThreadBuilder::new(task_defs, None);
        for _ in 0..random.within(1..3) {
            child.plain_step(random);
        }
        thread_specs.insert("child".to_owned(), child.finish());
    }
    pb::WfSpec {
        id: Some(pb::WfSpecId { name: name.to_owned(), major_version: 0, revision: 0 }),
        thread_specs,
        entrypoint_thread_name: ENTRYPOINT.to_owned(),
        ..Default::default()
    }
}

/// A thread under construction; each step hangs on the edges that are open.
struct ThreadBuilder<'a> {
    task_defs: u64,
    child: Option<&'a str>,
    nodes: BTreeMap<String, pb::Node>,
    /// Edges that lead to the next node: from where, and what they carry.
    open: Vec<(String, pb::Edge)>,
}

impl<'a> ThreadBuilder<'a> {
    fn new(task_defs: u64, child: Option<&'a str>) -> Self {
        let mut builder = Self { task_defs, child, nodes: BTreeMap::new(), open: Vec::new() };
        let entrypoint = builder.add("entrypoint", Node::Entrypoint(pb::EntrypointNode {}));
        builder.open = vec![(entrypoint, pb::Edge::default())];
        builder
    }

    /// Adds a node to which all open edges lead; returns its name.
    fn add(&mut self, kind: &str, node: Node) -> String {
        let name = format!("{}-{kind}", self.nodes.len());
        for (from, mut edge) in self.open.drain(..) {
            edge.sink_node_name.clone_from(&name);
            if let Some(from) = self.nodes.get_mut(&from) {
                from.outgoing_edges.push(edge);
            }
        }
        self.nodes.insert(name.clone(), pb::Node { node: Some(node), ..Default::default() });
        name
    }

    fn step(&mut self, random: &mut Random) {
        match random.within(0..10) {
            0..6 => self.plain_step(random),
            6 | 7 => self.branch(random),
            8 => self.repeat(random),
            _ => match self.child {
                Some(child) => self.children(child, random),
                None => self.plain_step(random),
            },
        }
    }

    fn plain_step(&mut self, random: &mut Random) {
        if random.chance(70) {
            self.task(random);
        } else {
            self.sleep(random);
        }
    }

    fn task(&mut self, random: &mut Random) {
        let name = task_def(random.within(0..self.task_defs));
        let backoff = pb::ExponentialBackoffRetryPolicy {
            base_interval_ms: random.within(1..1_500) as i32,
            max_delay_ms: 5_000,
            multiplier: 2.0,
        };
        let node = Node::Task(pb::TaskNode {
            task_to_execute: Some(TaskToExecute::TaskDefId(pb::TaskDefId { name })),
            timeout_seconds: random.within(2..8) as i32,
            retries: random.within(0..5) as i32,
            exponential_backoff: random.chance(50).then_some(backoff),
            variables: Vec::new(),
        });
        let name = self.add("task", node);
        let output = Source::NodeOutput(pb::variable_assignment::NodeOutputReference { node_name: name.clone() });
        let edge = pb::Edge {
            variable_mutations: vec![mutation(TRAIL, pb::VariableMutationType::Extend, assignment(output))],
            ..Default::default()
        };
        self.open = vec![(name, edge)];
    }

    fn sleep(&mut self, random: &mut Random) {
        let seconds = literal(random.within(1..8) as i64);
        let node = Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::RawSeconds(seconds)) });
        let name = self.add("sleep", node);
        self.open = vec![(name, pb::Edge::default())];
    }

    /// One way or the other, then together again.
    fn branch(&mut self, random: &mut Random) {
        let fork = self.add("nop", Node::Nop(pb::NopNode {}));
        let condition = less_than(INPUT, random.within(0..10) as i64);
        self.open = vec![(fork.clone(), pb::Edge { edge_condition: Some(condition), ..Default::default() })];
        self.plain_step(random);
        let mut ways = std::mem::take(&mut self.open);
        self.open = vec![(fork, pb::Edge::default())];
        if random.chance(50) {
            self.plain_step(random);
        }
        self.open.append(&mut ways);
        let join = self.add("nop", Node::Nop(pb::NopNode {}));
        self.open = vec![(join, pb::Edge::default())];
    }

    /// A task some times in a row. The counter goes on from loop to loop, so that only the first one may repeat.
    fn repeat(&mut self, random: &mut Random) {
        let head = self.add("nop", Node::Nop(pb::NopNode {}));
        let condition = less_than(COUNTER, random.within(1..6) as i64);
        let mutations = vec![mutation(COUNTER, pb::VariableMutationType::Add, literal(1))];
        let again = pb::Edge { edge_condition: Some(condition), variable_mutations: mutations, ..Default::default() };
        self.open = vec![(head.clone(), again)];
        self.task(random);
        for (from, mut edge) in std::mem::take(&mut self.open) {
            edge.sink_node_name.clone_from(&head);
            if let Some(from) = self.nodes.get_mut(&from) {
                from.outgoing_edges.push(edge);
            }
        }
        self.open = vec![(head, pb::Edge::default())];
    }

    /// Starts a child thread, does something else, waits for it.
    fn children(&mut self, child: &str, random: &mut Random) {
        let start = pb::StartThreadNode { thread_spec_name: child.to_owned(), variables: BTreeMap::new() };
        let started = self.add("start", Node::StartThread(start));
        self.open = vec![(started.clone(), pb::Edge::default())];
        if random.chance(50) {
            self.plain_step(random);
        }
        let output = Source::NodeOutput(pb::variable_assignment::NodeOutputReference { node_name: started });
        use pb::wait_for_threads_node::{ThreadToWaitFor, ThreadsToWaitFor, ThreadsToWaitForOneOf};
        let threads = vec![ThreadToWaitFor { thread_run_number: Some(assignment(output)) }];
        let wait = pb::WaitForThreadsNode {
            threads_to_wait_for: Some(ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor { threads })),
            ..Default::default()
        };
        let name = self.add("wait", Node::WaitForThreads(wait));
        self.open = vec![(name, pb::Edge::default())];
    }

    fn finish(mut self) -> pb::ThreadSpec {
        self.add("exit", Node::Exit(pb::ExitNode::default()));
        pb::ThreadSpec { nodes: self.nodes, ..Default::default() }
    }
}

fn primitive(kind: pb::VariableType) -> pb::TypeDefinition {
    pb::TypeDefinition {
        defined_type: Some(pb::type_definition::DefinedType::PrimitiveType(kind as i32)),
        ..Default::default()
    }
}

fn variable(name: &str, kind: pb::VariableType, default: Value) -> pb::ThreadVarDef {
    let definition = pb::VariableDef {
        name: name.to_owned(),
        type_def: Some(primitive(kind)),
        default_value: Some(pb::VariableValue { value: Some(default) }),
        ..Default::default()
    };
    pb::ThreadVarDef {
        var_def: Some(definition),
        searchable: name == INPUT,
        access_level: pb::WfRunVariableAccessLevel::PrivateVar as i32,
        ..Default::default()
    }
}

fn assignment(source: Source) -> pb::VariableAssignment {
    pb::VariableAssignment { source: Some(source), ..Default::default() }
}

fn literal(number: i64) -> pb::VariableAssignment {
    assignment(Source::LiteralValue(pb::VariableValue { value: Some(Value::Int(number)) }))
}

fn mutation(name: &str, operation: pb::VariableMutationType, right: pb::VariableAssignment) -> pb::VariableMutation {
    pb::VariableMutation {
        lhs_name: name.to_owned(),
        operation: operation as i32,
        rhs_value: Some(pb::variable_mutation::RhsValue::RhsAssignment(right)),
        ..Default::default()
    }
}

fn less_than(name: &str, limit: i64) -> pb::edge::EdgeCondition {
    use pb::variable_assignment::{Expression, expression::Operation};
    let expression = Expression {
        lhs: Some(Box::new(assignment(Source::VariableName(name.to_owned())))),
        rhs: Some(Box::new(literal(limit))),
        operation: Some(Operation::Comparator(pb::Comparator::LessThan as i32)),
    };
    pb::edge::EdgeCondition::Condition(assignment(Source::Expression(Box::new(expression))))
}
