//! A NodeRun fails: its ThreadRun ends with it, and the WfRun if that was thread 0 (spec 03 section 6, without handlers).

use super::{Run, advance, timestamp};
use crate::{pb, state::Context, value::Vse};

/// A technical failure made of a value failure.
pub fn value_failure(name: &str, error: Vse) -> pb::Failure {
    technical(name, error.message)
}

/// A failure without content.
pub fn technical(name: &str, message: impl Into<String>) -> pb::Failure {
    pb::Failure { failure_name: name.to_owned(), message: message.into(), ..pb::Failure::default() }
}

/// ERROR for the nine reserved names, EXCEPTION for any other (03/E-502).
pub fn status_of(failure_name: &str) -> pb::LhStatus {
    if pb::LhErrorType::from_str_name(failure_name).is_some() { pb::LhStatus::Error } else { pb::LhStatus::Exception }
}

/// Appends the failure to the NodeRun and ends its thread (03/E-510, E-511). End times and messages are set on every
/// failure (03/E-231).
pub fn fail_node(run: &mut Run, place: (i32, i32), failure: pb::Failure, context: &mut Context<'_>) {
    let status = status_of(&failure.failure_name);
    let now = timestamp(context.now_ms);
    let message = failure.message.clone();
    if let Some(node_run) = run.nodes.get_mut(&place).and_then(|record| record.node_run.as_mut()) {
        node_run.failures.push(failure);
        node_run.set_status(status);
        node_run.end_time.get_or_insert(now);
        node_run.error_message = Some(message.clone());
    }
    let Some(index) = run.thread_index(place.0) else { return };
    let thread = &mut run.wf_run.thread_runs[index];
    thread.set_status(status);
    thread.end_time = Some(now);
    thread.error_message = Some(message);
    if place.0 == 0 {
        advance::end_run(run, status, context);
    }
}

/// The loop guard: thread 0 ends with `INTERNAL_ERROR`, no handler is asked (03/E-307).
pub fn fail_tight_loop(run: &mut Run, context: &mut Context<'_>) {
    let Some(index) = run.thread_index(0) else { return };
    let place = (0, run.wf_run.thread_runs[index].current_node_position);
    let message = format!(
        "The WfSpec has a tight loop: it exceeded the maximum of {} iterations in one command.",
        advance::PASSES_MAX
    );
    fail_node(run, place, technical("INTERNAL_ERROR", message), context);
}
