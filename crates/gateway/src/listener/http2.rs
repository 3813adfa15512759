//! A connection of HTTP/2: many requests at once, decided like any other.
//!
//! hyper speaks the protocol: it bounds streams and header lists, and closes
//! connections that open streams only to reset them. The fields of each stream
//! go the same way as those of HTTP/1.1.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Request as Message, Response};
use httparse::Header;
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    answer::Answer,
    decide::{From, Record, Verdict, decide},
    forward::{
        backend::Backend,
        fault::Fault,
        http2::{self, Job, Upload},
        server::{Server, Underway},
        stream::{Exchange, Head},
    },
    generation::Generation,
    http1::{
        body::{Encoder, Framing},
        head::{MAX_FIELDS, Refusal},
        response::is_bodiless,
    },
    request::{HasBody, Request},
    wire::Wire,
    worker::Worker,
};
use response::{Download, Note, Noted, own, whole};

pub(super) mod connection;
mod frames;
mod response;

/// Serves a connection to its end.
pub(super) async fn serve(wire: Wire, from: From, worker: &Arc<Worker>) {
    let service = service_fn(|request: Message<Incoming>| {
        let worker = Arc::clone(worker);
        async move {
            let response = answer(request, from, worker).await;
            connection::answered();
            Ok::<_, Infallible>(response)
        }
    });
    connection::drive(wire, from, worker, service).await;
}

/// A request that was decided.
struct Decided {
    verdict: Verdict,
    record: Record,
    /// For the backend, in HTTP/1.1.
    head: Vec<u8>,
    encoder: Encoder,
    to_head: bool,
    repeatable: bool,
    has_body: HasBody,
}

async fn answer(
    message: Message<Incoming>,
    from: From,
    worker: Arc<Worker>,
) -> Response<Noted> {
    let generation = worker.generations.load();
    let mut note = Note {
        worker: Arc::clone(&worker),
        generation: Arc::clone(&generation),
        record: None,
        // Unless there is an answer, the client did not wait for it.
        status: 499,
        begun: Instant::now(),
        backend: None,
        progress: connection::progress(),
    };
    let decided = match read(&message, from, &worker, &generation) {
        Ok(decided) => decided,
        Err(refusal) => return own(&Answer::refusal(refusal), false, note),
    };
    note.record = Some(decided.record.clone());
    let to_head = decided.to_head;
    let backend = match &decided.verdict {
        Verdict::Answer(answer) => return own(answer, to_head, note),
        Verdict::Forward(backend) => Arc::clone(backend),
    };
    note.backend = Some(Arc::clone(&backend));
    let id = decided.record.id.clone();
    let sent = match backend.config.http2 {
        true => over_http2(message, &decided, &backend, &note).await,
        false => over_http1(message, &decided, &backend, &note).await,
    };
    match sent {
        Ok((head, download)) => whole(head, download, note),
        Err(fault) => {
            note.fault(&fault);
            let answer = match &fault {
                Fault::Client(refusal) => Answer::refusal(*refusal),
                fault => Answer::fault(fault.status(), id.as_str()),
            };
            own(&answer, to_head, note)
        }
    }
}

fn read(
    message: &Message<Incoming>,
    from: From,
    worker: &Worker,
    generation: &Generation,
) -> Result<Decided, Refusal> {
    let limits = &generation.setup.config.limits;
    let map = message.headers();
    if map.len() > limits.headers.min(MAX_FIELDS) {
        let reason = "too many header fields";
        return Err(Refusal { status: 431, reason });
    }
    // Clients may split cookies; HTTP/1.1 knows one field (RFC 9113, section
    // 8.2.3).
    let crumbs: Vec<&[u8]> =
        map.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
    let cookies = crumbs.join(&b"; "[..]);
    let mut fields: Vec<Header<'_>> = map
        .iter()
        .filter(|(name, _)| *name != "cookie")
        .map(|(name, value)| Header {
            name: name.as_str(),
            value: value.as_bytes(),
        })
        .collect();
    if !cookies.is_empty() {
        fields.push(Header { name: "cookie", value: &cookies });
    }
    let uri = message.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > limits.uri_bytes {
        return Err(Refusal { status: 414, reason: "URI too long" });
    }
    let has_body = match message.body().is_end_stream() {
        true => HasBody::No,
        false => HasBody::Yes,
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let method = message.method().as_str();
    let request =
        Request::of_http2(method, target, authority, &fields, has_body)?;
    if let Framing::Length(length) = request.framing
        && limits.body_bytes > 0
        && length > limits.body_bytes
    {
        return Err(Refusal { status: 413, reason: "body too large" });
    }
    let mut head = Vec::with_capacity(1024);
    let (verdict, record) =
        decide(worker, generation, from, &request, &mut head)?;
    Ok(Decided {
        verdict,
        record,
        head,
        encoder: match request.framing {
            Framing::Chunked => Encoder::Chunked,
            _ => Encoder::Plain,
        },
        to_head: method == "HEAD",
        repeatable: request.may_be_repeated(),
        has_body,
    })
}

/// To a server of HTTP/1.1; tries once more where that is safe.
async fn over_http1(
    message: Message<Incoming>,
    decided: &Decided,
    backend: &Arc<Backend>,
    note: &Note,
) -> Result<(Head, Download), Fault> {
    let setup = &note.generation.setup;
    let worker = note.worker.index;
    let limits = &setup.config.limits;
    let first_byte = backend.config.timeouts.first_byte;
    let progress = &note.progress;
    let mut upload =
        (decided.has_body == HasBody::Yes).then(|| message.into_body());
    let (mut tried, mut stale): (Option<Arc<Server>>, bool) = (None, false);
    loop {
        let again = tried.is_some() || stale;
        let picked = backend.pick(note.begun, tried.as_ref());
        let server = picked.map(Arc::clone).ok_or(Fault::ClosedBefore)?;
        let underway = Underway::at(&server);
        let idle = match stale {
            true => None,
            false => server.idle(worker, note.begun),
        };
        let connected = match idle {
            Some(connection) => Ok(connection),
            None => server.connect().await,
        };
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(fault) if again => return Err(fault),
            Err(fault) => {
                note.fault(&fault);
                tried = Some(server);
                continue;
            }
        };
        connection.outgoing.clear();
        connection.outgoing.bytes.extend_from_slice(&decided.head);
        let reused = connection.reused;
        let mut exchange = Box::new(Exchange::new(
            connection,
            underway,
            worker,
            Arc::clone(&setup.strip),
            Arc::clone(progress),
            (upload.take(), decided.encoder, limits.body_bytes),
        ));
        let head = exchange.head(decided.to_head);
        let rate = limits.min_rate_bytes;
        match progress.in_time(first_byte, rate, head).await {
            Ok(head) => {
                let length = head.length;
                return Ok((head, Download::Exchange(exchange, length)));
            }
            Err(fault)
                if fault.is_stale_connection()
                    && reused
                    && decided.repeatable
                    && !again =>
            {
                stale = true;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// To a server of HTTP/2.
async fn over_http2(
    message: Message<Incoming>,
    decided: &Decided,
    backend: &Arc<Backend>,
    note: &Note,
) -> Result<(Head, Download), Fault> {
    let setup = &note.generation.setup;
    let limits = &setup.config.limits;
    let (ends, over) = oneshot::channel();
    let upload = match decided.has_body {
        HasBody::No => Upload::Empty,
        HasBody::Yes => Upload::Stream {
            body: message.into_body(),
            strip: Arc::clone(&setup.strip),
            limit: limits.body_bytes,
            moved: 0,
            progress: Arc::clone(&note.progress),
            over: Some(over),
        },
    };
    let job = Job {
        worker: note.worker.index,
        begun: note.begun,
        head: &decided.head,
        repeatable: decided.repeatable,
        progress: &note.progress,
        min_rate: limits.min_rate_bytes,
    };
    let spared = |fault: &Fault| note.fault(fault);
    let (response, held) =
        http2::exchange(backend, &job, upload, spared).await?;
    let (parts, body) = response.into_parts();
    let bodiless = is_bodiless(parts.status.as_u16());
    let head =
        Head { status: parts.status, fields: parts.headers, length: None };
    let strip = Arc::clone(&setup.strip);
    Ok((
        head,
        Download::Stream { body, strip, bodiless, _held: held, _ends: ends },
    ))
}
