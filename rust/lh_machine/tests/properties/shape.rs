//! What must be true of every run between two commands: everything that does not move waits for something that can come.

use lh_machine::{internal, pb};
use pb::{
    LhStatus, TaskStatus, UserTaskRunStatus, node_run::NodeType, thread_halt_reason::Reason,
    wait_for_threads_run::WaitingThreadStatus,
};

use super::model::{Model, Seen, is_terminal};

/// Checks a run that a command has changed.
pub fn check(seen: &Seen) {
    let wf_run = seen.wf_run();
    let first = seen.thread(0).expect("thread 0 is always there");
    let stopped = first.status() == LhStatus::Halted && has_manual_halt(first);
    let expected = match first.status() {
        status if is_terminal(status) => status,
        _ if stopped => LhStatus::Halted,
        _ => LhStatus::Running,
    };
    assert_eq!(wf_run.status(), expected, "03/E-221, E-222: the status of the WfRun follows thread 0");
    assert_eq!(is_terminal(wf_run.status()), wf_run.end_time.is_some(), "it has an end exactly if it ended");
    for thread in seen.threads() {
        match thread.status() {
            LhStatus::Running => check_running(seen, thread),
            LhStatus::Halting => {
                assert!(is_busy(seen, thread), "03/E-604: HALTING without a task: {}", described(seen));
            }
            LhStatus::Halted => assert!(!thread.halt_reasons.is_empty(), "03/E-607: HALTED without a reason"),
            LhStatus::Starting => assert!(wf_run.thread_run_queue.contains(&thread.number), "03/E-911"),
            _ => assert!(thread.end_time.is_some(), "03/E-231: ended without a time"),
        }
    }
    let first_due = seen.record.deadlines.iter().map(|deadline| deadline.due_ms).min();
    let armed_ms = seen.record.armed_ms;
    assert!(first_due.is_none_or(|due_ms| armed_ms != 0 && armed_ms <= due_ms), "a deadline is not armed");
}

/// The threads and where they stand, for people.
fn described(seen: &Seen) -> String {
    let lines = seen.threads().map(|thread| {
        let node = seen.current(thread).and_then(|node| node.node_run.as_ref());
        let node = node.map(|node| format!("{} {:?}", node.node_name, node.status()));
        let reasons: Vec<_> = thread.halt_reasons.iter().flat_map(|present| &present.reason).collect();
        let (kind, status) = (thread.r#type(), thread.status());
        format!("\n{} {kind:?} of {:?} {status:?} at {node:?} {reasons:?}", thread.number, thread.parent_thread_id)
    });
    lines.collect()
}

pub fn has_manual_halt(thread: &pb::ThreadRun) -> bool {
    thread.halt_reasons.iter().any(|present| matches!(present.reason, Some(Reason::ManualHalt(_))))
}

fn check_running(seen: &Seen, thread: &pb::ThreadRun) {
    assert!(thread.halt_reasons.is_empty(), "03/E-601: RUNNING with a reason to halt: {thread:?}");
    let node = seen.current(thread).expect("a running thread stands on a NodeRun");
    let node_run = node.node_run.as_ref().unwrap();
    assert_eq!(node_run.status(), LhStatus::Running, "a running thread stands on a running NodeRun: {node_run:?}");
    let waits = match node_run.node_type.as_ref().unwrap() {
        NodeType::Task(_) => is_executing(node),
        NodeType::UserTask(_) => is_open(node),
        NodeType::ExternalEvent(event) => !event.timed_out && event.external_event_id.is_none(),
        NodeType::Sleep(sleep) => !sleep.matured,
        NodeType::Exit(_) => thread.child_thread_ids.iter().any(|child| moves(seen, *child)),
        NodeType::WaitForThreads(wait) => wait.threads.iter().any(|waited| {
            let status = seen.thread(waited.thread_run_number).map(pb::ThreadRun::status);
            status.is_some_and(|status| !is_terminal(status))
                || waited.waiting_status() == WaitingThreadStatus::ThreadHandlingFailure
        }),
        NodeType::WaitForCondition(_) => true,
        NodeType::WaitForChildWf(_) => true,
        NodeType::Entrypoint(_)
        | NodeType::StartThread(_)
        | NodeType::StartMultipleThreads(_)
        | NodeType::ThrowEvent(_)
        | NodeType::RunChildWf(_) => false,
    };
    assert!(waits, "a thread could go on and does not: {node_run:?}");
}

/// Neither ended nor halted, unless it is for handlers of its own, after which it goes on (03/E-430).
fn moves(seen: &Seen, number: i32) -> bool {
    let is_own = |present: &pb::ThreadHaltReason| {
        !matches!(
            present.reason,
            Some(Reason::ManualHalt(_) | Reason::ParentHalted(_) | Reason::HaltedByParent(_)) | None
        )
    };
    seen.thread(number).is_some_and(|thread| match thread.status() {
        LhStatus::Halted => thread.halt_reasons.iter().all(is_own),
        status => !is_terminal(status),
    })
}

/// Whether a task executes on the thread's node or below.
fn is_busy(seen: &Seen, thread: &pb::ThreadRun) -> bool {
    seen.current(thread).is_some_and(is_executing)
        || thread
            .child_thread_ids
            .iter()
            .any(|child| seen.thread(*child).is_some_and(|child| !is_terminal(child.status()) && is_busy(seen, child)))
}

fn is_executing(node: &internal::NodeRecord) -> bool {
    let open = [TaskStatus::TaskScheduled, TaskStatus::TaskRunning, TaskStatus::TaskPending];
    node.task_run.as_ref().is_some_and(|task_run| open.contains(&task_run.status()))
}

pub fn is_open(node: &internal::NodeRecord) -> bool {
    let open = [UserTaskRunStatus::Assigned, UserTaskRunStatus::Unassigned];
    node.user_task_run.as_ref().is_some_and(|task| open.contains(&task.status()))
}

/// After everything that can be done from outside was done: who still waits, waits for what no client can give.
pub fn check_stuck(model: &Model, seen: &Seen) {
    for thread in seen.threads().filter(|thread| thread.status() == LhStatus::Running) {
        let node_run = seen.current(thread).and_then(|node| node.node_run.as_ref()).unwrap();
        match node_run.node_type.as_ref().unwrap() {
            NodeType::WaitForCondition(_) => {
                let flag = seen.record.variables.iter().find(|variable| {
                    variable.id.as_ref().is_some_and(|id| id.thread_run_number == 0 && id.name == "flag")
                });
                let is_set = flag
                    .and_then(|flag| flag.value.as_ref())
                    .is_some_and(|value| value.value == Some(pb::variable_value::Value::Bool(true)));
                assert!(!is_set, "03/E-463: the condition holds and the thread waits: {node_run:?}");
            }
            NodeType::WaitForChildWf(wait) => {
                let child = wait.child_wf_run_id.as_ref();
                let child = model.runs.values().find(|other| Some(&other.id()) == child);
                let lives = child.is_some_and(|child| !is_terminal(child.wf_run().status()));
                assert!(lives, "03/E-491: the child has ended and the thread waits: {node_run:?}");
            }
            NodeType::Exit(_) | NodeType::WaitForThreads(_) => {}
            other => panic!("nothing is left to do and a thread waits: {other:?}"),
        }
    }
    if let Some(halting) = seen.threads().find(|thread| thread.status() == LhStatus::Halting) {
        let tasks: Vec<_> = seen.nodes.values().filter(|node| is_executing(node)).collect();
        panic!("nothing is left to do and thread {} is HALTING for {tasks:?}", halting.number);
    }
}
