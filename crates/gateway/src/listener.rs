//! Where clients come in: accepted, limited, driven, ended.
//!
//! Each worker listens by itself (`SO_REUSEPORT`), so the kernel deals out
//! connections and no thread hands them to another; a new process can listen
//! before the old one has gone. Above the limit of connections nobody is
//! refused: further clients wait in the kernel's queue, and the first of them
//! here.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
    task::JoinSet,
    time::Instant,
};

use crate::{
    config,
    decide::Surface,
    drain::{Phase, reached},
    worker::Worker,
};

mod arrival;
pub(crate) mod closing;
mod grpc;
mod http1;
mod http2;

/// Clients that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed for want of descriptors or memory.
pub(crate) const BREATH: Duration = Duration::from_millis(100);
/// Silence after which the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How often idle connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// A socket that has its address and does not listen: the kernel leads nobody
/// to it yet, so whoever drops it loses no client.
#[derive(Debug)]
pub struct Bound(Socket);

impl Bound {
    /// Its address; a port that was 0 is known now.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.0.local_addr()?.as_socket();
        address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Lets clients come: from now on the kernel deals them out to it too.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn listen(self) -> io::Result<std::net::TcpListener> {
        self.0.listen(BACKLOG)?;
        Ok(self.0.into())
    }
}

/// Takes an address. Every worker takes the same, and so may a process of the
/// same user that is to follow this one.
///
/// # Errors
/// Whatever the system says: in use, not permitted.
pub fn bind(address: SocketAddr) -> io::Result<Bound> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Bound(socket))
}

/// Takes an address and listens on it.
///
/// # Errors
/// As [`bind`].
pub fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    bind(address)?.listen()
}

/// Serves the clients of one listener, on the runtime of `worker`, until the
/// end has come and its connections have ended.
///
/// # Errors
/// When the socket cannot be used by this runtime.
pub async fn serve(
    socket: std::net::TcpListener,
    listener: config::Listener,
    worker: Arc<Worker>,
) -> io::Result<()> {
    serve_as(socket, listener, Surface::Proxy, worker).await
}

/// Answers the questions of other proxies, as [`serve`] does clients.
///
/// # Errors
/// When the socket cannot be used by this runtime.
pub async fn serve_verdicts(
    socket: std::net::TcpListener,
    worker: Arc<Worker>,
) -> io::Result<()> {
    let listener = config::Listener { http2: false, ..plain(&socket)? };
    serve_as(socket, listener, Surface::Verdict, worker).await
}

/// Answers the questions of Envoy over gRPC, likewise.
///
/// # Errors
/// When the socket cannot be used by this runtime.
pub async fn serve_ext_authz(
    socket: std::net::TcpListener,
    worker: Arc<Worker>,
) -> io::Result<()> {
    let listener = plain(&socket)?;
    serve_as(socket, listener, Surface::ExtAuthz, worker).await
}

/// Without TLS and PROXY protocol.
fn plain(socket: &std::net::TcpListener) -> io::Result<config::Listener> {
    Ok(config::Listener {
        bind: socket.local_addr()?,
        tls: None,
        http2: true,
        proxy_protocol: config::ProxyProtocol::Off,
    })
}

async fn serve_as(
    socket: std::net::TcpListener,
    listener: config::Listener,
    surface: Surface,
    worker: Arc<Worker>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
    let listener = Arc::new(listener);
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let closing = reached(worker.phase.clone(), Phase::Closing);
    let mut is_deaf = false;
    let last_moment = tokio::time::sleep(closing::MOMENT);
    tokio::pin!(closing, last_moment);
    // Somebody who has been accepted and has no place yet.
    let mut next = None;
    loop {
        tokio::select! {
            () = &mut closing, if !is_deaf => {
                is_deaf = true;
                if let Err(error) = closing::deafen(&socket) {
                    tracing::debug!(%error, "newcomers may be refused");
                }
                last_moment.as_mut().reset(Instant::now() + closing::MOMENT);
            }
            () = &mut last_moment, if is_deaf => break,
            Some(_) = connections.join_next() => {}
            _ = sweep.tick() => sweep_servers(&worker),
            accepted = accept(&socket, &mut next, &worker) => {
                drive(accepted, (&listener, surface), &worker, &mut connections);
            }
        }
    }
    if let Some((stream, peer)) = next {
        let last = Accepted { stream, peer, place: None };
        drive(last, (&listener, surface), &worker, &mut connections);
    }
    // The reactor might not know yet of all who have been let in, so the
    // kernel is asked.
    let socket = socket.into_std()?;
    while let Some(accepted) = waiting(&socket, &worker) {
        drive(accepted, (&listener, surface), &worker, &mut connections);
    }
    drop(socket);
    let cut = reached(worker.phase.clone(), Phase::Cut);
    tokio::pin!(cut);
    while !connections.is_empty() {
        tokio::select! {
            () = &mut cut => {
                connections.shutdown().await;
            }
            _ = connections.join_next() => {}
        }
    }
    Ok(())
}

/// A connection, with its place among all unless it must wait for one.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
}

/// The next connection, once there is room for it. Whoever waits for a place
/// is kept in `next`, unread: a place that is taken before somebody comes would
/// be kept from the clients of other listeners and workers. May be dropped and
/// called again.
async fn accept(
    socket: &TcpListener,
    next: &mut Option<(TcpStream, SocketAddr)>,
    worker: &Worker,
) -> Accepted {
    loop {
        if next.is_none() {
            *next = Some(newcomer(socket).await);
        }
        let place = room(worker).await;
        if let Some((stream, peer)) = next.take() {
            return Accepted { stream, peer, place: Some(place) };
        }
    }
}

async fn newcomer(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(newcomer) => return newcomer,
            // The client went away while it waited.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn room(worker: &Worker) -> OwnedSemaphorePermit {
    let room = Arc::clone(&worker.room).acquire_owned().await;
    room.expect("the semaphore is never closed")
}

/// A connection that waits to be accepted right now.
fn waiting(
    socket: &std::net::TcpListener,
    worker: &Worker,
) -> Option<Accepted> {
    let place = Arc::clone(&worker.room).try_acquire_owned().ok()?;
    let (stream, peer) = socket.accept().ok()?;
    stream.set_nonblocking(true).ok()?;
    let stream = TcpStream::from_std(stream).ok()?;
    Some(Accepted { stream, peer, place: Some(place) })
}

fn drive(
    accepted: Accepted,
    (listener, surface): (&Arc<config::Listener>, Surface),
    worker: &Arc<Worker>,
    connections: &mut JoinSet<()>,
) {
    let Accepted { stream, peer, place } = accepted;
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
    // Without these the connection works as well, only less well.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
    let _ = stream.set_nodelay(true);
    let (listener, worker) = (Arc::clone(listener), Arc::clone(worker));
    connections.spawn(async move {
        let place = match place {
            Some(place) => place,
            None => room(&worker).await,
        };
        worker.metrics.connections.inc();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        arrival::welcome(stream, peer, (&listener, surface), &worker).await;
        worker.metrics.connections.dec();
        drop(place);
    });
}

fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Drops idle connections to servers that are too old or have ended.
fn sweep_servers(worker: &Worker) {
    let now = Instant::now();
    for backend in worker.generations.load().setup.backends.all() {
        for server in &backend.servers {
            server.sweep(worker.index, now);
        }
    }
}
