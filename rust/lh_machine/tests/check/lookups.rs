//! How often definitions are read while a WfSpec is checked: not once per node that names them, for each may be large.

use std::cell::Cell;

use lh_machine::check::{self, Definitions};
use lh_machine::pb::node::Node as Kind;
use lh_machine::pb::{self, VariableType};

use super::fixtures::*;

/// Nodes or variables that all name the same definition.
const MANY: usize = 40;

/// Counts how often WfSpecs are read.
struct Counting {
    store: Store,
    wf_specs_read: Cell<usize>,
}

impl Definitions for Counting {
    fn task_def(&self, name: &str) -> Option<pb::TaskDef> {
        self.store.task_def(name)
    }

    fn external_event_def(&self, name: &str) -> Option<pb::ExternalEventDef> {
        self.store.external_event_def(name)
    }

    fn workflow_event_def(&self, name: &str) -> Option<pb::WorkflowEventDef> {
        self.store.workflow_event_def(name)
    }

    fn user_task_def(&self, name: &str, version: Option<i32>) -> Option<pb::UserTaskDef> {
        self.store.user_task_def(name, version)
    }

    fn struct_def(&self, name: &str, version: Option<i32>) -> Option<pb::StructDef> {
        self.store.struct_def(name, version)
    }

    fn wf_spec(&self, name: &str, major: Option<i32>, revision: Option<i32>) -> Option<pb::WfSpec> {
        self.wf_specs_read.set(self.wf_specs_read.get() + 1);
        self.store.wf_spec(name, major, revision)
    }
}

/// How many WfSpecs are read to check `request`, beside a WfSpec `other` with so many public variables.
fn read_for(request: pb::PutWfSpecRequest) -> usize {
    let mut store = Store::new();
    let variables = (0..MANY).map(|at| public(var(&format!("v{at}"), VariableType::Int)));
    store.put(pb::PutWfSpecRequest { name: "other".to_owned(), ..declaring(variables.collect()) }).unwrap();
    let counting = Counting { store, wf_specs_read: Cell::new(0) };
    check::put_wf_spec(request, &counting, NOW_MS).unwrap();
    counting.wf_specs_read.get()
}

/// 02/P-1: the parent is read for all inherited variables together.
#[test]
fn the_parent_is_read_once() {
    let inheriting = |count: usize| {
        let variables = (0..count).map(|at| inherited(var(&format!("v{at}"), VariableType::Int))).collect();
        let parent = pb::wf_spec::ParentWfSpecReference { wf_spec_name: "other".to_owned(), wf_spec_major_version: 0 };
        pb::PutWfSpecRequest { parent_wf_spec: Some(parent), ..declaring(variables) }
    };
    assert_eq!(read_for(inheriting(MANY)), read_for(inheriting(1)));
}

/// 02/X-32: a child is read for all nodes that start it together, however its version is given.
#[test]
fn a_child_is_read_once() {
    let starting = |count: usize| {
        let mut thread = idle_thread(Vec::new());
        for at in 0..count {
            let name = Some(pb::run_child_wf_node::WfSpec::WfSpecName("other".to_owned()));
            let child = pb::RunChildWfNode { wf_spec: name, major_version: -1, ..Default::default() };
            thread.nodes.insert(format!("child-{at}"), node(Kind::RunChildWf(child), &["2-exit"]));
        }
        flow([("main", thread)])
    };
    assert_eq!(read_for(starting(MANY)), read_for(starting(1)));
}
