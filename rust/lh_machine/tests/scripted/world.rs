//! One shard's machine with a store in memory: performs the commands of a script.
//!
//! Commands: `task_def ...`, `spec ...`, `delete_spec NAME`, `delete_task_def NAME`, `at MS COMMAND` with COMMAND one of
//! `run_wf ID SPEC [VAR=VALUE]...`, `claim DEF POLL`, `unclaim ID NODE ATTEMPT`,
//! `report ID NODE ATTEMPT success [VALUE] | failed [TEXT] | exception NAME | status NUMBER` with `time=MS`, `type=ERROR`
//! and `checkpoints=NUMBER` behind, `timer ID DUE`, `timers ID DUE` (and all that follow and are due),
//! `post ID DEF GUID [VALUE] [thread=N] [position=N]`, `stop ID THREAD`, `resume ID THREAD`, `rescue ID THREAD [skip]`, `delete ID`;
//! `flush` (shows what the store gets), `restart` (a new machine on the same store), `show ID` (the run in full),
//! `events ID` (all events of the id), `await ID [DEF]... [ignore=DEF/NUMBER]...` (the event that a caller gets at once),
//! `threads ID` (which are active and queued), `inactive ID THREAD`.
//! `event_def NAME [TYPE | void] [retention=SECONDS]`, `workflow_event_def NAME [TYPE]`, `delete_event_def NAME` as `task_def`.
//! `user_task_def NAME VERSION ...`, `delete_user_task_def NAME VERSION`, the commands of user_tasks.rs,
//! `show_checkpoint ID NODE NUMBER`, `list_tasks ID LIMIT`, `list_user_tasks ID LIMIT`.

use std::collections::{BTreeMap, VecDeque};

use lh_machine::{
    Command, Effects, MachineConfig, Outgoing, Stamp, State, apply,
    internal::{self, command::Kind, meta_write},
    key::{self, MetaKind},
    needs, pb,
};
use prost::Message;

use super::{language, print, user_tasks};

const TENANT: &str = "default";

pub struct World {
    state: State,
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    sequence: u64,
}

impl World {
    pub fn new() -> Self {
        Self { state: new_state(), store: BTreeMap::new(), sequence: 0 }
    }

    /// Performs one line; returns what came of it.
    pub fn perform(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "task_def" => {
                let key = key::meta(MetaKind::TaskDef, TENANT, words[1], &[]);
                self.define(key, Some(language::task_def(&words[1..]).encode_to_vec()))
            }
            "spec" => {
                let (head, body) = line.split_once(" : ").unwrap();
                let head = head.splitn(3, ' ').nth(2).unwrap_or("");
                let wf_spec = language::wf_spec(words[1], head, body);
                self.define(key::meta(MetaKind::WfSpec, TENANT, words[1], &[0, 0]), Some(wf_spec.encode_to_vec()))
            }
            "event_def" => {
                let key = key::meta(MetaKind::ExternalEventDef, TENANT, words[1], &[]);
                self.define(key, Some(language::event_def(&words[1..]).encode_to_vec()))
            }
            "workflow_event_def" => {
                let key = key::meta(MetaKind::WorkflowEventDef, TENANT, words[1], &[]);
                self.define(key, Some(language::workflow_event_def(&words[1..]).encode_to_vec()))
            }
            "delete_event_def" => self.define(key::meta(MetaKind::ExternalEventDef, TENANT, words[1], &[]), None),
            "user_task_def" => {
                let user_task_def = user_tasks::user_task_def(&words[1..]);
                let key = key::meta(MetaKind::UserTaskDef, TENANT, words[1], &[user_task_def.version]);
                self.define(key, Some(user_task_def.encode_to_vec()))
            }
            "delete_user_task_def" => {
                let version = words[2].parse().unwrap();
                self.define(key::meta(MetaKind::UserTaskDef, TENANT, words[1], &[version]), None)
            }
            "delete_spec" => self.define(key::meta(MetaKind::WfSpec, TENANT, words[1], &[0, 0]), None),
            "delete_task_def" => self.define(key::meta(MetaKind::TaskDef, TENANT, words[1], &[]), None),
            "at" => self.command(words[1].parse().unwrap(), &words[2..]),
            "flush" => self.flush(),
            "restart" => self.restart(),
            "show" => print::run(self, words[1]),
            "threads" => print::threads(self, words[1]),
            "inactive" => print::inactive(self, words[1], words[2].parse().unwrap()),
            "events" => print::events(self, words[1]),
            "await" => print::awaited(self, &words[1..]),
            "show_checkpoint" => print::checkpoint(self, task_run_id(words[1], words[2]), words[3].parse().unwrap()),
            "list_tasks" => print::task_list(self, words[1], words[2].parse().unwrap()),
            "list_user_tasks" => print::user_task_list(self, words[1], words[2].parse().unwrap()),
            other => panic!("unknown command {other}"),
        }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn stored(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.store.get(key)
    }

    fn define(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> String {
        self.sequence += 1;
        let arrived =
            internal::DefinitionsArrived { sequence: self.sequence, writes: vec![meta_write::Write { key, value }] };
        let effects = self.apply(0, Kind::DefinitionsArrived(arrived));
        match effects.reply {
            Some(Ok(_)) => String::new(),
            other => format!("definition refused: {other:?}\n"),
        }
    }

    fn command(&mut self, now_ms: i64, words: &[&str]) -> String {
        let (tenant, words) = match words[0].strip_prefix('@') {
            Some(tenant) => (tenant, &words[1..]),
            None => (TENANT, words),
        };
        let kind = match words[0] {
            "timers" => return self.fire_all(now_ms, words[1], words[2].parse().unwrap()),
            "run_wf" => run_wf(&words[1..]),
            "claim" => Kind::ClaimTask(internal::ClaimTask {
                task_def_name: words[1].to_owned(),
                poll_id: words[2].parse().unwrap(),
                client_id: format!("worker-{}", words[2]),
                task_worker_version: None,
            }),
            "unclaim" => Kind::UnclaimTask(internal::UnclaimTask {
                task_run_id: Some(task_run_id(words[1], words[2])),
                attempt_number: words[3].parse().unwrap(),
            }),
            "report" => Kind::ReportTask(report(&words[1..])),
            "timer" => Kind::TimerDue(internal::TimerDue {
                wf_run_id: Some(wf_run_id(words[1])),
                due_ms: words[2].parse().unwrap(),
            }),
            "post" => Kind::PutExternalEvent(post(&words[1..])),
            "stop" => Kind::StopWfRun(pb::StopWfRunRequest {
                wf_run_id: Some(wf_run_id(words[1])),
                thread_run_number: words[2].parse().unwrap(),
            }),
            "resume" => Kind::ResumeWfRun(pb::ResumeWfRunRequest {
                wf_run_id: Some(wf_run_id(words[1])),
                thread_run_number: words[2].parse().unwrap(),
            }),
            "rescue" => Kind::RescueThreadRun(pb::RescueThreadRunRequest {
                wf_run_id: Some(wf_run_id(words[1])),
                thread_run_number: words[2].parse().unwrap(),
                skip_current_node: words.get(3) == Some(&"skip"),
            }),
            "delete" => Kind::DeleteWfRun(pb::DeleteWfRunRequest { id: Some(wf_run_id(words[1])) }),
            other => user_tasks::command(words).unwrap_or_else(|| panic!("unknown command {other}")),
        };
        let effects = self.apply_for(tenant, now_ms, kind);
        print::effects(&effects) + &self.deliver(tenant, now_ms, effects.outbox)
    }

    /// The wake-up of a run comes, and each that it leads to and that is due too: as after a server was down.
    fn fire_all(&mut self, now_ms: i64, id: &str, first_ms: i64) -> String {
        let mut fired = 0;
        let mut next = Some(first_ms);
        while let Some(due_ms) = next.filter(|due_ms| *due_ms <= now_ms) {
            let timer = internal::TimerDue { wf_run_id: Some(wf_run_id(id)), due_ms };
            let effects = self.apply(now_ms, Kind::TimerDue(timer));
            next = effects.timers.iter().rev().find(|arm| arm.is_wanted).map(|arm| arm.due_ms);
            fired += 1;
        }
        format!("fired {fired}, next {next:?}\n")
    }

    /// Brings messages to the shard itself, in order, and those that they cause; returns what came of them.
    fn deliver(&mut self, tenant: &str, now_ms: i64, messages: Vec<Outgoing>) -> String {
        let mut text = String::new();
        let mut waiting = VecDeque::from(messages);
        while let Some(message) = waiting.pop_front() {
            text.push_str(&print::message(&message));
            let effects = self.apply_for(tenant, now_ms, message.command.kind.unwrap());
            text.push_str(&print::effects(&effects));
            waiting.extend(effects.outbox);
            let (target_shard, sequence) = (message.target_shard, message.sequence);
            self.apply(now_ms, Kind::OutboxAcknowledged(internal::OutboxAcknowledged { target_shard, sequence }));
        }
        text
    }

    fn apply(&mut self, now_ms: i64, kind: Kind) -> Effects {
        self.apply_for(TENANT, now_ms, kind)
    }

    fn apply_for(&mut self, tenant: &str, now_ms: i64, kind: Kind) -> Effects {
        let command = Command { tenant: tenant.to_owned(), kind: Some(kind) };
        loop {
            let missing = needs(&self.state, &command, 0);
            if missing.is_empty() {
                break;
            }
            for key in missing {
                let value = self.store.get(&key).cloned();
                self.state.insert(&key, value.as_deref()).unwrap();
            }
        }
        apply(&mut self.state, &Stamp { now_ms, seed: 7 }, &command)
    }

    fn flush(&mut self) -> String {
        let set = self.state.take_flush();
        let text = print::writes(&set.writes);
        for (key, value) in set.writes {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
        self.state.flushed();
        text
    }

    fn restart(&mut self) -> String {
        self.state = new_state();
        for (key, value) in &self.store {
            if key::RESIDENT_TABLES.contains(&key[0]) {
                self.state.load(key, value).unwrap();
            }
        }
        let wakes: Vec<String> =
            self.state.wakes().iter().map(|arm| format!("timer {} {}\n", arm.due_ms, arm.wf_run_id.id)).collect();
        let queues: Vec<String> =
            self.state.queues().iter().map(|(_, task_def, length)| format!("queue {task_def} {length}\n")).collect();
        wakes.concat() + &queues.concat()
    }
}

fn new_state() -> State {
    State::new(MachineConfig { shard: 0, run_shards: 1 })
}

pub fn wf_run_id(text: &str) -> pb::WfRunId {
    key::wf_run_id(text.split('_')).unwrap()
}

/// `place` is `thread-position`, or a complete guid.
pub fn task_run_id(run: &str, place: &str) -> pb::TaskRunId {
    let id = wf_run_id(run);
    let suffix = lh_machine::run::guid_suffix(&id);
    let hyphens = if place.starts_with("ut-") { 3 } else { 1 };
    let task_guid = if place.matches('-').count() == hyphens { format!("{place}-{suffix}") } else { place.to_owned() };
    pb::TaskRunId { wf_run_id: Some(id), task_guid }
}

fn run_wf(words: &[&str]) -> Kind {
    let mut request =
        pb::RunWfRequest { wf_spec_name: words[1].to_owned(), id: Some(words[0].to_owned()), ..Default::default() };
    for word in &words[2..] {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "major" => request.major_version = Some(value.parse().unwrap()),
            "revision" => request.revision = Some(value.parse().unwrap()),
            "parent" => request.parent_wf_run_id = Some(wf_run_id(value)),
            _ => {
                request.variables.insert(name.to_owned(), language::literal(value));
            }
        }
    }
    Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })
}

fn post(words: &[&str]) -> pb::PutExternalEventRequest {
    let number = |name: &str| {
        let word = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.map(|number| number.parse().unwrap())
    };
    let content = words.get(3).filter(|word| !word.contains('='));
    pb::PutExternalEventRequest {
        wf_run_id: Some(wf_run_id(words[0])),
        external_event_def_id: Some(pb::ExternalEventDefId { name: words[1].to_owned() }),
        guid: Some(words[2].to_owned()),
        content: content.map(|text| language::literal(text)),
        thread_run_number: number("thread"),
        node_run_position: number("position"),
    }
}

fn report(words: &[&str]) -> pb::ReportTaskRun {
    use pb::report_task_run::Result as Sent;
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let words: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !["time=", "type=", "checkpoints="].iter().any(|key| word.starts_with(key)))
        .collect();
    let rest = words.get(4).copied();
    let (status, result) = match words[3] {
        "success" => (pb::TaskStatus::TaskSuccess as i32, rest.map(|text| Sent::Output(language::literal(text)))),
        "failed" => {
            let r#type = option("type").map_or(0, |name| pb::LhErrorType::from_str_name(name).unwrap() as i32);
            let error = pb::LhTaskError { message: rest.unwrap_or("broken").to_owned(), r#type };
            (pb::TaskStatus::TaskFailed as i32, Some(Sent::Error(error)))
        }
        "exception" => {
            let exception = pb::LhTaskException {
                name: rest.unwrap().to_owned(),
                message: "thrown".to_owned(),
                content: words.get(5).map(|text| language::literal(text)),
            };
            (pb::TaskStatus::TaskException as i32, Some(Sent::Exception(exception)))
        }
        "status" => (rest.unwrap().parse().unwrap(), words.get(5).map(|text| Sent::Output(language::literal(text)))),
        other => panic!("unknown report {other}"),
    };
    pb::ReportTaskRun {
        task_run_id: Some(task_run_id(words[0], words[1])),
        attempt_number: words[2].parse().unwrap(),
        time: option("time").map(|ms| lh_machine::run::timestamp(ms.parse().unwrap())),
        total_checkpoints: option("checkpoints").map_or(0, |number| number.parse().unwrap()),
        status,
        result,
        ..Default::default()
    }
}
