//! The last moments of a listening socket.
//!
//! Closing it resets everybody whom the kernel has let in and nobody has
//! accepted, also in the instant between the last accept and the close. So it
//! is made deaf to newcomers first: their first packet is dropped, they repeat
//! it after a second (RFC 6298, section 2.1), and whoever listens then takes
//! them: a new process on the same port. Handshakes under way end within the
//! moment that is left, and are served.

use std::{io, time::Duration};

use socket2::{SockFilter, SockRef};
use tokio::net::TcpListener;

/// Longest round trip of a client whose handshake is waited for.
pub(crate) const MOMENT: Duration = Duration::from_millis(250);

/// Offset of the flags in a TCP header (RFC 9293, section 3.1), and two.
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// Operations of classic BPF (`linux/bpf_common.h`): load a byte at `k`, mask it
/// with `k`, go on if it is `k`, keep `k` bytes of the packet.
const LOAD: u16 = 0x30;
const MASK: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const KEEP: u16 = 0x06;

/// Drops packets that ask for a connection. Connections that were accepted
/// inherit it, and never see such a packet.
const NO_NEWCOMERS: [SockFilter; 5] = [
    SockFilter::new(LOAD, 0, 0, FLAGS),
    SockFilter::new(MASK, 0, 0, SYN | ACK),
    SockFilter::new(IF_EQUAL, 0, 1, SYN),
    SockFilter::new(KEEP, 0, 0, 0),
    SockFilter::new(KEEP, 0, 0, u32::MAX),
];

/// Lets nobody new in; who has been let in can still be accepted.
pub(crate) fn deafen(socket: &TcpListener) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&NO_NEWCOMERS)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn a_deaf_listener_accepts_who_came_before_and_nobody_after() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut early = TcpStream::connect(address).await.unwrap();
        deafen(&listener).unwrap();
        let late = TcpStream::connect(address);
        assert!(timeout(MOMENT, late).await.is_err(), "nobody answers");
        let (mut served, from) = listener.accept().await.unwrap();
        assert_eq!(from, early.local_addr().unwrap());
        // The filter that it inherits lets both directions pass.
        for _ in 0..2 {
            let mut bytes = [0; 3];
            early.write_all(b"ask").await.unwrap();
            served.read_exact(&mut bytes).await.unwrap();
            served.write_all(&bytes).await.unwrap();
            early.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ask");
        }
    }
}
