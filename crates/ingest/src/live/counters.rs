//! What happened to every message, so that nothing is lost in silence.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use super::End;

/// Counts that many threads add to.
#[derive(Debug, Default)]
pub struct Counters {
    connected: AtomicBool,
    connections: AtomicU64,
    failures: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    gaps: AtomicU64,
    foreign: AtomicU64,
    refusals: AtomicU64,
    /// Why the last connection ended.
    last_end: Mutex<Option<String>>,
}

/// Counts of one moment.
///
/// Every message that was received is delivered, waits, or is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whether there is a connection now.
    pub connected: bool,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were not made, or that ended.
    pub failures: u64,
    /// Messages that were received.
    pub messages: u64,
    /// Their size.
    pub bytes: u64,
    /// Messages for which there was no room.
    pub lost: u64,
    /// Holes in the stream: lost connections, and times without room.
    pub gaps: u64,
    /// Binary frames, of which RIS Live has none.
    pub foreign: u64,
    /// Times that the server said that it cannot do what was asked.
    pub refusals: u64,
    /// Why the last connection ended, or was not made.
    pub last_end: Option<String>,
}

impl Counters {
    /// The counts now.
    pub fn counts(&self) -> Counts {
        let last_end = self.last_end.lock();
        let last_end = last_end.unwrap_or_else(PoisonError::into_inner);
        Counts {
            connected: self.connected.load(Relaxed),
            connections: self.connections.load(Relaxed),
            failures: self.failures.load(Relaxed),
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            lost: self.lost.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            foreign: self.foreign.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
            last_end: last_end.clone(),
        }
    }

    pub(super) fn connected(&self, now: bool) {
        self.connected.store(now, Relaxed);
        self.connections.fetch_add(u64::from(now), Relaxed);
    }

    pub(super) fn ended(&self, end: &End) {
        self.failures.fetch_add(1, Relaxed);
        let last_end = self.last_end.lock();
        let mut last_end = last_end.unwrap_or_else(PoisonError::into_inner);
        *last_end = Some(end.to_string());
    }

    pub(super) fn message(&self, bytes: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn lost(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    pub(super) fn gap(&self) {
        self.gaps.fetch_add(1, Relaxed);
    }

    pub(super) fn foreign(&self) {
        self.foreign.fetch_add(1, Relaxed);
    }

    pub(super) fn refusal(&self) {
        self.refusals.fetch_add(1, Relaxed);
    }
}
