//! Lists of which is known whether they name one address, for lint and unit
//! tests.

use std::net::IpAddr;

use asgard_model::Prefix;

use super::visit::{FeedIndex, ListIndex, Lists};

/// Which lists and feeds name one address; `None` is not known.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownLists {
    pub(super) lists: Vec<Option<bool>>,
    pub(super) feeds: Vec<Option<bool>>,
}

impl KnownLists {
    /// By entries; of a list without them nothing is known.
    pub(super) fn of(entries: &[Option<Vec<Prefix>>], address: IpAddr) -> Self {
        let names = |list: &Vec<Prefix>| {
            list.iter().any(|prefix| prefix.contains(address))
        };
        let lists = entries.iter().map(|list| list.as_ref().map(names));
        Self { lists: lists.collect(), feeds: Vec::new() }
    }
}

impl Lists for KnownLists {
    fn in_list(&self, list: ListIndex) -> Option<bool> {
        self.lists.get(list.0).copied().flatten()
    }
    fn in_feed(&self, feed: FeedIndex) -> Option<bool> {
        self.feeds.get(feed.0).copied().flatten()
    }
}
