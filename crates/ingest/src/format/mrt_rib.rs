//! Dumps of BGP tables in MRT (RFC 6396, RFC 8050): which AS originates which
//! prefix, as a collector's peers see it.
//!
//! [`mrt`] reads the records; this file judges what they show. A route
//! counts if enough full feeds carry it: a single peer may leak whatever it
//! likes. Of a route only one bit is kept, so that a table of a hundred peers
//! fits into memory; rows come when the file has ended.
//!
//! Ignored: the default route, prefixes longer than /24 and /48 (nobody filters
//! them alike), routes without an origin (local ones, AS sets, confederations,
//! AS0), routes that too few full feeds carry, multicast. Refused whole: a
//! file that was cut or damaged, and updates, which are no table.

#[cfg(test)]
mod tests;

use std::{io::BufRead, ops::ControlFlow};

use asgard_model::{AsPath, Asn, Prefix, scoring::VisibilityRule};
use rustc_hash::FxHashMap;

use super::{
    mrt,
    origins::{OriginRow, OriginSink, plain_row},
    report::{FormatError, Report, Seen, Tally},
};
use asgard_routing::event::{Event, Peer, What};

/// Most peers of one collector; the largest have some 200. Without a limit a
/// hostile file could make every set of peers as large as itself.
const MAX_PEERS: usize = 1024;
/// Most pairs of prefix and origin in memory; a table of 2026 has 1.4 million.
const MAX_PAIRS: usize = 8 << 20;
/// Pairs that are searched for one of the same prefix; duplicates beyond are
/// found when all is sorted.
const NEAR: usize = 16;
/// A peer with less than this part of the largest table shows its customers,
/// not the Internet. At exchange points most peers do, and the median of all
/// would be the size of a customer cone.
const PARTIAL: u32 = 3;

/// Reads a `TABLE_DUMP` or `TABLE_DUMP_V2` file.
///
/// A row of the report is a prefix. Also returned is whether IPv4 and IPv6 are
/// seen by fewer than [`VisibilityRule::k_min`] full feeds, so that one is
/// enough.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn mrt_rib(
    input: &mut dyn BufRead,
    rule: VisibilityRule,
    sink: OriginSink<'_>,
) -> Result<(Report, [bool; 2]), FormatError> {
    if input.fill_buf()?.is_empty() {
        return Err(FormatError::Empty);
    }
    let mut table = Table::default();
    let mut refusal = None;
    let summary =
        mrt::whole_table(input, &mut |event| match table.add(event) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => {
                refusal = Some(problem);
                ControlFlow::Break(())
            }
        })?;
    if let Some(problem) = refusal {
        let at = summary.records;
        return Err(FormatError::NotThisFormat(format!(
            "MRT record {at}: {problem}"
        )));
    }
    let (report, low) = table.finish(rule, sink)?;
    Ok((Report { published: summary.begun, ..report }, low))
}

/// Which peers carry a route, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Peers {
    first: u128,
    /// Peers from the 129th on.
    more: Vec<u128>,
}

impl Peers {
    fn insert(&mut self, peer: usize) {
        let bit = 1 << (peer % 128);
        match (peer / 128).checked_sub(1) {
            None => self.first |= bit,
            Some(word) => {
                if self.more.len() <= word {
                    self.more.resize(word + 1, 0);
                }
                self.more[word] |= bit;
            }
        }
    }

    fn unite(&mut self, other: &Self) {
        self.first |= other.first;
        let words = self.more.len().max(other.more.len());
        self.more.resize(words, 0);
        for (word, theirs) in self.more.iter_mut().zip(&other.more) {
            *word |= theirs;
        }
    }

    /// Number of peers that are also in `other`.
    fn common(&self, other: &Self) -> u32 {
        let more = self.more.iter().zip(&other.more);
        (self.first & other.first).count_ones()
            + more.map(|(a, b)| (a & b).count_ones()).sum::<u32>()
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let words = std::iter::once(&self.first).chain(&self.more);
        words.enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then_some(rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index * 128 + usize::try_from(bit).ok()?)
            })
        })
    }
}

/// A prefix with one of its origins, or with none.
#[derive(Debug)]
struct Pair {
    prefix: Prefix,
    origin: Option<Asn>,
    peers: Peers,
}

impl Pair {
    fn key(&self) -> (Prefix, Option<Asn>) {
        (self.prefix, self.origin)
    }
}

/// What the file has shown so far.
#[derive(Debug, Default)]
struct Table {
    pairs: Vec<Pair>,
    peers: FxHashMap<Peer, usize>,
    routes: u64,
    /// Routes without a readable AS path.
    pathless: u64,
}

impl Table {
    fn add(&mut self, event: &Event<'_>) -> Result<(), String> {
        let What::Rib { route, attributes, .. } = event.what else {
            return Ok(());
        };
        let next = self.peers.len();
        let peer = *self.peers.entry(event.peer).or_insert(next);
        if peer >= MAX_PEERS {
            return Err(format!("more than {MAX_PEERS} peers"));
        }
        let path = attributes.path();
        self.routes += 1;
        self.pathless += u64::from(path.is_none());
        // None where the path ends in a set or a confederation.
        let origin = path.and_then(AsPath::origin);
        self.note(route.prefix, origin, peer);
        if self.pairs.len() >= MAX_PAIRS {
            self.merge();
            if self.pairs.len() > MAX_PAIRS / 2 {
                return Err(format!("more than {} origins", MAX_PAIRS / 2));
            }
        }
        Ok(())
    }

    /// Dumps are ordered by prefix, so the pair is among the last.
    fn note(&mut self, prefix: Prefix, origin: Option<Asn>, peer: usize) {
        let near = self.pairs.iter_mut().rev().take(NEAR);
        let mut same = near.take_while(|pair| pair.prefix == prefix);
        if let Some(pair) = same.find(|pair| pair.origin == origin) {
            pair.peers.insert(peer);
            return;
        }
        let mut peers = Peers::default();
        peers.insert(peer);
        self.pairs.push(Pair { prefix, origin, peers });
    }

    fn merge(&mut self) {
        self.pairs.sort_unstable_by_key(Pair::key);
        self.pairs.dedup_by(|later, kept| {
            let same = later.key() == kept.key();
            if same {
                kept.peers.unite(&later.peers);
            }
            same
        });
    }

    fn finish(
        mut self,
        rule: VisibilityRule,
        sink: OriginSink<'_>,
    ) -> Result<(Report, [bool; 2]), FormatError> {
        let (bad, all) = (self.pathless, self.routes);
        // A router that dumps its own table has no path for its own networks.
        if bad > all / 2 {
            return Err(FormatError::NotThisFormat(format!(
                "{bad} of {all} routes have no readable AS path"
            )));
        }
        self.merge();
        let views = self.views(rule);
        let mut tally = Tally::default();
        let mut origins = Vec::new();
        let mut peers = Vec::new();
        for pairs in self.prefixes() {
            let prefix = pairs[0].prefix;
            let view = &views[family(prefix)];
            let seen = pairs.iter().filter(|pair| view.shows(pair));
            origins.clear();
            peers.clear();
            for (pair, origin) in seen.filter_map(|p| Some((p, p.origin?))) {
                origins.push(origin);
                peers.push(view.carriers(pair));
            }
            let outcome = if origins.is_empty() || !is_counted(prefix) {
                Seen::Ignored
            } else {
                let plain = plain_row(prefix, &origins);
                sink(OriginRow { peers: &peers, ..plain });
                Seen::Row
            };
            tally.see(0, b"", Ok(outcome));
        }
        Ok((tally.finish()?, views.map(|view| view.low)))
    }

    /// The pairs of each prefix, once they are merged.
    fn prefixes(&self) -> impl Iterator<Item = &[Pair]> {
        self.pairs.chunk_by(|a, b| a.prefix == b.prefix)
    }

    fn views(&self, rule: VisibilityRule) -> [View; 2] {
        let mut sizes = [(); 2].map(|()| vec![0_u32; self.peers.len()]);
        for pairs in self.prefixes() {
            let prefix = pairs[0].prefix;
            let mut peers = Peers::default();
            pairs.iter().for_each(|pair| peers.unite(&pair.peers));
            if is_counted(prefix) {
                for peer in peers.iter() {
                    sizes[family(prefix)][peer] += 1;
                }
            }
        }
        sizes.map(|sizes| View::new(&sizes, rule))
    }
}

/// What it takes to be seen in one family.
struct View {
    full_feeds: Peers,
    min_peers: u32,
    low: bool,
}

impl View {
    /// Judges the peers by the sizes of their tables.
    fn new(sizes: &[u32], rule: VisibilityRule) -> Self {
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let part = largest.div_ceil(PARTIAL).max(1);
        let mut tables: Vec<u32> =
            sizes.iter().copied().filter(|&size| size >= part).collect();
        tables.sort_unstable();
        let full_size = median(&tables) * rule.full_feed_share;
        let mut full_feeds = Peers::default();
        let mut count = 0;
        for (peer, &size) in sizes.iter().enumerate() {
            if size >= part && f64::from(size) >= full_size {
                full_feeds.insert(peer);
                count += 1;
            }
        }
        // A family without routes is not seen badly: there is nothing to see.
        let low = largest > 0 && count < rule.k_min;
        Self { full_feeds, min_peers: rule.min_peers(count), low }
    }

    fn shows(&self, pair: &Pair) -> bool {
        pair.peers.common(&self.full_feeds) >= self.min_peers.max(1)
    }

    /// How many full feeds carry it.
    fn carriers(&self, pair: &Pair) -> u16 {
        let carriers = pair.peers.common(&self.full_feeds);
        u16::try_from(carriers).unwrap_or(u16::MAX)
    }
}

fn median(sorted: &[u32]) -> f64 {
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    upper.zip(lower).map_or(0.0, |(&a, &b)| f64::midpoint(a.into(), b.into()))
}

fn family(prefix: Prefix) -> usize {
    usize::from(!prefix.is_v4())
}

/// Whether a prefix is neither the default route nor too long to be accepted
/// everywhere.
fn is_counted(prefix: Prefix) -> bool {
    let longest = if prefix.is_v4() { 24 } else { 48 };
    (1..=longest).contains(&prefix.len())
}
