//! A plain re-statement of the threat part of the scoring rules, from the files
//! alone: rates per /24, their 5 % lower bound, persistence, families.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

use asgard_model::{Asn, Prefix};
use asgard_synth::{Plan, Rov, Truth, truth};

use crate::{
    gamma::lower_bound,
    mirror::{DEMO, Mirror, TINY, addresses, today},
};

/// Folder, weight, half-life in days.
pub(crate) const HOSTING: [(&str, f64, f64); 2] =
    [("threats/threatfox-ips/", 0.7, 60.0), ("threats/c2-tracker/", 0.6, 60.0)];
pub(crate) const ATTACK: [(&str, f64, f64); 2] = [
    ("threats/firehol/blocklist_de/", 0.3, 7.0),
    ("threats/firehol/ipsum_3/", 0.5, 7.0),
];
pub(crate) const SPAM: [(&str, f64, f64); 1] =
    [("threats/firehol/blocklist_de_mail/", 0.3, 7.0)];

/// What is known about one origin.
#[derive(Default)]
pub(crate) struct Evidence {
    hosting: f64,
    pub(crate) threatfox: f64,
    pub(crate) c2tracker: f64,
    attack: f64,
    spam: f64,
    pub(crate) months: BTreeSet<u16>,
    pub(crate) reports: usize,
}

pub(crate) struct Judge {
    pub(crate) truth: Truth,
    pub(crate) evidence: BTreeMap<Asn, Evidence>,
    /// Space in /24s by origin.
    pub(crate) space: BTreeMap<Asn, f64>,
}

/// Tiny, demo, and tiny worlds of other seeds.
pub(crate) static JUDGES: LazyLock<Vec<Judge>> = LazyLock::new(|| {
    let tiny = Plan::tiny(today());
    let others = (1..=8).map(|seed| Plan { seed, ..tiny });
    let judge = |plan| Judge::new(&Mirror::of(&plan), truth(&plan), true);
    let mut judges = vec![
        Judge::new(&TINY, truth(&tiny), true),
        Judge::new(&DEMO, truth(&Plan::demo(today())), true),
    ];
    judges.extend(others.map(judge));
    judges
});

/// Longest match on a map of IPv4 prefixes.
fn origins(table: &BTreeMap<Prefix, Vec<Asn>>, host: Ipv4Addr) -> Vec<Asn> {
    let found = (8..=24).rev().find_map(|len| {
        table.get(&Prefix::new(IpAddr::V4(host), len).unwrap())
    });
    found.cloned().unwrap_or_default()
}

impl Judge {
    pub(crate) fn new(mirror: &Mirror, truth: Truth, excuse: bool) -> Self {
        let mut table: BTreeMap<Prefix, Vec<Asn>> = BTreeMap::new();
        for route in truth.routes.iter().filter(|r| r.prefix.is_v4()) {
            table.entry(route.prefix).or_default().push(route.origin);
        }
        let innocent = if excuse { excused(mirror) } else { Vec::new() };
        let mut judge =
            Self { space: space(&truth), truth, evidence: BTreeMap::new() };
        let mut add = |lists: &[(&str, f64, f64)], part: Part| {
            let kept = collect(mirror, lists, &innocent);
            for (host, seen) in kept {
                for origin in origins(&table, host) {
                    let evidence = judge.evidence.entry(origin).or_default();
                    part(evidence, &seen);
                }
            }
        };
        add(&HOSTING, |evidence, seen| {
            evidence.hosting += seen.weight;
            evidence.months.extend(&seen.months);
            evidence.reports += seen.versions;
        });
        add(&HOSTING[..1], |evidence, seen| evidence.threatfox += seen.weight);
        add(&HOSTING[1..], |evidence, seen| evidence.c2tracker += seen.weight);
        add(&ATTACK, |evidence, seen| {
            evidence.attack += seen.weight;
            evidence.reports += seen.versions;
        });
        add(&SPAM, |evidence, seen| evidence.spam += seen.weight);
        judge
    }

    /// Penalty units of the threat part.
    pub(crate) fn units(&self, asn: Asn) -> f64 {
        let drop = if self.truth.asn_drop.contains(&asn) { 90.0 } else { 0.0 };
        let Some(evidence) = self.evidence.get(&asn) else { return drop };
        let rate = |k, g, ramp| self.ramp(asn, k, g, ramp);
        let attack = 10.0 * rate(evidence.attack, 0.05, (1.0, 50.0));
        let spam = 15.0 * rate(evidence.spam, 0.05, (0.5, 25.0));
        // Both come from one family of the noisy kind: at most 10 together.
        self.hosting(asn, evidence.hosting) + (attack + spam).min(10.0) + drop
    }

    /// Units of hosting alone, for an effective count.
    pub(crate) fn hosting(&self, asn: Asn, k: f64) -> f64 {
        70.0 * self.ramp(asn, k, 0.028, (0.1, 5.0))
    }

    fn ramp(&self, asn: Asn, k: f64, g: f64, (r0, r1): (f64, f64)) -> f64 {
        let months =
            self.evidence.get(&asn).map_or(0, |e| e.months.len().min(12));
        let bound = lower_bound(g * 4.0 + k, 4.0 + self.space[&asn]);
        let height = ((bound / r0).ln() / (r1 / r0).ln()).clamp(0.0, 1.0);
        height * (0.6 + 0.4 * f64::from(u8::try_from(months).unwrap()) / 12.0)
    }
}

type Part = fn(&mut Evidence, &Seen);

/// One address over all versions of some lists.
#[derive(Default)]
pub(crate) struct Seen {
    weight: f64,
    months: BTreeSet<u16>,
    versions: usize,
}

pub(crate) fn collect(
    mirror: &Mirror,
    lists: &[(&str, f64, f64)],
    innocent: &[Prefix],
) -> BTreeMap<Ipv4Addr, Seen> {
    let mut kept: BTreeMap<Ipv4Addr, Seen> = BTreeMap::new();
    for &(folder, weight, half_life) in lists {
        for (day, text) in mirror.versions(folder) {
            let age = f64::from(today().days_since(day));
            for host in addresses(text) {
                let seen = kept.entry(host).or_default();
                let now = weight * (-age / half_life).exp2();
                seen.weight = seen.weight.max(now);
                seen.months.insert(day.month());
                seen.versions += 1;
            }
        }
    }
    kept.retain(|host, _| {
        !innocent.iter().any(|prefix| prefix.contains(IpAddr::V4(*host)))
    });
    kept
}

/// Everything that the range lists and the exit list excuse.
pub(crate) fn excused(mirror: &Mirror) -> Vec<Prefix> {
    let dns: serde_json::Value =
        serde_json::from_str(mirror.newest("ranges/misp-")).unwrap();
    let dns = dns["list"].as_array().unwrap().clone();
    let exits = mirror.newest("threats/firehol/tor_exits/");
    let exits = addresses(exits).into_iter().map(|a| a.to_string());
    let lines = |prefix| mirror.newest(prefix).lines().map(str::to_owned);
    dns.iter()
        .map(|entry| entry.as_str().unwrap().to_owned())
        .chain(exits)
        .chain(lines("ranges/ipranges-"))
        .chain(lines("ranges/borestad-"))
        .map(|text| text.parse().unwrap())
        .collect()
}

/// Announced IPv4 space without RPKI-invalid routes, overlaps counted once.
fn space(truth: &Truth) -> BTreeMap<Asn, f64> {
    let mut last: BTreeMap<Asn, Prefix> = BTreeMap::new();
    let mut space: BTreeMap<Asn, f64> = BTreeMap::new();
    for route in truth.routes.iter().filter(|r| r.prefix.is_v4()) {
        let size = space.entry(route.origin).or_insert(0.0);
        if route.rov == Rov::Invalid {
            continue;
        }
        let covered = last.get(&route.origin);
        if !covered.is_some_and(|wide| wide.covers(route.prefix)) {
            *size += f64::from(24 - i32::from(route.prefix.len())).exp2();
            last.insert(route.origin, route.prefix);
        }
    }
    space
}
