//! Routes that ask to drop traffic: somebody is under attack (RFC 7999).
//!
//! Shown, never counted against anybody: who blackholes is a victim.

use asgard_model::Asn;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    event::{Attributes, Community, LargeCommunity},
    table::{Cause, PeerId, PrefixId, Table, Transition},
};

use super::{Findings, is_global};

/// Seconds for which a blackhole is counted after its end.
const WINDOW: u32 = 7 * 86_400;
/// Blackholes remembered at once.
const MOST: usize = 1 << 20;

/// Communities of networks that document theirs, besides those of RFC 7999.
const DOCUMENTED: [(u16, u16); 10] = [
    (701, 9999),
    (1239, 66),
    (1299, 999),
    (2914, 666),
    (3257, 2666),
    (3356, 9999),
    (3491, 999),
    (6461, 5990),
    (6939, 666),
    (7018, 86),
];

/// The dictionary: communities that ask to drop traffic.
#[derive(Clone, Debug)]
pub struct BlackholeCommunities {
    standard: FxHashSet<Community>,
    large: FxHashSet<LargeCommunity>,
}

impl Default for BlackholeCommunities {
    fn default() -> Self {
        let community = |(asn, value): (u16, u16)| {
            Community(u32::from(asn) << 16 | u32::from(value))
        };
        let standard = DOCUMENTED.into_iter().map(community);
        Self::new(standard.chain([Community::BLACKHOLE]), [])
    }
}

impl BlackholeCommunities {
    /// A dictionary of an operator's own.
    pub fn new(
        standard: impl IntoIterator<Item = Community>,
        large: impl IntoIterator<Item = LargeCommunity>,
    ) -> Self {
        Self {
            standard: standard.into_iter().collect(),
            large: large.into_iter().collect(),
        }
    }

    /// Whether a route asks to drop its traffic. On routes too long for the
    /// Internet, `X:666` of anybody does.
    fn ask(&self, attributes: &Attributes<'_>, long: bool) -> bool {
        let details = attributes.details();
        let standard = |c: &Community| {
            self.standard.contains(c) || (long && c.parts().1 == 666)
        };
        details.communities.iter().any(standard)
            || details.large_communities.iter().any(|c| self.large.contains(c))
    }
}

/// Watches for blackholes.
#[derive(Clone, Debug, Default)]
pub(super) struct Blackholes {
    now: FxHashMap<(PeerId, PrefixId), Asn>,
    /// When each was last seen.
    past: FxHashMap<(Asn, PrefixId), u32>,
}

impl Blackholes {
    /// Notes a route. Of a dump, only long routes are looked at: decoding the
    /// communities of a whole table takes longer than reading it.
    pub(super) fn note(
        &mut self,
        table: &Table,
        communities: &BlackholeCommunities,
        t: &Transition<'_>,
    ) {
        let long = !is_global(table.prefix(t.prefix));
        let dumped = t.cause == Cause::Table;
        if dumped && (!long || (t.after.is_some() && t.attributes.is_none())) {
            return;
        }
        let asks = t.attributes.is_some_and(|a| communities.ask(a, long));
        let origin = t.after.and_then(|path| table.paths().origin(path));
        let key = (t.peer, t.prefix);
        if let Some(victim) = self.now.remove(&key) {
            self.past.insert((victim, t.prefix), t.at);
        }
        if let Some(origin) = origin.filter(|_| asks)
            && self.now.len() < MOST
        {
            self.now.insert(key, origin);
        }
        if self.past.len() >= MOST {
            let kept = t.at.saturating_sub(WINDOW);
            self.past.retain(|_, &mut last| last >= kept);
        }
    }

    /// Counts the blackholes of the last seven days.
    pub(super) fn finish(&self, now: u32, out: &mut Findings) {
        let kept = now.saturating_sub(WINDOW);
        let past = self.past.iter().filter(|(_, last)| **last >= kept);
        let mut all: FxHashSet<(Asn, PrefixId)> =
            past.map(|(&key, _)| key).collect();
        all.extend(self.now.iter().map(|(key, &asn)| (asn, key.1)));
        for (asn, _) in all {
            out.of(asn).ddos_blackhole_count += 1;
        }
    }
}
