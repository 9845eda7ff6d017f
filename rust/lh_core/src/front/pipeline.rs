//! The checks of a request in their order (08 section 1), and the way from a path to a handler.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use lh_machine::pb::AclAction;
use tonic::Status;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::Service;

use crate::front::{
    Caller, Front,
    body::ResponseBody,
    cold,
    doors::Identities,
    frames::FrameReader,
    hot, limits,
    outgoing::Exit,
    routes::{self, Handler, HotRpc, Route},
    status, within_deadline,
};

/// Path prefix of the standard health service, which is served beside the contract (08/H-2).
const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// The metadata key of the tenant, as gRPC writes it on the wire (08/T-1).
const TENANT_HEADER: &str = "tenantid";

/// The one service: every call of every connection goes through here.
#[derive(Clone)]
pub struct Pipeline {
    front: Arc<Front>,
    health: HealthServer<HealthService>,
    exit: Exit,
}

impl Pipeline {
    /// The pipeline of a front and its health service, for a connection with this way out.
    pub fn new(front: Arc<Front>, health: HealthServer<HealthService>, exit: Exit) -> Self {
        Self { front, health, exit }
    }

    /// Begins to answer one call; never fails, because errors are answers.
    pub fn serve(&self, request: Request<Incoming>) -> Answering {
        if let Some(refusal) = not_grpc(&request) {
            return Answering::at_once(refusal);
        }
        let path = request.uri().path();
        if let Some(route) = path.strip_prefix(routes::SERVICE_PATH).and_then(routes::find) {
            return Front::answer(&self.front, route, request, &self.exit).unwrap_or_else(Answering::refused);
        }
        if path.starts_with(HEALTH_PATH) {
            return Answering::Later(Box::pin(health(self.health.clone(), request)));
        }
        Answering::refused(status::unknown_method(path))
    }
}

/// The answer to one call: known at once, or the work on it. The work is boxed where it begins, because HTTP/2 moves what
/// it is given several times.
pub enum Answering {
    /// The response; taken when it is asked for.
    AtOnce(Option<Box<Response<ResponseBody>>>),
    /// The work.
    Later(Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>),
}

impl Answering {
    fn at_once(response: Response<ResponseBody>) -> Self {
        Self::AtOnce(Some(Box::new(response)))
    }

    fn refused(status: Status) -> Self {
        Self::at_once(status.into_http())
    }

    /// A unary call, bounded in time (03/E-002).
    fn unary(work: impl Future<Output = Result<Bytes, Status>> + Send + 'static) -> Self {
        Self::within(Duration::from_secs(limits::RPC_DEADLINE_S), work)
    }

    /// A unary call that may take this long.
    fn within(limit: Duration, work: impl Future<Output = Result<Bytes, Status>> + Send + 'static) -> Self {
        Self::Later(Box::pin(async move {
            match within_deadline(limit, work).await {
                Ok(message) => response(ResponseBody::Message(message)),
                Err(status) => status.into_http(),
            }
        }))
    }
}

impl Future for Answering {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::AtOnce(response) => Poll::Ready(Ok(*response.take().expect("a future is not polled after its end"))),
            Self::Later(work) => work.as_mut().poll(context).map(Ok),
        }
    }
}

async fn health(mut health: HealthServer<HealthService>, request: Request<Incoming>) -> Response<ResponseBody> {
    match health.call(request.map(tonic::body::Body::new)).await {
        Ok(response) => response.map(ResponseBody::Health),
        Err(impossible) => match impossible {},
    }
}

impl Front {
    /// Steps 1 to 9 of 08 section 1; authentication, ACLs and quotas come with the security work.
    fn answer(
        front: &Arc<Self>,
        route: &'static Route,
        request: Request<Incoming>,
        exit: &Exit,
    ) -> Result<Answering, Status> {
        if front.is_stopping() {
            return Err(status::shutting_down());
        }
        let tenant = tenant(request.headers(), &front.parts.identities)?;
        let caller = Caller { tenant, principal: hot::whoami::ANONYMOUS };
        let longest_wait = hot::await_workflow_event::longest_wait(request.headers());
        let charge = front.budget.call().map_err(|failure| status::from_failure(&failure))?;
        let reader = FrameReader::new(request.into_body(), charge);
        let (front, exit) = (front.clone(), exit.clone());
        // What was only read can be read again; what was done has to be said.
        let must_go = !matches!(route.grant, Some((_, AclAction::Read)));
        match route.handler {
            Handler::Poll => {
                let stream = hot::poll_task::open(&front.parts.polls, &caller, reader, exit);
                Ok(Answering::at_once(response(stream)))
            }
            Handler::Unimplemented => Err(status::not_built(route.name)),
            Handler::Cold => Ok(Answering::unary(async move {
                exit.send(cold::answer(front, route.name, caller, reader).await?, must_go)
            })),
            Handler::Hot(HotRpc::AwaitWorkflowEvent) => Ok(Answering::within(longest_wait, async move {
                let (request, _charge) = reader.only_message().await?;
                exit.send(hot::await_workflow_event::answer(&front, &caller, request).await?, must_go)
            })),
            Handler::Hot(rpc) => Ok(Answering::unary(async move {
                let (request, _charge) = reader.only_message().await?;
                exit.send(hot::answer(&front, rpc, &caller, request).await?, must_go)
            })),
        }
    }
}

/// Response headers of a call that reached its handler.
fn response(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// The plain HTTP answer to something that is not gRPC.
fn not_grpc<B>(request: &Request<B>) -> Option<Response<ResponseBody>> {
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let code = if request.method() != Method::POST {
        StatusCode::METHOD_NOT_ALLOWED
    } else if !is_grpc {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        return None;
    };
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = code;
    Some(response)
}

/// The tenant of a call (08/T-1 to T-3): the last value counts, no header means `default`.
fn tenant(headers: &HeaderMap, identities: &Identities) -> Result<String, Status> {
    let Some(value) = headers.get_all(TENANT_HEADER).iter().next_back() else {
        return Ok(Identities::DEFAULT_TENANT.to_owned());
    };
    let name = value.to_str().map_err(|_| status::tenant_not_allowed())?.trim();
    if identities.knows_tenant(name) { Ok(name.to_owned()) } else { Err(status::tenant_not_allowed()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::front::doors::Known;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (http::HeaderName::from_static("tenantid"), HeaderValue::from_static(value)))
            .collect()
    }

    /// 08/T-1, T-2: no header, one, the same twice, surrounding blanks.
    #[test]
    fn tenant_of_a_call() {
        let identities = Identities::default();
        let tenants = Arc::new(["acme".to_owned()].into());
        identities.replace(Known { tenants, anonymous: None });
        for (values, expected) in [
            (&[][..], "default"),
            (&["default"], "default"),
            (&["acme"], "acme"),
            (&["acme", "acme"], "acme"),
            (&["other", "acme"], "acme"),
            (&[" acme "], "acme"),
        ] {
            assert_eq!(tenant(&headers(values), &identities).unwrap(), expected, "{values:?}");
        }
    }

    /// 03/E-002, 05/E-84: a command that is not answered within 60 s; time is that of the runtime, which is paused.
    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_ends() {
        let response = Answering::unary(std::future::pending()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        let nearly = Answering::unary(async {
            tokio::time::sleep(Duration::from_secs(59)).await;
            Err(Status::not_found("nothing"))
        });
        let status = Status::from_header_map(nearly.await.unwrap().headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::NotFound);
    }

    /// 08/T-3: unknown and empty names.
    #[test]
    fn unknown_tenants_are_denied() {
        let identities = Identities::default();
        for values in [&["acme"][..], &[""], &[" "], &["default", "acme"], &["Default"]] {
            let refused = tenant(&headers(values), &identities).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{values:?}");
            assert_eq!(refused.message(), "Tenant not allowed");
        }
    }
}
