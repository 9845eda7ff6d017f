//! TASK: a TaskRun with its attempts, their queue places, retries and the failure they end in (spec 04).

use super::Progress;
use crate::{
    internal::{self, deadline},
    key,
    mutants::{self, Mutant},
    pb,
    pb::{TaskStatus, node_run::NodeType, task_attempt, task_node::TaskToExecute, task_run_source::TaskRunSource},
    run::{self, Run, TaskAt, failure, record, scope::RunScope, timestamp},
    state::{Context, RECORD_BYTES_MAX},
    value::{self, Vse, mask},
};

/// `timeout_seconds` of a TaskNode that says 0 (04/TW-53).
const TIMEOUT_SECONDS_DEFAULT: i32 = 60;

/// Resolves the TaskDef, computes the inputs, creates the TaskRun and queues attempt 0 (04/TW-7..10).
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::TaskNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let value_failure = |error| failure::value_failure("VAR_SUB_ERROR", error);
    let task_def = task_def(run, place, node, context)?;
    let source = TaskRunSource::TaskNode(pb::TaskNodeReference { node_run_id: Some(node_run_id(run, place)) });
    let at = TaskAt::node(place);
    let (task_run, task_state) = new_task_run(run, at, node, &task_def, source, context).map_err(value_failure)?;
    let Some(record) = run.nodes.get_mut(&place) else { return Ok(()) };
    if let Some(NodeType::Task(task)) = record.node_run.as_mut().and_then(|node_run| node_run.node_type.as_mut()) {
        task.task_run_id.clone_from(&task_run.id);
    }
    record.task_run = Some(task_run);
    record.task_state = Some(task_state);
    schedule_attempt(run, at, context);
    Ok(())
}

pub(super) fn node_run_id(run: &Run, place: (i32, i32)) -> pb::NodeRunId {
    pb::NodeRunId { wf_run_id: Some(run.id()), thread_run_number: place.0, position: place.1 }
}

/// A TaskRun without attempts, its inputs computed.
///
/// # Errors
/// An input cannot be evaluated, their number is not that of the TaskDef, or the TaskRun would be too large.
pub(super) fn new_task_run(
    run: &Run,
    at: TaskAt,
    node: &pb::TaskNode,
    task_def: &pb::TaskDef,
    source: TaskRunSource,
    context: &Context<'_>,
) -> Result<(pb::TaskRun, internal::TaskState), Vse> {
    let timeout = if node.timeout_seconds == 0 { TIMEOUT_SECONDS_DEFAULT } else { node.timeout_seconds };
    let task_run = pb::TaskRun {
        id: Some(pb::TaskRunId { wf_run_id: Some(run.id()), task_guid: at.guid(&run.guid_suffix) }),
        task_def_id: task_def.id.clone(),
        input_variables: inputs(run, at.place, node, task_def, context)?,
        source: Some(pb::TaskRunSource { task_run_source: Some(source), wf_spec_id: Some(run.spec.id.clone()) }),
        scheduled_at: Some(timestamp(context.now_ms)),
        timeout_seconds: timeout,
        total_attempts: node.retries.saturating_add(1),
        exponential_backoff: node.exponential_backoff,
        ..pb::TaskRun::default()
    };
    let bytes = prost::Message::encoded_len(&task_run);
    if bytes > RECORD_BYTES_MAX {
        return Err(Vse::new(format!(
            "RESOURCE_EXHAUSTED: the TaskRun would have {bytes} bytes, the limit is {RECORD_BYTES_MAX}."
        )));
    }
    Ok((task_run, internal::TaskState { return_type: task_def.return_type.clone(), queue_sequence: 0 }))
}

pub(super) fn task_def(
    run: &Run,
    place: (i32, i32),
    node: &pb::TaskNode,
    context: &Context<'_>,
) -> Result<std::sync::Arc<pb::TaskDef>, pb::Failure> {
    match &node.task_to_execute {
        Some(TaskToExecute::TaskDefId(id)) => context.definitions.task_def(&run.tenant, &id.name).ok_or_else(|| {
            failure::technical("TASK_ERROR", format!("Appears that TaskDef was deleted! (TaskDef {})", id.name))
        }),
        Some(TaskToExecute::DynamicTask(assignment)) => {
            let scope = RunScope::of(run, place.0, context);
            let unknown = |message: String| failure::technical("VAR_SUB_ERROR", message);
            let name = value::resolve::resolve(assignment, &scope)
                .and_then(|name| value::convert::cast(name, pb::VariableType::Str))
                .map_err(|error| {
                    unknown(format!("The name of the dynamic task cannot be evaluated: {}", error.message))
                })?;
            let Some(pb::variable_value::Value::Str(name)) = name.value else {
                return Err(unknown("The name of the dynamic task is NULL.".to_owned()));
            };
            context
                .definitions
                .task_def(&run.tenant, &name)
                .ok_or_else(|| unknown(format!("The dynamic task refers to nonexistent TaskDef {name}.")))
        }
        None => Err(failure::technical("VAR_SUB_ERROR", "The TASK node names no task.")),
    }
}

fn inputs(
    run: &Run,
    place: (i32, i32),
    node: &pb::TaskNode,
    task_def: &pb::TaskDef,
    context: &Context<'_>,
) -> Result<Vec<pb::VarNameAndVal>, Vse> {
    if node.variables.len() != task_def.input_vars.len() {
        let (given, wanted) = (node.variables.len(), task_def.input_vars.len());
        return Err(Vse::new(format!("The TASK node gives {given} inputs, its TaskDef has {wanted}.")));
    }
    let scope = RunScope::of(run, place.0, context);
    let mut inputs = Vec::with_capacity(node.variables.len());
    for (assignment, definition) in node.variables.iter().zip(&task_def.input_vars) {
        let declared = value::types::var_def_type(definition);
        let value = value::resolve::resolve(assignment, &scope)
            .and_then(|value| value::ingress::task_input(&declared, value, &scope))
            .map_err(|error| Vse::new(format!("Input variable {}: {}", definition.name, error.message)))?;
        inputs.push(pb::VarNameAndVal {
            var_name: definition.name.clone(),
            value: Some(value),
            masked: declared.masked,
        });
    }
    Ok(inputs)
}

/// Appends a SCHEDULED attempt and puts it at the back of its queue (04/TW-20), or turns a PENDING one into that.
pub fn schedule_attempt(run: &mut Run, at: TaskAt, context: &mut Context<'_>) {
    let tenant = run.tenant.clone();
    let id = run.id();
    let Some((task_run, state)) = run.task_mut(at) else { return };
    if task_run.attempts.last().is_none_or(|attempt| attempt.status() != TaskStatus::TaskPending) {
        task_run.attempts.push(pb::TaskAttempt::default());
    }
    let attempt_number = task_run.attempts.len() as i32 - 1;
    if let Some(attempt) = task_run.attempts.last_mut() {
        attempt.set_status(TaskStatus::TaskScheduled);
        attempt.schedule_time = Some(timestamp(context.now_ms));
    }
    task_run.set_status(TaskStatus::TaskScheduled);
    let name = task_run.task_def_id.as_ref().map(|id| id.name.clone()).unwrap_or_default();
    let entry = queue_entry(id, at, attempt_number);
    state.queue_sequence = context.queues.push(&tenant, &name, entry.clone());
    context.writes.insert(key::queue(&tenant, &name, state.queue_sequence), Some(record::with_format(&entry)));
}

/// The place in a queue of an attempt.
pub fn queue_entry(id: pb::WfRunId, at: TaskAt, attempt_number: i32) -> internal::QueueEntry {
    let (thread_run_number, position) = at.place;
    internal::QueueEntry { wf_run_id: Some(id), thread_run_number, position, attempt_number, reminder: at.reminder }
}

/// After an attempt ended: another one if its status is retriable and attempts remain (04/TW-55, TW-56). True = retried.
pub fn retry(run: &mut Run, at: TaskAt, context: &mut Context<'_>) -> bool {
    let Some((task_run, _)) = run.task_mut(at) else { return false };
    let retriable = matches!(task_run.status(), TaskStatus::TaskFailed | TaskStatus::TaskTimeout);
    let ended = task_run.attempts.len();
    if !retriable || ended as i64 >= i64::from(task_run.total_attempts) {
        return false;
    }
    let Some(policy) = task_run.exponential_backoff.filter(|_| !mutants::is_on(Mutant::BackoffSkipped)) else {
        schedule_attempt(run, at, context);
        return true;
    };
    let mut pending = pb::TaskAttempt::default();
    pending.set_status(TaskStatus::TaskPending);
    task_run.attempts.push(pending);
    task_run.set_status(TaskStatus::TaskPending);
    let due_ms = context.now_ms.saturating_add(backoff_ms(&policy, ended));
    let kind = deadline::Kind::TaskRetry(deadline::TaskRetry { attempt_number: ended as i32, reminder: at.reminder });
    run::deadline::add(run, at.place, due_ms, kind);
    true
}

/// `min(trunc(base * multiplier^(k-1)), max)` in milliseconds after the k-th failed attempt (04/TW-56b). Powers are made
/// by multiplication, so that every machine gets the same bits.
fn backoff_ms(policy: &pb::ExponentialBackoffRetryPolicy, failed_attempts: usize) -> i64 {
    let mut delay = f64::from(policy.base_interval_ms);
    for _ in 1..failed_attempts {
        delay *= f64::from(policy.multiplier);
        if delay >= policy.max_delay_ms as f64 {
            break;
        }
    }
    // A cast from float to integer truncates toward zero and saturates.
    (delay as i64).min(policy.max_delay_ms).max(0)
}

/// Looks at the TaskRun's last attempt (03/E-411, 04/TW-57).
pub(super) fn progress(run: &Run, place: (i32, i32), context: &Context<'_>) -> Progress {
    let Some(task_run) = run.nodes.get(&place).and_then(|record| record.task_run.as_ref()) else {
        return Progress::Waiting;
    };
    let Some(attempt) = task_run.attempts.last() else { return Progress::Waiting };
    let output = || match &attempt.result {
        Some(task_attempt::Result::Output(output)) => Some(output.clone()),
        _ => None,
    };
    match attempt.status() {
        TaskStatus::TaskScheduled | TaskStatus::TaskRunning | TaskStatus::TaskPending => Progress::Waiting,
        TaskStatus::TaskSuccess => Progress::Finished { output: output(), end_ms: context.now_ms },
        status => Progress::Failed(final_failure(status, attempt)),
    }
}

fn final_failure(status: TaskStatus, attempt: &pb::TaskAttempt) -> pb::Failure {
    let (name, text) = match status {
        TaskStatus::TaskTimeout => ("TIMEOUT", "Task timed out"),
        TaskStatus::TaskOutputSerdeError => ("VAR_MUTATION_ERROR", "Failed serializing or deserializing Task Output"),
        TaskStatus::TaskInputVarSubError => ("VAR_SUB_ERROR", "Failed calculating Task Input Variables"),
        TaskStatus::TaskException => {
            return match &attempt.result {
                Some(task_attempt::Result::Exception(exception)) => pb::Failure {
                    failure_name: exception.name.clone(),
                    message: exception.message.clone(),
                    content: Some(exception.content.clone().unwrap_or_default()),
                    ..pb::Failure::default()
                },
                _ => failure::technical("TASK_FAILURE", "Task threw an exception without content"),
            };
        }
        _ => ("TASK_FAILURE", "Task execution failed"),
    };
    // The worker's own words help; one line of them is enough.
    let detail = match &attempt.result {
        Some(task_attempt::Result::Error(error)) => telling_line(&error.message),
        _ => "",
    };
    let message = if detail.is_empty() { text.to_owned() } else { format!("{text}: {detail}") };
    failure::technical(name, message)
}

/// How the text of a Python exception begins, which says nothing; its last line does.
const TRACEBACK_HEAD: &str = "Traceback (most recent call last):";

/// The line of a worker's text that says most: the first one, or the last one of a traceback.
fn telling_line(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    if first.trim_end() != TRACEBACK_HEAD {
        return first;
    }
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or(first)
}

/// What a worker gets for a claimed attempt: real values, also of masked inputs (04/TW-35, TW-61).
pub fn scheduled_task(task_run: &pb::TaskRun) -> pb::ScheduledTask {
    let attempt = task_run.attempts.last();
    pb::ScheduledTask {
        task_run_id: task_run.id.clone(),
        task_def_id: task_run.task_def_id.clone(),
        attempt_number: task_run.attempts.len() as i32 - 1,
        variables: task_run.input_variables.clone(),
        created_at: attempt.and_then(|attempt| attempt.schedule_time),
        source: task_run.source.clone(),
        total_observed_checkpoints: task_run.total_checkpoints,
    }
}

/// True if what the task returns is masked.
pub fn is_masked(state: &internal::TaskState) -> bool {
    let declared = state.return_type.as_ref().and_then(|returns| returns.return_type.as_ref());
    declared.is_some_and(|declared| declared.masked)
}

/// The TaskRun as clients see it (04/TW-60).
pub fn masked(mut task_run: pb::TaskRun) -> pb::TaskRun {
    for input in &mut task_run.input_variables {
        match &mut input.value {
            Some(value) if input.masked => *value = mask::mask_value(),
            Some(value) => mask::mask_structs(value),
            None => {}
        }
    }
    for attempt in &mut task_run.attempts {
        match &mut attempt.result {
            Some(task_attempt::Result::Output(output)) if attempt.masked_value => *output = mask::mask_value(),
            Some(task_attempt::Result::Output(output)) => mask::mask_structs(output),
            _ => {}
        }
    }
    task_run
}

#[cfg(test)]
mod tests {
    use super::telling_line;

    #[test]
    fn the_line_that_says_most() {
        let traceback = "Traceback (most recent call last):\n  File \"a.py\", line 1, in work\nValueError: no card\n\n";
        for (text, expected) in [
            ("broken", "broken"),
            ("java.lang.Error: no\n\tat a.b(C.java:1)", "java.lang.Error: no"),
            (traceback, "ValueError: no card"),
            ("Traceback (most recent call last):\r\n  File\r\nValueError: no\r\n", "ValueError: no"),
            ("Traceback (most recent call last):", "Traceback (most recent call last):"),
            ("Traceback of mine\nValueError: no", "Traceback of mine"),
            ("\nlater", ""),
            ("", ""),
        ] {
            assert_eq!(telling_line(text), expected, "{text:?}");
        }
    }
}
