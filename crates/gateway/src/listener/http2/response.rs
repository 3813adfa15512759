//! A response on its way to a client of HTTP/2, and what is noted when it ends.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    alarm::Alarm,
    answer::Answer,
    decide::Record,
    forward::{
        backend::Backend,
        fault::{Fault, Side},
        http2::{self, has_data},
        progress::Progress,
        stream::{Exchange, Head},
    },
    generation::Generation,
    headers::Strip,
    http1::body::UNEXPECTED,
    metrics::{Kind, Mode},
    worker::Worker,
};

/// The body of a response on its way to the client.
pub(super) enum Download {
    /// Bytes of ours.
    Own(Option<Bytes>),
    /// From a server of HTTP/1.1.
    Exchange(Box<Exchange>, Option<u64>),
    /// From a server of HTTP/2; the request is under way until it is whole, and
    /// its body is sent no longer.
    Stream {
        body: Incoming,
        strip: Arc<Strip>,
        /// Its status allows no body.
        bodiless: bool,
        _held: http2::Held,
        _ends: oneshot::Sender<Infallible>,
    },
}

/// A body with what is noted when it ends, in whatever way.
pub(super) struct Noted {
    download: Download,
    /// Bytes that hyper was given last: when it asks for more, the client has
    /// made room for them.
    given: usize,
    /// For servers that fall silent; made when one is waited for.
    alarm: Option<Alarm>,
    note: Note,
}

/// What is noted.
pub(super) struct Note {
    pub(super) worker: Arc<Worker>,
    pub(super) generation: Arc<Generation>,
    pub(super) record: Option<Record>,
    pub(super) status: u16,
    pub(super) begun: Instant,
    pub(super) backend: Option<Arc<Backend>>,
    pub(super) progress: Arc<Progress>,
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
    pub(super) fn fault(&self, fault: &Fault) {
        let Some(backend) = &self.backend else { return };
        if fault.side() == Side::Backend {
            let name = backend.config.name.as_str();
            tracing::debug!(backend = name, %fault, "exchange failed");
            let errors = &self.worker.metrics.backend_errors;
            errors.with_label_values(&[name, fault.label()]).inc();
        }
    }

    /// How long the server may be silent; 0 is no limit.
    fn patience(&self) -> Duration {
        let backend = self.backend.as_ref();
        backend.map_or(Duration::ZERO, |b| b.config.timeouts.idle)
    }
}

impl Download {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self {
            Self::Own(bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Exchange(exchange, _) => exchange.poll_frame(cx),
            Self::Stream { body, strip, bodiless, .. } => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| match frame {
                    Ok(frame) if *bodiless && has_data(&frame) => {
                        Err(Fault::MalformedBody(UNEXPECTED))
                    }
                    Ok(frame) => Ok(http2::filtered(frame, strip)),
                    Err(error) => Err(Fault::Broken(io::Error::other(error))),
                }))
            }
        }
    }
}

impl Noted {
    fn new(download: Download, note: Note) -> Self {
        Self { download, given: 0, alarm: None, note }
    }

    /// Ready when the server has been silent for too long.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.note.patience();
        if patience.is_zero() {
            return Poll::Pending;
        }
        let progress = &self.note.progress;
        let now = Instant::now();
        let alarm = self.alarm.get_or_insert_with(|| Alarm::new(now));
        loop {
            let silent = progress.silent();
            if silent >= patience {
                return Poll::Ready(());
            }
            alarm.set(Instant::now() + (patience - silent));
            ready!(alarm.poll(cx));
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
        let this = self.get_mut();
        let given = std::mem::take(&mut this.given);
        if given > 0 {
            this.note.progress.downloaded(given);
        }
        let frame = match this.download.poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                this.note.progress.download_waits();
                ready!(this.poll_idle(cx));
                Some(Err(Fault::Idle))
            }
        };
        Poll::Ready(match frame {
            None => None,
            Some(Ok(frame)) => {
                this.given = frame.data_ref().map_or(0, Bytes::len);
                this.note.progress.downloaded(0);
                Some(Ok(frame))
            }
            Some(Err(fault)) => {
                this.note.fault(&fault);
                Some(Err(fault.into()))
            }
        })
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

/// The response of a backend.
pub(super) fn whole(
    head: Head,
    download: Download,
    mut note: Note,
) -> Response<Noted> {
    note.status = head.status.as_u16();
    let mut fields = head.fields;
    if let Some(length) = head.length {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    let mut response = Response::new(Noted::new(download, note));
    *response.status_mut() = head.status;
    *response.headers_mut() = fields;
    response
}

/// An answer of ours.
pub(super) fn own(
    answer: &Answer,
    to_head: bool,
    mut note: Note,
) -> Response<Noted> {
    note.status = answer.status;
    let content = answer.content(to_head);
    let sent = (!content.is_empty()).then(|| Bytes::copy_from_slice(content));
    let mut response = Response::new(Noted::new(Download::Own(sent), note));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::FORBIDDEN);
    let fields = response.headers_mut();
    for (name, value) in &answer.fields {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            fields.append(name, value);
        }
    }
    if let Some(length) = answer.length() {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}
