//! Prefixes that come and go.
//!
//! Counted are comings and goings of a prefix at a peer, a day; of the peers
//! that carry the prefix the median, so that one peer's trouble is not blamed
//! on the origin. What belongs to the reset of a session is left out, also what
//! came before the reset was recognised, and so are beacons, which come and go
//! for science.

use std::collections::VecDeque;

use asgard_model::{Asn, Prefix};
use rustc_hash::FxHashMap;

use crate::table::{Cause, PeerId, PrefixId, Table, Transition};

use super::{Detector, Findings, Scene, is_global};

const DAY: u32 = 86_400;
/// Days that are counted.
const DAYS: u32 = 7;
/// Seconds within which a reset is recognised, and within which the last of
/// its routes come back.
const WAIT: u32 = 300;
/// Comings and goings on one day that make a prefix flap.
const FLAPPING: u32 = 10;
/// Changes that wait; beyond them the oldest are counted at once.
const MOST_WAITING: usize = 1 << 20;

/// Beacons of RIPE's RIS: announced and withdrawn every two hours.
/// <https://ris.ripe.net/docs/routing-beacons/>
const BEACONS: [Prefix; 2] = [
    Prefix::V4(0x54cd_4000, 19), // 84.205.64.0/19
    Prefix::V6(0x2001_07fb_fe00 << 80, 40), // 2001:7fb:fe00::/40
];

/// Watches for prefixes that come and go.
#[derive(Clone, Debug, Default)]
pub(super) struct Flaps {
    /// The first moment that was seen.
    first: Option<u32>,
    waiting: VecDeque<Change>,
    /// When a reset of each peer was last seen.
    resets: Vec<u32>,
    /// The number of the day that is counted.
    day: u32,
    today: FxHashMap<PrefixId, Today>,
    /// Median of each prefix that has one, by day.
    days: VecDeque<(u32, Medians)>,
}

/// By prefix: its origin and how often it came and went at the median peer.
type Medians = FxHashMap<PrefixId, (Asn, u32)>;

#[derive(Clone, Copy, Debug)]
struct Change {
    at: u32,
    peer: PeerId,
    prefix: PrefixId,
    origin: Asn,
}

/// Changes of a prefix today, by peer.
#[derive(Clone, Debug, Default)]
struct Today {
    origin: Asn,
    peers: Vec<(PeerId, u32)>,
}

impl Flaps {
    /// Counts the changes that waited long enough.
    fn settle(&mut self, table: &Table, now: u32) {
        while let Some(change) = self.waiting.front().copied()
            && (change.at.saturating_add(WAIT) <= now
                || self.waiting.len() > MOST_WAITING)
        {
            self.waiting.pop_front();
            let reset = self.resets.get(change.peer.index()).copied();
            if reset.unwrap_or(0).saturating_add(WAIT) < change.at {
                self.count(table, change);
            }
        }
    }

    fn count(&mut self, table: &Table, change: Change) {
        let day = change.at / DAY;
        if day > self.day {
            self.turn(table, day);
        }
        let today = self.today.entry(change.prefix).or_default();
        today.origin = change.origin;
        match today.peers.iter_mut().find(|(peer, _)| *peer == change.peer) {
            Some((_, count)) => *count += 1,
            None => today.peers.push((change.peer, 1)),
        }
    }

    /// Ends a day.
    fn turn(&mut self, table: &Table, day: u32) {
        let medians = medians(&self.today, table);
        if !medians.is_empty() {
            self.days.push_back((self.day, medians));
        }
        while self.days.front().is_some_and(|d| d.0 + DAYS < day) {
            self.days.pop_front();
        }
        self.today.clear();
        self.day = day;
    }

    fn mark_reset(&mut self, peer: PeerId, at: u32) {
        if peer.index() >= self.resets.len() {
            self.resets.resize(peer.index() + 1, 0);
        }
        self.resets[peer.index()] = at;
    }
}

impl Detector for Flaps {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        self.first.get_or_insert(t.at);
        self.settle(scene.table, t.at);
        match t.cause {
            Cause::Table => return,
            Cause::Reset => return self.mark_reset(t.peer, t.at),
            Cause::Update => {}
        }
        if t.before.is_some() == t.after.is_some() {
            return;
        }
        let prefix = scene.table.prefix(t.prefix);
        if !is_global(prefix) || BEACONS.iter().any(|b| b.covers(prefix)) {
            return;
        }
        let origin = t.after.or(t.before);
        let origin = origin.and_then(|path| scene.table.paths().origin(path));
        if let Some(origin) = origin {
            let Transition { at, peer, prefix, .. } = *t;
            self.waiting.push_back(Change { at, peer, prefix, origin });
        }
    }

    /// Needs `prefixes` of the measures.
    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings) {
        let mut settled = self.clone();
        settled.settle(scene.table, now);
        settled.turn(scene.table, now / DAY);
        let mut flaps: FxHashMap<Asn, u32> = FxHashMap::default();
        let mut flapping: Vec<(Asn, PrefixId)> = Vec::new();
        for (_, medians) in &settled.days {
            for (&prefix, &(origin, median)) in medians {
                *flaps.entry(origin).or_default() += median;
                if median >= FLAPPING {
                    flapping.push((origin, prefix));
                }
            }
        }
        let days = f64::from(now.saturating_sub(self.first.unwrap_or(now)))
            / f64::from(DAY);
        let days = days.clamp(1.0, f64::from(DAYS));
        for (asn, count) in flaps {
            let measures = out.of(asn);
            let routes = f64::from(measures.prefixes.max(1));
            measures.flap_rate = f64::from(count) / routes / days;
        }
        flapping.sort_unstable();
        flapping.dedup();
        for same in flapping.chunk_by(|a, b| a.0 == b.0) {
            let mut prefixes: Vec<Prefix> =
                same.iter().map(|f| scene.table.prefix(f.1)).collect();
            prefixes.sort_unstable();
            out.of(same[0].0).flapping_prefixes = prefixes.into();
        }
    }
}

/// Of the peers that carry a prefix or said something about it today, the
/// median of what they said.
fn medians(today: &FxHashMap<PrefixId, Today>, table: &Table) -> Medians {
    let median = |(&prefix, today): (&PrefixId, &Today)| {
        let silent = table
            .routes(prefix)
            .filter(|(peer, _)| !today.peers.iter().any(|p| p.0 == *peer))
            .count();
        let mut counts: Vec<u32> = today.peers.iter().map(|p| p.1).collect();
        counts.sort_unstable();
        let middle = (counts.len() + silent) / 2;
        let median = middle.checked_sub(silent).map_or(0, |at| counts[at]);
        (median > 0).then_some((prefix, (today.origin, median)))
    };
    today.iter().filter_map(median).collect()
}
