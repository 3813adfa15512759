//! A connection of HTTP/2: many requests at once, decided like any other.
//!
//! hyper speaks the protocol: it bounds streams and header lists, and closes
//! connections that open streams only to reset them. The fields of each stream
//! go the same way as those of HTTP/1.1.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request as Message, Response, StatusCode};
use httparse::Header;
use hyper::{
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    rt::bounds::Http2ServerConnExec,
    server::conn::http2::Builder,
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use crate::{
    answer::Answer,
    decide::{From, Record, Verdict, decide},
    drain::{Phase, reached},
    forward::{
        backend::Backend,
        fault::{Fault, Side},
        http2::{self, Upload},
        server::{Server, Underway},
        stream::{Exchange, Head, Patience},
    },
    generation::Generation,
    headers::Strip,
    http1::{
        body::{Encoder, Framing},
        head::{MAX_FIELDS, Refusal},
    },
    metrics::{Kind, Mode},
    request::{HasBody, Request},
    wire::Wire,
    worker::Worker,
};

/// Silence after which the client is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a connection to its end.
pub(super) async fn serve(wire: Wire, from: From, worker: &Arc<Worker>) {
    let service = service_fn(|request: Message<Incoming>| {
        let worker = Arc::clone(worker);
        async move { Ok::<_, Infallible>(answer(request, from, worker).await) }
    });
    drive(wire, from, worker, service).await;
}

/// Serves a connection to its end, whatever is spoken over it.
pub(super) async fn drive<S, B>(
    wire: Wire,
    from: From,
    worker: &Worker,
    service: S,
) where
    S: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    TokioExecutor: Http2ServerConnExec<S::Future, B>,
{
    let limits = worker.generations.load().setup.config.limits;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PROBE)
        .keep_alive_timeout(PROBE_TIMEOUT)
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(
            u32::try_from(limits.header_bytes).unwrap_or(u32::MAX),
        );
    let served = builder.serve_connection(TokioIo::new(wire), service);
    let closing = reached(worker.phase.clone(), Phase::Draining);
    tokio::pin!(served, closing);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = &mut closing => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %from.peer, %error, "connection ended early");
    }
}

/// The body of a response on its way to the client.
enum Download {
    /// Bytes of ours.
    Own(Option<Bytes>),
    /// From a server of HTTP/1.1.
    Exchange(Box<Exchange>, Option<u64>),
    /// From a server of HTTP/2; the request is under way until it is whole.
    Stream { body: Incoming, strip: Arc<Strip>, _underway: Underway },
}

/// A body with what is noted when it ends, in whatever way.
struct Noted {
    download: Download,
    note: Note,
}

struct Note {
    worker: Arc<Worker>,
    generation: Arc<Generation>,
    record: Option<Record>,
    status: u16,
    begun: Instant,
    backend: Option<Arc<Backend>>,
}

impl Drop for Note {
    fn drop(&mut self) {
        let now = Instant::now();
        let taken = now.duration_since(self.begun);
        let kind =
            self.record.as_ref().map_or(Kind::Malformed, |record| record.kind);
        let worker = &self.worker;
        worker.metrics.answered(Mode::Proxy, kind, self.status, taken);
        if let Some(record) = &self.record {
            let second = now.duration_since(worker.born).as_secs();
            worker.log.write(
                record,
                &self.generation.setup.policy,
                &worker.metrics,
                (self.status, taken),
                second,
            );
        }
    }
}

impl Note {
    fn fault(&self, fault: &Fault) {
        let Some(backend) = &self.backend else { return };
        if fault.side() == Side::Backend {
            let name = backend.config.name.as_str();
            tracing::debug!(backend = name, %fault, "exchange failed");
            let errors = &self.worker.metrics.backend_errors;
            errors.with_label_values(&[name, fault.label()]).inc();
        }
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { download, note } = self.get_mut();
        match download {
            Download::Own(bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Download::Exchange(exchange, _) => {
                exchange.poll_frame(cx).map(|frame| {
                    frame.map(|frame| {
                        frame.map_err(|fault| {
                            note.fault(&fault);
                            fault.into()
                        })
                    })
                })
            }
            Download::Stream { body, strip, .. } => {
                Pin::new(body).poll_frame(cx).map(|frame| {
                    frame.map(|frame| Ok(http2::filtered(frame?, strip)))
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.download {
            Download::Own(bytes) => bytes.is_none(),
            Download::Exchange(exchange, _) => exchange.is_over(),
            Download::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.download {
            Download::Own(bytes) => SizeHint::with_exact(
                bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            ),
            Download::Exchange(_, length) => {
                length.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            Download::Stream { body, .. } => body.size_hint(),
        }
    }
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
        status: 500,
        begun: Instant::now(),
        backend: None,
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
    let timeouts = backend.config.timeouts;
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
            Patience {
                first_byte: timeouts.first_byte,
                idle: timeouts.idle,
                min_rate: limits.min_rate_bytes,
                body_bytes: limits.body_bytes,
            },
            (upload.take(), decided.encoder),
        ));
        match exchange.head(decided.to_head).await {
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
    let picked = backend.pick(note.begun, None);
    let server = picked.map(Arc::clone).ok_or(Fault::ClosedBefore)?;
    let underway = Underway::at(&server);
    let upload = match decided.has_body {
        HasBody::No => Upload::Empty,
        HasBody::Yes => Upload::Stream {
            body: message.into_body(),
            strip: Arc::clone(&setup.strip),
            limit: setup.config.limits.body_bytes,
            moved: 0,
        },
    };
    let request = http2::request(&decided.head, server.config.tls, upload)
        .ok_or(Fault::Client(Refusal::bad("no request of HTTP/2")))?;
    let first_byte = backend.config.timeouts.first_byte;
    let response =
        http2::send(&server, note.worker.index, request, first_byte).await?;
    let (parts, body) = response.into_parts();
    let head =
        Head { status: parts.status, fields: parts.headers, length: None };
    let strip = Arc::clone(&setup.strip);
    Ok((head, Download::Stream { body, strip, _underway: underway }))
}

fn whole(head: Head, download: Download, mut note: Note) -> Response<Noted> {
    note.status = head.status.as_u16();
    let mut fields = head.fields;
    if let Some(length) = head.length {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    let mut response = Response::new(Noted { download, note });
    *response.status_mut() = head.status;
    *response.headers_mut() = fields;
    response
}

/// An answer of ours.
fn own(answer: &Answer, to_head: bool, mut note: Note) -> Response<Noted> {
    note.status = answer.status;
    let body = Bytes::from(answer.body.clone());
    let length = body.len() as u64;
    let sent = (!to_head && length > 0).then_some(body);
    let mut response =
        Response::new(Noted { download: Download::Own(sent), note });
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::FORBIDDEN);
    let fields = response.headers_mut();
    for (name, value) in &answer.fields {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            fields.append(name, value);
        }
    }
    if answer.status != 204 {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}
