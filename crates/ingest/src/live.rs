//! BGP as it happens: RIPE's RIS Live over a WebSocket
//! (<https://ris-live.ripe.net/manual/>).
//!
//! ```text
//! socket ──▶ listen ──▶ Inbox (bounded) ──▶ Follower ──▶ events
//! ```
//!
//! [`listen`] keeps a connection, however often it breaks, and puts every
//! message into an [`Inbox`], which a slower reader empties on its own thread.
//! Nothing is asked for twice, because RIS Live repeats nothing: what was said
//! while nobody listened, or while the inbox was full, is lost. Each such hole
//! is an item of its own, a [`Gap`], in its place between the messages. Behind a
//! gap, routes may be known that are withdrawn, and others may be missing, until
//! a table is read again. A [`Stream`] is the inbox together with the table that
//! its messages change.
//!
//! Refused: messages over a megabyte (the connection ends, for a frame cannot
//! be skipped), and addresses inside the operator's network, unless listed.

mod backoff;
mod counters;
mod dial;
mod follower;
mod inbox;
mod session;

use std::time::Duration;

use tokio::time::Instant;

pub use crate::bgp::Stream;

pub use self::{
    backoff::Backoff,
    counters::{Counters, Counts},
    dial::{DialError, Dialler, system_roots},
    follower::{Follower, Heard},
    inbox::{Bound, Gap, Inbox, Item, Taken},
    session::{End, Subscription},
};

/// The public service.
pub const RIS_LIVE: &str = "wss://ris-live.ripe.net/v1/ws/?client=asgard";

/// How to listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Of what to be told.
    pub subscription: Subscription,
    /// Waits between attempts to connect.
    pub backoff: Backoff,
    /// From resolution to an open WebSocket.
    pub connect: Duration,
    /// Silence after which the other side is asked for a sign.
    pub ping: Duration,
    /// Silence after which the connection is given up; more than `ping`.
    pub silence: Duration,
}

impl Default for Options {
    /// The public service, everything; 10 s to connect, pings every 20 s, a
    /// minute of silence.
    fn default() -> Self {
        Self {
            url: RIS_LIVE.to_owned(),
            subscription: Subscription::default(),
            backoff: Backoff::default(),
            connect: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(60),
        }
    }
}

/// Listens for ever. The caller owns the future, and ends it by dropping it;
/// then it closes the inbox, if nobody else writes into it.
///
/// `random` spreads the attempts of many clients over time: any 64 bits.
pub async fn listen(
    options: &Options,
    dialler: &Dialler,
    inbox: &Inbox,
    random: &mut (dyn FnMut() -> u64 + Send),
) {
    let counters = inbox.counters();
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        let opened =
            tokio::time::timeout(options.connect, dialler.open(&options.url));
        let end = match opened.await {
            Ok(Ok(socket)) => {
                counters.connected(true);
                let end = session::run(socket, options, inbox).await;
                counters.connected(false);
                inbox.interrupt();
                end
            }
            Ok(Err(error)) => End::NotOpened(error.to_string()),
            Err(_) => End::NotOpened("no answer in time".to_owned()),
        };
        counters.ended(&end);
        // A connection that held for a while was a good one.
        let held = begun.elapsed() >= options.backoff.most;
        failures = if held { 0 } else { failures + 1 };
        let wait = options.backoff.wait(failures, random());
        tracing::warn!(url = options.url, ?wait, "RIS Live: {end}");
        tokio::time::sleep(wait).await;
    }
}
