//! What people do to UserTaskRuns: assign, complete, save, cancel, comment (06 section 5).

mod comment;

use prost::Message;

use crate::{
    Code, Effects, Rejected, Reply, Stamp, State,
    internal::{UserTaskCommand, user_task_command::Request},
    key,
    node::user_task::{self, assign, complete, is_blank, is_open, trigger},
    pb::{self, save_user_task_run_progress_request::SaveUserTaskRunAssignmentPolicy, user_task_event::Event},
    run::{Run, advance},
    state::{Context, RECORD_BYTES_MAX},
};

/// Checks and applies one request; the run advances in the same command (06/U-74).
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    command: &UserTaskCommand,
    effects: &mut Effects,
) -> Result<Reply, Rejected> {
    let request = command.request.as_ref().ok_or_else(|| Rejected::invalid("The request is empty."))?;
    check_alone(request)?;
    let id = id_of(request).ok_or_else(|| Rejected::invalid("Missing required field user_task_run_id."))?;
    let (mut run, place) = take(state, tenant, id)?;
    let mut context = state.family_context(tenant, &run.id(), stamp, effects);
    let outcome = check_size(&run, place, request).and_then(|()| perform(&mut run, place, request, &mut context));
    if outcome == Ok(Reply::Empty) {
        run = advance::advance(run, &mut context);
    }
    let family = context.family;
    state.settle(run, family);
    outcome
}

/// Key of the run that the request is about, and the place of its NodeRun.
pub fn target(tenant: &str, command: &UserTaskCommand) -> Option<(Vec<u8>, pb::WfRunId, (i32, i32))> {
    let id = id_of(command.request.as_ref()?)?;
    let wf_run_id = id.wf_run_id.as_ref()?;
    let place = user_task::parse_guid(&id.user_task_guid)?;
    Some((key::run(tenant, wf_run_id), wf_run_id.clone(), place))
}

fn id_of(request: &Request) -> Option<&pb::UserTaskRunId> {
    match request {
        Request::Assign(request) => request.user_task_run_id.as_ref(),
        Request::Complete(request) => request.user_task_run_id.as_ref(),
        Request::Cancel(request) => request.user_task_run_id.as_ref(),
        Request::Save(request) => request.user_task_run_id.as_ref(),
        Request::PutComment(request) => request.user_task_run_id.as_ref(),
        Request::EditComment(request) => request.user_task_run_id.as_ref(),
        Request::DeleteComment(request) => request.user_task_run_id.as_ref(),
    }
}

/// Checks that need no look at the task.
fn check_alone(request: &Request) -> Result<(), Rejected> {
    match request {
        Request::Assign(request) => {
            if request.user_id.as_deref().is_some_and(is_blank) {
                return Err(Rejected::invalid("UserId can't be empty"));
            }
            if request.user_group.as_deref().is_some_and(is_blank) {
                return Err(Rejected::invalid("UserGroup can't be empty"));
            }
            if request.user_id.is_none() && request.user_group.is_none() {
                return Err(Rejected::invalid("Must provide user_id, user_group or both"));
            }
            Ok(())
        }
        Request::PutComment(request) => comment::check_put(request),
        Request::EditComment(request) => comment::check_edit(request),
        Request::DeleteComment(request) => comment::check_delete(request),
        Request::Complete(_) | Request::Cancel(_) | Request::Save(_) => Ok(()),
    }
}

/// Takes the run with the NodeRun in it: one that left the run's record comes back into it.
///
/// # Errors
/// `NOT_FOUND` for an unknown task, or one of a run that is being deleted.
fn take(state: &mut State, tenant: &str, id: &pb::UserTaskRunId) -> Result<(Box<Run>, (i32, i32)), Rejected> {
    let unknown = || Rejected::not_found(format!("Couldn't find UserTaskRun {}.", id.user_task_guid));
    let wf_run_id = id.wf_run_id.as_ref().ok_or_else(unknown)?;
    let place = user_task::parse_guid(&id.user_task_guid).ok_or_else(unknown)?;
    let run_key = key::run(tenant, wf_run_id);
    let run = state.run(&run_key).filter(|run| !run.is_being_deleted()).ok_or_else(unknown)?;
    if !run.nodes.contains_key(&place) {
        let node_key = run.node_key(place);
        state.spilled(&node_key).filter(|record| record.user_task_run.is_some()).ok_or_else(unknown)?;
        let record = state.take_spilled(&node_key).ok_or_else(unknown)?;
        let mut run = state.take_run(&run_key).ok_or_else(unknown)?;
        run.nodes.insert(place, Box::new(record));
        state.put_run(run);
        state.writes.insert(node_key, None);
    }
    let run = state.run(&run_key).ok_or_else(unknown)?;
    user_task::user_task(run, place).ok_or_else(unknown)?;
    Ok((state.take_run(&run_key).ok_or_else(unknown)?, place))
}

/// What is stored of the request comes twice at most: in the object and in its audit log.
fn check_size(run: &Run, place: (i32, i32), request: &Request) -> Result<(), Rejected> {
    let added = match request {
        Request::Assign(request) => request.encoded_len(),
        Request::Complete(request) => request.encoded_len(),
        Request::Cancel(request) => request.encoded_len(),
        Request::Save(request) => 2 * request.encoded_len(),
        Request::PutComment(request) => request.encoded_len(),
        Request::EditComment(request) => request.encoded_len(),
        Request::DeleteComment(request) => request.encoded_len(),
    };
    let bytes = user_task::user_task(run, place).map_or(0, Message::encoded_len) + added;
    if bytes <= RECORD_BYTES_MAX {
        return Ok(());
    }
    let text = format!("The UserTaskRun would have {bytes} bytes; a stored object can have {RECORD_BYTES_MAX}.");
    Err(Rejected::new(Code::ResourceExhausted, text))
}

/// Answers `Empty` for what can move the run; the others concern nobody but the task.
fn perform(run: &mut Run, place: (i32, i32), request: &Request, context: &mut Context<'_>) -> Result<Reply, Rejected> {
    match request {
        Request::Assign(request) => assign(run, place, request, context)?,
        Request::Complete(request) => complete::complete(run, place, request, context)?,
        Request::Cancel(_) => cancel(run, place, context)?,
        Request::Save(request) => return save(run, place, request, context.now_ms),
        Request::PutComment(request) => return comment::put(run, place, request, context.now_ms),
        Request::EditComment(request) => return comment::edit(run, place, request, context.now_ms),
        Request::DeleteComment(request) => return comment::delete(run, place, request, context.now_ms),
    }
    Ok(Reply::Empty)
}

fn refused(message: impl Into<String>) -> Rejected {
    Rejected::new(Code::FailedPrecondition, message)
}

/// 06/U-25..27.
fn assign(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::AssignUserTaskRunRequest,
    context: &mut Context<'_>,
) -> Result<(), Rejected> {
    let Some(task) = user_task::user_task(run, place) else { return Ok(()) };
    if let Some(user) = task.user_id.as_ref().filter(|_| !request.override_claim) {
        return Err(refused(format!("The user task is claimed by user {user}; override_claim was not set.")));
    }
    if !is_open(task) {
        return Err(refused(format!("The user task is {} already.", task.status().as_str_name())));
    }
    let owner = assign::Owner { user_id: request.user_id.clone(), user_group: request.user_group.clone() };
    if assign::assign(run, place, owner, context.now_ms) {
        trigger::on_assigned(run, place, context);
    }
    Ok(())
}

/// 06/U-40..42: a repeated cancellation is fine, one that comes too late is not.
fn cancel(run: &mut Run, place: (i32, i32), context: &mut Context<'_>) -> Result<(), Rejected> {
    match user_task::user_task(run, place).map(pb::UserTaskRun::status) {
        Some(pb::UserTaskRunStatus::Done) => return Err(refused("The user task is DONE already.")),
        Some(pb::UserTaskRunStatus::Cancelled) | None => return Ok(()),
        Some(_) => {}
    }
    let failure = user_task::cancellation(run, place, context).map_err(|error| {
        Rejected::invalid(format!("The name of the cancellation exception cannot be evaluated: {}", error.message))
    })?;
    user_task::cancel(run, place, failure, context.now_ms);
    Ok(())
}

/// 06/U-36..38.
fn save(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::SaveUserTaskRunProgressRequest,
    now_ms: i64,
) -> Result<Reply, Rejected> {
    let Some(task) = user_task::user_task_mut(run, place) else { return Ok(Reply::Empty) };
    let ignores_claim = request.policy() == SaveUserTaskRunAssignmentPolicy::IgnoreClaim;
    if !ignores_claim && task.user_id.as_ref().is_some_and(|user| *user != request.user_id) {
        return Err(refused("The user task is claimed by another user."));
    }
    if !is_open(task) {
        return Err(refused(format!("The user task is {} already.", task.status().as_str_name())));
    }
    task.results.clone_from(&request.results);
    let (user_id, results) = (request.user_id.clone(), request.results.clone());
    user_task::log(task, now_ms, Event::Saved(pb::user_task_event::UteSaved { user_id, results }));
    Ok(Reply::UserTaskRun(Box::new(task.clone())))
}
