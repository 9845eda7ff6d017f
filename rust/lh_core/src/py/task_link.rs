//! `TaskLink`: a worker's connection for Python's event loop.

use std::{io, time::Duration};

use bytes::Bytes;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};

use crate::link::{Link, Report, Settings};

/// Serialized PollTaskResponses; reports done with, each with its refusal; how the stream ended.
type Taken<'py> = (Vec<Bound<'py, PyBytes>>, Vec<(u64, Option<String>)>, Option<String>);

/// One connection of a worker to one server.
#[pyclass(frozen, module = "littlehorse._core")]
pub struct TaskLink {
    link: Link,
}

#[pymethods]
impl TaskLink {
    #[new]
    #[pyo3(signature = (server, poll, *, tenant, keepalive_ms, keepalive_timeout_ms, waits_when_exhausted))]
    fn new(
        server: String,
        poll: &[u8],
        tenant: Option<String>,
        keepalive_ms: u64,
        keepalive_timeout_ms: u64,
        waits_when_exhausted: bool,
    ) -> PyResult<Self> {
        let settings = Settings {
            server,
            tenant,
            poll: Bytes::copy_from_slice(poll),
            keepalive: Duration::from_millis(keepalive_ms),
            keepalive_timeout: Duration::from_millis(keepalive_timeout_ms),
            waits_when_exhausted,
        };
        match Link::new(settings) {
            Ok(link) => Ok(Self { link }),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(PyValueError::new_err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    fn fileno(&self) -> i32 {
        self.link.descriptor()
    }

    fn open_stream(&self) -> PyResult<()> {
        Ok(self.link.open_stream()?)
    }

    fn half_close(&self) {
        self.link.half_close();
    }

    fn cancel_stream(&self) {
        self.link.cancel_stream();
    }

    #[pyo3(signature = (polls, reports, timeout_s, /))]
    fn send(&self, polls: usize, reports: Vec<(u64, Bound<'_, PyBytes>)>, timeout_s: f64) -> PyResult<()> {
        let timeout =
            Duration::try_from_secs_f64(timeout_s).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let reports = reports.into_iter().map(|(number, message)| {
            let message = Bytes::copy_from_slice(message.as_bytes());
            Report { number, message, timeout }
        });
        self.link.send(polls, reports.collect());
        Ok(())
    }

    fn take<'py>(&self, py: Python<'py>) -> Taken<'py> {
        let batch = self.link.take();
        let responses = batch.responses.iter().map(|response| PyBytes::new(py, response)).collect();
        let outcomes = batch.outcomes.into_iter().map(|outcome| (outcome.number, outcome.error)).collect();
        (responses, outcomes, batch.ended)
    }
}
