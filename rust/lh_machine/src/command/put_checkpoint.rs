//! PutCheckpoint: a running attempt keeps an intermediate result, which later attempts get (04 section 12).

use prost::Message;

use crate::{
    Code, Effects, Rejected, Reply, Stamp, State,
    internal::deadline::{Kind, TaskTimeout},
    key,
    pb::{self, TaskStatus, put_checkpoint_response::FlowControlContinue},
    run::{Run, TaskAt, deadline, record, task_at, timestamp},
    state::RECORD_BYTES_MAX,
};

/// Stores the checkpoint in a record of its own and moves the attempt's timeout (04/TW-50); an attempt that is not the
/// last one, or not running, is told to stop (04/TW-64).
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    request: &pb::PutCheckpointRequest,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let id = request.task_run_id.as_ref();
    let unknown = || Rejected::invalid(format!("TaskRun {} does not exist.", id.map_or("", |id| &id.task_guid)));
    let task_run_id = id.ok_or_else(unknown)?;
    let wf_run_id = task_run_id.wf_run_id.as_ref().ok_or_else(unknown)?;
    let at = TaskAt::parse(&task_run_id.task_guid).ok_or_else(unknown)?;
    let run_key = key::run(tenant, wf_run_id);
    let run = state.run(&run_key).filter(|run| !run.is_being_deleted()).ok_or_else(unknown)?;
    let Some(number) = next_number(run, at, task_run_id, request.task_attempt).ok_or_else(unknown)? else {
        return Ok(answer(FlowControlContinue::StopTask, None));
    };
    let checkpoint = pb::Checkpoint {
        id: Some(pb::CheckpointId { task_run: id.cloned(), checkpoint_number: number }),
        value: Some(request.value.clone().unwrap_or_default()),
        logs: request.logs.clone(),
        created_at: Some(timestamp(stamp.now_ms)),
    };
    let bytes = checkpoint.encoded_len();
    if bytes > RECORD_BYTES_MAX {
        let text = format!("The checkpoint has {bytes} bytes; a stored object can have {RECORD_BYTES_MAX}.");
        return Err(Rejected::new(Code::ResourceExhausted, text));
    }
    let mut run = state.take_run(&run_key).ok_or_else(unknown)?;
    let mut context = state.context(stamp, effects);
    let stored_key = key::checkpoint(tenant, wf_run_id, &task_run_id.task_guid, number);
    context.writes.insert(stored_key, Some(record::with_format(&checkpoint)));
    move_timeout(&mut run, at, request.task_attempt, stamp.now_ms);
    deadline::rearm(&mut run, &mut context);
    state.put_run(run);
    Ok(answer(FlowControlContinue::ContinueTask, Some(checkpoint)))
}

/// The number of the next checkpoint; `Some(None)` = the attempt must stop, `None` = there is no such TaskRun. A NodeRun
/// that was spilled to a record of its own is closed, hence its tasks are not running.
fn next_number(run: &Run, at: TaskAt, id: &pb::TaskRunId, attempt: i32) -> Option<Option<i32>> {
    let Some(record) = run.nodes.get(&at.place) else { return run.has_spilled(at.place).then_some(None) };
    let task_run = at.find(record).filter(|task_run| task_run.id.as_ref() == Some(id))?;
    let is_last = task_run.attempts.len() as i64 - 1 == i64::from(attempt);
    let is_running = task_run.attempts.last().is_some_and(|attempt| attempt.status() == TaskStatus::TaskRunning);
    Some((is_last && is_running).then_some(task_run.total_checkpoints))
}

fn move_timeout(run: &mut Run, at: TaskAt, attempt_number: i32, now_ms: i64) {
    let Some((task_run, _)) = run.task_mut(at) else { return };
    task_run.total_checkpoints += 1;
    let due_ms = now_ms.saturating_add(i64::from(task_run.timeout_seconds) * 1000);
    let timeout = TaskTimeout { attempt_number, checkpoints: task_run.total_checkpoints, reminder: at.reminder };
    task_at::forget_deadlines(run, at);
    deadline::add(run, at.place, due_ms, Kind::TaskTimeout(timeout));
}

fn answer(flow: FlowControlContinue, created_checkpoint: Option<pb::Checkpoint>) -> Reply {
    let flow_control_continue_type = flow as i32;
    Reply::Checkpoint(Box::new(pb::PutCheckpointResponse { flow_control_continue_type, created_checkpoint }))
}
