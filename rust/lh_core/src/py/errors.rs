//! Python's `RpcError` and gRPC statuses, in both directions; failures of stores as I/O errors.

use std::io;

use lh_machine::Rejected;
use pyo3::{intern, prelude::*, types::PyType};
use tonic::Status;

use crate::{front::status, ports::Failure};

/// Where the exception lives that carries a status from a cold handler to the front.
const ERRORS_MODULE: &str = "littlehorse.server.errors";

fn rpc_error_class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    Ok(py.import(ERRORS_MODULE)?.getattr(intern!(py, "RpcError"))?.cast_into()?)
}

/// An `RpcError` with this gRPC code and message, ready to be raised.
pub fn rpc_error(py: Python<'_>, code: i32, message: &str) -> PyErr {
    raised(py, code, message, false)
}

fn raised(py: Python<'_>, code: i32, message: &str, may_retry: bool) -> PyErr {
    match rpc_error_class(py).and_then(|class| class.call1((code, message, may_retry))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// A machine's refusal as `RpcError`.
pub fn rejected(py: Python<'_>, rejected: &Rejected) -> PyErr {
    rpc_error(py, rejected.code as i32, &rejected.message)
}

/// Why a shard gave no answer, as `RpcError`.
pub fn failed(py: Python<'_>, failure: &Failure) -> PyErr {
    let status = status::from_failure(failure);
    raised(py, status.code() as i32, status.message(), matches!(failure, Failure::Exhausted(_)))
}

/// The status that an exception of a cold handler carries; `None` if it is not an `RpcError`, hence our bug.
pub fn status_of(py: Python<'_>, error: &PyErr) -> Option<Status> {
    if !error.is_instance(py, rpc_error_class(py).ok()?.as_any()) {
        return None;
    }
    let value = error.value(py);
    let code: i32 = value.getattr(intern!(py, "code")).ok()?.extract().ok()?;
    let message: String = value.getattr(intern!(py, "message")).ok()?.extract().ok()?;
    if value.getattr(intern!(py, "may_retry")).ok()?.extract().ok()? {
        return Some(status::from_failure(&Failure::Exhausted(message)));
    }
    Some(Status::new(tonic::Code::from_i32(code), message))
}

/// What a store raised, as an I/O error that keeps its text; of the kind that its `errno` says, if it has one.
pub fn store_failed(error: PyErr) -> io::Error {
    Python::attach(|py| {
        let value = error.value(py);
        let number = value.getattr(intern!(py, "errno")).and_then(|number| number.extract::<i32>());
        let kind = number.map_or(io::ErrorKind::Other, |number| io::Error::from_raw_os_error(number).kind());
        // An OSError with a number prints as "[Errno 28] text"; the text alone is its `strerror`.
        let text = value.getattr(intern!(py, "strerror")).and_then(|text| text.extract::<String>());
        io::Error::new(kind, text.unwrap_or_else(|_| value.to_string()))
    })
}
