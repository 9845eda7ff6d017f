//! Who reads stored records for a shard: many commands' records in one crossing to the store.
//!
//! The newest value of a key that is not in memory is in the set that is being flushed, else in the store.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use lh_machine::FlushSet;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    limits,
    post::{self, Post},
    replica::Event,
};
use crate::ports::{Chore, Crew, Next, Store};

/// Stored values by key; `None` = the store has none.
pub type Values = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The flush set that was taken from the state and is not in the store yet.
#[derive(Clone, Default)]
pub struct BeingWritten(Arc<Mutex<Option<Arc<FlushSet>>>>);

impl BeingWritten {
    /// Sets or clears it.
    pub fn set(&self, set: Option<Arc<FlushSet>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = set;
    }

    fn get(&self) -> Option<Arc<FlushSet>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

enum Request {
    Later { ticket: u64, keys: Vec<Vec<u8>> },
    Now { keys: Vec<Vec<u8>>, answer: mpsc::Sender<io::Result<Values>> },
}

/// The way to who reads, who ends when this is dropped.
pub struct Fetcher {
    requests: Post<Request>,
}

impl Fetcher {
    /// Starts it for one shard; what is fetched comes back as [`Event::Fetched`].
    pub fn start(
        crew: &dyn Crew,
        shard: u32,
        store: Arc<dyn Store>,
        being_written: BeingWritten,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let name = format!("fetch-{shard}");
        let requests = Post::start(crew, name, |inbox| Reading { store, being_written, events, inbox })?;
        Ok(Self { requests })
    }

    /// Fetches these keys; the event names `ticket`.
    pub fn fetch(&self, ticket: u64, keys: Vec<Vec<u8>>) {
        // It ends only with the shard.
        self.requests.send(Request::Later { ticket, keys });
    }

    /// Fetches these keys and waits: for a shard that is opening and has nothing else to do.
    pub fn fetch_now(&self, keys: Vec<Vec<u8>>) -> io::Result<Values> {
        let (answer, answered) = mpsc::channel();
        self.requests.send_and_wait(Request::Now { keys, answer });
        answered.recv().map_err(|_| io::Error::other("nobody fetches any more"))?
    }
}

struct Reading {
    store: Arc<dyn Store>,
    being_written: BeingWritten,
    events: UnboundedSender<Event>,
    inbox: mpsc::Receiver<Request>,
}

impl Chore for Reading {
    fn turn(&mut self) -> Next {
        let mut ended = false;
        while let Some(first) = post::take(&self.inbox, &mut ended) {
            if !self.cross(first) {
                return Next::End;
            }
        }
        if ended { Next::End } else { Next::Ring }
    }
}

impl Reading {
    /// Answers this request and what waits behind it with one crossing to the store; false if nobody listens any more.
    fn cross(&self, first: Request) -> bool {
        let mut tickets: Vec<(u64, usize)> = Vec::new();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Later { ticket, keys: more } => {
                    tickets.push((ticket, more.len()));
                    keys.extend(more);
                }
                Request::Now { keys, answer } => {
                    // Whoever asked may be gone, then nobody misses the answer.
                    let _ = answer.send(self.look_up(keys));
                }
            }
            next = if keys.len() < limits::FETCH_KEYS { self.inbox.try_recv().ok() } else { None };
        }
        if tickets.is_empty() {
            return true;
        }
        let event = match self.look_up(keys) {
            Ok(values) => Event::Fetched(split(tickets, values)),
            Err(error) => Event::Failed(format!("store: reading failed: {error}")),
        };
        self.events.send(event).is_ok()
    }

    fn look_up(&self, keys: Vec<Vec<u8>>) -> io::Result<Values> {
        // Taken before the store is asked: a set that is gone by now is in the store.
        let set = self.being_written.get();
        let mut values = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            match set.as_deref().and_then(|set| find(set, &key)) {
                Some(value) => values.push((key, value.cloned())),
                None => {
                    missing.push(values.len());
                    values.push((key, None));
                }
            }
        }
        if !missing.is_empty() {
            let asked: Vec<Vec<u8>> = missing.iter().map(|at| values[*at].0.clone()).collect();
            let stored = self.store.get_many(&asked)?;
            if stored.len() != asked.len() {
                return Err(io::Error::other("the store answered another number of values than it was asked for"));
            }
            for (at, value) in missing.into_iter().zip(stored) {
                values[at].1 = value;
            }
        }
        Ok(values)
    }
}

/// What the set does with this key: `None` = nothing, `Some(None)` = it deletes it.
fn find<'a>(set: &'a FlushSet, key: &[u8]) -> Option<Option<&'a Vec<u8>>> {
    set.writes.get(key).map(Option::as_ref)
}

fn split(tickets: Vec<(u64, usize)>, values: Values) -> Vec<(u64, Values)> {
    let mut values = values.into_iter();
    tickets.into_iter().map(|(ticket, count)| (ticket, values.by_ref().take(count).collect())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{environment::Threads, shard::testing::MemoryStore};

    /// Read-your-writes during a flush: the set comes before the store, deletions included.
    #[test]
    fn the_set_being_written_comes_before_the_store() {
        let store = MemoryStore::default();
        let put = |key: &[u8], value: Option<&[u8]>| (key.to_vec(), value.map(<[u8]>::to_vec));
        store.write(&[b"a", b"b", b"c"].map(|key| put(key, Some(b"old"))).into()).unwrap();
        let being_written = BeingWritten::default();
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let fetcher = Fetcher::start(&Threads, 0, Arc::new(store), being_written.clone(), events).unwrap();
        let set = FlushSet { writes: [put(b"a", Some(b"new")), put(b"b", None)].into() };
        being_written.set(Some(Arc::new(set)));
        let keys = [b"a", b"b", b"c", b"d"].map(|key| key.to_vec()).to_vec();
        let values = fetcher.fetch_now(keys).unwrap();
        assert_eq!(values, [put(b"a", Some(b"new")), put(b"b", None), put(b"c", Some(b"old")), put(b"d", None)]);
    }
}
