//! RUN_CHILD_WF and WAIT_FOR_CHILD_WF nodes (X-32..X-34, K-2).

use std::collections::BTreeMap;

use pb::node::Node as Kind;
use pb::run_child_wf_node::WfSpec as Which;

use super::super::static_type::{self, Static};
use super::super::view::{Inputs, SpecView, Started, ThreadView};
use super::super::{Definitions, Reason, assign, thread};
use super::threads;
use crate::{pb, value};

/// The major version that asks for the latest one at registration.
const LATEST: i32 = -1;

/// Major versions that were pinned before in the same request, by name and version asked for: a WfSpec is not read
/// again for every node that starts it.
pub(in super::super) type Pinned = BTreeMap<(String, i32), i32>;

/// Pins the major version of a static child (W-5).
pub(super) fn settle(
    node: &mut pb::RunChildWfNode,
    definitions: &dyn Definitions,
    pinned: &mut Pinned,
) -> Result<(), Reason> {
    match &node.wf_spec {
        None => Err("A valid WfSpec name must be specified".to_owned()),
        Some(Which::WfSpecName(name)) if name.is_empty() => Err("A valid WfSpec name must be specified".to_owned()),
        Some(Which::WfSpecVar(_)) => Ok(()),
        Some(Which::WfSpecName(name)) => {
            let wanted = (name.clone(), node.major_version);
            if let Some(major_version) = pinned.get(&wanted) {
                node.major_version = *major_version;
                return Ok(());
            }
            let spec = find(name, node.major_version, definitions)?;
            node.major_version = spec.id.map_or(node.major_version, |id| id.major_version);
            pinned.insert(wanted, node.major_version);
            Ok(())
        }
    }
}

/// Checks the child's name and inputs.
pub(super) fn require_run(view: &ThreadView<'_>, node: &pb::RunChildWfNode) -> Result<(), Reason> {
    let text = value::types::primitive(pb::VariableType::Str);
    if let Some(child_id) = &node.child_id {
        assign::require(view, child_id, &text).map_err(|reason| format!("child_id invalid: {reason}"))?;
    }
    match &node.wf_spec {
        None => Err("A valid WfSpec name must be specified".to_owned()),
        Some(Which::WfSpecName(name)) => {
            let inputs = view.spec.inputs(Started::WfSpec(name.clone(), node.major_version), || {
                let spec = find(name, node.major_version, view.definitions())?;
                let entrypoint = spec.thread_specs.get(&spec.entrypoint_thread_name);
                entrypoint.map(Inputs::of).ok_or_else(|| format!("WfSpec {name} has no entrypoint thread"))
            })?;
            threads::require_inputs(view, &node.inputs, &inputs, false)
        }
        Some(Which::WfSpecVar(name)) => {
            assign::require(view, name, &text)
                .map_err(|reason| format!("Only STR variables are valid as WfSpec name: {reason}"))?;
            node.inputs.values().try_for_each(|input| static_type::of(view, input).map(drop))
        }
    }
}

/// Checks where the child was started and that the id can be one.
pub(super) fn require_wait(view: &ThreadView<'_>, node: &pb::WaitForChildWfNode) -> Result<(), Reason> {
    let source_name = &node.child_wf_run_source_node;
    let Some(source) = view.thread.nodes.get(source_name) else {
        return Err(format!("Source node {source_name} does not exist in threadSpec {}", view.name));
    };
    if !matches!(source.node, Some(Kind::RunChildWf(_))) {
        return Err(format!("Source node {source_name} is not of type RunChildWf"));
    }
    let id = node.child_wf_run_id.as_ref().ok_or("missing child_wf_run_id")?;
    assign::require(view, id, &value::types::primitive(pb::VariableType::WfRunId))
        .map_err(|reason| format!("child_wf_run_id can't resolve to WF_RUN_ID: {reason}"))
}

/// What the entrypoint of a static child returns (T-9); unknown if that cannot be told.
pub(super) fn output_type(view: &ThreadView<'_>, node: &pb::WaitForChildWfNode) -> Static {
    // Only one level is followed: WfSpecs may call each other in a circle.
    if view.spec.is_child {
        return None;
    }
    let source = view.thread.nodes.get(&node.child_wf_run_source_node)?;
    let Some(Kind::RunChildWf(run)) = &source.node else { return None };
    let Some(Which::WfSpecName(name)) = &run.wf_spec else { return None };
    view.spec.child_output(name, run.major_version, || {
        let spec = find(name, run.major_version, view.definitions()).ok()?;
        let child = SpecView::of_child(&spec.thread_specs, view.definitions());
        let entrypoint = spec.thread_specs.get(&spec.entrypoint_thread_name)?;
        // A child whose own definitions are gone by now has an output all the same: of unknown type.
        thread::output(&child.thread(&spec.entrypoint_thread_name, entrypoint)).ok()?.known()
    })
}

fn find(name: &str, major_version: i32, definitions: &dyn Definitions) -> Result<pb::WfSpec, Reason> {
    let major = (major_version != LATEST).then_some(major_version);
    let missing = || format!("Could not find WfSpec {name} with major version {major_version}");
    definitions.wf_spec(name, major, None).ok_or_else(missing)
}
