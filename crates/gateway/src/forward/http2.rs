//! Backends that are spoken to in HTTP/2: many requests on one connection.
//!
//! The head that was written for the backend in HTTP/1.1 is translated, so both
//! kinds of backend see the same fields. As with HTTP/1, a request of
//! which nothing was sent is tried once more elsewhere; one that the end of a
//! shared connection took with it is repeated if it may be.

mod greeted;
mod shared;
mod upload;

use std::{io, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use tokio::time::Instant;

use self::shared::{Handle, Place};
pub(crate) use self::{
    shared::Shared,
    upload::{Part, Upload, filtered, has_data},
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

/// A request that is under way until this is dropped, after the body of its
/// response.
#[derive(Debug)]
pub(crate) struct Held {
    _place: Place,
    _underway: Underway,
}

/// Sends a request and waits for the head of its response; tries once more
/// where that is safe. `on_fault` is told of what that spared the client.
pub(crate) async fn exchange(
    backend: &Backend,
    job: &Job<'_>,
    mut upload: Upload,
    on_fault: impl Fn(&Fault),
) -> Result<(Response<Incoming>, Held), Fault> {
    let (mut tried, mut again): (Option<Arc<Server>>, bool) = (None, false);
    loop {
        let picked = backend.pick(job.begun, tried.as_ref());
        let server = picked.map(Arc::clone).ok_or(Fault::ClosedBefore)?;
        let underway = Underway::at(&server);
        let request = request(job.head, server.config.tls, upload)
            .ok_or(Fault::Client(Refusal::bad("no request of HTTP/2")))?;
        let first_byte = backend.config.timeouts.first_byte;
        let missed = match send(&server, job, request, first_byte).await {
            Ok((response, place)) => {
                let held = Held { _place: place, _underway: underway };
                return Ok((response, held));
            }
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
) -> Result<(Response<Incoming>, Place), Missed> {
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
    let fault = match head {
        Ok(response) => return Ok((response, over.place)),
        Err(_) if job.progress.was_too_large() => {
            let reason = "body too large";
            Fault::Client(Refusal { status: 413, reason })
        }
        Err(fault) => fault,
    };
    Err(Missed {
        fault,
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
