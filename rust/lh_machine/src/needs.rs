//! Which records must be in memory before a command is applied.

use crate::{
    Command, State,
    command::{correlated_event, delete_wf_run, from_shard, user_task},
    internal::{self, command::Kind},
    key, pb,
    run::{Run, TaskAt},
};

/// Keys of records that `command` touches and that the state does not know: the shard fetches them (from the set
/// being flushed, else from the store), calls [`State::insert`], and asks again: what a run needs is known with the run.
///
/// `claims_before` is the number of claims of the same queue that precede this command in its batch.
pub fn needs(state: &State, command: &Command, claims_before: usize) -> Vec<Vec<u8>> {
    let mut keys = named(state, command, claims_before);
    let ahead: Vec<_> = keys.iter().filter(|key| key::is_run(key)).flat_map(|key| state.keys_ahead(key)).collect();
    keys.extend(ahead);
    keys.retain(|key| !state.knows(key));
    keys
}

/// Keys of the records that the command is about, known or not.
fn named(state: &State, command: &Command, claims_before: usize) -> Vec<Vec<u8>> {
    let tenant = &command.tenant;
    let mut keys = Vec::new();
    match &command.kind {
        Some(Kind::RunWf(run_wf)) => {
            keys.extend(run_wf.request.iter().flat_map(|request| started(tenant, request, run_wf.id_is_generated)))
        }
        Some(Kind::ReportTask(report)) => {
            keys.extend(line(tenant, report.task_run_id.as_ref().and_then(|id| id.wf_run_id.as_ref())));
            let at = report.task_run_id.as_ref().and_then(|id| TaskAt::parse(&id.task_guid));
            let run = keys.first().and_then(|run_key| state.run(run_key));
            keys.extend(at.and_then(|at| spilled(run, at.place)));
        }
        Some(Kind::UnclaimTask(unclaim)) => {
            let id = unclaim.task_run_id.as_ref().and_then(|id| id.wf_run_id.as_ref());
            keys.extend(id.map(|id| key::run(tenant, id)));
        }
        Some(Kind::TimerDue(timer)) => {
            keys.extend(line(tenant, timer.wf_run_id.as_ref()));
            let run = keys.first().and_then(|key| state.run(key));
            if let Some(from) = run.and_then(|run| delete_wf_run::due(run, timer.due_ms)) {
                keys.extend(run.into_iter().flat_map(|run| delete_wf_run::spilled(run, from)));
            }
        }
        Some(Kind::DeleteWfRun(request)) => {
            keys.extend(line(tenant, request.id.as_ref()));
            let run = keys.first().and_then(|key| state.run(key));
            keys.extend(run.into_iter().flat_map(|run| delete_wf_run::spilled(run, delete_wf_run::FIRST)));
        }
        Some(Kind::StopWfRun(pb::StopWfRunRequest { wf_run_id, .. }))
        | Some(Kind::ResumeWfRun(pb::ResumeWfRunRequest { wf_run_id, .. }))
        | Some(Kind::RescueThreadRun(pb::RescueThreadRunRequest { wf_run_id, .. }))
        | Some(Kind::PutExternalEvent(pb::PutExternalEventRequest { wf_run_id, .. })) => {
            keys.extend(line(tenant, wf_run_id.as_ref()));
        }
        Some(Kind::PutCheckpoint(request)) => {
            let id = request.task_run_id.as_ref().and_then(|id| id.wf_run_id.as_ref());
            keys.extend(id.map(|id| key::run(tenant, id)));
        }
        Some(Kind::UserTask(command)) => {
            if let Some((run_key, wf_run_id, place)) = user_task::target(tenant, command) {
                keys.extend(spilled(state.run(&run_key), place));
                keys.extend(line(tenant, Some(&wf_run_id)));
            }
        }
        Some(Kind::ClaimTask(claim)) => {
            let entry = state.queues.nth(tenant, &claim.task_def_name, claims_before);
            let id = entry.and_then(|entry| entry.wf_run_id.as_ref());
            keys.extend(id.map(|id| key::run(tenant, id)));
        }
        Some(Kind::PutCorrelatedEvent(request)) => {
            let definition = request.external_event_def_id.as_ref().map_or("", |id| &id.name);
            keys.push(key::run(tenant, &correlated_event::record_id(definition, &request.key)));
        }
        Some(Kind::DeleteCorrelatedEvent(request)) => {
            keys.extend(request.id.as_ref().map(|id| correlated_event::record_key(tenant, id)));
        }
        Some(Kind::FromShard(message)) => keys.extend(told(tenant, message)),
        Some(
            Kind::MetaWrite(_)
            | Kind::DefinitionsArrived(_)
            | Kind::OutboxAcknowledged(_)
            | Kind::RegisterTaskWorker(_),
        )
        | None => {}
    }
    keys
}

/// Keys of a run that shall start under an id that may be taken, and of all runs above it.
fn started(tenant: &str, request: &pb::RunWfRequest, id_is_generated: bool) -> Vec<Vec<u8>> {
    let parent = request.parent_wf_run_id.as_ref();
    let mut keys = line(tenant, parent);
    if !id_is_generated {
        let id = request.id.clone().unwrap_or_default();
        keys.push(key::run(tenant, &pb::WfRunId { id, parent_wf_run_id: parent.cloned().map(Box::new) }));
    }
    keys
}

/// Key of the record that a NodeRun has to itself; none while it is in the record of its run.
fn spilled(run: Option<&Run>, place: (i32, i32)) -> Option<Vec<u8>> {
    run.filter(|run| run.has_spilled(place)).map(|run| run.node_key(place))
}

/// Keys of what a message of another shard is about.
fn told(tenant: &str, message: &internal::FromShard) -> Vec<Vec<u8>> {
    match from_shard::target(message) {
        Some(from_shard::Target::Correlation(id)) => vec![correlated_event::record_key(tenant, id)],
        Some(from_shard::Target::Run(id)) => line(tenant, Some(id)),
        None => Vec::new(),
    }
}

/// Keys of a run and of all runs above it: what happens to a child can move its ancestors (03/E-484, E-805).
fn line(tenant: &str, id: Option<&pb::WfRunId>) -> Vec<Vec<u8>> {
    let mut keys = Vec::with_capacity(1);
    let mut at = id;
    while let Some(id) = at {
        keys.push(key::run(tenant, id));
        at = id.parent_wf_run_id.as_deref();
    }
    keys
}
