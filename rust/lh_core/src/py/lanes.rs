//! Lanes: OS threads that run Python's cold handlers, behind a bounded queue. Only they attach to Python for a request.

use std::{
    io,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use pyo3::{intern, prelude::*, types::PyBytes};
use tonic::Status;

use crate::{
    environment::SystemEntropy,
    front::{
        doors::{Cold, ColdCall},
        limits, status,
    },
    ports::{Entropy, Failure},
    py::errors,
};

/// Logger of the server process; the log of an internal error has the id that the client got.
const LOGGER: &str = "littlehorse.server";

/// The lanes of one engine.
pub struct Lanes {
    queue: Mutex<Option<SyncSender<ColdCall>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts `count` lanes for this handler (`littlehorse.server.ports.ColdHandler`).
    pub fn start(count: usize, handler: Py<PyAny>) -> io::Result<Self> {
        let (queue, calls) = sync_channel(limits::MAX_WAITING_COLD_CALLS);
        let (calls, handler) = (Arc::new(Mutex::new(calls)), Arc::new(handler));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (calls, handler) = (calls.clone(), handler.clone());
            let lane = std::thread::Builder::new().name(format!("lh-lane-{number}"));
            threads.push(lane.spawn(move || run(&calls, &handler))?);
        }
        Ok(Self { queue: Mutex::new(Some(queue)), threads: Mutex::new(threads) })
    }

    /// Lets the lanes finish what is queued, then ends them. Blocks: never call it attached to Python.
    pub fn stop(&self) {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        for thread in threads {
            // A lane that panicked has ended, too; its call was answered by the dropped sender.
            let _ = thread.join();
        }
    }
}

impl Cold for Lanes {
    fn call(&self, call: ColdCall) -> Result<(), Failure> {
        let queue = self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let stopped = || Failure::Unavailable(status::SHUTTING_DOWN.to_owned());
        match queue.as_ref().ok_or_else(stopped)?.try_send(call) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Failure::Exhausted("too many requests of this kind are waiting".into())),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }
}

/// One lane: takes calls until the queue is closed.
fn run(calls: &Mutex<Receiver<ColdCall>>, handler: &Py<PyAny>) {
    loop {
        let next = calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
        let Ok(call) = next else { return };
        if call.answer.is_closed() {
            // The caller went away while the call was queued: it was never accepted (08/X-4).
            continue;
        }
        let answer = Python::attach(|py| answer(py, handler.bind(py), &call));
        // A caller that went away meanwhile does not undo what the handler did (08/X-4).
        let _ = call.answer.send(answer);
    }
}

fn answer(py: Python<'_>, handler: &Bound<'_, PyAny>, call: &ColdCall) -> Result<Vec<u8>, Status> {
    let arguments = (call.rpc, PyBytes::new(py, &call.request), &call.tenant, &call.principal);
    let answered = handler
        .call1(arguments)
        .and_then(|response| Ok(response.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes().to_vec()));
    answered.map_err(|error| errors::status_of(py, &error).unwrap_or_else(|| internal(py, call.rpc, &error)))
}

/// Anything but an `RpcError` is our bug: the log gets everything, the client an id (08 section 13).
fn internal(py: Python<'_>, rpc: &str, error: &PyErr) -> Status {
    let id = format!("{:016x}", SystemEntropy.next_u64());
    let logged = py.import("logging").and_then(|logging| {
        let logger = logging.call_method1(intern!(py, "getLogger"), (LOGGER,))?;
        let options = pyo3::types::PyDict::new(py);
        options.set_item("exc_info", error.value(py))?;
        logger.call_method(intern!(py, "error"), ("internal error %s in %s", &id, rpc), Some(&options))
    });
    if logged.is_err() {
        eprintln!("internal error {id} in {rpc}: {error}");
    }
    status::from_failure(&Failure::Internal(id))
}
