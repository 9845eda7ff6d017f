//! User tasks and checkpoints in scripts: their commands and how they are shown.
//!
//! `assign ID GUID [override] [user=U] [group=G]`, `complete ID GUID USER [FIELD=VALUE]...`,
//! `save ID GUID USER [ignore] [FIELD=VALUE]...`, `cancel ID GUID`, `comment ID GUID USER TEXT`,
//! `edit ID GUID COMMENT USER TEXT`, `uncomment ID GUID COMMENT USER`, where USER or TEXT `-` is empty;
//! `checkpoint ID NODE ATTEMPT VALUE`.

use std::collections::BTreeMap;

use lh_machine::{
    internal::{UserTaskCommand, command::Kind, user_task_command::Request},
    pb::{self, user_task_event::Event},
};

use super::{
    language, print,
    world::{task_run_id, wf_run_id},
};

/// `user_task_def NAME VERSION [FIELD:TYPE[!]]...`
pub fn user_task_def(words: &[&str]) -> pb::UserTaskDef {
    let fields = words[2..].iter().map(|word| {
        let (definition, required) = language::variable_def(word);
        let kind = lh_machine::value::types::primitive_of(definition.type_def.as_ref().unwrap()).unwrap();
        pb::UserTaskField { name: definition.name, r#type: kind as i32, required, ..Default::default() }
    });
    pb::UserTaskDef {
        name: words[0].to_owned(),
        version: words[1].parse().unwrap(),
        fields: fields.collect(),
        ..Default::default()
    }
}

/// The command that these words mean, if it is one about user tasks or checkpoints.
pub fn command(words: &[&str]) -> Option<Kind> {
    let user_task_run_id = || {
        let user_task_guid = words[2].to_owned();
        Some(pb::UserTaskRunId { wf_run_id: Some(wf_run_id(words[1])), user_task_guid })
    };
    let text =
        |at: usize| words.get(at).filter(|word| **word != "-").map(|word| (*word).to_owned()).unwrap_or_default();
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)).map(str::to_owned);
    let request = match words[0] {
        "assign" => Request::Assign(pb::AssignUserTaskRunRequest {
            user_task_run_id: user_task_run_id(),
            override_claim: words.contains(&"override"),
            user_group: option("group="),
            user_id: option("user="),
        }),
        "complete" => Request::Complete(pb::CompleteUserTaskRunRequest {
            user_task_run_id: user_task_run_id(),
            results: results(&words[4..]),
            user_id: text(3),
        }),
        "save" => Request::Save(pb::SaveUserTaskRunProgressRequest {
            user_task_run_id: user_task_run_id(),
            results: results(&words[4..]),
            user_id: text(3),
            policy: i32::from(words.contains(&"ignore")),
        }),
        "cancel" => Request::Cancel(pb::CancelUserTaskRunRequest { user_task_run_id: user_task_run_id() }),
        "comment" => Request::PutComment(pb::PutUserTaskRunCommentRequest {
            user_task_run_id: user_task_run_id(),
            user_id: text(3),
            comment: text(4),
        }),
        "edit" => Request::EditComment(pb::EditUserTaskRunCommentRequest {
            user_comment_id: words[3].parse().unwrap(),
            user_task_run_id: user_task_run_id(),
            user_id: text(4),
            comment: text(5),
        }),
        "uncomment" => Request::DeleteComment(pb::DeleteUserTaskRunCommentRequest {
            user_task_run_id: user_task_run_id(),
            user_comment_id: words[3].parse().unwrap(),
            user_id: text(4),
        }),
        "checkpoint" => {
            return Some(Kind::PutCheckpoint(pb::PutCheckpointRequest {
                task_run_id: Some(task_run_id(words[1], words[2])),
                task_attempt: words[3].parse().unwrap(),
                value: Some(language::literal(words[4])),
                logs: None,
            }));
        }
        _ => return None,
    };
    Some(Kind::UserTask(UserTaskCommand { request: Some(request) }))
}

fn results(words: &[&str]) -> BTreeMap<String, pb::VariableValue> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), language::literal(value))).collect()
}

/// A UserTaskRun, one line for itself and one for each entry of its log.
pub fn shown(task: &pb::UserTaskRun) -> String {
    let id = task.user_task_def_id.clone().unwrap_or_default();
    let guid = task.id.as_ref().map(|id| id.user_task_guid.as_str()).unwrap_or_default();
    let mut text = format!("    UserTaskRun {guid} {} of {}/{}", task.status().as_str_name(), id.name, id.version);
    text.push_str(&owner(&task.user_id, &task.user_group));
    if let Some(notes) = &task.notes {
        text.push_str(&format!(" notes='{notes}'"));
    }
    text.push_str(&format!(" epoch={}{}\n", task.epoch, values(&task.results)));
    for event in &task.events {
        text.push_str(&format!(
            "      {} {}\n",
            print::ms(event.time.as_ref()),
            event_text(event.event.as_ref().unwrap())
        ));
    }
    text
}

fn owner(user: &Option<String>, group: &Option<String>) -> String {
    let user = user.as_ref().map(|user| format!(" user={user}")).unwrap_or_default();
    let group = group.as_ref().map(|group| format!(" group={group}")).unwrap_or_default();
    user + &group
}

fn values(results: &BTreeMap<String, pb::VariableValue>) -> String {
    results.iter().map(|(name, value)| format!(" {name}={}", print::value(Some(value)))).collect()
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Assigned(assigned) => format!(
            "assigned from{} to{}",
            owner(&assigned.old_user_id, &assigned.old_user_group),
            owner(&assigned.new_user_id, &assigned.new_user_group)
        ),
        Event::TaskExecuted(executed) => {
            format!("executed {}", executed.task_run.as_ref().map(|id| print::short(&id.task_guid)).unwrap())
        }
        Event::Saved(saved) => format!("saved by {}{}", saved.user_id, values(&saved.results)),
        Event::Completed(_) => "completed".to_owned(),
        Event::Cancelled(cancelled) => format!("cancelled '{}'", cancelled.message),
        Event::CommentAdded(comment) => {
            format!("comment {} by {}: {}", comment.user_comment_id, comment.user_id, comment.comment)
        }
        Event::CommentEdited(comment) => {
            format!("comment {} edited by {}: {}", comment.user_comment_id, comment.user_id, comment.comment)
        }
        Event::CommentDeleted(comment) => format!("comment {} deleted by {}", comment.user_comment_id, comment.user_id),
    }
}
