//! WAIT_FOR_CHILD_WF: waits for the end of a child WfRun and takes its output or failure (03/E-490..492).

use super::Progress;
use crate::{
    internal, key,
    pb::{self, LhStatus, node_run::NodeType, variable_value::Value},
    run::{Run, failure, family, scope::RunScope},
    state::Context,
    value::{self, Vse},
};

/// Evaluates the child's id. That the child is waited for is noted here, and shown in the child's record.
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::WaitForChildWfNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let id = child_id(run, place.0, node, context).map_err(|error| failure::value_failure("VAR_SUB_ERROR", error))?;
    if let Some(child) = child_key(run, &id).and_then(|key| run.children.get_mut(&key)) {
        child.waiting = Some(internal::Place { thread_run_number: place.0, position: place.1 });
    }
    if let Some(NodeType::WaitForChildWf(waiting)) = run.node_run_mut(place).and_then(|it| it.node_type.as_mut()) {
        waiting.child_wf_run_id = Some(id);
    }
    Ok(())
}

fn child_id(run: &Run, thread: i32, node: &pb::WaitForChildWfNode, context: &Context<'_>) -> Result<pb::WfRunId, Vse> {
    let assignment = node.child_wf_run_id.as_ref().ok_or_else(|| Vse::new("The node names no child WfRun."))?;
    match value::resolve::resolve(assignment, &RunScope::of(run, thread, context))?.value {
        Some(Value::WfRunId(id)) => Ok(id),
        _ => Err(Vse::new("The id of the child WfRun is not WF_RUN_ID.")),
    }
}

/// Under which name this run knows the child; `None` = it is no child of this run.
fn child_key(run: &Run, id: &pb::WfRunId) -> Option<String> {
    (id.parent_wf_run_id.as_deref() == run.wf_run.id.as_ref()).then(|| id.id.clone())
}

/// Looks at what the child told (03/E-491).
pub(super) fn progress(run: &Run, waiting: &pb::WaitForChildWfNodeRun, context: &Context<'_>) -> Progress {
    let Some(id) = &waiting.child_wf_run_id else { return Progress::Waiting };
    let Some(child) = child_key(run, id).and_then(|key| family::child(&run.children, &key)) else {
        let message = format!("Child WfRun {} does not exist below this WfRun.", key::path(id).join("_"));
        return Progress::Failed(failure::technical("CHILD_FAILURE", message));
    };
    match child.status() {
        LhStatus::Completed => Progress::Finished { output: child.output.clone(), end_ms: context.now_ms },
        LhStatus::Error | LhStatus::Exception => {
            let failure = child.failure.clone().unwrap_or_default();
            let message = format!("Child WfRun failed: {}", failure.message);
            if child.status() == LhStatus::Error {
                return Progress::Failed(failure::technical("CHILD_FAILURE", message));
            }
            let (name, content) = (failure.failure_name, failure.content);
            Progress::Failed(pb::Failure { failure_name: name, message, content, ..pb::Failure::default() })
        }
        _ => Progress::Waiting,
    }
}
