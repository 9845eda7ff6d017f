//! Nodes that start and await threads and child workflows (02 section 12.4).

use std::collections::BTreeMap;

use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::run_child_wf_node::WfSpec as Which;
use lh_machine::pb::wait_for_threads_node::{ThreadToWaitFor, ThreadsToWaitFor, ThreadsToWaitForOneOf};
use lh_machine::pb::{self, VariableType};
use lh_machine::value::types;

use super::fixtures::*;

type Inputs<'a> = &'a [(&'a str, pb::VariableAssignment)];

fn inputs(given: Inputs<'_>) -> BTreeMap<String, pb::VariableAssignment> {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A WfSpec whose `main` has this node and whose `child` needs an INT `n` and may take a struct `c`.
fn with_child(kind: Kind) -> pb::PutWfSpecRequest {
    let mut variables = all_variables();
    variables.push(var_of("ints", array_of(types::primitive(VariableType::Int))));
    variables.push(var_of("car", struct_type("car", 0)));
    let child = vec![
        required(var("n", VariableType::Int)),
        var_of("c", struct_type("car", 0)),
        required(var("INPUT", VariableType::Int)),
    ];
    flow([("main", thread_around(variables, kind)), ("child", idle_thread(child))])
}

fn starting(thread_name: &str, given: Inputs<'_>) -> pb::PutWfSpecRequest {
    with_child(Kind::StartThread(pb::StartThreadNode {
        thread_spec_name: thread_name.to_owned(),
        variables: inputs(given),
    }))
}

/// 02/X-26, 02/T-8, 01/STA-4: inputs are typed with their casts; NULL fits everywhere.
#[test]
fn start_thread() {
    let store = Store::new();
    let complete = [("n", read("int")), ("INPUT", int(1))];
    store.accepts(&starting("child", &complete));
    store.accepts(&starting("child", &[("n", cast(read("str"), VariableType::Int)), ("INPUT", null())]));
    store.accepts(&starting("child", &[complete.clone().as_slice(), &[("c", read("car"))]].concat()));
    store.accepts(&starting("child", &[("n", json_path(read("json_obj"), "$.a")), ("INPUT", int(1))]));
    store.refuses(&starting("main", &[]), &["Tried to start same thread"]);
    store.refuses(&starting("ghost", &[]), &["Tried to start nonexistent thread"]);
    store.refuses(
        &starting("child", &[complete.as_slice(), &[("z", int(1))]].concat()),
        &["z", "provided but not needed"],
    );
    store.refuses(&starting("child", &[("n", int(1))]), &["Missing required variable INPUT"]);
    store.refuses(&starting("child", &[("n", read("str")), ("INPUT", int(1))]), &["Variable n invalid", "STR to INT"]);
    store.refuses(&starting("child", &[complete.as_slice(), &[("c", int(1))]].concat()), &["Variable c invalid"]);
}

/// 02/X-27
#[test]
fn start_multiple_threads() {
    let store = Store::new();
    let starting_all = |thread_name: &str, iterable: Option<pb::VariableAssignment>, given: Inputs<'_>| {
        with_child(Kind::StartMultipleThreads(pb::StartMultipleThreadsNode {
            thread_spec_name: thread_name.to_owned(),
            variables: inputs(given),
            iterable,
        }))
    };
    let n = [("n", int(1))];
    for iterable in [read("json_arr"), read("ints"), json_path(read("json_obj"), "$.a")] {
        store.accepts(&starting_all("child", Some(iterable), &n));
    }
    for iterable in [read("json_obj"), read("str"), read("car")] {
        store.refuses(&starting_all("child", Some(iterable), &n), &["must resolve to JSON_ARR or ARRAY"]);
    }
    store.accepts(&starting_all("main", Some(read("json_arr")), &[]));
    store.refuses(&starting_all("ghost", Some(read("json_arr")), &n), &["nonexistent thread"]);
    store.refuses(&starting_all("child", Some(read("json_arr")), &[]), &["Missing required variable n"]);
    store.refuses(&starting_all("child", Some(read("json_arr")), &[("n", read("str"))]), &["Variable n invalid"]);
    store.refuses(&starting_all("child", None, &n), &["missing iterable"]);
}

/// 02/X-28
#[test]
fn wait_for_threads() {
    let store = Store::new();
    let waiting = |which: Option<ThreadsToWaitForOneOf>, handlers: Vec<pb::FailureHandlerDef>| {
        with_child(Kind::WaitForThreads(pb::WaitForThreadsNode {
            threads_to_wait_for: which,
            per_thread_failure_handlers: handlers,
            ..Default::default()
        }))
    };
    let numbers = |numbers: Vec<pb::VariableAssignment>| {
        let threads = numbers.into_iter().map(|number| ThreadToWaitFor { thread_run_number: Some(number) }).collect();
        waiting(Some(ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor { threads })), vec![])
    };
    let list = |list| waiting(Some(ThreadsToWaitForOneOf::ThreadList(list)), vec![]);
    store.accepts(&numbers(vec![]));
    store.accepts(&numbers(vec![
        read("int"),
        json_path(read("json_obj"), "$.a"),
        cast(read("str"), VariableType::Int),
    ]));
    store.refuses(&numbers(vec![read("int"), read("str")]), &["INT"]);
    store.accepts(&list(read("json_arr")));
    store.refuses(&list(read("ints")), &["must resolve to JSON_ARR"]);
    store.refuses(&list(read("json_obj")), &["must resolve to JSON_ARR"]);
    store.refuses(&waiting(None, vec![]), &["missing threads to wait for"]);
    let handler = |name: &str| pb::FailureHandlerDef { handler_spec_name: name.to_owned(), failure_to_catch: None };
    let empty = || Some(ThreadsToWaitForOneOf::Threads(ThreadsToWaitFor::default()));
    store.accepts(&waiting(empty(), vec![handler("child")]));
    store.refuses(&waiting(empty(), vec![handler("ghost")]), &["missing ThreadSpec ghost"]);
}

/// A store with the WfSpec `child` 0.0, 0.1 and 1.0, which needs an INT `n` and returns what `exit` says.
fn store_with_children(exit: Kind) -> Store {
    let mut store = Store::new();
    let child = |variables: Vec<pb::ThreadVarDef>| {
        let nodes = [("e", node(Kind::Entrypoint(pb::EntrypointNode {}), &["x"])), ("x", node(exit.clone(), &[]))];
        pb::PutWfSpecRequest { name: "child".to_owned(), ..flow([("main", thread(variables, nodes))]) }
    };
    let n = || required(var("n", VariableType::Int));
    assert_eq!(store.version_of(child(vec![n()])), (0, 0));
    assert_eq!(store.version_of(child(vec![n(), var("more", VariableType::Str)])), (0, 1));
    assert_eq!(store.version_of(child(vec![n(), required(var("m", VariableType::Int))])), (1, 0));
    store
}

fn running(which: Option<Which>, major_version: i32, given: Inputs<'_>) -> pb::RunChildWfNode {
    pb::RunChildWfNode { wf_spec: which, major_version, inputs: inputs(given), child_id: None }
}

fn named(name: &str) -> Option<Which> {
    Some(Which::WfSpecName(name.to_owned()))
}

/// 02/X-32, 02/W-5: static child workflows; -1 is pinned to the latest major version.
#[test]
fn run_child_wf() {
    let store = store_with_children(exit_with(int(1)));
    let request = |node| around(Kind::RunChildWf(node));
    store.accepts(&request(running(named("child"), 0, &[("n", int(1)), ("more", read("str"))])));
    let spec = store.accepts(&request(running(named("child"), -1, &[("n", int(1)), ("m", int(1))])));
    let Some(Kind::RunChildWf(stored)) = &spec.thread_specs["main"].nodes["1-node"].node else { panic!("no child") };
    assert_eq!(stored.major_version, 1);
    store.refuses(&request(running(named("child"), -1, &[("n", int(1))])), &["Missing required variable m"]);
    store.refuses(&request(running(named("child"), 0, &[])), &["Missing required variable n"]);
    store.refuses(&request(running(named("child"), 7, &[])), &["Could not find WfSpec child"]);
    store.refuses(&request(running(named("ghost"), -1, &[])), &["Could not find WfSpec ghost"]);
    store.refuses(&request(running(named("child"), 0, &[("n", read("str"))])), &["Variable n invalid"]);
    store.refuses(&request(running(named("child"), 0, &[("n", int(1)), ("z", int(1))])), &["provided but not needed"]);
    store.refuses(&request(running(named(""), -1, &[])), &["A valid WfSpec name must be specified"]);
    store.refuses(&request(running(None, -1, &[])), &["A valid WfSpec name must be specified"]);
}

/// 02/X-33: dynamic child workflows are known at run time only.
#[test]
fn run_dynamic_child_wf() {
    let store = Store::new();
    let request = |name| around(Kind::RunChildWf(running(Some(Which::WfSpecVar(name)), -1, &[("anything", int(1))])));
    let spec = store.accepts(&request(read("str")));
    let Some(Kind::RunChildWf(stored)) = &spec.thread_specs["main"].nodes["1-node"].node else { panic!("no child") };
    assert_eq!(stored.major_version, -1);
    store.accepts(&request(int(5)));
    store.refuses(&request(read("json_obj")), &["Only STR variables are valid"]);
}

/// 02/K-2: the id of the child run is text.
#[test]
fn child_ids() {
    let store = store_with_children(exit_with(int(1)));
    let with_id = |id| {
        let node = pb::RunChildWfNode { child_id: Some(id), ..running(named("child"), 0, &[("n", int(1))]) };
        around(Kind::RunChildWf(node))
    };
    store.accepts(&with_id(read("str")));
    store.refuses(&with_id(read("json_obj")), &["child_id invalid"]);
    store.refuses(&with_id(read("ghost")), &["refers to missing var ghost"]);
}

/// A WfSpec that runs `child` and waits for it, then assigns the result to a variable.
fn waiting_for(source: &str, id: pb::VariableAssignment, target: &str) -> pb::PutWfSpecRequest {
    let wait = pb::WaitForChildWfNode { child_wf_run_id: Some(id), child_wf_run_source_node: source.to_owned() };
    let mut waiting = node(Kind::WaitForChildWf(wait), &[]);
    let assigned = mutating(target, pb::VariableMutationType::Assign, output_of("2-wait"));
    waiting.outgoing_edges = vec![pb::Edge { sink_node_name: "3-exit".to_owned(), ..assigned }];
    let nodes = [
        ("0-entrypoint", node(Kind::Entrypoint(pb::EntrypointNode {}), &["1-run"])),
        ("1-run", node(Kind::RunChildWf(running(named("child"), 0, &[("n", int(1))])), &["2-wait"])),
        ("2-wait", waiting),
        ("3-exit", node(Kind::Exit(pb::ExitNode::default()), &[])),
    ];
    flow([("main", thread(all_variables(), nodes))])
}

/// 02/X-34
#[test]
fn wait_for_child_wf() {
    let store = store_with_children(exit_with(int(1)));
    store.accepts(&waiting_for("1-run", output_of("1-run"), "int"));
    store.accepts(&waiting_for("1-run", read("wf_run_id"), "int"));
    store.refuses(&waiting_for("1-run", read("str"), "int"), &["WF_RUN_ID"]);
    store.refuses(&waiting_for("9-ghost", output_of("1-run"), "int"), &["does not exist in threadSpec"]);
    store.refuses(&waiting_for("3-exit", output_of("1-run"), "int"), &["is not of type RunChildWf"]);
}

/// 02/T-9: the result of a static child has the type that its entrypoint returns.
#[test]
fn child_wf_output() {
    let known = store_with_children(exit_with(int(1)));
    known.refuses(&waiting_for("1-run", output_of("1-run"), "bool"), &["Cannot assign INT to BOOL"]);
    let void = store_with_children(Kind::Exit(pb::ExitNode::default()));
    void.accepts(&waiting_for("1-run", output_of("1-run"), "bool"));
    let unknown = store_with_children(exit_with(null()));
    unknown.accepts(&waiting_for("1-run", output_of("1-run"), "bool"));
}
