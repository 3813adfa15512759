//! A request of HTTP/1 for a server of HTTP/2: the body in frames there, the
//! frames of the response as a body here, both at once.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::Duration,
};

use http::Response;
use httparse::Header;
use hyper::body::{Body as _, Bytes, Frame, Incoming as Stream};
use tokio::{io::split, sync::mpsc, time::timeout};

use super::{Connection, Next, Ready};
use crate::{
    forward::{
        backend::Backend,
        exchange::RATE_WINDOW,
        fault::Fault,
        http2::{self, Upload, filtered},
        server::Underway,
    },
    generation::Generation,
    headers::{self, Strip},
    http1::{
        body::{Decoder, Framing, Step},
        buffer::{Incoming, Outgoing},
        head::Refusal,
        response::{ResponseHead, content_length},
    },
    wire::Wire,
};

/// Frames between client and server that nobody has taken yet.
const FRAMES: usize = 2;
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
) -> Result<(u16, Next), (Option<u16>, Fault)> {
    let early = |fault| (None, fault);
    let now = tokio::time::Instant::now();
    let server =
        backend.pick(now, None).ok_or_else(|| early(Fault::ClosedBefore))?;
    let underway = Underway::at(server);
    let setup = &generation.setup;
    let (frames, received) = mpsc::channel(FRAMES);
    let length = match ready.framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let has_body = !matches!(ready.framing, Framing::None | Framing::Length(0));
    let upload = match has_body {
        true => Upload::Frames { frames: received, length },
        false => Upload::Empty,
    };
    let request = http2::request(&client.head, server.config.tls, upload)
        .ok_or_else(|| {
            early(Fault::Client(Refusal::bad("no request of HTTP/2")))
        })?;
    if ready.expects_continue && has_body {
        // HTTP/2 has no way to ask the server first.
        let out = &mut client.outgoing;
        out.bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        poll_fn(|cx| out.poll_write(cx, &mut client.wire))
            .await
            .map_err(|error| early(Fault::ClientGone(error)))?;
    }
    let (reading, writing) = split(&mut client.wire);
    let limit = setup.config.limits.body_bytes;
    let up = upload_body(
        (reading, &mut client.incoming),
        ready.framing,
        limit,
        &setup.strip,
        frames,
    );
    // The status that the client was told; 0 is none yet.
    let answered = AtomicU16::new(0);
    let down = async {
        let timeouts = &backend.config.timeouts;
        let worker = client.worker.index;
        let sent = http2::send(server, worker, request, timeouts.first_byte);
        let response = sent.await?;
        answered.store(response.status().as_u16(), Relaxed);
        pass_on(
            response,
            ready,
            (writing, &mut client.outgoing),
            &setup.strip,
            timeouts.idle,
        )
        .await
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
    drop(underway);
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
    limit: u64,
    strip: &Strip,
    frames: mpsc::Sender<Frame<Bytes>>,
) -> Result<(), Fault> {
    let malformed = |reason| Fault::Client(Refusal::bad(reason));
    let mut decoder = Decoder::new(framing);
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
                if frames.send(Frame::data(data)).await.is_err() {
                    // The server wants no more: its answer says why.
                    std::future::pending::<()>().await;
                }
            }
            Step::More => {
                let more =
                    poll_fn(|cx| buffer.poll_fill(cx, &mut reading, PORTION));
                let read = timeout(RATE_WINDOW, more)
                    .await
                    .map_err(|_| Fault::ClientSlow)?
                    .map_err(Fault::ClientGone)?;
                if read == 0 {
                    decoder.end_of_input().map_err(|body| malformed(body.0))?;
                }
            }
            Step::Done => {
                if !decoder.trailers().is_empty() {
                    let map = http2::trailer_map(decoder.trailers(), strip);
                    // Whoever has gone needs no trailers.
                    let _ = frames.send(Frame::trailers(map)).await;
                }
                return Ok(());
            }
        }
    }
}

/// Writes the response; whether the client's connection may go on.
async fn pass_on(
    response: Response<Stream>,
    ready: &Ready,
    (mut writing, out): (Writing<'_>, &mut Outgoing),
    strip: &Strip,
    idle: Duration,
) -> Result<bool, Fault> {
    let (parts, mut body) = response.into_parts();
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
    let status = parts.status.as_u16();
    let bodiless = ready.to_head || status == 204 || status == 304;
    let framing = match (bodiless, length) {
        (true, _) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::Chunked,
    };
    let head = ResponseHead {
        status,
        reason: parts.status.canonical_reason().unwrap_or(""),
        fields: &fields,
        framing,
        keep_alive: true,
    };
    let close = !ready.keep_alive;
    let written =
        headers::response::write(&head, ready.version, close, &mut out.bytes);
    let mut trailers = Vec::new();
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = match idle.is_zero() {
            true => frame.await,
            false => timeout(idle, frame).await.map_err(|_| Fault::Idle)?,
        };
        let Some(frame) = frame else { break };
        let frame = frame
            .map_err(|error| Fault::Broken(std::io::Error::other(error)))?;
        match filtered(frame, strip).into_data() {
            Ok(data) => written.encoder.data(&data, &mut out.bytes),
            Err(frame) => {
                for (name, value) in frame.trailers_ref().into_iter().flatten()
                {
                    let name = name.as_str();
                    headers::put_field(&mut trailers, name, value.as_bytes());
                }
            }
        }
        write(&mut writing, out).await?;
    }
    written.encoder.end(&trailers, &mut out.bytes);
    write(&mut writing, out).await?;
    Ok(ready.keep_alive && written.delimited)
}

async fn write(
    writing: &mut Writing<'_>,
    out: &mut Outgoing,
) -> Result<(), Fault> {
    let written = poll_fn(|cx| out.poll_write(cx, &mut *writing));
    timeout(RATE_WINDOW, written)
        .await
        .map_err(|_| Fault::ClientSlow)?
        .map_err(Fault::ClientGone)
}
