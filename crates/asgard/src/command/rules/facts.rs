//! What the configured files say about an address: database and lists.
//!
//! Nothing is fetched. A list or a feed that only the network knows is unknown,
//! and rules that ask for it do not match, as in a gateway before its first
//! fetch.

use std::{fs, net::IpAddr, path::Path};

use anyhow::{Context, Result};
use asgard_gateway::config::{Config, DatabaseSource, FeedSource, ListSource};
use asgard_model::{NetworkTable, Prefix};
use asgard_policy::gate::{
    Databases, FeedIndex, ListIndex, Lists, NetworkFacts,
};

/// Database and lists of a configuration.
pub(super) struct Facts {
    table: Option<NetworkTable>,
    lists: Vec<Option<Ranges>>,
    feeds: Vec<Option<Ranges>>,
}

/// Ranges of addresses, ascending and disjoint.
struct Ranges(Vec<(u128, u128)>);

impl Facts {
    /// Reads what is there. A database that is configured but not there is no
    /// fault, unless it was named on the command line.
    pub(super) fn load(config: &Config, mmdb: Option<&Path>) -> Result<Self> {
        let configured = match &config.features.asn.database.source {
            DatabaseSource::File(path) => Some(path.as_path()),
            DatabaseSource::Url { path, .. } => path.as_deref(),
            DatabaseSource::Asgard => None,
        };
        let path = mmdb.or_else(|| configured.filter(|path| path.is_file()));
        let table = path.map(table).transpose()?;
        let list = |source: &ListSource| match source {
            ListSource::Inline(entries) => Ok(Some(Ranges::of(entries))),
            ListSource::File(path) if path.is_file() => file(path).map(Some),
            ListSource::File(_) | ListSource::Url(_) => Ok(None),
        };
        let feed = |source: &FeedSource| match source {
            FeedSource::File(path) if path.is_file() => file(path).map(Some),
            _ => Ok(None),
        };
        Ok(Self {
            table,
            lists: config
                .ip_lists
                .iter()
                .map(|own| list(&own.source))
                .collect::<Result<_>>()?,
            feeds: config
                .feeds
                .iter()
                .map(|own| feed(&own.source))
                .collect::<Result<_>>()?,
        })
    }

    /// When the database was built, in seconds since 1970.
    pub(super) fn build_epoch(&self) -> Option<u64> {
        self.table.as_ref().map(NetworkTable::build_epoch)
    }

    /// Which lists and feeds name an address.
    pub(super) fn membership(&self, address: IpAddr) -> Membership<'_> {
        Membership { facts: self, address: number(address) }
    }
}

impl Databases for Facts {
    fn facts(&self, address: IpAddr) -> NetworkFacts {
        let found = self.table.as_ref().and_then(|t| t.lookup(address));
        let Some(found) = found else { return NetworkFacts::default() };
        NetworkFacts {
            asn: Some(found.asn),
            org: found.organisation.to_owned(),
            score: found.risk.map(|(score, _)| score),
            level: found.risk.map(|(_, level)| level),
            country: found.country,
        }
    }
}

fn table(path: &Path) -> Result<NetworkTable> {
    let shown = path.display();
    let bytes = fs::read(path)
        .with_context(|| format!("the database `{shown}` cannot be read"))?;
    NetworkTable::from_mmdb(&bytes)
        .with_context(|| format!("the database `{shown}` is not valid"))
}

/// One address or block a line, `#` begins a comment.
fn file(path: &Path) -> Result<Ranges> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .with_context(|| format!("the list `{shown}` cannot be read"))?;
    let mut prefixes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let prefix = match line.parse::<IpAddr>() {
            Ok(address) => Ok(Prefix::host(address.to_canonical())),
            Err(_) => line.parse::<Prefix>(),
        };
        let place = || format!("`{shown}`, line {}", number + 1);
        prefixes.push(prefix.with_context(place)?);
    }
    Ok(Ranges::of(&prefixes))
}

/// IPv4 as the v4-mapped part of IPv6.
fn number(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Ranges {
    fn of(prefixes: &[Prefix]) -> Self {
        let mut ranges: Vec<(u128, u128)> = prefixes
            .iter()
            .map(|prefix| (number(prefix.network()), number(prefix.last())))
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(open) if first <= open.1 => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    fn contains(&self, address: u128) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= address);
        after > 0 && address <= self.0[after - 1].1
    }
}

/// Which lists and feeds name one address.
pub(super) struct Membership<'f> {
    facts: &'f Facts,
    address: u128,
}

impl Lists for Membership<'_> {
    fn in_list(&self, list: ListIndex) -> Option<bool> {
        let list = self.facts.lists.get(list.0)?.as_ref()?;
        Some(list.contains(self.address))
    }
    fn in_feed(&self, feed: FeedIndex) -> Option<bool> {
        let feed = self.facts.feeds.get(feed.0)?.as_ref()?;
        Some(feed.contains(self.address))
    }
}
