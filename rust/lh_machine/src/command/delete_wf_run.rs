//! DeleteWfRun: a run with all its records and index entries goes, in parts if it is large (03/E-941..944).

use super::ahead;
use crate::{
    Effects, Stamp, State, index,
    internal::{ChildRun, Deadline, NodeRecord, deadline::Kind},
    key,
    mutants::{self, Mutant},
    pb::{self, LhStatus},
    run::{
        Run, advance, correlation, deadline,
        family::{self, Children},
        is_terminal, task_at,
    },
};

/// Most NodeRuns and WorkflowEvents that one command deletes; the wake-up for the rest is due at once.
pub const DELETES_MAX: usize = 1000;

/// The place before all places.
pub const FIRST: (i32, i32) = (0, 0);

/// Behind the NodeRuns of all threads come the WorkflowEvents, each with its place among those thrown as its position.
const THROWN: i32 = i32::MAX;

/// Deletes the run, whatever its status; one that does not exist is fine (03/E-941).
pub fn apply(state: &mut State, stamp: &Stamp, tenant: &str, request: &pb::DeleteWfRunRequest, effects: &mut Effects) {
    let Some(run) = request.id.as_ref().and_then(|id| state.take_run(&key::run(tenant, id))) else { return };
    delete(state, stamp, run, FIRST, effects);
}

/// From which place on the run is to be deleted because the wake-up of `due_ms` came: its time is over, or its
/// deletion has begun.
pub fn due(run: &Run, due_ms: i64) -> Option<(i32, i32)> {
    if run.armed_ms != due_ms {
        return None;
    }
    let due = run.deadlines.iter().filter(|deadline| deadline.due_ms <= due_ms);
    due.filter_map(|deadline| match deadline.kind {
        Some(Kind::Retention(_)) if run.is_terminal() => Some(FIRST),
        Some(Kind::Delete(_)) => Some((deadline.thread_run_number, deadline.position)),
        _ => None,
    })
    .max()
}

/// Keys of the records that the next deletion must see, because they are not in the run's own record.
pub fn spilled(run: &Run, from: (i32, i32)) -> Vec<Vec<u8>> {
    let id = run.id();
    let spilled = |place: (i32, i32)| {
        if place.0 != THROWN {
            return (!run.nodes.contains_key(&place)).then(|| key::node(&run.tenant, &id, place.0, place.1));
        }
        let (definition, number) = run.events.thrown_at(place.1)?;
        let is_kept = run.events.workflow(definition, number).is_some();
        (!is_kept).then(|| key::thrown(&run.tenant, &id, definition, number))
    };
    places(run, from).filter_map(spilled).collect()
}

/// The places that one command deletes. Which of them have records of their own differs between replicas, so it does not
/// count.
fn places(run: &Run, from: (i32, i32)) -> impl Iterator<Item = (i32, i32)> + use<> {
    let mut threads: Vec<(i32, i32)> =
        run.every_thread().map(|thread| (thread.number, thread.current_node_position)).collect();
    threads.sort_unstable();
    let thrown = if from.0 == THROWN { from.1 } else { 0 }..run.events.thrown_total() as i32;
    let rest = threads.into_iter().filter(move |(number, _)| *number >= from.0);
    rest.flat_map(move |(number, last)| {
        let first = if number == from.0 { from.1 } else { 0 };
        (first..=last).map(move |position| (number, position))
    })
    .chain(thrown.map(|position| (THROWN, position)))
    .take(DELETES_MAX)
}

/// Deletes what is left of the run from a place on, or as much of it as one command may.
pub(super) fn delete(state: &mut State, stamp: &Stamp, mut run: Box<Run>, from: (i32, i32), effects: &mut Effects) {
    let id = run.id();
    let doomed: Vec<(i32, i32)> = places(&run, from).collect();
    for place in &doomed {
        if place.0 == THROWN {
            delete_thrown(state, &mut run, place.1);
            continue;
        }
        if let Some(record) = run.nodes.remove(place) {
            delete_checkpoints(state, &run, &record);
            // Its index entries are among those of the run.
            continue;
        }
        let key = key::node(&run.tenant, &id, place.0, place.1);
        let Some(record) = state.take_spilled(&key) else { continue };
        for (entry, _) in index::of_node(&run, &record) {
            state.writes.insert(entry, None);
        }
        delete_checkpoints(state, &run, &record);
        state.writes.insert(key, None);
    }
    if let Some(last) = doomed.last().filter(|_| doomed.len() == DELETES_MAX) {
        let next = (last.0, last.1 + 1);
        go_on_later(&mut run, next, stamp.now_ms);
        let mut context = state.context(stamp, effects);
        // The wake-up that brought this command here is used up, although the run still says that it is armed.
        deadline::disarm(&mut run, &mut context);
        deadline::rearm(&mut run, &mut context);
        state.put_run(run);
        return;
    }
    let mut context = state.context(stamp, effects);
    deadline::disarm(&mut run, &mut context);
    correlation::leave_all(&mut run, &mut context);
    let leaves_index = mutants::is_on(Mutant::IndexLeftByDelete);
    for entry in run.stored.index.iter().filter(|_| !leaves_index) {
        context.writes.insert(entry.clone(), None);
    }
    let left: Vec<ChildRun> = std::mem::take(&mut run.children).into_values().collect();
    if id.parent_wf_run_id.is_some() {
        state.bury(&run.key, Children::new());
        forget(state, stamp, &run.tenant, &id, left, effects);
    } else {
        state.bury(&run.key, family::by_id(left));
    }
}

/// The nearest run above that is left forgets the run; a node that waits for it fails (03/E-491).
fn forget(
    state: &mut State,
    stamp: &Stamp,
    tenant: &str,
    id: &pb::WfRunId,
    left: Vec<ChildRun>,
    effects: &mut Effects,
) {
    let Some((above, depth)) = ahead::nearest_above(state, tenant, id) else { return };
    let ids = key::path(id);
    let above_key = key::run(tenant, above);
    let Some(mut ancestor) = state.take_run(&above_key) else {
        return ahead::change_children(state, &above_key, |children| family::forget(children, &ids[depth..], left));
    };
    let mut children = std::mem::take(&mut ancestor.children);
    family::forget(&mut children, &ids[depth..], left);
    ancestor.adopt(children);
    let mut context = state.family_context(tenant, above, stamp, effects);
    let ancestor = advance::advance(ancestor, &mut context);
    let family = context.family;
    state.settle(ancestor, family);
}

/// Deletes the WorkflowEvent at this place among those thrown.
fn delete_thrown(state: &mut State, run: &mut Run, ordinal: i32) {
    let Some((definition, number)) = run.events.thrown_at(ordinal) else { return };
    let (definition, id) = (definition.to_owned(), run.id());
    if run.events.remove_thrown(&definition, number).is_some() {
        // Its index entry is among those of the run.
        return;
    }
    let key = key::thrown(&run.tenant, &id, &definition, number);
    let Some(event) = state.take_thrown(&key) else { return };
    if let Some((entry, _)) = index::of_thrown(run, &event) {
        state.writes.insert(entry, None);
    }
    state.writes.insert(key, None);
}

/// The checkpoints of a NodeRun's tasks go with it (04/TW-67).
fn delete_checkpoints(state: &mut State, run: &Run, record: &NodeRecord) {
    let id = run.id();
    for task_run in task_at::all(record) {
        let guid = task_run.id.as_ref().map_or("", |id| &id.task_guid);
        for number in 0..task_run.total_checkpoints {
            state.writes.insert(key::checkpoint(&run.tenant, &id, guid, number), None);
        }
    }
}

/// Nothing of the run moves any more, so that no new NodeRuns appear behind the deletion.
fn go_on_later(run: &mut Run, next: (i32, i32), now_ms: i64) {
    for thread in &mut run.wf_run.thread_runs {
        if !is_terminal(thread.status()) {
            thread.set_status(LhStatus::Halted);
            let reason = pb::thread_halt_reason::Reason::ManualHalt(pb::ManualHalt { meaning_of_life: true });
            thread.halt_reasons = vec![pb::ThreadHaltReason { reason: Some(reason) }];
        }
    }
    run.queued.clear();
    run.wf_run.thread_run_queue.clear();
    run.deadlines.clear();
    let kind = Some(Kind::Delete(crate::internal::deadline::Delete {}));
    run.deadlines.push(Deadline { due_ms: now_ms, thread_run_number: next.0, position: next.1, kind });
}
