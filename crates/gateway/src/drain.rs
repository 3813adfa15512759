//! The end of a gateway, in order, without losing a request.
//!
//! 1. `Draining`: `/readyz` says 503, connections are still accepted, and every
//!    answer asks the client to come again elsewhere (`Connection: close`). So
//!    a balancer has time to notice, and clients leave at a moment of theirs.
//! 2. `Closing`: nobody new is accepted, idle connections are closed, HTTP/2
//!    connections are told to go away, what is under way goes on.
//! 3. `Cut`: the time is over; what is left is cut.

use tokio::sync::watch;

/// Resolves once the end has come so far; also if nobody is left to say so.
pub(crate) async fn reached(mut phase: watch::Receiver<Phase>, goal: Phase) {
    drop(phase.wait_for(|phase| *phase >= goal).await);
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has not begun.
    #[default]
    Serving,
    /// Clients are asked to leave.
    Draining,
    /// Nobody new; what is under way goes on.
    Closing,
    /// What is left is cut.
    Cut,
}
