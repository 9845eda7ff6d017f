//! Comments on a UserTaskRun: entries of its audit log, possible in every status (06 section 5.5).

use super::{is_blank, refused, user_task};
use crate::{
    Rejected, Reply,
    pb::{
        self,
        user_task_event::{Event, UteCommentDeleted, UteCommented},
    },
    run::Run,
};

pub(super) fn check_put(request: &pb::PutUserTaskRunCommentRequest) -> Result<(), Rejected> {
    check_text(&request.user_id, &request.comment)
}

pub(super) fn check_edit(request: &pb::EditUserTaskRunCommentRequest) -> Result<(), Rejected> {
    check_id(request.user_comment_id)?;
    check_text(&request.user_id, &request.comment)
}

pub(super) fn check_delete(request: &pb::DeleteUserTaskRunCommentRequest) -> Result<(), Rejected> {
    check_id(request.user_comment_id)?;
    if is_blank(&request.user_id) { Err(refused("UserId can't be empty")) } else { Ok(()) }
}

fn check_id(id: i32) -> Result<(), Rejected> {
    if id == 0 { Err(refused("Missing required field user_comment_id.")) } else { Ok(()) }
}

fn check_text(user_id: &str, comment: &str) -> Result<(), Rejected> {
    if is_blank(user_id) {
        return Err(Rejected::invalid("UserId can't be empty"));
    }
    if is_blank(comment) { Err(Rejected::invalid("Comment can't be empty")) } else { Ok(()) }
}

pub(super) fn put(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::PutUserTaskRunCommentRequest,
    now_ms: i64,
) -> Result<Reply, Rejected> {
    let (user_id, comment) = (request.user_id.clone(), request.comment.clone());
    append(run, place, now_ms, |task| {
        let added = task.events.iter().filter(|event| matches!(event.event, Some(Event::CommentAdded(_)))).count();
        Ok(Event::CommentAdded(UteCommented { user_comment_id: added as i32 + 1, user_id, comment }))
    })
}

pub(super) fn edit(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::EditUserTaskRunCommentRequest,
    now_ms: i64,
) -> Result<Reply, Rejected> {
    let (user_comment_id, user_id, comment) =
        (request.user_comment_id, request.user_id.clone(), request.comment.clone());
    append(run, place, now_ms, |task| {
        require(task, user_comment_id)?;
        Ok(Event::CommentEdited(UteCommented { user_comment_id, user_id, comment }))
    })
}

pub(super) fn delete(
    run: &mut Run,
    place: (i32, i32),
    request: &pb::DeleteUserTaskRunCommentRequest,
    now_ms: i64,
) -> Result<Reply, Rejected> {
    let (user_comment_id, user_id) = (request.user_comment_id, request.user_id.clone());
    append(run, place, now_ms, |task| {
        require(task, user_comment_id)?;
        Ok(Event::CommentDeleted(UteCommentDeleted { user_comment_id, user_id }))
    })
}

fn append(
    run: &mut Run,
    place: (i32, i32),
    now_ms: i64,
    make: impl FnOnce(&pb::UserTaskRun) -> Result<Event, Rejected>,
) -> Result<Reply, Rejected> {
    let Some(task) = user_task::user_task_mut(run, place) else { return Ok(Reply::Empty) };
    let event = make(task)?;
    user_task::log(task, now_ms, event);
    Ok(Reply::UserTaskRun(Box::new(task.clone())))
}

/// The comment exists and was not deleted (06/U-43).
fn require(task: &pb::UserTaskRun, id: i32) -> Result<(), Rejected> {
    let has = |wanted: fn(&Event) -> Option<i32>| {
        task.events.iter().filter_map(|event| event.event.as_ref()).any(|event| wanted(event) == Some(id))
    };
    let added = |event: &Event| match event {
        Event::CommentAdded(comment) => Some(comment.user_comment_id),
        _ => None,
    };
    let deleted = |event: &Event| match event {
        Event::CommentDeleted(comment) => Some(comment.user_comment_id),
        _ => None,
    };
    if !has(added) {
        return Err(Rejected::not_found(format!("The user task has no comment {id}.")));
    }
    if has(deleted) { Err(refused(format!("Comment {id} was deleted."))) } else { Ok(()) }
}
