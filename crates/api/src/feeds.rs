//! Feeds of organisations: their rules in memory, and the bodies that were
//! rendered from them.
//!
//! | to find | look in |
//! |---|---|
//! | what an organisation blocks, at one version | `rulebook.rs`, `documents.rs` |
//! | its compiled feed, its decisions, its memory | `organisation.rs` |
//! | one feed, from parameters to bytes | `serving.rs`, `rendering.rs` |
//! | lists by risk that belong to nobody | `risk.rs` |
//! | a body and what is said about it | `body.rs`, `shelf.rs` |
//! | feeds in pieces, for collections and bouncers | `listings.rs` |
//! | configurations of Synapse agents | `configs.rs` |
//! | a write, and what it must not break | `writing.rs`, `admission.rs` |
//! | who polls | `polls.rs` |
//! | what must outlive the process | `keeping.rs` |
//! | signatures of manifests | `signature.rs` |
//!
//! A read never asks the database. What an organisation blocks is here, whole,
//! as of its last version; a write replaces it before it is acknowledged. What
//! another process writes is taken up by [`Feeds::refresh`].

mod admission;
mod body;
mod configs;
mod deciding;
mod documents;
mod keeping;
mod listings;
mod organisation;
mod polls;
mod rendering;
mod risk;
mod rulebook;
mod serving;
mod shelf;
mod signature;
mod writing;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicI64},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use asgard_policy::{
    access::{Facts, Protected, Settings},
    feed::{
        compile::{Compiled, Options},
        entry::Listing,
        profile::Profiles,
    },
};
use asgard_store::{KeyId, Store, StoreError};
use jiff::Timestamp;
use moka::sync::Cache;
use tokio::sync::Semaphore;

pub(crate) use admission::built_in;
pub(crate) use body::{About, Body};
use deciding::{Asker, Deciding};
pub(crate) use documents::Release;
pub use documents::of_change;
pub(crate) use listings::Listed;
pub(crate) use organisation::Moment;
use organisation::Organisation;
use polls::{Polls, Presented, Protections};
pub(crate) use rendering::Recipe;
pub use rulebook::Rulebook;
use rulebook::Shared;
pub(crate) use serving::{Request, Served};
use shelf::Shelf;
pub use signature::{Signature, SignatureError, Signer, verify_minisign};
pub(crate) use writing::{Desk, Done, Draft, Repeat, Write};

use crate::{auth::Member, limits, published::Published};

/// A bouncer: several may share a key, as with CrowdSec's own local API, and
/// then each is known by its address. Without one, the last that polled with
/// the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bouncing {
    pub(crate) key: KeyId,
    pub(crate) address: Option<IpAddr>,
}

/// What a bouncer was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) listing: Arc<Listing>,
    /// When it was last sent everything.
    pub(crate) full_at: Timestamp,
    /// As hosts, where ranges are small.
    pub(crate) expanded: bool,
}

/// What the operator decides about feeds.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedConfig {
    /// Polls a minute for each key; 0 switches the limit off.
    pub rate_limit_per_minute: u32,
    /// Guards and decisions.
    pub settings: Settings,
    /// Devices and what they hold.
    pub profiles: Profiles,
    /// Bytes of rendered feeds that are kept in memory.
    pub cache_bytes: u64,
    /// Whether addresses that poll a feed are protected from it.
    pub protect_pollers: bool,
    /// How long a new version waits until `channel=stable` gets it.
    pub stage_delay: Duration,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self {
            rate_limit_per_minute: limits::FEED_RATE_PER_MINUTE,
            settings: Settings::default(),
            profiles: Profiles::builtin(),
            cache_bytes: limits::FEED_CACHE_BYTES,
            protect_pollers: true,
            stage_delay: Duration::ZERO,
        }
    }
}

/// Rules and feeds of all organisations.
pub struct Feeds {
    pub(crate) config: FeedConfig,
    settings: Arc<Settings>,
    pub(crate) signer: Signer,
    /// `None` until the store was read for the first time.
    rulebooks: ArcSwapOption<HashMap<Arc<str>, Shared>>,
    /// A std lock, held for one look-up.
    organisations: Mutex<HashMap<Arc<str>, Arc<Organisation>>>,
    /// Which networks are bad, for all of them.
    deciding: Arc<Deciding>,
    /// Lists by risk that belong to nobody.
    risks: Cache<Arc<str>, risk::Nobody>,
    /// Held by whoever makes one of them.
    open_turns: Semaphore,
    /// Configurations of Synapse agents.
    configs: Cache<Arc<str>, configs::Current>,
    /// The entries of organisations at a moment.
    listings: Cache<Arc<str>, (Moment, Listed)>,
    /// What bouncers were sent last.
    bouncers: Cache<Bouncing, Sent>,
    /// Versions of the past that somebody asked for.
    past: Cache<(Arc<str>, u64), Shared>,
    shelf: Shelf,
    polls: Polls,
    protections: ArcSwapOption<Protections>,
    pending: keeping::Pending,
    /// When polls were last noted in the store, in Unix seconds.
    noted_at: AtomicI64,
    /// Held by a write from what it reads to what it publishes, across its
    /// commit; writes wait for each other, reads never for them.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("config", &self.config).finish()
    }
}

impl Feeds {
    /// Feeds without rules yet; [`Self::refresh`] reads them.
    pub fn new(config: FeedConfig, signer: Signer) -> Self {
        Self {
            settings: Arc::new(config.settings.clone()),
            shelf: Shelf::new(config.cache_bytes),
            config,
            signer,
            rulebooks: ArcSwapOption::empty(),
            organisations: Mutex::default(),
            deciding: Arc::default(),
            risks: risk::memory(),
            open_turns: Semaphore::new(limits::RISK_LISTS_AT_ONCE),
            configs: Cache::new(limits::FEED_CONFIGS),
            listings: Cache::new(limits::FEED_LISTINGS),
            bouncers: Cache::new(limits::BOUNCERS),
            past: Cache::new(limits::FEED_PAST_VERSIONS),
            polls: Polls::default(),
            protections: ArcSwapOption::empty(),
            pending: keeping::Pending::default(),
            noted_at: AtomicI64::new(0),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Takes up what the store holds: all organisations at first, later those
    /// that another process wrote. To be called whenever
    /// [`asgard_store::Changes::version`] moves.
    ///
    /// # Errors
    /// When the store fails; what was known before stays.
    pub async fn refresh(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let first = self.rulebooks.load().is_none();
        if first {
            let pollers = store.pollers.pollers().await?;
            self.polls.recall(pollers, store.pollers.profiles().await?);
            self.protections.store(Some(Arc::new(self.protect(now))));
        }
        let _turn = self.turn.lock().await;
        let versions = store.rules.versions().await?;
        let mut fresh = Vec::new();
        for (org, version) in versions {
            let known = self.known(&org);
            if known.is_none_or(|book| book.stored.version != version) {
                let rules = store.rules.load(&org).await?;
                let org: Arc<str> = org.into();
                self.recall(store, &org).await;
                let book = Rulebook::new(&rules, &self.pollers_of(&org));
                fresh.push((org, Arc::new(book)));
            }
        }
        if first || !fresh.is_empty() {
            self.publish(fresh);
        }
        Ok(())
    }

    /// What an organisation blocks now; `None` until the store was read once.
    pub fn rulebook(&self, org: &Arc<str>) -> Option<Arc<Rulebook>> {
        let books = self.rulebooks.load();
        let books = books.as_ref()?;
        Some(match books.get(org) {
            Some(book) => Arc::clone(book),
            None => self.nothing(org),
        })
    }

    /// All organisations that have ever written.
    pub(crate) fn rulebooks(&self) -> Vec<(Arc<str>, Arc<Rulebook>)> {
        let books = self.rulebooks.load();
        let books = books.iter().flat_map(|books| books.iter());
        books.map(|(org, book)| (Arc::clone(org), Arc::clone(book))).collect()
    }

    /// What may not be blocked because it polls.
    pub(crate) fn pollers_of(&self, org: &str) -> Vec<Protected> {
        let protections = self.protections.load();
        let entries = protections.as_ref().and_then(|all| all.get(org));
        entries.cloned().unwrap_or_default()
    }

    /// The compiled feed of the present rules. Blocks: not for threads that
    /// serve.
    pub(crate) fn compiled(
        &self,
        org: &Arc<str>,
        book: &Rulebook,
        published: &Published,
        options: Options,
        now: Timestamp,
    ) -> Arc<Compiled> {
        let organisation = self.organisation(org);
        organisation.compiled(book, published, &self.settings, options, now)
    }

    /// Lends what the rules are resolved against. Blocks, as above.
    pub(crate) fn with_facts<T>(
        &self,
        org: &Arc<str>,
        book: &Rulebook,
        published: &Published,
        now: Timestamp,
        work: impl FnOnce(&Facts<'_>) -> T,
    ) -> T {
        self.at_desk(org, book, published, now, |desk| work(&desk.facts))
    }

    /// Lends everything that a write is judged against. Blocks, as above.
    pub(crate) fn at_desk<T>(
        &self,
        org: &Arc<str>,
        book: &Rulebook,
        published: &Published,
        now: Timestamp,
        work: impl FnOnce(&Desk<'_>) -> T,
    ) -> T {
        let organisation = self.organisation(org);
        let settings = &self.settings;
        let standing = organisation.standing(book, published, settings, now);
        work(&Desk {
            book,
            published,
            facts: organisation::facts(published, settings, &standing),
            now,
        })
    }

    /// Notes a poll with a good key. After it, no feed of the organisation
    /// blocks an address that is protected by it.
    pub(crate) async fn note_poll(
        &self,
        member: &Member,
        client: IpAddr,
        profile: Option<&str>,
        now: Timestamp,
    ) {
        let key = Presented {
            id: member.facts.id.as_str(),
            bound: member.facts.client_cidrs.is_some(),
        };
        if self.polls.note(&member.org, &key, client, profile, now) {
            self.protect_pollers(now).await;
        }
    }

    fn known(&self, org: &str) -> Option<Shared> {
        self.rulebooks.load().as_ref()?.get(org).cloned()
    }

    /// An organisation without rules; the same value until it has some.
    fn nothing(&self, org: &Arc<str>) -> Shared {
        let name = (Arc::clone(org), 0);
        self.past.get_with(name, || {
            Arc::new(Rulebook::empty(org, &self.pollers_of(org)))
        })
    }

    /// Replaces the rulebooks of some organisations, whole. Callers hold the
    /// turn.
    fn publish(&self, fresh: Vec<(Arc<str>, Shared)>) {
        let books = self.rulebooks.load();
        let mut books: HashMap<_, _> =
            books.as_ref().map_or_else(HashMap::new, |all| (**all).clone());
        books.extend(fresh);
        self.rulebooks.store(Some(Arc::new(books)));
    }

    fn organisation(&self, org: &Arc<str>) -> Arc<Organisation> {
        let all = self.organisations.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        let found = all.entry(Arc::clone(org));
        let make =
            || Arc::new(Organisation::new(&self.deciding, Asker::Organisation));
        Arc::clone(found.or_insert_with(make))
    }

    fn protect(&self, now: Timestamp) -> Protections {
        match self.config.protect_pollers {
            true => self.polls.protected(now),
            false => BTreeMap::new(),
        }
    }
}
