//! RPCs that are answered in Rust, one file each or one per noun: bytes in, a command or a read for a shard, bytes out.

pub mod await_workflow_event;
pub mod count_task_run;
pub mod delete_correlated_event;
pub mod delete_wf_run;
pub mod get_checkpoint;
pub mod get_correlated_event;
pub mod get_external_event;
pub mod get_inactive_thread_run;
pub mod get_node_run;
pub mod get_server_version;
pub mod get_task_run;
pub mod get_task_worker_group;
pub mod get_user_task_run;
pub mod get_variable;
pub mod get_wf_run;
pub mod get_workflow_event;
pub mod list_external_events;
pub mod list_node_runs;
pub mod list_task_runs;
pub mod list_user_task_runs;
pub mod list_variables;
pub mod list_workflow_events;
pub mod poll_task;
pub mod put_checkpoint;
pub mod put_correlated_event;
pub mod put_external_event;
pub mod register_task_worker;
pub mod report_task;
pub mod rescue_thread_run;
pub mod resume_wf_run;
pub mod run_wf;
pub mod stop_wf_run;
pub mod user_task_run;
pub mod whoami;

use bytes::Bytes;
use lh_machine::{Read, pb};
use prost::Message;
use tonic::Status;

use crate::front::{Caller, Front, frames::Framed, placement, routes::HotRpc, status};

/// Has the handler of `rpc` answer the serialized request.
pub async fn answer(front: &Front, rpc: HotRpc, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    match rpc {
        HotRpc::AwaitWorkflowEvent => await_workflow_event::answer(front, caller, request).await,
        HotRpc::CountTaskRun => count_task_run::answer(front, caller, request).await,
        HotRpc::GetInactiveThreadRun => get_inactive_thread_run::answer(front, caller, request).await,
        HotRpc::GetNodeRun => get_node_run::answer(front, caller, request).await,
        HotRpc::GetServerVersion => Ok(get_server_version::answer(front)),
        HotRpc::GetTaskRun => get_task_run::answer(front, caller, request).await,
        HotRpc::GetTaskWorkerGroup => get_task_worker_group::answer(front, caller, request).await,
        HotRpc::GetVariable => get_variable::answer(front, caller, request).await,
        HotRpc::GetWfRun => get_wf_run::answer(front, caller, request).await,
        HotRpc::ListNodeRuns => list_node_runs::answer(front, caller, request).await,
        HotRpc::ListTaskRuns => list_task_runs::answer(front, caller, request).await,
        HotRpc::ListVariables => list_variables::answer(front, caller, request).await,
        HotRpc::RegisterTaskWorker => register_task_worker::answer(front, caller, request).await,
        HotRpc::ReportTask => report_task::answer(front, caller, request).await,
        HotRpc::RunWf => run_wf::answer(front, caller, request).await,
        HotRpc::StopWfRun => stop_wf_run::answer(front, caller, request).await,
        HotRpc::ResumeWfRun => resume_wf_run::answer(front, caller, request).await,
        HotRpc::RescueThreadRun => rescue_thread_run::answer(front, caller, request).await,
        HotRpc::DeleteWfRun => delete_wf_run::answer(front, caller, request).await,
        HotRpc::PutExternalEvent => put_external_event::answer(front, caller, request).await,
        HotRpc::GetExternalEvent => get_external_event::answer(front, caller, request).await,
        HotRpc::GetWorkflowEvent => get_workflow_event::answer(front, caller, request).await,
        HotRpc::ListExternalEvents => list_external_events::answer(front, caller, request).await,
        HotRpc::ListWorkflowEvents => list_workflow_events::answer(front, caller, request).await,
        HotRpc::PutCheckpoint => put_checkpoint::answer(front, caller, request).await,
        HotRpc::GetCheckpoint => get_checkpoint::answer(front, caller, request).await,
        HotRpc::GetUserTaskRun => get_user_task_run::answer(front, caller, request).await,
        HotRpc::ListUserTaskRuns => list_user_task_runs::answer(front, caller, request).await,
        HotRpc::AssignUserTaskRun => user_task_run::assign(front, caller, request).await,
        HotRpc::CancelUserTaskRun => user_task_run::cancel(front, caller, request).await,
        HotRpc::CompleteUserTaskRun => user_task_run::complete(front, caller, request).await,
        HotRpc::SaveUserTaskRunProgress => user_task_run::save(front, caller, request).await,
        HotRpc::PutUserTaskRunComment => user_task_run::put_comment(front, caller, request).await,
        HotRpc::EditUserTaskRunComment => user_task_run::edit_comment(front, caller, request).await,
        HotRpc::DeleteUserTaskRunComment => user_task_run::delete_comment(front, caller, request).await,
        HotRpc::PutCorrelatedEvent => put_correlated_event::answer(front, caller, request).await,
        HotRpc::GetCorrelatedEvent => get_correlated_event::answer(front, caller, request).await,
        HotRpc::DeleteCorrelatedEvent => delete_correlated_event::answer(front, caller, request).await,
        HotRpc::Whoami => whoami::answer(front),
    }
}

/// Decodes a request; what is not a message of the contract is `INVALID_ARGUMENT` (08/E-4).
fn decode<M: Message + Default>(rpc: &str, request: Bytes) -> Result<M, Status> {
    M::decode(request).map_err(|error| status::undecodable(rpc, &error))
}

/// A read of the tree that `id` belongs to.
async fn read_tree(front: &Front, caller: &Caller, id: &pb::WfRunId, read: Read) -> Result<Framed, Status> {
    let shard = front.shard_of_tree(&caller.tenant, placement::root_id(id));
    Ok(Framed::wrap(&front.read(shard, caller, read).await?))
}
