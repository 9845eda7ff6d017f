//! What calls in progress may hold in memory together: a fixed part for each call, and apart from that what large
//! messages take, so that small calls still get through when large ones have taken all they may.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{front::limits, ports::Failure};

/// The memory of all calls.
#[derive(Debug)]
pub struct Budget {
    calls: Pool,
    large: Pool,
}

#[derive(Debug)]
struct Pool {
    used: AtomicUsize,
    limit: usize,
}

impl Pool {
    fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// False if there is no room; then nothing is taken.
    fn try_take(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = used.saturating_add(bytes) <= self.limit;
        if !fits {
            self.give(bytes);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Budget {
    /// Half of `bytes` for calls, half for large messages.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { calls: Pool::new(bytes / 2), large: Pool::new((bytes / 2).max(limits::MAX_MESSAGE_BYTES)) })
    }

    /// The part of one call, until it is dropped. Errors: `Exhausted`.
    pub fn call(self: &Arc<Self>) -> Result<Charge, Failure> {
        if !self.calls.try_take(limits::CALL_BYTES) {
            return Err(Failure::Exhausted("the server is overloaded: too many calls are in progress".to_owned()));
        }
        Ok(Charge { budget: self.clone(), call: limits::CALL_BYTES, large: 0 })
    }

    /// The part of a message that waits to be sent. Errors: `Exhausted`, but for an answer that `must_go`.
    pub fn message(self: &Arc<Self>, bytes: usize, must_go: bool) -> Result<Charge, Failure> {
        if must_go {
            self.large.take(bytes);
        } else if !self.large.try_take(bytes) {
            return Err(too_many_large());
        }
        Ok(Charge { budget: self.clone(), call: 0, large: bytes })
    }

    /// Bytes that are taken now.
    pub fn used(&self) -> usize {
        self.calls.used.load(Ordering::Relaxed) + self.large.used.load(Ordering::Relaxed)
    }
}

fn too_many_large() -> Failure {
    Failure::Exhausted("the server is overloaded: too many large messages are in progress".to_owned())
}

/// A part of the budget; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    call: usize,
    large: usize,
}

impl Charge {
    /// Makes the part large enough for a message of which so many bytes are here. Errors: `Exhausted`.
    pub fn cover(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = bytes.saturating_sub(self.call + self.large);
        if more == 0 {
            return Ok(());
        }
        if !self.budget.large.try_take(more) {
            return Err(too_many_large());
        }
        self.large += more;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.call > 0 {
            self.budget.calls.give(self.call);
        }
        if self.large > 0 {
            self.budget.large.give(self.large);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Calls and large messages have a bound each, and what is dropped is given back.
    #[test]
    fn both_parts_are_bounded_apart() {
        let half = 2 * limits::MAX_MESSAGE_BYTES;
        let budget = Budget::new(2 * half);
        let mut call = budget.call().unwrap();
        call.cover(limits::CALL_BYTES).unwrap();
        assert_eq!(budget.used(), limits::CALL_BYTES, "a small message is covered already");
        call.cover(half + limits::CALL_BYTES).unwrap();
        assert!(matches!(budget.message(1, false), Err(Failure::Exhausted(_))));
        let forced = budget.message(1, true).unwrap();
        let mut calls = vec![budget.call().unwrap()];
        assert!(calls[0].cover(limits::CALL_BYTES + 1).is_err());
        while let Ok(another) = budget.call() {
            calls.push(another);
        }
        assert_eq!(calls.len() + 1, half / limits::CALL_BYTES);
        drop((call, forced, calls));
        assert_eq!(budget.used(), 0);
    }
}
