//! A connection of HTTP/1: one request after the other.
//!
//! Read a head, decide, pass it on or answer, and again. Requests that were sent
//! ahead wait in the buffer.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

mod answering;
mod over_http2;
mod passing;

use answering::CURT;

use crate::{
    alarm::Alarm,
    answer::Answer,
    config::Limits,
    decide::{From, Record, Verdict, decide},
    drain::{Phase, reached},
    forward::backend::Backend,
    generation::Generation,
    http1::{
        body::Framing,
        buffer::{Incoming, Outgoing, give_back_text, spare_text},
        head::{HeadLimits, Refusal, Scan, no_fields, parse},
    },
    metrics::Kind,
    request::{Request, Version},
    wire::Wire,
    worker::Worker,
};

/// How long a new connection is waited for when the gateway closes.
const GRACE: Duration = Duration::from_millis(500);
/// As good as at once.
const NOW: Duration = Duration::from_nanos(1);

/// One client.
pub(super) struct Connection<'w> {
    wire: Wire,
    incoming: Incoming,
    outgoing: Outgoing,
    /// The head for the backend; kept for a second try.
    head: Vec<u8>,
    alarm: Alarm,
    from: From,
    /// In force when the last request came.
    limits: Limits,
    /// No request has come yet.
    is_new: bool,
    /// The end of the gateway will wake this connection.
    is_told: bool,
    worker: &'w Arc<Worker>,
}

/// What came of waiting for a head.
enum Arrived {
    /// A head of this length, whose first byte came then.
    Head(usize, Instant),
    /// Nothing more comes, or nothing more is wanted.
    Ended,
    /// It is no proper request.
    Refused(Refusal),
}

/// What is known of a request once its head was read.
struct Ready {
    to: Result<Arc<Backend>, Answer>,
    record: Record,
    version: Version,
    framing: Framing,
    to_head: bool,
    websocket: bool,
    expects_continue: bool,
    keep_alive: bool,
    repeatable: bool,
}

/// Whether another request may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    End,
    /// The client may still be sending.
    Linger,
}

impl<'w> Connection<'w> {
    pub(super) fn new(wire: Wire, from: From, worker: &'w Arc<Worker>) -> Self {
        Self {
            wire,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            head: Vec::new(),
            alarm: Alarm::new(Instant::now()),
            from,
            limits: worker.generations.load().setup.config.limits,
            is_new: true,
            is_told: false,
            worker,
        }
    }

    pub(super) async fn serve(mut self) {
        let closing = reached(self.worker.phase.clone(), Phase::Closing);
        tokio::pin!(closing);
        let mut now = Instant::now();
        loop {
            self.alarm.set_after(now, self.limits.idle_timeout);
            let next = match self.arrives(closing.as_mut()).await {
                Arrived::Ended => return,
                Arrived::Refused(refusal) => {
                    let answer = Answer::refusal(refusal);
                    self.worker.metrics.answered(
                        self.from.mode(),
                        Kind::Malformed,
                        refusal.status,
                        Duration::ZERO,
                    );
                    self.answer(&answer, CURT).await;
                    Next::Linger
                }
                Arrived::Head(length, begun) => {
                    self.is_new = false;
                    self.request(length, begun, &mut now).await
                }
            };
            match next {
                Next::Request => {}
                Next::End => return,
                Next::Linger => return self.linger().await,
            }
        }
    }

    /// Waits for the next head.
    async fn arrives<F: Future>(
        &mut self,
        mut closing: Pin<&mut F>,
    ) -> Arrived {
        let limits = self.limits;
        let bounds = HeadLimits {
            bytes: limits.header_bytes,
            fields: limits.headers,
            uri_bytes: limits.uri_bytes,
        };
        let mut scan = Scan::default();
        let mut begun = None;
        let (mut is_late, mut is_closing) = (false, false);
        poll_fn(|cx| {
            loop {
                // One empty line before a request is forgiven (RFC 9112,
                // section 2.2).
                if begun.is_none() && self.incoming.data().starts_with(b"\r\n")
                {
                    self.incoming.consume(2);
                }
                if !self.incoming.is_empty() {
                    let since = *begun.get_or_insert_with(|| {
                        let now = Instant::now();
                        self.alarm.set_after(now, limits.header_timeout);
                        now
                    });
                    match scan.find(self.incoming.data(), &bounds) {
                        Ok(Some(length)) => {
                            return Poll::Ready(Arrived::Head(length, since));
                        }
                        Ok(None) => {}
                        Err(refusal) => {
                            return Poll::Ready(Arrived::Refused(refusal));
                        }
                    }
                }
                match self.incoming.poll_fill(cx, &mut self.wire, 0) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(Arrived::Ended),
                    Poll::Pending => {
                        self.rest();
                        if begun.is_none()
                            && !is_closing
                            && self.is_closing(cx, closing.as_mut())
                        {
                            // Who has just come may have a request on the way.
                            is_closing = true;
                            let grace = if self.is_new { GRACE } else { NOW };
                            self.alarm.set_after(Instant::now(), grace);
                        }
                        is_late |= self.alarm.poll(cx).is_ready();
                        return match (is_late, begun) {
                            (false, _) => Poll::Pending,
                            (true, None) => Poll::Ready(Arrived::Ended),
                            (true, Some(_)) => {
                                let reason = "the head came too slowly";
                                Poll::Ready(Arrived::Refused(Refusal {
                                    status: 408,
                                    reason,
                                }))
                            }
                        };
                    }
                }
            }
        })
        .await
    }

    /// Gives back what the wait for a request does not need.
    fn rest(&mut self) {
        self.incoming.rest();
        self.outgoing.rest();
        give_back_text(&mut self.head);
    }

    /// Whether the gateway closes. Asked once, `closing` wakes this connection,
    /// and then the phase has changed: until then there is nothing to ask.
    fn is_closing<F: Future>(
        &mut self,
        cx: &mut Context<'_>,
        closing: Pin<&mut F>,
    ) -> bool {
        if self.is_told && !self.worker.is_ending() {
            return false;
        }
        self.is_told = true;
        closing.poll(cx).is_ready()
    }

    /// One request from its head to the end of its answer.
    async fn request(
        &mut self,
        length: usize,
        begun: Instant,
        now: &mut Instant,
    ) -> Next {
        let worker = self.worker;
        let generation = worker.generations.load();
        self.limits = generation.setup.config.limits;
        let ready = match self.read(&generation, length) {
            Ok(ready) => ready,
            Err(refusal) => {
                let answer = Answer::refusal(refusal);
                let (kind, none) = (Kind::Malformed, Duration::ZERO);
                worker.metrics.answered(
                    self.from.mode(),
                    kind,
                    answer.status,
                    none,
                );
                self.answer(&answer, CURT).await;
                return Next::Linger;
            }
        };
        let (status, next) = match &ready.to {
            Err(answer) => {
                let has_body = !matches!(
                    ready.framing,
                    Framing::None | Framing::Length(0)
                );
                let keep_alive = ready.keep_alive && !has_body;
                let manner = ready.manner(keep_alive);
                let sent = self.answer(answer, manner).await;
                let next = match (sent, keep_alive, has_body) {
                    (false, ..) | (_, false, false) => Next::End,
                    (true, true, _) => Next::Request,
                    (true, false, true) => Next::Linger,
                };
                (answer.status, next)
            }
            Ok(backend) => {
                self.forward(backend, &generation, &ready, begun).await
            }
        };
        if let Err(answer) = ready.to {
            self.head = answer.head; // its room serves the next one, too
        }
        *now = Instant::now();
        let taken = now.duration_since(begun);
        let second = now.duration_since(worker.born).as_secs();
        worker.metrics.answered(
            self.from.mode(),
            ready.record.kind,
            status,
            taken,
        );
        worker.log.write(
            &ready.record,
            &generation.setup.policy,
            &worker.metrics,
            (status, taken),
            second,
        );
        next
    }

    /// Reads a head and decides; the head for the backend is in `self.head`.
    fn read(
        &mut self,
        generation: &Generation,
        length: usize,
    ) -> Result<Ready, Refusal> {
        let limits = &generation.setup.config.limits;
        let bounds = HeadLimits {
            bytes: limits.header_bytes,
            fields: limits.headers,
            uri_bytes: limits.uri_bytes,
        };
        let mut fields = no_fields();
        let bytes = &self.incoming.data()[..length];
        let head = parse(bytes, &mut fields, &bounds)?;
        let request = Request::of_http1(&head)?;
        if let Framing::Length(length) = request.framing
            && limits.body_bytes > 0
            && length > limits.body_bytes
        {
            return Err(Refusal { status: 413, reason: "body too large" });
        }
        self.outgoing.clear();
        if self.head.capacity() == 0 {
            self.head = spare_text();
        }
        self.head.clear();
        let (verdict, record) = decide(
            self.worker,
            generation,
            self.from,
            &request,
            &mut self.head,
        )?;
        let serving = !self.worker.is_ending();
        let ready = Ready {
            to: match verdict {
                Verdict::Forward(backend) => Ok(backend),
                Verdict::Answer(answer) => Err(answer),
            },
            record,
            version: request.connection.version,
            framing: request.framing,
            to_head: request.method == "HEAD",
            websocket: request.websocket,
            expects_continue: request.expects_continue,
            keep_alive: request.connection.keep_alive && serving,
            repeatable: request.may_be_repeated(),
        };
        self.incoming.consume(length);
        Ok(ready)
    }
}
