//! One request to a server and its response to the client, both at once.
//!
//! A server may answer before it has read the whole request, ask for the body
//! first (`100 Continue`), or never answer; a client may stop sending or
//! reading. Each of these is waited for with its own patience, and the one
//! alarm of the connection serves them all.

use std::{
    io,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    fault::Fault,
    pump::{End, Pump, PumpFault, Waits},
};
use crate::{
    alarm::Alarm,
    config::{BackendTimeouts, Limits},
    headers::{self, Strip},
    http1::{
        body::{Encoder, Framing},
        buffer::{Incoming, Outgoing},
        head::{Refusal, Scan, no_fields},
        response,
    },
    request::Version,
    wire::Wire,
};

/// Window in which a body must keep its least rate.
pub(crate) const RATE_WINDOW: Duration = Duration::from_secs(10);

/// The client's side.
#[derive(Debug)]
pub(crate) struct Client<'c> {
    pub(crate) wire: &'c mut Wire,
    pub(crate) incoming: &'c mut Incoming,
    pub(crate) outgoing: &'c mut Outgoing,
    pub(crate) alarm: &'c mut Alarm,
}

/// The server's side; the outgoing buffer holds the head of the request.
#[derive(Debug)]
pub(crate) struct Server<'s> {
    pub(crate) wire: &'s mut Wire,
    pub(crate) incoming: &'s mut Incoming,
    pub(crate) outgoing: &'s mut Outgoing,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Job<'j> {
    pub(crate) framing: Framing,
    pub(crate) version: Version,
    pub(crate) to_head: bool,
    pub(crate) websocket: bool,
    pub(crate) expects_continue: bool,
    /// The client's connection may be used again.
    pub(crate) keep_alive: bool,
    pub(crate) limits: &'j Limits,
    pub(crate) timeouts: &'j BackendTimeouts,
    pub(crate) strip: &'j Strip,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) status: u16,
    pub(crate) client_reusable: bool,
    pub(crate) server_reusable: bool,
    /// Both sides speak something else now.
    pub(crate) upgraded: bool,
}

/// A fault, and the status if the client has been told one before.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) answered: Option<u16>,
}

/// Sends the request and passes the response on.
pub(crate) async fn run(
    client: Client<'_>,
    server: Server<'_>,
    job: Job<'_>,
) -> Result<Ended, Failed> {
    let encoder = match job.framing {
        Framing::Chunked => Encoder::Chunked,
        _ => Encoder::Plain,
    };
    let step = patience(&job);
    let mut exchange = Exchange {
        up: Pump::new(job.framing, encoder, job.limits.body_bytes),
        sent: Sent::Sending,
        stage: Stage::Head(Scan::default()),
        answer: Answer::default(),
        watch: Watch::new(step),
        client,
        server,
        job,
    };
    // From now on: what the client took for its head, and what it took to
    // connect, is no silence of the server.
    exchange.client.alarm.set(Instant::now() + step);
    std::future::poll_fn(|cx| exchange.poll(cx))
        .await
        .map_err(|fault| Failed { fault, answered: exchange.answer.answered() })
}

/// The finest time that anything here is measured by.
fn patience(job: &Job<'_>) -> Duration {
    [job.timeouts.first_byte, job.timeouts.idle]
        .into_iter()
        .filter(|wait| !wait.is_zero())
        .fold(RATE_WINDOW, Duration::min)
}

#[derive(Debug)]
struct Exchange<'e> {
    client: Client<'e>,
    server: Server<'e>,
    job: Job<'e>,
    up: Pump,
    sent: Sent,
    stage: Stage,
    answer: Answer,
    watch: Watch,
}

/// The request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Sending,
    Whole,
    /// The server did not want all of it.
    Broken,
}

/// The response on its way.
#[derive(Debug)]
enum Stage {
    Head(Scan),
    /// An interim response goes to the client; another head follows.
    Interim,
    Body(Pump),
    /// The head of 101 goes to the client.
    Switching,
}

/// What is known of the response.
#[derive(Clone, Copy, Debug, Default)]
struct Answer {
    status: u16,
    client_reusable: bool,
    server_reusable: bool,
}

impl Answer {
    fn answered(&self) -> Option<u16> {
        (self.status != 0).then_some(self.status)
    }
}

/// Progress between two rings of the alarm.
#[derive(Debug)]
struct Watch {
    step: Duration,
    up: u64,
    down: u64,
    /// Without a sign of the server.
    silent: Duration,
    /// In which the client could have moved bytes.
    slow: Duration,
    slow_bytes: u64,
}

impl Watch {
    fn new(step: Duration) -> Self {
        Self {
            step,
            up: 0,
            down: 0,
            silent: Duration::ZERO,
            slow: Duration::ZERO,
            slow_bytes: 0,
        }
    }
}

impl Exchange<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, Fault>> {
        if self.sent == Sent::Sending {
            self.poll_up(cx)?;
        }
        if let Poll::Ready(ended) = self.poll_down(cx)? {
            return Poll::Ready(Ok(ended));
        }
        while self.client.alarm.poll(cx).is_ready() {
            self.rung()?;
            // Steps that this process has slept through are nobody's silence.
            self.client.alarm.set(Instant::now() + self.watch.step);
        }
        Poll::Pending
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        let moved = self.up.poll(
            cx,
            &mut End { wire: self.client.wire, buffer: self.client.incoming },
            &mut End { wire: self.server.wire, buffer: self.server.outgoing },
            self.job.strip,
        );
        match moved {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.sent = Sent::Whole,
            // It may have answered, and closed because of the answer.
            Poll::Ready(Err(PumpFault::Sink(_))) => self.sent = Sent::Broken,
            Poll::Ready(Err(PumpFault::Source(error))) => {
                return Err(Fault::ClientGone(error));
            }
            Poll::Ready(Err(PumpFault::Malformed(body))) => {
                return Err(Fault::Client(Refusal::bad(body.0)));
            }
            Poll::Ready(Err(PumpFault::TooLarge)) => {
                let reason = "body too large";
                return Err(Fault::Client(Refusal { status: 413, reason }));
            }
        }
        Ok(())
    }

    fn poll_down(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Result<Poll<Ended>, Fault> {
        loop {
            match &mut self.stage {
                Stage::Head(scan) => {
                    let data = self.server.incoming.data();
                    if let Some(end) = response::find_end(scan, data)? {
                        self.take_head(end)?;
                        continue;
                    }
                    let (buffer, wire) =
                        (&mut *self.server.incoming, &mut *self.server.wire);
                    match buffer.poll_fill(cx, wire, 0) {
                        Poll::Pending => return Ok(Poll::Pending),
                        Poll::Ready(Ok(0)) if buffer.is_empty() => {
                            return Err(Fault::ClosedBefore);
                        }
                        Poll::Ready(Ok(0)) => {
                            let kind = io::ErrorKind::UnexpectedEof;
                            return Err(Fault::Broken(kind.into()));
                        }
                        Poll::Ready(Err(_)) if buffer.is_empty() => {
                            return Err(Fault::ClosedBefore);
                        }
                        Poll::Ready(Err(error)) => {
                            return Err(Fault::Broken(error));
                        }
                        Poll::Ready(Ok(_)) => {}
                    }
                }
                Stage::Interim | Stage::Switching => {
                    let out = &mut *self.client.outgoing;
                    match out.poll_write(cx, self.client.wire) {
                        Poll::Pending => return Ok(Poll::Pending),
                        Poll::Ready(result) => {
                            result.map_err(Fault::ClientGone)?;
                        }
                    }
                    if matches!(self.stage, Stage::Switching) {
                        return Ok(Poll::Ready(self.ended(true)));
                    }
                    self.stage = Stage::Head(Scan::default());
                }
                Stage::Body(_) => return self.poll_body(cx),
            }
        }
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Result<Poll<Ended>, Fault> {
        let Stage::Body(down) = &mut self.stage else {
            return Ok(Poll::Pending);
        };
        let moved = down.poll(
            cx,
            &mut End { wire: self.server.wire, buffer: self.server.incoming },
            &mut End { wire: self.client.wire, buffer: self.client.outgoing },
            self.job.strip,
        );
        match moved {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(())) => Ok(Poll::Ready(self.ended(false))),
            Poll::Ready(Err(fault)) => Err(match fault {
                PumpFault::Sink(error) => Fault::ClientGone(error),
                PumpFault::Source(error) => Fault::Broken(error),
                PumpFault::Malformed(body) => Fault::MalformedBody(body),
                PumpFault::TooLarge => Fault::Idle, // there is no limit here
            }),
        }
    }

    fn ended(&self, upgraded: bool) -> Ended {
        let whole = self.sent == Sent::Whole;
        Ended {
            status: self.answer.status,
            client_reusable: self.answer.client_reusable && whole,
            // What follows a response that nobody asked for is no good sign.
            server_reusable: self.answer.server_reusable
                && whole
                && self.server.incoming.is_empty(),
            upgraded,
        }
    }

    /// A whole head is there: write the client's, and see how it goes on.
    fn take_head(&mut self, end: usize) -> Result<(), Fault> {
        let mut fields = no_fields();
        let data = &self.server.incoming.data()[..end];
        let head = response::parse(data, &mut fields, self.job.to_head)?;
        let out = &mut self.client.outgoing.bytes;
        match head.status {
            101 if self.job.websocket => {
                self.answer.status = 101;
                write_switch(&head, out);
                self.stage = Stage::Switching;
            }
            101 => {
                let reason = "101 that nobody asked for";
                return Err(response::MalformedResponse(reason).into());
            }
            100..=199 => {
                // HTTP/1.0 knows no interim responses.
                if self.job.version == Version::Http11 {
                    headers::response::write(
                        &head,
                        self.job.version,
                        false,
                        out,
                    );
                }
                self.stage = Stage::Interim;
            }
            _ => {
                let whole = self.sent != Sent::Broken && self.up.is_read();
                let keep_alive = self.job.keep_alive && whole;
                let written = headers::response::write(
                    &head,
                    self.job.version,
                    !keep_alive,
                    out,
                );
                self.answer = Answer {
                    status: head.status,
                    client_reusable: keep_alive && written.delimited,
                    server_reusable: head.keep_alive,
                };
                let pump = Pump::new(head.framing, written.encoder, 0);
                self.stage = Stage::Body(pump);
            }
        }
        self.server.incoming.consume(end);
        self.watch.silent = Duration::ZERO;
        Ok(())
    }

    /// The alarm rang: who is late?
    fn rung(&mut self) -> Result<(), Fault> {
        let (up, down) = match &self.stage {
            Stage::Body(pump) => (self.up.moved, pump.moved),
            _ => (self.up.moved, 0),
        };
        let progress = (up - self.watch.up) + (down - self.watch.down);
        (self.watch.up, self.watch.down) = (up, down);
        if self.waits_for_client() {
            self.watch.slow += self.watch.step;
            self.watch.slow_bytes += progress;
            if self.watch.slow >= RATE_WINDOW {
                let least = self.job.limits.min_rate_bytes
                    * self.watch.slow.as_secs().max(1);
                if self.watch.slow_bytes < least {
                    return Err(Fault::ClientSlow);
                }
                (self.watch.slow, self.watch.slow_bytes) = (Duration::ZERO, 0);
            }
            return Ok(());
        }
        (self.watch.slow, self.watch.slow_bytes) = (Duration::ZERO, 0);
        if progress > 0 {
            self.watch.silent = Duration::ZERO;
            return Ok(());
        }
        self.watch.silent += self.watch.step;
        let over =
            |limit: Duration| !limit.is_zero() && self.watch.silent >= limit;
        match self.stage {
            Stage::Body(_) if over(self.job.timeouts.idle) => Err(Fault::Idle),
            Stage::Body(_) => Ok(()),
            _ if over(self.job.timeouts.first_byte) => Err(Fault::FirstByte),
            _ => Ok(()),
        }
    }

    /// Whether the next move is the client's.
    fn waits_for_client(&self) -> bool {
        let asked = !self.job.expects_continue || self.up.moved > 0;
        let sends = self.sent == Sent::Sending
            && self.up.waits == Waits::Source
            && asked;
        let reads = match &self.stage {
            Stage::Body(pump) => pump.waits == Waits::Sink,
            Stage::Interim | Stage::Switching => true,
            Stage::Head(_) => false,
        };
        sends || reads
    }
}

/// The head of `101 Switching Protocols`, for WebSocket.
fn write_switch(head: &response::ResponseHead<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    for field in headers::response::fields(head) {
        headers::put_field(out, field.name, field.value);
    }
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}
