//! The bodies of responses: one message with trailers, nothing (errors are in the headers), a poll stream, health.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tonic::Status;

use crate::front::hot::poll_task::PollBody;

/// Body of a response of the front.
#[derive(Default)]
pub enum ResponseBody {
    /// Nothing more to send; also a response whose headers say everything.
    #[default]
    Empty,
    /// One framed message, then trailers.
    Message(Bytes),
    /// The trailers of a call that succeeded.
    Trailers,
    /// The stream of `PollTask`.
    Polls(Box<PollBody>),
    /// An answer of the health service.
    Health(tonic::body::Body),
}

/// Trailers that say OK.
pub fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

/// Trailers that say why a stream ended.
pub fn error_trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    if status.add_header(&mut trailers).is_err() {
        // Only a text that cannot be a header value fails; its code must still arrive.
        trailers.insert(Status::GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    trailers
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let body = self.get_mut();
        match body {
            Self::Empty => Poll::Ready(None),
            Self::Message(_) => {
                let Self::Message(message) = std::mem::replace(body, Self::Trailers) else { unreachable!() };
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Self::Trailers => {
                *body = Self::Empty;
                Poll::Ready(Some(Ok(Frame::trailers(ok_trailers()))))
            }
            Self::Polls(polls) => polls.poll_frame(context).map(|frame| frame.map(Ok)),
            Self::Health(health) => Pin::new(health).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Message(_) | Self::Trailers | Self::Polls(_) => false,
            Self::Health(health) => health.is_end_stream(),
        }
    }
}
