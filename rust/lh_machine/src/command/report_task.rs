//! ReportTask: what a worker says of its attempt (spec 04 section 6).

use crate::{
    Effects, Rejected, Reply, Stamp, State, key,
    mutants::{self, Mutant},
    node::task,
    pb::{self, TaskStatus, report_task_run, task_attempt},
    run::{Run, TaskAt, advance, milliseconds, task_at, timestamp},
    state::RECORD_BYTES_MAX,
    value,
};

/// Accepts the report if its attempt is RUNNING; anything else that exists is answered OK without effect (04/TW-39).
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    report: &pb::ReportTaskRun,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let result = interpret(report)?;
    let id = report.task_run_id.as_ref();
    let unknown = || Rejected::invalid(format!("TaskRun {} does not exist.", id.map_or("", |id| &id.task_guid)));
    let wf_run_id = id.and_then(|id| id.wf_run_id.as_ref()).ok_or_else(unknown)?;
    let at = id.and_then(|id| TaskAt::parse(&id.task_guid)).ok_or_else(unknown)?;
    let run_key = key::run(tenant, wf_run_id);
    match find_attempt(state, &run_key, report, at) {
        Attempt::Unknown => return Err(unknown()),
        Attempt::NotRunning => return Ok(Reply::Empty),
        Attempt::Running => {}
    }
    let Some(mut run) = state.take_run(&run_key) else { return Err(unknown()) };
    let mut context = state.family_context(tenant, wf_run_id, stamp, effects);
    record_result(&mut run, at, report, result, &context);
    task_at::forget_deadlines(&mut run, at);
    task::retry(&mut run, at, &mut context);
    let run = advance::advance(run, &mut context);
    let family = context.family;
    state.settle(run, family);
    Ok(Reply::Empty)
}

/// Status and result that count, whatever odd combination the SDK sent (04/TW-43..45).
struct Reported {
    status: TaskStatus,
    result: Option<task_attempt::Result>,
}

fn interpret(report: &pb::ReportTaskRun) -> Result<Reported, Rejected> {
    use report_task_run::Result as Sent;
    let status = TaskStatus::try_from(report.status)
        .map_err(|_| Rejected::invalid(format!("{} is no TaskStatus.", report.status)))?;
    let sent = report.result.clone();
    let status = match (status, &sent) {
        (TaskStatus::TaskScheduled, None | Some(Sent::Output(_))) => TaskStatus::TaskSuccess,
        (TaskStatus::TaskScheduled, Some(Sent::Error(_))) => TaskStatus::TaskFailed,
        (TaskStatus::TaskScheduled, Some(Sent::Exception(_))) => TaskStatus::TaskException,
        (TaskStatus::TaskRunning | TaskStatus::TaskPending, _) => {
            return Err(Rejected::invalid("A report cannot say that the task is still running or pending."));
        }
        (TaskStatus::TaskException, None | Some(Sent::Output(_) | Sent::Error(_))) => {
            return Err(Rejected::invalid("A report of TASK_EXCEPTION must carry the exception."));
        }
        (other, _) => other,
    };
    let result = match sent {
        // A success without output has a NULL output (04/TW-44).
        _ if status == TaskStatus::TaskSuccess => match sent {
            Some(Sent::Output(output)) => Some(task_attempt::Result::Output(output)),
            _ => Some(task_attempt::Result::Output(pb::VariableValue::default())),
        },
        Some(Sent::Output(output)) => Some(task_attempt::Result::Output(output)),
        Some(Sent::Error(error)) => Some(task_attempt::Result::Error(error)),
        Some(Sent::Exception(exception)) => Some(task_attempt::Result::Exception(exception)),
        None => None,
    };
    Ok(Reported { status, result })
}

enum Attempt {
    Unknown,
    NotRunning,
    Running,
}

/// Finds the attempt, also in a NodeRun that has left the record of its run: what is answered must not depend on that.
fn find_attempt(state: &State, run_key: &[u8], report: &pb::ReportTaskRun, at: TaskAt) -> Attempt {
    let attempt = || {
        let id = report.task_run_id.as_ref()?;
        let run = state.run(run_key)?;
        let spilled = || state.spilled(&run.node_key(at.place));
        let task_run = at.find(run.nodes.get(&at.place).map(AsRef::as_ref).or_else(spilled)?)?;
        let is_meant = task_run.id.as_ref().is_some_and(|found| found.task_guid == id.task_guid);
        task_run.attempts.get(usize::try_from(report.attempt_number).ok()?).filter(|_| is_meant)
    };
    match attempt() {
        None => Attempt::Unknown,
        Some(attempt) if attempt.status() == TaskStatus::TaskRunning => Attempt::Running,
        Some(_) if mutants::is_on(Mutant::ReportTwice) => Attempt::Running,
        Some(_) => Attempt::NotRunning,
    }
}

fn record_result(
    run: &mut Run,
    at: TaskAt,
    report: &pb::ReportTaskRun,
    reported: Reported,
    context: &crate::state::Context<'_>,
) {
    let tenant = run.tenant.clone();
    let definitions = context.definitions.of(&tenant);
    let Some((task_run, task_state)) = run.task_mut(at) else { return };
    let return_type = task_state.return_type.as_ref();
    let masked = task::is_masked(task_state);
    let Reported { mut status, mut result } = reported;
    if status == TaskStatus::TaskSuccess
        && let Some(task_attempt::Result::Output(output)) = result.take()
    {
        match value::ingress::task_output(return_type, output, &definitions) {
            Ok(output) => result = Some(task_attempt::Result::Output(output)),
            Err(message) => {
                status = TaskStatus::TaskOutputSerdeError;
                result = Some(task_attempt::Result::Error(error(pb::LhErrorType::VarSubError, message)));
            }
        }
    }
    let Some(attempt) = usize::try_from(report.attempt_number).ok().and_then(|at| task_run.attempts.get_mut(at)) else {
        return;
    };
    attempt.end_time = Some(end_time(report, attempt, context.now_ms));
    attempt.log_output.clone_from(&report.log_output);
    attempt.masked_value = masked;
    attempt.set_status(status);
    attempt.result = result;
    task_run.set_status(status);
    let bytes = prost::Message::encoded_len(task_run);
    if bytes > RECORD_BYTES_MAX {
        reject_size(task_run, report.attempt_number as usize, bytes);
    }
}

/// The stored TaskRun would be too large: the attempt says so instead (04/TW-47, 01/SIZ-3).
fn reject_size(task_run: &mut pb::TaskRun, attempt: usize, bytes: usize) {
    let message = format!("RESOURCE_EXHAUSTED: the TaskRun would have {bytes} bytes, the limit is {RECORD_BYTES_MAX}.");
    let log = pb::VariableValue { value: Some(pb::variable_value::Value::Str(message.clone())) };
    task_run.set_status(TaskStatus::TaskOutputSerdeError);
    if let Some(attempt) = task_run.attempts.get_mut(attempt) {
        attempt.set_status(TaskStatus::TaskOutputSerdeError);
        attempt.result = Some(task_attempt::Result::Error(error(pb::LhErrorType::TaskError, message)));
        attempt.log_output = Some(log);
    }
}

fn error(kind: pb::LhErrorType, message: String) -> pb::LhTaskError {
    let mut error = pb::LhTaskError { message, ..pb::LhTaskError::default() };
    error.set_type(kind);
    error
}

/// The reported time, kept between the start of the attempt and now; none or the epoch means now (04/TW-1, TW-2).
fn end_time(report: &pb::ReportTaskRun, attempt: &pb::TaskAttempt, now_ms: i64) -> prost_types::Timestamp {
    let start_ms = attempt.start_time.as_ref().map_or(now_ms, milliseconds);
    match &report.time {
        Some(time) if milliseconds(time) != 0 => {
            let ms = milliseconds(time);
            if (start_ms..=now_ms).contains(&ms) { *time } else { timestamp(ms.clamp(start_ms.min(now_ms), now_ms)) }
        }
        _ => timestamp(now_ms),
    }
}
