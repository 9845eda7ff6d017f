//! The thread that writes the log: takes everything that waits, one write, one sync, then all answers.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use super::{Log, Record};

/// Called once the records are safe.
pub type Persisted = Box<dyn FnOnce() + Send>;

struct Append {
    records: Vec<Record>,
    done: Option<Persisted>,
}

/// The way to the log; the thread ends when the last handle is gone.
#[derive(Clone)]
pub struct LogHandle {
    inbox: mpsc::Sender<Append>,
    lagging: Arc<Mutex<BTreeSet<u32>>>,
}

impl LogHandle {
    /// Writes records in the order of the calls; `done` is called after their sync, never if it failed.
    pub fn append(&self, records: Vec<Record>, done: Option<Persisted>) {
        // A closed inbox means that the log failed, which the failure hook has reported.
        let _ = self.inbox.send(Append { records, done });
    }

    /// True if the store of this shard should persist, so that the log can be cut.
    pub fn lags(&self, shard: u32) -> bool {
        self.lagging.lock().unwrap_or_else(PoisonError::into_inner).contains(&shard)
    }
}

/// Starts the thread. `failure` is called with a sentence if the log cannot be written; then nothing is answered any more.
pub fn start(log: Log, failure: Arc<dyn Fn(String) + Send + Sync>) -> io::Result<(LogHandle, JoinHandle<()>)> {
    let (inbox, requests) = mpsc::channel();
    let lagging = Arc::new(Mutex::new(log.lagging()));
    let handle = LogHandle { inbox, lagging: lagging.clone() };
    let thread =
        std::thread::Builder::new().name("log".to_owned()).spawn(move || run(log, &requests, &lagging, &failure))?;
    Ok((handle, thread))
}

fn run(
    mut log: Log,
    requests: &mpsc::Receiver<Append>,
    lagging: &Mutex<BTreeSet<u32>>,
    failure: &Arc<dyn Fn(String) + Send + Sync>,
) {
    while let Ok(first) = requests.recv() {
        let mut records = Vec::new();
        let mut answers = Vec::new();
        for request in std::iter::once(first).chain(requests.try_iter()) {
            records.extend(request.records);
            answers.extend(request.done);
        }
        if let Err(error) = log.append(&records) {
            failure(format!("{error}. Nothing is acknowledged any more; the server must be restarted"));
            return;
        }
        let late = log.lagging();
        *lagging.lock().unwrap_or_else(PoisonError::into_inner) = late;
        for done in answers {
            done();
        }
    }
}
