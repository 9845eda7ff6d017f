//! The TaskDefs behind a node, against a definition of them that is too slow to use: random WfSpecs with branches, loops and
//! threads that start threads, themselves included.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "properties/random.rs"]
#[allow(dead_code)]
mod random;

use std::collections::{BTreeMap, BTreeSet};

use lh_machine::{pb, spec::Spec};
use pb::{node::Node as Kind, task_node::TaskToExecute};
use random::Random;

const SEEDS: u64 = 300;
const THREADS: usize = 4;

fn name(at: usize) -> String {
    format!("{at}")
}

/// A node that may wait or not, that may be a task or start a thread.
fn kind(random: &mut Random) -> Kind {
    let thread_spec_name = name(random.below(THREADS + 1));
    match random.below(10) {
        0 | 1 => {
            let id = pb::TaskDefId { name: format!("task-{}", random.below(6)) };
            Kind::Task(pb::TaskNode { task_to_execute: Some(TaskToExecute::TaskDefId(id)), ..Default::default() })
        }
        2 => Kind::Task(pb::TaskNode::default()),
        3 => Kind::StartThread(pb::StartThreadNode { thread_spec_name, ..Default::default() }),
        4 => Kind::StartMultipleThreads(pb::StartMultipleThreadsNode { thread_spec_name, ..Default::default() }),
        5 => Kind::Sleep(pb::SleepNode::default()),
        6 => Kind::RunChildWf(pb::RunChildWfNode::default()),
        7 => Kind::ThrowEvent(pb::ThrowEventNode::default()),
        _ => Kind::Nop(pb::NopNode {}),
    }
}

fn thread(random: &mut Random) -> pb::ThreadSpec {
    let nodes = 1 + random.below(14);
    let entrypoint = random.below(nodes);
    let mut thread = pb::ThreadSpec::default();
    for at in 0..nodes {
        let kind = if at == entrypoint { Kind::Entrypoint(pb::EntrypointNode {}) } else { kind(random) };
        // Some edges lead to a node that there is not.
        let edges = (0..1 + random.below(3)).map(|_| name(random.below(nodes + 1)));
        let edges = edges.map(|sink| pb::Edge { sink_node_name: sink, ..Default::default() });
        let node = pb::Node { outgoing_edges: edges.collect(), node: Some(kind), ..Default::default() };
        thread.nodes.insert(name(at), node);
    }
    thread
}

type Place = (String, String);

/// Where a run is without waiting once it has left a node, or has come to one that does not wait.
fn behind(wf_spec: &pb::WfSpec, (thread, node): &Place) -> Vec<Place> {
    let node = &wf_spec.thread_specs[thread].nodes[node];
    let mut places: Vec<Place> =
        node.outgoing_edges.iter().map(|edge| (thread.clone(), edge.sink_node_name.clone())).collect();
    let started = match node.node.as_ref().unwrap() {
        Kind::StartThread(start) => Some(&start.thread_spec_name),
        Kind::StartMultipleThreads(start) => Some(&start.thread_spec_name),
        _ => None,
    };
    if let Some((started, spec)) = started.and_then(|started| wf_spec.thread_specs.get_key_value(started)) {
        let (entrypoint, _) =
            spec.nodes.iter().find(|(_, node)| matches!(node.node, Some(Kind::Entrypoint(_)))).unwrap();
        places.push((started.clone(), entrypoint.clone()));
    }
    places.retain(|(thread, node)| wf_spec.thread_specs[thread].nodes.contains_key(node));
    places
}

fn passes(node: &pb::Node) -> bool {
    use Kind::{Entrypoint, Nop, RunChildWf, StartMultipleThreads, StartThread, ThrowEvent};
    let kind = node.node.as_ref().unwrap();
    matches!(kind, Entrypoint(_) | Nop(_) | RunChildWf(_) | ThrowEvent(_) | StartThread(_) | StartMultipleThreads(_))
}

/// Spreads sets along the edges until nothing changes any more.
fn brute_force(wf_spec: &pb::WfSpec) -> BTreeMap<Place, BTreeSet<String>> {
    let places = wf_spec.thread_specs.iter().flat_map(|(thread, spec)| {
        spec.nodes.keys().map(move |node| ((thread.clone(), node.clone()), BTreeSet::<String>::new()))
    });
    let mut into: BTreeMap<Place, BTreeSet<String>> = places.collect();
    let before = |into: &BTreeMap<Place, BTreeSet<String>>, places: Vec<Place>| -> BTreeSet<String> {
        places.iter().flat_map(|place| into[place].clone()).collect()
    };
    loop {
        let mut next = into.clone();
        for (place, found) in &mut next {
            let node = &wf_spec.thread_specs[&place.0].nodes[&place.1];
            if let Some(Kind::Task(pb::TaskNode { task_to_execute: Some(TaskToExecute::TaskDefId(id)), .. })) =
                &node.node
            {
                found.insert(id.name.clone());
            }
            if passes(node) {
                found.extend(before(&into, behind(wf_spec, place)));
            }
        }
        if next == into {
            break;
        }
        into = next;
    }
    // A node feeds what its edges lead to; the thread that it starts was started when the run came to it.
    let out = into.keys().map(|place| {
        let mut places = behind(wf_spec, place);
        let edges = &wf_spec.thread_specs[&place.0].nodes[&place.1].outgoing_edges;
        let kept = edges.iter().filter(|edge| wf_spec.thread_specs[&place.0].nodes.contains_key(&edge.sink_node_name));
        places.truncate(kept.count());
        (place.clone(), before(&into, places))
    });
    out.collect()
}

#[test]
fn as_the_slow_definition_says() {
    let mut found = 0;
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let thread_specs = (0..THREADS).map(|at| (name(at), thread(&mut random))).collect();
        let wf_spec = pb::WfSpec { thread_specs, ..Default::default() };
        let expected = brute_force(&wf_spec);
        let spec = Spec::new(1, wf_spec);
        for ((thread, node), task_defs) in &expected {
            let feeds: Vec<String> = spec.feeds(thread, node).to_vec();
            assert_eq!(feeds, task_defs.iter().cloned().collect::<Vec<_>>(), "seed {seed}, {thread}/{node}");
            found += feeds.len();
        }
    }
    assert!(found > 4_000, "most seeds have tasks behind most nodes: {found}");
}
