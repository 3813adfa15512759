//! The messages that wait for one watcher: at most 100, then the end.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::Message;
use crate::limits;

/// Why the server ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// No key, or a bad one.
    BadKey,
    /// The key was revoked, or has expired.
    KeyEnded,
    /// 100 messages wait.
    Overflow,
    /// The server stops.
    GoingAway,
}

impl Farewell {
    /// WebSocket close code (RFC 6455, section 7.4.1) and reason.
    pub(crate) fn close_frame(self) -> (u16, &'static str) {
        match self {
            Self::BadKey => (1008, "invalid or missing API key"),
            Self::KeyEnded => (1008, "the API key is no longer valid"),
            Self::Overflow => (1008, "queue overflow: read faster"),
            Self::GoingAway => (1001, "the server stops"),
        }
    }
}

/// Filled by the hub, emptied by the task of one watcher.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    // A std lock: held for a push or a pop.
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    /// Messages that were taken, ever.
    taken: u64,
    end: Option<Farewell>,
}

/// How far a watcher has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Messages that wait.
    pub(super) waiting: usize,
    /// Messages that were taken, ever.
    pub(super) taken: u64,
}

impl Queue {
    /// Appends a message. A full queue is emptied and ended instead; says
    /// whether that happened just now.
    pub(super) fn offer(&self, message: &Message) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            return false;
        }
        let full = state.waiting.len() >= limits::STREAM_QUEUE;
        if full {
            *state =
                State { end: Some(Farewell::Overflow), ..State::default() };
        } else {
            state.waiting.push_back(message.clone());
        }
        drop(state);
        self.arrived.notify_one();
        full
    }

    /// Ends the queue; what waits is not sent.
    pub(super) fn end(&self, why: Farewell) {
        let mut state = self.lock();
        state.waiting.clear();
        state.end.get_or_insert(why);
        drop(state);
        self.arrived.notify_one();
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.lock();
        Standing { waiting: state.waiting.len(), taken: state.taken }
    }

    /// The next message, in order; then, forever, the reason of the end. May
    /// be dropped while it waits; one caller at a time.
    pub(crate) async fn next(&self) -> Result<Message, Farewell> {
        loop {
            if let Some(found) = self.take() {
                return found;
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self) -> Option<Result<Message, Farewell>> {
        let mut state = self.lock();
        let message = state.waiting.pop_front();
        state.taken += u64::from(message.is_some());
        // Ten thousand idle watchers keep no empty buffers.
        if state.waiting.is_empty() {
            state.waiting = VecDeque::new();
        }
        message.map(Ok).or_else(|| state.end.map(Err))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_message_after_a_full_queue_ends_it() {
        let queue = Queue::default();
        for _ in 0..limits::STREAM_QUEUE {
            assert!(!queue.offer(&Message::Ping));
        }
        assert!(queue.offer(&Message::Ping));
        assert_eq!(queue.standing().waiting, 0);
        assert_eq!(queue.next().await, Err(Farewell::Overflow));
        assert!(!queue.offer(&Message::Ping), "the end is told once");
        assert_eq!(queue.next().await, Err(Farewell::Overflow));
    }

    #[tokio::test]
    async fn messages_keep_their_order_and_the_first_reason_stays() {
        let queue = Queue::default();
        let gaps = [1, 2].map(|n| Message::gap(n, 9));
        for gap in &gaps {
            queue.offer(gap);
        }
        for gap in gaps {
            assert_eq!(queue.next().await, Ok(gap));
        }
        queue.end(Farewell::KeyEnded);
        queue.end(Farewell::GoingAway);
        assert_eq!(queue.next().await, Err(Farewell::KeyEnded));
    }
}
