//! Events posted ahead to the id of a child run (05/E-19): the nearest run above is told of them, so that whoever starts the
//! child finds them.

use crate::{
    State, key,
    pb::WfRunId,
    run::family::{self, Children},
};

/// The nearest id above that has a run, else the root, with the number of ids from the root to it.
pub(super) fn nearest_above<'a>(state: &State, tenant: &str, id: &'a WfRunId) -> Option<(&'a WfRunId, usize)> {
    let mut depth = key::path(id).len();
    let mut at = id.parent_wf_run_id.as_deref()?;
    loop {
        depth -= 1;
        match at.parent_wf_run_id.as_deref() {
            Some(above) if !state.has_run(&key::run(tenant, at)) => at = above,
            _ => return Some((at, depth)),
        }
    }
}

/// Changes what is known of the runs below an id that has no run.
pub(super) fn change_children(state: &mut State, key: &[u8], change: impl FnOnce(&mut Children)) {
    match state.take_unborn(key) {
        Some(mut unborn) => {
            let mut children = std::mem::take(&mut unborn.children);
            change(&mut children);
            unborn.adopt(children);
            state.put_run(unborn);
        }
        None => {
            let mut children = state.take_grave(key);
            change(&mut children);
            state.bury(key, children);
        }
    }
}

/// Tells the nearest run above, or keeps in its place, that events wait for this id, or that none are left.
pub(super) fn note(state: &mut State, tenant: &str, id: &WfRunId, ahead: bool) {
    let Some((above, depth)) = nearest_above(state, tenant, id) else { return };
    let path = key::path(id);
    let change = |children: &mut Children| family::note_ahead(children, &path[depth..], ahead);
    let above_key = key::run(tenant, above);
    match state.take_run(&above_key) {
        Some(mut run) => {
            change(&mut run.children);
            run.has_ahead |= ahead;
            state.put_run(run);
        }
        None => change_children(state, &above_key, change),
    }
}
