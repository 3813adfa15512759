//! The connections of HTTP/2 of one worker to one server.
//!
//! One is opened when it is first needed, and anew when it has ended; further
//! ones when all have as many streams as the server allows. What a server sends to a client that does not read waits here, up to the window
//! of its stream. The window of the connection is larger than all of them
//! together: whoever does not read stops nobody else.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{
    broken,
    greeted::Greeted,
    upload::{Tasks, Upload},
};
use crate::forward::{fault::Fault, server::Server};

/// Silence after which the server is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one connection at once, at most: servers should allow no fewer
/// (RFC 9113, section 6.5.2), and may.
const STREAMS: usize = 100;
/// Bytes of one response that wait for its client: at a round trip of 1 ms
/// this is 2 Gbit/s, at 20 ms 100 Mbit/s.
const STREAM_WINDOW: u32 = 256 * 1024;
/// More than all streams together, also while some of them are being reset.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// A handle of a connection, with a place for one stream.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) sender: SendRequest<Upload>,
    /// Which connection it is.
    pub(super) serial: u64,
    /// It has served others.
    pub(super) reused: bool,
    pub(super) place: Place,
}

/// How many streams a connection has, and may have.
#[derive(Debug)]
struct Load {
    streams: AtomicUsize,
    allowed: Arc<AtomicUsize>,
}

impl Load {
    fn has_room(&self) -> bool {
        self.streams.load(Relaxed) < self.allowed.load(Relaxed)
    }
}

/// One of the streams of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Load>);

impl Place {
    fn on(load: &Arc<Load>) -> Self {
        load.streams.fetch_add(1, Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
    }
}

/// A connection that has served a request, or does.
#[derive(Debug)]
struct Open {
    sender: SendRequest<Upload>,
    serial: u64,
    load: Arc<Load>,
}

/// All connections of one worker to one server.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    // A std lock: held for a look at one or two connections. The oldest comes
    // first: what it has room for needs no other.
    open: Mutex<Vec<Open>>,
    // Whoever needs a connection first opens it; the others wait for that.
    opening: tokio::sync::Mutex<()>,
    /// Attempts that have failed; and whether the last one was too slow.
    failed: AtomicU64,
    was_slow: AtomicBool,
    /// Connections that were opened.
    opened: AtomicU64,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<Handle> {
        let mut open = self.open();
        open.retain(|one| !one.sender.is_closed());
        open.iter().find(|one| one.load.has_room()).map(|one| Handle {
            sender: one.sender.clone(),
            serial: one.serial,
            reused: true,
            place: Place::on(&one.load),
        })
    }

    /// Lets nobody send over a connection any more. One that its server has
    /// given up (GOAWAY) is not closed as long as older streams go on.
    pub(super) fn give_up(&self, serial: u64) {
        self.open().retain(|one| one.serial != serial);
    }

    /// Gives up connections beside the first that have nothing to do.
    pub(crate) fn sweep(&self) {
        let mut is_first = true;
        self.open().retain(|one| {
            let is_needed = std::mem::take(&mut is_first)
                || one.load.streams.load(Relaxed) > 0;
            is_needed && !one.sender.is_closed()
        });
    }

    /// A handle to send a request with.
    pub(super) async fn sender(
        &self,
        server: &Server,
    ) -> Result<Handle, Fault> {
        if let Some(handle) = self.usable() {
            return Ok(handle);
        }
        let failed = self.failed.load(Relaxed);
        let _one = self.opening.lock().await;
        if let Some(handle) = self.usable() {
            return Ok(handle);
        }
        if self.failed.load(Relaxed) != failed {
            // One after the other, a queue would wait for a dead server.
            return Err(match self.was_slow.load(Relaxed) {
                true => Fault::ConnectTimeout,
                false => {
                    Fault::Connect(io::ErrorKind::ConnectionRefused.into())
                }
            });
        }
        let opened = self.connect(server).await;
        if let Err(fault) = &opened {
            let slow = matches!(fault, Fault::ConnectTimeout);
            self.was_slow.store(slow, Relaxed);
            self.failed.fetch_add(1, Relaxed);
        }
        opened
    }

    async fn connect(&self, server: &Server) -> Result<Handle, Fault> {
        let allowed = Arc::new(AtomicUsize::new(STREAMS));
        let wire = server.connect().await?.wire;
        let wire = Greeted::new(wire, Arc::clone(&allowed));
        let handshake = Builder::new(Tasks)
            .timer(TokioTimer::new())
            .keep_alive_interval(PROBE)
            .keep_alive_timeout(PROBE_TIMEOUT)
            .max_header_list_size(64 * 1024)
            .initial_max_send_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(wire));
        let (sender, connection) = handshake.await.map_err(broken)?;
        // It ends by itself once every handle is gone and every response is
        // whole; with the worker's runtime at the latest.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to a backend ended");
            }
        });
        let serial = self.opened.fetch_add(1, Relaxed);
        let load = Arc::new(Load { streams: AtomicUsize::new(0), allowed });
        let place = Place::on(&load);
        self.open().push(Open { sender: sender.clone(), serial, load });
        Ok(Handle { sender, serial, reused: false, place })
    }
}
