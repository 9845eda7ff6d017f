//! `RunWf`: starts a run. The front fixes its id, so that the command can be replayed (03 section 2).

use bytes::Bytes;
use lh_machine::{
    Reply,
    internal::{RunWf, command},
    pb,
};
use tonic::Status;

use crate::front::{
    Caller, Front,
    frames::Framed,
    hot::decode,
    ids::{generate_wf_run_id, is_wf_run_id, required_wf_run_id},
    placement, status,
};

/// Answers the RPC with the new WfRun. Errors: rows 1 and 2 of 03 section 2.2 here, the others in the machine.
pub async fn answer(front: &Front, caller: &Caller, request: Bytes) -> Result<Framed, Status> {
    let mut request: pb::RunWfRequest = decode("RunWf", request)?;
    let id_is_generated = check_and_name(front, &mut request)?;
    let root = match &request.parent_wf_run_id {
        Some(parent) => placement::root_id(parent),
        None => request.id.as_deref().unwrap_or_default(),
    };
    let shard = front.shard_of_tree(&caller.tenant, root).clone();
    let command = command::Kind::RunWf(RunWf { request: Some(request), id_is_generated });
    match front.propose(&shard, caller, command).await? {
        Reply::WfRun(wf_run) => Ok(Framed::encode(wf_run.as_ref())),
        _ => Err(status::unexpected_reply()),
    }
}

/// The checks that need no look-up, in order; then an id for a request without one. True if the id was generated.
fn check_and_name(front: &Front, request: &mut pb::RunWfRequest) -> Result<bool, Status> {
    if request.wf_spec_name.is_empty() {
        return Err(status::invalid("wf_spec_name is required"));
    }
    if let Some(id) = &request.id
        && !is_wf_run_id(id)
    {
        return Err(status::invalid(format!("The WfRun id '{id}' must be a valid hostname")));
    }
    if let Some(parent) = &request.parent_wf_run_id {
        required_wf_run_id(Some(parent), "parent_wf_run_id.id")?;
    }
    let id_is_generated = request.id.is_none();
    if id_is_generated {
        request.id = Some(generate_wf_run_id(front.parts.clock.as_ref(), front.parts.entropy.as_ref()));
    }
    Ok(id_is_generated)
}
