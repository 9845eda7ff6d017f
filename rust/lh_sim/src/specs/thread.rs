//! A thread under construction: chains, branches, loops, tasks, sleeps, child threads.

use std::collections::BTreeMap;

use lh_machine::pb::{self, node::Node, sleep_node::SleepLength, task_node::TaskToExecute};

use super::{COUNTER, INPUT, Palette, task_def, words};
use crate::random::Random;

/// Failures that handlers are made for.
const FAILURES: [&str; 8] = ["any", "any", "error", "exception", "bad", "TASK_ERROR", "TIMEOUT", "USER_TASK_CANCELLED"];

/// A thread under construction; each step hangs on the edges that are open.
pub struct ThreadBuilder<'a> {
    pub(super) palette: Palette<'a>,
    nodes: BTreeMap<String, pb::Node>,
    /// Edges that lead to the next node: from where, and what they carry.
    pub(super) open: Vec<(String, pb::Edge)>,
}

impl<'a> ThreadBuilder<'a> {
    /// A thread that has only begun.
    pub fn new(palette: Palette<'a>) -> Self {
        let mut builder = Self { palette, nodes: BTreeMap::new(), open: Vec::new() };
        builder.plain("entrypoint", Node::Entrypoint(pb::EntrypointNode {}));
        builder
    }

    /// Adds a node to which all open edges lead; returns its name.
    pub(super) fn add(&mut self, kind: &str, node: Node) -> String {
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

    /// Adds a node with an edge that carries nothing; returns its name.
    pub(super) fn plain(&mut self, kind: &str, node: Node) -> String {
        let name = self.add(kind, node);
        self.open = vec![(name.clone(), pb::Edge::default())];
        name
    }

    /// Failure handlers for a node, by chance.
    pub(super) fn handle(&mut self, name: &str, percent: u64, random: &mut Random) {
        let Some(thread) = self.palette.handler.filter(|_| random.chance(percent)) else { return };
        if let Some(node) = self.nodes.get_mut(name) {
            node.failure_handlers.push(words::handler(random.pick::<&str>(&FAILURES), thread));
        }
    }

    /// Adds some nodes that belong together.
    pub fn step(&mut self, random: &mut Random) {
        let palette = self.palette;
        match random.within(0..18) {
            0..5 => self.plain_step(random),
            5 => self.branch(random),
            6 => self.repeat(random),
            7..9 if palette.child.is_some() => self.children(random),
            9..12 if palette.has_events => self.event(random),
            12..15 if palette.has_people => self.user_task(random),
            15..18 if palette.child_runs > 0 => self.child_run(random),
            _ => self.plain_step(random),
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
        let name = task_def(random.within(0..self.palette.task_defs));
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
        self.handle(&name, 50, random);
        self.open = vec![(name.clone(), words::appending(words::output_of(&name)))];
    }

    fn sleep(&mut self, random: &mut Random) {
        let seconds = words::literal(random.within(1..8) as i64);
        self.plain("sleep", Node::Sleep(pb::SleepNode { sleep_length: Some(SleepLength::RawSeconds(seconds)) }));
    }

    /// One way or the other, then together again.
    fn branch(&mut self, random: &mut Random) {
        let fork = self.add("nop", Node::Nop(pb::NopNode {}));
        let condition = words::less_than(INPUT, random.within(0..10) as i64);
        self.open = vec![(fork.clone(), pb::Edge { edge_condition: Some(condition), ..Default::default() })];
        self.plain_step(random);
        let mut ways = std::mem::take(&mut self.open);
        self.open = vec![(fork, pb::Edge::default())];
        if random.chance(50) {
            self.plain_step(random);
        }
        self.open.append(&mut ways);
        self.plain("nop", Node::Nop(pb::NopNode {}));
    }

    /// A task or an event some times in a row. The counter goes on from loop to loop, so that only the first one may repeat.
    fn repeat(&mut self, random: &mut Random) {
        let head = self.add("nop", Node::Nop(pb::NopNode {}));
        let condition = words::less_than(COUNTER, random.within(1..6) as i64);
        let mutations = vec![words::mutation(COUNTER, pb::VariableMutationType::Add, words::literal(1))];
        let again = pb::Edge { edge_condition: Some(condition), variable_mutations: mutations, ..Default::default() };
        self.open = vec![(head.clone(), again)];
        if self.palette.has_events && random.chance(50) {
            self.event(random);
        } else {
            self.task(random);
        }
        for (from, mut edge) in std::mem::take(&mut self.open) {
            edge.sink_node_name.clone_from(&head);
            if let Some(from) = self.nodes.get_mut(&from) {
                from.outgoing_edges.push(edge);
            }
        }
        self.open = vec![(head, pb::Edge::default())];
    }

    /// Starts one or two child threads, does something else, waits for them.
    fn children(&mut self, random: &mut Random) {
        use pb::wait_for_threads_node::{ThreadToWaitFor, ThreadsToWaitFor, ThreadsToWaitForOneOf};
        let Some(child) = self.palette.child else { return };
        let mut threads = Vec::new();
        for _ in 0..random.within(1..3) {
            let start = pb::StartThreadNode { thread_spec_name: child.to_owned(), variables: BTreeMap::new() };
            let started = self.plain("start", Node::StartThread(start));
            threads.push(ThreadToWaitFor { thread_run_number: Some(words::output_of(&started)) });
        }
        if random.chance(40) {
            self.plain_step(random);
        }
        // Otherwise the thread waits at its EXIT.
        if random.chance(80) {
            use pb::WaitForThreadsStrategy::{WaitForAll, WaitForAny, WaitForFirst};
            let each = self.palette.handler.filter(|_| random.chance(40));
            let wait = pb::WaitForThreadsNode {
                threads_to_wait_for: Some(ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor { threads })),
                per_thread_failure_handlers: each
                    .map(|thread| words::handler(random.pick::<&str>(&FAILURES), thread))
                    .into_iter()
                    .collect(),
                strategy: *random.pick(&[WaitForAll, WaitForAll, WaitForFirst, WaitForAny]) as i32,
            };
            let name = self.plain("wait", Node::WaitForThreads(wait));
            self.handle(&name, 40, random);
        }
    }

    /// The thread as it is, with its end.
    pub fn finish(mut self, random: &mut Random) -> pb::ThreadSpec {
        let fails = random.chance(12);
        let failure = pb::FailureDef { failure_name: "bad".to_owned(), message: "it is".to_owned(), content: None };
        let result = fails.then_some(pb::exit_node::Result::FailureDef(failure));
        self.add("exit", Node::Exit(pb::ExitNode { result }));
        pb::ThreadSpec { nodes: self.nodes, ..Default::default() }
    }
}
