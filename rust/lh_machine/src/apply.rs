//! The only door: no await, no clock, no I/O. Same state, stamp and command: same effects.

use crate::{
    Command, Effects, Rejected, Reply, Stamp, State,
    command::{
        claim_task, correlated_event, definitions_arrived, delete_wf_run, from_shard, meta_write, put_checkpoint,
        put_external_event, register_task_worker, report_task, rescue_thread_run, resume_wf_run, run_wf, stop_wf_run,
        timer_due, unclaim_task, user_task,
    },
    internal::command::Kind,
    outbox,
};

/// Applies one command of a batch. A rejected command leaves the state untouched and fills only `reply`.
///
/// Everything that [`crate::needs`] named must have been inserted before.
pub fn apply(state: &mut State, stamp: &Stamp, command: &Command) -> Effects {
    let mut effects = Effects::default();
    state.note_time(stamp);
    let tenant = &command.tenant;
    let outcome = match &command.kind {
        Some(Kind::RunWf(command)) => run_wf::apply(state, stamp, tenant, command, &mut effects),
        Some(Kind::ReportTask(report)) => report_task::apply(state, stamp, tenant, report, &mut effects),
        Some(Kind::ClaimTask(command)) => {
            claim_task::apply(state, stamp, tenant, command, &mut effects);
            Ok(Reply::Empty)
        }
        Some(Kind::UnclaimTask(command)) => {
            unclaim_task::apply(state, stamp, tenant, command, &mut effects);
            Ok(Reply::Empty)
        }
        Some(Kind::TimerDue(command)) => {
            timer_due::apply(state, stamp, tenant, command, &mut effects);
            Ok(Reply::Empty)
        }
        Some(Kind::MetaWrite(command)) => meta_write::apply(state, tenant, command, &mut effects),
        Some(Kind::DefinitionsArrived(command)) => definitions_arrived::apply(state, command),
        Some(Kind::OutboxAcknowledged(command)) => {
            outbox::acknowledged(state, command);
            Ok(Reply::Empty)
        }
        Some(Kind::RegisterTaskWorker(command)) => register_task_worker::apply(state, stamp, tenant, command),
        Some(Kind::StopWfRun(request)) => stop_wf_run::apply(state, stamp, tenant, request, &mut effects),
        Some(Kind::ResumeWfRun(request)) => resume_wf_run::apply(state, stamp, tenant, request, &mut effects),
        Some(Kind::RescueThreadRun(request)) => rescue_thread_run::apply(state, stamp, tenant, request, &mut effects),
        Some(Kind::DeleteWfRun(request)) => {
            delete_wf_run::apply(state, stamp, tenant, request, &mut effects);
            Ok(Reply::Empty)
        }
        Some(Kind::PutExternalEvent(request)) => put_external_event::apply(state, stamp, tenant, request, &mut effects),
        Some(Kind::PutCheckpoint(request)) => put_checkpoint::apply(state, stamp, tenant, request, &mut effects),
        Some(Kind::UserTask(command)) => user_task::apply(state, stamp, tenant, command, &mut effects),
        Some(Kind::PutCorrelatedEvent(request)) => correlated_event::put(state, stamp, tenant, request, &mut effects),
        Some(Kind::DeleteCorrelatedEvent(request)) => {
            correlated_event::delete(state, stamp, tenant, request, &mut effects);
            Ok(Reply::Empty)
        }
        Some(Kind::FromShard(command)) => {
            from_shard::apply(state, stamp, tenant, command, &mut effects);
            Ok(Reply::Empty)
        }
        None => Err(Rejected::invalid("The command is empty.")),
    };
    outbox::send_unsent(state, &mut effects);
    debug_assert!(
        outcome.is_ok() || (effects.timers.is_empty() && effects.tasks.is_empty() && effects.outbox.is_empty()),
        "a rejected command has no effects"
    );
    effects.reply = Some(outcome);
    effects
}
