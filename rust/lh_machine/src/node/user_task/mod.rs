//! USER_TASK: work for a person, from its assignment to its result or cancellation (03/E-470, spec 06).
//!
//! A halted thread keeps its UserTaskRun open and usable; what came of it is looked at when the thread goes on (03/E-471).
//! `assign` = who it belongs to · `complete` = its result · `trigger` = reminders, reassignment and cancellation by time.

pub mod assign;
pub mod complete;
pub mod trigger;

use prost::Message;

use super::Progress;
use crate::{
    internal::UserTaskState,
    pb::{
        self, LhStatus, UserTaskRunStatus, node::Node, node_run::NodeType, thread_halt_reason::Reason,
        user_task_event::Event,
    },
    run::{Run, failure, is_terminal, milliseconds, scope::RunScope, timestamp},
    spec::Spec,
    state::{Context, RECORD_BYTES_MAX},
    value::{self, Vse},
};

/// What a cancelled user task fails with, unless its node names an exception (06/U-53).
const CANCELLED: &str = "USER_TASK_CANCELLED";

/// Creates the UserTaskRun, assigns it and schedules the actions of its arrival (06/U-17..19).
pub(super) fn arrive(
    run: &mut Run,
    place: (i32, i32),
    node: &pb::UserTaskNode,
    context: &mut Context<'_>,
) -> Result<(), pb::Failure> {
    let name = &node.user_task_def_name;
    let user_task_def =
        context.definitions.user_task_def(&run.tenant, name, node.user_task_def_version).ok_or_else(|| {
            failure::technical("TASK_ERROR", format!("Appears that UserTaskDef was deleted! (UserTaskDef {name})"))
        })?;
    let unresolved = |error| failure::value_failure("VAR_SUB_ERROR", error);
    let notes = text(run, place, node.notes.as_ref(), context).map_err(unresolved)?;
    let owner = assign::Owner {
        user_id: text(run, place, node.user_id.as_ref(), context).map_err(unresolved)?,
        user_group: text(run, place, node.user_group.as_ref(), context).map_err(unresolved)?,
    };
    owner.check().map_err(|message| failure::technical("VAR_ERROR", message))?;
    let on_arrival = trigger::on_arrival(run, place, node, context).map_err(unresolved)?;
    let node_run_id = super::task::node_run_id(run, place);
    let id = pb::UserTaskRunId { wf_run_id: Some(run.id()), user_task_guid: guid(place) };
    let user_task_run = pb::UserTaskRun {
        id: Some(id.clone()),
        user_task_def_id: Some(pb::UserTaskDefId { name: name.clone(), version: user_task_def.version }),
        notes,
        scheduled_time: Some(timestamp(context.now_ms)),
        node_run_id: Some(node_run_id),
        ..pb::UserTaskRun::default()
    };
    let bytes = user_task_run.encoded_len() + owner.bytes();
    if bytes > RECORD_BYTES_MAX {
        let text =
            format!("RESOURCE_EXHAUSTED: the UserTaskRun would have {bytes} bytes, the limit is {RECORD_BYTES_MAX}.");
        return Err(unresolved(Vse::new(text)));
    }
    let Some(record) = run.nodes.get_mut(&place) else { return Ok(()) };
    if let Some(NodeType::UserTask(shown)) = record.node_run.as_mut().and_then(|node_run| node_run.node_type.as_mut()) {
        shown.user_task_run_id = Some(id);
    }
    record.user_task_run = Some(Box::new(user_task_run));
    record.user_task_state = Some(UserTaskState::default());
    assign::assign(run, place, owner, context.now_ms);
    if user_task(run, place).is_some_and(|task| task.user_id.is_some()) {
        trigger::on_assigned(run, place, context);
    }
    trigger::add_all(run, place, on_arrival);
    Ok(())
}

/// Whether it was completed or cancelled, perhaps while the thread was halted.
pub(super) fn progress(run: &Run, place: (i32, i32), context: &Context<'_>) -> Progress {
    let Some(state) = run.nodes.get(&place).and_then(|record| record.user_task_state.as_ref()) else {
        return Progress::Waiting;
    };
    match (&state.failure, &state.output) {
        (Some(failure), _) => Progress::Failed(failure.clone()),
        (None, Some(output)) => Progress::Finished { output: Some(output.clone()), end_ms: context.now_ms },
        (None, None) => Progress::Waiting,
    }
}

/// The guid of the UserTaskRun of the NodeRun at a place (06/U-13).
fn guid(place: (i32, i32)) -> String {
    format!("{}-{}", place.0, place.1)
}

/// Reads a guid of a UserTaskRun, in its one valid spelling.
pub fn parse_guid(text: &str) -> Option<(i32, i32)> {
    let (thread, position) = text.split_once('-')?;
    let place = (thread.parse().ok()?, position.parse().ok()?);
    (guid(place) == text).then_some(place)
}

/// The UserTaskRun of the NodeRun at a place.
pub fn user_task(run: &Run, place: (i32, i32)) -> Option<&pb::UserTaskRun> {
    run.nodes.get(&place)?.user_task_run.as_deref()
}

/// The UserTaskRun of the NodeRun at a place, to be changed.
pub fn user_task_mut(run: &mut Run, place: (i32, i32)) -> Option<&mut pb::UserTaskRun> {
    run.nodes.get_mut(&place)?.user_task_run.as_deref_mut()
}

/// Neither DONE nor CANCELLED.
pub fn is_open(task: &pb::UserTaskRun) -> bool {
    matches!(task.status(), UserTaskRunStatus::Unassigned | UserTaskRunStatus::Assigned)
}

/// Empty or nothing but spaces.
pub fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Appends to the audit log, whose times never go back (06/U-49).
pub fn log(task: &mut pb::UserTaskRun, at_ms: i64, event: Event) {
    let last_ms = task.events.last().and_then(|event| event.time.as_ref()).map_or(at_ms, milliseconds);
    task.events.push(pb::UserTaskEvent { time: Some(timestamp(at_ms.max(last_ms))), event: Some(event) });
}

/// The failure that a cancellation raises now (06/U-53).
///
/// # Errors
/// `on_cancellation_exception_name` cannot be evaluated.
pub fn cancellation(run: &Run, place: (i32, i32), context: &Context<'_>) -> Result<pb::Failure, Vse> {
    let name = definition(&run.spec, run, place).and_then(|node| node.on_cancellation_exception_name.as_ref());
    let name = text(run, place, name, context)?.filter(|name| !is_blank(name));
    Ok(cancelled(name.as_deref().unwrap_or(CANCELLED)))
}

fn cancelled(name: &str) -> pb::Failure {
    failure::technical(name, "The user task was cancelled.")
}

/// Ends the UserTaskRun as CANCELLED; its NodeRun fails with `failure` in the next step of its thread (06/U-40).
pub fn cancel(run: &mut Run, place: (i32, i32), failure: pb::Failure, at_ms: i64) {
    let Some(record) = run.nodes.get_mut(&place) else { return };
    let Some(task) = record.user_task_run.as_mut() else { return };
    task.set_status(UserTaskRunStatus::Cancelled);
    let message = "The user task was cancelled.".to_owned();
    log(task, at_ms, Event::Cancelled(pb::user_task_event::UteCancelled { message }));
    record.user_task_state = Some(UserTaskState { output: None, failure: Some(failure) });
    trigger::forget(run, place);
}

/// Cancels the open UserTaskRuns of threads that ended, or that are halted for something that does not pass by itself or
/// by a resume: nobody can use their result any more (06/U-69).
pub fn cancel_stranded(run: &mut Run, context: &Context<'_>) {
    if !run.spec.uses_user_tasks {
        return;
    }
    let is_stranded = |thread: &&pb::ThreadRun| {
        user_task(run, (thread.number, thread.current_node_position)).is_some_and(is_open)
            && (is_terminal(thread.status()) || thread.status() == LhStatus::Halted && stays_halted(run, thread))
    };
    let stranded: Vec<(i32, i32)> = run
        .wf_run
        .thread_runs
        .iter()
        .filter(is_stranded)
        .map(|thread| (thread.number, thread.current_node_position))
        .collect();
    for place in stranded {
        // Halting goes through even if the name cannot be evaluated (06/U-71).
        let failure = cancellation(run, place, context).unwrap_or_else(|_| cancelled(CANCELLED));
        cancel(run, place, failure, context.now_ms);
    }
}

fn stays_halted(run: &Run, thread: &pb::ThreadRun) -> bool {
    thread.halt_reasons.iter().any(|present| match &present.reason {
        Some(Reason::HaltedByParent(_)) => true,
        Some(Reason::ParentHalted(reason)) => run
            .thread(reason.parent_thread_id)
            .is_some_and(|parent| is_terminal(parent.status()) || stays_halted(run, parent)),
        _ => false,
    })
}

/// The USER_TASK node that the NodeRun at a place stands for.
fn definition<'a>(spec: &'a Spec, run: &Run, place: (i32, i32)) -> Option<&'a pb::UserTaskNode> {
    let node_run = run.node_run(place)?;
    match &spec.node(&node_run.thread_spec_name, &node_run.node_name)?.node {
        Some(Node::UserTask(node)) => Some(node),
        _ => None,
    }
}

/// The text of an assignment; none if it is missing, has no source or is NULL (06/U-18, U-77, U-83).
fn text(
    run: &Run,
    place: (i32, i32),
    assignment: Option<&pb::VariableAssignment>,
    context: &Context<'_>,
) -> Result<Option<String>, Vse> {
    let Some(assignment) = assignment.filter(|assignment| assignment.source.is_some()) else { return Ok(None) };
    let value = value::resolve::resolve(assignment, &RunScope::of(run, place.0, context))?;
    match value.value {
        None => Ok(None),
        Some(_) => value::convert::to_text(&value).map(Some),
    }
}
