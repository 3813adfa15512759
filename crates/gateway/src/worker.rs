//! What the connections of one thread share.
//!
//! Each worker is a thread with a runtime of its own: its connections, its idle
//! connections to servers, its request ids. Nothing on the way of a request
//! waits for another thread.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use crate::{
    drain::Phase, generation::Generations, log::DecisionLog, metrics::Metrics,
};

/// One thread's part.
#[derive(Debug)]
pub struct Worker {
    /// Which one; idle connections are kept by it.
    pub index: usize,
    /// What requests are decided by.
    pub generations: Arc<Generations>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Places for connections, of all workers together.
    pub room: Arc<Semaphore>,
    /// How far the end has come.
    pub phase: watch::Receiver<Phase>,
    /// When it began.
    pub born: Instant,
    /// Names of requests.
    pub ids: Ids,
    /// Which decisions are logged.
    pub log: DecisionLog,
}

impl Worker {
    /// Whether the end has begun: no more than a look at a number, for every
    /// request.
    pub(crate) fn is_ending(&self) -> bool {
        // Nobody marks a phase as seen here. An error: nobody is left to say.
        self.phase.has_changed().unwrap_or(true)
    }
}

/// Names requests: unique while the seed is.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Ids {
    /// The seed must be random, or two processes name requests alike.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number that no request had before.
    pub(crate) fn draw(&self) -> u64 {
        // splitmix64 (Steele et al. 2014): a bijection of the counter.
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(step, Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next id: 16 hex digits.
    pub(crate) fn next(&self) -> RequestId {
        let z = self.draw();
        let mut digits = [0; 16];
        for (at, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(z >> (60 - 4 * at) & 15) as usize];
        }
        RequestId::Ours(digits)
    }
}

/// Names one request in headers, pages and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestId {
    /// Made here.
    Ours([u8; 16]),
    /// Told by a trusted peer.
    Told(Box<str>),
}

impl RequestId {
    pub(crate) fn told(id: &str) -> Self {
        Self::Told(id.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ours(digits) => digits,
            Self::Told(id) => id.as_bytes(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Ours(digits) => {
                std::str::from_utf8(digits).expect("hex digits are ASCII")
            }
            Self::Told(id) => id,
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
