//! Counting: what of the found is true, and what of the true is found.

use std::{collections::BTreeSet, fmt};

use asgard_model::Incident;

use crate::{
    found::{Found, Knowledge, line},
    truth::{Planted, Truth, ordered},
};

/// Peers that must see something before anybody has to find it: k of the
/// method for 20 full feeds.
const K: u16 = 3;
/// By how many seconds the found and the true may miss each other.
const SLACK: i64 = 900;

/// One detector.
pub(crate) struct Row {
    name: String,
    planted: usize,
    /// Of the planted.
    hit: usize,
    found: usize,
    /// Of the found.
    right: usize,
    /// Precision and recall, in per cent, that the method asks for.
    target: (f64, f64),
    /// What is wrong: found and not true, true and not found.
    faults: Vec<String>,
    /// The lowest precision and recall of one world, in per cent.
    worst: (f64, f64),
}

impl Row {
    pub(crate) const HEADER: &'static str = "| | planted | found | precision (worst) | recall (worst) | target |\n\
         |---|---|---|---|---|---|";

    /// Adds another world.
    pub(crate) fn add(&mut self, other: Self) {
        self.planted += other.planted;
        self.hit += other.hit;
        self.found += other.found;
        self.right += other.right;
        self.faults.extend(other.faults);
        let (precision, recall) = other.worst;
        self.worst = (self.worst.0.min(precision), self.worst.1.min(recall));
    }

    /// Notes that it is of one world.
    fn of_one(mut self) -> Self {
        self.worst = (self.precision(), self.recall());
        self
    }

    fn precision(&self) -> f64 {
        percent(self.right, self.found)
    }

    fn recall(&self) -> f64 {
        percent(self.hit, self.planted)
    }

    /// What is wrong, a few of each world, for those who look for the reason.
    pub(crate) fn faults(&self) -> impl Iterator<Item = String> {
        let faults = self.faults.iter().take(20);
        faults.map(|fault| format!("{}: {fault}", self.name))
    }

    pub(crate) fn has_target(&self) -> bool {
        let (precision, recall) = self.target;
        precision > 0.0 && recall > 0.0
    }

    pub(crate) fn is_met(&self) -> bool {
        let (precision, recall) = self.target;
        self.precision() >= precision && self.recall() >= recall
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (precision, recall) = self.target;
        let missed = if self.is_met() { "" } else { " **missed**" };
        write!(
            f,
            "| {} | {} | {} | {:.1} % ({:.1}) | {:.1} % ({:.1}) | \
             {precision} / {recall}{missed} |",
            self.name,
            self.planted,
            self.found,
            self.precision(),
            self.worst.0,
            self.recall(),
            self.worst.1,
        )
    }
}

/// A share in per cent; of nothing everything.
fn percent(part: usize, whole: usize) -> f64 {
    let count = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    if whole == 0 { 100.0 } else { 100.0 * count(part) / count(whole) }
}

/// Name of the row, kind, subtypes (all, if none are named), and the least
/// precision and recall in per cent.
type Target<'t> = (&'t str, &'t str, &'t [&'t str], (f64, f64));

/// One row for each kind of incident.
pub(crate) fn incidents(
    truth: &Truth,
    found: &Found,
    knowledge: Knowledge,
) -> Vec<Row> {
    let leaks = match knowledge {
        Knowledge::True => (99.0, 98.0),
        Knowledge::Inferred => (90.0, 85.0),
    };
    let all: &[Target<'_>] = &[
        ("leaks", "leak", &[], leaks),
        ("leaks of type 1", "leak", &["type_1"], (0.0, 0.0)),
        ("leaks of type 2", "leak", &["type_2"], (0.0, 0.0)),
        ("leaks of type 3", "leak", &["type_3"], (0.0, 0.0)),
        ("leaks of type 4", "leak", &["type_4"], (0.0, 0.0)),
        ("hijacks", "hijack", &[], (95.0, 90.0)),
        ("hijacks, exact prefix", "hijack", &["exact"], (95.0, 90.0)),
        ("hijacks, part of a prefix", "hijack", &["sub_prefix"], (95.0, 90.0)),
        ("unexplained MOAS", "moas", &[], (95.0, 90.0)),
        ("bogon prefixes", "bogon", &["prefix"], (100.0, 100.0)),
        ("bogon AS numbers", "bogon", &["asn"], (100.0, 100.0)),
        ("stub but transit", "stub_transit", &[], (95.0, 90.0)),
    ];
    all.iter()
        .map(|&(name, kind, subtypes, target)| {
            let of = |k: &str, s: &str| {
                k == kind && (subtypes.is_empty() || subtypes.contains(&s))
            };
            incident_row(name, (truth, found), of, target)
        })
        .collect()
}

fn incident_row(
    name: &str,
    (truth, found): (&Truth, &Found),
    of: impl Fn(&str, &str) -> bool,
    target: (f64, f64),
) -> Row {
    let planted: Vec<&Planted> = truth
        .incidents
        .iter()
        .filter(|one| of(&one.kind, &one.subtype))
        .collect();
    let found: Vec<&Incident> = found
        .incidents
        .iter()
        .filter(|one| of(one.kind.as_str(), one.subtype.as_str()))
        .collect();
    let is_same = |found: &Incident, planted: &Planted| {
        let (start, end) = planted.span();
        let last = found.end.map_or(i64::MAX, i64::from);
        found.asn.0 == planted.asn
            && i64::from(found.start) <= end.saturating_add(SLACK)
            && start <= last.saturating_add(SLACK)
    };
    // What too few peers see nobody has to find; who finds it is right.
    let must = planted.iter().filter(|one| one.peers >= K);
    let (hits, misses): (Vec<&&Planted>, Vec<&&Planted>) =
        must.partition(|one| found.iter().any(|found| is_same(found, one)));
    let (right, wrong): (Vec<&&Incident>, Vec<&&Incident>) = found
        .iter()
        .partition(|found| planted.iter().any(|one| is_same(found, one)));
    let mut faults: Vec<String> =
        wrong.iter().map(|one| format!("wrong: {}", line(one))).collect();
    faults.extend(misses.iter().map(|one| format!("not found: {one:?}")));
    Row {
        name: name.to_owned(),
        planted: hits.len() + misses.len(),
        hit: hits.len(),
        found: found.len(),
        right: right.len(),
        target,
        faults,
        worst: (0.0, 0.0),
    }
    .of_one()
}

/// Networks that do something with prefixes of theirs: their exact number.
pub(crate) fn sets(truth: &Truth, found: &Found) -> Vec<Row> {
    let target = (99.0, 98.0);
    vec![
        set("prepending", &truth.prepending, &found.prepending, target),
        set("blackholes", &truth.blackholes, &found.blackholes, target),
        set("flapping prefixes", &truth.flaps, &found.flaps, target),
    ]
}

fn set<T: Ord + fmt::Debug>(
    name: &str,
    truth: &BTreeSet<T>,
    found: &BTreeSet<T>,
    target: (f64, f64),
) -> Row {
    let both = truth.intersection(found).count();
    let wrong = found.difference(truth).map(|one| format!("wrong: {one:?}"));
    let missed = truth.difference(found);
    Row {
        name: name.to_owned(),
        planted: truth.len(),
        hit: both,
        found: found.len(),
        right: both,
        target,
        faults: wrong
            .chain(missed.map(|one| format!("not found: {one:?}")))
            .collect(),
        worst: (0.0, 0.0),
    }
    .of_one()
}

/// States of RFC 6811, of every announcement that is in both.
pub(crate) fn states(truth: &Truth, found: &Found) -> Row {
    let mut row = Row {
        name: "origin validation, routes".to_owned(),
        planted: 0,
        hit: 0,
        found: 0,
        right: 0,
        target: (100.0, 100.0),
        faults: Vec::new(),
        worst: (0.0, 0.0),
    };
    for (prefix, origin, state) in &found.states {
        let Some(true_state) = truth.states.get(&(*prefix, *origin)) else {
            continue;
        };
        let is_right = usize::from(true_state == state);
        row.planted += 1;
        row.found += 1;
        row.hit += is_right;
        row.right += is_right;
        if is_right == 0 {
            row.faults.push(format!("{prefix} {origin}: {state}"));
        }
    }
    row.of_one()
}

/// Links between networks. Of the true ones, most peerings are on no path that
/// a collector hears; so only what is found has a target.
pub(crate) fn links(truth: &Truth, found: &Found) -> Vec<Row> {
    // Whatever is said of siblings is neither right nor wrong.
    let strangers = |pairs: &BTreeSet<(u32, u32)>| -> BTreeSet<(u32, u32)> {
        let is_kin =
            |&(a, b): &(u32, u32)| truth.siblings.contains(&ordered(a, b));
        pairs.iter().copied().filter(|pair| !is_kin(pair)).collect()
    };
    let (transit, peering) =
        (strangers(&found.transit), strangers(&found.peering));
    vec![
        set("provider links", &truth.transit, &transit, (97.0, 0.0)),
        set("peer links", &truth.peering, &peering, (90.0, 0.0)),
    ]
}
