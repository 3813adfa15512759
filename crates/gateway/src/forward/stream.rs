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
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use tokio::time::Instant;

use super::{
    fault::Fault,
    http2::trailer_map,
    progress::Progress,
    server::{Connection, Underway},
};
use crate::{
    headers::{self, Strip},
    http1::{
        body::{Decoder, Encoder, Framing, Step},
        head::{Refusal, Scan, no_fields},
        response,
    },
};

/// Bytes that one read takes at most.
const PORTION: usize = 32 * 1024;

/// Both directions.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Option<Connection>,
    underway: Underway,
    worker: usize,
    strip: Arc<Strip>,
    progress: Arc<Progress>,
    up: Option<Incoming>,
    /// Longest body of a request; 0 is no limit.
    body_bytes: u64,
    encoder: Encoder,
    moved: u64,
    decoder: Decoder,
    reusable: bool,
    trailers_sent: bool,
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
        progress: Arc<Progress>,
        (up, encoder, body_bytes): (Option<Incoming>, Encoder, u64),
    ) -> Self {
        Self {
            connection: Some(connection),
            underway,
            worker,
            strip,
            progress,
            up,
            body_bytes,
            encoder,
            moved: 0,
            decoder: Decoder::new(Framing::None),
            reusable: false,
            trailers_sent: false,
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
                Poll::Pending => return Poll::Pending,
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
        Ok(Some(Head { status, fields: map, length }))
    }

    /// Whether there is nothing to come.
    pub(crate) fn is_over(&self) -> bool {
        self.decoder.is_done() && self.decoder.trailers().is_empty()
    }

    /// Moves the request on. An error of the server is no error here: it may
    /// have answered already.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(Ok(()));
            };
            let Connection { outgoing, wire, .. } = connection;
            if outgoing.owes() && ready!(outgoing.poll_write(cx, wire)).is_err()
            {
                self.up = None;
                self.reusable = false;
                outgoing.clear();
            }
            let Some(up) = &mut self.up else { return Poll::Ready(Ok(())) };
            let frame = Pin::new(up).poll_frame(cx);
            if frame.is_pending() {
                self.progress.upload_waits();
            }
            let out = &mut connection.outgoing.bytes;
            match ready!(frame) {
                None => {
                    if !self.trailers_sent {
                        self.encoder.end(&[], out);
                    }
                    self.up = None;
                    self.progress.uploaded(0);
                }
                Some(Err(error)) => {
                    let error = io::Error::other(error);
                    return Poll::Ready(Err(Fault::ClientGone(error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.moved += data.len() as u64;
                        self.progress.uploaded(data.len());
                        let limit = self.body_bytes;
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
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
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
            && !connection.outgoing.owes()
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
