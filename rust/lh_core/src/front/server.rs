//! Listening, connections with explicit limits, and graceful shutdown.

use std::{convert::Infallible, future::ready, io, sync::Arc, time::Duration};

use http::Response;
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use crate::front::{Front, body::ResponseBody, limits, outgoing::Exit, pipeline::Pipeline, status};

/// Length of the HTTP/2 connection preface.
const PREFACE_BYTES: usize = 24;

/// Pause after the system could not give us a connection (e.g. no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A front that serves a listener.
pub struct Serving {
    front: Arc<Front>,
    health: HealthReporter,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<JoinSet<()>>,
    /// Cuts connections whose clients do not read.
    watching: JoinHandle<()>,
}

/// Serves `listener` on the current runtime until [`Serving::stop`].
pub async fn serve(listener: TcpListener, front: Arc<Front>) -> Serving {
    let health = HealthReporter::new();
    health.set_service_status("", ServingStatus::Serving).await;
    health.set_service_status("littlehorse.LittleHorse", ServingStatus::Serving).await;
    let service = HealthServer::new(HealthService::from_health_reporter(health.clone()));
    let (stop, stopping) = watch::channel(false);
    let watching = tokio::spawn(front.outgoing.clone().watch());
    let accepting = tokio::spawn(accept(listener, front.clone(), service, stopping));
    Serving { front, health, stop, accepting, watching }
}

impl Serving {
    /// Stops: no new connections, new RPCs refused, poll streams cut (04/TW-34i), GOAWAY; unary calls in flight get
    /// `drain` to finish, then connections are closed (08/F-1).
    pub async fn stop(self, drain: Duration) {
        self.front.refuse();
        self.health.set_service_status("", ServingStatus::NotServing).await;
        self.health.set_service_status("littlehorse.LittleHorse", ServingStatus::NotServing).await;
        self.stop.send_replace(true);
        if let Ok(mut connections) = self.accepting.await {
            let drained = async { while connections.join_next().await.is_some() {} };
            if timeout(drain, drained).await.is_err() {
                connections.shutdown().await;
            }
        }
        self.watching.abort();
    }
}

/// Accepts connections until the stop; returns those still open.
async fn accept(
    listener: TcpListener,
    front: Arc<Front>,
    health: HealthServer<HealthService>,
    mut stopping: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(front.parts.max_connections));
    let refusals = Arc::new(Semaphore::new(limits::MAX_REFUSALS));
    let mut turn = Turn::default();
    loop {
        turn.begin().await;
        let accepted = tokio::select! {
            _ = stopping.changed() => return connections,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            let (front, health, stopping) = (front.clone(), health.clone(), stopping.clone());
            connections.spawn(async move {
                connection(stream, front, health, stopping).await;
                drop(place);
            });
        } else if let Ok(refusal) = refusals.clone().try_acquire_owned() {
            connections.spawn(async move {
                refuse(stream).await;
                drop(refusal);
            });
        }
    }
}

/// How many connections were taken lately.
#[derive(Default)]
struct Turn {
    began: Option<Instant>,
    taken: u32,
}

impl Turn {
    /// Waits until another connection may be taken.
    async fn begin(&mut self) {
        let ends = self.began.map(|began| began + limits::ACCEPT_TURN).filter(|ends| *ends > Instant::now());
        match ends {
            Some(_) if self.taken < limits::ACCEPTS_PER_TURN => self.taken += 1,
            _ => {
                if let Some(ends) = ends {
                    sleep_until(ends).await;
                }
                *self = Self { began: Some(Instant::now()), taken: 1 };
            }
        }
    }
}

/// Tells a client that there are too many connections: as the answer to its calls, because what would end the connection
/// alone makes gRPC clients connect again at once.
async fn refuse(stream: TcpStream) {
    let service =
        service_fn(|_| ready(Ok::<Response<ResponseBody>, Infallible>(status::too_many_connections().into_http())));
    let mut connection = std::pin::pin!(http2_limits().serve_connection(TokioIo::new(stream), service));
    if timeout(limits::REFUSAL_TIMEOUT, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        // Who does not close his side by then is cut.
        let _ = timeout(limits::REFUSAL_TIMEOUT, connection).await;
    }
}

async fn connection(
    stream: TcpStream,
    front: Arc<Front>,
    health: HealthServer<HealthService>,
    mut stopping: watch::Receiver<bool>,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if !matches!(timeout(limits::HANDSHAKE_TIMEOUT, preface_arrives(&stream)).await, Ok(Ok(()))) {
        return;
    }
    let cut = Arc::new(Notify::new());
    let exit = Exit::new(front.outgoing.clone(), cut.clone());
    let pipeline = Pipeline::new(front, health, exit);
    let service = service_fn(move |request| pipeline.serve(request));
    let mut connection = std::pin::pin!(http2_limits().serve_connection(TokioIo::new(stream), service));
    let mut stop_seen = *stopping.borrow_and_update();
    if stop_seen {
        connection.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            // A connection that ends with an error was broken by its client: nothing to do about it here.
            _ = connection.as_mut() => return,
            // Its client does not read.
            () = cut.notified() => return,
            _ = stopping.changed(), if !stop_seen => {
                stop_seen = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Waits until the client has sent a whole preface, without taking it.
async fn preface_arrives(stream: &TcpStream) -> io::Result<()> {
    let mut preface = [0; PREFACE_BYTES];
    loop {
        match stream.peek(&mut preface).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            PREFACE_BYTES => return Ok(()),
            _ => sleep(limits::HANDSHAKE_RECHECK).await,
        }
    }
}

fn http2_limits() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits::MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(limits::MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(limits::MAX_PENDING_ACCEPT_RESET_STREAMS)
        .max_local_error_reset_streams(limits::MAX_LOCAL_ERROR_RESET_STREAMS)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(limits::MAX_SEND_BUFFER_BYTES)
        .keep_alive_interval(limits::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEPALIVE_TIMEOUT);
    builder
}
