//! Episodes of one network that overlap or follow within the hour are one
//! incident.
//!
//! A leak of ten thousand prefixes is one fault, and so is one that comes and
//! goes every few minutes: the same network, intervals that overlap or are
//! less than an hour apart (after the MANRS Observatory).

use asgard_model::{
    Asn, Incident, IncidentKind, Prefix, Subtype,
    incident::{Evidence, MAX_EVIDENCE, MAX_OTHERS, MAX_PREFIXES},
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::table::{PrefixId, Table};

use super::watch::{Episode, Witness};

/// Episodes less than this many seconds apart are one incident.
const GAP: u32 = 3600;
/// Witnesses kept of a case until its incident is written.
const WITNESSES: usize = 4 * MAX_EVIDENCE;
/// Seconds for which incidents are kept after their end.
const KEPT: u32 = 90 * 86_400;

/// All incidents of one kind, in the making.
#[derive(Clone, Debug)]
pub(super) struct Cases {
    kind: IncidentKind,
    /// Of each network, ascending by start and apart.
    of: FxHashMap<Asn, Vec<Case>>,
}

#[derive(Clone, Debug)]
struct Case {
    start: u32,
    end: Option<u32>,
    /// Episodes by subtype.
    subtypes: Vec<(Subtype, u32)>,
    prefixes: FxHashSet<PrefixId>,
    others: Vec<Asn>,
    peers: u16,
    witnesses: Vec<Witness>,
}

impl Cases {
    pub(super) fn new(kind: IncidentKind) -> Self {
        Self { kind, of: FxHashMap::default() }
    }

    /// Adds an episode of a network, and who stood on the other side.
    pub(super) fn add<K>(
        &mut self,
        asn: Asn,
        subtype: Subtype,
        others: &[Asn],
        episode: &Episode<K>,
    ) {
        let mut case = Case::new(subtype, others, episode);
        let cases = self.of.entry(asn).or_default();
        let kept = episode.end.unwrap_or(episode.start).saturating_sub(KEPT);
        cases.retain(|case| case.end.is_none_or(|end| end >= kept));
        let from = cases.partition_point(|c| c.is_before(&case));
        while let Some(next) = cases.get(from)
            && !case.is_before(next)
        {
            let next = cases.remove(from);
            case.merge(next);
        }
        cases.insert(from, case);
    }

    /// The incidents of the last 90 days; `weigh` tells the weight of one that
    /// lasted some seconds.
    pub(super) fn incidents(
        self,
        table: &Table,
        now: u32,
        weigh: impl Fn(u32) -> f64,
    ) -> Vec<Incident> {
        let kind = self.kind;
        let kept = now.saturating_sub(KEPT);
        let mut incidents: Vec<Incident> = self
            .of
            .into_iter()
            .flat_map(|(asn, cases)| cases.into_iter().map(move |c| (asn, c)))
            .filter(|(_, case)| case.end.is_none_or(|end| end >= kept))
            .map(|(asn, case)| {
                let end = case.end.unwrap_or(now);
                let weight = weigh(end.saturating_sub(case.start));
                case.incident(kind, asn, weight, table)
            })
            .collect();
        incidents.sort_by_key(Incident::order);
        incidents
    }
}

impl Case {
    fn new<K>(subtype: Subtype, others: &[Asn], episode: &Episode<K>) -> Self {
        let mut others = others.to_vec();
        others.sort_unstable();
        others.dedup();
        Self {
            start: episode.start,
            end: episode.end,
            subtypes: vec![(subtype, 1)],
            prefixes: FxHashSet::from_iter([episode.witness.prefix]),
            others,
            peers: episode.peers,
            witnesses: vec![episode.witness],
        }
    }

    /// Whether it ends so long before another begins that they are two.
    fn is_before(&self, other: &Self) -> bool {
        let end = self.end.map(|end| end.saturating_add(GAP));
        end.is_some_and(|end| end <= other.start)
    }

    fn merge(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.zip(other.end).map(|(a, b)| a.max(b));
        for (subtype, count) in other.subtypes {
            match self.subtypes.iter_mut().find(|s| s.0 == subtype) {
                Some(known) => known.1 += count,
                None => self.subtypes.push((subtype, count)),
            }
        }
        // The smaller set into the larger one.
        let mut prefixes = other.prefixes;
        if prefixes.len() > self.prefixes.len() {
            std::mem::swap(&mut prefixes, &mut self.prefixes);
        }
        self.prefixes.extend(prefixes);
        self.others.extend(other.others);
        self.others.sort_unstable();
        self.others.dedup();
        self.others.truncate(MAX_OTHERS);
        self.peers = self.peers.max(other.peers);
        self.witnesses.extend(other.witnesses);
        self.witnesses.sort_unstable();
        self.witnesses.dedup();
        self.witnesses.truncate(WITNESSES);
    }

    fn incident(
        self,
        kind: IncidentKind,
        asn: Asn,
        weight: f64,
        table: &Table,
    ) -> Incident {
        let mut all: Vec<Prefix> =
            self.prefixes.iter().map(|&id| table.prefix(id)).collect();
        all.sort_unstable();
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        all.truncate(MAX_PREFIXES);
        // The most frequent way; of equals the one that says most.
        let subtype =
            self.subtypes.iter().max_by_key(|s| (s.1, std::cmp::Reverse(s.0)));
        Incident {
            kind,
            subtype: subtype.map_or(Subtype::Type1, |s| s.0),
            asn,
            others: self.others.into(),
            start: self.start,
            end: self.end,
            prefixes: all.into(),
            prefix_count: count,
            peers: self.peers,
            weight,
            evidence: evidence(&self.witnesses, table),
        }
    }
}

/// Different prefixes first: five peers that say the same show less.
fn evidence(witnesses: &[Witness], table: &Table) -> Box<[Evidence]> {
    let mut seen = FxHashSet::default();
    let (first, again): (Vec<&Witness>, Vec<&Witness>) =
        witnesses.iter().partition(|w| seen.insert(w.prefix));
    let mut chosen: Vec<&Witness> =
        first.into_iter().chain(again).take(MAX_EVIDENCE).collect();
    chosen.sort_unstable();
    chosen
        .into_iter()
        .map(|witness| Evidence {
            at: witness.at,
            peer: table.peer(witness.peer).asn,
            prefix: table.prefix(witness.prefix),
            path: table.path(witness.path).asns().into(),
        })
        .collect()
}
