//! A TCP connection: what drives it, and what a handler may know and ask of it.
//!
//! The live stream shrinks the send buffer of its sockets: in the kernel's
//! buffers, which grow to megabytes, a client that stopped reading would go
//! unnoticed for thousands of events. A handler cannot reach the socket, which
//! is the driver's alone; it leaves a wish, which is met before the next write.
//!
//! Who does not read what was asked for must not hold a place for ever: a write
//! that gets nothing off for [`limits::WRITE_STALL`] ends the connection. Every
//! byte that the other side takes begins the time anew, so that a slow line may
//! be as slow as it is.
//!
//! Reads and writes are those of tokio's stream, and not made anew with
//! `try_read`: it knows after a short read that nothing is left, and so spares
//! a system call a request.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use crate::{auth::KeyMemory, limits};

/// Silence after which the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A connection as handlers see it; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    peer: SocketAddr,
    key_memory: KeyMemory,
    /// Wished size of the send buffer, in bytes; 0: none.
    send_buffer: AtomicUsize,
    /// Given back when the last clone goes, upgraded or not.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// The other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The key that was last proved here.
    pub(crate) fn key_memory(&self) -> &KeyMemory {
        &self.0.key_memory
    }

    /// Bounds what the kernel keeps for a client that does not read, from the
    /// next write on.
    pub(crate) fn limit_send_buffer(&self, bytes: usize) {
        self.0.send_buffer.store(bytes, Ordering::Relaxed);
    }
}

/// The stream of a connection, for who drives it.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    connection: Connection,
    /// Rings when a write has got nothing off for too long; there is none while
    /// writes get on.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        // Without these the connection works as well, only less well.
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        let _ = stream.set_nodelay(true);
        let connection = Connection(Arc::new(Shared {
            peer,
            key_memory: KeyMemory::default(),
            send_buffer: AtomicUsize::new(0),
            _place: place,
        }));
        Self { stream, connection, stalled: None }
    }

    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The stream, with the wish of a handler met.
    fn writer(&mut self) -> Pin<&mut TcpStream> {
        let wish = &self.connection.0.send_buffer;
        if wish.load(Ordering::Relaxed) != 0 {
            let bytes = wish.swap(0, Ordering::Relaxed);
            let _ = SockRef::from(&self.stream).set_send_buffer_size(bytes);
        }
        Pin::new(&mut self.stream)
    }

    /// What became of a write, or that it has waited for too long.
    fn in_time(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let alarm = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(limits::WRITE_STALL)));
        let rings = alarm.as_mut().poll(cx);
        rings.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.writer().poll_write(cx, bytes);
        self.in_time(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.writer().poll_write_vectored(cx, slices);
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
