//! Where a link puts what came, for the event loop to take over in batches.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::Mutex,
};

use bytes::Bytes;

use super::locked;

/// How a report ended.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The number it was sent with.
    pub number: u64,
    /// Code and message of the refusal; `None` = it arrived.
    pub error: Option<String>,
}

/// Everything that came since it was looked at last.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// Serialized PollTaskResponses of the current stream.
    pub responses: Vec<Bytes>,
    /// Reports that are done with.
    pub outcomes: Vec<Outcome>,
    /// How the current stream ended, after these responses: empty = well, otherwise code and message.
    pub ended: Option<String>,
}

/// A batch that grows, and a socket that is readable while it holds something.
pub struct Inbox {
    state: Mutex<State>,
    read: UnixStream,
    write: UnixStream,
}

#[derive(Default)]
struct State {
    batch: Batch,
    stream: u64,
    is_signalled: bool,
}

impl Inbox {
    /// An empty inbox. Errors: no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        Ok(Self { state: Mutex::default(), read, write })
    }

    /// The socket's reading end.
    pub fn descriptor(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// The number of a new stream; what still comes from those before it is dropped.
    pub fn begin_stream(&self) -> u64 {
        let mut state = locked(&self.state);
        state.stream += 1;
        state.batch.responses.clear();
        state.batch.ended = None;
        state.stream
    }

    /// A response came on a stream.
    pub fn arrived(&self, stream: u64, response: Bytes) {
        self.put(|state| {
            let is_current = state.stream == stream;
            if is_current {
                state.batch.responses.push(response);
            }
            is_current
        });
    }

    /// A stream ended.
    pub fn stream_ended(&self, stream: u64, how: String) {
        self.put(|state| {
            let is_current = state.stream == stream;
            if is_current {
                state.batch.ended = Some(how);
            }
            is_current
        });
    }

    /// A report is done with.
    pub fn reported(&self, outcome: Outcome) {
        self.put(|state| {
            state.batch.outcomes.push(outcome);
            true
        });
    }

    /// Takes everything; the socket is quiet afterwards.
    pub fn take(&self) -> Batch {
        let mut state = locked(&self.state);
        if state.is_signalled {
            // One byte is all that is ever in it.
            let _ = (&self.read).read(&mut [0]);
            state.is_signalled = false;
        }
        std::mem::take(&mut state.batch)
    }

    fn put(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut state = locked(&self.state);
        if change(&mut state) && !state.is_signalled {
            // It has room: there is at most one byte in it. And both ends live as long as this.
            state.is_signalled = (&self.write).write(&[1]).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What came while nobody looked is one batch, and the socket says once that there is one.
    #[test]
    fn one_signal_for_a_batch() {
        let inbox = Inbox::new().unwrap();
        let stream = inbox.begin_stream();
        inbox.arrived(stream, Bytes::from_static(b"a"));
        inbox.arrived(stream, Bytes::from_static(b"b"));
        inbox.reported(Outcome { number: 7, error: None });
        inbox.stream_ended(stream, String::new());
        let batch = inbox.take();
        assert_eq!(batch.responses, [Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        assert_eq!(batch.outcomes, [Outcome { number: 7, error: None }]);
        assert_eq!(batch.ended, Some(String::new()));
        assert!((&inbox.read).read(&mut [0]).is_err(), "still readable");
        assert_eq!(inbox.take(), Batch::default());
    }

    /// A stream that was replaced says nothing any more: its places were given back already.
    #[test]
    fn nothing_of_streams_before() {
        let inbox = Inbox::new().unwrap();
        let before = inbox.begin_stream();
        inbox.arrived(before, Bytes::from_static(b"a"));
        inbox.begin_stream();
        inbox.arrived(before, Bytes::from_static(b"b"));
        inbox.stream_ended(before, "Cancelled: ".into());
        assert_eq!(inbox.take(), Batch::default());
    }
}
