//! The transport server's front: one generic service over raw paths, as the product's front is built.
use std::{
    convert::Infallible,
    future::{Ready, ready},
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lh_proto::littlehorse::{PollTaskRequest, PollTaskResponse};
use prost::Message;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming, body::Body, codegen::Service, server::Grpc};
use tonic_prost::ProstCodec;

use super::exchange::Exchange;

/// The same settings as the product's front has; flow-control windows never decide a figure.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const STREAMS_PER_CONNECTION: u32 = 1_000;

/// Where and how long to serve.
#[derive(Debug)]
pub struct Listen {
    /// `HOST:PORT`; port 0 takes a free one.
    pub address: String,
    /// End when standard input ends: with the process that started this one.
    pub exit_with_stdin: bool,
}

/// Serves until killed. Prints `ready HOST:PORT` once it listens.
pub async fn serve(listen: Listen) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot serve on {}: {error}", listen.address);
    let listener = TcpListener::bind(&listen.address).await.map_err(failed)?;
    println!("ready {}", listener.local_addr().map_err(failed)?);
    if listen.exit_with_stdin {
        std::thread::spawn(|| {
            // Whatever the end looks like, there is no parent any more.
            drop(std::io::stdin().read_to_end(&mut Vec::new()));
            std::process::exit(0);
        });
    }
    let front = Front { exchange: Arc::default() };
    loop {
        let (stream, _) = listener.accept().await.map_err(failed)?;
        tokio::spawn(connection(stream, front.clone()));
    }
}

async fn connection(stream: TcpStream, front: Front) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    // A connection that ends with an error was broken by its client: nothing to do about it here.
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

#[derive(Clone)]
struct Front {
    exchange: Arc<Mutex<Exchange>>,
}

impl Front {
    fn with_exchange<R>(&self, act: impl FnOnce(&mut Exchange) -> R) -> R {
        act(&mut self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(self, request: http::Request<Incoming>) -> http::Response<Body> {
        match request.uri().path().strip_prefix("/littlehorse.LittleHorse/") {
            Some("ReportTask") => {
                unary(request, |report| self.with_exchange(|exchange| exchange.report_task(report))).await
            }
            Some("RunWf") => unary(request, |run| Ok(self.with_exchange(|exchange| exchange.run_wf(run)))).await,
            Some("PutTaskDef") => {
                unary(request, |task_def| Ok(self.with_exchange(|exchange| exchange.put_task_def(task_def)))).await
            }
            Some("PutWfSpec") => {
                unary(request, |wf_spec| Ok(self.with_exchange(|exchange| exchange.put_wf_spec(wf_spec)))).await
            }
            Some("PollTask") => Grpc::new(ProstCodec::default()).streaming(Polls(self), request).await,
            _ => Status::unimplemented("the transport server has no such RPC").into_http(),
        }
    }
}

async fn unary<Q, R, F>(request: http::Request<Incoming>, answer: F) -> http::Response<Body>
where
    Q: Message + Default + Send + Sync + 'static,
    R: Message + Default + Send + Sync + 'static,
    F: Fn(Q) -> Result<R, Status> + Send,
{
    Grpc::new(ProstCodec::<R, Q>::default()).unary(Unary(answer), request).await
}

/// A function as tonic's unary service.
struct Unary<F>(F);

impl<Q, R, F: Fn(Q) -> Result<R, Status>> Service<Request<Q>> for Unary<F> {
    type Response = Response<R>;
    type Error = Status;
    type Future = Ready<Result<Response<R>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ready((self.0)(request.into_inner()).map(Response::new))
    }
}

/// One PollTask stream: each message is a poll, answered when a task is there.
struct Polls(Front);

impl Service<Request<Streaming<PollTaskRequest>>> for Polls {
    type Response = Response<UnboundedReceiverStream<Result<PollTaskResponse, Status>>>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Streaming<PollTaskRequest>>) -> Self::Future {
        let (answer, tasks) = mpsc::unbounded_channel();
        let front = self.0.clone();
        let mut polls = request.into_inner();
        tokio::spawn(async move {
            // A client that goes away ends the stream with an error; its polls are skipped from then on.
            while let Ok(Some(_)) = polls.message().await {
                front.with_exchange(|exchange| exchange.poll(answer.clone()));
            }
        });
        ready(Ok(Response::new(UnboundedReceiverStream::new(tasks))))
    }
}
