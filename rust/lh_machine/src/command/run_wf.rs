//! RunWf: a new WfRun, advanced within the same command (spec 03 section 2).

use crate::{
    Code, Rejected, Reply, Stamp, State, internal, key,
    mutants::{self, Mutant},
    pb,
    run::{advance, events, family, start},
    state::RECORD_BYTES_MAX,
};

/// Checks in the order of 03 section 2.2, then starts thread 0 and advances.
pub fn apply(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    command: &internal::RunWf,
    effects: &mut crate::Effects,
) -> Result<Reply, Rejected> {
    let request = command.request.as_ref().ok_or_else(|| Rejected::invalid("The request is empty."))?;
    let (spec, id) = check(state, tenant, request)?;
    let definitions = state.definitions.of(tenant);
    let values =
        start::initial_values(&spec, &spec.wf_spec.entrypoint_thread_name, request.variables.clone(), &definitions)?;
    let run_key = key::run(tenant, &id);
    let unborn = state.take_unborn(&run_key);
    let below = match &unborn {
        Some(unborn) => unborn.children.clone(),
        None => state.take_grave(&run_key),
    };
    let mut context = state.family_context(tenant, &id, stamp, effects);
    let below = match context.family.change_parent(tenant, &id) {
        Some(parent) => family::note_child(parent, &id.id),
        None => below,
    };
    let mut run = Box::new(start::new_run(tenant, id, spec, stamp.now_ms));
    run.adopt(below);
    if let Some(unborn) = unborn {
        events::take_over(&mut run, *unborn);
    }
    let thread_name = run.spec.wf_spec.entrypoint_thread_name.clone();
    start::start_thread(&mut run, &thread_name, pb::ThreadType::Entrypoint, None, values, &mut context);
    let run = advance::advance(run, &mut context);
    let reply = Reply::WfRun(Box::new(run.wf_run.clone()));
    let family = context.family;
    state.settle(run, family);
    Ok(reply)
}

fn check(
    state: &State,
    tenant: &str,
    request: &pb::RunWfRequest,
) -> Result<(std::sync::Arc<crate::spec::Spec>, pb::WfRunId), Rejected> {
    if request.wf_spec_name.is_empty() {
        return Err(Rejected::invalid("Missing required argument 'wf_spec_name'."));
    }
    let id = request.id.clone().unwrap_or_default();
    if !crate::check::name::is_name(&id) {
        return Err(Rejected::invalid(format!(
            "WfRun id '{id}' must be a valid hostname: letters, digits, inner hyphens."
        )));
    }
    let bytes = prost::Message::encoded_len(request);
    if bytes > RECORD_BYTES_MAX {
        let text = format!("The request has {bytes} bytes; a stored object can have {RECORD_BYTES_MAX}.");
        return Err(Rejected::new(Code::ResourceExhausted, text));
    }
    let spec = state
        .definitions
        .wf_spec(tenant, &request.wf_spec_name, request.major_version, request.revision)
        .ok_or_else(|| Rejected::not_found(format!("Couldn't find specified WfSpec {}.", request.wf_spec_name)))?;
    let run_id = pb::WfRunId { id, parent_wf_run_id: request.parent_wf_run_id.clone().map(Box::new) };
    if state.has_run(&key::run(tenant, &run_id)) && !mutants::is_on(Mutant::StartTwice) {
        let shown = key::path(&run_id).join("_");
        return Err(Rejected::new(Code::AlreadyExists, format!("WfRun with id {shown} already exists!")));
    }
    check_parent(state, tenant, request, &spec.wf_spec)?;
    if let Some(what) = &spec.not_built {
        let text = format!("WfSpec {} uses {what}, which this server cannot run yet.", request.wf_spec_name);
        return Err(Rejected::new(Code::Unimplemented, text));
    }
    Ok((spec, run_id))
}

fn check_parent(state: &State, tenant: &str, request: &pb::RunWfRequest, wf_spec: &pb::WfSpec) -> Result<(), Rejected> {
    match (&wf_spec.parent_wf_spec, &request.parent_wf_run_id) {
        (None, None) => Ok(()),
        (Some(parent), None) => Err(Rejected::invalid(format!(
            "The WfSpec is a child of WfSpec {}: parent_wf_run_id must be given.",
            parent.wf_spec_name
        ))),
        (None, Some(_)) => Err(Rejected::invalid("The WfSpec has no parent WfSpec: parent_wf_run_id cannot be given.")),
        (Some(parent), Some(parent_id)) => {
            let shown = key::path(parent_id).join("_");
            let run = state.run(&key::run(tenant, parent_id)).ok_or_else(|| {
                Rejected::new(Code::FailedPrecondition, format!("Parent WfRun {shown} does not exist."))
            })?;
            let name = run.wf_run.wf_spec_id.as_ref().map(|id| id.name.as_str()).unwrap_or_default();
            if name == parent.wf_spec_name {
                Ok(())
            } else {
                Err(Rejected::invalid(format!(
                    "Parent WfRun {shown} is of WfSpec {name}, not of {}.",
                    parent.wf_spec_name
                )))
            }
        }
    }
}
