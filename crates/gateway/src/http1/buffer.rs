//! Bytes that were read and not yet used; bytes to be written.
//!
//! Both belong to a connection and are reused from request to request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room that a read is given at least.
const LEAST_ROOM: usize = 4 * 1024;
/// Largest buffer that an idle connection keeps.
const KEPT: usize = 16 * 1024;

/// What was read; the storage is always initialised, so that reading needs no
/// unsafe code.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes `count` bytes off the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "no more than there is");
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Reads what there is, as far as there is room; 0 is the end.
    pub(crate) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room(room.max(LEAST_ROOM));
        let mut buffer = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        self.end += read;
        Poll::Ready(Ok(read))
    }

    /// Bytes that came from elsewhere.
    #[cfg(test)]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Gives back what a large body needed.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }

    fn make_room(&mut self, room: usize) {
        if self.bytes.len() - self.end >= room.min(LEAST_ROOM) {
            return;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() - self.end < room {
            self.bytes.resize(self.end + room, 0);
        }
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Appended to by everyone who has something to say.
    pub(crate) bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    /// Writes all of it and forgets it. Resolves with the bytes written.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut *to).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        ready!(Pin::new(to).poll_flush(cx))?;
        if self.bytes.capacity() > 4 * KEPT {
            self.bytes = Vec::new();
        }
        self.clear();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in_whatever_is_consumed_between() {
        let source: Vec<u8> =
            (0..60_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut from = source.as_slice();
        let mut buffer = Incoming::default();
        let mut got: Vec<u8> = Vec::new();
        let mut step = 1;
        loop {
            let read = poll_fn(|cx| buffer.poll_fill(cx, &mut from, 100));
            if read.await.unwrap() == 0 {
                break;
            }
            let taken = buffer.data().len().min(step);
            got.extend(&buffer.data()[..taken]);
            buffer.consume(taken);
            step = step * 7 % 9001 + 1;
        }
        got.extend(buffer.data());
        assert!(got == source);
    }
}
