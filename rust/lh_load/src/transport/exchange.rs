//! Matches polls with tasks. A run is nothing but a position that travels inside its own messages.
use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use lh_proto::littlehorse::{
    LhStatus, NodeRunId, PollTaskResponse, PutTaskDefRequest, PutWfSpecRequest, ReportTaskRun, RunWfRequest,
    ScheduledTask, TaskDef, TaskDefId, TaskNodeReference, TaskRunId, TaskRunSource, ThreadRun, VarNameAndVal,
    VariableValue, WfRun, WfRunId, WfSpec, WfSpecId, node::Node as Kind, report_task_run::Result as Outcome,
    task_run_source::TaskRunSource as Source,
};
use prost_types::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tonic::Status;

/// Where the answer of a waiting poll goes.
pub type Answer = UnboundedSender<Result<PollTaskResponse, Status>>;

/// All that this server remembers.
#[derive(Debug, Default)]
pub struct Exchange {
    waiting: VecDeque<Answer>,
    queued: VecDeque<ScheduledTask>,
    runs: u64,
    task_def: TaskDefId,
    input: String,
    wf_spec: WfSpecId,
    length: i32,
}

impl Exchange {
    /// PutTaskDef.
    pub fn put_task_def(&mut self, request: PutTaskDefRequest) -> TaskDef {
        self.task_def = TaskDefId { name: request.name };
        self.input = request.input_vars.first().map(|variable| variable.name.clone()).unwrap_or_default();
        TaskDef {
            id: Some(self.task_def.clone()),
            input_vars: request.input_vars,
            created_at: Some(now()),
            return_type: request.return_type,
            description: request.description,
        }
    }

    /// PutWfSpec: only the number of its TASK nodes matters here.
    pub fn put_wf_spec(&mut self, request: PutWfSpecRequest) -> WfSpec {
        self.wf_spec = WfSpecId { name: request.name, major_version: 0, revision: 0 };
        let nodes = request.thread_specs.values().flat_map(|thread| thread.nodes.values());
        let tasks = nodes.filter(|node| matches!(node.node, Some(Kind::Task(_)))).count();
        self.length = tasks.try_into().unwrap_or(i32::MAX);
        WfSpec {
            id: Some(self.wf_spec.clone()),
            created_at: Some(now()),
            thread_specs: request.thread_specs,
            entrypoint_thread_name: request.entrypoint_thread_name,
            ..WfSpec::default()
        }
    }

    /// RunWf: its first task is there at once.
    pub fn run_wf(&mut self, request: RunWfRequest) -> WfRun {
        self.runs += 1;
        let started = now();
        let id = format!("{:016x}{:016x}", started.seconds, self.runs);
        let input = request.variables.into_values().next().unwrap_or_default();
        self.schedule(&id, 1, input);
        let thread = ThreadRun {
            wf_spec_id: Some(self.wf_spec.clone()),
            status: LhStatus::Running.into(),
            thread_spec_name: "entrypoint".to_owned(),
            start_time: Some(started),
            current_node_position: 1,
            ..ThreadRun::default()
        };
        WfRun {
            id: Some(WfRunId { id, parent_wf_run_id: None }),
            wf_spec_id: Some(self.wf_spec.clone()),
            status: LhStatus::Running.into(),
            start_time: Some(started),
            thread_runs: vec![thread],
            ..WfRun::default()
        }
    }

    /// ReportTask: the next task takes this one's output as its input.
    pub fn report_task(&mut self, report: ReportTaskRun) -> Result<(), Status> {
        let unknown = || Status::invalid_argument("not a TaskRun of this server");
        let task_run = report.task_run_id.ok_or_else(unknown)?;
        let run = task_run.wf_run_id.ok_or_else(unknown)?;
        let position: i32 =
            task_run.task_guid.strip_prefix("0-").and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
        if position < self.length {
            let Some(Outcome::Output(output)) = report.result else {
                return Err(Status::invalid_argument("expected an output"));
            };
            self.schedule(&run.id, position + 1, output);
        }
        Ok(())
    }

    /// PollTask: one more poll.
    pub fn poll(&mut self, answer: Answer) {
        match self.queued.pop_front() {
            Some(task) => self.hand_out(answer, task),
            None => self.waiting.push_back(answer),
        }
    }

    fn schedule(&mut self, run: &str, position: i32, input: VariableValue) {
        let task = self.task(run, position, input);
        match self.waiting.pop_front() {
            Some(answer) => self.hand_out(answer, task),
            None => self.queued.push_back(task),
        }
    }

    /// A poll whose stream is gone is skipped.
    fn hand_out(&mut self, answer: Answer, task: ScheduledTask) {
        let mut unsent = answer.send(Ok(PollTaskResponse { result: Some(task) }));
        while let Err(returned) = unsent {
            match (self.waiting.pop_front(), returned.0) {
                (Some(answer), response) => unsent = answer.send(response),
                (None, Ok(response)) => {
                    self.queued.extend(response.result);
                    return;
                }
                (None, Err(_)) => return,
            }
        }
    }

    /// A task as the product sends it: the same fields are set, with values of the same sizes.
    fn task(&self, run: &str, position: i32, input: VariableValue) -> ScheduledTask {
        let wf_run_id = WfRunId { id: run.to_owned(), parent_wf_run_id: None };
        let node = NodeRunId { wf_run_id: Some(wf_run_id.clone()), thread_run_number: 0, position };
        ScheduledTask {
            task_run_id: Some(TaskRunId { wf_run_id: Some(wf_run_id), task_guid: format!("0-{position}") }),
            task_def_id: Some(self.task_def.clone()),
            attempt_number: 0,
            variables: vec![VarNameAndVal { var_name: self.input.clone(), value: Some(input), masked: false }],
            created_at: Some(now()),
            source: Some(TaskRunSource {
                task_run_source: Some(Source::TaskNode(TaskNodeReference { node_run_id: Some(node) })),
                wf_spec_id: Some(self.wf_spec.clone()),
            }),
            total_observed_checkpoints: 0,
        }
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: since_epoch.as_secs().try_into().unwrap_or_default(),
        nanos: since_epoch.subsec_nanos().try_into().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::load::definitions;

    #[test]
    fn a_chain_travels_through_polls_and_reports_and_gone_polls_are_skipped() {
        let mut exchange = Exchange::default();
        exchange.put_task_def(definitions::task_def("t"));
        exchange.put_wf_spec(definitions::wf_spec("w", "t", 2, 60));
        let (gone, _) = unbounded_channel();
        let (answer, mut tasks) = unbounded_channel();
        exchange.poll(gone);
        exchange.poll(answer.clone());
        let variables = [("input".to_owned(), definitions::text("x".to_owned()))].into();
        exchange.run_wf(RunWfRequest { variables, ..RunWfRequest::default() });
        for position in 1..=2 {
            let task = tasks.try_recv().unwrap().unwrap().result.unwrap();
            assert_eq!(task.task_run_id.as_ref().unwrap().task_guid, format!("0-{position}"));
            let result = Some(Outcome::Output(task.variables[0].value.clone().unwrap()));
            let report = ReportTaskRun { task_run_id: task.task_run_id, result, ..ReportTaskRun::default() };
            exchange.report_task(report).unwrap();
            exchange.poll(answer.clone());
        }
        assert!(tasks.try_recv().is_err(), "two tasks and no more");
    }
}
