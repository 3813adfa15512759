//! What a request is decided by: one consistent whole.
//!
//! A request loads one `Arc` and reads everything from it: configuration, rules,
//! tables, lists. A reload or a new database replaces the whole by one swap, so
//! no request ever sees parts of two. Two writers at once (a reload and a
//! refresh) come one after the other, and none undoes the other.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use asgard_model::{NetworkTable, PlaceTable};
use asgard_policy::{
    AddressSet,
    gate::{Databases, FeedIndex, ListIndex, Lists, NetworkFacts},
};

use crate::{
    config::{Config, Feed, IpList, ListSource},
    setup::Setup,
};

/// What was loaded from elsewhere, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Addresses to networks; `None` until it is loaded, or if it is off.
    pub networks: Option<Arc<NetworkTable>>,
    /// Addresses to places; likewise.
    pub places: Option<Arc<PlaceTable>>,
    /// By [`ListIndex`]; `None` until a list is loaded.
    pub lists: Vec<Option<Arc<AddressSet>>>,
    /// By [`FeedIndex`]; likewise.
    pub feeds: Vec<Option<Arc<AddressSet>>>,
}

impl Data {
    /// What a configuration holds itself, and of `before` what it still names:
    /// lists and feeds whose definition is the same, and the tables of features
    /// that are still on.
    #[must_use]
    pub fn of(config: &Config, before: Option<(&Setup, &Self)>) -> Self {
        let list = |list: &IpList| {
            if let ListSource::Inline(blocks) = &list.source {
                let blocks = blocks.iter().copied();
                return Some(Arc::new(AddressSet::from_prefixes(blocks)));
            }
            let (setup, data) = before?;
            let mut known = setup.config.ip_lists.iter();
            let at = known.position(|old| old == list)?;
            data.lists.get(at)?.clone()
        };
        let feed = |feed: &Feed| {
            let (setup, data) = before?;
            let mut known = setup.config.feeds.iter();
            let at = known.position(|old| old == feed)?;
            data.feeds.get(at)?.clone()
        };
        let data = before.map(|(_, data)| data);
        let asn = config.features.asn.enabled;
        let geo = config.features.geoip.enabled;
        Self {
            networks: data.filter(|_| asn).and_then(|d| d.networks.clone()),
            places: data.filter(|_| geo).and_then(|d| d.places.clone()),
            lists: config.ip_lists.iter().map(list).collect(),
            feeds: config.feeds.iter().map(feed).collect(),
        }
    }
}

impl Databases for Data {
    fn facts(&self, address: IpAddr) -> NetworkFacts {
        let network = self.networks.as_ref().and_then(|t| t.lookup(address));
        let place = self.places.as_ref().and_then(|t| t.lookup(address));
        let risk = network.and_then(|network| network.risk);
        NetworkFacts {
            asn: network.map(|network| network.asn),
            org: network.map_or("", |n| n.organisation).to_owned(),
            score: risk.map(|(score, _)| score),
            level: risk.map(|(_, level)| level),
            country: place.and_then(|place| place.country),
        }
    }

    fn in_list(&self, list: ListIndex, address: IpAddr) -> Option<bool> {
        Membership { data: self, address }.in_list(list)
    }

    fn in_feed(&self, feed: FeedIndex, address: IpAddr) -> Option<bool> {
        Membership { data: self, address }.in_feed(feed)
    }
}

/// Everything that a request is decided by.
#[derive(Clone, Debug)]
pub struct Generation {
    /// What is configured, made ready.
    pub setup: Arc<Setup>,
    /// What was loaded.
    pub data: Arc<Data>,
}

impl Generation {
    /// Whether nothing that the rules need is missing.
    #[must_use]
    pub fn has_what_rules_need(&self) -> bool {
        let needs = self.setup.policy.needs();
        let lacks_networks =
            (needs.asn || needs.score) && self.data.networks.is_none();
        let lacks_places = needs.country && self.data.places.is_none();
        !lacks_networks && !lacks_places
    }

    /// Whether rules ask for scores and the table in use has none: then they
    /// never match.
    #[must_use]
    pub fn lacks_scores(&self) -> bool {
        let needs = self.setup.policy.needs().score;
        let table = self.data.networks.as_ref();
        needs && table.is_some_and(|table| !table.is_scored())
    }
}

/// The generation in force.
pub struct Generations {
    current: ArcSwap<Generation>,
    // A std lock: held while a new generation is put together from the old.
    writing: Mutex<()>,
}

impl Generations {
    /// Begins with a first generation.
    #[must_use]
    pub fn new(first: Generation) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            writing: Mutex::default(),
        }
    }

    /// The generation in force. Takes no lock.
    #[must_use]
    pub fn load(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Publishes a generation made from the one in force. `change` must not
    /// wait for anything.
    pub fn update(&self, change: impl FnOnce(&Generation) -> Generation) {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = change(&self.current.load());
        self.current.store(Arc::new(next));
    }

    /// Publishes data made from those in force.
    pub fn update_data(&self, change: impl FnOnce(&Generation) -> Data) {
        self.update(|old| Generation {
            setup: Arc::clone(&old.setup),
            data: Arc::new(change(old)),
        });
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current.load().fmt(f)
    }
}

/// Which lists and feeds name an address.
#[derive(Clone, Copy, Debug)]
pub struct Membership<'d> {
    /// Where to look.
    pub data: &'d Data,
    /// Never v4-mapped.
    pub address: IpAddr,
}

impl<'d> Membership<'d> {
    /// The addresses of a list, once they are loaded.
    pub(crate) fn list(&self, list: ListIndex) -> Option<&'d AddressSet> {
        self.data.lists.get(list.0)?.as_deref()
    }

    /// Those of a feed.
    pub(crate) fn feed(&self, feed: FeedIndex) -> Option<&'d AddressSet> {
        self.data.feeds.get(feed.0)?.as_deref()
    }
}

impl Lists for Membership<'_> {
    fn in_list(&self, list: ListIndex) -> Option<bool> {
        self.list(list).map(|set| set.contains(self.address))
    }

    fn in_feed(&self, feed: FeedIndex) -> Option<bool> {
        self.feed(feed).map(|set| set.contains(self.address))
    }
}
