//! EXIT: the thread completes, or fails with the failure that the node defines (03/E-430..432).

use super::Progress;
use crate::{
    pb::{self, exit_node::Result as ExitResult},
    run::{Run, failure, scope::RunScope},
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
    let scope = RunScope { run, thread: place.0, definitions: context.definitions, written: None };
    match &exit.result {
        None => Progress::done(context),
        Some(ExitResult::ReturnContent(content)) => match value::resolve::resolve(content, &scope) {
            Ok(output) => Progress::Finished { output: Some(output), end_ms: context.now_ms },
            Err(error) => Progress::Failed(failure::value_failure("VAR_ERROR", error)),
        },
        Some(ExitResult::FailureDef(definition)) => Progress::Failed(defined_failure(definition, &scope)),
    }
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
