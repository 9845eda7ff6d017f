//! What the store says of all runs, and which changes of it are allowed (03 section 3.2, 04 section 2, 06 section 3).

use std::collections::BTreeMap;

use lh_machine::{
    Writes,
    internal::{self, deadline::Kind as DeadlineKind},
    key, pb,
};
use pb::{LhStatus, TaskStatus, UserTaskRunStatus};
use prost::Message;

/// A run with all of its NodeRuns, wherever they are kept.
#[derive(Clone, Default)]
pub struct Seen {
    pub record: internal::RunRecord,
    pub nodes: BTreeMap<(i32, i32), internal::NodeRecord>,
}

impl Seen {
    pub fn wf_run(&self) -> &pb::WfRun {
        self.record.wf_run.as_ref().unwrap()
    }

    pub fn id(&self) -> pb::WfRunId {
        self.wf_run().id.clone().unwrap()
    }

    /// Every ThreadRun: active, archived, queued.
    pub fn threads(&self) -> impl Iterator<Item = &pb::ThreadRun> {
        let queued = self.record.queued.iter().filter_map(|queued| queued.thread.as_ref());
        self.wf_run().thread_runs.iter().chain(&self.record.archived).chain(queued)
    }

    pub fn thread(&self, number: i32) -> Option<&pb::ThreadRun> {
        self.threads().find(|thread| thread.number == number)
    }

    /// The NodeRun on which a thread stands.
    pub fn current(&self, thread: &pb::ThreadRun) -> Option<&internal::NodeRecord> {
        self.nodes.get(&(thread.number, thread.current_node_position))
    }
}

/// COMPLETED, ERROR and EXCEPTION.
pub fn is_terminal(status: LhStatus) -> bool {
    matches!(status, LhStatus::Completed | LhStatus::Error | LhStatus::Exception)
}

/// All runs by the keys of their records.
#[derive(Default)]
pub struct Model {
    pub runs: BTreeMap<Vec<u8>, Seen>,
    /// Runs of which a deletion in parts has taken something (03/E-943): the wake-ups at which it goes on.
    pub leaving: BTreeMap<Vec<u8>, (i64, pb::WfRunId)>,
}

/// What a command was, as far as it widens what is allowed.
#[derive(Clone, Copy, Default)]
pub struct Allowed {
    /// ERROR may be left.
    pub rescue: bool,
    /// A claim may be undone.
    pub unclaim: bool,
}

impl Model {
    /// Takes in what one command wrote, and checks every change; returns the keys of the runs that changed.
    pub fn update(&mut self, writes: &Writes, allowed: Allowed) -> Vec<Vec<u8>> {
        let mut changed = Vec::new();
        for (key, value) in writes.iter().filter(|(key, _)| key::is_run(key)) {
            let record = value.as_ref().map(|value| internal::RunRecord::decode(&value[1..]).unwrap());
            let record = record.filter(|record| record.wf_run.as_ref().is_some_and(|run| run.wf_spec_id.is_some()));
            self.leaving.remove(key);
            let Some(record) = record else {
                self.runs.remove(key);
                continue;
            };
            if record.deadlines.iter().any(|deadline| matches!(deadline.kind, Some(DeadlineKind::Delete(_)))) {
                let id = record.wf_run.and_then(|wf_run| wf_run.id).unwrap();
                self.leaving.insert(key.clone(), (record.armed_ms, id));
                self.runs.remove(key);
                continue;
            }
            let before = self.runs.get(key);
            let mut seen = Seen { record, nodes: before.map(|before| before.nodes.clone()).unwrap_or_default() };
            let own_nodes = std::mem::take(&mut seen.record.nodes);
            let prefix = &key[..key.len() - 1];
            let spilled = writes.iter().filter(|(key, _)| key::is_node(key) && key.starts_with(prefix));
            let spilled = spilled.filter_map(|(_, value)| value.as_ref());
            let spilled = spilled.map(|value| internal::NodeRecord::decode(&value[1..]).unwrap());
            for node in own_nodes.into_iter().chain(spilled) {
                let id = node.node_run.as_ref().unwrap().id.clone().unwrap();
                if id.wf_run_id.as_ref() == Some(&seen.id()) {
                    seen.nodes.insert((id.thread_run_number, id.position), node);
                }
            }
            // A run of the same id that was started anew has another start.
            match before.filter(|before| before.wf_run().start_time == seen.wf_run().start_time) {
                Some(before) => compare(before, &seen, allowed),
                None => assert_ne!(seen.wf_run().status(), LhStatus::Starting),
            }
            self.runs.insert(key.clone(), seen);
            changed.push(key.clone());
        }
        changed
    }
}

fn compare(before: &Seen, after: &Seen, allowed: Allowed) {
    let (old, new) = (before.wf_run(), after.wf_run());
    assert_reached(old.status(), new.status(), |status| of_wf_run(status, allowed), "WfRun");
    assert!(new.greatest_threadrun_number >= old.greatest_threadrun_number, "03/E-202: numbers are not used again");
    if is_terminal(old.status()) && !allowed.rescue {
        assert_eq!(old.end_time, new.end_time, "a run ends once");
        assert_eq!(old.thread_run_queue, new.thread_run_queue, "03/E-914: a run that ended starts nothing");
    }
    for thread in before.threads() {
        let now = after.thread(thread.number).expect("a ThreadRun does not vanish");
        compare_threads(thread, now, allowed);
    }
    for thread in after.threads().filter(|thread| before.thread(thread.number).is_none()) {
        let parent = before.thread(thread.parent_thread_id.unwrap_or_default());
        let is_late = parent.is_some_and(|parent| is_terminal(parent.status())) && !allowed.rescue;
        // The handler of one thread among several is a child of the failed thread (03/E-452).
        assert!(
            !is_late || thread.r#type() == pb::ThreadType::FailureHandler,
            "a thread was started by one that ended"
        );
    }
    for (place, node) in &before.nodes {
        compare_nodes(node, after.nodes.get(place).expect("a NodeRun does not vanish"), allowed);
    }
    for place in after.nodes.keys().filter(|place| !before.nodes.contains_key(place)) {
        let ended = before.thread(place.0).is_some_and(|thread| is_terminal(thread.status()));
        assert!(!ended || allowed.rescue, "a NodeRun began at {place:?} after its thread had ended");
    }
}

fn compare_threads(old: &pb::ThreadRun, new: &pb::ThreadRun, allowed: Allowed) {
    assert_reached(old.status(), new.status(), |status| of_thread_run(status, allowed), "ThreadRun");
    assert!(new.current_node_position >= old.current_node_position, "03/E-204: positions grow");
    assert_eq!(
        (old.r#type, old.parent_thread_id, &old.thread_spec_name),
        (new.r#type, new.parent_thread_id, &new.thread_spec_name)
    );
    if new.status() == LhStatus::Starting {
        assert!(matches!(old.status(), LhStatus::Starting | LhStatus::Halted), "only a queued thread is STARTING");
    }
    if is_terminal(old.status()) && !allowed.rescue {
        assert_eq!(old.end_time, new.end_time, "a thread ends once");
    }
}

/// Where a status can lead to by one edge of the table of 03 section 3.2.
type Edges = &'static [LhStatus];

/// 03/E-220, E-222: only a rescue leaves ERROR; a WfRun is never HALTING nor STARTING.
fn of_wf_run(status: LhStatus, allowed: Allowed) -> Edges {
    use LhStatus::{Completed, Error, Exception, Halted, Halting, Running, Starting};
    match status {
        Running => &[Completed, Error, Exception, Halted],
        Halted => &[Running, Error, Exception],
        Error if allowed.rescue => &[Running],
        Error | Completed | Exception => &[],
        Starting | Halting => panic!("03/E-222: a WfRun is {status:?}"),
    }
}

fn of_thread_run(status: LhStatus, allowed: Allowed) -> Edges {
    use LhStatus::{Completed, Error, Exception, Halted, Halting, Running, Starting};
    match status {
        Starting => &[Running, Halted],
        Running => &[Completed, Error, Exception, Halting, Halted],
        Halting => &[Halted, Error, Exception],
        // One that was halted in the queue is queued again (03/E-914).
        Halted => &[Running, Starting, Error, Exception],
        Error if allowed.rescue => &[Running],
        Error | Completed | Exception => &[],
    }
}

/// A NodeRun is never revived: a rescue makes a new one. Edges to ERROR and EXCEPTION come with a failure, see
/// [`compare_nodes`].
fn of_node_run(status: LhStatus) -> Edges {
    use LhStatus::{Completed, Error, Exception, Halted, Halting, Running, Starting};
    match status {
        Running => &[Completed, Error, Exception, Halting, Halted],
        Halting => &[Halted, Error, Exception],
        Halted => &[Running, Error, Exception],
        Completed => &[Error],
        // Another failure, behind one that was handled (03/E-531) or of an interrupt meanwhile (03/E-640).
        Error | Exception => &[Error, Exception],
        Starting => panic!("03 section 3.2: STARTING is replaced in the same command"),
    }
}

/// One command can take several edges.
fn assert_reached(old: LhStatus, new: LhStatus, edges: impl Fn(LhStatus) -> Edges, what: &str) {
    let mut reached = vec![old];
    let mut at = 0;
    while let Some(status) = reached.get(at).copied() {
        let further: Vec<_> = edges(status).iter().filter(|status| !reached.contains(status)).copied().collect();
        reached.extend(further);
        at += 1;
    }
    // Some objects are never in some status; the table says so by a panic.
    let _ = edges(new);
    assert!(reached.contains(&new), "{what}: {old:?} became {new:?}");
}

fn compare_nodes(old: &internal::NodeRecord, new: &internal::NodeRecord, allowed: Allowed) {
    let (before, after) = (old.node_run.as_ref().unwrap(), new.node_run.as_ref().unwrap());
    assert_reached(before.status(), after.status(), of_node_run, "NodeRun");
    let has_failed_again = after.failures.len() > before.failures.len();
    if before.status() != after.status() && is_terminal(before.status()) {
        assert!(has_failed_again, "NodeRun: {:?} became {:?} without a failure", before.status(), after.status());
    }
    if matches!(after.status(), LhStatus::Error | LhStatus::Exception) {
        let last = after.failures.last().expect("03/E-510: what failed has a failure");
        let is_error = pb::LhErrorType::from_str_name(&last.failure_name).is_some();
        assert_eq!(after.status() == LhStatus::Error, is_error, "03/E-502: {:?}", after.failures);
    }
    assert!(after.failures.len() >= before.failures.len(), "03/E-510: failures are only appended");
    for (one, other) in before.failures.iter().zip(&after.failures) {
        assert_eq!(one.failure_name, other.failure_name);
        assert!(other.was_properly_handled || !one.was_properly_handled);
    }
    assert_eq!((&before.node_name, &before.arrival_time), (&after.node_name, &after.arrival_time));
    if let Some(task) = &old.task_run {
        compare_tasks(task, new.task_run.as_ref().expect("a TaskRun does not vanish"), allowed);
    }
    for (one, other) in old.reminders.iter().zip(&new.reminders) {
        compare_tasks(one.task_run.as_ref().unwrap(), other.task_run.as_ref().unwrap(), allowed);
    }
    if let Some(task) = &old.user_task_run {
        compare_user_tasks(task, new.user_task_run.as_ref().expect("a UserTaskRun does not vanish"));
    }
}

fn compare_tasks(old: &pb::TaskRun, new: &pb::TaskRun, allowed: Allowed) {
    use TaskStatus::{TaskPending, TaskRunning, TaskScheduled};
    assert!(new.attempts.len() >= old.attempts.len(), "attempts do not vanish");
    for (one, other) in old.attempts.iter().zip(&new.attempts) {
        let (before, after) = (one.status(), other.status());
        let is_allowed = before == after
            || match before {
                TaskPending => after == TaskScheduled,
                TaskScheduled => after == TaskRunning,
                TaskRunning => {
                    !matches!(after, TaskPending | TaskScheduled) || after == TaskScheduled && allowed.unclaim
                }
                _ => false,
            };
        assert!(is_allowed, "04/TW-3: an attempt went from {before:?} to {after:?}");
    }
    for attempt in new.attempts.iter().rev().skip(1) {
        let is_open = matches!(attempt.status(), TaskPending | TaskScheduled | TaskRunning);
        assert!(!is_open, "only the last attempt is open");
    }
}

fn compare_user_tasks(old: &pb::UserTaskRun, new: &pb::UserTaskRun) {
    let is_closed = matches!(old.status(), UserTaskRunStatus::Done | UserTaskRunStatus::Cancelled);
    if is_closed {
        assert_eq!((old.status, old.epoch, &old.results), (new.status, new.epoch, &new.results), "it ended");
    }
    assert!(new.epoch >= old.epoch);
    assert!(new.events.starts_with(&old.events), "06/U-49: the log is only appended to");
    let is_assigned = new.status() == UserTaskRunStatus::Assigned;
    assert!(!is_assigned || new.user_id.is_some(), "06/U-15");
    assert!(new.status() != UserTaskRunStatus::Unassigned || new.user_id.is_none(), "06/U-15");
}
