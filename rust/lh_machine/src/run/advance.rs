//! Passes and steps: how far a run gets within one command (spec 03 section 4).

use std::collections::BTreeMap;

use super::{Run, correlation, failure, family, finish, halt, handler, interrupt, room, timestamp, watch};
use crate::{
    node::{self, Progress},
    pb,
    state::Context,
};

/// Most passes per run and command; the next one fails thread 0 (03/E-307).
pub const PASSES_MAX: usize = 512;

/// Advances the run until nothing changes, then the runs around it that this has to do with: new ones, and parents
/// whose child ended or wrote one of their variables. Each has its own budget of passes.
pub fn advance(mut run: Box<Run>, context: &mut Context<'_>) -> Box<Run> {
    let mut passes = 0;
    advance_one(&mut run, &mut passes, context);
    if context.family.is_quiet() {
        return run;
    }
    let own_key = run.key.clone();
    let mut budgets = BTreeMap::from([(own_key.clone(), passes)]);
    let mut own = Some(run);
    loop {
        if let Some(run) = own.take() {
            context.family.join(run);
        }
        let Some(mut next) = context.family.take_due() else { break };
        let passes = budgets.entry(next.key.clone()).or_insert(0);
        advance_one(&mut next, passes, context);
        context.family.join(next);
    }
    // The run that was joined above is always there.
    context.family.take(&own_key).unwrap_or_else(|| unreachable!("a run leaves its family only here"))
}

/// Advances one run by passes until one changes nothing, then brings its wake-up up to date and its parent.
fn advance_one(run: &mut Run, passes: &mut usize, context: &mut Context<'_>) {
    loop {
        if *passes >= PASSES_MAX {
            failure::fail_tight_loop(run, context);
            break;
        }
        if !pass(run, context) {
            break;
        }
        *passes += 1;
        run.moved_ms = run.moved_ms.max(context.now_ms);
        if context.family.has_due_below(&run.key) {
            context.family.again(run.key.clone());
            return;
        }
    }
    room::archive_expired(run, context.now_ms);
    node::user_task::cancel_stranded(run, context);
    halt::show_in_status(run);
    correlation::register(run, context);
    super::deadline::rearm(run, context);
    watch::tell_children(run, context);
    family::tell_parent(run, &mut context.family);
}

/// One pass (03/E-301): queued threads start while there is room, then interrupt handlers and failure handlers whose thread
/// is quiet, then each active ThreadRun gets one step, in creation order, those created in this pass included.
fn pass(run: &mut Run, context: &mut Context<'_>) -> bool {
    room::relieve(run);
    let mut changed = room::drain(run, context);
    changed |= interrupt::start_pending(run, context);
    changed |= handler::start_pending(run, context);
    run.cursor = 0;
    while run.cursor < run.wf_run.thread_runs.len() {
        let index = run.cursor;
        run.cursor += 1;
        changed |= step(run, index, context);
    }
    changed
}

/// One step of a ThreadRun (03/E-302): at most one node is activated.
fn step(run: &mut Run, thread_index: usize, context: &mut Context<'_>) -> bool {
    let thread = &run.wf_run.thread_runs[thread_index];
    let place = (thread.number, thread.current_node_position);
    match thread.status() {
        pb::LhStatus::Running => {}
        pb::LhStatus::Halting => return halt::settle(run, place.0),
        pb::LhStatus::Halted => return halt::release(run, place.0, context),
        _ => return false,
    }
    match node::progress(run, place, context) {
        Progress::Waiting => false,
        Progress::Failed(failure) => {
            failure::fail_node(run, place, failure, context);
            true
        }
        Progress::Handled => {
            finish::pass_handled_failure(run, place, context);
            true
        }
        Progress::Finished { output, end_ms } => {
            finish::finish_node(run, place, output, end_ms, context);
            true
        }
    }
}

/// Enters a node; a failure of the arrival is one of the new NodeRun (03/E-304).
pub fn activate(run: &mut Run, thread: i32, node_name: &str, context: &mut Context<'_>) {
    if let Err(failure) = enter(run, thread, node_name, context)
        && let Some(place) = run.place_of(thread)
    {
        failure::fail_node(run, place, failure, context);
    }
}

/// A new NodeRun at the next position, then the arrival action of its kind.
///
/// # Errors
/// The failure of the arrival, not yet noted anywhere.
pub fn enter(run: &mut Run, thread: i32, node_name: &str, context: &mut Context<'_>) -> Result<(), pb::Failure> {
    let id = run.id();
    let Some(thread) = run.thread_mut(thread) else { return Ok(()) };
    thread.current_node_position += 1;
    let place = (thread.number, thread.current_node_position);
    let mut node_run = pb::NodeRun {
        id: Some(pb::NodeRunId { wf_run_id: Some(id), thread_run_number: place.0, position: place.1 }),
        wf_spec_id: thread.wf_spec_id.clone(),
        arrival_time: Some(timestamp(context.now_ms)),
        thread_spec_name: thread.thread_spec_name.clone(),
        node_name: node_name.to_owned(),
        ..pb::NodeRun::default()
    };
    node_run.set_status(pb::LhStatus::Running);
    let record = crate::internal::NodeRecord { node_run: Some(node_run), ..Default::default() };
    run.nodes.insert(place, Box::new(record));
    node::arrive(run, place, context)
}
