//! A TCP connection that a handler can reach while the server drives it: who
//! the peer is, and which key it showed.
//!
//! The live stream shrinks the send buffer of its sockets: in the kernel's
//! buffers, which grow to megabytes, a client that stopped reading would go
//! unnoticed for thousands of events.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use crate::auth::KeyMemory;

/// Silence after which the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A connection with its place among all; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    peer: SocketAddr,
    key_memory: KeyMemory,
    /// Given back when the last clone goes, upgraded or not.
    _place: OwnedSemaphorePermit,
}

impl Socket {
    pub(crate) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        // Without these the connection works as well, only less well.
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        let _ = stream.set_nodelay(true);
        let key_memory = KeyMemory::default();
        Self(Arc::new(Shared { stream, peer, key_memory, _place: place }))
    }

    /// The other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The key that was last proved here.
    pub(crate) fn key_memory(&self) -> &KeyMemory {
        &self.0.key_memory
    }

    /// Bounds what the kernel keeps for a client that does not read.
    pub(crate) fn limit_send_buffer(&self, bytes: usize) {
        let _ = SockRef::from(&self.0.stream).set_send_buffer_size(bytes);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read_buf(buffer) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|_| ())),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // TCP has nothing of ours to flush
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}

impl Socket {
    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match write(&self.0.stream) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}
