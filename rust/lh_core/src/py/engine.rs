//! The classes of the extension: `EngineConfig` and `Engine`. Every method lets other Python threads run while it waits.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use lh_machine::internal::{
    MetaWrite,
    meta_write::{Expect, Write},
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyBytes,
};

use crate::{
    engine::{self, AskError, ColdLanes, Settings, address},
    front::{hot::get_server_version, routes as table},
    ports::Store,
    py::{
        checks::{self, Checked},
        errors,
        lanes::Lanes,
        store::PythonStore,
    },
};

/// A metadata entry as Python sees it: key, version, value.
type MetaRow<'py> = (Bound<'py, PyBytes>, u64, Bound<'py, PyBytes>);

/// What the engine is told at start; immutable.
#[pyclass(frozen, module = "littlehorse._core")]
pub struct EngineConfig {
    settings: Settings,
    lanes: usize,
}

#[pymethods]
impl EngineConfig {
    #[new]
    #[pyo3(signature = (
        *, data_dir, listen, advertise, run_shards, lanes, memory_limit_bytes, call_memory_bytes, max_connections,
        version
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        data_dir: PathBuf,
        listen: String,
        advertise: Option<&str>,
        run_shards: u32,
        lanes: usize,
        memory_limit_bytes: usize,
        call_memory_bytes: usize,
        max_connections: usize,
        version: &str,
    ) -> PyResult<Self> {
        if run_shards == 0 || lanes == 0 {
            return Err(PyValueError::new_err("run_shards and lanes must be at least 1"));
        }
        let bad_version = || PyValueError::new_err(format!("{version} is not of the form major.minor.patch[-pre]"));
        let bad_address = |text| PyValueError::new_err(format!("advertise must be HOST:PORT, but is {text}"));
        let version = get_server_version::parse(version).ok_or_else(bad_version)?;
        let advertise = match advertise {
            Some(text) => Some(address::parse_host(text).ok_or_else(|| bad_address(text))?),
            None => None,
        };
        let settings = Settings {
            data_dir,
            listen,
            advertise,
            run_shards,
            memory_limit_bytes,
            call_memory_bytes,
            max_connections,
            version,
        };
        Ok(Self { settings, lanes })
    }
}

impl ColdLanes for Lanes {
    fn stop(&self) {
        Lanes::stop(self);
    }
}

/// Front, shards and effects of one server process.
#[pyclass(frozen, module = "littlehorse._core")]
pub struct Engine {
    engine: engine::Engine,
}

impl Engine {
    /// Asks the engine without holding up other Python threads.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&engine::Engine) -> Result<T, AskError> + Send,
    ) -> PyResult<T> {
        py.detach(|| question(&self.engine)).map_err(|error| match error {
            AskError::Failed(failure) => errors::failed(py, &failure),
            AskError::TimedOut => errors::rpc_error(py, tonic::Code::DeadlineExceeded as i32, &error.to_string()),
            AskError::NotRunning => PyRuntimeError::new_err(error.to_string()),
        })
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (config, stores, cold, /))]
    fn new(config: &EngineConfig, stores: Vec<Py<PyAny>>, cold: Py<PyAny>) -> PyResult<Self> {
        let stores = stores.into_iter().map(|store| Arc::new(PythonStore::new(store)) as Arc<dyn Store>).collect();
        let lanes = Arc::new(Lanes::start(config.lanes, cold)?);
        Ok(Self { engine: engine::Engine::new(config.settings.clone(), stores, lanes)? })
    }

    fn start(&self, py: Python<'_>) -> io::Result<String> {
        py.detach(|| self.engine.start())
    }

    #[pyo3(signature = (drain_ms, /))]
    fn stop(&self, py: Python<'_>, drain_ms: u64) {
        py.detach(|| self.engine.stop(Duration::from_millis(drain_ms)));
    }

    #[pyo3(signature = (timeout_ms, /))]
    fn wait_failed(&self, py: Python<'_>, timeout_ms: u64) -> Option<String> {
        py.detach(|| self.engine.wait_failed(Duration::from_millis(timeout_ms)))
    }

    #[pyo3(signature = (key, /))]
    fn meta_get<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<(u64, Bound<'py, PyBytes>)>> {
        let snapshot = self.ask(py, engine::Engine::metadata)?;
        Ok(snapshot.get(key).map(|entry| (entry.version, PyBytes::new(py, &entry.value))))
    }

    #[pyo3(signature = (prefix, start, limit, /))]
    fn meta_scan<'py>(
        &self,
        py: Python<'py>,
        prefix: &[u8],
        start: &[u8],
        limit: usize,
    ) -> PyResult<Vec<MetaRow<'py>>> {
        let snapshot = self.ask(py, engine::Engine::metadata)?;
        let entries = snapshot.range(start.max(prefix).to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let row = |(key, entry): (&Vec<u8>, &lh_machine::state::MetaValue)| {
            (PyBytes::new(py, key), entry.version, PyBytes::new(py, &entry.value))
        };
        Ok(entries.take(limit).map(row).collect())
    }

    #[pyo3(signature = (expects, writes, timeout_ms, /))]
    fn meta_write(
        &self,
        py: Python<'_>,
        expects: Vec<(Vec<u8>, u64)>,
        writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        timeout_ms: u64,
    ) -> PyResult<bool> {
        let write = MetaWrite {
            expects: expects.into_iter().map(|(key, version)| Expect { key, version }).collect(),
            writes: writes.into_iter().map(|(key, value)| Write { key, value }).collect(),
        };
        self.ask(py, |engine| engine.write_metadata(write, Duration::from_millis(timeout_ms)))
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_wf_spec<'py>(&self, py: Python<'py>, tenant: &str, request: &[u8], now_ms: i64) -> Checked<'py> {
        checks::put_wf_spec(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_task_def<'py>(&self, py: Python<'py>, tenant: &str, request: &[u8], now_ms: i64) -> Checked<'py> {
        checks::put_task_def(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_struct_def<'py>(&self, py: Python<'py>, tenant: &str, request: &[u8], now_ms: i64) -> Checked<'py> {
        checks::put_struct_def(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_external_event_def<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        request: &[u8],
        now_ms: i64,
    ) -> Checked<'py> {
        checks::put_external_event_def(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_workflow_event_def<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        request: &[u8],
        now_ms: i64,
    ) -> Checked<'py> {
        checks::put_workflow_event_def(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, now_ms, /))]
    fn check_put_user_task_def<'py>(&self, py: Python<'py>, tenant: &str, request: &[u8], now_ms: i64) -> Checked<'py> {
        checks::put_user_task_def(py, self.ask(py, engine::Engine::metadata)?, tenant, request, now_ms)
    }

    #[pyo3(signature = (tenant, request, /))]
    fn check_struct_def_evolution(&self, py: Python<'_>, tenant: &str, request: &[u8]) -> PyResult<bool> {
        checks::struct_def_evolution(py, self.ask(py, engine::Engine::metadata)?, tenant, request)
    }

    #[pyo3(signature = (shard, /))]
    fn flush(&self, py: Python<'_>, shard: u32) -> PyResult<()> {
        self.ask(py, |engine| engine.flush(shard))
    }

    #[pyo3(signature = (/))]
    fn routes(&self) -> Vec<(&'static str, &'static str)> {
        table::labels()
    }
}
