//! `PollTask`: a stream of polls (04 section 5). Each request is one place in the queue of waiting polls and gets
//! exactly one response, whenever there is work (TW-34a).
//!
//! The stream has no task of its own: HTTP/2 polls the response body, and the body reads the requests and the
//! deliveries. So 10,000 waiting workers cost no thread and no second task each.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use hyper::body::Incoming;
use lh_machine::pb;
use tokio::sync::mpsc::UnboundedReceiver;
use tonic::Status;

use crate::front::{
    Caller,
    body::{ResponseBody, error_trailers, ok_trailers},
    doors::{Delivery, Polls},
    frames::{FrameReader, Framed},
    hot::decode,
    ids::required_task_def,
    limits,
    outgoing::Exit,
    status,
};

/// Requests that one stream may bring in before others get their turn.
const REQUESTS_PER_TURN: usize = 64;

/// Opens the stream; the caller was checked (08/G-2).
pub fn open(polls: &Arc<dyn Polls>, caller: &Caller, requests: FrameReader<Incoming>, exit: Exit) -> ResponseBody {
    let (stream, deliveries) = polls.open_stream(&caller.tenant);
    ResponseBody::Polls(Box::new(PollBody {
        polls: polls.clone(),
        stream,
        requests: Some(requests),
        deliveries,
        ended: false,
        exit,
    }))
}

/// Both directions of one `PollTask` stream.
pub struct PollBody {
    polls: Arc<dyn Polls>,
    stream: u64,
    /// `None` once the client has closed its side.
    requests: Option<FrameReader<Incoming>>,
    deliveries: UnboundedReceiver<Delivery>,
    /// Trailers were sent.
    ended: bool,
    exit: Exit,
}

impl PollBody {
    /// The next response, or the trailers that end the stream.
    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Err(refusal) = self.take_requests(context) {
            return self.end(Err(refusal));
        }
        match std::task::ready!(self.deliveries.poll_recv(context)) {
            Some(Delivery::Task { task, .. }) => {
                self.polls.taken(self.stream);
                let response = pb::PollTaskResponse { result: Some(*task) };
                match self.exit.send(Framed::encode(&response), true) {
                    Ok(message) => Poll::Ready(Some(Frame::data(message))),
                    Err(refusal) => self.end(Err(refusal)),
                }
            }
            Some(Delivery::Finished) => self.end(Ok(())),
            Some(Delivery::Cut(failure)) => self.end(Err(status::from_failure(&failure))),
            None => self.end(Err(status::shutting_down())),
        }
    }

    /// Lets the polls wait that have arrived; notes when the client closes its side (TW-34f).
    fn take_requests(&mut self, context: &mut Context<'_>) -> Result<(), Status> {
        for _ in 0..REQUESTS_PER_TURN {
            let Some(requests) = &mut self.requests else { return Ok(()) };
            match requests.poll_next(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Some(message))) => {
                    if message.len() > limits::MAX_POLL_BYTES {
                        return Err(status::invalid(format!("A poll has {} bytes at most", limits::MAX_POLL_BYTES)));
                    }
                    let request: pb::PollTaskRequest = decode("PollTask", message)?;
                    // An unknown TaskDef waits like any other (TW-34e); an empty name can never be served.
                    required_task_def(request.task_def_id.as_ref(), "task_def_id")?;
                    self.polls.poll(self.stream, request).map_err(|failure| status::from_failure(&failure))?;
                }
                Poll::Ready(Ok(None)) => {
                    self.requests = None;
                    self.polls.half_close(self.stream);
                }
                Poll::Ready(Err(refusal)) => return Err(refusal),
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn end(&mut self, outcome: Result<(), Status>) -> Poll<Option<Frame<Bytes>>> {
        self.ended = true;
        Poll::Ready(Some(Frame::trailers(match outcome {
            Ok(()) => ok_trailers(),
            Err(status) => error_trailers(&status),
        })))
    }
}

impl Drop for PollBody {
    /// Ended, cancelled or disconnected: nothing of this stream waits any longer (TW-34h), and tasks that were not
    /// written to it are claimed in vain (TW-23).
    fn drop(&mut self) {
        self.deliveries.close();
        let mut undelivered = Vec::new();
        while let Ok(delivery) = self.deliveries.try_recv() {
            if let Delivery::Task { shard, task } = delivery {
                undelivered.push((shard, task));
            }
        }
        self.polls.close(self.stream, undelivered);
    }
}
