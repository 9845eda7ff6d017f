//! The way from a shard to a chore: a queue and the bell that tells of it.

use std::{
    io,
    sync::{Arc, mpsc},
};

use crate::ports::{Bell, Chore, Crew};

/// Sends to a chore. When the last one is dropped, the chore sees a closed queue and ends.
pub struct Post<T> {
    queue: mpsc::Sender<T>,
    bell: RingOnDrop,
}

impl<T> Clone for Post<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: self.bell.clone() }
    }
}

/// Dropped after the queue: its last ring tells that the queue is closed.
#[derive(Clone)]
struct RingOnDrop(Arc<dyn Bell>);

impl Drop for RingOnDrop {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl<T> Post<T> {
    /// Starts the chore that `make` builds around its end of the queue.
    pub fn start<C: Chore + 'static>(
        crew: &dyn Crew,
        name: impl Into<String>,
        make: impl FnOnce(mpsc::Receiver<T>) -> C,
    ) -> io::Result<Self> {
        let (queue, inbox) = mpsc::channel();
        let bell = crew.start(name.into(), Box::new(make(inbox)))?;
        Ok(Self { queue, bell: RingOnDrop(bell) })
    }

    /// Sends; false if the chore has ended.
    pub fn send(&self, item: T) -> bool {
        let sent = self.queue.send(item).is_ok();
        self.bell.0.ring();
        sent
    }

    /// The same, from somebody who blocks right afterwards until the chore has answered.
    pub fn send_and_wait(&self, item: T) -> bool {
        let sent = self.queue.send(item).is_ok();
        self.bell.0.ring_and_wait();
        sent
    }

    /// The bell alone.
    pub fn bell(&self) -> &Arc<dyn Bell> {
        &self.bell.0
    }
}

/// Takes what waits in the inbox of a chore; `None` = nothing now, and `ended` is set if nothing will ever come.
pub fn take<T>(inbox: &mpsc::Receiver<T>, ended: &mut bool) -> Option<T> {
    match inbox.try_recv() {
        Ok(item) => Some(item),
        Err(mpsc::TryRecvError::Empty) => None,
        Err(mpsc::TryRecvError::Disconnected) => {
            *ended = true;
            None
        }
    }
}
