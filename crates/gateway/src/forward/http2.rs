//! Backends that are spoken to in HTTP/2: one connection a worker and server,
//! many requests on it.
//!
//! The connection is opened when it is first needed, and anew when it has
//! ended. The head that was written for the backend in HTTP/1.1 is translated,
//! so both kinds of backend see the same fields. As with HTTP/1, a request of
//! which nothing was sent is tried once more elsewhere; one that the end of a
//! shared connection took with it is repeated if it may be.

use std::{
    cell::RefCell,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use hyper::{
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    client::conn::http2::{Builder, SendRequest},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    backend::Backend,
    fault::Fault,
    progress::Progress,
    server::{Server, Underway},
};
use crate::{
    headers::{self, Strip},
    http1::head::{MAX_FIELDS, Refusal, no_fields},
};

/// Silence after which the server is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Closed when an exchange is over: its upload is no longer wanted.
pub(crate) type Over = oneshot::Receiver<Infallible>;

tokio::task_local! {
    /// Of the exchange whose upload this task of hyper's sends.
    static OVER: RefCell<Option<Over>>;
}

/// Runs what hyper does beside a connection. A task that sends an upload ends
/// with its exchange, whether or not the server makes room for more: that drops
/// what hyper holds of both streams, which resets them.
#[derive(Clone, Debug)]
struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        tokio::spawn(OVER.scope(RefCell::default(), async move {
            let mut task = std::pin::pin!(task);
            std::future::poll_fn(|cx| {
                if task.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                OVER.with(|over| match over.borrow_mut().as_mut() {
                    Some(over) => Pin::new(over).poll(cx).map(|_| ()),
                    None => Poll::Pending,
                })
            })
            .await;
        }));
    }
}

/// The body of a request on its way to the server.
#[derive(Debug)]
pub(crate) enum Upload {
    /// None.
    Empty,
    /// A stream of the client's connection, as it is.
    Stream {
        body: Incoming,
        strip: Arc<Strip>,
        limit: u64,
        moved: u64,
        progress: Arc<Progress>,
        /// Left to the task that sends it, once there is one.
        over: Option<Over>,
    },
    /// Frames that somebody else reads.
    Frames { frames: mpsc::Receiver<Frame<Bytes>>, length: Option<u64> },
}

/// A body that is longer than allowed, or whose client has gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("body too large")]
    TooLarge,
    #[error(transparent)]
    Client(hyper::Error),
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Frames { frames, .. } => {
                frames.poll_recv(cx).map(|frame| frame.map(Ok))
            }
            Self::Stream { body, strip, limit, moved, progress, over } => {
                if over.is_some() {
                    // hyper begins to send in the task of the connection.
                    let _ = OVER.try_with(|of_task| {
                        *of_task.borrow_mut() = over.take();
                    });
                }
                let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                    progress.upload_waits();
                    return Poll::Pending;
                };
                let data = frame.as_ref().and_then(|f| f.as_ref().ok());
                let length = data.and_then(|frame| frame.data_ref());
                let length = length.map_or(0, Bytes::len);
                progress.uploaded(length);
                Poll::Ready(frame.map(|frame| {
                    let frame = frame.map_err(UploadError::Client)?;
                    *moved += length as u64;
                    if *limit > 0 && *moved > *limit {
                        progress.is_too_large();
                        return Err(UploadError::TooLarge);
                    }
                    Ok(filtered(frame, strip))
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, .. } => body.is_end_stream(),
            Self::Frames { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size_hint(),
            Self::Frames { length, .. } => {
                length.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

/// A frame whose trailers say only what trailers may.
pub(crate) fn filtered(frame: Frame<Bytes>, strip: &Strip) -> Frame<Bytes> {
    match frame.into_trailers() {
        Err(data) => data,
        Ok(trailers) => {
            let allowed = trailers
                .iter()
                .filter(|(name, _)| headers::may_trail(strip, name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()));
            Frame::trailers(allowed.collect())
        }
    }
}

/// The connection of one worker to one server.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    // A std lock: held to copy or replace the handle.
    current: Mutex<Option<SendRequest<Upload>>>,
    // Whoever needs a connection first opens it; the others wait for that.
    opening: tokio::sync::Mutex<()>,
    /// Attempts that have failed; and whether the last one was too slow.
    failed: AtomicU64,
    was_slow: AtomicBool,
}

impl Shared {
    fn usable(&self) -> Option<SendRequest<Upload>> {
        let current =
            self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = current.as_ref()?;
        (!sender.is_closed()).then(|| sender.clone())
    }

    /// A handle to send a request with; and whether the connection has been
    /// used before.
    async fn sender(
        &self,
        server: &Server,
    ) -> Result<(SendRequest<Upload>, bool), Fault> {
        if let Some(sender) = self.usable() {
            return Ok((sender, true));
        }
        let failed = self.failed.load(Relaxed);
        let _one = self.opening.lock().await;
        if let Some(sender) = self.usable() {
            return Ok((sender, true));
        }
        if self.failed.load(Relaxed) != failed {
            // One after the other, a queue would wait for a dead server.
            return Err(match self.was_slow.load(Relaxed) {
                true => Fault::ConnectTimeout,
                false => {
                    Fault::Connect(io::ErrorKind::ConnectionRefused.into())
                }
            });
        }
        let opened = self.open(server).await;
        if let Err(fault) = &opened {
            let slow = matches!(fault, Fault::ConnectTimeout);
            self.was_slow.store(slow, Relaxed);
            self.failed.fetch_add(1, Relaxed);
        }
        Ok((opened?, false))
    }

    async fn open(
        &self,
        server: &Server,
    ) -> Result<SendRequest<Upload>, Fault> {
        let wire = server.connect().await?.wire;
        let handshake = Builder::new(Tasks)
            .timer(TokioTimer::new())
            .keep_alive_interval(PROBE)
            .keep_alive_timeout(PROBE_TIMEOUT)
            .max_header_list_size(64 * 1024)
            .handshake(TokioIo::new(wire));
        let (sender, connection) = handshake.await.map_err(broken)?;
        // It ends by itself once every handle is gone and every response is
        // whole; with the worker's runtime at the latest.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to a backend ended");
            }
        });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(sender.clone());
        Ok(sender)
    }
}

/// A request for a backend.
pub(crate) struct Job<'j> {
    pub(crate) worker: usize,
    pub(crate) begun: Instant,
    /// In HTTP/1.1.
    pub(crate) head: &'j [u8],
    /// Without body and side effects.
    pub(crate) repeatable: bool,
    pub(crate) progress: &'j Progress,
    /// Bytes a second that the body of the request must move; 0 is no limit.
    pub(crate) min_rate: u64,
}

/// Sends a request and waits for the head of its response; tries once more
/// where that is safe. `on_fault` is told of what that spared the client.
pub(crate) async fn exchange(
    backend: &Backend,
    job: &Job<'_>,
    mut upload: Upload,
    on_fault: impl Fn(&Fault),
) -> Result<(Response<Incoming>, Underway), Fault> {
    let (mut tried, mut again): (Option<Arc<Server>>, bool) = (None, false);
    loop {
        let picked = backend.pick(job.begun, tried.as_ref());
        let server = picked.map(Arc::clone).ok_or(Fault::ClosedBefore)?;
        let underway = Underway::at(&server);
        let request = request(job.head, server.config.tls, upload)
            .ok_or(Fault::Client(Refusal::bad("no request of HTTP/2")))?;
        let first_byte = backend.config.timeouts.first_byte;
        let missed = match send(&server, job, request, first_byte).await {
            Ok(response) => return Ok((response, underway)),
            Err(missed) if again => return Err(missed.fault),
            Err(missed) => missed,
        };
        upload = match missed.unsent {
            Some(upload) => upload,
            None if job.repeatable
                && missed.reused
                && missed.fault.is_stale_connection() =>
            {
                Upload::Empty
            }
            None => return Err(missed.fault),
        };
        on_fault(&missed.fault);
        again = true;
        // A connection that has ended says little about its server.
        tried = (!missed.reused).then_some(server);
    }
}

/// A request without response.
struct Missed {
    fault: Fault,
    /// Over a connection that has served others.
    reused: bool,
    /// Nothing of it was sent: here is its body.
    unsent: Option<Upload>,
}

async fn send(
    server: &Server,
    job: &Job<'_>,
    request: Request<Upload>,
    first_byte: Duration,
) -> Result<Response<Incoming>, Missed> {
    let unsent = |fault, reused, request: Request<Upload>| Missed {
        fault,
        reused,
        unsent: Some(request.into_body()),
    };
    let (mut sender, reused) =
        match server.shared(job.worker).sender(server).await {
            Ok(opened) => opened,
            Err(fault) => return Err(unsent(fault, false, request)),
        };
    if sender.ready().await.is_err() {
        return Err(unsent(Fault::ClosedBefore, reused, request));
    }
    let mut back = None;
    let sent = async {
        sender.try_send_request(request).await.map_err(|mut error| {
            back = error.take_message().map(Request::into_body);
            match back {
                Some(_) => Fault::ClosedBefore,
                None => fault(error.into_error()),
            }
        })
    };
    let head = job.progress.in_time(first_byte, job.min_rate, sent).await;
    head.map_err(|fault| Missed {
        fault: match job.progress.was_too_large() {
            true => {
                let reason = "body too large";
                Fault::Client(Refusal { status: 413, reason })
            }
            false => fault,
        },
        reused,
        unsent: back,
    })
}

/// What the failure of a request means: did the connection end before the
/// server has looked at it (RFC 9113, section 8.7)?
fn fault(error: hyper::Error) -> Fault {
    let cause = source::<h2::Error>(&error);
    let refused = Some(h2::Reason::REFUSED_STREAM);
    let before = error.is_closed()
        || error.is_canceled()
        || cause.is_some_and(|cause| {
            cause.is_go_away()
                || cause.is_io()
                || cause.is_reset() && cause.reason() == refused
        });
    match before {
        true => Fault::ClosedBefore,
        false => broken(error),
    }
}

fn broken(error: hyper::Error) -> Fault {
    Fault::Broken(io::Error::other(error))
}

/// The cause of a certain type among all causes.
fn source<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Translates a head of ours. It was written by us, so it is one.
pub(crate) fn request(
    head: &[u8],
    secure: bool,
    body: Upload,
) -> Option<Request<Upload>> {
    let mut fields = no_fields();
    let mut parsed = httparse::Request::new(&mut []);
    httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(
            &mut parsed,
            head,
            &mut fields[..MAX_FIELDS],
        )
        .ok()?;
    let mut request = Request::new(body);
    *request.method_mut() = parsed.method?.parse().ok()?;
    let mut host = "";
    for field in &*parsed.headers {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match () {
            () if is("host") => host = std::str::from_utf8(field.value).ok()?,
            () if is("connection")
                || is("transfer-encoding")
                || is("upgrade")
                || is("expect") => {}
            () => {
                let name =
                    HeaderName::from_bytes(field.name.as_bytes()).ok()?;
                let value = HeaderValue::from_bytes(field.value).ok()?;
                request.headers_mut().append(name, value);
            }
        }
    }
    *request.uri_mut() = Uri::builder()
        .scheme(if secure { "https" } else { "http" })
        .authority(host)
        .path_and_query(parsed.path?)
        .build()
        .ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    Some(request)
}

/// Lines of HTTP/1.1 as trailers.
pub(crate) fn trailer_map(raw: &[u8], strip: &Strip) -> HeaderMap {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut map = HeaderMap::new();
    if let Ok(httparse::Status::Complete((_, fields))) =
        httparse::parse_headers(raw, &mut fields)
    {
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_bytes(field.value);
            if let (Ok(name), Ok(value)) = (name, value)
                && headers::may_trail(strip, field.name)
            {
                map.append(name, value);
            }
        }
    }
    map
}
