//! Pages of the NodeRuns, TaskRuns, UserTaskRuns and Variables of one WfRun (07/S-1..S-3, O-8).
//!
//! A bookmark names the next entry: thread and position (or name) after a marker byte of the list it belongs to; among the
//! TaskRuns of one NodeRun, the next one by its number.

use prost::Message;

use super::{
    Fetched, Stop,
    get::{public_node_run, public_variable},
    view::{View, nodes_at, places, with_run},
};
use crate::{Rejected, State, internal, node::task, pb, run::task_at};

/// Page size when the request names none (07/S-2).
const LIMIT_DEFAULT: usize = 100;
/// Most entries of one page; the shortened page carries a bookmark.
const LIMIT_MAX: usize = 1_000;

const MARK_NODE_RUNS: u8 = 1;
const MARK_TASK_RUNS: u8 = 2;
const MARK_VARIABLES: u8 = 3;
const MARK_USER_TASK_RUNS: u8 = 4;

pub(super) fn node_runs(
    state: &State,
    tenant: &str,
    request: &pb::ListNodeRunsRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = place_bookmark(request.bookmark.as_deref(), MARK_NODE_RUNS)?;
    let id = run_id(request.wf_run_id.as_ref())?;
    let page = with_run(state, tenant, id, fetched, |view| {
        let mut wanted = places(&view, request.thread_run_number).filter(|place| *place >= from);
        let page: Vec<_> = wanted.by_ref().take(limit).collect();
        let bookmark = wanted.next().map(|place| bookmark(MARK_NODE_RUNS, place));
        let results = nodes_at(&view, tenant, &page, fetched)?.into_iter().map(public_node_run).collect();
        Ok(pb::NodeRunList { results, bookmark })
    });
    empty_if_unknown(page)
}

pub(super) fn task_runs(
    state: &State,
    tenant: &str,
    request: &pb::ListTaskRunsRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = task_bookmark(request.bookmark.as_deref())?;
    let id = run_id(request.wf_run_id.as_ref())?;
    let page = with_run(state, tenant, id, fetched, |view| task_page(&view, tenant, from, limit, fetched));
    empty_if_unknown(page)
}

/// Walks the places in order until the page is full; kept nodes without TaskRun cost nothing, spilled ones are fetched
/// in chunks.
fn task_page(
    view: &View<'_>,
    tenant: &str,
    from: ((i32, i32), usize),
    limit: usize,
    fetched: &Fetched,
) -> Result<pb::TaskRunList, Stop> {
    let mut page = pb::TaskRunList::default();
    let wanted: Vec<_> = places(view, None)
        .filter(|place| *place >= from.0)
        .filter(|place| view.nodes.get(place).is_none_or(|record| task_at::all(record).next().is_some()))
        .collect();
    for chunk in wanted.chunks(limit) {
        for (place, record) in chunk.iter().zip(nodes_at(view, tenant, chunk, fetched)?) {
            let seen = if *place == from.0 { from.1 } else { 0 };
            for (number, task_run) in task_at::all(&record).enumerate().skip(seen) {
                if page.results.len() == limit {
                    let mut bytes = bookmark(MARK_TASK_RUNS, *place);
                    bytes.extend_from_slice(&(number as u32).to_be_bytes());
                    page.bookmark = Some(bytes);
                    return Ok(page);
                }
                page.results.push(task::masked(task_run.clone()));
            }
        }
    }
    Ok(page)
}

pub(super) fn user_task_runs(
    state: &State,
    tenant: &str,
    request: &pb::ListUserTaskRunRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = place_bookmark(request.bookmark.as_deref(), MARK_USER_TASK_RUNS)?;
    let id = run_id(request.wf_run_id.as_ref())?;
    let page = with_run(state, tenant, id, fetched, |view| {
        let mut page = pb::UserTaskRunList::default();
        let is_wanted = |record: &&internal::NodeRecord| record.user_task_run.is_some();
        let wanted: Vec<_> =
            places(&view, None).filter(|place| *place >= from && view.nodes.get(place).is_none_or(is_wanted)).collect();
        for chunk in wanted.chunks(limit) {
            let records = nodes_at(&view, tenant, chunk, fetched)?;
            for (place, task) in
                records.into_iter().filter_map(|record| Some((place_of(&record)?, record.user_task_run?)))
            {
                if page.results.len() == limit {
                    page.bookmark = Some(bookmark(MARK_USER_TASK_RUNS, place));
                    return Ok(page);
                }
                page.results.push(*task);
            }
        }
        Ok(page)
    });
    empty_if_unknown(page)
}

fn place_of(record: &internal::NodeRecord) -> Option<(i32, i32)> {
    let id = record.node_run.as_ref()?.id.as_ref()?;
    Some((id.thread_run_number, id.position))
}

pub(super) fn variables(
    state: &State,
    tenant: &str,
    request: &pb::ListVariablesRequest,
    fetched: &Fetched,
) -> Result<Vec<u8>, Stop> {
    let limit = limit(request.limit)?;
    let from = variable_bookmark(request.bookmark.as_deref())?;
    let id = run_id(request.wf_run_id.as_ref())?;
    let page = with_run(state, tenant, id, fetched, |view| {
        let place = |variable: &pb::Variable| {
            variable.id.as_ref().map(|id| (id.thread_run_number, id.name.clone())).unwrap_or_default()
        };
        let mut wanted = view.variables.iter().filter(|variable| place(variable) >= from);
        let results = wanted.by_ref().take(limit).map(|variable| public_variable((*variable).clone())).collect();
        let bookmark = wanted.next().map(|variable| {
            let (thread, name) = place(variable);
            let mut bytes = vec![MARK_VARIABLES];
            bytes.extend_from_slice(&(thread as u32).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes
        });
        Ok(pb::VariableList { results, bookmark })
    });
    empty_if_unknown(page)
}

fn run_id(id: Option<&pb::WfRunId>) -> Result<&pb::WfRunId, Stop> {
    id.filter(|id| !id.id.is_empty()).ok_or_else(|| Rejected::invalid("Missing required field wf_run_id.").into())
}

/// An unknown WfRun has an empty list (07/S-1).
fn empty_if_unknown<M: Message + Default>(page: Result<M, Stop>) -> Result<Vec<u8>, Stop> {
    match page {
        Ok(page) => Ok(page.encode_to_vec()),
        Err(Stop::Refused(rejected)) if rejected.code == crate::Code::NotFound => Ok(M::default().encode_to_vec()),
        Err(stop) => Err(stop),
    }
}

pub(super) fn limit(limit: Option<i32>) -> Result<usize, Stop> {
    match limit.unwrap_or(0) {
        0 => Ok(LIMIT_DEFAULT),
        limit if limit < 0 => Err(Rejected::invalid("The limit must not be negative.").into()),
        limit => Ok((limit as usize).min(LIMIT_MAX)),
    }
}

fn bookmark(mark: u8, place: (i32, i32)) -> Vec<u8> {
    let mut bytes = vec![mark];
    bytes.extend_from_slice(&(place.0 as u32).to_be_bytes());
    bytes.extend_from_slice(&(place.1 as u32).to_be_bytes());
    bytes
}

/// Present but empty means "from the beginning" (07/S-3).
fn place_bookmark(bytes: Option<&[u8]>, mark: u8) -> Result<(i32, i32), Stop> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok((0, 0)) };
    let (thread, rest) = split_bookmark(bytes, mark)?;
    let position: [u8; 4] = rest.try_into().map_err(|_| malformed())?;
    Ok((thread, i32::try_from(u32::from_be_bytes(position)).map_err(|_| malformed())?))
}

fn task_bookmark(bytes: Option<&[u8]>) -> Result<((i32, i32), usize), Stop> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(((0, 0), 0)) };
    let (place, number) = bytes.split_last_chunk().ok_or_else(malformed)?;
    let place = place_bookmark(Some(place).filter(|place| !place.is_empty()), MARK_TASK_RUNS)?;
    Ok((place, u32::from_be_bytes(*number) as usize))
}

fn variable_bookmark(bytes: Option<&[u8]>) -> Result<(i32, String), Stop> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok((0, String::new())) };
    let (thread, rest) = split_bookmark(bytes, MARK_VARIABLES)?;
    Ok((thread, String::from_utf8(rest.to_vec()).map_err(|_| malformed())?))
}

fn split_bookmark(bytes: &[u8], mark: u8) -> Result<(i32, &[u8]), Stop> {
    match (bytes.first(), bytes.get(1..5), bytes.get(5..)) {
        (Some(first), Some(thread), Some(rest)) if *first == mark => {
            let thread: [u8; 4] = thread.try_into().map_err(|_| malformed())?;
            Ok((i32::try_from(u32::from_be_bytes(thread)).map_err(|_| malformed())?, rest))
        }
        _ => Err(malformed()),
    }
}

pub(super) fn malformed() -> Stop {
    Rejected::invalid("The bookmark was not made by this list.").into()
}
