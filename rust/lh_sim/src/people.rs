//! People with user tasks: they take them over, save, comment, complete and cancel, and do not always hear what came of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lh_machine::{
    internal::{UserTaskCommand, command::Kind, user_task_command::Request},
    pb,
};
use tokio::time::sleep;

use crate::{
    clients::insist,
    history::{Action, Event, UserTaskView},
    random::Random,
    specs::RESULT,
    view,
    world::World,
};

const NAMES: [&str; 3] = ["ada", "bob", "eve"];

/// Does something to some open user task every now and then, until the faults are over.
pub async fn work(world: Arc<World>, mut random: Random) {
    while !world.is_calm() {
        sleep(Duration::from_millis(random.within(50..900))).await;
        let views = world.views();
        let tasks = views.iter().flat_map(|(_, view)| &view.user_tasks);
        let tasks: Vec<&UserTaskView> = tasks.filter(|task| is_open(task) || random.chance(5)).collect();
        if tasks.is_empty() {
            continue;
        }
        let task: &UserTaskView = random.pick::<&UserTaskView>(&tasks);
        let action = match random.within(0..10) {
            0..3 => Action::Assign,
            3 => Action::Save,
            4 => Action::Comment,
            5..9 => Action::Complete,
            _ => Action::Cancel,
        };
        let (world, task, mut random) = (world.clone(), task.task.clone(), random.fork());
        tokio::spawn(async move {
            act(&world, &mut random, &task, action).await;
            // Somebody else had it open, too.
            if action == Action::Complete && random.chance(30) {
                act(&world, &mut random, &task, action).await;
            }
        });
    }
}

/// True if somebody can still complete it.
pub fn is_open(task: &UserTaskView) -> bool {
    matches!(task.status.as_str(), "ASSIGNED" | "UNASSIGNED")
}

/// Does this to a user task, until it is known whether it was done.
pub async fn act(world: &World, random: &mut Random, task: &str, action: Action) {
    let (run, guid) = task.rsplit_once('/').unwrap_or_default();
    let user_task_run_id =
        Some(pb::UserTaskRunId { wf_run_id: Some(view::wf_run_id(run)), user_task_guid: guid.to_owned() });
    let user_id = (*random.pick(&NAMES)).to_owned();
    let token = format!("{task} {:x}", random.bits());
    let value = pb::VariableValue { value: Some(pb::variable_value::Value::Str(token.clone())) };
    let results = BTreeMap::from([(RESULT.to_owned(), value)]);
    let request = match action {
        Action::Assign => Request::Assign(pb::AssignUserTaskRunRequest {
            user_task_run_id,
            override_claim: random.chance(50),
            user_group: random.chance(50).then(|| "all".to_owned()),
            user_id: Some(user_id),
        }),
        Action::Save => {
            Request::Save(pb::SaveUserTaskRunProgressRequest { user_task_run_id, results, user_id, policy: 1 })
        }
        Action::Comment => Request::PutComment(pb::PutUserTaskRunCommentRequest {
            user_task_run_id,
            user_id,
            comment: "soon".to_owned(),
        }),
        Action::Cancel => Request::Cancel(pb::CancelUserTaskRunRequest { user_task_run_id }),
        _ => Request::Complete(pb::CompleteUserTaskRunRequest { user_task_run_id, results, user_id }),
    };
    let event = |call| Event::Handle { call, task: task.to_owned(), action, token: token.clone() };
    insist(world, random, run, event, &Kind::UserTask(UserTaskCommand { request: Some(request) })).await;
}
