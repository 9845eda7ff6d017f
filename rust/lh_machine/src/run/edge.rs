//! From a finished node to the next: conditions in list order, mutations all or nothing (03/E-320..322, 01/MUT-1).

use std::collections::BTreeMap;

use super::{
    Run, advance, failure,
    scope::{Place, RunScope},
};
use crate::{
    key,
    node::external_event,
    pb,
    state::{Context, RECORD_BYTES_MAX},
    value::{self, Vse},
};

/// Takes the first edge that holds, applies its mutations and activates its sink. If a condition or a mutation cannot be
/// evaluated, or no edge holds, the NodeRun fails with `VAR_SUB_ERROR` and nothing was written.
pub fn follow(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) {
    match choose(run, place, context) {
        Ok((sink, written)) => {
            for (variable, value) in written {
                write(run, variable, value, context);
            }
            advance::activate(run, place.0, &sink, context);
        }
        Err(error) => failure::fail_node(run, place, failure::value_failure("VAR_SUB_ERROR", error), context),
    }
}

/// The node behind the first edge that holds (03/E-732). Of a NodeRun that failed, no mutations are evaluated.
///
/// # Errors
/// A condition cannot be evaluated, or no edge holds.
pub fn sink(run: &Run, place: (i32, i32), context: &Context<'_>) -> Result<String, Vse> {
    choose(run, place, context).map(|(sink, _)| sink)
}

type Written = BTreeMap<Place, pb::VariableValue>;

/// Sets a variable of this run or, if it is inherited, of one above, which is advanced then (03/E-805).
fn write(run: &mut Run, (depth, thread, name): Place, value: pb::VariableValue, context: &mut Context<'_>) {
    let mut owner = run;
    if depth > 0 {
        let mut id = owner.id();
        for _ in 1..depth {
            id = id.parent_wf_run_id.map(|parent| *parent).unwrap_or_default();
        }
        let tenant = owner.tenant.clone();
        match context.family.change_parent(&tenant, &id) {
            Some(above) => owner = above,
            None => return,
        }
    }
    let is_seen_below = thread == 0 && owner.spec.access_level(&name) != Some(pb::WfRunVariableAccessLevel::PrivateVar);
    if let Some(variable) = owner.variables.get_mut(&(thread, name)) {
        variable.value = Some(value);
    }
    if is_seen_below {
        let key = owner.key.clone();
        context.family.note_written(key);
    }
}

fn choose(run: &Run, place: (i32, i32), context: &Context<'_>) -> Result<(String, Written), Vse> {
    let spec = run.spec.clone();
    let Some(node_run) = run.nodes.get(&place).and_then(|record| record.node_run.as_ref()) else {
        return Err(Vse::new("The NodeRun is gone."));
    };
    let node = spec
        .node(&node_run.thread_spec_name, &node_run.node_name)
        .ok_or_else(|| Vse::new(format!("Node {} is gone from the WfSpec.", node_run.node_name)))?;
    let scope = RunScope::of(run, place.0, context);
    for edge in &node.outgoing_edges {
        let named = |error: Vse| {
            Vse::new(format!("Failed evaluating edge with sink node {}: {}", edge.sink_node_name, error.message))
        };
        if !value::condition::edge_holds(edge, &scope).map_err(named)? {
            continue;
        }
        // Mutations are skipped once the NodeRun had any failure, a handled one included (03/E-321).
        let written = if node_run.failures.is_empty() {
            mutate(run, place, edge, context).map_err(named)?
        } else {
            Written::new()
        };
        return Ok((edge.sink_node_name.clone(), written));
    }
    Err(Vse::new(format!("No outgoing edges found from node {} whose condition holds.", node_run.node_name)))
}

fn mutate(run: &Run, place: (i32, i32), edge: &pb::Edge, context: &Context<'_>) -> Result<Written, Vse> {
    let mut written = Written::new();
    let source_output = output_of(run, place);
    for mutation in &edge.variable_mutations {
        let scope = RunScope { written: Some(&written), ..RunScope::of(run, place.0, context) };
        let name = &mutation.lhs_name;
        let operation = mutation.operation().as_str_name();
        let named =
            |error: Vse| Vse::new(format!("Mutating variable {name} with operation {operation}: {}", error.message));
        let owner = scope.owner(name).ok_or_else(|| named(Vse::new(format!("Variable {name} is not in scope."))))?;
        let owning_run = scope.run_above(owner.0).unwrap_or(run);
        let owner_thread =
            owning_run.thread(owner.1).map(|thread| thread.thread_spec_name.as_str()).unwrap_or_default();
        let declared = owning_run
            .spec
            .declared(owner_thread, name)
            .ok_or_else(|| named(Vse::new(format!("Variable {name} is not declared."))))?;
        let current = value::Scope::variable(&scope, name).map_err(named)?;
        let new = value::mutation::mutate(mutation, source_output, declared, current, &scope).map_err(named)?;
        let bytes = prost::Message::encoded_len(&new);
        if bytes > RECORD_BYTES_MAX {
            let text =
                format!("RESOURCE_EXHAUSTED: the value would have {bytes} bytes, the limit is {RECORD_BYTES_MAX}.");
            return Err(named(Vse::new(text)));
        }
        written.insert(owner, new);
    }
    Ok(written)
}

/// Output of a finished NodeRun, for the deprecated right-hand form (01/MUT-7).
fn output_of(run: &Run, place: (i32, i32)) -> Option<&pb::VariableValue> {
    let record = run.nodes.get(&place)?;
    if let Some(pb::node_run::NodeType::ExternalEvent(waiting)) = &record.node_run.as_ref()?.node_type {
        return external_event::claimed_content(run, waiting);
    }
    if let Some(state) = &record.user_task_state {
        return state.output.as_ref();
    }
    match record.task_run.as_ref()?.attempts.last()?.result.as_ref()? {
        pb::task_attempt::Result::Output(output) => Some(output),
        _ => None,
    }
}

/// Which queues finishing the NodeRun at `place` could feed (a hint for claims, never a promise).
pub fn feeds(run: &Run, place: (i32, i32)) -> Vec<(String, String)> {
    let Some(node_run) = run.nodes.get(&place).and_then(|record| record.node_run.as_ref()) else {
        return Vec::new();
    };
    let tenant = run.tenant.to_string();
    run.spec
        .feeds(&node_run.thread_spec_name, &node_run.node_name)
        .iter()
        .map(|task_def| (tenant.clone(), task_def.clone()))
        .collect()
}

/// Which queues an event of this definition could feed, if a NodeRun waits for it.
pub fn fed_by_event(run: &Run, definition: &str) -> Vec<(String, String)> {
    let waits = |thread: &&pb::ThreadRun| {
        let node_run = run.current_node(thread).and_then(|record| record.node_run.as_ref());
        node_run.is_some_and(|node_run| {
            matches!(&node_run.node_type, Some(pb::node_run::NodeType::ExternalEvent(waiting))
                if waiting.external_event_def_id.as_ref().is_some_and(|id| id.name == definition))
        })
    };
    let waiting = run.wf_run.thread_runs.iter().filter(waits);
    waiting.flat_map(|thread| feeds(run, (thread.number, thread.current_node_position))).collect()
}

/// Readable name of a place, for messages.
pub fn describe(run: &Run, place: (i32, i32)) -> String {
    format!("{}/{}/{}", key::path(&run.id()).join("_"), place.0, place.1)
}
