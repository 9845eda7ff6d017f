//! Passes and steps: how far a run gets within one command (spec 03 section 4).

use super::{Run, edge, failure, is_terminal, timestamp};
use crate::{
    node::{self, Progress},
    pb,
    state::Context,
};

/// Most passes per run and command; the next one fails thread 0 (03/E-307).
pub const PASSES_MAX: usize = 512;

/// Advances the run by passes until one changes nothing, then brings its wake-up up to date.
pub fn advance(run: &mut Run, context: &mut Context<'_>) {
    let mut passes = 0;
    loop {
        if passes == PASSES_MAX && !run.is_terminal() {
            failure::fail_tight_loop(run, context);
            break;
        }
        if !pass(run, context) {
            break;
        }
        passes += 1;
    }
    super::deadline::rearm(run, context);
}

/// Gives each active ThreadRun one step, in creation order, those created in this pass included.
fn pass(run: &mut Run, context: &mut Context<'_>) -> bool {
    let mut changed = false;
    let mut index = 0;
    while index < run.wf_run.thread_runs.len() {
        changed |= step(run, index, context);
        index += 1;
    }
    changed
}

/// One step of a ThreadRun (03/E-302): at most one node is activated.
fn step(run: &mut Run, thread_index: usize, context: &mut Context<'_>) -> bool {
    let thread = &run.wf_run.thread_runs[thread_index];
    if thread.status() != pb::LhStatus::Running {
        return false;
    }
    let place = (thread.number, thread.current_node_position);
    match node::progress(run, place, context) {
        Progress::Waiting => false,
        Progress::Failed(failure) => {
            failure::fail_node(run, place, failure, context);
            true
        }
        Progress::Finished { output, end_ms } => {
            finish(run, thread_index, output, end_ms, context);
            true
        }
    }
}

/// The current NodeRun is finished: COMPLETED, then on to the next node or, on EXIT, the thread completes.
fn finish(
    run: &mut Run,
    thread_index: usize,
    output: Option<pb::VariableValue>,
    end_ms: i64,
    context: &mut Context<'_>,
) {
    let thread = &run.wf_run.thread_runs[thread_index];
    let place = (thread.number, thread.current_node_position);
    let Some(record) = run.nodes.get_mut(&place) else { return };
    let Some(node_run) = record.node_run.as_mut() else { return };
    node_run.set_status(pb::LhStatus::Completed);
    node_run.end_time = Some(timestamp(end_ms));
    let is_exit = matches!(node_run.node_type, Some(pb::node_run::NodeType::Exit(_)));
    let node_name = node_run.node_name.clone();
    if is_exit {
        complete_thread(run, thread_index, output, context);
        return;
    }
    remember_output(run, thread_index, &node_name, output);
    edge::follow(run, place, context);
}

/// Keeps the output of a node for later references; a run without output forgets that of an earlier iteration
/// (03/E-323: the most recent run counts).
fn remember_output(run: &mut Run, thread_index: usize, node_name: &str, output: Option<pb::VariableValue>) {
    let thread = &run.wf_run.thread_runs[thread_index];
    let referenced = run
        .spec
        .threads
        .get(&thread.thread_spec_name)
        .is_some_and(|facts| facts.referenced_outputs.contains(node_name));
    if !referenced {
        return;
    }
    if let Some(state) = run.threads.get_mut(&thread.number) {
        match output {
            Some(output) => state.outputs.insert(node_name.to_owned(), output),
            None => state.outputs.remove(node_name),
        };
    }
}

fn complete_thread(run: &mut Run, thread_index: usize, output: Option<pb::VariableValue>, context: &mut Context<'_>) {
    let now = timestamp(context.now_ms);
    let thread = &mut run.wf_run.thread_runs[thread_index];
    thread.set_status(pb::LhStatus::Completed);
    thread.end_time = Some(now);
    thread.output = output;
    if thread.number == 0 {
        end_run(run, pb::LhStatus::Completed, context);
    }
}

/// Thread 0 ended: so does the WfRun, with the same status (03/E-221). What it waited for is forgotten.
pub fn end_run(run: &mut Run, status: pb::LhStatus, context: &mut Context<'_>) {
    debug_assert!(is_terminal(status), "a run ends in a terminal status");
    run.wf_run.set_status(status);
    run.wf_run.end_time = Some(timestamp(context.now_ms));
    run.deadlines.clear();
}

/// Enters a node: a new NodeRun at the next position, then the arrival action of its kind (03/E-304).
/// A failure of the arrival belongs to the new NodeRun.
pub fn activate(run: &mut Run, thread_index: usize, node_name: &str, context: &mut Context<'_>) {
    let id = run.id();
    let thread = &mut run.wf_run.thread_runs[thread_index];
    thread.current_node_position += 1;
    let place = (thread.number, thread.current_node_position);
    let mut node_run = pb::NodeRun {
        id: Some(pb::NodeRunId { wf_run_id: Some(id), thread_run_number: place.0, position: place.1 }),
        wf_spec_id: thread.wf_spec_id.clone(),
        arrival_time: Some(timestamp(context.now_ms)),
        thread_spec_name: thread.thread_spec_name.clone(),
        node_name: node_name.to_owned(),
        ..pb::NodeRun::default()
    };
    node_run.set_status(pb::LhStatus::Running);
    let record = crate::internal::NodeRecord { node_run: Some(node_run), ..Default::default() };
    run.nodes.insert(place, record);
    if let Err(failure) = node::arrive(run, place, context) {
        failure::fail_node(run, place, failure, context);
    }
}
