//! `examine`: looks at the data directory of a stopped server for `lh doctor`.

use std::{io, path::PathBuf, sync::Arc};

use pyo3::prelude::*;

use crate::{engine::doctor, ports::Store, py::store::PythonStore};

/// Whether it is sound, what was looked at, what was found.
type Row = (bool, String, String);

/// Looks at log, stores, indexes and their agreement; changes nothing.
#[pyfunction]
#[pyo3(signature = (data_dir, stores, whole_log, /))]
pub fn examine(
    py: Python<'_>,
    data_dir: PathBuf,
    stores: Vec<Option<Py<PyAny>>>,
    whole_log: Option<PathBuf>,
) -> io::Result<Vec<Row>> {
    let stores = stores
        .into_iter()
        .map(|store| store.map(|store| Arc::new(PythonStore::new(store)) as Arc<dyn Store>))
        .collect();
    let findings = py.detach(|| doctor::examine(&data_dir, stores, whole_log.as_deref()))?;
    Ok(findings.into_iter().map(|finding| (finding.is_sound, finding.part, finding.text)).collect())
}
