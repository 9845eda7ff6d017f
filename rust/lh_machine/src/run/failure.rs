//! A NodeRun fails: a handler is asked, or its ThreadRun ends with it, and the WfRun if that was thread 0
//! (spec 03 section 6).

use super::{Run, advance, finish, halt, handler, interrupt, is_terminal, timestamp};
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

/// Appends the failure to the NodeRun (03/E-510), then starts its handler or ends its thread (03/E-511, E-520).
///
/// Only the first failure of a NodeRun is handled: what goes wrong behind a handled one ends the thread (03/E-531).
pub fn fail_node(run: &mut Run, place: (i32, i32), failure: pb::Failure, context: &mut Context<'_>) {
    let is_first = run.node_run(place).is_some_and(|node_run| node_run.failures.is_empty());
    note(run, place, failure.clone(), context);
    match is_first.then(|| handler::of_node(run, place, &failure)).flatten() {
        Some(handler_name) => handler::await_quiet(run, place, handler_name),
        None => fail_thread(run, place.0, failure, context),
    }
}

/// Appends the failure to the NodeRun. End times and messages are set on every failure (03/E-231).
pub fn note(run: &mut Run, place: (i32, i32), failure: pb::Failure, context: &Context<'_>) {
    let Some(node_run) = run.node_run_mut(place) else { return };
    node_run.set_status(status_of(&failure.failure_name));
    node_run.end_time.get_or_insert(timestamp(context.now_ms));
    node_run.error_message = Some(failure.message.clone());
    node_run.failures.push(failure);
}

/// Ends the ThreadRun with a failure that nobody on its node handles: its children are halted, and whom it served fails
/// with it (03/E-511, E-532, E-533). A thread that ended already stays as it is (03/E-220).
pub fn fail_thread(run: &mut Run, number: i32, failure: pb::Failure, context: &mut Context<'_>) {
    let status = status_of(&failure.failure_name);
    let Some(thread) = run.thread_mut(number) else { return };
    if is_terminal(thread.status()) {
        return;
    }
    thread.set_status(status);
    thread.end_time = Some(timestamp(context.now_ms));
    thread.error_message = Some(failure.message.clone());
    let children = thread.child_thread_ids.clone();
    let serves = thread.failure_being_handled.map(|served| served.thread_run_number);
    let interrupts = (thread.r#type() == pb::ThreadType::Interrupt).then_some(thread.parent_thread_id).flatten();
    for child in children {
        halt::halt(run, child, halt::parent_halted(number));
    }
    run.wf_run.pending_failures.retain(|pending| pending.failed_thread_run != number);
    run.wf_run.pending_interrupts.retain(|pending| pending.interrupted_thread_id != number);
    finish::forget_waits(run, number);
    if let Some(state) = run.threads.get_mut(&number) {
        state.failure = Some(failure.clone());
    }
    if number == 0 {
        finish::end_run(run, status, context);
    }
    if let Some(interrupted) = interrupts {
        interrupt::handler_failed(run, interrupted, number, &failure, context);
    }
    if let Some(served) = serves {
        fail_thread(run, served, failure, context);
    }
}

/// Whoever runs the machine is told which WfSpec loops: its further runs can wait for others.
pub fn note_loop(run: &Run, context: &mut Context<'_>) {
    let wf_spec = (run.tenant.to_string(), run.spec.id.name.clone());
    if !context.effects.looped.contains(&wf_spec) {
        context.effects.looped.push(wf_spec);
    }
}

/// The loop guard: thread 0 ends with `INTERNAL_ERROR`, no handler is asked (03/E-307). Threads that run on although
/// thread 0 has ended (03/E-452) end the same way.
pub fn fail_tight_loop(run: &mut Run, context: &mut Context<'_>) {
    let message = format!(
        "The WfSpec has a tight loop: it exceeded the maximum of {} iterations in one command.",
        advance::PASSES_MAX
    );
    note_loop(run, context);
    let guilty: Vec<i32> = if run.is_terminal() {
        let running = |thread: &&pb::ThreadRun| thread.status() == pb::LhStatus::Running;
        run.wf_run.thread_runs.iter().filter(running).map(|thread| thread.number).collect()
    } else {
        vec![0]
    };
    for number in guilty {
        let failure = technical("INTERNAL_ERROR", message.clone());
        if let Some(place) = run.place_of(number) {
            note(run, place, failure.clone(), context);
        }
        fail_thread(run, number, failure, context);
    }
    halt::settle_all(run);
}
