//! A run as reads see it: from memory if it is there, else from its fetched record.

use std::collections::BTreeMap;

use super::{Fetched, Stop};
use crate::{Code, Rejected, State, internal, key, pb, run::record, state::Corrupt};

/// Public parts of a run.
pub(super) struct View<'a> {
    state: &'a State,
    pub(super) wf_run: &'a pb::WfRun,
    pub(super) nodes: BTreeMap<(i32, i32), &'a internal::NodeRecord>,
    pub(super) variables: Vec<&'a pb::Variable>,
    pub(super) archived: Vec<&'a pb::ThreadRun>,
    pub(super) queued: Vec<&'a internal::QueuedThread>,
    pub(super) children: BTreeMap<&'a str, &'a internal::ChildRun>,
}

/// Calls `see` with the view of a run; `Need` if its record must be fetched first, `NOT_FOUND` if there is none.
pub(super) fn with_run<T>(
    state: &State,
    tenant: &str,
    id: &pb::WfRunId,
    fetched: &Fetched,
    see: impl FnOnce(View<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let run_key = key::run(tenant, id);
    if let Some(run) = state.run(&run_key) {
        let nodes = run.nodes.iter().map(|(place, record)| (*place, record.as_ref())).collect();
        let children = run.children.iter().map(|(id, child)| (id.as_str(), child)).collect();
        let variables = run.variables.values().collect();
        let (archived, queued) = (run.archived.values().collect(), run.queued.values().collect());
        return see(View { state, wf_run: &run.wf_run, nodes, variables, archived, queued, children });
    }
    if state.is_gone(&run_key) || state.with_events(&run_key).is_some() {
        return Err(not_found("WfRun", &key::path(id).join("_")));
    }
    match fetched.get(&run_key) {
        None => Err(Stop::Need(vec![run_key])),
        Some(None) => Err(not_found("WfRun", &key::path(id).join("_"))),
        Some(Some(value)) => {
            let record = record::decode(value).map_err(corrupt)?;
            if record.spec_uid == 0 {
                return Err(not_found("WfRun", &key::path(id).join("_")));
            }
            let wf_run = record.wf_run.as_ref().ok_or_else(|| not_found("WfRun", &key::path(id).join("_")))?;
            let nodes = record.nodes.iter().filter_map(|node| Some((place(node)?, node))).collect();
            let children = record.children.iter().map(|child| (child.id.as_str(), child)).collect();
            let (archived, queued) = (record.archived.iter().collect(), record.queued.iter().collect());
            let variables = record.variables.iter().collect();
            see(View { state, wf_run, nodes, variables, archived, queued, children })
        }
    }
}

fn place(node: &internal::NodeRecord) -> Option<(i32, i32)> {
    let id = node.node_run.as_ref()?.id.as_ref()?;
    Some((id.thread_run_number, id.position))
}

/// Records of NodeRuns: kept ones from the view, spilled ones from a flush set on its way or from what was fetched; `Need`
/// if any is missing.
pub(super) fn nodes_at(
    view: &View<'_>,
    tenant: &str,
    places: &[(i32, i32)],
    fetched: &Fetched,
) -> Result<Vec<internal::NodeRecord>, Stop> {
    let id = view.wf_run.id.clone().unwrap_or_default();
    let mut records = Vec::with_capacity(places.len());
    let mut missing = Vec::new();
    for place in places {
        if let Some(record) = view.nodes.get(place) {
            records.push((*record).clone());
            continue;
        }
        let node_key = key::node(tenant, &id, place.0, place.1);
        if let Some(record) = view.state.leaving(&node_key) {
            records.push(record.clone());
            continue;
        }
        match fetched.get(&node_key) {
            None => missing.push(node_key),
            Some(Some(value)) => records.push(record::decode_node(value).map_err(corrupt)?),
            Some(None) => {}
        }
    }
    if missing.is_empty() { Ok(records) } else { Err(Stop::Need(missing)) }
}

/// Every place a ThreadRun of the run has visited, by thread and position.
pub(super) fn places<'a>(view: &View<'a>, thread: Option<i32>) -> impl Iterator<Item = (i32, i32)> + use<'a> {
    let mut threads: Vec<(i32, i32)> = view
        .wf_run
        .thread_runs
        .iter()
        .chain(view.archived.iter().copied())
        .filter(|run| thread.is_none_or(|number| number == run.number))
        .map(|run| (run.number, run.current_node_position))
        .collect();
    threads.sort_unstable();
    threads.into_iter().flat_map(|(number, last)| (0..=last).map(move |position| (number, position)))
}

pub(super) fn not_found(what: &str, id: &str) -> Stop {
    Stop::Refused(Rejected::not_found(format!("Couldn't find {what} {id}.")))
}

pub(super) fn corrupt(corrupt: Corrupt) -> Stop {
    Stop::Refused(Rejected::new(Code::Internal, corrupt.0))
}
