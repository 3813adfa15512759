//! Backends that are spoken to in HTTP/2: one connection a worker and server,
//! many requests on it.
//!
//! The connection is opened when it is first needed, and anew when it has
//! ended. The head that was written for the backend in HTTP/1.1 is translated,
//! so both kinds of backend see the same fields. As with HTTP/1, a request of
//! which nothing was sent is tried once more elsewhere; one that the end of a
//! shared connection took with it is repeated if it may be.

mod upload;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;

use self::upload::Tasks;
pub(crate) use self::upload::{Part, Upload, filtered, has_data};
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

/// A handle of a connection.
#[derive(Clone, Debug)]
struct Handle {
    sender: SendRequest<Upload>,
    /// Which connection it is.
    serial: u64,
    /// It has served others.
    reused: bool,
}

/// The connection of one worker to one server.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    // A std lock: held to copy or replace the handle.
    current: Mutex<Option<Handle>>,
    // Whoever needs a connection first opens it; the others wait for that.
    opening: tokio::sync::Mutex<()>,
    /// Attempts that have failed; and whether the last one was too slow.
    failed: AtomicU64,
    was_slow: AtomicBool,
    /// Connections that were opened.
    opened: AtomicU64,
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Handle>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<Handle> {
        let current = self.current();
        let handle = current.as_ref()?;
        (!handle.sender.is_closed()).then(|| handle.clone())
    }

    /// Lets nobody send over a connection any more. One that its server has
    /// given up (GOAWAY) is not closed as long as older streams go on.
    fn give_up(&self, serial: u64) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|handle| handle.serial == serial) {
            *current = None;
        }
    }

    /// A handle to send a request with.
    async fn sender(&self, server: &Server) -> Result<Handle, Fault> {
        if let Some(handle) = self.usable() {
            return Ok(handle);
        }
        let failed = self.failed.load(Relaxed);
        let _one = self.opening.lock().await;
        if let Some(handle) = self.usable() {
            return Ok(handle);
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
        opened
    }

    async fn open(&self, server: &Server) -> Result<Handle, Fault> {
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
        let serial = self.opened.fetch_add(1, Relaxed);
        let handle = Handle { sender, serial, reused: false };
        *self.current() = Some(Handle { reused: true, ..handle.clone() });
        Ok(handle)
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
        if let Some(serial) = missed.ended {
            server.shared(job.worker).give_up(serial);
        }
        // A connection that has ended says little about its server.
        tried = (!missed.reused).then_some(server);
    }
}

/// A request without response.
struct Missed {
    fault: Fault,
    /// Over a connection that has served others.
    reused: bool,
    /// The connection takes no more requests.
    ended: Option<u64>,
    /// Nothing of it was sent: here is its body.
    unsent: Option<Upload>,
}

async fn send(
    server: &Server,
    job: &Job<'_>,
    request: Request<Upload>,
    first_byte: Duration,
) -> Result<Response<Incoming>, Missed> {
    let unsent =
        |fault, over: Option<&Handle>, request: Request<Upload>| Missed {
            fault,
            reused: over.is_some_and(|over| over.reused),
            ended: over.map(|over| over.serial),
            unsent: Some(request.into_body()),
        };
    let mut over = match server.shared(job.worker).sender(server).await {
        Ok(opened) => opened,
        Err(fault) => return Err(unsent(fault, None, request)),
    };
    if over.sender.ready().await.is_err() {
        return Err(unsent(Fault::ClosedBefore, Some(&over), request));
    }
    let (mut back, mut ended) = (None, false);
    let sent = async {
        over.sender.try_send_request(request).await.map_err(|mut error| {
            back = error.take_message().map(Request::into_body);
            let error = error.into_error();
            ended = back.is_some() || !is_refused_stream(&error);
            match back {
                Some(_) => Fault::ClosedBefore,
                None => fault(error),
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
        reused: over.reused,
        ended: ended.then_some(over.serial),
        unsent: back,
    })
}

/// What the failure of a request means: did the connection end before the
/// server has looked at it (RFC 9113, section 8.7)?
fn fault(error: hyper::Error) -> Fault {
    let cause = source::<h2::Error>(&error);
    let before = error.is_closed()
        || error.is_canceled()
        || is_refused_stream(&error)
        || cause.is_some_and(|cause| cause.is_go_away() || cause.is_io());
    match before {
        true => Fault::ClosedBefore,
        false => broken(error),
    }
}

/// The server took this request not; others it may take.
fn is_refused_stream(error: &hyper::Error) -> bool {
    let refused = Some(h2::Reason::REFUSED_STREAM);
    source::<h2::Error>(error)
        .is_some_and(|cause| cause.is_reset() && cause.reason() == refused)
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
