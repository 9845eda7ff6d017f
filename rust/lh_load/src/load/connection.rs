//! HTTP/2 connections and typed calls. Below tonic's `Grpc` sits one hyper connection without buffers, balancers or
//! reconnects: the driver shares its cores with the server, so every layer less makes the measurement more the server's.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::uri::PathAndQuery;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lh_proto::littlehorse::{PollTaskRequest, PollTaskResponse};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming, body::Body, client::Grpc, codegen::Service};
use tonic_prost::ProstCodec;

/// Flow-control windows far above what the load needs, so that they never decide a figure.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Pause between two looks at a connection.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// How long a single answer outside the load may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One HTTP/2 connection, cheap to clone.
#[derive(Clone)]
pub struct Connection {
    grpc: Grpc<Sender>,
}

#[derive(Clone)]
struct Sender(http2::SendRequest<Body>);

impl Service<http::Request<Body>> for Sender {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Connection {
    /// Connects to `HOST:PORT`. Errors are sentences for the user.
    pub async fn open(server: &str) -> Result<Self, String> {
        let refused = |error: &dyn std::fmt::Display| format!("cannot connect to {server}: {error}");
        let stream = TcpStream::connect(server).await.map_err(|error| refused(&error))?;
        stream.set_nodelay(true).map_err(|error| refused(&error))?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| refused(&error))?;
        // Its errors reach every call on it; nobody needs them twice.
        tokio::spawn(async move { drop(connection.await) });
        let origin = format!("http://{server}").parse().map_err(|error| refused(&error))?;
        Ok(Self { grpc: Grpc::with_origin(Sender(sender), origin) })
    }

    /// One unary call of the contract.
    ///
    /// `path`: `/littlehorse.LittleHorse/<Rpc>`. The caller names the right message types for it.
    pub async fn unary<Q, R>(&self, path: &'static str, request: Q) -> Result<R, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        R: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(path);
        grpc.unary(Request::new(request), path, ProstCodec::<Q, R>::default()).await.map(Response::into_inner)
    }

    /// [`Connection::unary`] for calls outside the load, where an answer that never comes must not hang the drive.
    ///
    /// Errors: a sentence with the RPC's name.
    pub async fn ask<Q, R>(&self, path: &'static str, request: Q) -> Result<R, String>
    where
        Q: prost::Message + Send + Sync + 'static,
        R: prost::Message + Default + Send + Sync + 'static,
    {
        let rpc = path.rsplit('/').next().unwrap_or(path);
        match tokio::time::timeout(PATIENCE, self.unary(path, request)).await {
            Ok(answer) => answer.map_err(|status| format!("{rpc}: {:?} {}", status.code(), status.message())),
            Err(_) => Err(format!("{rpc}: no answer within {} seconds", PATIENCE.as_secs())),
        }
    }

    /// Opens a PollTask stream; what is sent into `polls` goes out on it.
    pub async fn poll_task(
        &self,
        polls: mpsc::UnboundedReceiver<PollTaskRequest>,
    ) -> Result<Streaming<PollTaskResponse>, Status> {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static("/littlehorse.LittleHorse/PollTask");
        let requests = Request::new(UnboundedReceiverStream::new(polls));
        grpc.streaming(requests, path, ProstCodec::default()).await.map(Response::into_inner)
    }

    /// Waits until the server has ended the connection.
    pub async fn ended(&self) {
        let mut looked = self.grpc.clone();
        // A connection that is idle stays ready; its end is seen by asking again.
        while looked.ready().await.is_ok() {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    async fn ready(&self) -> Result<Grpc<Sender>, Status> {
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}
