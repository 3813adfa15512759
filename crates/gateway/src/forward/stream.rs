//! An exchange whose client is a stream of HTTP/2 and whose server speaks
//! HTTP/1.1.
//!
//! The response body drives the rest of the request: whoever polls it moves
//! both directions. When it is dropped before its end, the server's connection
//! goes with it; at a good end the connection is kept.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use tokio::time::Instant;

use super::{
    exchange::RATE_WINDOW,
    fault::Fault,
    http2::trailer_map,
    server::{Connection, Underway},
};
use crate::{
    alarm::Alarm,
    headers::{self, Strip},
    http1::{
        body::{Decoder, Encoder, Framing, Step},
        head::{Refusal, Scan, no_fields},
        response,
    },
};

/// Bytes that one read takes at most.
const PORTION: usize = 32 * 1024;

/// How long to wait for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
    /// Bytes a second that a body must move.
    pub(crate) min_rate: u64,
    /// 0 is no limit.
    pub(crate) body_bytes: u64,
}

/// Both directions.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Option<Connection>,
    underway: Underway,
    worker: usize,
    strip: Arc<Strip>,
    patience: Patience,
    up: Option<Incoming>,
    encoder: Encoder,
    moved: u64,
    seen: u64,
    waits_for_client: bool,
    decoder: Decoder,
    reusable: bool,
    trailers_sent: bool,
    alarm: Alarm,
}

/// The head of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) length: Option<u64>,
}

impl Exchange {
    /// Begins; the head of the request is in the connection's buffer.
    pub(crate) fn new(
        connection: Connection,
        underway: Underway,
        worker: usize,
        strip: Arc<Strip>,
        patience: Patience,
        upload: (Option<Incoming>, Encoder),
    ) -> Self {
        let now = Instant::now();
        let mut alarm = Alarm::new(now + RATE_WINDOW);
        alarm.set_after(now, patience.first_byte);
        Self {
            connection: Some(connection),
            underway,
            worker,
            strip,
            patience,
            up: upload.0,
            encoder: upload.1,
            moved: 0,
            seen: 0,
            waits_for_client: false,
            decoder: Decoder::new(Framing::None),
            reusable: false,
            trailers_sent: false,
            alarm,
        }
    }

    /// The head of the response; interim ones are passed over.
    pub(crate) async fn head(&mut self, to_head: bool) -> Result<Head, Fault> {
        let mut scan = Scan::default();
        std::future::poll_fn(|cx| self.poll_head(cx, &mut scan, to_head)).await
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        scan: &mut Scan,
        to_head: bool,
    ) -> Poll<Result<Head, Fault>> {
        loop {
            if let Poll::Ready(Err(fault)) = self.poll_up(cx) {
                return Poll::Ready(Err(fault));
            }
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(Err(Fault::ClosedBefore));
            };
            let data = connection.incoming.data();
            if let Some(end) = response::find_end(scan, data)? {
                let head = self.take_head(end, to_head)?;
                *scan = Scan::default();
                match head {
                    Some(head) => return Poll::Ready(Ok(head)),
                    None => continue,
                }
            }
            let Connection { incoming, wire, .. } = connection;
            match incoming.poll_fill(cx, wire, 0) {
                Poll::Ready(Ok(0) | Err(_)) if incoming.is_empty() => {
                    return Poll::Ready(Err(Fault::ClosedBefore));
                }
                Poll::Ready(Ok(0)) => {
                    let kind = io::ErrorKind::UnexpectedEof;
                    return Poll::Ready(Err(Fault::Broken(kind.into())));
                }
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Fault::Broken(error)));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    ready!(self.alarm.poll(cx));
                    return Poll::Ready(Err(match self.waits_for_client {
                        true => Fault::ClientSlow,
                        false => Fault::FirstByte,
                    }));
                }
            }
        }
    }

    fn take_head(
        &mut self,
        end: usize,
        to_head: bool,
    ) -> Result<Option<Head>, Fault> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let mut fields = no_fields();
        let data = &connection.incoming.data()[..end];
        let head = response::parse(data, &mut fields, to_head)?;
        if head.status < 200 {
            connection.incoming.consume(end);
            return Ok(None);
        }
        let malformed = || response::MalformedResponse("field");
        let mut map = HeaderMap::with_capacity(head.fields.len());
        for field in headers::response::fields(&head) {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| malformed())?;
            let value = HeaderValue::from_bytes(field.value)
                .map_err(|_| malformed())?;
            map.append(name, value);
        }
        let length = match head.framing {
            Framing::Length(length) => Some(length),
            Framing::None => head
                .fields
                .iter()
                .find(|f| f.name.eq_ignore_ascii_case("content-length"))
                .filter(|_| head.status != 204)
                .and_then(|field| response::content_length(field.value)),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let status = StatusCode::from_u16(head.status)
            .map_err(|_| response::MalformedResponse("status"))?;
        self.decoder = Decoder::new(head.framing);
        self.reusable = head.keep_alive;
        connection.incoming.consume(end);
        self.alarm.set_after(Instant::now(), self.window());
        Ok(Some(Head { status, fields: map, length }))
    }

    fn window(&self) -> Duration {
        match self.patience.idle.is_zero() {
            true => RATE_WINDOW,
            false => self.patience.idle.min(RATE_WINDOW),
        }
    }

    /// Whether there is nothing to come.
    pub(crate) fn is_over(&self) -> bool {
        self.decoder.is_done() && self.decoder.trailers().is_empty()
    }

    /// Moves the request on. An error of the server is no error here: it may
    /// have answered already.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.waits_for_client = false;
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(Ok(()));
            };
            let Connection { outgoing, wire, .. } = connection;
            if outgoing.pending() > 0
                && ready!(outgoing.poll_write(cx, wire)).is_err()
            {
                self.up = None;
                self.reusable = false;
                outgoing.clear();
            }
            let Some(up) = &mut self.up else { return Poll::Ready(Ok(())) };
            let frame = Pin::new(up).poll_frame(cx);
            self.waits_for_client = frame.is_pending();
            let out = &mut connection.outgoing.bytes;
            match ready!(frame) {
                None => {
                    if !self.trailers_sent {
                        self.encoder.end(&[], out);
                    }
                    self.up = None;
                    // The server has the whole request: now it is its turn.
                    let patience = self.patience.first_byte;
                    self.alarm.set_after(Instant::now(), patience);
                }
                Some(Err(error)) => {
                    let error = io::Error::other(error);
                    return Poll::Ready(Err(Fault::ClientGone(error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.moved += data.len() as u64;
                        let limit = self.patience.body_bytes;
                        if limit > 0 && self.moved > limit {
                            let reason = "body too large";
                            let refusal = Refusal { status: 413, reason };
                            return Poll::Ready(Err(Fault::Client(refusal)));
                        }
                        self.encoder.data(&data, out);
                    }
                    Err(frame) => {
                        let lines = frame
                            .into_trailers()
                            .map(|map| lines(&map, &self.strip))
                            .unwrap_or_default();
                        self.encoder.end(&lines, out);
                        self.trailers_sent = true;
                    }
                },
            }
        }
    }

    /// The next piece of the response.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Poll::Ready(Err(fault)) = self.poll_up(cx) {
            return Poll::Ready(Some(Err(fault)));
        }
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(None);
            };
            let Connection { incoming, wire, .. } = connection;
            match self.decoder.step(incoming) {
                Err(body) => {
                    return Poll::Ready(Some(Err(Fault::MalformedBody(body))));
                }
                Ok(Step::Data(count)) => {
                    let data =
                        Bytes::copy_from_slice(&incoming.data()[..count]);
                    incoming.consume(count);
                    self.decoder.took(count);
                    self.moved += count as u64;
                    if self.is_over() {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Step::Done) => return Poll::Ready(self.last()),
                Ok(Step::More) => match incoming.poll_fill(cx, wire, PORTION) {
                    Poll::Ready(Ok(0)) => {
                        if let Err(body) = self.decoder.end_of_input() {
                            let fault = Fault::MalformedBody(body);
                            return Poll::Ready(Some(Err(fault)));
                        }
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => {
                        let fault = Fault::Broken(error);
                        return Poll::Ready(Some(Err(fault)));
                    }
                    Poll::Pending => {
                        ready!(self.poll_late(cx));
                        return Poll::Ready(Some(Err(Fault::Idle)));
                    }
                },
            }
        }
    }

    /// Ready when nothing has moved for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.alarm.poll(cx).is_ready() {
            let moved = self.moved - self.seen;
            self.seen = self.moved;
            let least = match self.waits_for_client {
                true => self.patience.min_rate * RATE_WINDOW.as_secs(),
                false => 1,
            };
            if moved < least && !self.patience.idle.is_zero() {
                return Poll::Ready(());
            }
            let wait = self.patience.idle.max(RATE_WINDOW);
            self.alarm.set_after(Instant::now(), wait);
        }
        Poll::Pending
    }

    /// After the last byte: trailers, if there are any.
    fn last(&mut self) -> Option<Result<Frame<Bytes>, Fault>> {
        let raw = self.decoder.trailers();
        let trailers = (!raw.is_empty()).then(|| trailer_map(raw, &self.strip));
        self.finish();
        trailers
            .filter(|map| !map.is_empty())
            .map(|map| Ok(Frame::trailers(map)))
    }

    /// The response is whole: the connection is kept if it may be.
    fn finish(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let whole = self.up.is_none()
            && connection.outgoing.pending() == 0
            && connection.incoming.is_empty();
        if self.reusable && whole {
            let server = self.underway.server();
            server.keep(self.worker, connection, Instant::now());
        }
    }
}

/// Trailers as lines of HTTP/1.1.
fn lines(map: &HeaderMap, strip: &Strip) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in map {
        if headers::may_trail(strip, name.as_str()) {
            headers::put_field(&mut out, name.as_str(), value.as_bytes());
        }
    }
    out
}
