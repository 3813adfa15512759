//! The first bytes of a connection: PROXY header, TLS, and which HTTP.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsAcceptor;

use super::{grpc, http1, http2};
use crate::{
    config::{Listener, ProxyProtocol},
    decide::{From, Surface},
    proxy_protocol::{self, Parsed},
    wire::Wire,
    worker::Worker,
};

/// For the PROXY header.
const PROXY_HEADER: Duration = Duration::from_secs(5);
/// How HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection to its end.
pub(super) async fn welcome(
    mut stream: TcpStream,
    peer: SocketAddr,
    (listener, surface): (&Listener, Surface),
    worker: &Arc<Worker>,
) {
    let generation = worker.generations.load();
    let setup = &generation.setup;
    let listener = match surface {
        Surface::Proxy => setup.listener(listener),
        Surface::Verdict | Surface::ExtAuthz => listener,
    };
    let mut peer = peer;
    if listener.proxy_protocol != ProxyProtocol::Off {
        let deadline = Instant::now() + PROXY_HEADER;
        let trusted = setup.trusted(&generation.data).contains(peer.ip());
        let read = read_proxy_header(&mut stream, listener.proxy_protocol);
        let header = match trusted {
            true => timeout_at(deadline, read).await.ok().flatten(),
            false => None,
        };
        let Some(source) = header else {
            tracing::debug!(%peer, trusted, "no usable PROXY header: closed");
            return;
        };
        peer = source.unwrap_or(peer);
    }
    let tls = listener.tls.as_ref().and_then(|name| {
        setup.tls.get(&(name.clone(), listener.http2)).cloned()
    });
    if listener.tls.is_some() && tls.is_none() {
        tracing::error!("no certificates for a listener: connection closed");
        return;
    }
    let deadline = Instant::now() + setup.config.limits.header_timeout;
    let takes_http2 = listener.http2;
    drop(generation);
    let wire = match tls {
        None => Wire::Plain(stream),
        Some(config) => {
            let accepted = TlsAcceptor::from(config).accept(stream);
            match timeout_at(deadline, accepted).await {
                Ok(Ok(stream)) => Wire::Tls(Box::new(stream.into())),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "TLS handshake failed");
                    return;
                }
                Err(_) => return,
            }
        }
    };
    let from = From { peer, secure: wire.is_secure(), surface };
    let is_http2 = match &wire {
        Wire::Plain(stream) => {
            takes_http2 && begins_http2(stream, deadline).await
        }
        Wire::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
    };
    match (is_http2, surface) {
        (true, Surface::ExtAuthz) => grpc::serve(wire, from, worker).await,
        (false, Surface::ExtAuthz) => {
            tracing::debug!(%peer, "gRPC begins with HTTP/2: closed");
        }
        (true, _) => http2::serve(wire, from, worker).await,
        (false, _) => {
            http1::Connection::new(wire, from, worker).serve().await;
        }
    }
}

/// The PROXY header, taken off the connection; `None` if there is no proper
/// one, `Some(None)` if it names nobody.
async fn read_proxy_header(
    stream: &mut TcpStream,
    takes: ProxyProtocol,
) -> Option<Option<SocketAddr>> {
    let mut bytes = vec![0; proxy_protocol::MAX_V2];
    loop {
        // Looked at before it is taken: what follows belongs to HTTP or TLS.
        let seen = stream.peek(&mut bytes).await.ok()?;
        match proxy_protocol::parse(&bytes[..seen], takes) {
            Ok(Parsed::Done { length, source }) => {
                stream.read_exact(&mut bytes[..length]).await.ok()?;
                return Some(source);
            }
            Ok(Parsed::Partial) if seen > 0 && seen < bytes.len() => {
                await_more(stream, seen).await?;
            }
            _ => return None,
        }
    }
}

/// Waits until more than `seen` bytes can be peeked at. The reactor tells only
/// of changes, so the rest of a torn header is asked for now and then.
async fn await_more(stream: &TcpStream, seen: usize) -> Option<()> {
    let mut probe = vec![0; seen + 1];
    loop {
        let now = stream.peek(&mut probe).await.ok()?;
        if now > seen {
            return Some(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a plain connection begins with the preface of HTTP/2.
async fn begins_http2(stream: &TcpStream, deadline: Instant) -> bool {
    let mut bytes = [0; PREFACE.len()];
    let looked = async {
        loop {
            let seen = stream.peek(&mut bytes).await.ok()?;
            if seen == 0 || bytes[..seen] != PREFACE[..seen] {
                return Some(false);
            }
            if seen == PREFACE.len() {
                return Some(true);
            }
            await_more(stream, seen).await?;
        }
    };
    matches!(timeout_at(deadline, looked).await, Ok(Some(true)))
}
