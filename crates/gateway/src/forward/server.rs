//! One server of a backend: connections to it, and how it is doing.
//!
//! Idle connections are kept in one list a worker, newest first: those that
//! were used last are the least likely to have been closed. A server that
//! refuses three connections in a row is left alone for ten seconds.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

use super::{fault::Fault, http2::Shared};
use crate::{
    config,
    http1::buffer::{Incoming, Outgoing},
    wire::Wire,
};

/// Failures in a row after which a server is left alone.
const FAILURES: u32 = 3;
/// For so long.
const REST: Duration = Duration::from_secs(10);

/// A connection to a server with its buffers.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    /// It has served a request before.
    pub(crate) reused: bool,
}

/// How a server with https is spoken to.
#[derive(Clone)]
pub(crate) struct Secure {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

/// One server.
pub(crate) struct Server {
    pub(crate) config: config::Server,
    /// For `Host` where a client sent none.
    pub(crate) authority: String,
    secure: Option<Secure>,
    timeout: Duration,
    pool: config::Pool,
    /// Requests under way.
    pub(crate) active: AtomicUsize,
    failures: AtomicU32,
    /// Milliseconds after `born`.
    rests_until: AtomicU64,
    born: Instant,
    idle: Box<[Mutex<Vec<Idle>>]>,
    /// Connections of HTTP/2, by worker.
    shared: Box<[Shared]>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("authority", &self.authority)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(
        config: config::Server,
        backend: &config::Backend,
        secure: Option<Secure>,
        workers: usize,
        born: Instant,
    ) -> Self {
        let host = &config.host;
        let authority = match host.contains(':') {
            true => format!("[{host}]:{}", config.port),
            false => format!("{host}:{}", config.port),
        };
        Self {
            config,
            authority,
            secure,
            timeout: backend.timeouts.connect,
            pool: backend.pool,
            active: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            born,
            idle: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            shared: (0..workers.max(1)).map(|_| Shared::default()).collect(),
        }
    }

    /// Whether it was left alone lately.
    pub(crate) fn rests(&self, now: Instant) -> bool {
        self.millis(now) < self.rests_until.load(Relaxed)
    }

    /// An idle connection of this worker that seems alive.
    pub(crate) fn idle(
        &self,
        worker: usize,
        now: Instant,
    ) -> Option<Connection> {
        let mut list = self.list(worker);
        while let Some(idle) = list.pop() {
            let age = now.saturating_duration_since(idle.since);
            // A server that speaks unasked, or has gone, is of no use.
            if age < self.pool.idle_timeout && !idle.connection.wire.has_news()
            {
                return Some(idle.connection);
            }
        }
        None
    }

    /// The connections of HTTP/2 of a worker.
    pub(crate) fn shared(&self, worker: usize) -> &Shared {
        &self.shared[worker % self.shared.len()]
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Connection, Fault> {
        let opened = match self.timeout.is_zero() {
            true => Ok(self.open().await),
            false => timeout(self.timeout, self.open()).await,
        };
        let result = match opened {
            Err(_) => Err(Fault::ConnectTimeout),
            Ok(Err(error)) => Err(Fault::Connect(error)),
            Ok(Ok(wire)) => Ok(Connection {
                wire,
                incoming: Incoming::default(),
                outgoing: Outgoing::default(),
                reused: false,
            }),
        };
        self.note(result.is_ok());
        result
    }

    async fn open(&self) -> io::Result<Wire> {
        let host = self.config.host.as_str();
        let stream = TcpStream::connect((host, self.config.port)).await?;
        stream.set_nodelay(true)?;
        match &self.secure {
            None => Ok(Wire::Plain(stream)),
            Some(Secure { connector, name }) => {
                let stream = connector.connect(name.clone(), stream).await?;
                Ok(Wire::Tls(Box::new(stream.into())))
            }
        }
    }

    /// Keeps a connection for the next request of this worker.
    pub(crate) fn keep(
        &self,
        worker: usize,
        mut connection: Connection,
        now: Instant,
    ) {
        connection.reused = true;
        connection.incoming.rest();
        connection.outgoing.clear();
        connection.outgoing.rest();
        let mut list = self.list(worker);
        let share = self.pool.max_idle_per_server.div_ceil(self.idle.len());
        if list.len() < share {
            list.push(Idle { connection, since: now });
        }
    }

    /// Drops what has been idle for too long.
    pub(crate) fn sweep(&self, worker: usize, now: Instant) {
        let timeout = self.pool.idle_timeout;
        let mut list = self.list(worker);
        list.retain(|idle| {
            now.saturating_duration_since(idle.since) < timeout
                && !idle.connection.wire.has_news()
        });
        self.shared(worker).sweep();
    }

    /// Connections that wait for a request.
    pub(crate) fn idle_count(&self) -> usize {
        (0..self.idle.len()).map(|worker| self.list(worker).len()).sum()
    }

    fn note(&self, connected: bool) {
        if connected {
            self.failures.store(0, Relaxed);
            return;
        }
        if self.failures.fetch_add(1, Relaxed) + 1 >= FAILURES {
            self.failures.store(0, Relaxed);
            let until = self.millis(Instant::now() + REST);
            self.rests_until.store(until, Relaxed);
            tracing::warn!(
                server = self.authority,
                "server refused {FAILURES} connections in a row: left alone \
                 for {} s",
                REST.as_secs()
            );
        }
    }

    fn millis(&self, moment: Instant) -> u64 {
        let age = moment.saturating_duration_since(self.born).as_millis();
        u64::try_from(age).unwrap_or(u64::MAX)
    }

    // A std lock: held for a push or a pop, by the worker whose list it is.
    fn list(&self, worker: usize) -> MutexGuard<'_, Vec<Idle>> {
        let list = &self.idle[worker % self.idle.len()];
        list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, for the balance.
#[derive(Debug)]
pub(crate) struct Underway(Arc<Server>);

impl Underway {
    pub(crate) fn at(server: &Arc<Server>) -> Self {
        server.active.fetch_add(1, Relaxed);
        Self(Arc::clone(server))
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}
