//! A request of HTTP/1 for a server of HTTP/2: the body in frames there, the
//! frames of the response as a body here, both at once.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use http::Response;
use httparse::Header;
use hyper::body::{Body as _, Bytes, Frame, Incoming as Stream};
use tokio::{
    io::split,
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{Connection, Next, Ready, passing::note};
use crate::{
    forward::{
        backend::Backend,
        fault::Fault,
        http2::{self, Job, Part, Upload, filtered, has_data},
        progress::{Pace, Progress},
    },
    generation::Generation,
    headers::{self, Strip, response::Written},
    http1::{
        body::{Decoder, Framing, Step, UNEXPECTED},
        buffer::{Incoming, Outgoing},
        head::Refusal,
        response::{ResponseHead, content_length, is_bodiless},
    },
    wire::Wire,
};

/// Parts of a body between client and server that nobody has taken yet.
const PARTS: usize = 2;
/// Bytes that one read takes at most.
const PORTION: usize = 32 * 1024;

type Reading<'w> = tokio::io::ReadHalf<&'w mut Wire>;
type Writing<'w> = tokio::io::WriteHalf<&'w mut Wire>;

/// Sends the request and passes the response on.
pub(super) async fn forward(
    client: &mut Connection<'_>,
    backend: &Backend,
    generation: &Generation,
    ready: &Ready,
    begun: Instant,
) -> Result<(u16, Next), (Option<u16>, Fault)> {
    let setup = &generation.setup;
    let limits = &setup.config.limits;
    let (parts, received) = mpsc::channel(PARTS);
    let length = match ready.framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let has_body = !matches!(ready.framing, Framing::None | Framing::Length(0));
    let upload = match has_body {
        true => Upload::Parts { parts: received, length },
        false => Upload::Empty,
    };
    if ready.expects_continue && has_body {
        // HTTP/2 has no way to ask the server first.
        let out = &mut client.outgoing;
        out.bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        poll_fn(|cx| out.poll_write(cx, &mut client.wire))
            .await
            .map_err(|error| (None, Fault::ClientGone(error)))?;
    }
    let progress = Progress::new(Arc::default());
    let (reading, writing) = split(&mut client.wire);
    let up = upload_body(
        (reading, &mut client.incoming),
        ready.framing,
        (limits.body_bytes, limits.min_rate_bytes),
        (&setup.strip, &progress),
        parts,
    );
    // The status that the client was told; 0 is none yet.
    let answered = AtomicU16::new(0);
    let worker = client.worker;
    let down = async {
        let job = Job {
            worker: worker.index,
            begun,
            head: &client.head,
            repeatable: ready.repeatable,
            progress: &progress,
            // Whoever reads the body looks after that.
            min_rate: 0,
        };
        let spared = |fault: &Fault| note(worker, backend, fault);
        let sent = http2::exchange(backend, &job, upload, spared);
        let (response, held) = sent.await?;
        let manner = Manner {
            ready,
            strip: &setup.strip,
            progress: &progress,
            idle: backend.config.timeouts.idle,
        };
        let telling = Telling {
            writing,
            out: &mut client.outgoing,
            pace: Pace::new(limits.min_rate_bytes, 0),
            answered: &answered,
            status: response.status().as_u16(),
        };
        let passed = pass_on(response, &manner, telling).await;
        drop(held);
        passed
    };
    tokio::pin!(up, down);
    let mut whole = false;
    let ended = loop {
        tokio::select! {
            read = &mut up, if !whole => match read {
                Ok(()) => whole = true,
                Err(fault) => break Err(fault),
            },
            ended = &mut down => break ended,
        }
    };
    let status = answered.load(Relaxed);
    match ended {
        Ok(true) if whole => Ok((status, Next::Request)),
        Ok(_) => Ok((status, Next::Linger)),
        Err(fault) => Err(((status != 0).then_some(status), fault)),
    }
}

/// Reads the body of the request, frame by frame.
async fn upload_body(
    (mut reading, buffer): (Reading<'_>, &mut Incoming),
    framing: Framing,
    (limit, rate): (u64, u64),
    (strip, progress): (&Strip, &Progress),
    parts: mpsc::Sender<Part>,
) -> Result<(), Fault> {
    let malformed = |reason| Fault::Client(Refusal::bad(reason));
    let mut decoder = Decoder::new(framing);
    let mut pace = Pace::new(rate, 0);
    let mut moved = 0;
    loop {
        match decoder.step(buffer).map_err(|body| malformed(body.0))? {
            Step::Data(count) => {
                moved += count as u64;
                if limit > 0 && moved > limit {
                    let reason = "body too large";
                    let refusal = Refusal { status: 413, reason };
                    return Err(Fault::Client(refusal));
                }
                let data = Bytes::copy_from_slice(&buffer.data()[..count]);
                buffer.consume(count);
                decoder.took(count);
                progress.uploaded(count);
                if parts.send(Part::Frame(Frame::data(data))).await.is_err() {
                    // The server wants no more: its answer says why.
                    std::future::pending::<()>().await;
                }
            }
            Step::More => {
                progress.upload_waits();
                let read = fill(buffer, &mut reading, &mut pace).await?;
                if read == 0 {
                    decoder.end_of_input().map_err(|body| malformed(body.0))?;
                }
            }
            Step::Done => {
                progress.uploaded(0);
                if !decoder.trailers().is_empty() {
                    let map = http2::trailer_map(decoder.trailers(), strip);
                    let trailers = Part::Frame(Frame::trailers(map));
                    // Whoever has gone needs no trailers, nor the end.
                    let _ = parts.send(trailers).await;
                }
                let _ = parts.send(Part::End).await;
                return Ok(());
            }
        }
    }
}

/// Reads more of a body, no more slowly than is allowed.
async fn fill(
    buffer: &mut Incoming,
    reading: &mut Reading<'_>,
    pace: &mut Pace,
) -> Result<usize, Fault> {
    let begun = Instant::now();
    let more = poll_fn(|cx| buffer.poll_fill(cx, reading, PORTION));
    let read = match pace.patience() {
        None => more.await,
        Some(patience) => {
            timeout(patience, more).await.map_err(|_| Fault::ClientSlow)?
        }
    };
    let read = read.map_err(Fault::ClientGone)?;
    match pace.keeps(begun.elapsed(), read as u64, Duration::ZERO) {
        true => Ok(read),
        false => Err(Fault::ClientSlow),
    }
}

/// How a response is passed on.
struct Manner<'m> {
    ready: &'m Ready,
    strip: &'m Strip,
    progress: &'m Progress,
    /// How long nothing may move while the server is waited for; 0 is no limit.
    idle: Duration,
}

/// What the client is told.
struct Telling<'t> {
    writing: Writing<'t>,
    out: &'t mut Outgoing,
    pace: Pace,
    /// Takes the status as soon as a byte of it may have gone.
    answered: &'t AtomicU16,
    status: u16,
}

/// Writes the response; whether the client's connection may go on.
async fn pass_on(
    response: Response<Stream>,
    manner: &Manner<'_>,
    mut telling: Telling<'_>,
) -> Result<bool, Fault> {
    let Manner { ready, strip, progress, .. } = *manner;
    progress.answers();
    let (parts, mut body) = response.into_parts();
    let bodiless = ready.to_head || is_bodiless(telling.status);
    let written = write_head(&parts, ready, bodiless, &mut telling.out.bytes);
    let mut trailers = Vec::new();
    // h2 holds the body against its announced length.
    while let Some(frame) = next(&mut body, manner, &mut telling).await? {
        if bodiless && has_data(&frame) {
            // The client would take it for the next response.
            return Err(Fault::MalformedBody(UNEXPECTED));
        }
        let out = &mut telling.out.bytes;
        match filtered(frame, strip).into_data() {
            Ok(data) => written.encoder.data(&data, out),
            Err(frame) => {
                for (name, value) in frame.trailers_ref().into_iter().flatten()
                {
                    let name = name.as_str();
                    headers::put_field(&mut trailers, name, value.as_bytes());
                }
            }
        }
        if telling.out.pending() >= PORTION {
            telling.write().await?;
        }
        progress.downloaded(0);
    }
    written.encoder.end(&trailers, &mut telling.out.bytes);
    telling.write().await?;
    Ok(ready.keep_alive && written.delimited)
}

fn write_head(
    parts: &http::response::Parts,
    ready: &Ready,
    bodiless: bool,
    out: &mut Vec<u8>,
) -> Written {
    let fields: Vec<Header<'_>> = parts
        .headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str(),
            value: value.as_bytes(),
        })
        .collect();
    let length = parts.headers.get(http::header::CONTENT_LENGTH);
    let length = length.and_then(|value| content_length(value.as_bytes()));
    let framing = match (bodiless, length) {
        (true, _) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::Chunked,
    };
    let head = ResponseHead {
        status: parts.status.as_u16(),
        reason: parts.status.canonical_reason().unwrap_or(""),
        fields: &fields,
        framing,
        keep_alive: true,
    };
    headers::response::write(&head, ready.version, !ready.keep_alive, out)
}

/// The next frame of a response. What there is to tell is told before one is
/// waited for: the head does not wait for the body, nor an event for the next.
async fn next(
    body: &mut Stream,
    manner: &Manner<'_>,
    telling: &mut Telling<'_>,
) -> Result<Option<Frame<Bytes>>, Fault> {
    let Manner { progress, idle, .. } = *manner;
    let broken = |error| Fault::Broken(std::io::Error::other(error));
    let here = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx)));
    if let Poll::Ready(frame) = here.await {
        return frame.transpose().map_err(broken);
    }
    telling.write().await?;
    loop {
        progress.download_waits();
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        let frame = match idle.saturating_sub(progress.silent()) {
            _ if idle.is_zero() => frame.await,
            Duration::ZERO => return Err(Fault::Idle),
            rest => match timeout(rest, frame).await {
                Ok(frame) => frame,
                // The request may have moved meanwhile.
                Err(_) => continue,
            },
        };
        return frame.transpose().map_err(broken);
    }
}

impl Telling<'_> {
    /// Writes all that there is, no more slowly than is allowed.
    async fn write(&mut self) -> Result<(), Fault> {
        let Self { writing, out, pace, .. } = self;
        if !out.owes() {
            return Ok(());
        }
        self.answered.store(self.status, Relaxed);
        loop {
            let (begun, before) = (Instant::now(), out.pending());
            let patience = pace.patience();
            let written = poll_fn(|cx| out.poll_write(cx, &mut *writing));
            let whole = match patience {
                None => Some(written.await),
                Some(patience) => timeout(patience, written).await.ok(),
            };
            if let Some(written) = whole {
                pace.rests();
                return written.map_err(Fault::ClientGone);
            }
            let taken = before - out.pending();
            if !pace.keeps(begun.elapsed(), taken as u64, Duration::ZERO) {
                return Err(Fault::ClientSlow);
            }
        }
    }
}
