//! A ThreadRun starts: its Variables are made of inputs and defaults, then it enters its ENTRYPOINT (03/E-130, E-140, E-801).

use std::{collections::BTreeMap, sync::Arc};

use super::{Run, Stored, advance, guid_suffix, room, scope::RunScope, timestamp};
use crate::{
    Rejected, internal, key, pb,
    spec::Spec,
    state::{Context, DefinitionsOf},
    value::{self, Vse},
};

/// Checks inputs against the variables of a ThreadSpec and returns the initial value of each variable it owns.
///
/// Errors name the variable, in the form `ThreadSpec <name> invalid: ...` (03/E-131).
pub fn initial_values(
    spec: &Spec,
    thread_name: &str,
    mut inputs: BTreeMap<String, pb::VariableValue>,
    definitions: &DefinitionsOf<'_>,
) -> Result<BTreeMap<String, pb::VariableValue>, Rejected> {
    let invalid = |message: String| Rejected::invalid(format!("ThreadSpec {thread_name} invalid: {message}"));
    let thread = spec.thread(thread_name).ok_or_else(|| invalid("it does not exist".to_owned()))?;
    let mut values = BTreeMap::new();
    for definition in &thread.variable_defs {
        let Some(variable) = &definition.var_def else { continue };
        let input = inputs.remove(&variable.name);
        if definition.access_level() == pb::WfRunVariableAccessLevel::InheritedVar {
            if input.is_some() {
                return Err(invalid(format!("Variable {} is inherited: no value can be given", variable.name)));
            }
            continue;
        }
        if input.is_none() && definition.required {
            return Err(invalid(format!("Missing required variable {}", variable.name)));
        }
        let declared = value::types::var_def_type(variable);
        let value = match input.filter(|input| input.value.is_some()) {
            Some(input) => value::ingress::accept(&declared, input, definitions)
                .map_err(|error| invalid(format!("Variable {} invalid: {}", variable.name, error.message)))?,
            None => variable.default_value.clone().unwrap_or_default(),
        };
        values.insert(variable.name.clone(), value);
    }
    match inputs.keys().next() {
        Some(name) => {
            Err(invalid(format!("Variable {name} provided but not needed: the ThreadSpec does not define it")))
        }
        None => Ok(values),
    }
}

/// A new run with no ThreadRun yet.
pub fn new_run(tenant: &str, id: pb::WfRunId, spec: Arc<Spec>, now_ms: i64) -> Run {
    let mut wf_run = pb::WfRun {
        id: Some(id.clone()),
        wf_spec_id: Some(spec.id.clone()),
        greatest_threadrun_number: -1,
        start_time: Some(timestamp(now_ms)),
        ..pb::WfRun::default()
    };
    wf_run.set_status(pb::LhStatus::Running);
    Run {
        key: key::run(tenant, &id),
        tenant: tenant.into(),
        guid_suffix: guid_suffix(&id),
        spec,
        wf_run,
        nodes: BTreeMap::new(),
        variables: BTreeMap::new(),
        archived: BTreeMap::new(),
        queued: BTreeMap::new(),
        cursor: 0,
        threads: BTreeMap::new(),
        children: BTreeMap::new(),
        has_ahead: false,
        deadlines: Vec::new(),
        armed_ms: 0,
        moved_ms: 0,
        events: super::events::Events::default(),
        registrations: BTreeMap::new(),
        correlation: None,
        stored: Stored { bytes: 2048, ..Stored::default() },
    }
}

/// Starts a ThreadRun, or queues it if there is no room; returns its final number.
pub fn start_thread(
    run: &mut Run,
    thread_name: &str,
    kind: pb::ThreadType,
    parent: Option<i32>,
    values: BTreeMap<String, pb::VariableValue>,
    context: &mut Context<'_>,
) -> i32 {
    let number = run.wf_run.greatest_threadrun_number + 1;
    run.wf_run.greatest_threadrun_number = number;
    let mut thread = pb::ThreadRun {
        wf_spec_id: Some(run.spec.id.clone()),
        number,
        thread_spec_name: thread_name.to_owned(),
        parent_thread_id: parent,
        ..pb::ThreadRun::default()
    };
    thread.set_type(kind);
    if let Some(parent) = parent.and_then(|parent| run.thread_mut(parent)) {
        parent.child_thread_ids.push(number);
    }
    if room::must_wait(run, kind) {
        thread.start_time = Some(timestamp(context.now_ms));
        room::enqueue(run, thread, values);
    } else {
        activate_thread(run, thread, values, context);
    }
    number
}

/// The ThreadRun becomes active: it gets its Variables and enters its ENTRYPOINT node.
pub(super) fn activate_thread(
    run: &mut Run,
    mut thread: pb::ThreadRun,
    values: BTreeMap<String, pb::VariableValue>,
    context: &mut Context<'_>,
) {
    let number = thread.number;
    let now = timestamp(context.now_ms);
    create_variables(run, number, &thread.thread_spec_name, values, now);
    run.threads.insert(number, internal::ThreadState { number, ..Default::default() });
    thread.start_time = Some(now);
    thread.current_node_position = -1;
    thread.set_status(pb::LhStatus::Running);
    let facts = run.spec.threads.get(&thread.thread_spec_name);
    let entrypoint = facts.map(|facts| facts.entrypoint.clone()).unwrap_or_default();
    run.wf_run.thread_runs.push(thread);
    advance::activate(run, number, &entrypoint, context);
}

/// One Variable per value (03/E-801).
fn create_variables(
    run: &mut Run,
    number: i32,
    thread_name: &str,
    values: BTreeMap<String, pb::VariableValue>,
    now: prost_types::Timestamp,
) {
    let id = run.id();
    for (name, value) in values {
        let masked = run.spec.declared(thread_name, &name).is_some_and(|declared| declared.masked);
        let variable = pb::Variable {
            id: Some(pb::VariableId { wf_run_id: Some(id.clone()), thread_run_number: number, name: name.clone() }),
            value: Some(value),
            created_at: Some(now),
            wf_spec_id: Some(run.spec.id.clone()),
            masked,
        };
        run.variables.insert((number, name), variable);
    }
}

/// Evaluates what a node of `thread` gives to the variables of the ThreadSpec `child` that it starts (03/E-440).
///
/// # Errors
/// The first value that cannot be had, with the variable's name.
pub fn evaluate_inputs(
    run: &Run,
    thread: i32,
    child: &str,
    inputs: &BTreeMap<String, pb::VariableAssignment>,
    context: &Context<'_>,
) -> Result<BTreeMap<String, pb::VariableValue>, Vse> {
    let scope = RunScope::of(run, thread, context);
    let evaluate = |(name, assignment): (&String, &pb::VariableAssignment)| {
        let declared = run.spec.declared(child, name);
        let value = value::resolve::resolve_for(assignment, declared, &scope)
            .map_err(|error| error.at(format!("Variable {name}")))?;
        Ok((name.clone(), value))
    };
    inputs.iter().map(evaluate).collect()
}
