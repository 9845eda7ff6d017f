//! The key layout as module functions: Python never spells a key itself.

use lh_machine::{
    index,
    key::{self, IndexKind, MetaKind},
    pb,
};
use prost::Message;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::{
    engine::directory,
    front::{placement, routes as table},
};

fn meta_kind(kind: u8) -> PyResult<MetaKind> {
    MetaKind::from_byte(kind).ok_or_else(|| PyValueError::new_err(format!("there is no metadata of kind {kind}")))
}

fn index_kind(kind: u8) -> PyResult<IndexKind> {
    use IndexKind::*;
    [WfRun, TaskRun, Variable, Child, ExternalEventNode, ExternalEvent, WorkflowEvent, UserTaskRun, CorrelatedEvent]
        .into_iter()
        .find(|known| *known as u8 == kind)
        .ok_or_else(|| PyValueError::new_err(format!("there is no index of kind {kind}")))
}

/// All RPCs of the contract: name and "hot", "cold" or "unimplemented".
#[pyfunction]
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table::labels()
}

/// Key of a definition.
#[pyfunction]
#[pyo3(signature = (kind, tenant, name, numbers, /))]
pub fn meta_key<'py>(
    py: Python<'py>,
    kind: u8,
    tenant: &str,
    name: &str,
    numbers: Vec<i32>,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &key::meta(meta_kind(kind)?, tenant, name, &numbers)))
}

/// Prefix of all definitions of a kind in a tenant, or of all versions of one name.
#[pyfunction]
#[pyo3(signature = (kind, tenant, name, /))]
pub fn meta_prefix<'py>(py: Python<'py>, kind: u8, tenant: &str, name: Option<&str>) -> PyResult<Bound<'py, PyBytes>> {
    let kind = meta_kind(kind)?;
    let prefix = match name {
        Some(name) => key::meta(kind, tenant, name, &[]),
        None => key::meta_prefix(kind, tenant),
    };
    Ok(PyBytes::new(py, &prefix))
}

/// Kind, tenant, name and version numbers of a meta key that has `numbers` version numbers.
#[pyfunction]
#[pyo3(signature = (key, numbers, /))]
pub fn parse_meta_key(key: &[u8], numbers: usize) -> PyResult<(u8, String, String, Vec<i32>)> {
    parse(key, numbers).ok_or_else(|| PyValueError::new_err("this is not a meta key with that many version numbers"))
}

fn parse(key: &[u8], numbers: usize) -> Option<(u8, String, String, Vec<i32>)> {
    let (kind, rest) = key.split_first()?;
    let (tenant, rest) = key::take_text(rest)?;
    let (name, rest) = key::take_text(rest)?;
    if rest.len() != numbers * 4 {
        return None;
    }
    let numbers = rest.chunks_exact(4).map(|four| i32::from_be_bytes([four[0], four[1], four[2], four[3]]));
    Some((*kind, tenant, name, numbers.collect()))
}

/// Prefix of index entries.
#[pyfunction]
#[pyo3(signature = (tenant, kind, components, /))]
pub fn index_prefix<'py>(
    py: Python<'py>,
    tenant: &str,
    kind: u8,
    components: Vec<String>,
) -> PyResult<Bound<'py, PyBytes>> {
    let components: Vec<&str> = components.iter().map(String::as_str).collect();
    Ok(PyBytes::new(py, &key::index_prefix(tenant, index_kind(kind)?, &components)))
}

/// How the index of Variables spells a serialized VariableValue; `None` = such values are not indexed.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub fn index_value(value: &[u8]) -> PyResult<Option<String>> {
    let value = pb::VariableValue::decode(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(value.value.as_ref().and_then(index::scalar_text))
}

/// Prefix of the records of all trees of a tenant.
#[pyfunction]
#[pyo3(signature = (tenant, /))]
pub fn trees_prefix<'py>(py: Python<'py>, tenant: &str) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &key::trees_prefix(tenant))
}

/// The NodeRuns in this status within one record of a tree: arrival time in ms, id as text, serialized id.
#[pyfunction]
#[pyo3(signature = (key, value, status, /))]
pub fn node_runs_in<'py>(
    py: Python<'py>,
    key: &[u8],
    value: &[u8],
    status: i32,
) -> PyResult<Vec<(i64, String, Bound<'py, PyBytes>)>> {
    let found = index::node_runs_in(key, value, status).map_err(|corrupt| PyValueError::new_err(corrupt.0))?;
    Ok(found.into_iter().map(|(arrival_ms, shown, id)| (arrival_ms, shown, PyBytes::new(py, &id))).collect())
}

/// Key of the record of the WfRun with this serialized WfRunId.
#[pyfunction]
#[pyo3(signature = (tenant, wf_run_id, /))]
pub fn run_key<'py>(py: Python<'py>, tenant: &str, wf_run_id: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let id = pb::WfRunId::decode(wf_run_id).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &key::run(tenant, &id)))
}

/// The serialized VariableValue, not masked, of a Variable in a run record; `None` = there is no such Variable.
#[pyfunction]
#[pyo3(signature = (run_record, thread, name, /))]
pub fn variable_in<'py>(
    py: Python<'py>,
    run_record: &[u8],
    thread: i32,
    name: &str,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let found = index::variable_in(run_record, thread, name).map_err(|corrupt| PyValueError::new_err(corrupt.0))?;
    Ok(found.map(|value| PyBytes::new(py, &value.encode_to_vec())))
}

/// Prefixes of every WfSpec in the store of a run shard that a run of this name can be bound to: the versions of the
/// name, and what was deleted, of all names.
#[pyfunction]
#[pyo3(signature = (tenant, name, /))]
pub fn wf_spec_prefixes<'py>(py: Python<'py>, tenant: &str, name: &str) -> [Bound<'py, PyBytes>; 2] {
    let versions = key::with_table(key::TABLE_DEFINITION, &key::meta(MetaKind::WfSpec, tenant, name, &[]));
    [PyBytes::new(py, &versions), PyBytes::new(py, &key::hidden_wf_specs())]
}

/// The run shard that owns the tree with this root id.
#[pyfunction]
#[pyo3(signature = (tenant, root_id, run_shards, /))]
pub fn shard_of(tenant: &str, root_id: &str, run_shards: usize) -> PyResult<usize> {
    if run_shards == 0 {
        return Err(PyValueError::new_err("run_shards must be at least 1"));
    }
    Ok(placement::shard_of(tenant, root_id, run_shards))
}

/// The number of run shards that a data directory was made with; `None` if it is new.
#[pyfunction]
#[pyo3(signature = (data_dir, /))]
pub fn stored_run_shards(data_dir: std::path::PathBuf) -> std::io::Result<Option<u32>> {
    directory::stored_run_shards(&data_dir)
}
