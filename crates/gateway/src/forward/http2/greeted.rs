//! A connection that notes how many streams its server allows.
//!
//! hyper keeps to that number and does not tell it: what is beyond waits inside
//! it until other streams end, and those may belong to clients that do not
//! read. A server says it in its first frame (RFC 9113, section 3.4); changes
//! of it later on are left to hyper.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::Wire;

/// Head of a frame: length in three bytes, type, flags, stream.
const HEAD: usize = 9;
const SETTINGS: u8 = 4;
/// `SETTINGS_MAX_CONCURRENT_STREAMS`.
const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
/// A setting: name in two bytes, value in four.
const SETTING: usize = 6;
/// Longest first frame that is looked at; there are about ten settings.
const LONGEST: usize = 64 * SETTING;

/// A wire whose first frame is looked at.
#[derive(Debug)]
pub(super) struct Greeted {
    wire: Wire,
    greeting: Greeting,
    allowed: Arc<AtomicUsize>,
}

impl Greeted {
    /// Lowers `allowed` to what the server says.
    pub(super) fn new(wire: Wire, allowed: Arc<AtomicUsize>) -> Self {
        Self { wire, greeting: Greeting::default(), allowed }
    }
}

/// The first frame of a server, until it is whole.
#[derive(Debug, Default)]
struct Greeting {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Greeting {
    /// The streams that a server allows, when it has just said so.
    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.is_over {
            return None;
        }
        let room = HEAD + LONGEST - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let (head, rest) = self.bytes.split_first_chunk::<HEAD>()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if rest.len() < length && length <= LONGEST && head[3] == SETTINGS {
            return None;
        }
        self.is_over = true;
        let is_known = length <= LONGEST && head[3] == SETTINGS;
        let settings = if is_known { &rest[..length] } else { &[] };
        let value = settings
            .chunks_exact(SETTING)
            .filter_map(|setting| setting.strip_prefix(&MAX_CONCURRENT_STREAMS))
            .next_back()
            .and_then(|value| value.try_into().ok())
            .map(u32::from_be_bytes);
        self.bytes = Vec::new();
        value.map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    }
}

impl AsyncRead for Greeted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { wire, greeting, allowed } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(wire).poll_read(cx, buffer))?;
        if let Some(told) = greeting.read(&buffer.filled()[before..]) {
            // One that allows none now is asked all the same.
            allowed.fetch_min(told.max(1), Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_that_a_server_allows_are_read_in_whatever_pieces() {
        let said = [
            &[0, 0, 12, SETTINGS, 0, 0, 0, 0, 0][..],
            &[0, 4, 0, 1, 0, 0],
            &[0, 3, 0, 0, 0, 32],
            // Another frame, of which nothing is taken for settings.
            &[0, 0, 6, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 7],
        ]
        .concat();
        for step in 1..=said.len() {
            let mut greeting = Greeting::default();
            let told: Vec<usize> = said
                .chunks(step)
                .filter_map(|piece| greeting.read(piece))
                .collect();
            assert_eq!(told, [32], "in pieces of {step}");
        }
    }

    #[test]
    fn a_first_frame_of_another_kind_or_without_the_number_tells_nothing() {
        for said in [
            &[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0][..],
            &[0, 0, 6, 1, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 7],
            &[0xff, 0xff, 0xff, SETTINGS, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 7],
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ] {
            let mut greeting = Greeting::default();
            assert_eq!(greeting.read(said), None);
            assert!(greeting.is_over && greeting.bytes.is_empty());
        }
    }
}
