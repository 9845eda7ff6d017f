//! Interrupts: an ExternalEvent halts the threads that declare it, and a handler runs for each (03/E-610..640).

use super::{Run, events, failure, halt, handler, is_terminal, start};
use crate::{
    pb::{self, LhStatus, thread_halt_reason::Reason},
    state::Context,
};

/// Interrupts every live thread whose ThreadSpec declares the event; the event counts as claimed if there was one
/// (03/E-610, E-611).
pub fn trigger(run: &mut Run, event: &pb::ExternalEvent) {
    let Some(id) = &event.id else { return };
    let (definition, _) = events::names(id);
    let mut found = Vec::new();
    for thread in &run.wf_run.thread_runs {
        let is_meant = event.thread_run_number.is_none_or(|number| number == thread.number);
        if is_meant
            && !is_terminal(thread.status())
            && let Some(handler) = handler_of(run, &thread.thread_spec_name, &definition)
        {
            found.push((thread.number, handler));
        }
    }
    if found.is_empty() {
        return;
    }
    events::claim_for_interrupt(run, id);
    for (number, handler_spec_name) in found {
        run.wf_run.pending_interrupts.push(pb::PendingInterrupt {
            external_event_id: Some(id.clone()),
            handler_spec_name,
            interrupted_thread_id: number,
        });
        let reason = pb::PendingInterruptHaltReason { external_event_id: Some(id.clone()) };
        halt::halt(run, number, Reason::PendingInterrupt(reason));
    }
}

/// Name of the ThreadSpec that handles this event for threads of ThreadSpec `thread_name`.
fn handler_of(run: &Run, thread_name: &str, definition: &str) -> Option<String> {
    let declared = &run.spec.thread(thread_name)?.interrupt_defs;
    let is_of = |interrupt: &&pb::InterruptDef| {
        interrupt.external_event_def_id.as_ref().is_some_and(|id| id.name == definition)
    };
    declared.iter().find(is_of).map(|interrupt| interrupt.handler_spec_name.clone())
}

/// Starts the handlers of threads that have halted: one per thread and pass, in the order of the events (03/E-620). True
/// if any started.
pub(super) fn start_pending(run: &mut Run, context: &mut Context<'_>) -> bool {
    let mut served: Vec<i32> = Vec::new();
    let mut at = 0;
    while let Some(pending) = run.wf_run.pending_interrupts.get(at) {
        let number = pending.interrupted_thread_id;
        let is_halted = run.thread(number).is_some_and(|thread| thread.status() == LhStatus::Halted);
        if is_halted && !served.contains(&number) {
            let pending = run.wf_run.pending_interrupts.remove(at);
            start_handler(run, &pending, context);
            served.push(number);
        } else {
            at += 1;
        }
    }
    !served.is_empty()
}

fn start_handler(run: &mut Run, pending: &pb::PendingInterrupt, context: &mut Context<'_>) {
    let interrupted = pending.interrupted_thread_id;
    let Some(id) = &pending.external_event_id else { return };
    let (definition, guid) = events::names(id);
    let content = run.events.external(&definition, &guid).and_then(|event| event.content.clone());
    let name = &pending.handler_spec_name;
    let values = handler::values_with_input(&run.spec, name, content);
    let kind = pb::ThreadType::Interrupt;
    let number = start::start_thread(run, name, kind, Some(interrupted), values, context);
    if let Some(thread) = run.thread_mut(number) {
        thread.interrupt_trigger_id = Some(id.clone());
    }
    let Some(thread) = run.thread_mut(interrupted) else { return };
    for present in &mut thread.halt_reasons {
        if matches!(&present.reason, Some(Reason::PendingInterrupt(reason)) if reason.external_event_id.as_ref() == Some(id))
        {
            present.reason = Some(Reason::Interrupted(pb::Interrupted { interrupt_thread_id: number }));
        }
    }
    // Halted with its parent: so is the handler, until the parent goes on (03/E-631).
    if thread.halt_reasons.iter().any(|present| matches!(present.reason, Some(Reason::ParentHalted(_)))) {
        halt::halt(run, number, halt::parent_halted(interrupted));
    }
}

/// True for a HALTED thread that goes on by itself, once its interrupt and failure handlers are done.
pub fn goes_on(thread: &pb::ThreadRun) -> bool {
    let passes = |present: &pb::ThreadHaltReason| {
        use Reason::{HandlingFailure, Interrupted, PendingFailure, PendingInterrupt};
        let reason = present.reason.as_ref();
        reason.is_some_and(|reason| {
            matches!(reason, PendingInterrupt(_) | Interrupted(_) | PendingFailure(_) | HandlingFailure(_))
        })
    };
    thread.status() == LhStatus::Halted && thread.halt_reasons.iter().all(passes)
}

/// The handler failed: the interrupted thread fails with it, and nobody on its node is asked (03/E-640).
pub(super) fn handler_failed(
    run: &mut Run,
    interrupted: i32,
    handler: i32,
    failure: &pb::Failure,
    context: &mut Context<'_>,
) {
    if run.thread(interrupted).is_none_or(|thread| is_terminal(thread.status())) {
        return;
    }
    let failure = pb::Failure {
        failure_name: failure.failure_name.clone(),
        message: format!("Interrupt thread with id {handler} failed!"),
        content: failure.content.clone(),
        ..pb::Failure::default()
    };
    if let Some(place) = run.place_of(interrupted) {
        failure::note(run, place, failure.clone(), context);
    }
    failure::fail_thread(run, interrupted, failure, context);
}
