//! Who brings a shard's store up to date: one atomic batch per set, persisted when the log shall be cut.

use std::{
    io,
    sync::{Arc, mpsc},
    time::Duration,
};

use lh_machine::{
    FlushSet,
    mutants::{self, Mutant},
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    fetch::BeingWritten,
    limits,
    log::{Space, SpaceWatch},
    post::{self, Post},
    replica::Event,
};
use crate::ports::{Chore, Crew, Next, Store};

struct Job {
    set: Arc<FlushSet>,
    persist: bool,
    /// The set is in the store; only the persisting is left.
    written: bool,
}

/// The way to who writes, who ends when this is dropped.
pub struct Flusher {
    jobs: Post<Job>,
}

impl Flusher {
    /// Starts it for one shard; what it has written comes back as [`Event::Flushed`].
    pub fn start(
        crew: &dyn Crew,
        shard: u32,
        store: Arc<dyn Store>,
        being_written: BeingWritten,
        space: SpaceWatch,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let name = format!("flush-{shard}");
        let writing = |inbox| Writing { store, being_written, space, events, inbox, job: None };
        Ok(Self { jobs: Post::start(crew, name, writing)? })
    }

    /// Writes the set; `persist` makes it, and all before it, survive a crash without the log.
    pub fn flush(&self, set: Arc<FlushSet>, persist: bool) {
        // It ends only with the shard.
        self.jobs.send(Job { set, persist, written: false });
    }
}

struct Writing {
    store: Arc<dyn Store>,
    being_written: BeingWritten,
    space: SpaceWatch,
    events: UnboundedSender<Event>,
    inbox: mpsc::Receiver<Job>,
    /// What waits for room on the disk.
    job: Option<Job>,
}

impl Chore for Writing {
    fn turn(&mut self) -> Next {
        let mut ended = false;
        while let Some(mut job) = self.job.take().or_else(|| post::take(&self.inbox, &mut ended)) {
            let event = match self.work(&mut job) {
                // A full disk is waited for: the set stays readable, the log keeps what is in it, new work is refused
                // (fault 7).
                Err(error) if error.kind() == io::ErrorKind::StorageFull && !self.events.is_closed() => {
                    self.space.set(Space::Full);
                    self.job = Some(job);
                    // Also when it is tried in vain again: somebody may have asked meanwhile.
                    if self.events.send(Event::NoRoom).is_err() {
                        return Next::End;
                    }
                    return Next::RingOrAfter(Duration::from_millis(limits::FLUSH_RETRY_MS));
                }
                Err(error) => Event::Failed(format!("store: writing failed: {error}")),
                Ok(()) => Event::Flushed,
            };
            if self.events.send(event).is_err() {
                return Next::End;
            }
        }
        if ended { Next::End } else { Next::Ring }
    }
}

impl Writing {
    fn work(&self, job: &mut Job) -> io::Result<()> {
        if !job.written {
            self.store.write(&job.set.writes)?;
            job.written = true;
            self.being_written.set(None);
        }
        if job.persist && !mutants::is_on(Mutant::LogCutTooEarly) { self.store.persist() } else { Ok(()) }
    }
}
