//! Confirmed names of addresses: a bounded cache, filled in the background.
//!
//! Asking about an unknown address queues a question and answers "pending".
//! Questions under way and answers kept are bounded; when all slots are taken a
//! question is dropped and counted, and the next sight asks again.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use asgard_policy::gate::{ReverseName, ReverseNames};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use super::dns::DnsError;
use super::dns::{Dns, Found};
use crate::config::Resolver;

/// How long a confirmed name holds after its time while nobody answers.
const GRACE: Duration = Duration::from_secs(3600);
/// How long a question rests that nobody answered, at most.
const REST: Duration = Duration::from_secs(10);

/// Confirmed names of one address: lower case, no final dot; empty if there
/// is none.
pub type Names = Arc<[Box<str>]>;

/// What a cache holds about one address.
#[derive(Clone, Debug)]
pub struct Peek {
    /// `unknown`, `asked` (under way), `confirmed`, `unconfirmed`, `stale` (was
    /// confirmed, holds until it is asked anew), `expired`.
    pub state: &'static str,
    /// What requests are told; `None`: pending.
    pub names: Option<Names>,
    /// How long that holds.
    pub seconds: Option<u64>,
}

impl ReverseNames for Peek {
    fn confirmed(&self) -> ReverseName<'_> {
        of_names(self.names.as_ref())
    }
}

fn of_names(names: Option<&Names>) -> ReverseName<'_> {
    match names {
        None => ReverseName::Pending,
        Some(names) => match names.first() {
            None => ReverseName::Unconfirmed,
            Some(name) => ReverseName::Confirmed(name),
        },
    }
}

/// Answers about addresses.
#[derive(Debug)]
pub struct ReverseCache {
    /// Locked for one look-up or one insertion.
    known: Mutex<Known>,
    questions: mpsc::Sender<IpAddr>,
    capacity: usize,
    in_flight: usize,
    /// Of all caches of a process: they only grow.
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Known {
    answers: HashMap<IpAddr, Answer>,
    /// In order of insertion; an address may stand here more than once.
    order: VecDeque<(IpAddr, Instant)>,
    asked: HashSet<IpAddr>,
}

#[derive(Debug)]
struct Answer {
    names: Names,
    born: Instant,
    expires: Instant,
}

#[derive(Debug, Default)]
struct Counts {
    confirmed: AtomicU64,
    unconfirmed: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// Asks name servers on behalf of a [`ReverseCache`].
#[derive(Debug)]
pub struct ReverseWorker {
    questions: mpsc::Receiver<IpAddr>,
    /// Not its owner: with the last of them questions end.
    cache: Weak<ReverseCache>,
    dns: Arc<Dns>,
    resolver: Resolver,
}

/// A cache and the worker that fills it; the binary spawns
/// [`ReverseWorker::run`] and joins it. It goes on to count where `before` was,
/// whose worker ends with the last of its users.
///
/// # Errors
/// If the system names no name server and the configuration does not either.
pub fn reverse_dns(
    resolver: &Resolver,
    before: Option<&ReverseCache>,
) -> Result<(Arc<ReverseCache>, ReverseWorker), DnsError> {
    let dns = Arc::new(Dns::new(resolver)?);
    let in_flight = resolver.in_flight.max(1);
    let (sender, questions) = mpsc::channel(in_flight);
    let cache = Arc::new(ReverseCache {
        known: Mutex::default(),
        questions: sender,
        capacity: resolver.cache.max(1),
        in_flight,
        counts: before.map(|b| Arc::clone(&b.counts)).unwrap_or_default(),
    });
    let worker = ReverseWorker {
        questions,
        cache: Arc::downgrade(&cache),
        dns,
        resolver: resolver.clone(),
    };
    Ok((cache, worker))
}

impl ReverseCache {
    /// A cache that nobody fills: every name stays pending.
    pub fn idle() -> Arc<Self> {
        let (questions, _) = mpsc::channel(1);
        Arc::new(Self {
            known: Mutex::default(),
            questions,
            capacity: 1,
            in_flight: 1,
            counts: Arc::default(),
        })
    }

    /// Whether nobody fills it.
    pub(crate) fn is_idle(&self) -> bool {
        self.questions.is_closed()
    }

    /// Confirmed names of an address; `None` while nobody knows. Queues the
    /// question then.
    pub fn get(&self, address: IpAddr) -> Option<Names> {
        let address = address.to_canonical();
        let mut known = self.lock();
        let now = Instant::now();
        let mut stale = None;
        if let Some(answer) = known.answers.get(&address) {
            if now < answer.expires {
                return Some(Arc::clone(&answer.names));
            }
            // A name that was confirmed holds while it is confirmed anew, so
            // that no crawler is a stranger once an hour.
            if !answer.names.is_empty() && now < answer.expires + GRACE {
                stale = Some(Arc::clone(&answer.names));
            }
        }
        if known.asked.contains(&address) {
            return stale;
        }
        if known.asked.len() >= self.in_flight
            || self.questions.try_send(address).is_err()
        {
            self.counts.dropped.fetch_add(1, Relaxed);
            return stale;
        }
        known.asked.insert(address);
        stale
    }

    /// What is known now. Queues nothing.
    pub fn peek(&self, address: IpAddr) -> Peek {
        let address = address.to_canonical();
        let known = self.lock();
        let is_asked = known.asked.contains(&address);
        let Some(answer) = known.answers.get(&address) else {
            let state = if is_asked { "asked" } else { "unknown" };
            return Peek { state, names: None, seconds: None };
        };
        let now = Instant::now();
        let left = answer.expires.checked_duration_since(now);
        let holds = left.is_some()
            || !answer.names.is_empty() && now < answer.expires + GRACE;
        let state = match (left.is_some(), holds, answer.names.is_empty()) {
            (true, _, true) => "unconfirmed",
            (true, _, false) => "confirmed",
            (false, true, _) => "stale",
            (false, false, _) => "expired",
        };
        Peek {
            state,
            names: holds.then(|| Arc::clone(&answer.names)),
            seconds: left.map(|left| left.as_secs()),
        }
    }

    /// The same for one request, asked only when a rule wants it.
    pub fn of(&self, address: IpAddr) -> NamesOf<'_> {
        NamesOf { cache: self, address, answer: OnceCell::new() }
    }

    /// Checks by result, for metrics: `confirmed`, `unconfirmed`, `failed` (no
    /// answer), `dropped` (no slot).
    pub fn counts(&self) -> [(&'static str, u64); 4] {
        let counts = &self.counts;
        [
            ("confirmed", counts.confirmed.load(Relaxed)),
            ("unconfirmed", counts.unconfirmed.load(Relaxed)),
            ("failed", counts.failed.load(Relaxed)),
            ("dropped", counts.dropped.load(Relaxed)),
        ]
    }

    /// Answers that are kept.
    pub fn len(&self) -> usize {
        self.lock().answers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, address: IpAddr, names: Names, ttl: Duration) {
        let born = Instant::now();
        let mut known = self.lock();
        known.asked.remove(&address);
        let answer = Answer { names, born, expires: born + ttl };
        known.answers.insert(address, answer);
        known.order.push_back((address, born));
        while known.answers.len() > self.capacity
            || known.order.len() > 2 * self.capacity
        {
            let Some((oldest, born)) = known.order.pop_front() else { break };
            if known.answers.get(&oldest).is_some_and(|a| a.born == born) {
                known.answers.remove(&oldest);
            }
        }
    }
}

impl ReverseWorker {
    /// Answers questions until `shutdown` changes or its sender is gone, or
    /// nobody is left who could ask.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                _ = shutdown.changed() => break,
                question = self.questions.recv() => {
                    let Some(address) = question else { break };
                    let Some(cache) = self.cache.upgrade() else { break };
                    let dns = Arc::clone(&self.dns);
                    let (ttl, negative) =
                        (self.resolver.ttl, self.resolver.negative_ttl);
                    // At most `in_flight`: the cache counts them.
                    under_way.spawn(async move {
                        let found = dns.confirmed_names(address).await;
                        cache.note(address, found, (ttl, negative));
                    });
                }
                Some(_) = under_way.join_next() => {}
            }
        }
        under_way.shutdown().await;
    }
}

impl ReverseCache {
    fn note(&self, address: IpAddr, found: Found, ttl: (Duration, Duration)) {
        let (positive, negative) = ttl;
        match found {
            Found::Names(names) if names.is_empty() => {
                self.counts.unconfirmed.fetch_add(1, Relaxed);
                self.store(address, Names::default(), negative);
            }
            Found::Names(names) => {
                self.counts.confirmed.fetch_add(1, Relaxed);
                self.store(address, names.into(), positive);
            }
            Found::NoAnswer => {
                // Soon forgotten: silence says nothing about the address.
                self.counts.failed.fetch_add(1, Relaxed);
                let old = self.lock().answers.get(&address).and_then(|a| {
                    let holds = !a.names.is_empty()
                        && Instant::now() < a.expires + GRACE;
                    holds.then(|| Arc::clone(&a.names))
                });
                let names = old.unwrap_or_default();
                self.store(address, names, negative.min(REST));
            }
        }
    }
}

/// The names of one address, asked at most once.
#[derive(Debug)]
pub struct NamesOf<'c> {
    cache: &'c ReverseCache,
    address: IpAddr,
    answer: OnceCell<Option<Names>>,
}

impl ReverseNames for NamesOf<'_> {
    fn confirmed(&self) -> ReverseName<'_> {
        let answer = self.answer.get_or_init(|| self.cache.get(self.address));
        of_names(answer.as_ref())
    }
}
