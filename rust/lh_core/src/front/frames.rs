//! gRPC framing: five bytes (compression flag, length) before each message. Messages stay raw bytes, so that hot
//! handlers decode themselves and cold ones pass bytes through.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::Body;
use prost::Message;
use tonic::Status;

use crate::front::{budget::Charge, limits, status};

/// Compression flag and length.
const HEADER_BYTES: usize = 5;

/// A message encoded with its frame header, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed(Bytes);

impl Framed {
    /// Encodes a message.
    pub fn encode(message: &impl Message) -> Self {
        let length = message.encoded_len();
        let mut buffer = header(length);
        // `encode` only fails if the buffer is too small, and a BytesMut grows.
        message.encode(&mut buffer).expect("a growing buffer takes every message");
        Self(buffer.freeze())
    }

    /// Frames a message that is serialized already.
    pub fn wrap(message: &[u8]) -> Self {
        let mut buffer = header(message.len());
        buffer.put_slice(message);
        Self(buffer.freeze())
    }

    /// Header and message.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

fn header(length: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(HEADER_BYTES + length);
    buffer.put_u8(0);
    buffer.put_u32(u32::try_from(length).expect("a message of 4 GiB cannot be built"));
    buffer
}

/// Cuts the body of a request into messages.
#[derive(Debug)]
pub struct FrameReader<B> {
    body: B,
    buffer: BytesMut,
    ended: bool,
    /// The memory that the call may take.
    charge: Charge,
}

impl<B: Body<Data = Bytes> + Unpin> FrameReader<B> {
    /// A reader at the start of this body.
    pub fn new(body: B, charge: Charge) -> Self {
        Self { body, buffer: BytesMut::new(), ended: false, charge }
    }

    /// The next message; `None` when the client has closed its side. Errors: too large (08/X-1), compressed, cut off,
    /// connection lost, no memory for it now (08/Q-8).
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if let Some(message) = take_message(&mut self.buffer)? {
                return Poll::Ready(Ok(Some(message)));
            }
            if self.ended {
                let rest = self.buffer.len();
                self.buffer.clear();
                return Poll::Ready(if rest == 0 {
                    Ok(None)
                } else {
                    Err(status::protocol_error("The request ends inside a message"))
                });
            }
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        let here = self.buffer.len() + data.len();
                        self.charge.cover(here).map_err(|failure| status::from_failure(&failure))?;
                        self.append(data);
                    }
                }
                Some(Err(_)) => return Poll::Ready(Err(Status::cancelled("The client went away"))),
                None => self.ended = true,
            }
            self.ended = self.ended || self.body.is_end_stream();
        }
    }

    /// Usually one DATA frame is one message: then its bytes are used as they are.
    fn append(&mut self, data: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = data.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        } else {
            self.buffer.extend_from_slice(&data);
        }
    }

    /// The only message of a unary request, and what is charged for it as long as the call lasts.
    pub async fn only_message(mut self) -> Result<(Bytes, Charge), Status> {
        let first = std::future::poll_fn(|context| self.poll_next(context)).await?;
        let Some(message) = first else { return Err(status::protocol_error("The request has no message")) };
        match std::future::poll_fn(|context| self.poll_next(context)).await? {
            None => Ok((message, self.charge)),
            Some(_) => Err(status::protocol_error("The request has more than one message")),
        }
    }
}

/// Takes a complete message off the front of the buffer.
fn take_message(buffer: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    if buffer.len() < HEADER_BYTES {
        return Ok(None);
    }
    let length = u32::from_be_bytes([buffer[1], buffer[2], buffer[3], buffer[4]]) as usize;
    if length > limits::MAX_MESSAGE_BYTES {
        return Err(status::message_too_large(length));
    }
    match buffer[0] {
        0 => {}
        1 => return Err(Status::unimplemented("Compressed messages are not accepted")),
        flag => return Err(status::protocol_error(format!("Unknown compression flag {flag}"))),
    }
    if buffer.len() < HEADER_BYTES + length {
        buffer.reserve((HEADER_BYTES + length - buffer.len()).min(limits::RESERVED_BYTES));
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::VecDeque;

    use super::*;
    use crate::front::budget::Budget;

    struct Pieces(VecDeque<Bytes>);
    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }

    fn reader(pieces: &[&[u8]]) -> FrameReader<Pieces> {
        let charge = Budget::new(1 << 30).call().unwrap();
        FrameReader::new(Pieces(pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect()), charge)
    }

    #[tokio::test]
    async fn message_in_pieces() {
        let message = reader(&[&[0, 0], &[0, 0, 3, b'a'], b"bc"]).only_message().await.unwrap().0;
        assert_eq!(&message[..], b"abc");
    }

    #[tokio::test]
    async fn several_messages_in_one_piece() {
        let mut reader = reader(&[&[0, 0, 0, 0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'b']]);
        let mut messages = Vec::new();
        while let Some(message) = std::future::poll_fn(|context| reader.poll_next(context)).await.unwrap() {
            messages.push(message);
        }
        assert_eq!(messages, [&b"a"[..], b"", b"b"]);
    }

    /// 08/X-1: refused as soon as the length is known, with RESOURCE_EXHAUSTED; exactly the limit is accepted.
    #[tokio::test]
    async fn oversized_message() {
        let length = (limits::MAX_MESSAGE_BYTES as u32 + 1).to_be_bytes();
        let refused = reader(&[&[0, length[0], length[1], length[2], length[3]]]).only_message().await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        let exact = Framed::wrap(&vec![7; limits::MAX_MESSAGE_BYTES]).into_bytes();
        assert_eq!(reader(&[&exact]).only_message().await.unwrap().0.len(), limits::MAX_MESSAGE_BYTES);
    }

    #[tokio::test]
    async fn malformed_frames() {
        assert_eq!(reader(&[&[1, 0, 0, 0, 0]]).only_message().await.unwrap_err().code(), tonic::Code::Unimplemented);
        for broken in [&[2, 0, 0, 0, 0][..], &[0, 0, 0, 0, 9, 1], &[], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(reader(&[broken]).only_message().await.unwrap_err().code(), tonic::Code::Internal, "{broken:?}");
        }
    }

    /// 08/Q-8: a message for which there is no memory now is refused with RetryInfo; what is announced costs nothing.
    #[tokio::test]
    async fn a_message_without_room() {
        let budget = Budget::new(0);
        let whole = Framed::wrap(&vec![7; limits::MAX_MESSAGE_BYTES]).into_bytes();
        let taken = budget.message(limits::MAX_MESSAGE_BYTES - 1_000, true).unwrap();
        let reader = |pieces: Vec<Bytes>, budget: &std::sync::Arc<Budget>| {
            FrameReader::new(Pieces(pieces.into()), budget.message(0, false).unwrap())
        };
        let announced = reader(vec![whole.slice(..100)], &budget).only_message().await.unwrap_err();
        assert_eq!(announced.code(), tonic::Code::Internal, "cut off, and not refused");
        let refused = reader(vec![whole.clone()], &budget).only_message().await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(!refused.details().is_empty());
        drop(taken);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn encoding_is_wrapping_the_serialized_message() {
        let message = lh_machine::pb::TaskDefId { name: "charge".into() };
        assert_eq!(Framed::encode(&message), Framed::wrap(&message.encode_to_vec()));
    }
}
