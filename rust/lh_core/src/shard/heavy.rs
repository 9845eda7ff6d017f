//! Commands that keep everybody waiting: large ones, and those that move runs of WfSpecs which loop until they are stopped
//! (03/E-307). They wait in lanes of their own and get a share of the shard's time while others have something to do.

use std::collections::{BTreeMap, VecDeque};

use lh_machine::{Command, State, internal::command::Kind, wf_spec_moved_by};

use super::{admission::Waiting, limits};

/// The lanes.
pub struct Heavy {
    large: Lane,
    looping: Lane,
    /// WfSpecs, by tenant and name, with the time at which it is forgotten that they loop.
    loopers: BTreeMap<(String, String), u64>,
    /// When another command was in a batch last.
    others_ns: Option<u64>,
}

struct Lane {
    waiting: VecDeque<Waiting>,
    /// Time that others get, in times of what a batch of this lane took.
    rest: u64,
    /// When its next command may go.
    next_ns: u64,
    /// One of its commands is in the batch in flight.
    is_in_flight: bool,
}

impl Default for Heavy {
    fn default() -> Self {
        Self {
            large: Lane::new(limits::REST_AFTER_LARGE),
            looping: Lane::new(limits::REST_AFTER_LOOPING),
            loopers: BTreeMap::new(),
            others_ns: None,
        }
    }
}

impl Heavy {
    /// Lets a command wait here if it is heavy, else gives it back. Only what a client asks for is: it cannot count on the
    /// order of what it asks for at the same time.
    pub fn place(&mut self, waiting: Waiting, state: &State) -> Option<Waiting> {
        if waiting.answer.is_none() || !is_movable(&waiting.command) {
            return Some(waiting);
        }
        if self.loops(state, &waiting.command) {
            self.looping.waiting.push_back(waiting);
        } else if waiting.bytes >= limits::LARGE_COMMAND_BYTES {
            self.large.waiting.push_back(waiting);
        } else {
            return Some(waiting);
        }
        None
    }

    fn loops(&self, state: &State, command: &Command) -> bool {
        if self.loopers.is_empty() {
            return false;
        }
        let name = wf_spec_moved_by(state, command);
        name.is_some_and(|name| self.loopers.contains_key(&(command.tenant.clone(), name.to_owned())))
    }

    /// A run of this WfSpec was stopped because it looped.
    pub fn looped(&mut self, wf_spec: (String, String), now_ns: u64) {
        if self.loopers.len() < limits::LOOPERS || self.loopers.contains_key(&wf_spec) {
            self.loopers.insert(wf_spec, now_ns + limits::LOOPER_NS);
        }
    }

    /// When the next command may go; `None` = none waits.
    pub fn due_ns(&self, now_ns: u64) -> Option<u64> {
        let is_alone = self.is_alone(now_ns);
        let due = |lane: &Lane| if is_alone { 0 } else { lane.next_ns };
        let lanes = [&self.large, &self.looping];
        lanes.into_iter().filter(|lane| !lane.waiting.is_empty()).map(due).min()
    }

    /// The commands that may go with a batch that is closed now; it has others, too, or not.
    pub fn take(&mut self, now_ns: u64, has_others: bool) -> Vec<Waiting> {
        if has_others {
            self.others_ns = Some(now_ns);
        }
        let is_alone = self.is_alone(now_ns);
        let mut taken = self.large.take(now_ns, is_alone, limits::LARGE_BYTES_PER_BATCH);
        taken.extend(self.looping.take(now_ns, is_alone, 1));
        taken
    }

    /// Others had nothing to do for a while.
    fn is_alone(&self, now_ns: u64) -> bool {
        self.others_ns.is_none_or(|last_ns| now_ns >= last_ns + limits::OTHERS_ACTIVE_NS)
    }

    /// The batch in flight was applied, so long after its close.
    pub fn applied(&mut self, now_ns: u64, took_ns: u64) {
        self.loopers.retain(|_, until_ns| *until_ns > now_ns);
        self.large.applied(now_ns, took_ns);
        self.looping.applied(now_ns, took_ns);
    }

    /// True if nothing waits here.
    pub fn is_empty(&self) -> bool {
        self.large.waiting.is_empty() && self.looping.waiting.is_empty()
    }

    /// Everything that waits: the shard stops.
    pub fn drain(&mut self) -> impl Iterator<Item = Waiting> + use<'_> {
        self.large.waiting.drain(..).chain(self.looping.waiting.drain(..))
    }
}

impl Lane {
    fn new(rest: u64) -> Self {
        Self { waiting: VecDeque::new(), rest, next_ns: 0, is_in_flight: false }
    }

    fn take(&mut self, now_ns: u64, is_alone: bool, bytes: usize) -> Vec<Waiting> {
        let mut taken = Vec::new();
        let mut left = if is_alone || now_ns >= self.next_ns { bytes } else { 0 };
        while left > 0
            && let Some(waiting) = self.waiting.pop_front()
        {
            left = left.saturating_sub(waiting.bytes);
            taken.push(waiting);
        }
        self.is_in_flight |= !taken.is_empty();
        taken
    }

    fn applied(&mut self, now_ns: u64, took_ns: u64) {
        if std::mem::take(&mut self.is_in_flight) {
            self.next_ns = now_ns.saturating_add(took_ns.saturating_mul(self.rest));
        }
    }
}

/// What may be overtaken by what comes later.
fn is_movable(command: &Command) -> bool {
    use Kind::{PutCheckpoint, PutCorrelatedEvent, PutExternalEvent, ReportTask, RescueThreadRun, ResumeWfRun, RunWf};
    matches!(
        command.kind,
        Some(
            RunWf(_)
                | ReportTask(_)
                | PutExternalEvent(_)
                | PutCorrelatedEvent(_)
                | PutCheckpoint(_)
                | ResumeWfRun(_)
                | RescueThreadRun(_)
        )
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use lh_machine::{
        MachineConfig, internal,
        pb::{ReportTaskRun, RunWfRequest, VariableValue, variable_value::Value},
    };
    use tokio::sync::oneshot;

    use super::*;

    const MS: u64 = 1_000_000;
    /// Long after anything that happened before.
    const LATER: u64 = 3_600_000 * MS;

    fn state() -> State {
        State::new(MachineConfig { shard: 0, run_shards: 1 })
    }

    fn start(wf_spec: &str, bytes: usize) -> Waiting {
        let value = VariableValue { value: Some(Value::Str("x".repeat(bytes))) };
        let request = RunWfRequest {
            wf_spec_name: wf_spec.to_owned(),
            variables: [("n".to_owned(), value)].into(),
            ..RunWfRequest::default()
        };
        let run_wf = internal::RunWf { request: Some(request), ..internal::RunWf::default() };
        let command = Command { tenant: "default".to_owned(), kind: Some(Kind::RunWf(run_wf)) };
        Waiting::new(command, Some(oneshot::channel().0))
    }

    /// Large commands share the time with others: one in a batch, then as much time for others as it took.
    #[test]
    fn others_get_time_after_a_large_command() {
        let (mut heavy, state) = (Heavy::default(), state());
        for _ in 0..3 {
            assert!(heavy.place(start("any", limits::LARGE_BYTES_PER_BATCH), &state).is_none());
        }
        assert!(heavy.place(start("any", 10), &state).is_some(), "a small one is not heavy");
        assert_eq!(heavy.take(LATER, true).len(), 1);
        heavy.applied(LATER + 5 * MS, 5 * MS);
        let next = LATER + 5 * MS + 5 * MS * limits::REST_AFTER_LARGE;
        assert_eq!(heavy.due_ns(LATER + 6 * MS), Some(next));
        assert!(heavy.take(next - 1, true).is_empty());
        assert_eq!(heavy.take(next, true).len(), 1);
        assert!(!heavy.is_empty());
    }

    /// Nobody waits for others that are not there.
    #[test]
    fn alone_they_do_not_rest() {
        let (mut heavy, state) = (Heavy::default(), state());
        for _ in 0..3 {
            assert!(heavy.place(start("any", limits::LARGE_BYTES_PER_BATCH), &state).is_none());
        }
        for at in [LATER, LATER + MS, LATER + 2 * MS] {
            assert_eq!(heavy.due_ns(at), Some(0));
            assert_eq!(heavy.take(at, false).len(), 1);
            heavy.applied(at + MS, MS);
        }
        assert_eq!(heavy.due_ns(LATER), None);
    }

    /// A WfSpec of which a run looped (03/E-307) takes a hundredth of the time, until it has not looped for a while.
    #[test]
    fn a_wf_spec_that_loops_takes_a_hundredth() {
        let (mut heavy, state) = (Heavy::default(), state());
        assert!(heavy.place(start("endless", 10), &state).is_some(), "nothing is known yet");
        heavy.looped(("default".to_owned(), "endless".to_owned()), LATER);
        assert!(heavy.place(start("other", 10), &state).is_some());
        for _ in 0..2 {
            assert!(heavy.place(start("endless", 10), &state).is_none());
        }
        assert_eq!(heavy.take(LATER, true).len(), 1);
        heavy.applied(LATER + 2 * MS, 2 * MS);
        assert_eq!(heavy.due_ns(LATER + 2 * MS), Some(LATER + 200 * MS));
        heavy.applied(LATER + limits::LOOPER_NS - 1, MS);
        assert!(heavy.place(start("endless", 10), &state).is_none());
        heavy.applied(LATER + limits::LOOPER_NS, MS);
        assert!(heavy.place(start("endless", 10), &state).is_some());
        assert_eq!(heavy.drain().count(), 2);
        assert!(heavy.is_empty());
    }

    /// What nobody waits for keeps its order: timers, messages of other shards.
    #[test]
    fn only_what_clients_wait_for_is_overtaken() {
        let (mut heavy, state) = (Heavy::default(), state());
        let mut alone = start("any", limits::LARGE_COMMAND_BYTES);
        alone.answer = None;
        assert!(heavy.place(alone, &state).is_some());
        let large = VariableValue { value: Some(Value::Str("x".repeat(1 << 20))) };
        let report = Kind::ReportTask(ReportTaskRun { log_output: Some(large), ..ReportTaskRun::default() });
        let command = Command { tenant: "default".to_owned(), kind: Some(report) };
        assert!(heavy.place(Waiting::new(command, Some(oneshot::channel().0)), &state).is_none());
        let write = Kind::MetaWrite(internal::MetaWrite { writes: vec![], ..internal::MetaWrite::default() });
        let mut command = Waiting::new(Command { tenant: "x".repeat(1 << 20), kind: Some(write) }, None);
        command.answer = Some(oneshot::channel().0);
        assert!(heavy.place(command, &state).is_some());
    }
}
