//! A connection of HTTP/1: one request after the other.
//!
//! Read a head, decide, exchange, and again. Requests that were sent ahead
//! wait in the buffer. After an answer that ends the connection, what the
//! client still sends is read for a moment: a reset would destroy the answer on
//! its way.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::AsyncWrite as _,
    time::{Instant, timeout},
};

mod over_http2;

use crate::{
    alarm::Alarm,
    answer::Answer,
    config::Limits,
    decide::{From, Record, Verdict, decide},
    drain::{Phase, reached},
    forward::{
        backend::Backend,
        exchange::{self, Ended, Failed, Job},
        fault::{Fault, Side},
        server::{Connection as ServerConnection, Server, Underway},
        tunnel,
    },
    generation::Generation,
    http1::{
        body::Framing,
        buffer::{Incoming, Outgoing},
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
/// How long a connection that ends is still read.
const LINGER: Duration = Duration::from_secs(2);
/// And how many bytes.
const LINGER_BYTES: usize = 1024 * 1024;

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

/// How an answer of ours is written.
#[derive(Clone, Copy)]
struct Manner {
    version: Version,
    to_head: bool,
    keep_alive: bool,
}

/// To a request that is none.
const CURT: Manner =
    Manner { version: Version::Http11, to_head: false, keep_alive: false };

/// Whether another request may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    End,
    /// The client may still be sending.
    Linger,
}

impl Ready {
    fn manner(&self, keep_alive: bool) -> Manner {
        Manner { version: self.version, to_head: self.to_head, keep_alive }
    }
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
                    let next = self.request(length, begun, &mut now).await;
                    self.incoming.shrink();
                    next
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

    /// To a server of HTTP/2.
    async fn forward_over_http2(
        &mut self,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
        begun: Instant,
    ) -> (u16, Next) {
        let sent = over_http2::forward(self, backend, generation, ready, begun);
        match Box::pin(sent).await {
            Ok(ended) => ended,
            Err((answered, fault)) => {
                let failed = Failed { fault, answered };
                self.broke(failed, backend, ready).await
            }
        }
    }

    /// Passes a request on; tries once more where that is safe.
    async fn forward(
        &mut self,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
        begun: Instant,
    ) -> (u16, Next) {
        if backend.config.http2 {
            return self
                .forward_over_http2(backend, generation, ready, begun)
                .await;
        }
        let mut tried: Option<Arc<Server>> = None;
        let mut stale = false;
        loop {
            let again = tried.is_some() || stale;
            let picked = backend.pick(begun, tried.as_ref());
            let Some(server) = picked.map(Arc::clone) else {
                return self.failed(502, ready).await;
            };
            let underway = Underway::at(&server);
            let idle = match stale {
                true => None,
                false => server.idle(self.worker.index, begun),
            };
            let connected = match idle {
                Some(connection) => Ok(connection),
                None => server.connect().await,
            };
            let mut connection = match connected {
                Ok(connection) => connection,
                Err(fault) => {
                    self.note(backend, &fault);
                    if again {
                        return self.failed(fault.status(), ready).await;
                    }
                    tried = Some(server);
                    continue;
                }
            };
            let result = self
                .exchange(&mut connection, backend, generation, ready, begun)
                .await;
            match result {
                Ok(ended) => {
                    return self
                        .ended(ended, connection, &underway, generation)
                        .await;
                }
                Err(Failed { fault, answered: None })
                    if fault.is_stale_connection()
                        && connection.reused
                        && ready.repeatable
                        && !again =>
                {
                    stale = true;
                }
                Err(failed) => {
                    return self.broke(failed, backend, ready).await;
                }
            }
        }
    }

    async fn exchange(
        &mut self,
        connection: &mut ServerConnection,
        backend: &Backend,
        generation: &Generation,
        ready: &Ready,
        begun: Instant,
    ) -> Result<Ended, Failed> {
        connection.outgoing.clear();
        connection.outgoing.bytes.extend_from_slice(&self.head);
        let setup = &generation.setup;
        exchange::run(
            exchange::Client {
                wire: &mut self.wire,
                incoming: &mut self.incoming,
                outgoing: &mut self.outgoing,
                alarm: &mut self.alarm,
            },
            exchange::Server {
                wire: &mut connection.wire,
                incoming: &mut connection.incoming,
                outgoing: &mut connection.outgoing,
            },
            Job {
                framing: ready.framing,
                version: ready.version,
                to_head: ready.to_head,
                websocket: ready.websocket,
                expects_continue: ready.expects_continue,
                keep_alive: ready.keep_alive,
                begun,
                limits: &setup.config.limits,
                timeouts: &backend.config.timeouts,
                strip: &setup.strip,
            },
        )
        .await
    }

    /// The exchange ended well.
    async fn ended(
        &mut self,
        ended: Ended,
        mut connection: ServerConnection,
        underway: &Underway,
        generation: &Generation,
    ) -> (u16, Next) {
        if ended.upgraded {
            let tunnels = &self.worker.metrics.tunnels;
            tunnels.inc();
            tunnel::run(
                (&mut self.wire, &mut self.incoming),
                (&mut connection.wire, &mut connection.incoming),
                &mut self.alarm,
                generation.setup.config.limits.tunnel_idle,
            )
            .await;
            tunnels.dec();
            return (ended.status, Next::End);
        }
        if ended.server_reusable {
            let now = Instant::now();
            underway.server().keep(self.worker.index, connection, now);
        }
        let next = match ended.client_reusable {
            true => Next::Request,
            false => Next::Linger,
        };
        (ended.status, next)
    }

    /// The exchange failed.
    async fn broke(
        &mut self,
        failed: Failed,
        backend: &Backend,
        ready: &Ready,
    ) -> (u16, Next) {
        let Failed { fault, answered } = failed;
        if fault.side() == Side::Backend {
            self.note(backend, &fault);
        } else {
            tracing::debug!(peer = %self.from.peer, %fault, "request ended");
        }
        // Half a response cannot be taken back: the end of the connection is
        // the only way to say that it is not whole.
        match (answered, &fault) {
            (Some(status), _) => (status, Next::End),
            (None, Fault::ClientGone(_)) => (fault.status(), Next::End),
            (None, Fault::Client(refusal)) => {
                let answer = Answer::refusal(*refusal);
                self.outgoing.clear();
                self.answer(&answer, ready.manner(false)).await;
                (answer.status, Next::Linger)
            }
            (None, _) => self.failed(fault.status(), ready).await,
        }
    }

    /// Tells the client about a fault before anything else was told.
    async fn failed(&mut self, status: u16, ready: &Ready) -> (u16, Next) {
        self.outgoing.clear();
        let answer = Answer::fault(status, ready.record.id.as_str());
        let whole = matches!(ready.framing, Framing::None | Framing::Length(0));
        let keep_alive = ready.keep_alive && whole;
        let sent = self.answer(&answer, ready.manner(keep_alive)).await;
        let next = match (sent, keep_alive) {
            (false, _) => Next::End,
            (true, true) => Next::Request,
            (true, false) => Next::Linger,
        };
        (status, next)
    }

    fn note(&self, backend: &Backend, fault: &Fault) {
        note(self.worker, backend, fault);
    }

    /// Writes an answer of ours; whether it could be written in time.
    async fn answer(&mut self, answer: &Answer, manner: Manner) -> bool {
        let out = &mut self.outgoing.bytes;
        let Manner { version, to_head, keep_alive } = manner;
        answer.write_head(version, keep_alive, out);
        if !to_head {
            out.extend_from_slice(&answer.body);
        }
        // The kernel takes most answers at once, and then no time is measured.
        let mut waits = false;
        poll_fn(|cx| match self.outgoing.poll_write(cx, &mut self.wire) {
            Poll::Ready(written) => Poll::Ready(written.is_ok()),
            Poll::Pending => {
                if !waits {
                    let end = Instant::now() + exchange::RATE_WINDOW;
                    self.alarm.set(end);
                    waits = true;
                }
                self.alarm.poll(cx).map(|()| false)
            }
        })
        .await
    }

    /// Ends our side, and reads what still comes, for a moment.
    async fn linger(&mut self) {
        let ended = async {
            poll_fn(|cx| Pin::new(&mut self.wire).poll_shutdown(cx)).await?;
            let mut read = 0;
            while read < LINGER_BYTES {
                self.incoming.consume(self.incoming.data().len());
                let room = 16 * 1024;
                let more = poll_fn(|cx| {
                    self.incoming.poll_fill(cx, &mut self.wire, room)
                });
                match more.await? {
                    0 => break,
                    count => read += count,
                }
            }
            io::Result::Ok(())
        };
        // Whoever sends longer than that is cut.
        let _ = timeout(LINGER, ended).await;
    }
}

/// Counts what a backend did wrong.
fn note(worker: &Worker, backend: &Backend, fault: &Fault) {
    let name = backend.config.name.as_str();
    tracing::debug!(backend = name, %fault, "exchange failed");
    let errors = &worker.metrics.backend_errors;
    errors.with_label_values(&[name, fault.label()]).inc();
}
