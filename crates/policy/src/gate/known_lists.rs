//! Lists whose entries are known: a linear look, for lint and unit tests.

use std::net::IpAddr;

use asgard_model::Prefix;

use super::visit::{FeedIndex, ListIndex, Lists};

/// Which lists and feeds name one address.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownLists {
    lists: Vec<Option<bool>>,
    feeds: Vec<Option<bool>>,
}

impl KnownLists {
    /// By entries; a list without entries is unknown.
    pub(super) fn of(entries: &[Vec<Prefix>], address: IpAddr) -> Self {
        let known = |list: &Vec<Prefix>| {
            (!list.is_empty())
                .then(|| list.iter().any(|prefix| prefix.contains(address)))
        };
        let lists = entries.iter().map(known).collect();
        Self { lists, feeds: Vec::new() }
    }

    /// By names; what is not named does not contain the address.
    pub(super) fn pin_lists(&mut self, all: &[String], named: &[&str]) {
        let named = |name: &String| Some(named.contains(&name.as_str()));
        self.lists = all.iter().map(named).collect();
    }

    /// By names; what is not named does not name the address.
    pub(super) fn pin_feeds(&mut self, all: &[String], named: &[&str]) {
        let named = |name: &String| Some(named.contains(&name.as_str()));
        self.feeds = all.iter().map(named).collect();
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
