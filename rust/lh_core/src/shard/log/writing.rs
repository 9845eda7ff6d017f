//! Who writes the log: takes everything that waits, one write, one sync, then all answers.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use super::{Log, Record};
use crate::{
    ports::{Bell, Chore, Crew, Next},
    shard::post::{self, Post},
};

/// Called once the records are safe.
pub type Persisted = Box<dyn FnOnce() + Send>;

struct Append {
    records: Vec<Record>,
    done: Option<Persisted>,
}

/// The way to the log, which is closed when the last handle is gone.
#[derive(Clone)]
pub struct LogHandle {
    inbox: Post<Append>,
    lagging: Arc<Mutex<BTreeSet<u32>>>,
}

impl LogHandle {
    /// Writes records in the order of the calls; `done` is called after their sync, never if it failed.
    pub fn append(&self, records: Vec<Record>, done: Option<Persisted>) {
        // A closed inbox means that the log failed, which the failure hook has reported.
        self.inbox.send(Append { records, done });
    }

    /// True if the store of this shard should persist, so that the log can be cut.
    pub fn lags(&self, shard: u32) -> bool {
        self.lagging.lock().unwrap_or_else(PoisonError::into_inner).contains(&shard)
    }

    /// Closes this handle; the answer can wait for the end of the log, which comes with the last one.
    pub fn close(self) -> Arc<dyn Bell> {
        self.inbox.bell().clone()
    }
}

/// Starts it. `failure` is called with a sentence if the log cannot be written; then nothing is answered any more.
pub fn start(crew: &dyn Crew, log: Log, failure: Arc<dyn Fn(String) + Send + Sync>) -> io::Result<LogHandle> {
    let lagging = Arc::new(Mutex::new(log.lagging()));
    let late = lagging.clone();
    let inbox = Post::start(crew, "log", |requests| Writing { log, requests, lagging: late, failure })?;
    Ok(LogHandle { inbox, lagging })
}

struct Writing {
    log: Log,
    requests: mpsc::Receiver<Append>,
    lagging: Arc<Mutex<BTreeSet<u32>>>,
    failure: Arc<dyn Fn(String) + Send + Sync>,
}

impl Chore for Writing {
    fn turn(&mut self) -> Next {
        let mut records = Vec::new();
        let mut answers = Vec::new();
        let mut ended = false;
        while let Some(request) = post::take(&self.requests, &mut ended) {
            records.extend(request.records);
            answers.extend(request.done);
        }
        if records.is_empty() && answers.is_empty() {
            return if ended { Next::End } else { Next::Ring };
        }
        if let Err(error) = self.log.append(&records) {
            (self.failure)(format!("{error}. Nothing is acknowledged any more; the server must be restarted"));
            return Next::End;
        }
        let late = self.log.lagging();
        *self.lagging.lock().unwrap_or_else(PoisonError::into_inner) = late;
        for done in answers {
            done();
        }
        if ended { Next::End } else { Next::Ring }
    }
}
