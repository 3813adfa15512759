//! The routing table: prefixes, their origins (MOAS kept), longest match.
//!
//! Kept in flat arrays: a full table of 1.3 million routes takes about 40 MB,
//! the tries included. It is built once and never changed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::build::TableBuilder;
use crate::{
    Asn, Prefix,
    lpm::{Entry, Lpm},
    rpki::RpkiState,
};

mod build;

/// A full table, IPv4 and IPv6.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Routes", into = "Routes")]
pub struct RoutingTable {
    routes: Routes,
    v4: Lpm,
    v6: Lpm,
    first: FirstOrigins,
}

/// Address → first origin, without the detour over routes: neighbouring routes
/// of one AS melt into one, so the tries are small and stay in the cache.
#[derive(Clone, Debug, Default)]
struct FirstOrigins {
    asns: Vec<Asn>,
    v4: Lpm,
    v6: Lpm,
}

/// The part that is stored; the tries are derived from it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Routes {
    v4: Vec<RouteV4>,
    v6: Vec<RouteV6>,
    /// Origins of all routes, v4 first, each route's ascending.
    origins: Vec<Asn>,
    /// RPKI verdict of each origin.
    rpki: Vec<RpkiState>,
    /// Full feeds that carry each origin; empty if nobody counted.
    peers: Vec<u16>,
    full_feeds: [u16; 2],
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RouteV4 {
    bits: u32,
    first_origin: u32,
    len: u8,
    origins: u8,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RouteV6 {
    bits: u128,
    first_origin: u32,
    len: u8,
    origins: u8,
}

/// One route of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The announced prefix.
    pub prefix: Prefix,
    /// Its origins, ascending; several in case of MOAS.
    pub origins: &'a [Asn],
    /// The RPKI verdict of each origin.
    pub rpki: &'a [RpkiState],
    /// How many full feeds carry each origin; empty if the source of the table
    /// does not say, 0 if it does not say so of this one.
    pub peers: &'a [u16],
}

impl RoutingTable {
    /// The route with the longest prefix that contains `address`.
    pub fn lookup(&self, address: IpAddr) -> Option<Route<'_>> {
        self.lookup_index(address).and_then(|index| self.route(index))
    }

    /// As [`Self::lookup`], as index for [`Self::route`].
    pub fn lookup_index(&self, address: IpAddr) -> Option<usize> {
        match address {
            IpAddr::V4(v4) => self.v4.get_v4(v4.to_bits()),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => self.v4.get_v4(v4.to_bits()),
                None => self.v6.get_v6(v6.to_bits()),
            },
        }
        .map(|index| index as usize)
    }

    /// The AS that originates the longest prefix that contains `address`, the
    /// lowest number of several. Several times faster than [`Self::lookup`].
    #[inline]
    pub fn origin(&self, address: IpAddr) -> Option<Asn> {
        let index = match address {
            IpAddr::V4(v4) => self.first.v4.get_v4(v4.to_bits()),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => self.first.v4.get_v4(v4.to_bits()),
                None => self.first.v6.get_v6(v6.to_bits()),
            },
        };
        self.first.asns.get(index? as usize).copied()
    }

    /// The route at an index below [`Self::len`]; IPv4 first, ascending.
    pub fn route(&self, index: usize) -> Option<Route<'_>> {
        let v6_at = index.checked_sub(self.routes.v4.len());
        let (prefix, first, count) = match v6_at {
            None => {
                let r = self.routes.v4.get(index)?;
                (Prefix::V4(r.bits, r.len), r.first_origin, r.origins)
            }
            Some(at) => {
                let r = self.routes.v6.get(at)?;
                (Prefix::V6(r.bits, r.len), r.first_origin, r.origins)
            }
        };
        let range = first as usize..first as usize + usize::from(count);
        Some(Route {
            prefix,
            origins: self.routes.origins.get(range.clone())?,
            rpki: self.routes.rpki.get(range.clone())?,
            peers: self.routes.peers.get(range).unwrap_or_default(),
        })
    }

    /// All routes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Route<'_>> {
        (0..self.len()).filter_map(|index| self.route(index))
    }

    /// The longest route that covers a prefix.
    pub fn covering(&self, prefix: Prefix) -> Option<Route<'_>> {
        (0..=prefix.len()).rev().find_map(|len| {
            let wider = Prefix::new(prefix.network(), len)?;
            let route = self.route(self.position(wider))?;
            (route.prefix == wider).then_some(route)
        })
    }

    /// Routes inside a prefix, ascending.
    pub fn within(&self, prefix: Prefix) -> impl Iterator<Item = Route<'_>> {
        (self.position(prefix)..self.len())
            .map_while(|index| self.route(index))
            .take_while(move |route| prefix.covers(route.prefix))
    }

    /// How many routes are inside a prefix, its own included.
    pub fn count_within(&self, prefix: Prefix) -> usize {
        let last = Prefix::host(prefix.last());
        // Of the last address's own route there is none behind it.
        let behind = self.partition(|route| route.prefix <= last);
        behind - self.position(prefix)
    }

    /// Full feeds that the table was made from, IPv4 and IPv6; 0 if its source
    /// does not say.
    pub fn full_feeds(&self) -> [u16; 2] {
        self.routes.full_feeds
    }

    /// Index of the first route that does not stand before a prefix.
    fn position(&self, prefix: Prefix) -> usize {
        self.partition(|route| route.prefix < prefix)
    }

    /// Index of the first route of which something that is true of the first
    /// ones is not.
    fn partition(&self, is_first: impl Fn(Route<'_>) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let before = self.route(middle).is_some_and(&is_first);
            if before { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.routes.v4.len() + self.routes.v6.len()
    }

    /// Number of IPv4 routes; they have the indexes below it.
    pub fn len_v4(&self) -> usize {
        self.routes.v4.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.routes.v4.len() * size_of::<RouteV4>()
            + self.routes.v6.len() * size_of::<RouteV6>()
            + self.routes.origins.len() * (size_of::<Asn>() + 1)
            + self.routes.peers.len() * 2
            + self.v4.heap_bytes()
            + self.v6.heap_bytes()
            + self.first.asns.len() * size_of::<Asn>()
            + self.first.v4.heap_bytes()
            + self.first.v6.heap_bytes()
    }
}

impl From<Routes> for RoutingTable {
    fn from(routes: Routes) -> Self {
        let v4 = trie(
            routes.v4.iter().map(|r| (u128::from(r.bits) << 96, r.len)),
            0,
        );
        let v6 =
            trie(routes.v6.iter().map(|r| (r.bits, r.len)), routes.v4.len());
        let first = FirstOrigins::new(&routes);
        Self { routes, v4, v6, first }
    }
}

impl FirstOrigins {
    fn new(routes: &Routes) -> Self {
        let mut asns = routes.origins.clone();
        asns.sort_unstable();
        asns.dedup();
        asns.shrink_to_fit();
        let number = |first: u32| {
            let origin = routes.origins.get(first as usize)?;
            u32::try_from(asns.binary_search(origin).ok()?).ok()
        };
        let entry = |bits: u128, len: u8, first: u32| {
            number(first).map(|value| Entry { bits, len, value })
        };
        let v4: Vec<Entry> = routes
            .v4
            .iter()
            .filter_map(|r| {
                entry(u128::from(r.bits) << 96, r.len, r.first_origin)
            })
            .collect();
        let v4 = Lpm::build(&v4);
        let v6: Vec<Entry> = routes
            .v6
            .iter()
            .filter_map(|r| entry(r.bits, r.len, r.first_origin))
            .collect();
        Self { v4, v6: Lpm::build(&v6), asns }
    }
}

impl From<RoutingTable> for Routes {
    fn from(table: RoutingTable) -> Self {
        table.routes
    }
}

fn trie(routes: impl Iterator<Item = (u128, u8)>, offset: usize) -> Lpm {
    let first = u32::try_from(offset).unwrap_or(u32::MAX);
    let entries: Vec<Entry> = (first..)
        .zip(routes)
        .map(|(value, (bits, len))| Entry { bits, len, value })
        .collect();
    Lpm::build(&entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpki::{Vrp, VrpSet};

    fn table(rows: &[(&str, u32)], vrps: &[(&str, u8, u32)]) -> RoutingTable {
        let mut builder = TableBuilder::default();
        for &(prefix, asn) in rows {
            builder.announce(prefix.parse().unwrap(), Asn(asn), None);
        }
        let vrps = vrps
            .iter()
            .map(|&(prefix, max_len, asn)| Vrp {
                prefix: prefix.parse().unwrap(),
                max_len,
                asn: Asn(asn),
            })
            .collect();
        builder.build(&VrpSet::new(vrps))
    }

    fn origins(table: &RoutingTable, address: &str) -> Vec<u32> {
        let address: IpAddr = address.parse().unwrap();
        let route = table.lookup(address);
        let first = route.and_then(|r| r.origins.first().copied());
        assert_eq!(table.origin(address), first, "{address}");
        route
            .map(|route| route.origins.iter().map(|a| a.0).collect())
            .unwrap_or_default()
    }

    #[test]
    fn the_longest_prefix_wins_in_both_families() {
        let table = table(
            &[
                ("2001:db8::/32", 7),
                ("10.0.0.0/8", 1),
                ("10.1.0.0/16", 2),
                ("10.1.1.0/24", 3),
                ("2001:db8:1::/48", 8),
            ],
            &[],
        );
        assert_eq!(origins(&table, "10.1.1.9"), [3]);
        assert_eq!(origins(&table, "10.1.2.9"), [2]);
        assert_eq!(origins(&table, "10.2.0.0"), [1]);
        assert_eq!(origins(&table, "11.0.0.0"), []);
        assert_eq!(origins(&table, "2001:db8:1::9"), [8]);
        assert_eq!(origins(&table, "2001:db8:2::9"), [7]);
        assert_eq!(origins(&table, "::ffff:10.1.1.9"), [3]);
    }

    #[test]
    fn multiple_origins_are_kept_and_duplicates_are_not() {
        let table = table(
            &[("10.0.0.0/8", 5), ("10.0.0.0/8", 2), ("10.0.0.0/8", 5)],
            &[("10.0.0.0/8", 8, 2)],
        );
        assert_eq!(table.len(), 1);
        let route = table.lookup("10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(route.origins, [Asn(2), Asn(5)]);
        assert_eq!(route.rpki, [RpkiState::Valid, RpkiState::Invalid]);
    }

    #[test]
    fn peers_are_counted_by_origin_and_the_largest_count_stands() {
        let prefix: Prefix = "10.0.0.0/8".parse().unwrap();
        let mut builder = TableBuilder::default();
        builder.announce_seen(prefix, Asn(5), None, 3);
        builder.announce_seen(prefix, Asn(2), None, 7);
        builder.announce_seen(prefix, Asn(5), None, 4);
        builder.announce("11.0.0.0/8".parse().unwrap(), Asn(1), None);
        builder.full_feeds([9, 0]);
        let table = builder.build(&VrpSet::default());
        assert_eq!(table.full_feeds(), [9, 0]);
        assert_eq!(table.route(0).unwrap().peers, [7, 4]);
        assert_eq!(table.route(1).unwrap().peers, [0]);
    }

    #[test]
    fn routes_inside_a_prefix_are_counted_as_they_are_listed() {
        let table = table(
            &[
                ("10.0.0.0/8", 1),
                ("10.255.255.255/32", 1),
                ("11.0.0.0/8", 1),
                ("255.255.255.255/32", 1),
                ("2001:db8::/32", 1),
                ("ffff::/16", 1),
            ],
            &[],
        );
        for (prefix, count) in [
            ("10.0.0.0/8", 2),
            ("10.0.0.0/7", 3),
            ("0.0.0.0/0", 4),
            ("10.1.0.0/16", 0),
            ("255.255.255.255/32", 1),
            ("::/0", 2),
            ("fff0::/12", 1),
        ] {
            let prefix = prefix.parse().unwrap();
            assert_eq!(table.count_within(prefix), count, "{prefix}");
            assert_eq!(table.within(prefix).count(), count, "{prefix}");
        }
    }

    #[test]
    fn a_table_of_which_nobody_counted_the_peers_has_no_counts() {
        let table = table(&[("10.0.0.0/8", 1)], &[]);
        assert_eq!(table.route(0).unwrap().peers, []);
    }

    #[test]
    fn a_stored_table_answers_like_the_original() {
        let table = table(
            &[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("2001:db8::/32", 3)],
            &[("10.0.0.0/8", 8, 1)],
        );
        let bytes = postcard::to_stdvec(&table).unwrap();
        let again: RoutingTable = postcard::from_bytes(&bytes).unwrap();
        assert!(again.iter().eq(table.iter()));
        assert_eq!(origins(&again, "10.1.0.1"), [2]);
        assert_eq!(origins(&again, "2001:db8::1"), [3]);
    }
}
