//! The client side of a Python task worker: one HTTP/2 connection that polls and reports beside the interpreter.
//!
//! `inbox` = what waits to be taken over, in batches · `codec` = messages as the bytes they are; Python knows their types
//!
//! No call blocks and none needs the interpreter: what happens goes into the inbox, whose socket wakes the event loop.

mod codec;
mod inbox;

use std::{
    io,
    os::fd::RawFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use codec::RawCodec;
use inbox::Inbox;
pub use inbox::{Batch, Outcome};

const POLL_TASK: &str = "/littlehorse.LittleHorse/PollTask";
const REPORT_TASK: &str = "/littlehorse.LittleHorse/ReportTask";
const TENANT_HEADER: &str = "tenantid";

/// What a link is made for.
pub struct Settings {
    /// `HOST:PORT`; spoken to without TLS.
    pub server: String,
    /// Sent with every call; `None` = the server's default tenant.
    pub tenant: Option<String>,
    /// The serialized PollTaskRequest, the same for every poll.
    pub poll: Bytes,
    /// Time between pings on a quiet connection.
    pub keepalive: Duration,
    /// Time without an answer to a ping after which the connection counts as dead.
    pub keepalive_timeout: Duration,
    /// Whether a refused report waits as long as an overloaded server asks for, and then tries again (09/PY-14).
    pub waits_when_exhausted: bool,
}

/// A report on its way.
pub struct Report {
    /// Comes back with the outcome.
    pub number: u64,
    /// The serialized ReportTaskRun.
    pub message: Bytes,
    /// Time for each attempt.
    pub timeout: Duration,
}

/// One connection of a worker to one server. Dropping it cancels its stream and its reports.
pub struct Link {
    caller: Caller,
    inbox: Arc<Inbox>,
    stream: Mutex<Option<Stream>>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
}

/// What one call sends. It crosses to the other thread in one piece, because waking that is a system call.
struct Outgoing {
    /// How many polls on which stream; `None` if that is closed.
    polls: Option<(mpsc::UnboundedSender<Bytes>, usize)>,
    reports: Vec<Report>,
}

struct Stream {
    /// `None` once half-closed.
    polls: Option<mpsc::UnboundedSender<Bytes>>,
    task: AbortHandle,
}

#[derive(Clone)]
struct Caller {
    channel: Channel,
    tenant: Option<MetadataValue<Ascii>>,
    waits_when_exhausted: bool,
}

/// The thread that all links of a process share: what it does for a task takes less than Python needs for one.
///
/// A forked process has no threads of the one before and gets a thread of its own.
fn runtime() -> io::Result<Handle> {
    static MADE: Mutex<Option<(u32, Handle)>> = Mutex::new(None);
    let process = std::process::id();
    let mut made = locked(&MADE);
    if let Some((_, handle)) = made.as_ref().filter(|(owner, _)| *owner == process) {
        return Ok(handle.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("lh-worker-link".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    *made = Some((process, handle.clone()));
    Ok(handle)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// A link that connects when it is first used, and again whenever that is needed.
    ///
    /// Errors: `InvalidInput` for a server or tenant that cannot be spelled in a request; others if the process has no
    /// room for a thread or a socket.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("not a {what}"));
        let endpoint = Endpoint::from_shared(format!("http://{}", settings.server))
            .map_err(|_| bad("HOST:PORT"))?
            .http2_keep_alive_interval(settings.keepalive)
            .keep_alive_timeout(settings.keepalive_timeout)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let tenant = settings.tenant.map(|text| text.parse().map_err(|_| bad("tenant"))).transpose()?;
        let runtime = runtime()?;
        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };
        let caller = Caller { channel, tenant, waits_when_exhausted: settings.waits_when_exhausted };
        let inbox = Arc::new(Inbox::new()?);
        let (outgoing, queue) = mpsc::unbounded_channel();
        runtime.spawn(send_all(caller.clone(), settings.poll, Arc::clone(&inbox), queue));
        Ok(Self { caller, inbox, stream: Mutex::new(None), outgoing })
    }

    /// Readable while something waits to be taken.
    pub fn descriptor(&self) -> RawFd {
        self.inbox.descriptor()
    }

    /// Opens a PollTask stream in place of the one before, if any.
    pub fn open_stream(&self) -> io::Result<()> {
        let mut stream = locked(&self.stream);
        if let Some(before) = stream.take() {
            before.task.abort();
        }
        let number = self.inbox.begin_stream();
        let (polls, requests) = mpsc::unbounded_channel();
        let (caller, inbox) = (self.caller.clone(), Arc::clone(&self.inbox));
        let task = runtime()?.spawn(async move {
            let status = read_stream(caller, &inbox, number, requests).await;
            inbox.stream_ended(number, status.err().map(|status| sentence(&status)).unwrap_or_default());
        });
        *stream = Some(Stream { polls: Some(polls), task: task.abort_handle() });
        Ok(())
    }

    /// Sends polls and reports; the outcomes of reports arrive in the inbox.
    ///
    /// Nothing becomes of polls on a stream that is closed or broken; its end arrives by itself.
    pub fn send(&self, polls: usize, reports: Vec<Report>) {
        let stream = locked(&self.stream).as_ref().and_then(|stream| stream.polls.clone());
        // The receiver lives as long as the link.
        drop(self.outgoing.send(Outgoing { polls: stream.map(|stream| (stream, polls)), reports }));
    }

    /// Sends no more polls and says so; claims under way still arrive.
    pub fn half_close(&self) {
        if let Some(stream) = locked(&self.stream).as_mut() {
            stream.polls = None;
        }
    }

    /// Cuts the stream; nothing more of it arrives.
    pub fn cancel_stream(&self) {
        self.inbox.begin_stream();
        if let Some(stream) = locked(&self.stream).take() {
            stream.task.abort();
        }
    }

    /// Everything that came since the last call.
    pub fn take(&self) -> Batch {
        self.inbox.take()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cancel_stream();
    }
}

impl Caller {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(tenant) = &self.tenant {
            request.metadata_mut().insert(TENANT_HEADER, tenant.clone());
        }
        request
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(chain(&error)))?;
        Ok(grpc)
    }

    /// One attempt to report.
    async fn report(&self, message: Bytes, timeout: Duration) -> Result<(), Status> {
        let attempt = async {
            let mut request = self.request(message);
            request.set_timeout(timeout);
            self.ready().await?.unary(request, PathAndQuery::from_static(REPORT_TASK), RawCodec).await
        };
        match tokio::time::timeout(timeout, attempt).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }

    /// Reports, as often as an overloaded server asks for it.
    async fn report_patiently(&self, report: &Report) -> Result<(), Status> {
        loop {
            let refused = match self.report(report.message.clone(), report.timeout).await {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let asked = refused.get_details_retry_info().and_then(|info| info.retry_delay);
            match asked {
                Some(delay)
                    if self.waits_when_exhausted && refused.code() == Code::ResourceExhausted && !delay.is_zero() =>
                {
                    tokio::time::sleep(delay).await;
                }
                _ => return Err(refused),
            }
        }
    }
}

/// Sends polls, and each report concurrently with the others, until the link is dropped.
async fn send_all(caller: Caller, poll: Bytes, inbox: Arc<Inbox>, mut queue: mpsc::UnboundedReceiver<Outgoing>) {
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            outgoing = queue.recv() => {
                let Some(Outgoing { polls, reports }) = outgoing else { return };
                if let Some((stream, count)) = polls {
                    // A stream that is gone receives nothing.
                    (0..count).for_each(|_| drop(stream.send(poll.clone())));
                }
                for report in reports {
                    let (caller, inbox) = (caller.clone(), Arc::clone(&inbox));
                    under_way.spawn(async move {
                        let answer = caller.report_patiently(&report).await;
                        let error = answer.err().map(|status| sentence(&status));
                        inbox.reported(Outcome { number: report.number, error });
                    });
                }
            }
            Some(_) = under_way.join_next() => {}
        }
    }
}

/// Hands on what a stream brings until it ends.
async fn read_stream(
    caller: Caller,
    inbox: &Inbox,
    number: u64,
    requests: mpsc::UnboundedReceiver<Bytes>,
) -> Result<(), Status> {
    let request = caller.request(UnboundedReceiverStream::new(requests));
    let path = PathAndQuery::from_static(POLL_TASK);
    let mut responses = caller.ready().await?.streaming(request, path, RawCodec).await?.into_inner();
    while let Some(response) = responses.message().await? {
        inbox.arrived(number, response);
    }
    Ok(())
}

/// Code and message of a status.
fn sentence(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// An error with what caused it, for those whose own text says nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
