//! PutWfSpec (02 section 10): the pipeline, in the order of W-1; the first failing step decides.

use super::shape::{self, ReferencesByNode};
use super::view::SpecView;
use super::{Definitions, Reason, name, same, settle, thread, timestamp, variables, version};
use crate::rejected::Code;
use crate::{Rejected, internal, pb};

/// Checks a WfSpec and answers the object to return: the stored latest version if the request equals it (V-2), else the
/// next version (V-1, V-3), created at `now_ms` (milliseconds since 1970). `seen` is left empty.
///
/// # Errors
/// `INVALID_ARGUMENT` naming thread and node (W-2); `ALREADY_EXISTS` or `FAILED_PRECONDITION` when `allowed_updates`
/// forbids the change (V-5).
pub fn put_wf_spec(
    request: pb::PutWfSpecRequest,
    definitions: &dyn Definitions,
    now_ms: i64,
) -> Result<internal::CheckedWfSpec, Rejected> {
    name::require("PutWfSpecRequest", &request.name)?;
    let allowed_updates = request.allowed_updates;
    let latest = definitions.wf_spec(&request.name, None, None);
    let (mut spec, is_breaking) = check(request, latest.as_ref(), definitions)
        .map_err(|reason| Rejected::invalid(format!("PutWfSpecRequest is invalid: {reason}")))?;
    if let Some(stored) = latest {
        if equals(&spec, &stored) {
            return Ok(internal::CheckedWfSpec { wf_spec: Some(stored), unchanged: true, seen: Vec::new() });
        }
        require_allowed(allowed_updates, is_breaking)?;
    }
    spec.created_at = Some(timestamp(now_ms));
    Ok(internal::CheckedWfSpec { wf_spec: Some(spec), unchanged: false, seen: Vec::new() })
}

/// Steps 1 and 3 to 8; answers the WfSpec as it would be stored, without its time, and whether it breaks `latest`.
fn check(
    mut request: pb::PutWfSpecRequest,
    latest: Option<&pb::WfSpec>,
    definitions: &dyn Definitions,
) -> Result<(pb::WfSpec, bool), Reason> {
    let references = shape::require_complete(&mut request.thread_specs)?;
    if !request.thread_specs.contains_key(&request.entrypoint_thread_name) {
        return Err(format!("unknown entrypoint thread {}", request.entrypoint_thread_name));
    }
    variables::settle(&mut request.thread_specs, request.parent_wf_spec.as_ref(), definitions)?;
    variables::require_declared(&request.thread_specs, &references)?;
    settle::settle(&mut request.thread_specs, definitions)?;
    require_threads(&request, &references, definitions)?;
    let mut spec = pb::WfSpec {
        id: None,
        created_at: None,
        frozen_variables: Vec::new(),
        status: pb::MetadataStatus::Active as i32,
        thread_specs: request.thread_specs,
        entrypoint_thread_name: request.entrypoint_thread_name,
        retention_policy: request.retention_policy,
        migration: None,
        parent_wf_spec: request.parent_wf_spec,
    };
    spec.frozen_variables = version::frozen(&spec, latest)?;
    let is_breaking = latest.is_some_and(|latest| version::is_breaking(&spec, latest, definitions));
    spec.id = Some(version::next(&request.name, latest, is_breaking));
    if let Some(parent) = &spec.parent_wf_spec {
        variables::find_parent(parent, definitions)?;
    }
    Ok((spec, is_breaking))
}

fn require_threads(
    request: &pb::PutWfSpecRequest,
    references: &ReferencesByNode,
    definitions: &dyn Definitions,
) -> Result<(), Reason> {
    thread::require_all(&SpecView::new(&request.thread_specs, definitions), references)
}

/// Equality for idempotency (V-2): everything but number, time and the order of the frozen variables.
fn equals(spec: &pb::WfSpec, stored: &pb::WfSpec) -> bool {
    let mut stored = stored.clone();
    stored.id = spec.id.clone();
    stored.created_at = spec.created_at;
    let mut frozen: Vec<Vec<u8>> = Vec::new();
    for variables in [&mut stored.frozen_variables, &mut spec.frozen_variables.clone()] {
        let mut encoded: Vec<Vec<u8>> =
            variables.drain(..).map(|variable| prost::Message::encode_to_vec(&variable)).collect();
        encoded.sort();
        frozen.push(encoded.concat());
    }
    frozen[0] == frozen[1] && same(&pb::WfSpec { frozen_variables: Vec::new(), ..spec.clone() }, &stored)
}

fn require_allowed(allowed_updates: i32, is_breaking: bool) -> Result<(), Rejected> {
    match pb::AllowedUpdateType::try_from(allowed_updates) {
        Ok(pb::AllowedUpdateType::AllUpdates) => Ok(()),
        Ok(pb::AllowedUpdateType::MinorRevisionUpdates) if is_breaking => {
            Err(Rejected::new(Code::FailedPrecondition, "The resulting WfSpec has a breaking change."))
        }
        Ok(pb::AllowedUpdateType::MinorRevisionUpdates) => Ok(()),
        Ok(pb::AllowedUpdateType::NoUpdates) => Err(Rejected::new(Code::AlreadyExists, "WfSpec already exists.")),
        Err(_) => {
            Err(Rejected::invalid(format!("PutWfSpecRequest is invalid: unknown allowed_updates {allowed_updates}")))
        }
    }
}
