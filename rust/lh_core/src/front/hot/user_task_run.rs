//! The RPCs that change a UserTaskRun: each is a command for the shard of its run (06 section 5).

use bytes::Bytes;
use lh_machine::{
    Reply,
    internal::{UserTaskCommand, command, user_task_command::Request},
    pb,
};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{required_text, required_wf_run_id},
    placement, status,
};

/// Gives the task to a user, a group or both (06/U-23..27).
pub async fn assign(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::AssignUserTaskRunRequest = decode("AssignUserTaskRun", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::Assign(request)).await
}

/// Ends the task with its results (06/U-28..34).
pub async fn complete(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::CompleteUserTaskRunRequest = decode("CompleteUserTaskRun", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::Complete(request)).await
}

/// Ends the task without results (06/U-39..42).
pub async fn cancel(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::CancelUserTaskRunRequest = decode("CancelUserTaskRun", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::Cancel(request)).await
}

/// Keeps results of a task that goes on; answers the UserTaskRun (06/U-35..38).
pub async fn save(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::SaveUserTaskRunProgressRequest = decode("SaveUserTaskRunProgress", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::Save(request)).await
}

/// Adds a comment; answers the UserTaskRun (06/U-43).
pub async fn put_comment(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::PutUserTaskRunCommentRequest = decode("PutUserTaskRunComment", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::PutComment(request)).await
}

/// Replaces the text of a comment; answers the UserTaskRun (06/U-43).
pub async fn edit_comment(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::EditUserTaskRunCommentRequest = decode("EditUserTaskRunComment", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::EditComment(request)).await
}

/// Marks a comment as deleted; answers the UserTaskRun (06/U-43).
pub async fn delete_comment(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let request: pb::DeleteUserTaskRunCommentRequest = decode("DeleteUserTaskRunComment", request)?;
    propose(front, caller, request.user_task_run_id.clone(), Request::DeleteComment(request)).await
}

/// Has the request applied. Errors: `INVALID_ARGUMENT` for missing ids (08/E-4), and what the machine refuses.
async fn propose(
    front: &Front,
    caller: &Caller,
    id: Option<pb::UserTaskRunId>,
    request: Request,
) -> Result<Framed, Status> {
    let wf_run_id = id.as_ref().and_then(|id| id.wf_run_id.as_ref());
    let root = placement::root_id(required_wf_run_id(wf_run_id, "user_task_run_id.wf_run_id")?);
    required_text(id.as_ref().map_or("", |id| &id.user_task_guid), "user_task_run_id.user_task_guid")?;
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    let command = command::Kind::UserTask(UserTaskCommand { request: Some(request) });
    match front.propose(&shard, caller, command).await? {
        Reply::Empty => Ok(Framed::wrap(&[])),
        Reply::UserTaskRun(task) => Ok(Framed::encode(task.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}
