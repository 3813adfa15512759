//! From announcements in any order to a table: sorted, validated, built.

use super::{RouteV4, RouteV6, Routes, RoutingTable};
use crate::{
    Asn, Prefix,
    rpki::{RpkiState, VrpSet},
};

/// Collects announcements in any order; duplicates are one.
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    full_feeds: [u16; 2],
    v4: Vec<(u32, u8, Asn, Seen)>,
    v6: Vec<(u128, u8, Asn, Seen)>,
}

/// What else an announcement says.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    state: RpkiState,
    /// Full feeds that carry it; 0 if not counted.
    peers: u16,
}

/// Most origins of one prefix that are kept; the record is far below.
const MAX_ORIGINS: u8 = u8::MAX;

impl TableBuilder {
    /// Adds an announcement. `stated` is the verdict that the source states,
    /// used as long as no VRPs are loaded; `None` if it states none.
    pub fn announce(
        &mut self,
        prefix: Prefix,
        origin: Asn,
        stated: Option<RpkiState>,
    ) {
        self.announce_seen(prefix, origin, stated, 0);
    }

    /// As [`Self::announce`], by so many full feeds; 0 if nobody counted.
    pub fn announce_seen(
        &mut self,
        prefix: Prefix,
        origin: Asn,
        stated: Option<RpkiState>,
        peers: u16,
    ) {
        let seen = Seen { state: stated.unwrap_or_default(), peers };
        match prefix {
            Prefix::V4(bits, len) => self.v4.push((bits, len, origin, seen)),
            Prefix::V6(bits, len) => self.v6.push((bits, len, origin, seen)),
        }
    }

    /// Says how many full feeds were counted, of IPv4 and IPv6.
    pub fn full_feeds(&mut self, counts: [u16; 2]) {
        for (known, count) in self.full_feeds.iter_mut().zip(counts) {
            *known = count.max(*known);
        }
    }

    /// Adds all announcements of another builder.
    pub fn append(&mut self, mut other: Self) {
        self.full_feeds(other.full_feeds);
        self.v4.append(&mut other.v4);
        self.v6.append(&mut other.v6);
    }

    /// Number of announcements so far, duplicates included.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether nothing was announced.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts, validates against `vrps` (unless that is empty) and builds.
    pub fn build(mut self, vrps: &VrpSet) -> RoutingTable {
        self.v4.sort_unstable_by_key(|&(bits, len, asn, _)| (bits, len, asn));
        self.v6.sort_unstable_by_key(|&(bits, len, asn, _)| (bits, len, asn));
        let full_feeds = self.full_feeds;
        let mut routes = Routes { full_feeds, ..Routes::default() };
        for (bits, len, asn, seen) in self.v4 {
            routes.push_v4(bits, len, asn, seen);
        }
        for (bits, len, asn, seen) in self.v6 {
            routes.push_v6(bits, len, asn, seen);
        }
        routes.shrink();
        if !vrps.is_empty() {
            routes.validate(vrps);
        }
        routes.into()
    }
}

impl Routes {
    fn push_v4(&mut self, bits: u32, len: u8, asn: Asn, seen: Seen) {
        let next = index32(self.origins.len());
        match self.v4.last_mut() {
            Some(r) if (r.bits, r.len) == (bits, len) => {
                if self.origins.last() == Some(&asn) {
                    return self.see_again(seen);
                }
                if r.origins == MAX_ORIGINS {
                    return;
                }
                r.origins += 1;
            }
            _ => self.v4.push(RouteV4 {
                bits,
                first_origin: next,
                len,
                origins: 1,
            }),
        }
        self.push_origin(asn, seen);
    }

    fn push_v6(&mut self, bits: u128, len: u8, asn: Asn, seen: Seen) {
        let next = index32(self.origins.len());
        match self.v6.last_mut() {
            Some(r) if (r.bits, r.len) == (bits, len) => {
                if self.origins.last() == Some(&asn) {
                    return self.see_again(seen);
                }
                if r.origins == MAX_ORIGINS {
                    return;
                }
                r.origins += 1;
            }
            _ => self.v6.push(RouteV6 {
                bits,
                first_origin: next,
                len,
                origins: 1,
            }),
        }
        self.push_origin(asn, seen);
    }

    fn push_origin(&mut self, asn: Asn, seen: Seen) {
        self.origins.push(asn);
        self.rpki.push(seen.state);
        self.peers.push(seen.peers);
    }

    /// Two sources of one announcement: the one that sees more is nearer to
    /// the truth.
    fn see_again(&mut self, seen: Seen) {
        if let Some(peers) = self.peers.last_mut() {
            *peers = seen.peers.max(*peers);
        }
    }

    fn shrink(&mut self) {
        if self.peers.iter().all(|&peers| peers == 0) {
            self.peers.clear();
        }
        self.peers.shrink_to_fit();
        self.v4.shrink_to_fit();
        self.v6.shrink_to_fit();
        self.origins.shrink_to_fit();
        self.rpki.shrink_to_fit();
    }

    fn validate(&mut self, vrps: &VrpSet) {
        let mut sweep = vrps.sweep();
        let v4 = self
            .v4
            .iter()
            .map(|r| (Prefix::V4(r.bits, r.len), r.first_origin, r.origins));
        let v6 = self
            .v6
            .iter()
            .map(|r| (Prefix::V6(r.bits, r.len), r.first_origin, r.origins));
        for (prefix, first, count) in v4.chain(v6) {
            sweep.advance(prefix);
            let range = first as usize..first as usize + usize::from(count);
            for at in range {
                self.rpki[at] =
                    sweep.state(prefix.len(), Some(self.origins[at]));
            }
        }
    }
}

fn index32(len: usize) -> u32 {
    u32::try_from(len).expect("a table of 2³² origins does not fit in memory")
}
