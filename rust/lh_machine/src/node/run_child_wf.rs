//! RUN_CHILD_WF: starts a child WfRun on arrival; the node is finished at once with its id (03/E-480..485).

use std::sync::Arc;

use super::Progress;
use crate::{
    check, key,
    pb::{self, node_run::NodeType, run_child_wf_node::WfSpec, variable_value::Value},
    run::{Run, events, failure, family, scope::RunScope, start},
    spec::Spec,
    state::Context,
    value::{self, Vse},
};

/// Most runs that the nodes of one command can start; WfSpecs that start each other for ever end here (03/E-307).
const STARTED_MAX: usize = 10_000;

/// Most runs above each other: ids are nested messages, which decoders follow only so far.
pub const DEPTH_MAX: usize = 64;

/// Evaluates everything, then starts the child, which is advanced within the same command.
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::RunChildWfNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let invalid = |error: Vse| failure::value_failure("VAR_SUB_ERROR", error);
    let spec = spec(run, place.0, node, context)?;
    let inputs = inputs(run, place.0, node, &spec, context).map_err(invalid)?;
    let entrypoint = spec.wf_spec.entrypoint_thread_name.clone();
    let values = start::initial_values(&spec, &entrypoint, inputs.clone(), &context.definitions.of(&run.tenant))
        .map_err(|rejected| invalid(Vse::new(rejected.message)))?;
    let id = child_id(run, place, node, context).map_err(invalid)?;
    if family::child(&run.children, &id.id).is_some() {
        let message = format!("WfRun with id {} already exists!", key::path(&id).join("_"));
        return Err(failure::technical("CHILD_FAILURE", message));
    }
    if context.family.started() >= STARTED_MAX || key::path(&id).len() > DEPTH_MAX {
        failure::note_loop(run, context);
        let message = "The WfSpec has a tight loop: it started too many WfRuns in one command, or below each other.";
        return Err(failure::technical("INTERNAL_ERROR", message));
    }
    if let Some(NodeType::RunChildWf(started)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut()) {
        started.child_wf_run_id = Some(id.clone());
        started.wf_spec_id = Some(spec.id.clone());
        started.inputs = inputs;
    }
    let below = family::note_child(run, &id.id);
    let mut child = Box::new(start::new_run(&run.tenant, id, spec, context.now_ms));
    let triggering = pb::NodeRunId { wf_run_id: Some(run.id()), thread_run_number: place.0, position: place.1 };
    let trigger = pb::wf_run::ParentTriggerReference { triggering_node_run: Some(triggering), waiting_node_run: None };
    child.wf_run.parent_trigger = Some(trigger);
    child.adopt(below);
    if let Some(ahead) = context.take_unborn(&child.key) {
        events::take_over(&mut child, *ahead);
    }
    start::start_thread(&mut child, &entrypoint, pb::ThreadType::Entrypoint, None, values, context);
    context.family.start(child);
    Ok(())
}

/// The latest revision of the pinned major version, or, by name at run time, of the major version that the node says;
/// -1 = the latest version (03/E-481).
fn spec(run: &Run, thread: i32, node: &pb::RunChildWfNode, context: &Context<'_>) -> Result<Arc<Spec>, pb::Failure> {
    let invalid = |error: Vse| failure::value_failure("VAR_SUB_ERROR", error);
    let name = match &node.wf_spec {
        Some(WfSpec::WfSpecName(name)) => name.clone(),
        Some(WfSpec::WfSpecVar(assignment)) => text(run, thread, assignment, context).map_err(invalid)?,
        None => return Err(invalid(Vse::new("The node names no WfSpec."))),
    };
    let major = (node.major_version >= 0).then_some(node.major_version);
    let found = context.definitions.wf_spec(&run.tenant, &name, major, None);
    let spec = found.ok_or_else(|| failure::technical("CHILD_FAILURE", format!("Couldn't find WfSpec {name}")))?;
    match &spec.not_built {
        Some(what) => {
            let message = format!("WfSpec {name} uses {what}, which this server cannot run yet.");
            Err(failure::technical("CHILD_FAILURE", message))
        }
        None => Ok(spec),
    }
}

fn inputs(
    run: &Run,
    thread: i32,
    node: &pb::RunChildWfNode,
    spec: &Spec,
    context: &Context<'_>,
) -> Result<std::collections::BTreeMap<String, pb::VariableValue>, Vse> {
    let scope = RunScope::of(run, thread, context);
    let evaluate = |(name, assignment): (&String, &pb::VariableAssignment)| {
        let declared = spec.declared(&spec.wf_spec.entrypoint_thread_name, name);
        let value = value::resolve::resolve_for(assignment, declared, &scope)
            .map_err(|error| error.at(format!("Variable {name}")))?;
        Ok((name.clone(), value))
    };
    node.inputs.iter().map(evaluate).collect()
}

/// The id that the node gives, else a fresh one (03/E-482, E-485).
fn child_id(
    run: &Run,
    place: (i32, i32),
    node: &pb::RunChildWfNode,
    context: &Context<'_>,
) -> Result<pb::WfRunId, Vse> {
    let id = match &node.child_id {
        Some(assignment) => text(run, place.0, assignment, context)?,
        None => fresh_id(run, place, context),
    };
    if !check::name::is_name(&id) {
        return Err(Vse::new(format!("Child WfRun ID must be a valid hostname: '{id}'")));
    }
    Ok(pb::WfRunId { id, parent_wf_run_id: Some(Box::new(run.id())) })
}

fn text(run: &Run, thread: i32, assignment: &pb::VariableAssignment, context: &Context<'_>) -> Result<String, Vse> {
    let scope = RunScope::of(run, thread, context);
    let value = value::resolve::resolve(assignment, &scope)?;
    match value::convert::cast(value, pb::VariableType::Str)?.value {
        Some(Value::Str(text)) => Ok(text),
        _ => Err(Vse::new("The name is NULL.")),
    }
}

/// 32 hex digits in the form of a UUIDv7: the time, then a digest of the batch's random number and of the place, so that
/// every replica makes the same id and no two are equal.
fn fresh_id(run: &Run, place: (i32, i32), context: &Context<'_>) -> String {
    let digest = |start: u64| {
        let text = format!("{}-{}-{}-{}", context.seed, run.guid_suffix, place.0, place.1);
        text.bytes().fold(start, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    let (first, second) = (digest(0xcbf2_9ce4_8422_2325), digest(0x9e37_79b9_7f4a_7c15));
    let variant = 0x8 | (second >> 62);
    let time = context.now_ms & 0xffff_ffff_ffff;
    format!(
        "{time:012x}7{:03x}{variant:x}{:015x}",
        first & 0xfff,
        (first >> 12) ^ (second & 0x0fff_ffff_ffff_ffff) >> 4
    )
}

/// Finished with the child's id.
pub(super) fn progress(started: &pb::RunChildWfNodeRun, context: &Context<'_>) -> Progress {
    let output = started.child_wf_run_id.clone().map(|id| value::of(Value::WfRunId(id)));
    Progress::Finished { output, end_ms: context.now_ms }
}
