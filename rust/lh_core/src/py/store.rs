//! The store of a shard: a Python object over rocksdict. Only fetch and flush threads call it, because each call attaches
//! to Python and may block.

use std::io;

use lh_machine::Writes;
use pyo3::{
    intern,
    prelude::*,
    types::{PyBytes, PyList, PyTuple},
};

use crate::{ports::Store, py::errors::store_failed};

/// An entry of a store: key and value.
type Entry = (Vec<u8>, Vec<u8>);

/// A store behind the interface `littlehorse.server.ports.Store`.
pub struct PythonStore {
    store: Py<PyAny>,
}

impl PythonStore {
    /// Wraps the Python object.
    pub fn new(store: Py<PyAny>) -> Self {
        Self { store }
    }

    fn attached<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> io::Result<T> {
        Python::attach(|py| work(self.store.bind(py))).map_err(store_failed)
    }
}

impl Store for PythonStore {
    fn get_many(&self, keys: &[Vec<u8>]) -> io::Result<Vec<Option<Vec<u8>>>> {
        self.attached(|store| {
            let py = store.py();
            let keys = PyList::new(py, keys.iter().map(|key| PyBytes::new(py, key)))?;
            let values = store.call_method1(intern!(py, "get_many"), (keys,))?;
            values.try_iter()?.map(|value| optional_bytes(&value?)).collect()
        })
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> io::Result<Vec<Entry>> {
        self.attached(|store| {
            let py = store.py();
            let bounds = (PyBytes::new(py, start), PyBytes::new(py, end), limit);
            let entries = store.call_method1(intern!(py, "scan"), bounds)?;
            entries.try_iter()?.map(|entry| pair_of_bytes(&entry?)).collect()
        })
    }

    /// Fills one batch by its bound methods (the fastest way that rocksdict offers), then has it written.
    fn write(&self, writes: &Writes) -> io::Result<()> {
        self.attached(|store| {
            let py = store.py();
            let batch = store.call_method0(intern!(py, "new_batch"))?;
            let put = batch.getattr(intern!(py, "put"))?;
            let delete = batch.getattr(intern!(py, "delete"))?;
            for (key, value) in writes {
                let key = PyBytes::new(py, key);
                match value {
                    Some(value) => put.call1((key, PyBytes::new(py, value)))?,
                    None => delete.call1((key,))?,
                };
            }
            store.call_method1(intern!(py, "write"), (batch,))?;
            Ok(())
        })
    }

    fn persist(&self) -> io::Result<()> {
        self.attached(|store| store.call_method0(intern!(store.py(), "persist")).map(drop))
    }
}

fn optional_bytes(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if value.is_none() { Ok(None) } else { Ok(Some(value.cast::<PyBytes>()?.as_bytes().to_vec())) }
}

fn pair_of_bytes(entry: &Bound<'_, PyAny>) -> PyResult<Entry> {
    let entry = entry.cast::<PyTuple>()?;
    let bytes = |at| -> PyResult<Vec<u8>> { Ok(entry.get_item(at)?.cast::<PyBytes>()?.as_bytes().to_vec()) };
    Ok((bytes(0)?, bytes(1)?))
}
