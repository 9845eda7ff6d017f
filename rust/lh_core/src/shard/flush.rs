//! The thread that brings a shard's store up to date: one atomic batch per set, persisted when the log shall be cut.

use std::{
    io,
    sync::{Arc, mpsc},
    time::Duration,
};

use lh_machine::FlushSet;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    fetch::BeingWritten,
    limits,
    log::{Space, SpaceWatch},
    replica::Event,
};
use crate::ports::Store;

struct Job {
    set: Arc<FlushSet>,
    persist: bool,
}

/// The way to the thread, which ends when this is dropped.
pub struct Flusher {
    jobs: mpsc::Sender<Job>,
}

impl Flusher {
    /// Starts the thread of one shard; what it has written comes back as [`Event::Flushed`].
    pub fn start(
        shard: u32,
        store: Arc<dyn Store>,
        being_written: BeingWritten,
        space: SpaceWatch,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let thread = Thread { store, being_written, space, events };
        std::thread::Builder::new().name(format!("flush-{shard}")).spawn(move || thread.run(&inbox))?;
        Ok(Self { jobs })
    }

    /// Writes the set; `persist` makes it, and all before it, survive a crash without the log.
    pub fn flush(&self, set: Arc<FlushSet>, persist: bool) {
        // The thread ends only with the shard.
        let _ = self.jobs.send(Job { set, persist });
    }
}

struct Thread {
    store: Arc<dyn Store>,
    being_written: BeingWritten,
    space: SpaceWatch,
    events: UnboundedSender<Event>,
}

impl Thread {
    fn run(self, inbox: &mpsc::Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            let written = self.until_there_is_room(|| self.store.write(&job.set.writes));
            if written.is_ok() {
                self.being_written.set(None);
            }
            let done = written
                .and_then(|()| if job.persist { self.until_there_is_room(|| self.store.persist()) } else { Ok(()) });
            let event = match done {
                Ok(()) => Event::Flushed,
                Err(error) => Event::Failed(format!("store: writing failed: {error}")),
            };
            if self.events.send(event).is_err() {
                return;
            }
        }
    }

    /// A full disk is waited for: the set stays readable, the log keeps what is in it, new work is refused (fault 7).
    fn until_there_is_room(&self, write: impl Fn() -> io::Result<()>) -> io::Result<()> {
        loop {
            match write() {
                Err(error) if is_full(&error) => self.space.set(Space::Full),
                done => return done,
            }
            if self.events.is_closed() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            std::thread::sleep(Duration::from_millis(limits::FLUSH_RETRY_MS));
        }
    }
}

/// A store in another language reports a full disk in words only.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull || error.to_string().contains("No space left on device")
}
