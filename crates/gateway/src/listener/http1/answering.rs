//! Answers of ours on a connection of HTTP/1, and its end.
//!
//! After an answer that ends the connection, what the client still sends is
//! read for a moment: a reset would destroy the answer on its way.

use std::{future::poll_fn, io, pin::Pin, task::Poll, time::Duration};

use tokio::{
    io::AsyncWrite as _,
    time::{Instant, timeout},
};

use super::{Connection, Next, Ready};
use crate::{
    answer::Answer, forward::exchange, http1::body::Framing, request::Version,
};

/// How long a connection that ends is still read.
const LINGER: Duration = Duration::from_secs(2);
/// And how many bytes.
const LINGER_BYTES: usize = 1024 * 1024;

/// How an answer of ours is written.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    version: Version,
    to_head: bool,
    keep_alive: bool,
}

/// To a request that is none.
pub(super) const CURT: Manner =
    Manner { version: Version::Http11, to_head: false, keep_alive: false };

impl Ready {
    pub(super) fn manner(&self, keep_alive: bool) -> Manner {
        Manner { version: self.version, to_head: self.to_head, keep_alive }
    }
}

impl Connection<'_> {
    /// Tells the client about a fault before anything else was told.
    pub(super) async fn failed(
        &mut self,
        status: u16,
        ready: &Ready,
    ) -> (u16, Next) {
        self.outgoing.clear();
        let answer = Answer::fault(status, ready.record.id.as_str());
        let whole = matches!(ready.framing, Framing::None | Framing::Length(0));
        let keep_alive = ready.keep_alive && whole;
        let sent = self.answer(&answer, ready.manner(keep_alive)).await;
        let next = match (sent, keep_alive) {
            (false, _) => Next::End,
            (true, true) => Next::Request,
            (true, false) => Next::Linger,
        };
        (status, next)
    }

    /// Writes an answer of ours; whether it could be written in time.
    pub(super) async fn answer(
        &mut self,
        answer: &Answer,
        manner: Manner,
    ) -> bool {
        let out = &mut self.outgoing.bytes;
        let Manner { version, to_head, keep_alive } = manner;
        answer.write_head(version, keep_alive, out);
        out.extend_from_slice(answer.content(to_head));
        // The kernel takes most answers at once, and then no time is measured.
        let mut waits = false;
        poll_fn(|cx| match self.outgoing.poll_write(cx, &mut self.wire) {
            Poll::Ready(written) => Poll::Ready(written.is_ok()),
            Poll::Pending => {
                if !waits {
                    let end = Instant::now() + exchange::RATE_WINDOW;
                    self.alarm.set(end);
                    waits = true;
                }
                self.alarm.poll(cx).map(|()| false)
            }
        })
        .await
    }

    /// Ends our side, and reads what still comes, for a moment.
    pub(super) async fn linger(&mut self) {
        let ended = async {
            poll_fn(|cx| Pin::new(&mut self.wire).poll_shutdown(cx)).await?;
            let mut read = 0;
            while read < LINGER_BYTES {
                self.incoming.consume(self.incoming.data().len());
                let room = 16 * 1024;
                let more = poll_fn(|cx| {
                    self.incoming.poll_fill(cx, &mut self.wire, room)
                });
                match more.await? {
                    0 => break,
                    count => read += count,
                }
            }
            io::Result::Ok(())
        };
        // Whoever sends longer than that is cut.
        let _ = timeout(LINGER, ended).await;
    }
}
