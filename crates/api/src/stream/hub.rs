//! Who watches, what was said lately, and how fast it is said.
//!
//! Before a portion of events is handed out, everybody gets the time to make
//! room for it. That wait ends as soon as nobody reads any more: who has read
//! nothing meanwhile is slow, and is not waited for until he reads.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use asgard_model::ScoreEvent;
use asgard_store::KeyId;
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    Farewell, Filter, Message,
    queue::{Queue, Standing},
};
use crate::{Clock, Live, limits};

/// Events released at once: half a queue, so that whoever has read at least
/// half of his never overflows.
const PORTION: usize = limits::STREAM_QUEUE / 2;
/// How long nobody may read anything before the others go on without the slow.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often it is looked whether they have read.
const GLANCE: Duration = Duration::from_millis(2);
/// How often keys and keep-alives are looked after; a revoked key is noticed
/// within this and the pace of the binary's own look at the store.
const TENDING: Duration = Duration::from_millis(250);

/// How a watcher is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    WebSocket,
    ServerSentEvents,
}

/// The centre of the live stream.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    // A std lock: held to hand out one portion, to join, or to leave.
    inner: Mutex<Inner>,
    /// A watcher has left a closed hub.
    left: Notify,
    released: AtomicU64,
    overflows: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    log: VecDeque<Logged>,
    /// All events from this identity on are in the log; `None` before the
    /// first Snapshot.
    complete_from: Option<u64>,
    watchers: HashMap<u64, Watcher>,
    next: u64,
    closed: bool,
}

#[derive(Debug)]
struct Logged {
    event: ScoreEvent,
    message: Message,
}

#[derive(Debug)]
struct Watcher {
    key: KeyId,
    kind: Kind,
    filter: Filter,
    queue: Arc<Queue>,
    next_ping: Instant,
    /// What he had taken when the hub last began to wait.
    seen: u64,
    /// What he had taken when he was waited for in vain; he is not waited for
    /// again before he has taken more.
    slow_since: Option<u64>,
}

/// What who resumes gets.
#[derive(Debug)]
pub(crate) enum CaughtUp {
    /// Some events; ask again after the last identity.
    Page { messages: Vec<Message>, last: u64 },
    /// The last of them; what comes from now on is in the queue.
    Joined { messages: Vec<Message>, watching: Watching },
    /// The server stops.
    Closed,
}

/// One place among the watchers, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    hub: Arc<Hub>,
    number: u64,
    queue: Arc<Queue>,
}

/// Counts for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) web_sockets: usize,
    pub(crate) server_sent: usize,
    pub(crate) released: u64,
    pub(crate) overflows: u64,
}

impl Hub {
    /// Notes that events from this identity on will all be logged.
    pub(crate) fn begins_at(&self, id: u64) {
        self.lock().complete_from.get_or_insert(id);
    }

    /// The first identity from which on nothing is missing.
    pub(crate) fn complete_from(&self) -> u64 {
        self.lock().complete_from.unwrap_or(0)
    }

    /// Joins, or gets a page of what was missed after an identity.
    pub(crate) fn catch_up(
        self: &Arc<Self>,
        key: KeyId,
        kind: Kind,
        filter: &Filter,
        after: Option<u64>,
    ) -> CaughtUp {
        let mut inner = self.lock();
        if inner.closed {
            return CaughtUp::Closed;
        }
        let (messages, more) = inner.page(filter, after);
        if let Some(last) = more {
            return CaughtUp::Page { messages, last };
        }
        let (number, queue) = inner.join(key, kind, filter.clone());
        let hub = Arc::clone(self);
        CaughtUp::Joined { messages, watching: Watching { hub, number, queue } }
    }

    /// Passes on what is published, forever.
    pub(crate) async fn run(&self, live: &Live, clock: &Clock) {
        let mut events = live.events();
        let mut tick = interval(TENDING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                batch = events.recv() => match batch {
                    Ok(batch) => self.release(&batch, live, clock).await,
                    Err(RecvError::Lagged(_)) => self.lose_track(),
                    Err(RecvError::Closed) => return,
                },
                _ = tick.tick() => self.tend(live, clock),
            }
        }
    }

    async fn release(&self, events: &[ScoreEvent], live: &Live, clock: &Clock) {
        for portion in events.chunks(PORTION) {
            let portion = portion.iter().map(|event| Logged {
                event: *event,
                message: Message::event(event),
            });
            self.let_them_read(live, clock).await;
            self.hand_out(portion.collect());
        }
    }

    fn hand_out(&self, portion: Vec<Logged>) {
        self.released.fetch_add(portion.len() as u64, Ordering::Relaxed);
        let mut inner = self.lock();
        let mut overflows = 0;
        for watcher in inner.watchers.values() {
            let wanted = portion.iter().filter(|l| watcher.wants(&l.event));
            overflows += wanted
                .filter(|logged| watcher.queue.offer(&logged.message))
                .count();
        }
        inner.keep(portion);
        self.overflows.fetch_add(overflows as u64, Ordering::Relaxed);
    }

    /// Waits until everybody has room for a portion, or those who have not do
    /// not read at all.
    async fn let_them_read(&self, live: &Live, clock: &Clock) {
        let mut fewest = self.lock().waiting_of_the_crowded();
        if fewest == 0 {
            return;
        }
        self.lock().remember();
        let mut progress = Instant::now();
        let mut tended = progress;
        loop {
            sleep(GLANCE).await;
            let waiting = self.lock().waiting_of_the_crowded();
            let now = Instant::now();
            if waiting == 0 {
                return;
            }
            if waiting < fewest {
                (fewest, progress) = (waiting, now);
            } else if now - progress > PATIENCE {
                self.lock().mark_slow();
                return;
            }
            if now - tended > TENDING {
                tended = now;
                self.tend(live, clock);
            }
        }
    }

    /// Keep-alives, and the end of those whose key has ended.
    fn tend(&self, live: &Live, clock: &Clock) {
        let (now, moment) = (Instant::now(), clock());
        let mut inner = self.lock();
        for watcher in inner.watchers.values_mut() {
            if live.key_standing(watcher.key, moment).is_err() {
                watcher.queue.end(Farewell::KeyEnded);
            } else if watcher.next_ping <= now {
                watcher.next_ping = now + limits::STREAM_PING;
                let overflow = watcher.queue.offer(&Message::Ping);
                let count = u64::from(overflow);
                self.overflows.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Publications came faster than they could be passed on. Who watches
    /// would miss events without knowing, so all must come back and resume.
    fn lose_track(&self) {
        tracing::error!("the live stream fell behind and starts anew");
        let mut inner = self.lock();
        let last = inner.log.back().map(|logged| logged.event.id);
        inner.log.clear();
        inner.complete_from = last.map(|id| id + 1).or(inner.complete_from);
        inner.end_all(Farewell::Overflow);
    }

    /// Ends all streams and lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.end_all(Farewell::GoingAway);
    }

    /// Resolves when a closed hub has no watcher left.
    pub(crate) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            if self.lock().watchers.is_empty() {
                return;
            }
            left.await;
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let inner = self.lock();
        let count =
            |kind| inner.watchers.values().filter(|w| w.kind == kind).count();
        Stats {
            web_sockets: count(Kind::WebSocket),
            server_sent: count(Kind::ServerSentEvents),
            released: self.released.load(Ordering::Relaxed),
            overflows: self.overflows.load(Ordering::Relaxed),
        }
    }

    fn leave(&self, number: u64) {
        let mut inner = self.lock();
        inner.watchers.remove(&number);
        if inner.closed {
            self.left.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic leaves at worst a portion that some have not got.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// At most a queue of the wanted events after an identity, and how far
    /// that went if it was not the end.
    fn page(
        &self,
        filter: &Filter,
        after: Option<u64>,
    ) -> (Vec<Message>, Option<u64>) {
        let Some(after) = after else { return (Vec::new(), None) };
        let start = self.log.partition_point(|l| l.event.id <= after);
        let mut messages = Vec::new();
        for logged in self.log.range(start..) {
            if filter.wants(&logged.event) {
                messages.push(logged.message.clone());
            }
            if messages.len() >= limits::STREAM_QUEUE {
                return (messages, Some(logged.event.id));
            }
        }
        (messages, None)
    }

    fn join(
        &mut self,
        key: KeyId,
        kind: Kind,
        filter: Filter,
    ) -> (u64, Arc<Queue>) {
        let queue = Arc::new(Queue::default());
        let watcher = Watcher {
            key,
            kind,
            filter,
            queue: Arc::clone(&queue),
            next_ping: Instant::now() + limits::STREAM_PING,
            seen: 0,
            slow_since: None,
        };
        self.next += 1;
        self.watchers.insert(self.next, watcher);
        (self.next, queue)
    }

    fn keep(&mut self, portion: Vec<Logged>) {
        self.log.extend(portion);
        while self.log.len() > limits::STREAM_LOG {
            let gone = self.log.pop_front();
            self.complete_from = gone.map(|logged| logged.event.id + 1);
        }
    }

    /// How much waits for those who have no room for a portion and may yet
    /// make some.
    fn waiting_of_the_crowded(&self) -> usize {
        let crowded = self.watchers.values().filter_map(|watcher| {
            let standing = watcher.queue.standing();
            let slow = watcher.slow_since == Some(standing.taken);
            let crowded = standing.waiting > limits::STREAM_QUEUE - PORTION;
            (crowded && !slow).then_some(standing.waiting)
        });
        crowded.sum()
    }

    fn remember(&mut self) {
        for watcher in self.watchers.values_mut() {
            watcher.seen = watcher.queue.standing().taken;
        }
    }

    /// Whoever has something to read and has read nothing is slow, crowded or
    /// not: all are found in one wait, and not each in one of his own.
    fn mark_slow(&mut self) {
        for watcher in self.watchers.values_mut() {
            let Standing { waiting, taken } = watcher.queue.standing();
            let stuck = waiting > 0 && taken == watcher.seen;
            watcher.slow_since = stuck.then_some(taken);
        }
    }

    fn end_all(&mut self, why: Farewell) {
        for watcher in self.watchers.values() {
            watcher.queue.end(why);
        }
    }
}

impl Watcher {
    fn wants(&self, event: &ScoreEvent) -> bool {
        self.filter.wants(event)
    }
}

impl Watching {
    /// The next message, or why there will be none.
    pub(crate) async fn next(&self) -> Result<Message, Farewell> {
        self.queue.next().await
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}
