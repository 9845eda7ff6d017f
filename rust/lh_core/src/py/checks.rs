//! Static checks of definitions for the metadata handlers: bytes in, checked bytes out, against one metadata snapshot.

use lh_machine::{Rejected, check};
use prost::Message;
use pyo3::{prelude::*, types::PyBytes};

use crate::{engine::definitions::DefinitionsAt, front::status, ports::MetaSnapshot, py::errors};

/// A check's outcome as Python gets it: bytes, or an `RpcError`.
pub type Checked<'py> = PyResult<Bound<'py, PyBytes>>;

fn decode<M: Message + Default>(py: Python<'_>, rpc: &str, request: &[u8]) -> PyResult<M> {
    M::decode(request).map_err(|error| {
        let status = status::undecodable(rpc, &error);
        errors::rpc_error(py, status.code() as i32, status.message())
    })
}

/// Runs a check without holding up other Python threads.
fn run<T: Send>(py: Python<'_>, check: impl FnOnce() -> Result<T, Rejected> + Send) -> PyResult<T> {
    py.detach(check).map_err(|rejected| errors::rejected(py, &rejected))
}

/// PutWfSpec; the serialized `CheckedWfSpec` names what the check looked at, which the write must expect.
pub fn put_wf_spec<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutWfSpec", request)?;
    let checked = run(py, || {
        let definitions = DefinitionsAt::new(snapshot, tenant);
        let mut checked = check::put_wf_spec(request, &definitions, now_ms)?;
        checked.seen = definitions.into_seen();
        Ok(checked)
    })?;
    Ok(PyBytes::new(py, &checked.encode_to_vec()))
}

/// PutTaskDef; the serialized TaskDef.
pub fn put_task_def<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutTaskDef", request)?;
    let task_def = run(py, || check::put_task_def(request, &DefinitionsAt::new(snapshot, tenant), now_ms))?;
    Ok(PyBytes::new(py, &task_def.encode_to_vec()))
}

/// PutStructDef; the serialized StructDef.
pub fn put_struct_def<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutStructDef", request)?;
    let struct_def = run(py, || check::put_struct_def(request, &DefinitionsAt::new(snapshot, tenant), now_ms))?;
    Ok(PyBytes::new(py, &struct_def.encode_to_vec()))
}

/// PutExternalEventDef; the serialized ExternalEventDef.
pub fn put_external_event_def<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutExternalEventDef", request)?;
    let event_def = run(py, || check::put_external_event_def(request, &DefinitionsAt::new(snapshot, tenant), now_ms))?;
    Ok(PyBytes::new(py, &event_def.encode_to_vec()))
}

/// PutWorkflowEventDef; the serialized WorkflowEventDef.
pub fn put_workflow_event_def<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutWorkflowEventDef", request)?;
    let event_def = run(py, || check::put_workflow_event_def(request, &DefinitionsAt::new(snapshot, tenant), now_ms))?;
    Ok(PyBytes::new(py, &event_def.encode_to_vec()))
}

/// PutUserTaskDef; the serialized UserTaskDef.
pub fn put_user_task_def<'py>(
    py: Python<'py>,
    snapshot: MetaSnapshot,
    tenant: &str,
    request: &[u8],
    now_ms: i64,
) -> Checked<'py> {
    let request = decode(py, "PutUserTaskDef", request)?;
    let user_task_def = run(py, || check::put_user_task_def(request, &DefinitionsAt::new(snapshot, tenant), now_ms))?;
    Ok(PyBytes::new(py, &user_task_def.encode_to_vec()))
}

/// ValidateStructDefEvolution: whether the change is allowed.
pub fn struct_def_evolution(py: Python<'_>, snapshot: MetaSnapshot, tenant: &str, request: &[u8]) -> PyResult<bool> {
    let request = decode(py, "ValidateStructDefEvolution", request)?;
    run(py, || check::validate_struct_def_evolution(request, &DefinitionsAt::new(snapshot, tenant)))
}
