//! Triggers of a user task: reminders, reassignment and cancellation, as durable deadlines of the run (06 section 8).

use super::{Vse, assign, cancel, cancellation, definition, is_open, log, text, user_task, user_task_mut};
use crate::{
    internal::{
        Reminder,
        deadline::{Kind, UserTaskTrigger},
    },
    node::task,
    pb::{
        self, LhStatus, UserTaskRunStatus,
        task_run_source::TaskRunSource,
        user_task_event::Event,
        ut_action_trigger::{Action, UtHook, UtaReassign},
        variable_value::Value,
    },
    run::{Run, TaskAt, deadline, failure, scope::RunScope},
    state::Context,
    value,
};

/// Actions to be scheduled: index in the node, due time in milliseconds since the epoch.
pub type Scheduled = Vec<(usize, i64)>;

/// When the actions of the arrival are due.
///
/// # Errors
/// A delay is not an INT (06/U-57).
pub fn on_arrival(
    run: &Run,
    place: (i32, i32),
    node: &pb::UserTaskNode,
    context: &Context<'_>,
) -> Result<Scheduled, Vse> {
    let actions = node.actions.iter().enumerate().filter(|(_, action)| action.hook() == UtHook::OnArrival);
    actions.map(|(index, action)| Ok((index, due_ms(run, place, action, context)?))).collect()
}

/// The task has a new user: schedules the actions of that hook. One with a bad delay is left out (06/U-56, U-57).
pub fn on_assigned(run: &mut Run, place: (i32, i32), context: &Context<'_>) {
    let spec = run.spec.clone();
    let Some(node) = definition(&spec, run, place) else { return };
    let actions = node.actions.iter().enumerate().filter(|(_, action)| action.hook() == UtHook::OnTaskAssigned);
    let scheduled = actions.filter_map(|(index, action)| Some((index, due_ms(run, place, action, context).ok()?)));
    let scheduled: Scheduled = scheduled.collect();
    add_all(run, place, scheduled);
}

/// Notes the deadlines, each with the epoch of now.
pub fn add_all(run: &mut Run, place: (i32, i32), scheduled: Scheduled) {
    let epoch = user_task(run, place).map_or(0, |task| task.epoch);
    for (action, due_ms) in scheduled {
        let trigger = UserTaskTrigger { action: action as i32, epoch };
        deadline::add(run, place, due_ms, Kind::UserTaskTrigger(trigger));
    }
}

/// The task ended: nothing is due any more.
pub fn forget(run: &mut Run, place: (i32, i32)) {
    run.deadlines.retain(|deadline| {
        (deadline.thread_run_number, deadline.position) != place
            || !matches!(deadline.kind, Some(Kind::UserTaskTrigger(_)))
    });
}

fn due_ms(run: &Run, place: (i32, i32), action: &pb::UtActionTrigger, context: &Context<'_>) -> Result<i64, Vse> {
    let not_int = || Vse::new("The delay of a user task's action is not an INT.");
    let delay = action.delay_seconds.as_ref().ok_or_else(not_int)?;
    match value::resolve::resolve(delay, &RunScope::of(run, place.0, context))?.value {
        Some(Value::Int(seconds)) => Ok(context.now_ms.saturating_add(seconds.max(0).saturating_mul(1000))),
        _ => Err(not_int()),
    }
}

/// A trigger is due: does what it says if that still makes sense (06/U-58).
pub fn mature(run: &mut Run, place: (i32, i32), trigger: &UserTaskTrigger, due_ms: i64, context: &mut Context<'_>) {
    let spec = run.spec.clone();
    let action = usize::try_from(trigger.action).ok();
    let action = definition(&spec, run, place).zip(action).and_then(|(node, index)| node.actions.get(index));
    let Some(action) = action else { return };
    let Some(task) = user_task(run, place).filter(|task| is_open(task)) else { return };
    let same_epoch = task.epoch == trigger.epoch;
    match &action.action {
        Some(Action::Task(reminder)) => {
            let is_running = run.node_run(place).is_some_and(|node_run| node_run.status() == LhStatus::Running);
            if let Some(node) = reminder.task.as_ref().filter(|_| is_running) {
                remind(run, place, node, context);
            }
        }
        Some(Action::Reassign(reassign)) if same_epoch && task.status() == UserTaskRunStatus::Assigned => {
            reassign_to(run, place, reassign, due_ms, context);
        }
        Some(Action::Cancel(_)) => {
            // A deadline of a former user does not cancel the task of the new one (06/U-64).
            if (same_epoch || action.hook() == UtHook::OnArrival)
                && let Ok(failure) = cancellation(run, place, context)
            {
                cancel(run, place, failure, due_ms);
            }
        }
        Some(Action::Reassign(_)) | None => {}
    }
}

/// Gives the task to whom the trigger names now; to nobody = not at all (06/U-61, U-62).
fn reassign_to(run: &mut Run, place: (i32, i32), reassign: &UtaReassign, due_ms: i64, context: &mut Context<'_>) {
    let user_id = text(run, place, reassign.user_id.as_ref(), context);
    let user_group = text(run, place, reassign.user_group.as_ref(), context);
    let owner = match (user_id, user_group) {
        (Ok(user_id), Ok(user_group)) => assign::Owner { user_id, user_group }.without_blanks(),
        (Err(error), _) | (_, Err(error)) => {
            cancel(run, place, failure::value_failure("VAR_SUB_ERROR", error), due_ms);
            return;
        }
    };
    if owner != assign::Owner::default() && assign::assign(run, place, owner, due_ms) {
        on_assigned(run, place, context);
    }
}

/// Queues a reminder task; if its inputs or its TaskDef do not fit, nothing happens (06/U-65, U-67, 04/TW-14).
fn remind(run: &mut Run, place: (i32, i32), node: &pb::TaskNode, context: &mut Context<'_>) {
    let Some(task) = user_task(run, place) else { return };
    let event_number = task.events.len() as i32;
    let source = TaskRunSource::UserTaskTrigger(pb::UserTaskTriggerReference {
        node_run_id: Some(task::node_run_id(run, place)),
        user_task_event_number: event_number,
        user_id: task.user_id.clone(),
        user_group: task.user_group.clone(),
    });
    let at = TaskAt { place, reminder: Some(event_number) };
    let Ok(task_def) = task::task_def(run, place, node, context) else { return };
    let Ok((task_run, task_state)) = task::new_task_run(run, at, node, &task_def, source, context) else { return };
    let executed = pb::user_task_event::UteTaskExecuted { task_run: task_run.id.clone() };
    if let Some(task) = user_task_mut(run, place) {
        log(task, context.now_ms, Event::TaskExecuted(executed));
    }
    if let Some(record) = run.nodes.get_mut(&place) {
        record.reminders.push(Reminder { event_number, task_run: Some(task_run), task_state: Some(task_state) });
    }
    task::schedule_attempt(run, at, context);
}
