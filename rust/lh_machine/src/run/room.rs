//! How many ThreadRuns are active: those beyond the limit wait in a queue, completed ones make room (03/E-910..922).

use std::collections::BTreeMap;

use super::{Run, deadline, halt, milliseconds, start};
use crate::{
    internal::{self, deadline::Archive, deadline::Kind},
    pb::{self, LhStatus, ThreadType, thread_retention_policy::ThreadGcPolicy},
    state::Context,
};

/// Most active ThreadRuns of a WfRun, thread 0 and completed ones that were not archived included (03/E-910). Every
/// replica and every replay of the log must use the same number, so it is no setting.
pub const ACTIVE_THREADS_MAX: usize = 65;

/// From this many active ThreadRuns on, completed ones are archived at once (03/E-921).
const ARCHIVE_FROM: usize = ACTIVE_THREADS_MAX * 9 / 10;

/// True if a new thread of this type has to wait. Handlers never wait: what they serve could wait for them for ever
/// (03/E-915).
pub(super) fn must_wait(run: &Run, kind: ThreadType) -> bool {
    kind == ThreadType::Child && run.wf_run.thread_runs.len() >= ACTIVE_THREADS_MAX
}

/// Queues a new thread: it has its final number, but neither Variables nor NodeRuns (03/E-911).
pub(super) fn enqueue(run: &mut Run, mut thread: pb::ThreadRun, inputs: BTreeMap<String, pb::VariableValue>) {
    thread.set_status(LhStatus::Starting);
    thread.current_node_position = 0;
    run.wf_run.thread_run_queue.push(thread.number);
    let is_masked = |name: &&String| run.spec.declared(&thread.thread_spec_name, name).is_some_and(|it| it.masked);
    let masked = inputs.keys().filter(is_masked).cloned().collect();
    run.queued.insert(thread.number, internal::QueuedThread { thread: Some(thread), inputs, masked });
}

/// Starts queued threads in order while there is room; halted ones do not block later ones (03/E-912, E-914). True if
/// anything changed.
pub(super) fn drain(run: &mut Run, context: &mut Context<'_>) -> bool {
    if run.wf_run.thread_run_queue.is_empty() {
        return false;
    }
    let mut changed = false;
    for number in run.wf_run.thread_run_queue.clone() {
        changed |= halt::release_queued(run, number);
        let has_room = !run.is_terminal() && run.wf_run.thread_runs.len() < ACTIVE_THREADS_MAX;
        let is_ready = run.thread(number).is_some_and(|thread| thread.status() == LhStatus::Starting);
        if has_room && is_ready {
            run.wf_run.thread_run_queue.retain(|queued| *queued != number);
            if let Some(internal::QueuedThread { thread: Some(thread), inputs, .. }) = run.queued.remove(&number) {
                start::activate_thread(run, thread, inputs, context);
                changed = true;
            }
        }
    }
    changed
}

/// A thread completed: when its ThreadSpec says so, it is archived some time later.
pub(super) fn note_completed(run: &mut Run, number: i32, context: &Context<'_>) {
    if let Some(seconds) = run.thread(number).and_then(|thread| retention_seconds(run, thread)).filter(|it| *it > 0) {
        let due_ms = context.now_ms.saturating_add(seconds.saturating_mul(1000));
        deadline::add(run, (number, -1), due_ms, Kind::Archive(Archive {}));
    }
}

fn retention_seconds(run: &Run, thread: &pb::ThreadRun) -> Option<i64> {
    match run.spec.thread(&thread.thread_spec_name)?.retention_policy.as_ref()?.thread_gc_policy? {
        ThreadGcPolicy::SecondsAfterThreadTermination(seconds) => Some(seconds),
    }
}

/// Archives all that completed while there are many; looked at when a pass begins and when a thread completes.
pub(super) fn relieve(run: &mut Run) {
    if run.wf_run.thread_runs.len() >= ARCHIVE_FROM {
        archive(run, |_, _| true);
    }
}

/// Archives what completed long enough ago (03/E-921); looked at when the run comes to rest.
pub(super) fn archive_expired(run: &mut Run, now_ms: i64) {
    if run.wf_run.thread_runs.len() > 1 && run.spec.archives_threads {
        archive(run, |run, thread| {
            let end_ms = thread.end_time.as_ref().map(milliseconds).unwrap_or_default();
            let seconds = retention_seconds(run, thread);
            seconds.is_some_and(|seconds| end_ms.saturating_add(seconds.saturating_mul(1000)) <= now_ms)
        });
    }
}

/// Moves COMPLETED threads other than thread 0 out of the public record (03/E-920).
fn archive(run: &mut Run, applies: impl Fn(&Run, &pb::ThreadRun) -> bool) {
    let mut index = 1;
    while let Some(thread) = run.wf_run.thread_runs.get(index) {
        if thread.status() != LhStatus::Completed || !applies(run, thread) {
            index += 1;
            continue;
        }
        let thread = run.wf_run.thread_runs.remove(index);
        if index < run.cursor {
            run.cursor -= 1;
        }
        run.archived.insert(thread.number, thread);
    }
}
