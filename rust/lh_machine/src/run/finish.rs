//! A NodeRun is finished, a ThreadRun completes, a WfRun ends (03/E-302, E-221).

use super::{Run, edge, handler, is_terminal, room, timestamp};
use crate::{
    internal::deadline::{Kind, Retention},
    mutants::{self, Mutant},
    pb::{self, workflow_retention_policy::WfGcPolicy},
    state::Context,
};

/// The current NodeRun is finished: COMPLETED, then on to the next node or, on EXIT, the thread completes.
pub fn finish_node(
    run: &mut Run,
    place: (i32, i32),
    output: Option<pb::VariableValue>,
    end_ms: i64,
    context: &mut Context<'_>,
) {
    let Some(node_run) = run.node_run_mut(place) else { return };
    node_run.set_status(pb::LhStatus::Completed);
    node_run.end_time = Some(timestamp(end_ms));
    let is_exit = matches!(node_run.node_type, Some(pb::node_run::NodeType::Exit(_)));
    let node_name = node_run.node_name.clone();
    if is_exit {
        complete_thread(run, place.0, output, context);
        return;
    }
    remember_output(run, place.0, &node_name, output);
    edge::follow(run, place, context);
}

/// Goes on behind a NodeRun whose failure was handled: it has no output, its edges no mutations (03/E-530, E-323).
pub fn pass_handled_failure(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) {
    let Some(node_name) = run.node_run(place).map(|node_run| node_run.node_name.clone()) else { return };
    remember_output(run, place.0, &node_name, None);
    edge::follow(run, place, context);
}

/// Keeps the output of a node for later references; a run without output forgets that of an earlier iteration
/// (03/E-323: the most recent run counts).
fn remember_output(run: &mut Run, thread: i32, node_name: &str, output: Option<pb::VariableValue>) {
    let Some(thread_name) = run.thread(thread).map(|thread| &thread.thread_spec_name) else { return };
    let referenced =
        run.spec.threads.get(thread_name).is_some_and(|facts| facts.referenced_outputs.contains(node_name));
    if !referenced {
        return;
    }
    if let Some(state) = run.threads.get_mut(&thread) {
        match output {
            Some(output) => state.outputs.insert(node_name.to_owned(), output),
            None => state.outputs.remove(node_name),
        };
    }
}

fn complete_thread(run: &mut Run, number: i32, output: Option<pb::VariableValue>, context: &mut Context<'_>) {
    let now = timestamp(context.now_ms);
    let Some(thread) = run.thread_mut(number) else { return };
    thread.set_status(pb::LhStatus::Completed);
    thread.end_time = Some(now);
    thread.output = output;
    let serves = thread.failure_being_handled;
    if let Some(failure) = serves {
        handler::completed(run, &failure);
    }
    if number == 0 {
        end_run(run, pb::LhStatus::Completed, context);
    } else {
        room::note_completed(run, number, context);
        room::relieve(run);
    }
}

/// Place of deadlines that belong to the whole run.
const OF_NO_NODE: (i32, i32) = (-1, -1);

/// Thread 0 ended: so does the WfRun, with the same status (03/E-221). Its retention begins (03/E-940).
pub fn end_run(run: &mut Run, status: pb::LhStatus, context: &mut Context<'_>) {
    debug_assert!(is_terminal(status), "a run ends in a terminal status");
    run.wf_run.set_status(status);
    run.wf_run.end_time = Some(timestamp(context.now_ms));
    if let Some(WfGcPolicy::SecondsAfterWfTermination(seconds)) =
        run.spec.wf_spec.retention_policy.as_ref().and_then(|policy| policy.wf_gc_policy)
        && !mutants::is_on(Mutant::RetentionForgotten)
    {
        let due_ms = context.now_ms.saturating_add(seconds.saturating_mul(1000));
        super::deadline::add(run, OF_NO_NODE, due_ms, Kind::Retention(Retention {}));
    }
}

/// A thread that ended waits for nothing any more; only its tasks are seen through to their end (03/E-604).
pub fn forget_waits(run: &mut Run, thread: i32) {
    run.deadlines.retain(|deadline| {
        deadline.thread_run_number != thread || matches!(deadline.kind, Some(Kind::TaskTimeout(_) | Kind::TaskRetry(_)))
    });
}
