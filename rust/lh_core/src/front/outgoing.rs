//! Large messages on their way out. What they hold is part of the budget, and a client that does not read them loses its
//! connection, with everything that waits on it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tonic::Status;

use crate::front::{
    budget::{Budget, Charge},
    frames::Framed,
    limits, status,
};

/// Large messages that HTTP/2 has not sent yet.
#[derive(Debug)]
pub struct Outgoing {
    budget: Arc<Budget>,
    unsent: Mutex<Unsent>,
}

#[derive(Debug, Default)]
struct Unsent {
    /// By number, hence by age.
    messages: BTreeMap<u64, (Instant, Arc<Notify>)>,
    last_number: u64,
}

impl Outgoing {
    /// Nothing yet; what comes is part of this budget.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { budget, unsent: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Unsent> {
        // No code that can panic runs under the lock.
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts connections whose clients do not read, for ever; ends with its task.
    pub async fn watch(self: Arc<Self>) {
        loop {
            sleep(limits::SLOW_READER_RECHECK).await;
            let unsent = self.lock();
            let overdue = |since: &Instant| since.elapsed() >= limits::SLOW_READER_DEADLINE;
            unsent.messages.values().take_while(|(since, _)| overdue(since)).for_each(|(_, cut)| cut.notify_one());
        }
    }
}

/// The way out of one connection.
#[derive(Clone, Debug)]
pub struct Exit {
    outgoing: Arc<Outgoing>,
    /// Ends the connection.
    cut: Arc<Notify>,
}

impl Exit {
    /// The way out of a connection that ends when `cut` is told.
    pub fn new(outgoing: Arc<Outgoing>, cut: Arc<Notify>) -> Self {
        Self { outgoing, cut }
    }

    /// The message as it is to be sent. Errors: `RESOURCE_EXHAUSTED` if large ones hold too much already, but for one that
    /// `must_go` because what it answers has been done.
    pub fn send(&self, message: Framed, must_go: bool) -> Result<Bytes, Status> {
        let bytes = message.into_bytes();
        if bytes.len() < limits::LARGE_MESSAGE_BYTES {
            return Ok(bytes);
        }
        let charged = self.outgoing.budget.message(bytes.len(), must_go);
        let charge = charged.map_err(|failure| status::from_failure(&failure))?;
        let mut unsent = self.outgoing.lock();
        unsent.last_number += 1;
        let number = unsent.last_number;
        unsent.messages.insert(number, (Instant::now(), self.cut.clone()));
        drop(unsent);
        Ok(Bytes::from_owner(Held { bytes, number, outgoing: self.outgoing.clone(), _charge: charge }))
    }
}

/// A message until HTTP/2 drops it, because it was sent or its stream is gone.
struct Held {
    bytes: Bytes,
    number: u64,
    outgoing: Arc<Outgoing>,
    _charge: Charge,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.outgoing.lock().messages.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message(bytes: usize) -> Framed {
        Framed::wrap(&vec![7; bytes])
    }

    /// Only large messages count; too many are refused unless they answer what was done; what is sent is forgotten.
    #[tokio::test]
    async fn large_messages_are_counted() {
        let budget = Budget::new(0);
        let outgoing = Arc::new(Outgoing::new(budget.clone()));
        let exit = Exit::new(outgoing.clone(), Arc::default());
        let small = exit.send(message(10), false).unwrap();
        assert_eq!((small.len(), budget.used()), (15, 0));
        let large = exit.send(message(limits::MAX_MESSAGE_BYTES - 5), false).unwrap();
        assert_eq!(budget.used(), limits::MAX_MESSAGE_BYTES);
        let refused = exit.send(message(limits::LARGE_MESSAGE_BYTES), false).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(!refused.details().is_empty(), "08/Q-8: it may be asked again");
        let done = exit.send(message(limits::LARGE_MESSAGE_BYTES), true).unwrap();
        drop((large, done));
        assert_eq!((budget.used(), outgoing.lock().messages.len()), (0, 0));
    }

    /// Reliability fault 32: a connection is cut when the oldest large message has waited too long, and not before.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_cut() {
        let outgoing = Arc::new(Outgoing::new(Budget::new(usize::MAX)));
        let (slow, quick) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let unread =
            Exit::new(outgoing.clone(), slow.clone()).send(message(limits::LARGE_MESSAGE_BYTES), false).unwrap();
        let read =
            Exit::new(outgoing.clone(), quick.clone()).send(message(limits::LARGE_MESSAGE_BYTES), false).unwrap();
        tokio::spawn(outgoing.watch());
        drop(read);
        let begin = Instant::now();
        slow.notified().await;
        assert!(begin.elapsed() >= limits::SLOW_READER_DEADLINE);
        assert!(begin.elapsed() < limits::SLOW_READER_DEADLINE + 2 * limits::SLOW_READER_RECHECK);
        let never = tokio::time::timeout(limits::SLOW_READER_DEADLINE, quick.notified()).await;
        assert!(never.is_err(), "it has read everything");
        drop(unread);
    }
}
