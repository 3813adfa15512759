//! A connection of HTTP/2 is driven, and watched: for clients that say nothing,
//! that leave a head unfinished, or that do not read what they asked for.
//!
//! hyper pings a silent client, and that is all: one that answers could stay for
//! ever, and a stream whose window is closed would keep its backend. Each
//! stream is a task of ours with a watch beside it; a task that ends resets its
//! stream.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{
    body::{Body, Incoming},
    rt::{Executor, bounds::Http2ServerConnExec},
    server::conn::http2::Builder,
    service::HttpService,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use super::frames::{Frames, Within};
use crate::{
    config::Limits,
    decide::From,
    drain::{Phase, reached},
    forward::progress::Progress,
    wire::Wire,
    worker::Worker,
};

/// Silence after which the client is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client that was told to go may take.
const FAREWELL: Duration = Duration::from_secs(10);
/// Bytes of one answer that hyper may take before the client does.
const AHEAD: usize = 32 * 1024;
/// What is written at once and is no longer than this is no part of an answer
/// that somebody reads: it acknowledges pings and settings.
const SMALL_TALK: usize = 128;

tokio::task_local! {
    /// Of the stream whose task this is.
    static PROGRESS: Arc<Progress>;
}

/// How far the stream of this task has come.
pub(super) fn progress() -> Arc<Progress> {
    let of_none = |_| Arc::new(Progress::new(Arc::default()));
    PROGRESS.try_with(Arc::clone).unwrap_or_else(of_none)
}

/// The stream of this task has its answer: now it is the client's turn.
pub(in crate::listener) fn answered() {
    // Streams are served in tasks of their own only.
    let _ = PROGRESS.try_with(|progress| progress.answers());
}

/// Serves a connection to its end, whatever is spoken over it.
pub(in crate::listener) async fn drive<S, B>(
    wire: Wire,
    from: From,
    worker: &Worker,
    service: S,
) where
    S: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Streams: Http2ServerConnExec<S::Future, B>,
{
    let limits = worker.generations.load().setup.config.limits;
    let vitals = Arc::new(Vitals::default());
    let streams =
        Streams { vitals: Arc::clone(&vitals), rate: limits.min_rate_bytes };
    let wire = Watched {
        wire,
        frames: Frames::default(),
        vitals: Arc::clone(&vitals),
    };
    let mut builder = Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PROBE)
        .keep_alive_timeout(PROBE_TIMEOUT)
        .max_concurrent_streams(limits.h2_streams)
        .max_send_buf_size(AHEAD)
        .max_header_list_size(
            u32::try_from(limits.header_bytes).unwrap_or(u32::MAX),
        );
    let served = builder.serve_connection(TokioIo::new(wire), service);
    let closing = reached(worker.phase.clone(), Phase::Draining);
    tokio::pin!(served, closing);
    let (mut drains, mut told) = (false, false);
    let ended = loop {
        tokio::select! {
            ended = served.as_mut() => break ended,
            () = &mut closing, if !drains => {
                drains = true;
                served.as_mut().graceful_shutdown();
            }
            late = vitals.late(&limits, told) => match late {
                Late::Idle if !told => {
                    // A request may be on its way: it is told which were seen.
                    told = true;
                    served.as_mut().graceful_shutdown();
                    vitals.rests();
                }
                late => {
                    tracing::debug!(peer = %from.peer, ?late, "cut");
                    return;
                }
            },
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %from.peer, %error, "connection ended early");
    }
}

/// What is known about a connection.
#[derive(Debug)]
struct Vitals {
    born: Instant,
    /// Streams that are served.
    open: AtomicUsize,
    /// Since when there is none, or nothing of what was left of them was taken,
    /// in milliseconds after `born`.
    idle_since: AtomicU64,
    /// Since when it is in a head, or another frame that is not whole: so many
    /// milliseconds after `born`, and one; 0 if it is in none.
    block_since: AtomicU64,
    /// It is in a frame with a part of a body.
    in_data: Arc<AtomicBool>,
    /// There is more to write than the kernel takes.
    full: AtomicBool,
}

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug)]
enum Late {
    /// Nothing was asked for a while.
    Idle,
    /// A head is not finished.
    Head,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            open: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            // The preface is due.
            block_since: AtomicU64::new(1),
            in_data: Arc::default(),
            full: AtomicBool::new(false),
        }
    }
}

impl Vitals {
    fn now(&self) -> u64 {
        let age = self.born.elapsed().as_millis();
        u64::try_from(age).unwrap_or(u64::MAX)
    }

    /// Idle from now on.
    fn rests(&self) {
        self.idle_since.store(self.now(), Relaxed);
    }

    fn read(&self, within: Within, ended: bool) {
        self.in_data.store(within == Within::Data, Relaxed);
        let is_in = self.block_since.load(Relaxed) > 0;
        match (within == Within::Block, is_in) {
            (false, false) => {}
            (false, true) => self.block_since.store(0, Relaxed),
            (true, true) if !ended => {}
            (true, _) => self.block_since.store(self.now() + 1, Relaxed),
        }
    }

    /// Resolves when the connection is late; `told` if it was told to go.
    async fn late(&self, limits: &Limits, told: bool) -> Late {
        loop {
            let idle = match (told, self.full.load(Relaxed)) {
                (false, _) => limits.idle_timeout,
                (true, false) => FAREWELL,
                // The kernel asks for more when much of what it has is read.
                (true, true) => FAREWELL.max(limits.idle_timeout),
            };
            let now = self.born.elapsed();
            let after = |since: u64, wait| Duration::from_millis(since) + wait;
            let head = match self.block_since.load(Relaxed) {
                0 => now + limits.header_timeout,
                since => after(since - 1, limits.header_timeout),
            };
            let rest = match self.open.load(Relaxed) {
                0 => after(self.idle_since.load(Relaxed), idle),
                _ => now + idle,
            };
            if head <= now {
                return Late::Head;
            }
            if rest <= now {
                return Late::Idle;
            }
            sleep_until(self.born + head.min(rest)).await;
        }
    }
}

/// Runs the streams of a connection, each in a task with its watch.
#[derive(Clone, Debug)]
pub(in crate::listener) struct Streams {
    vitals: Arc<Vitals>,
    /// Bytes a second that a client must take.
    rate: u64,
}

/// One of the streams that are served.
struct Open(Arc<Vitals>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Relaxed) == 1 {
            self.0.rests();
        }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.vitals.open.fetch_add(1, Relaxed);
        let open = Open(Arc::clone(&self.vitals));
        let frame = Arc::clone(&self.vitals.in_data);
        let progress = Arc::new(Progress::new(frame));
        let rate = self.rate;
        tokio::spawn(async move {
            let served = PROGRESS.scope(Arc::clone(&progress), stream);
            tokio::select! {
                biased;
                () = served => {}
                () = progress.slow_reader(rate) => {
                    tracing::debug!("a stream is not read: reset");
                }
            }
            drop(open);
        });
    }
}

/// A wire that tells where in the client's frames it is, and whether the client
/// takes what is left of answers whose streams have ended.
struct Watched {
    wire: Wire,
    frames: Frames,
    vitals: Arc<Vitals>,
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { wire, frames, vitals } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(wire).poll_read(cx, buffer))?;
        let ended = frames.read(&buffer.filled()[before..]);
        vitals.read(frames.within(), ended);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.vitals.full.store(written.is_pending(), Relaxed);
        let written = ready!(written)?;
        if written > SMALL_TALK {
            self.vitals.rests();
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
