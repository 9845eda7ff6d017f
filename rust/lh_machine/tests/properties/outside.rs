//! What clients, workers, people and clocks send: mostly what some run waits for, sometimes anything.

use std::collections::BTreeMap;

use lh_machine::{
    Effects,
    internal::{self, command::Kind, user_task_command::Request},
    pb,
};
use pb::{LhStatus, node_run::NodeType, variable_value::Value};

use super::{model::Model, random::Random, shape};

/// What was seen from outside so far.
#[derive(Default)]
pub struct Outside {
    claimed: Vec<(pb::TaskRunId, i32)>,
    guids: usize,
}

pub const TASK_DEFS: [&str; 2] = ["work", "other"];

fn int(number: i64) -> pb::VariableValue {
    pb::VariableValue { value: Some(Value::Int(number)) }
}

impl Outside {
    pub fn note(&mut self, effects: &Effects) {
        for dispatch in &effects.tasks {
            self.claimed.push((dispatch.task.task_run_id.clone().unwrap(), dispatch.task.attempt_number));
        }
    }

    /// Something that may happen now.
    pub fn next(&mut self, random: &mut Random, model: &Model, now_ms: i64) -> Kind {
        match random.below(20) {
            0..=2 => run_wf(random, now_ms),
            3..=5 => claim(random.pick(&TASK_DEFS)),
            6..=8 => self.report(random).unwrap_or_else(|| claim("work")),
            9..=11 => timer(random, model).unwrap_or_else(|| run_wf(random, now_ms)),
            12 | 13 => self.post(random, model),
            14 | 15 => self.do_user_task(random, model).unwrap_or_else(|| claim("other")),
            16 if !self.claimed.is_empty() && random.one_in(3) => {
                let (id, attempt_number) = random.pick(&self.claimed);
                Kind::UnclaimTask(internal::UnclaimTask { task_run_id: Some(id), attempt_number })
            }
            16 if !self.claimed.is_empty() => {
                let (id, task_attempt) = random.pick(&self.claimed);
                let value = Some(int(1));
                Kind::PutCheckpoint(pb::PutCheckpointRequest { task_run_id: Some(id), task_attempt, value, logs: None })
            }
            _ => intervene(random, model),
        }
    }

    fn report(&mut self, random: &mut Random) -> Option<Kind> {
        if self.claimed.is_empty() {
            return None;
        }
        let at = random.below(self.claimed.len());
        let (id, attempt_number) = self.claimed[at].clone();
        // Some reports are said twice: by a worker that got no answer.
        if !random.one_in(4) {
            self.claimed.swap_remove(at);
        }
        let exception = pb::LhTaskException {
            name: random.pick(&["bad", "denied"]).to_string(),
            content: Some(int(4)),
            ..Default::default()
        };
        let (status, result) = match random.below(8) {
            0..=4 => (pb::TaskStatus::TaskSuccess, None),
            5 => (pb::TaskStatus::TaskException, Some(pb::report_task_run::Result::Exception(exception))),
            6 => (pb::TaskStatus::TaskOutputSerdeError, None),
            _ => (pb::TaskStatus::TaskFailed, None),
        };
        Some(Kind::ReportTask(report(id, attempt_number, status, result)))
    }

    /// Events for runs, also for those to come.
    fn post(&mut self, random: &mut Random, model: &Model) -> Kind {
        let id = some_run(random, model);
        let definition = random.pick(&["paid", "paid", "brief", "stop", "stop"]);
        self.guids += 1;
        let number = if random.one_in(8) { random.below(self.guids) } else { self.guids };
        let mut request = event(id, definition, number);
        request.thread_run_number = random.one_in(4).then(|| random.below(3) as i32);
        Kind::PutExternalEvent(request)
    }

    fn do_user_task(&mut self, random: &mut Random, model: &Model) -> Option<Kind> {
        let tasks: Vec<pb::UserTaskRunId> = model
            .runs
            .values()
            .flat_map(|seen| seen.nodes.values())
            .filter_map(|node| node.user_task_run.as_ref()?.id.clone())
            .collect();
        if tasks.is_empty() {
            return None;
        }
        let user_task_run_id = Some(random.pick(&tasks));
        let user_id = random.pick(&["ada", "bob"]).to_string();
        let request = match random.below(6) {
            0 => Request::Assign(pb::AssignUserTaskRunRequest {
                user_task_run_id,
                override_claim: random.one_in(2),
                user_group: random.one_in(2).then(|| "g".to_owned()),
                user_id: Some(user_id),
            }),
            1 | 2 => {
                Request::Complete(pb::CompleteUserTaskRunRequest { user_task_run_id, results: results(), user_id })
            }
            3 => Request::Save(pb::SaveUserTaskRunProgressRequest {
                user_task_run_id,
                results: results(),
                user_id,
                policy: 1,
            }),
            4 => Request::Cancel(pb::CancelUserTaskRunRequest { user_task_run_id }),
            _ => Request::PutComment(pb::PutUserTaskRunCommentRequest {
                user_task_run_id,
                user_id,
                comment: "why".to_owned(),
            }),
        };
        Some(Kind::UserTask(internal::UserTaskCommand { request: Some(request) }))
    }

    /// What helps the runs on: tasks succeed, events come, people answer, the stopped are resumed. Nothing waits for the
    /// clock; that is left to [`earliest`].
    pub fn help(&mut self, model: &Model) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = TASK_DEFS.iter().map(|task_def| claim(task_def)).collect();
        for (id, attempt) in std::mem::take(&mut self.claimed) {
            kinds.push(Kind::ReportTask(report(id, attempt, pb::TaskStatus::TaskSuccess, None)));
        }
        for seen in model.runs.values() {
            for thread in seen.threads() {
                if shape::has_manual_halt(thread) {
                    kinds.push(Kind::ResumeWfRun(pb::ResumeWfRunRequest {
                        wf_run_id: Some(seen.id()),
                        thread_run_number: thread.number,
                    }));
                }
                let Some(node) = seen.current(thread).filter(|_| thread.status() == LhStatus::Running) else {
                    continue;
                };
                match node.node_run.as_ref().and_then(|node_run| node_run.node_type.as_ref()) {
                    Some(NodeType::ExternalEvent(waiting)) => {
                        self.guids += 1;
                        let name = waiting.external_event_def_id.as_ref().map_or("", |id| &id.name);
                        kinds.push(Kind::PutExternalEvent(event(seen.id(), name, self.guids)));
                    }
                    Some(NodeType::UserTask(waiting)) if shape::is_open(node) => {
                        let request = pb::CompleteUserTaskRunRequest {
                            user_task_run_id: waiting.user_task_run_id.clone(),
                            results: results(),
                            user_id: "ada".to_owned(),
                        };
                        let request = Some(Request::Complete(request));
                        kinds.push(Kind::UserTask(internal::UserTaskCommand { request }));
                    }
                    _ => {}
                }
            }
        }
        kinds
    }
}

/// The earliest armed wake-up.
pub fn earliest(model: &Model) -> Option<(i64, Kind)> {
    let (due_ms, id) = armed(model).min_by_key(|(due_ms, _)| *due_ms)?;
    Some((due_ms, Kind::TimerDue(internal::TimerDue { wf_run_id: Some(id), due_ms })))
}

fn armed(model: &Model) -> impl Iterator<Item = (i64, pb::WfRunId)> {
    let runs = model.runs.values().map(|seen| (seen.record.armed_ms, seen.id()));
    runs.chain(model.leaving.values().cloned()).filter(|(due_ms, _)| *due_ms != 0)
}

fn results() -> BTreeMap<String, pb::VariableValue> {
    [("ok".to_owned(), pb::VariableValue { value: Some(Value::Bool(true)) })].into()
}

fn report(
    id: pb::TaskRunId,
    attempt_number: i32,
    status: pb::TaskStatus,
    result: Option<pb::report_task_run::Result>,
) -> pb::ReportTaskRun {
    pb::ReportTaskRun { task_run_id: Some(id), attempt_number, status: status as i32, result, ..Default::default() }
}

fn event(wf_run_id: pb::WfRunId, definition: &str, number: usize) -> pb::PutExternalEventRequest {
    pb::PutExternalEventRequest {
        wf_run_id: Some(wf_run_id),
        external_event_def_id: Some(pb::ExternalEventDefId { name: definition.to_owned() }),
        guid: Some(format!("guid-{number}")),
        content: Some(int(number as i64)),
        ..Default::default()
    }
}

fn claim(task_def: &str) -> Kind {
    let task_def_name = task_def.to_owned();
    Kind::ClaimTask(internal::ClaimTask { task_def_name, poll_id: 1, ..Default::default() })
}

fn run_wf(random: &mut Random, now_ms: i64) -> Kind {
    let mut request = pb::RunWfRequest {
        id: Some(format!("run-{}", random.below(5))),
        wf_spec_name: random.pick(&["tree", "tree", "tree", "leaf"]).to_string(),
        ..Default::default()
    };
    request.variables.insert("flag".to_owned(), pb::VariableValue { value: Some(Value::Bool(random.one_in(3))) });
    if request.wf_spec_name == "tree" {
        request.variables.insert("n".to_owned(), int(now_ms + 100));
    }
    Kind::RunWf(internal::RunWf { request: Some(request), id_is_generated: false })
}

/// A run that there is, or one that may come.
fn some_run(random: &mut Random, model: &Model) -> pb::WfRunId {
    let known: Vec<pb::WfRunId> = model.runs.values().map(|seen| seen.id()).collect();
    if known.is_empty() || random.one_in(8) {
        return pb::WfRunId { id: format!("run-{}", random.below(5)), parent_wf_run_id: None };
    }
    let known = random.pick(&known);
    if random.one_in(12) {
        // The child that many WfSpecs start under this id, or one that nobody starts.
        let id = random.pick(&["second", "third"]).to_owned();
        return pb::WfRunId { id, parent_wf_run_id: Some(Box::new(known)) };
    }
    known
}

fn timer(random: &mut Random, model: &Model) -> Option<Kind> {
    let armed: Vec<_> = armed(model).collect();
    if armed.is_empty() {
        return None;
    }
    let (due_ms, id) = random.pick(&armed);
    Some(Kind::TimerDue(internal::TimerDue { wf_run_id: Some(id), due_ms }))
}

/// What operators do to runs.
fn intervene(random: &mut Random, model: &Model) -> Kind {
    let id = Some(some_run(random, model));
    let thread_run_number = random.below(8) as i32 / 2;
    match random.below(9) {
        0..=2 => Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id: id, thread_run_number }),
        3..=5 => Kind::ResumeWfRun(pb::ResumeWfRunRequest { wf_run_id: id, thread_run_number }),
        6 | 7 => {
            let skip_current_node = random.one_in(2);
            Kind::RescueThreadRun(pb::RescueThreadRunRequest { wf_run_id: id, thread_run_number, skip_current_node })
        }
        _ => Kind::DeleteWfRun(pb::DeleteWfRunRequest { id }),
    }
}
