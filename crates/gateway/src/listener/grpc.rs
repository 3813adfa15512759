//! Questions of Envoy over gRPC: one unary method, and the health of the server.
//!
//! hyper speaks HTTP/2, with the limits of every other connection; here is what
//! gRPC puts on top of it (its `PROTOCOL-HTTP2.md`): five bytes before a
//! message, a status in the trailers. A message is read whole, within
//! `server.max_message_bytes` and the caller's patience. Compressed messages are
//! refused, as the protocol provides: Envoy sends none.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue, Method, Request as Message, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
    request::Parts,
};
use hyper::{
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    service::service_fn,
};
use tokio::time::{Instant, timeout};

use super::http2;
use crate::{
    decide::From,
    generation::Generation,
    http1::head::Refusal,
    metrics::{Kind, Mode},
    verdict::ext_authz::{self, Checked, Fault},
    wire::Wire,
    worker::Worker,
};
use frame::Unread;
use status::{Code, Status};

mod frame;
mod health;
mod status;

/// The method that Envoy calls.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// The form of messages.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Serves a connection to its end.
pub(super) async fn serve(wire: Wire, from: From, worker: &Arc<Worker>) {
    let service = service_fn(|request: Message<Incoming>| {
        let worker = Arc::clone(worker);
        async move {
            let response = call(request, from, &worker).await;
            http2::connection::answered();
            Ok::<_, Infallible>(response)
        }
    });
    http2::connection::drive(wire, from, worker, service).await;
}

async fn call(
    request: Message<Incoming>,
    from: From,
    worker: &Worker,
) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    if let Some(refused) = no_grpc(&parts) {
        return refused;
    }
    let answer = match parts.uri.path() {
        CHECK => check(&parts, body, from, worker).await,
        health::CHECK => health::check(&parts, body, worker).await,
        other => {
            let message = format!("no method {other}");
            Err(Status::new(Code::Unimplemented, message))
        }
    };
    match answer {
        Ok(message) => Reply::message(&message),
        Err(status) => {
            tracing::debug!(
                peer = %from.peer, code = ?status.code, status.message,
                "a question was refused"
            );
            Reply::status(&status)
        }
    }
}

/// What is not gRPC at all is answered by HTTP.
fn no_grpc(parts: &Parts) -> Option<Response<Reply>> {
    let content_type = parts.headers.get(CONTENT_TYPE);
    let form = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    let rest = form.strip_prefix(b"application/grpc");
    let is_proto = rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(b"+proto") || rest[0] == b';'
    });
    let (status, allow) = match (&parts.method, is_proto) {
        (&Method::POST, true) => return None,
        (&Method::POST, false) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None),
        _ => (StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
    };
    let mut response = Response::new(Reply::default());
    *response.status_mut() = status;
    if let Some(allow) = allow.map(HeaderValue::from_static) {
        response.headers_mut().insert(ALLOW, allow);
    }
    Some(response)
}

/// A verdict about one request.
async fn check(
    parts: &Parts,
    body: Incoming,
    from: From,
    worker: &Worker,
) -> Result<Vec<u8>, Status> {
    let begun = Instant::now();
    let generation = worker.generations.load();
    let checked = match ext_authz::admit(&generation, from) {
        Ok(()) => question(parts, body, &generation).await,
        Err(fault) => Err(fault.into()),
    };
    // By what is in force now: the message may have taken its time.
    let generation = worker.generations.load();
    let checked = checked.and_then(|question| match question {
        Question::Whole(message) => {
            Ok(ext_authz::check(worker, &generation, message)?)
        }
        Question::TooLong => Ok(ext_authz::refuse(Refusal {
            status: 413,
            reason: "request too large",
        })),
    });
    note(worker, &generation, checked.as_ref().ok(), begun);
    checked.map(|checked| checked.message)
}

/// A message of Envoy's.
enum Question {
    Whole(Bytes),
    /// The visitor filled it; that must lead to a denial.
    TooLong,
}

async fn question(
    parts: &Parts,
    body: Incoming,
    generation: &Generation,
) -> Result<Question, Status> {
    let config = &generation.setup.config;
    let max = config.server.map_or(0, |server| server.max_message_bytes);
    let longest = config.limits.header_timeout;
    match message(parts, body, max, longest).await {
        Ok(message) => Ok(Question::Whole(message)),
        Err(Unread::TooLong) => Ok(Question::TooLong),
        Err(Unread::Refused(status)) => Err(status),
    }
}

/// The one message of a call, within the caller's patience and ours.
async fn message(
    parts: &Parts,
    body: Incoming,
    max: usize,
    longest: Duration,
) -> Result<Bytes, Unread> {
    let told = parts.headers.get("grpc-timeout");
    let told = told.and_then(|told| status::timeout(told.as_bytes()));
    let patience = told.map_or(longest, |told| told.min(longest));
    match timeout(patience, frame::read(body, max)).await {
        Ok(read) => read,
        Err(_) => {
            let message = "the message came too slowly".to_owned();
            Err(Status::new(Code::DeadlineExceeded, message).into())
        }
    }
}

/// For metrics and log.
fn note(
    worker: &Worker,
    generation: &Generation,
    checked: Option<&Checked>,
    begun: Instant,
) {
    let now = Instant::now();
    let taken = now.duration_since(begun);
    let kind = checked.map_or(Kind::Malformed, Checked::kind);
    let status = checked.map_or(400, |checked| checked.status);
    worker.metrics.answered(Mode::Verdict, kind, status, taken);
    if let Some(record) = checked.and_then(|checked| checked.record.as_ref()) {
        worker.log.write(
            record,
            &generation.setup.policy,
            &worker.metrics,
            (status, taken),
            now.duration_since(worker.born).as_secs(),
        );
    }
}

impl std::convert::From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        // As gRPC itself has it (its `statuscodes.md`): what cannot be parsed
        // is INTERNAL.
        let code = match &fault {
            Fault::Stranger => Code::PermissionDenied,
            Fault::Undecodable(_) => Code::Internal,
            Fault::Missing(_) | Fault::Malformed(_) => Code::InvalidArgument,
        };
        Self::new(code, fault.to_string())
    }
}

/// The body of a response: at most one message, then the trailers.
#[derive(Debug, Default)]
struct Reply {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Reply {
    fn message(message: &[u8]) -> Response<Self> {
        let mut trailers = HeaderMap::new();
        Status::ok().write(&mut trailers);
        let message = Some(frame::of(message));
        let mut response =
            Response::new(Self { message, trailers: Some(trailers) });
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }

    /// No message: the trailers are the head.
    fn status(status: &Status) -> Response<Self> {
        let mut response = Response::new(Self::default());
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        status.write(response.headers_mut());
        response
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { message, trailers } = self.get_mut();
        let frame = message
            .take()
            .map(Frame::data)
            .or_else(|| trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.message.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(length as u64)
    }
}
