//! Connections: accepted, limited, driven, ended.
//!
//! One task a connection, all owned by [`run`]. A client that sends a head too
//! slowly, or too large a one, is cut off by the protocol engine before any
//! handler hears of it. When all places are taken, further clients wait in the
//! kernel's queue: nobody is refused, and nobody who is served gets slower.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use futures_util::{
    TryFutureExt,
    future::{
        self,
        Either::{Left, Right},
    },
};
use http_body_util::Either;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::Service;

use crate::{App, limits, middleware::Life, router};

mod patience;
mod socket;

use patience::Patience;
pub(crate) use socket::Connection;
use socket::Socket;

/// Pause after an accept that failed for want of descriptors or memory.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop` resolves and the answers under way are finished.
pub(crate) async fn run(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let hub = app.live.hub();
    let pump = hub.run(&app.live, &app.clock);
    let life = Life::new(app.clone());
    let server = Server {
        router: router::build(&life),
        life,
        protocol: protocol(),
        graceful: GracefulShutdown::new(),
        room: Arc::new(Semaphore::new(limits::CONNECTIONS)),
    };
    let mut connections = JoinSet::new();
    tokio::pin!(stop, pump);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut pump => {}
            Some(_) = connections.join_next() => {}
            (stream, peer, permit) = server.accept(&listener) => {
                server.drive(stream, peer, permit, &mut connections);
            }
        }
    }
    drop(listener);
    hub.close();
    server.graceful.shutdown().await;
    hub.emptied().await;
    while connections.join_next().await.is_some() {}
    Ok(())
}

struct Server {
    router: Router,
    life: Arc<Life>,
    protocol: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    room: Arc<Semaphore>,
}

impl Server {
    /// The next connection, once there is room for it.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let permit = room.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, permit),
                // The client went away while it waited.
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    fn drive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        connections: &mut JoinSet<()>,
    ) {
        let socket = Socket::new(stream, peer, permit);
        let connection = socket.connection();
        let io = TokioIo::new(socket);
        let router = self.router.clone();
        let life = Arc::clone(&self.life);
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(answer) = life.at_once(&mut request, &connection) {
                return Left(future::ready(Ok(answer)));
            }
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(connection.clone());
            let answer = router.clone().call(request);
            Right(answer.map_ok(|answer| answer.map(Either::Right)))
        });
        let mut protocol = self.protocol.clone();
        protocol.http1().timer(Patience::new());
        let serving = protocol.serve_connection_with_upgrades(io, service);
        let driven = self.graceful.watch(serving.into_owned());
        connections.spawn(async move {
            if let Err(error) = driven.await {
                tracing::debug!(%peer, error, "connection ended early");
            }
        });
    }
}

fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_buf_size(limits::HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::PROBE_INTERVAL)
        .keep_alive_timeout(limits::PROBE_TIMEOUT_H2)
        .max_concurrent_streams(limits::H2_STREAMS)
        .max_header_list_size(limits::HEAD_BYTES_H2);
    builder
}
