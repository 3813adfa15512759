//! Bytes between two connections that have left HTTP: WebSocket.
//!
//! Each direction ends by itself, and its end is passed on (half-close). The
//! tunnel ends when both have ended, when nothing moved for too long (ten
//! seconds once one side has ended), or when the gateway drains and its time is
//! over.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{io::AsyncWrite as _, time::Instant};

use crate::{
    alarm::Alarm,
    http1::buffer::{Incoming, Outgoing},
    wire::Wire,
};

/// How long one side may go on in silence once the other has ended.
const HALF_CLOSED: Duration = Duration::from_secs(10);
/// Bytes that one read takes at most.
const PORTION: usize = 16 * 1024;

/// One direction.
#[derive(Debug, Default)]
struct Way {
    out: Outgoing,
    source_ended: bool,
    ended: bool,
}

impl Way {
    /// Ready at the end of this direction; an error is an end as well.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: (&mut Wire, &mut Incoming),
        to: &mut Wire,
        moved: &mut u64,
    ) -> Poll<Result<(), std::io::Error>> {
        let (wire, buffer) = from;
        loop {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if !buffer.is_empty() {
                debug_assert_eq!(
                    self.out.pending(),
                    0,
                    "written before a read"
                );
                self.out.clear();
                self.out.bytes.extend_from_slice(buffer.data());
                *moved += buffer.data().len() as u64;
                buffer.consume(buffer.data().len());
            }
            if self.out.owes() {
                ready!(self.out.poll_write(cx, to))?;
            }
            if self.source_ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.ended = true;
                continue;
            }
            self.out.rest();
            if ready!(buffer.poll_fill(cx, wire, PORTION))? == 0 {
                self.source_ended = true;
            }
        }
    }
}

/// Carries bytes until the end; `idle` 0 means that silence is no end.
pub(crate) async fn run(
    client: (&mut Wire, &mut Incoming),
    server: (&mut Wire, &mut Incoming),
    alarm: &mut Alarm,
    idle: Duration,
) {
    let (mut up, mut down) = (Way::default(), Way::default());
    let (client, client_in) = client;
    let (server, server_in) = server;
    let (mut moved, mut seen, mut half_closed) = (0, 0, false);
    alarm.set_after(Instant::now(), idle);
    std::future::poll_fn(|cx| {
        let there = up.poll(cx, (client, client_in), server, &mut moved);
        let back = down.poll(cx, (server, server_in), client, &mut moved);
        match (&there, &back) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => {
                return Poll::Ready(());
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
                return Poll::Ready(());
            }
            _ => {}
        }
        if there.is_ready() != back.is_ready() && !half_closed {
            half_closed = true;
            alarm.set_after(Instant::now(), HALF_CLOSED);
        }
        while alarm.poll(cx).is_ready() {
            if moved == seen {
                return Poll::Ready(());
            }
            seen = moved;
            let wait = if half_closed { HALF_CLOSED } else { idle };
            alarm.set_after(Instant::now(), wait);
        }
        Poll::Pending
    })
    .await;
}
