//! What waits between the socket and whoever reads it: bounded in messages and
//! in bytes.
//!
//! When it is full, what comes is lost and counted until half of it is free
//! again, so that there is one hole and not thousands; the hole is told in its
//! place. The socket is never left unread instead: the server would cut off a
//! client that lags behind, and then more would be lost.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use super::Counters;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Messages.
    pub messages: usize,
    /// Bytes of them.
    pub bytes: usize,
}

impl Default for Bound {
    /// Ten seconds of the whole stream at its busiest.
    fn default() -> Self {
        Self { messages: 1 << 17, bytes: 64 << 20 }
    }
}

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The text of a message.
    Message(Bytes),
    /// A hole.
    Gap(Gap),
}

/// Why something is missing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The connection was lost; nobody knows how much was said meanwhile.
    Disconnected,
    /// There was no room for so many messages.
    Overflow(u64),
}

/// What the reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Something.
    Items,
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

/// The queue between one socket and one reader.
#[derive(Debug)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    bound: Bound,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    messages: usize,
    bytes: usize,
    /// Messages lost since the inbox was full; 0 if it is not.
    overflow: u64,
    closed: bool,
}

impl Inbox {
    /// An empty one.
    pub fn new(bound: Bound) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            bound,
            counters: Counters::default(),
        }
    }

    /// What happened to every message.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a message in, or loses it.
    pub fn put(&self, message: Bytes) {
        self.counters.message(message.len());
        let mut waiting = self.lock();
        if waiting.overflow > 0 && waiting.fits(&self.half(), message.len()) {
            waiting.end_overflow();
        }
        let fits =
            waiting.overflow == 0 && waiting.fits(&self.bound, message.len());
        if !fits {
            if waiting.overflow == 0 {
                self.counters.gap();
            }
            waiting.overflow += 1;
            self.counters.lost();
            return;
        }
        waiting.messages += 1;
        waiting.bytes += message.len();
        waiting.items.push_back(Item::Message(message));
        self.filled.notify_one();
    }

    /// Says that the connection was lost. Two holes without a message between
    /// them are one.
    pub fn interrupt(&self) {
        let mut waiting = self.lock();
        waiting.end_overflow();
        let gap = Item::Gap(Gap::Disconnected);
        if waiting.items.back() != Some(&gap) {
            self.counters.gap();
            waiting.items.push_back(gap);
            self.filled.notify_one();
        }
    }

    /// Says that nothing more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Moves at most so many items to the end of `to`, the oldest first; waits
    /// for the first one as long as `patience`.
    pub fn take(
        &self,
        to: &mut Vec<Item>,
        most: usize,
        patience: Duration,
    ) -> Taken {
        let waiting = self.lock();
        let idle = |w: &mut Waiting| w.is_idle() && !w.closed;
        let waited = self.filled.wait_timeout_while(waiting, patience, idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let before = to.len();
        while to.len() - before < most {
            if waiting.items.is_empty() {
                // Behind what is read there may be a hole, and nothing since.
                waiting.end_overflow();
            }
            let Some(item) = waiting.items.pop_front() else { break };
            if let Item::Message(message) = &item {
                waiting.messages -= 1;
                waiting.bytes -= message.len();
            }
            to.push(item);
        }
        match (to.len() > before, waiting.closed) {
            (true, _) => Taken::Items,
            (false, true) => Taken::Closed,
            (false, false) => Taken::Nothing,
        }
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.lock().messages
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn half(&self) -> Bound {
        let Bound { messages, bytes } = self.bound;
        Bound { messages: messages.div_ceil(2), bytes: bytes.div_ceil(2) }
    }

    /// Nothing that is done under the lock can leave it half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.items.is_empty() && self.overflow == 0
    }

    fn fits(&self, bound: &Bound, size: usize) -> bool {
        self.messages < bound.messages && self.bytes + size <= bound.bytes
    }

    fn end_overflow(&mut self) {
        let lost = std::mem::take(&mut self.overflow);
        if lost > 0 {
            self.items.push_back(Item::Gap(Gap::Overflow(lost)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    fn inbox(messages: usize, bytes: usize) -> Inbox {
        Inbox::new(Bound { messages, bytes })
    }

    fn put(inbox: &Inbox, texts: &[&'static str]) {
        texts
            .iter()
            .for_each(|text| inbox.put(Bytes::from_static(text.as_bytes())));
    }

    fn taken(inbox: &Inbox, most: usize) -> Vec<String> {
        let mut items = Vec::new();
        inbox.take(&mut items, most, SOON);
        let show = |item: &Item| match item {
            Item::Message(text) => String::from_utf8_lossy(text).into_owned(),
            Item::Gap(gap) => format!("{gap:?}"),
        };
        items.iter().map(show).collect()
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let inbox = inbox(10, 100);
        put(&inbox, &["a", "b", "c"]);
        assert_eq!(taken(&inbox, 2), ["a", "b"]);
        assert_eq!(taken(&inbox, 9), ["c"]);
        assert_eq!(taken(&inbox, 9), [""; 0]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_full_inbox_loses_what_comes_until_half_is_free_and_says_how_much() {
        let inbox = inbox(4, 100);
        put(&inbox, &["a", "b", "c", "d", "e", "f"]);
        assert_eq!(taken(&inbox, 1), ["a"]);
        put(&inbox, &["g"]);
        assert_eq!(taken(&inbox, 2), ["b", "c"]);
        put(&inbox, &["h"]);
        assert_eq!(taken(&inbox, 9), ["d", "Overflow(3)", "h"]);
        let counts = inbox.counters().counts();
        assert_eq!((counts.messages, counts.lost, counts.gaps), (8, 3, 1));
    }

    #[test]
    fn a_hole_is_told_even_if_nothing_comes_behind_it() {
        let inbox = inbox(1, 100);
        put(&inbox, &["a", "b"]);
        assert_eq!(taken(&inbox, 9), ["a", "Overflow(1)"]);
        put(&inbox, &["c"]);
        assert_eq!(taken(&inbox, 9), ["c"]);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let inbox = inbox(100, 5);
        put(&inbox, &["abc", "de", "f"]);
        assert_eq!(taken(&inbox, 9), ["abc", "de", "Overflow(1)"]);
        put(&inbox, &["longer than all"]);
        assert_eq!(taken(&inbox, 9), ["Overflow(1)"]);
    }

    #[test]
    fn lost_connections_in_a_row_are_one_hole() {
        let inbox = inbox(2, 100);
        put(&inbox, &["a", "b", "c"]);
        inbox.interrupt();
        inbox.interrupt();
        assert_eq!(taken(&inbox, 9), ["a", "b", "Overflow(1)", "Disconnected"]);
        assert_eq!(inbox.counters().counts().gaps, 2);
    }

    #[test]
    fn a_closed_inbox_is_emptied_first() {
        let inbox = inbox(2, 100);
        put(&inbox, &["a"]);
        inbox.close();
        let mut items = Vec::new();
        assert_eq!(inbox.take(&mut items, 9, SOON), Taken::Items);
        assert_eq!(inbox.take(&mut items, 9, SOON), Taken::Closed);
    }

    #[test]
    fn a_reader_that_waits_is_woken() {
        let inbox = inbox(2, 100);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut items = Vec::new();
                let long = Duration::from_secs(60);
                (inbox.take(&mut items, 9, long), items.len())
            });
            std::thread::sleep(SOON);
            put(&inbox, &["a"]);
            assert_eq!(reader.join().unwrap(), (Taken::Items, 1));
        });
    }
}
