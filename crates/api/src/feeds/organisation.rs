//! What is remembered of one organisation between requests: its compiled feed,
//! and what its selectors resolved to when the data were last good.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use asgard_policy::{
    access::{Facts, Settings},
    feed::{
        compile::{AllowMode, Compiled, Expand, LastGood, Options, compile},
        decision::{Question, Standing},
    },
};
use jiff::Timestamp;

use super::{
    deciding::{Asker, Deciding},
    rulebook::Rulebook,
};
use crate::published::Published;

/// The ways to compile, and the names of what is remembered of each.
const WAYS: [(Options, &str); 4] = [
    (way(Expand::Effective, AllowMode::Subtract), "effective subtract"),
    (way(Expand::Effective, AllowMode::Ignore), "effective ignore"),
    (way(Expand::Announced, AllowMode::Subtract), "announced subtract"),
    (way(Expand::Announced, AllowMode::Ignore), "announced ignore"),
];

const fn way(expand: Expand, allow: AllowMode) -> Options {
    Options { expand, allow }
}

/// What is remembered of one organisation.
#[derive(Debug)]
pub(crate) struct Organisation {
    ways: [Way; WAYS.len()],
    /// Of everybody.
    deciding: Arc<Deciding>,
    asker: Asker,
}

#[derive(Debug, Default)]
struct Way {
    /// A std lock, held while a feed is compiled, so that it is compiled once;
    /// never on a thread that serves connections.
    state: Mutex<State>,
    changed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    last_good: LastGood,
    compiled: Option<(Moment, Arc<Compiled>)>,
}

/// What a feed is made from; equal ones give equal feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Moment {
    /// Which rules, pollers included.
    pub(crate) edition: u64,
    /// Which data.
    pub(crate) serial: u64,
    /// Until when.
    pub(crate) next_expiry: Option<Timestamp>,
}

impl Moment {
    pub(crate) fn of(
        rulebook: &Rulebook,
        published: &Published,
        now: Timestamp,
    ) -> Self {
        Self {
            edition: rulebook.edition,
            serial: published.snapshot.serial,
            next_expiry: rulebook.next_expiry(now),
        }
    }
}

impl Organisation {
    /// One of which nothing is remembered yet.
    pub(crate) fn new(deciding: &Arc<Deciding>, asker: Asker) -> Self {
        let deciding = Arc::clone(deciding);
        Self { ways: <[Way; WAYS.len()]>::default(), deciding, asker }
    }

    /// The present rules, compiled. Blocks: not for threads that serve.
    pub(crate) fn compiled(
        &self,
        rulebook: &Rulebook,
        published: &Published,
        settings: &Settings,
        options: Options,
        now: Timestamp,
    ) -> Arc<Compiled> {
        let way = &self.ways[place(options)];
        let mut state = locked(&way.state);
        let moment = Moment::of(rulebook, published, now);
        if let Some((made, compiled)) = &state.compiled
            && *made == moment
        {
            return Arc::clone(compiled);
        }
        let standing = self.standing(rulebook, published, settings, now);
        let facts = facts(published, settings, &standing);
        state.last_good.release(rulebook.release.serial);
        let rules = &rulebook.effective;
        let mut compiled =
            compile(rules, &facts, options, &state.last_good, now);
        let last_good = std::mem::take(&mut compiled.last_good);
        if last_good != state.last_good {
            state.last_good = last_good;
            way.changed.store(true, Ordering::Release);
        }
        let compiled = Arc::new(compiled);
        state.compiled = Some((moment, Arc::clone(&compiled)));
        compiled
    }

    /// Other rules than the present ones, compiled for once: nothing is
    /// remembered of them. Blocks: not for threads that serve.
    pub(crate) fn compiled_once(
        &self,
        rulebook: &Rulebook,
        published: &Published,
        settings: &Settings,
        options: Options,
        now: Timestamp,
    ) -> Compiled {
        let mut last_good =
            locked(&self.ways[place(options)].state).last_good.clone();
        last_good.release(rulebook.release.serial);
        let questions = questions(rulebook, settings, now);
        let standing =
            self.deciding.known(&questions, published.snapshot.serial);
        let facts = facts(published, settings, &standing);
        compile(&rulebook.effective, &facts, options, &last_good, now)
    }

    /// What selectors resolved to when the data were last good.
    pub(crate) fn last_good(&self, options: Options) -> LastGood {
        locked(&self.ways[place(options)].state).last_good.clone()
    }

    /// Decisions about the risk selectors of the rules, with their memory.
    pub(crate) fn standing(
        &self,
        rulebook: &Rulebook,
        published: &Published,
        settings: &Settings,
        now: Timestamp,
    ) -> Arc<Standing> {
        let questions = questions(rulebook, settings, now);
        self.deciding.about(self.asker, &questions, published, settings, now)
    }

    /// Bytes that are remembered, roughly.
    pub(crate) fn weight(&self) -> usize {
        let of = |way: &Way| {
            let state = locked(&way.state);
            let compiled = state.compiled.as_ref();
            let compiled = compiled.map_or(0, |(_, c)| c.weight());
            state.last_good.weight() + compiled
        };
        self.ways.iter().map(of).sum()
    }

    /// Something that changed and must outlive the process: its name and its
    /// text. It counts as stored from now on.
    pub(crate) fn take_memory(&self) -> Option<(&'static str, String)> {
        let ways = self.ways.iter().zip(WAYS);
        ways.filter(|(way, _)| way.changed.swap(false, Ordering::AcqRel))
            .find_map(|(way, (_, name))| {
                let last_good = locked(&way.state).last_good.clone();
                Some((name, serde_json::to_string(&last_good).ok()?))
            })
    }

    /// Says that what was taken could not be stored: it is given again.
    pub(crate) fn not_stored(&self, name: &str) {
        let ways = self.ways.iter().zip(WAYS);
        for (way, _) in ways.filter(|(_, (_, known))| *known == name) {
            way.changed.store(true, Ordering::Release);
        }
    }

    /// The names of what may be remembered.
    pub(crate) fn memories() -> impl Iterator<Item = &'static str> {
        WAYS.into_iter().map(|(_, name)| name)
    }

    /// Takes up what was remembered under a name, before the first request.
    pub(crate) fn recall(&self, name: &str, text: &[u8]) {
        let ways = self.ways.iter().zip(WAYS);
        for (way, (_, known)) in ways {
            if known == name
                && let Ok(last_good) = serde_json::from_slice(text)
            {
                locked(&way.state).last_good = last_good;
            }
        }
    }
}

/// What rules are resolved against.
pub(crate) fn facts<'a>(
    published: &'a Published,
    settings: &'a Settings,
    standing: &'a Standing,
) -> Facts<'a> {
    Facts {
        snapshot: &published.snapshot,
        atlas: &published.atlas,
        settings,
        standing,
    }
}

fn questions(
    rulebook: &Rulebook,
    settings: &Settings,
    now: Timestamp,
) -> Vec<Question> {
    let rules = rulebook.effective.in_force(now);
    let risks = rules.flat_map(|rule| rule.block.risk.iter().cloned());
    let mut risks: Vec<_> = risks.collect();
    risks.sort_unstable();
    risks.dedup();
    let question = |risk| Question::new(risk, settings.decision);
    risks.into_iter().map(question).collect()
}

fn place(options: Options) -> usize {
    let known = WAYS.iter().position(|(way, _)| *way == options);
    known.expect("WAYS has all four")
}

/// A panic while compiling leaves what was there before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
