//! What a table says: its routes, its prefixes and peers, and who sees how much.

use asgard_model::{Asn, Prefix};

use super::{
    Cause, Changes, PeerId, PrefixId, Refused, Reset, Span, Table, Transition,
};
use crate::{
    event::Peer,
    path::{PathArena, PathId, PathView},
};

impl Table {
    /// Hands over all present routes, by prefix, with cause [`Cause::Table`].
    pub fn replay(&self, sink: Changes<'_>) {
        for prefix in self.prefix_ids() {
            for (peer, path) in self.routes(prefix) {
                let origin = self.paths.origin(path);
                let span =
                    self.spans(prefix).find(|span| Some(span.origin) == origin);
                let transition = Transition {
                    at: self.now,
                    since: span.map_or(self.now, |span| span.first),
                    peer,
                    prefix,
                    before: None,
                    after: Some(path),
                    cause: Cause::Table,
                    attributes: None,
                };
                sink(self, &transition);
            }
        }
    }

    /// The latest moment of any event, in seconds since 1970.
    pub fn now(&self) -> u32 {
        self.now
    }

    /// All paths.
    pub fn paths(&self) -> &PathArena {
        &self.paths
    }

    /// A path.
    pub fn path(&self, id: PathId) -> PathView<'_> {
        self.paths.get(id)
    }

    /// A prefix.
    pub fn prefix(&self, id: PrefixId) -> Prefix {
        self.prefixes.get(id)
    }

    /// The number of a prefix, if any peer ever carried it.
    pub fn find(&self, prefix: Prefix) -> Option<PrefixId> {
        self.prefixes.find(prefix)
    }

    /// All prefixes that any peer ever carried.
    pub fn prefix_ids(&self) -> impl Iterator<Item = PrefixId> + use<> {
        (0..self.prefixes.len()).filter_map(PrefixId::at)
    }

    /// A peer.
    pub fn peer(&self, id: PeerId) -> Peer {
        self.peers.get(id)
    }

    /// All peers, also those without routes.
    pub fn peer_ids(&self) -> impl Iterator<Item = PeerId> + use<> {
        self.peers.ids()
    }

    /// What a peer carries to a prefix.
    pub fn route(&self, peer: PeerId, prefix: PrefixId) -> Option<PathId> {
        self.peers.route(peer, prefix)
    }

    /// The peers that carry a prefix, and how.
    pub fn routes(
        &self,
        prefix: PrefixId,
    ) -> impl Iterator<Item = (PeerId, PathId)> {
        self.peer_ids()
            .filter_map(move |peer| Some((peer, self.route(peer, prefix)?)))
    }

    /// What a peer carries, by prefix.
    pub fn routes_of(
        &self,
        peer: PeerId,
    ) -> impl Iterator<Item = (PrefixId, PathId)> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let route = self.peers.next(peer, from)?;
            from = route.0.index() + 1;
            Some(route)
        })
    }

    /// Number of routes of a peer, of both families.
    pub fn size(&self, peer: PeerId) -> u32 {
        self.peers.size(peer)
    }

    /// Whether a peer shows the whole Internet of IPv4, or of IPv6.
    pub fn is_full(&self, peer: PeerId, v4: bool) -> bool {
        self.feeds[usize::from(!v4)].is_full(peer.index())
    }

    /// Number of peers that show the whole Internet of IPv4, or of IPv6.
    pub fn full_feeds(&self, v4: bool) -> usize {
        self.feeds[usize::from(!v4)].count as usize
    }

    /// Whether there are routes of IPv4, or of IPv6, and fewer full feeds than
    /// the rule asks for, so that one is enough.
    pub fn is_low(&self, v4: bool) -> bool {
        let feeds = &self.feeds[usize::from(!v4)];
        feeds.count > 0 && feeds.count < self.rule.k_min
    }

    /// Full feeds that must carry a route before it counts (at least 1).
    pub fn threshold(&self, v4: bool) -> usize {
        self.feeds[usize::from(!v4)].threshold as usize
    }

    /// Full feeds that carry a route of an origin to a prefix.
    pub fn visible_by(&self, prefix: PrefixId, origin: Asn) -> usize {
        let feeds = &self.feeds[usize::from(!self.prefix(prefix).is_v4())];
        self.routes(prefix)
            .filter(|(peer, path)| {
                feeds.is_full(peer.index())
                    && self.paths.origin(*path) == Some(origin)
            })
            .count()
    }

    /// Since when, and by how many peers, a prefix has which origins.
    pub fn spans(&self, prefix: PrefixId) -> impl Iterator<Item = &Span> {
        self.origins.of(prefix)
    }

    /// Resets that were recognised, in the order in which they began. What
    /// changed in the first minutes of one had another cause when it was told.
    pub fn resets(&self) -> &[Reset] {
        self.peers.resets()
    }

    /// What was not taken.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// Whether less than an eighth of its room for prefixes or paths is left:
    /// nothing is ever removed, so who goes on for ever must start anew.
    pub fn is_nearly_full(&self) -> bool {
        let most = self.limits.prefixes;
        self.paths.is_nearly_full() || self.prefixes.len() >= most - most / 8
    }

    /// Bytes on the heap, nearly.
    pub fn heap_bytes(&self) -> usize {
        self.paths.heap_bytes()
            + self.prefixes.heap_bytes()
            + self.peers.heap_bytes()
            + self.origins.heap_bytes()
            + self.additional.heap_bytes()
    }
}
