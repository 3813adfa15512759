//! BGP as it happens, applied to what was told: RIS Live and the table of all
//! peers, between two cycles.
//!
//! ```text
//! socket ──▶ Inbox (bounded) ──▶ thread ──▶ Told ◀──▶ cycle
//! ```
//!
//! One thread empties the inbox into what was told ([`Stream::follow`]). A cycle
//! takes that away while it reads a dump or works out what it amounts to, and
//! gives it back; meanwhile messages wait in the inbox, and what finds no room
//! there is a hole. Nothing is asked for before there is a table to change.
//!
//! Events from the future, or from before the table, are left out and counted:
//! one wrong clock must not age everything else.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use asgard_model::{Sessions, StreamStatus};
use asgard_routing::event::Event;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    scenery::Scenery,
    telling::{Standing, Told},
};
use crate::live::{Bound, Follower, Heard, Inbox, Taken};

/// Pause when there is nothing to do.
const IDLE: Duration = Duration::from_millis(20);
/// How far the clock of a collector may be ahead of ours, in seconds.
const AHEAD: u32 = 300;

/// A stream of BGP messages, and the table that it changes.
pub struct Stream {
    url: String,
    inbox: Inbox,
    /// Told when there is something new to learn.
    changed: Arc<Notify>,
    /// Told when there is a table.
    table: Notify,
    /// Whether something came since the table was last taken.
    news: AtomicBool,
    /// Whether a cycle waits for the table.
    wanted: AtomicBool,
    stopped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    telling: Option<(Told, Arc<Scenery>)>,
    standing: Standing,
    events: u64,
    misdated: u64,
    bad: u64,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Stream {
    /// A stream from an address of which nothing came yet; `changed` is told
    /// when there is something new to learn.
    pub fn new(
        url: impl Into<String>,
        bound: Bound,
        changed: Arc<Notify>,
    ) -> Self {
        Self {
            url: url.into(),
            inbox: Inbox::new(bound),
            changed,
            table: Notify::new(),
            news: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Where messages go.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Resolves when there is a table that messages can change, for one who
    /// waits.
    pub async fn table_is_there(&self) {
        self.table.notified().await;
    }

    /// Applies what comes until [`Self::stop`]; blocks its thread.
    pub fn follow(&self, clock: &dyn Fn() -> Timestamp) {
        let mut follower = Follower::default();
        while !self.stopped.load(Relaxed) {
            if self.step(&mut follower, clock()) != Taken::Items {
                thread::sleep(IDLE);
            }
        }
    }

    /// Ends [`Self::follow`] soon.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Applies the next messages.
    fn step(&self, follower: &mut Follower, now: Timestamp) -> Taken {
        if self.wanted.load(Relaxed) {
            return Taken::Nothing;
        }
        let mut state = self.lock();
        let State { telling: Some((told, scenery)), .. } = &mut *state else {
            return Taken::Nothing;
        };
        let span = told.begins_at()..=latest(now);
        let (mut events, mut misdated, mut holes) = (0, 0, 0);
        let mut sink = |heard: Heard<'_>| {
            match heard {
                Heard::Event(event) if is_in(&span, event) => {
                    told.hear(event, scenery);
                    events += 1;
                }
                Heard::Event(_) => misdated += 1,
                Heard::Gap(_) => {
                    told.begin_hole();
                    holes += 1;
                }
            }
            ControlFlow::Continue(())
        };
        let taken = follower.follow(&self.inbox, Duration::ZERO, &mut sink);
        if taken == Taken::Items {
            state.standing = told.standing();
            state.events += events;
            state.misdated += misdated;
            state.bad = follower.bad;
        }
        drop(state);
        if events + holes > 0 && !self.news.swap(true, Relaxed) {
            self.changed.notify_one();
        }
        taken
    }

    /// Whether something came since the table was last taken.
    pub(crate) fn has_news(&self) -> bool {
        self.news.load(Relaxed)
    }

    /// Takes away what was told; messages wait until it is given back.
    pub(crate) fn take(&self) -> Option<Told> {
        self.wanted.store(true, Relaxed);
        let telling = self.lock().telling.take();
        self.wanted.store(false, Relaxed);
        self.news.store(false, Relaxed);
        telling.map(|(told, _)| told)
    }

    /// Gives what was told, and what is known besides.
    pub(crate) fn give(&self, mut told: Told, scenery: Arc<Scenery>) {
        told.go_live();
        let mut state = self.lock();
        state.standing = told.standing();
        state.telling = Some((told, scenery));
        drop(state);
        self.table.notify_one();
    }

    /// Tells how it is doing.
    pub fn tell(&self, sessions: &mut Sessions) {
        let counts = self.inbox.counters().counts();
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let waiting = size(self.inbox.len());
        let state = self.lock();
        let Standing { newest, stale_since, peers, resyncs } = state.standing;
        sessions.ris_live = Some(StreamStatus {
            url: self.url.clone(),
            connected: counts.connected,
            connections: counts.connections,
            failures: counts.failures,
            messages: counts.messages,
            waiting,
            lost: counts.lost,
            bad: state.bad,
            events: state.events,
            misdated: state.misdated,
            gaps: counts.gaps,
            stale_since,
            resyncs,
            newest: (newest > 0).then_some(newest),
            peers: size(peers),
            last_error: counts.last_end,
        });
    }

    /// Nothing that is done under the lock can leave it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The latest moment that a message can be of.
fn latest(now: Timestamp) -> u32 {
    let now = u32::try_from(now.as_second()).unwrap_or(u32::MAX);
    now.saturating_add(AHEAD)
}

fn is_in(span: &std::ops::RangeInclusive<u32>, event: &Event<'_>) -> bool {
    span.contains(&event.at.seconds)
}
