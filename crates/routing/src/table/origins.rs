//! Who originates each prefix, since when, and how many peers say so.

use asgard_model::Asn;
use rustc_hash::FxHashMap;

use super::PrefixId;

/// Origins of one prefix that are remembered; beyond them the one that ended
/// first is forgotten.
const MOST_ORIGINS: usize = 64;

/// When an AS originated a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The AS.
    pub origin: Asn,
    /// When it was first seen to, in seconds since 1970.
    pub first: u32,
    /// When a peer last said so, or the last peer took it back.
    pub last: u32,
    /// Peers, of any table size, that carry such a route now.
    pub peers: u16,
}

/// Spans of all prefixes.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    /// The first origin of each prefix; AS0 for none.
    main: Vec<Span>,
    /// The others.
    more: FxHashMap<PrefixId, Vec<Span>>,
}

const NOBODY: Span = Span { origin: Asn(0), first: 0, last: 0, peers: 0 };

impl Origins {
    /// One more peer carries a route of the origin, which is that old.
    pub(super) fn gain(
        &mut self,
        prefix: PrefixId,
        origin: Asn,
        since: u32,
        at: u32,
    ) {
        let span = self.span(prefix, origin, since, at);
        span.first = span.first.min(since);
        span.last = span.last.max(at);
        span.peers = span.peers.saturating_add(1);
    }

    /// The same peer says it again.
    pub(super) fn keep(
        &mut self,
        prefix: PrefixId,
        origin: Asn,
        since: u32,
        at: u32,
    ) {
        let span = self.span(prefix, origin, since, at);
        span.first = span.first.min(since);
        span.last = span.last.max(at);
    }

    /// One peer less carries a route of the origin.
    pub(super) fn lose(&mut self, prefix: PrefixId, origin: Asn, at: u32) {
        let span = self.span(prefix, origin, at, at);
        span.last = span.last.max(at);
        span.peers = span.peers.saturating_sub(1);
    }

    fn span(
        &mut self,
        prefix: PrefixId,
        origin: Asn,
        since: u32,
        at: u32,
    ) -> &mut Span {
        let index = prefix.index();
        if index >= self.main.len() {
            self.main.resize(index + 1, NOBODY);
        }
        let main = &mut self.main[index];
        if main.origin == Asn(0) {
            *main = Span { origin, first: since, last: at, peers: 0 };
        }
        if main.origin == origin {
            return main;
        }
        let more = self.more.entry(prefix).or_default();
        let place = match more.iter().position(|s| s.origin == origin) {
            Some(place) => place,
            None => {
                let new = Span { origin, first: since, last: at, peers: 0 };
                add(more, new)
            }
        };
        &mut more[place]
    }

    /// The spans of a prefix.
    pub(super) fn of(&self, prefix: PrefixId) -> impl Iterator<Item = &Span> {
        let main = self.main.get(prefix.index());
        let main = main.filter(|span| span.origin != Asn(0));
        let more = match self.more.is_empty() {
            true => None,
            false => self.more.get(&prefix),
        };
        main.into_iter().chain(more.into_iter().flatten())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let more: usize = self.more.values().map(Vec::capacity).sum();
        (self.main.capacity() + more) * size_of::<Span>()
            + self.more.capacity() * size_of::<(PrefixId, Vec<Span>)>()
    }
}

/// Adds a span and returns its place.
fn add(spans: &mut Vec<Span>, new: Span) -> usize {
    if spans.len() < MOST_ORIGINS {
        spans.push(new);
        return spans.len() - 1;
    }
    let oldest =
        spans.iter().enumerate().min_by_key(|(_, s)| (s.peers, s.last));
    let place = oldest.map_or(0, |(place, _)| place);
    spans[place] = new;
    place
}
