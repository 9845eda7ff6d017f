//! Which TaskDefs can come next behind a node without waiting in between: what claims are guessed from.
//!
//! Each node's answer is found at its first use and kept. To find all of them when a WfSpec arrives would take time and
//! memory that grow with the square of its nodes, on every shard, while hints are only asked for nodes on which runs wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use crate::{
    pb::{self, node::Node, task_node::TaskToExecute},
    spec::ThreadFacts,
};

/// The TaskDefs behind each node of one ThreadSpec, as far as somebody asked.
#[derive(Debug, Default)]
pub struct Feeds(BTreeMap<String, OnceLock<Vec<String>>>);

impl Feeds {
    /// Nothing is known yet of these nodes.
    pub fn of<'a>(nodes: impl Iterator<Item = &'a String>) -> Self {
        Self(nodes.map(|name| (name.clone(), OnceLock::new())).collect())
    }

    /// The TaskDefs behind a node, by `find` if nobody has asked before; none behind a node that does not exist.
    pub fn behind(&self, node: &str, find: impl FnOnce() -> BTreeSet<String>) -> &[String] {
        self.0.get(node).map_or(&[], |known| known.get_or_init(|| find().into_iter().collect()))
    }
}

/// TaskDefs of the TASK nodes reachable from a node over nodes that never wait, in threads started on the way too. Every
/// node is looked at once.
pub fn next_task_defs(
    wf_spec: &pb::WfSpec,
    threads: &BTreeMap<String, ThreadFacts>,
    thread: &str,
    from: &str,
) -> BTreeSet<String> {
    let nodes_of = |thread: &str| wf_spec.thread_specs.get(thread).map(|spec| &spec.nodes);
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = Vec::new();
    open.extend(nodes_of(thread).and_then(|nodes| nodes.get(from)).map(|node| (thread, node)).iter().flat_map(sinks));
    while let Some((thread, name)) = open.pop() {
        let Some(node) = nodes_of(thread).and_then(|nodes| nodes.get(name)) else { continue };
        if !seen.insert((thread, name)) {
            continue;
        }
        let started = match &node.node {
            Some(Node::Task(task)) => {
                if let Some(TaskToExecute::TaskDefId(id)) = &task.task_to_execute {
                    found.insert(id.name.clone());
                }
                continue;
            }
            Some(Node::StartThread(start)) => Some(&start.thread_spec_name),
            Some(Node::StartMultipleThreads(start)) => Some(&start.thread_spec_name),
            Some(Node::Entrypoint(_) | Node::Nop(_) | Node::RunChildWf(_) | Node::ThrowEvent(_)) => None,
            _ => continue,
        };
        open.extend(sinks(&(thread, node)));
        open.extend(started.and_then(|name| Some((name.as_str(), threads.get(name)?.entrypoint.as_str()))));
    }
    found
}

/// Where the edges of a node lead: thread and node.
fn sinks<'a>((thread, node): &(&'a str, &'a pb::Node)) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let thread = *thread;
    node.outgoing_edges.iter().map(move |edge| (thread, edge.sink_node_name.as_str()))
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use crate::{pb, spec::Spec};

    /// A WfSpec whose one thread is an ENTRYPOINT and so many NOPs behind it, then a task.
    fn chain(nops: usize) -> Spec {
        let name = |at: usize| format!("{at}-nop");
        let node = |kind: pb::node::Node, sink: usize| pb::Node {
            outgoing_edges: vec![pb::Edge { sink_node_name: name(sink), ..pb::Edge::default() }],
            node: Some(kind),
            ..pb::Node::default()
        };
        let mut thread = pb::ThreadSpec::default();
        thread.nodes.insert(name(0), node(pb::node::Node::Entrypoint(pb::EntrypointNode {}), 1));
        for at in 1..=nops {
            thread.nodes.insert(name(at), node(pb::node::Node::Nop(pb::NopNode {}), at + 1));
        }
        let id = pb::TaskDefId { name: "work".to_owned() };
        let task_to_execute = Some(pb::task_node::TaskToExecute::TaskDefId(id));
        let task = pb::TaskNode { task_to_execute, ..pb::TaskNode::default() };
        thread.nodes.insert(name(nops + 1), node(pb::node::Node::Task(task), 1));
        Spec::new(1, pb::WfSpec { thread_specs: [("main".to_owned(), thread)].into(), ..pb::WfSpec::default() })
    }

    /// A WfSpec that arrives costs nothing per pair of its nodes: what is behind a node is found when it is asked for.
    #[test]
    fn nothing_is_found_before_it_is_asked_for() {
        let spec = chain(100);
        let known = || spec.threads["main"].feeds.0.values().filter_map(OnceLock::get).count();
        assert_eq!(known(), 0);
        assert_eq!(spec.feeds("main", "0-nop"), ["work"]);
        assert_eq!(spec.feeds("main", "101-nop"), ["work"], "around the loop");
        assert_eq!(spec.feeds("main", "0-nop"), ["work"]);
        assert_eq!(known(), 2, "and then it is kept");
        assert_eq!(spec.feeds("main", "gone"), [""; 0]);
        assert_eq!(spec.feeds("gone", "0-nop"), [""; 0]);
    }
}
