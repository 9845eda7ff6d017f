//! EXIT: the thread completes once its children are settled, or fails with the failure that the node defines
//! (03/E-430..432).

use super::Progress;
use crate::{
    pb::{self, LhStatus, exit_node::Result as ExitResult},
    run::{Run, failure, interrupt, scope::RunScope},
    state::Context,
    value,
};

pub(super) fn progress(run: &Run, place: (i32, i32), context: &Context<'_>) -> Progress {
    let spec = run.spec.clone();
    let Some(node_run) = run.nodes.get(&place).and_then(|record| record.node_run.as_ref()) else {
        return Progress::Waiting;
    };
    let node = spec.node(&node_run.thread_spec_name, &node_run.node_name).and_then(|node| node.node.as_ref());
    let Some(pb::node::Node::Exit(exit)) = node else { return Progress::done(context) };
    let scope = RunScope::of(run, place.0, context);
    if !matches!(exit.result, Some(ExitResult::FailureDef(_))) {
        match children(run, place.0) {
            Children::Moving => return Progress::Waiting,
            Children::Failed(failure) => return Progress::Failed(failure),
            Children::Settled => {}
        }
    }
    match &exit.result {
        None => Progress::done(context),
        Some(ExitResult::ReturnContent(content)) => match value::resolve::resolve(content, &scope) {
            Ok(output) => Progress::Finished { output: Some(output), end_ms: context.now_ms },
            Err(error) => Progress::Failed(failure::value_failure("VAR_ERROR", error)),
        },
        Some(ExitResult::FailureDef(definition)) => Progress::Failed(defined_failure(definition, &scope)),
    }
}

enum Children {
    Moving,
    Failed(pb::Failure),
    Settled,
}

/// Children are settled once each is terminal or HALTED for other things than its own handlers, after which it would run
/// on below a thread that has ended (03/E-430, E-703); those that failed and were not handled fail the thread.
fn children(run: &Run, number: i32) -> Children {
    let Some(thread) = run.thread(number) else { return Children::Settled };
    let mut failed = Vec::new();
    for child in thread.child_thread_ids.iter().filter_map(|child| run.thread(*child)) {
        match child.status() {
            LhStatus::Starting | LhStatus::Running | LhStatus::Halting => return Children::Moving,
            LhStatus::Halted if interrupt::goes_on(child) => return Children::Moving,
            LhStatus::Error | LhStatus::Exception if !thread.handled_failed_children.contains(&child.number) => {
                failed.push(child.number.to_string());
            }
            LhStatus::Error | LhStatus::Exception | LhStatus::Halted | LhStatus::Completed => {}
        }
    }
    if failed.is_empty() {
        return Children::Settled;
    }
    let message = format!("Child threads failed: {}", failed.join(", "));
    Children::Failed(failure::technical("CHILD_FAILURE", message))
}

/// Content that cannot be evaluated does not change the failure: it is NULL and the message says why (03/E-432).
fn defined_failure(definition: &pb::FailureDef, scope: &RunScope<'_>) -> pb::Failure {
    let mut failure = failure::technical(&definition.failure_name, definition.message.clone());
    let content = definition.content.as_ref().map(|content| value::resolve::resolve(content, scope));
    failure.content = Some(match content {
        None => pb::VariableValue::default(),
        Some(Ok(content)) => content,
        Some(Err(error)) => {
            failure.message.push_str(&format!(" (warning: the content could not be evaluated: {})", error.message));
            pb::VariableValue::default()
        }
    });
    failure
}
