//! Observations → effective counts per AS.
//!
//! Of each (address, category) only the strongest word counts, decayed by age;
//! so five lists that copy each other are one fact. For each family the same
//! sum is made alone and without it, because no family may move a score by
//! more than its limit.

use std::net::IpAddr;

use asgard_model::{
    Asn, Category, Class, Day, FamilyId, Landmarks, Model, Prefix,
    RoutingTable, SourceId,
    signals::{FamilyEvidence, Rates, ShownCounts, Threats, Trust},
    world::{Sample, Topic},
};
use rustc_hash::FxHashMap;

use crate::ledger::{Ledger, Line};

/// One threat list with everything it has said.
#[derive(Clone, Copy, Debug)]
pub struct ThreatList<'a> {
    /// Who says so.
    pub source: SourceId,
    /// What its addresses were seen doing.
    pub category: Category,
    /// The family of the publisher.
    pub family: FamilyId,
    /// Families that it re-publishes, as bits.
    pub contains: u64,
    /// How far the family is trusted.
    pub trust: Trust,
    /// Weight of its word, 0–1.
    pub weight: f64,
    /// What it said.
    pub ledger: &'a Ledger,
}

/// What evidence is weighed against.
#[derive(Clone, Copy, Debug)]
pub struct Scales<'a> {
    /// Who announces what now.
    pub table: &'a RoutingTable,
    /// Well-known ranges.
    pub landmarks: &'a Landmarks,
    /// Half-lives, windows and factors.
    pub model: &'a Model,
    /// The day for which evidence is aged.
    pub as_of: Day,
}

/// Evidence against one AS.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The signals.
    pub threats: Threats,
    /// The strongest observations, at most five a category.
    pub samples: Vec<Sample>,
}

/// Evidence against all ASes, and what was set aside.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// By AS.
    pub by_asn: FxHashMap<Asn, Evidence>,
    /// Observations on landmarks, which move nothing.
    pub false_entries: u64,
    /// Observations on space that nobody announces.
    pub unrouted: u64,
}

/// One list's word about one address of one AS. There are a million of them,
/// so the key is no wider than the family needs.
#[derive(Clone, Copy)]
struct Record<K> {
    asn: Asn,
    key: K,
    category: Category,
    list: u16,
    weight: f64,
    first: Day,
    last: Day,
    months: u16,
}

/// Network bits and length of one address family.
trait Key: Copy + Ord {
    fn prefix(self) -> Prefix;
}

impl Key for (u32, u8) {
    fn prefix(self) -> Prefix {
        Prefix::V4(self.0, self.1)
    }
}

impl Key for (u128, u8) {
    fn prefix(self) -> Prefix {
        Prefix::V6(self.0, self.1)
    }
}

/// Records of both families.
#[derive(Default)]
struct Records {
    v4: Vec<Record<(u32, u8)>>,
    v6: Vec<Record<(u128, u8)>>,
}

/// Samples kept of each category.
const SAMPLES: usize = 5;

/// Weighs all lists.
pub fn weigh(lists: &[ThreatList<'_>], scales: Scales<'_>) -> Verdicts {
    let mut verdicts = Verdicts::default();
    let records = collect(lists, scales, &mut verdicts);
    let mut sums = FxHashMap::default();
    add_all(records.v4, lists, scales, &mut sums);
    add_all(records.v6, lists, scales, &mut sums);
    verdicts.by_asn =
        sums.into_iter().map(|(asn, sum)| (asn, sum.finish(lists))).collect();
    verdicts
}

fn add_all<K: Key>(
    mut records: Vec<Record<K>>,
    lists: &[ThreatList<'_>],
    scales: Scales<'_>,
    sums: &mut FxHashMap<Asn, Sum>,
) {
    records.sort_unstable_by_key(|r| (r.asn, r.key, r.category, r.list));
    for of_asn in records.chunk_by(|a, b| a.asn == b.asn) {
        let sum = sums.entry(of_asn[0].asn).or_default();
        for of_key in of_asn.chunk_by(|a, b| a.key == b.key) {
            let before = sum.counted;
            for facts in of_key.chunk_by(|a, b| a.category == b.category) {
                sum.add(facts, lists, scales);
            }
            sum.threats.distinct_ips += u32::from(sum.counted > before);
        }
    }
}

fn collect(
    lists: &[ThreatList<'_>],
    scales: Scales<'_>,
    verdicts: &mut Verdicts,
) -> Records {
    let oldest = Day(scales.as_of.0.saturating_sub(13 * 31));
    let mut records = Records::default();
    for (index, list) in (0u16..).zip(lists) {
        let lines = list.ledger.lines().filter(|line| {
            line.seen.last >= oldest && line.seen.first <= scales.as_of
        });
        for line in lines {
            let Some(factor) = innocence(line.prefix, list.category, scales)
            else {
                verdicts.false_entries += 1;
                continue;
            };
            let owners = owners(&line, scales.table);
            verdicts.unrouted += u64::from(owners.is_empty());
            for asn in owners {
                let weighed = (index, factor, asn);
                match line.prefix {
                    Prefix::V4(bits, len) => records.v4.push(record(
                        (bits, len),
                        &line,
                        list,
                        weighed,
                        scales,
                    )),
                    Prefix::V6(bits, len) => records.v6.push(record(
                        (bits, len),
                        &line,
                        list,
                        weighed,
                        scales,
                    )),
                }
            }
        }
    }
    records
}

fn record<K>(
    key: K,
    line: &Line,
    list: &ThreatList<'_>,
    (index, factor, asn): (u16, f64, Asn),
    scales: Scales<'_>,
) -> Record<K> {
    let age = scales.as_of.days_since(line.seen.last);
    let half_life = scales.model.half_life(list.category);
    let decay = asgard_model::scoring::exp2(-f64::from(age) / half_life);
    let counts = f64::from(age) <= window_days(scales.model);
    Record {
        asn,
        key,
        category: list.category,
        list: index,
        weight: if counts { list.weight * factor * decay } else { 0.0 },
        first: line.seen.first,
        last: line.seen.last,
        months: line.seen.months_before(scales.as_of.month()),
    }
}

/// Days that the score looks back.
fn window_days(model: &Model) -> f64 {
    f64::from(model.window_months()) * 365.25 / 12.0
}

/// Factor for addresses that a benign class explains; `None` for false entries.
fn innocence(
    prefix: Prefix,
    category: Category,
    scales: Scales<'_>,
) -> Option<f64> {
    let classes = scales.landmarks.classes(prefix.network());
    if classes.is_false_entry() {
        return None;
    }
    let factor = classes
        .iter()
        .filter(|class| class.explains(category))
        .map(|class: Class| scales.model.benign_factor(class, category))
        .fold(1.0, f64::min);
    (factor > 0.0).then_some(factor)
}

/// The ASes that answer for a line: who originated it when it was last seen;
/// all present origins if that AS is still one of them, or was unknown.
fn owners(line: &Line, table: &RoutingTable) -> Vec<Asn> {
    let network: IpAddr = line.prefix.network();
    let origins = table.lookup(network).map_or(&[] as &[Asn], |r| r.origins);
    match line.origin {
        Asn(0) => origins.to_vec(),
        then if origins.contains(&then) => origins.to_vec(),
        then => vec![then],
    }
}

/// The AS that originates a prefix now: the first of several, AS0 if nobody.
pub fn origin_of(table: &RoutingTable, prefix: Prefix) -> Asn {
    table.origin(prefix.network()).unwrap_or_default()
}

/// Running sums of one AS.
#[derive(Default)]
struct Sum {
    threats: Threats,
    c2: f64,
    hosting: f64,
    /// Months of hosting observations, by list.
    months: FxHashMap<u16, u16>,
    counted: u32,
    sources: Vec<SourceId>,
    /// What the sums would lose without a family.
    loss: Vec<Rates>,
    strongest: Vec<(f64, Sample)>,
}

impl Sum {
    /// Adds all words about one (address, category).
    fn add<K: Key>(
        &mut self,
        facts: &[Record<K>],
        lists: &[ThreatList<'_>],
        scales: Scales<'_>,
    ) {
        let first = facts[0];
        let list_of = |r: &Record<K>| &lists[usize::from(r.list)];
        if first.category.is_hosting() {
            // A list without weight shows no persistence either.
            for record in facts.iter().filter(|r| list_of(r).weight > 0.0) {
                *self.months.entry(record.list).or_default() |= record.months;
            }
        }
        let best = largest(facts.iter());
        self.show(facts, scales.as_of, scales.model);
        if best <= 0.0 {
            return;
        }
        self.counted += 1;
        self.threats.reports += u32::try_from(facts.len()).unwrap_or(u32::MAX);
        let v4 = first.key.prefix().is_v4();
        *slot(&mut self.threats.k, first.category, v4) += best;
        if first.category.is_hosting() {
            self.hosting += best;
            self.c2 += if first.category == Category::C2 { best } else { 0.0 };
        }
        for record in facts {
            self.note(record, list_of(record));
        }
        self.split_by_family(facts, lists, best);
        self.keep_sample(facts, lists, best);
    }

    fn show<K>(&mut self, facts: &[Record<K>], as_of: Day, model: &Model) {
        let window = model.count_window_days();
        if facts.iter().any(|r| as_of.days_since(r.last) <= window) {
            let shown = &mut self.threats.shown;
            *count(shown, facts[0].category) += 1;
        }
    }

    fn note<K>(&mut self, record: &Record<K>, list: &ThreatList<'_>) {
        if let Err(at) = self.sources.binary_search(&list.source) {
            self.sources.insert(at, list.source);
        }
        let threats = &mut self.threats;
        let first =
            threats.first_seen.map_or(record.first, |d| d.min(record.first));
        let last =
            threats.last_seen.map_or(record.last, |d| d.max(record.last));
        threats.first_seen = Some(first);
        threats.last_seen = Some(last);
    }

    fn split_by_family<K: Key>(
        &mut self,
        facts: &[Record<K>],
        lists: &[ThreatList<'_>],
        best: f64,
    ) {
        let list_of = |r: &Record<K>| &lists[usize::from(r.list)];
        let category = facts[0].category;
        let v4 = facts[0].key.prefix().is_v4();
        let mut done = 0u64;
        for record in facts {
            let list = list_of(record);
            let family = list.family;
            if done & family.bit() != 0 {
                continue;
            }
            done |= family.bit();
            let alone =
                largest(facts.iter().filter(|r| list_of(r).family == family));
            let at = self.family(list);
            self.threats.families[at].contains |= list.contains;
            *slot(&mut self.threats.families[at].alone, category, v4) += alone;
        }
        // Each family named here loses the difference between the best word
        // and the best without it. What re-publishes it stays: it is another
        // family's word, limited by that family's own trust.
        for at in (0..64u8).filter(|&at| done >> at & 1 == 1) {
            let without = largest(
                facts.iter().filter(|r| list_of(r).family != FamilyId(at)),
            );
            if without < best {
                if self.loss.len() <= usize::from(at) {
                    self.loss.resize(usize::from(at) + 1, Rates::default());
                }
                let loss = &mut self.loss[usize::from(at)];
                *slot(loss, category, v4) += best - without;
            }
        }
    }

    /// Position of a family's entry, made on first use.
    fn family(&mut self, list: &ThreatList<'_>) -> usize {
        let families = &mut self.threats.families;
        match families.binary_search_by_key(&list.family, |f| f.family) {
            Ok(at) => at,
            Err(at) => {
                families.insert(at, empty_family(list.family, list.trust));
                at
            }
        }
    }

    fn keep_sample<K: Key>(
        &mut self,
        facts: &[Record<K>],
        lists: &[ThreatList<'_>],
        best: f64,
    ) {
        let Some(record) = facts.iter().find(|r| r.weight >= best) else {
            return;
        };
        let sample = Sample {
            topic: Topic::Abuse(record.category),
            prefix: record.key.prefix(),
            source: Some(lists[usize::from(record.list)].source),
            first_seen: Some(record.first),
            last_seen: Some(record.last),
        };
        let mut same: Vec<&mut (f64, Sample)> = self
            .strongest
            .iter_mut()
            .filter(|(_, s)| s.topic == sample.topic)
            .collect();
        if same.len() < SAMPLES {
            self.strongest.push((best, sample));
            return;
        }
        let weakest = same.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(weakest) = weakest
            && weakest.0 < best
        {
            **weakest = (best, sample);
        }
    }

    /// Months of the last 12 in which a list that `counts` saw hosting.
    fn months(
        &self,
        lists: &[ThreatList<'_>],
        counts: impl Fn(&ThreatList<'_>) -> bool,
    ) -> u8 {
        let mask = self
            .months
            .iter()
            .filter(|(list, _)| counts(&lists[usize::from(**list)]))
            .fold(0, |mask, (_, months)| mask | months);
        u8::try_from((mask & 0x0FFF).count_ones()).unwrap_or(12)
    }

    fn finish(mut self, lists: &[ThreatList<'_>]) -> Evidence {
        let total = self.threats.k;
        self.threats.persistence_months = self.months(lists, |_| true);
        let mut families = std::mem::take(&mut self.threats.families);
        for entry in &mut families {
            let family = entry.family;
            let lost = self.loss.get(usize::from(family.0));
            entry.without = minus(total, lost.copied().unwrap_or_default());
            entry.months_alone = self.months(lists, |l| l.family == family);
            entry.months_without = self.months(lists, |l| l.family != family);
        }
        self.threats.families = families;
        let share =
            if self.hosting > 0.0 { self.c2 / self.hosting } else { 0.0 };
        self.threats.c2_share = share;
        self.threats.sources =
            u16::try_from(self.sources.len()).unwrap_or(u16::MAX);
        self.strongest.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then(a.1.prefix.cmp(&b.1.prefix))
        });
        let samples = self.strongest.into_iter().map(|(_, s)| s).collect();
        Evidence { samples, threats: self.threats }
    }
}

/// A family without evidence so far.
pub fn empty_family(family: FamilyId, trust: Trust) -> FamilyEvidence {
    FamilyEvidence {
        family,
        trust,
        contains: 0,
        alone: Rates::default(),
        without: Rates::default(),
        months_alone: 0,
        months_without: 0,
        drop_space_share: 0.0,
        asn_drop: 0.0,
    }
}

fn largest<'a, K: 'a>(records: impl Iterator<Item = &'a Record<K>>) -> f64 {
    records.map(|r| r.weight).fold(0.0, f64::max)
}

fn slot(rates: &mut Rates, category: Category, v4: bool) -> &mut f64 {
    match (category, v4) {
        (Category::C2 | Category::Malware, true) => &mut rates.hosting,
        (Category::C2 | Category::Malware, false) => &mut rates.hosting_v6,
        (Category::Phishing, true) => &mut rates.phishing,
        (Category::Phishing, false) => &mut rates.phishing_v6,
        (Category::Spam, true) => &mut rates.spam,
        (Category::Spam, false) => &mut rates.spam_v6,
        (Category::Attack, true) => &mut rates.attack,
        (Category::Attack, false) => &mut rates.attack_v6,
    }
}

fn count(shown: &mut ShownCounts, category: Category) -> &mut u32 {
    match category {
        Category::C2 => &mut shown.c2,
        Category::Malware => &mut shown.malware,
        Category::Phishing => &mut shown.phishing,
        Category::Spam => &mut shown.spam,
        Category::Attack => &mut shown.attack,
    }
}

fn minus(a: Rates, b: Rates) -> Rates {
    let sub = |x: f64, y: f64| (x - y).max(0.0);
    Rates {
        hosting: sub(a.hosting, b.hosting),
        phishing: sub(a.phishing, b.phishing),
        spam: sub(a.spam, b.spam),
        attack: sub(a.attack, b.attack),
        hosting_v6: sub(a.hosting_v6, b.hosting_v6),
        phishing_v6: sub(a.phishing_v6, b.phishing_v6),
        spam_v6: sub(a.spam_v6, b.spam_v6),
        attack_v6: sub(a.attack_v6, b.attack_v6),
    }
}

#[cfg(test)]
mod tests;
