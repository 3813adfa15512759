//! Bytes that were read and not yet used; bytes to be written.
//!
//! Both belong to a connection. What has nothing to hold gives its room to the
//! next connection of the same thread that has something: most connections are
//! idle most of the time, and those cost no room.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room that a read is given at least.
const LEAST_ROOM: usize = 4 * 1024;
/// Largest room that is kept for others.
const KEPT: usize = 16 * 1024;
/// Rooms of each kind that a thread keeps at most.
const SPARE: usize = 64;

/// Rooms that nobody uses now.
#[derive(Debug, Default)]
struct Spare {
    /// Initialised.
    read: Vec<Vec<u8>>,
    /// Empty.
    write: Vec<Vec<u8>>,
}

thread_local! {
    static SPARE_OF_THREAD: RefCell<Spare> = RefCell::default();
}

fn lend(kind: impl Fn(&mut Spare) -> &mut Vec<Vec<u8>>) -> Vec<u8> {
    let lent = SPARE_OF_THREAD.with_borrow_mut(|spare| kind(spare).pop());
    lent.unwrap_or_default()
}

fn give_back(
    room: &mut Vec<u8>,
    kind: impl Fn(&mut Spare) -> &mut Vec<Vec<u8>>,
) {
    let room = std::mem::take(room);
    if (1..=KEPT).contains(&room.capacity()) {
        SPARE_OF_THREAD.with_borrow_mut(|spare| {
            let rooms = kind(spare);
            if rooms.len() < SPARE {
                rooms.push(room);
            }
        });
    }
}

/// What was read; the room is always initialised, so that reading needs no
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
        if self.bytes.is_empty() {
            self.bytes = lend(|spare| &mut spare.read);
        }
        self.make_room(room.max(LEAST_ROOM));
        let mut buffer = ReadBuf::new(&mut self.bytes[self.end..]);
        let polled = Pin::new(from).poll_read(cx, &mut buffer);
        let read = buffer.filled().len();
        self.end += read;
        self.rest();
        polled.map_ok(|()| read)
    }

    /// Bytes that came from elsewhere.
    #[cfg(test)]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Gives its room back if nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            give_back(&mut self.bytes, |spare| &mut spare.read);
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

/// Room for something that is written, empty.
pub(crate) fn spare_text() -> Vec<u8> {
    lend(|spare| &mut spare.write)
}

/// Gives room back that is needed no longer, with what is in it.
pub(crate) fn give_back_text(room: &mut Vec<u8>) {
    room.clear();
    give_back(room, |spare| &mut spare.write);
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Appended to by everyone who has something to say.
    pub(crate) bytes: Vec<u8>,
    written: usize,
    /// TLS may hold back what it has accepted.
    unflushed: bool,
}

impl Outgoing {
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether [`Self::poll_write`] has something to do: not everything has
    /// left this process.
    pub(crate) fn owes(&self) -> bool {
        self.pending() > 0 || self.unflushed
    }

    /// Forgets all that was not accepted yet, and has room for something new.
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare_text();
        }
        self.bytes.clear();
        self.written = 0;
    }

    /// Gives its room back if nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.pending() == 0 {
            self.written = 0;
            give_back_text(&mut self.bytes);
        }
    }

    /// Writes all of it and forgets it. Ready when nothing is held back any
    /// more: until then it must be called again, see [`Self::owes`].
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
            self.unflushed = true;
        }
        if self.bytes.capacity() > 4 * KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.written = 0;
        ready!(Pin::new(to).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Accepts everything, and lets go of it when it is told to, as TLS does
    /// over a connection whose other side does not read.
    #[derive(Default)]
    struct Reluctant {
        accepted: usize,
        sent: usize,
        lets_go: bool,
    }

    impl AsyncWrite for Reluctant {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.accepted += bytes.len();
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.lets_go {
                return Poll::Pending;
            }
            self.sent = self.accepted;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    #[test]
    fn what_was_accepted_and_is_held_back_is_owed_whatever_happens() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut wire = Reluctant::default();
        let mut out = Outgoing::default();
        assert!(!out.owes());
        out.bytes.extend_from_slice(b"tail");
        assert!(out.poll_write(&mut cx, &mut wire).is_pending());
        assert_eq!((wire.accepted, wire.sent, out.pending()), (4, 0, 0));
        assert!(out.owes());
        out.rest();
        assert!(out.owes(), "its room is lent to others");
        out.clear();
        assert!(out.owes(), "the next message is written");
        out.bytes.extend_from_slice(b"more");
        assert!(out.poll_write(&mut cx, &mut wire).is_pending());
        wire.lets_go = true;
        assert!(out.poll_write(&mut cx, &mut wire).is_ready());
        assert_eq!((wire.accepted, wire.sent), (8, 8), "nothing twice");
        assert!(!out.owes());
    }

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
