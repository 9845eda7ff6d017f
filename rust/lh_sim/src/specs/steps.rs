//! Steps that wait for the outside or speak to it: events, user tasks, child WfRuns.

use std::collections::BTreeMap;

use lh_machine::pb::{
    self, node::Node, task_node::TaskToExecute, ut_action_trigger as trigger, variable_assignment::Path,
};

use super::{
    FORM, ONCE, OWN_KEY, PAID, RESULT, SHARED, SHARED_KEYS, spec_name, task_def, thread::ThreadBuilder, words,
};
use crate::random::Random;

impl ThreadBuilder<'_> {
    /// Waits for an event, or throws one.
    pub(super) fn event(&mut self, random: &mut Random) {
        let (definition, key) = match random.within(0..9) {
            0..3 => (PAID, None),
            3..6 => (SHARED, Some(words::text(shared_key(random.within(0..SHARED_KEYS))))),
            6..8 => (ONCE, Some(words::variable_value(OWN_KEY))),
            _ => return self.throw(),
        };
        let node = pb::ExternalEventNode {
            external_event_def_id: Some(words::event_def(definition)),
            timeout_seconds: random.chance(30).then(|| words::literal(random.within(1..12) as i64)),
            correlation_key: key,
            mask_correlation_key: false,
        };
        let name = self.add("event", Node::ExternalEvent(node));
        self.handle(&name, 50, random);
        self.open = vec![(name.clone(), words::appending(words::output_of(&name)))];
    }

    fn throw(&mut self) {
        let node =
            pb::ThrowEventNode { event_def_id: Some(words::told()), content: Some(words::variable_value(OWN_KEY)) };
        self.plain("throw", Node::ThrowEvent(node));
    }

    /// Somebody must fill in a form.
    pub(super) fn user_task(&mut self, random: &mut Random) {
        let mut actions = Vec::new();
        let deadline_s = random.chance(60).then(|| random.within(2..15) as i64);
        if let Some(seconds) = deadline_s {
            actions.push(action(trigger::Action::Cancel(trigger::UtaCancel {}), trigger::UtHook::OnArrival, seconds));
        }
        let delay_s = random.within(1..8) as i64;
        match random.within(0..5) {
            0 => {
                let back = trigger::UtaReassign { user_id: None, user_group: Some(words::text("all")) };
                actions.push(action(trigger::Action::Reassign(back), trigger::UtHook::OnTaskAssigned, delay_s));
            }
            1 => {
                let name = task_def(random.within(0..self.palette.task_defs));
                let task = pb::TaskNode {
                    task_to_execute: Some(TaskToExecute::TaskDefId(pb::TaskDefId { name })),
                    retries: random.within(0..3) as i32,
                    timeout_seconds: 4,
                    ..Default::default()
                };
                let reminder = trigger::UtaTask { task: Some(task), mutations: Vec::new() };
                actions.push(action(trigger::Action::Task(reminder), trigger::UtHook::OnArrival, delay_s));
            }
            _ => {}
        }
        let node = pb::UserTaskNode {
            user_task_def_name: FORM.to_owned(),
            user_task_def_version: Some(0),
            user_group: Some(words::text("all")),
            user_id: random.chance(40).then(|| words::text("ada")),
            actions,
            notes: deadline_s.map(|seconds| words::text((seconds * 1_000).to_string())),
            on_cancellation_exception_name: None,
        };
        let name = self.add("user-task", Node::UserTask(node));
        self.handle(&name, 60, random);
        let path = Some(Path::JsonPath(format!("$.{RESULT}")));
        let result = pb::VariableAssignment { path, ..words::output_of(&name) };
        self.open = vec![(name, words::appending(result))];
    }

    /// Runs another WfSpec, and mostly waits for it.
    pub(super) fn child_run(&mut self, random: &mut Random) {
        let name = spec_name(random.within(0..self.palette.child_runs));
        let run = pb::RunChildWfNode {
            wf_spec: Some(pb::run_child_wf_node::WfSpec::WfSpecName(name)),
            major_version: -1,
            inputs: BTreeMap::from([(OWN_KEY.to_owned(), words::variable_value(OWN_KEY))]),
            child_id: None,
        };
        let run = self.plain("run-child", Node::RunChildWf(run));
        if random.chance(80) {
            let wait = pb::WaitForChildWfNode { child_wf_run_id: Some(words::output_of(&run)), ..Default::default() };
            let name = self.plain("wait-child", Node::WaitForChildWf(wait));
            self.handle(&name, 50, random);
        }
    }
}

/// Key number `number` of the events that many runs share.
pub fn shared_key(number: u64) -> String {
    format!("key-{number}")
}

fn action(action: trigger::Action, hook: trigger::UtHook, delay_s: i64) -> pb::UtActionTrigger {
    pb::UtActionTrigger { action: Some(action), delay_seconds: Some(words::literal(delay_s)), hook: hook as i32 }
}
