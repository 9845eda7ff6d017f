//! Failure handlers: which one a failure has, when it starts, and what its end means (03/E-503, E-520..532).

use std::collections::BTreeMap;

use super::{Run, halt, start};
use crate::{
    mutants::{self, Mutant},
    pb::{self, failure_handler_def::FailureToCatch, node_run::NodeType, thread_halt_reason::Reason},
    spec::{INPUT, Spec},
    state::Context,
};

/// Whether the handler catches this failure (03/E-503).
pub fn catches(handler: &pb::FailureHandlerDef, failure_name: &str) -> bool {
    match &handler.failure_to_catch {
        None => true,
        Some(FailureToCatch::SpecificFailure(name)) => {
            name == failure_name
                || (name == "VAR_ERROR" && matches!(failure_name, "VAR_SUB_ERROR" | "VAR_MUTATION_ERROR"))
                || (name == "TASK_ERROR" && matches!(failure_name, "TASK_FAILURE" | "TIMEOUT"))
        }
        Some(FailureToCatch::AnyFailureOfType(kind)) => {
            let is_error = super::failure::status_of(failure_name) == pb::LhStatus::Error;
            is_error == (*kind == pb::failure_handler_def::LhFailureType::FailureTypeError as i32)
        }
    }
}

/// The first handler of the node that catches the failure, in list order (03/E-503): the name of its ThreadSpec.
pub(super) fn of_node(run: &Run, place: (i32, i32), failure: &pb::Failure) -> Option<String> {
    let node_run = run.node_run(place)?;
    let node = run.spec.node(&node_run.thread_spec_name, &node_run.node_name)?;
    let handler = node.failure_handlers.iter().find(|handler| catches(handler, &failure.failure_name))?;
    Some(handler.handler_spec_name.clone())
}

/// The failure has a handler: it starts once the thread and its children are quiet (03/E-520).
pub(super) fn await_quiet(run: &mut Run, place: (i32, i32), handler_spec_name: String) {
    let pending = pb::PendingFailureHandler { failed_thread_run: place.0, handler_spec_name };
    run.wf_run.pending_failures.push(pending);
    let reason = pb::PendingFailureHandlerHaltReason { node_run_position: place.1 };
    halt::halt(run, place.0, Reason::PendingFailure(reason));
}

/// Starts the handlers whose thread is HALTED for nothing else: a thread that is stopped, or whose parent is, has its
/// handler started when it goes on. True if any started.
pub(super) fn start_pending(run: &mut Run, context: &mut Context<'_>) -> bool {
    let mut started = false;
    let mut at = 0;
    while let Some(pending) = run.wf_run.pending_failures.get(at) {
        let is_quiet = run.thread(pending.failed_thread_run).is_some_and(|thread| {
            thread.status() == pb::LhStatus::Halted
                && matches!(
                    thread.halt_reasons.as_slice(),
                    [pb::ThreadHaltReason { reason: Some(Reason::PendingFailure(_)) }]
                )
        });
        if is_quiet {
            let pending = run.wf_run.pending_failures.remove(at);
            start_handler(run, &pending, context);
            if mutants::is_on(Mutant::HandlerTwice) {
                start_handler(run, &pending, context);
            }
            started = true;
        } else {
            at += 1;
        }
    }
    started
}

fn start_handler(run: &mut Run, pending: &pb::PendingFailureHandler, context: &mut Context<'_>) {
    let failed = pending.failed_thread_run;
    let Some(place) = run.place_of(failed) else { return };
    let last = run.node_run(place).and_then(|node_run| Some((node_run.failures.len() - 1, node_run.failures.last()?)));
    let Some((failure_number, failure)) = last else { return };
    let values = values_with_input(&run.spec, &pending.handler_spec_name, failure.content.clone());
    let name = &pending.handler_spec_name;
    let kind = pb::ThreadType::FailureHandler;
    let number = start::start_thread(run, name, kind, Some(failed), values, context);
    if let Some(thread) = run.thread_mut(number) {
        thread.failure_being_handled = Some(pb::FailureBeingHandled {
            thread_run_number: failed,
            node_run_position: place.1,
            failure_number: failure_number as i32,
        });
    }
    if let Some(node_run) = run.node_run_mut(place) {
        node_run.failure_handler_ids.push(number);
        if let Some(failure) = node_run.failures.last_mut() {
            failure.failure_handler_threadrun_id = Some(number);
        }
    }
    if let Some(thread) = run.thread_mut(failed) {
        let reason = Reason::HandlingFailure(pb::HandlingFailureHaltReason { handler_thread_id: number });
        thread.halt_reasons = vec![pb::ThreadHaltReason { reason: Some(reason) }];
    }
}

/// Defaults for all variables of a ThreadSpec but `INPUT`, which takes the content without a look at its type; NULL if
/// there is none (03/E-521).
pub fn values_with_input(
    spec: &Spec,
    thread_name: &str,
    content: Option<pb::VariableValue>,
) -> BTreeMap<String, pb::VariableValue> {
    let inherited = pb::WfRunVariableAccessLevel::InheritedVar;
    let definitions = spec.thread(thread_name).map_or(&[][..], |thread| &thread.variable_defs);
    let mut content = content.unwrap_or_default();
    definitions
        .iter()
        .filter(|definition| definition.access_level() != inherited)
        .filter_map(|definition| definition.var_def.as_ref())
        .map(|variable| {
            let value = match variable.name.as_str() {
                INPUT => std::mem::take(&mut content),
                _ => variable.default_value.clone().unwrap_or_default(),
            };
            (variable.name.clone(), value)
        })
        .collect()
}

/// The handler COMPLETED: the failure counts as handled, and with it the failures of the threads that a
/// WAIT_FOR_THREADS node waited for (03/E-530, E-456). The thread goes on with its next step.
pub(super) fn completed(run: &mut Run, handled: &pb::FailureBeingHandled) {
    let place = (handled.thread_run_number, handled.node_run_position);
    let Some(node_run) = run.node_run_mut(place) else { return };
    if let Some(failure) = node_run.failures.get_mut(handled.failure_number as usize) {
        failure.was_properly_handled = true;
    }
    let Some(NodeType::WaitForThreads(waiting)) = &node_run.node_type else { return };
    let waited: Vec<i32> = waiting.threads.iter().map(|thread| thread.thread_run_number).collect();
    let failed = |number: &i32| {
        let status = run.thread(*number).map(pb::ThreadRun::status);
        matches!(status, Some(pb::LhStatus::Error | pb::LhStatus::Exception))
    };
    let failed: Vec<i32> = waited.into_iter().filter(failed).collect();
    join_handled(run, place.0, failed);
}

/// Adds numbers to the children that EXIT of this thread must not take for failures (03/E-206).
pub fn join_handled(run: &mut Run, thread: i32, numbers: impl IntoIterator<Item = i32>) {
    let Some(thread) = run.thread_mut(thread) else { return };
    for number in numbers {
        if !thread.handled_failed_children.contains(&number) {
            thread.handled_failed_children.push(number);
        }
    }
}
