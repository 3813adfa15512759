//! Rules and resolved selectors → rows, with the guards in their order.

use std::{collections::BTreeSet, sync::Arc};

use asgard_model::{Asn, Prefix};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Compiled, Expand, Fate, Options, Piece, Row, Withheld, recall::Recall,
    resolve,
};
use crate::{
    AddressSet,
    access::{Facts, GuardLimits, Rule, Ruleset, Selector},
    feed::{
        entry::{Cause, Origin},
        guard::{
            GuardReport, Verdict,
            share::{self, share},
            shield::Shield,
        },
    },
    space::split_prefix,
};

/// Withheld prefixes that are named; more are only counted.
const NAMED: usize = 1_000;

/// Everything that one compilation works with.
pub(super) struct Job<'a> {
    pub(super) ruleset: &'a Ruleset,
    pub(super) facts: &'a Facts<'a>,
    pub(super) options: Options,
    pub(super) now: Timestamp,
    pub(super) shield: Shield,
    pub(super) recall: Recall,
}

/// Rows of all rules, and what was noticed while they were made.
#[derive(Default)]
struct Built {
    rows: Vec<Row>,
    causes: Vec<Arc<Cause>>,
    whole: BTreeSet<Asn>,
    /// Networks of which something was taken out.
    holed: BTreeSet<Asn>,
    withheld: Vec<Withheld>,
    withheld_count: usize,
    /// Prefixes that lost something to the shield.
    cut: Vec<Prefix>,
    /// Entries more than without it.
    entries_added: usize,
    reports: Vec<GuardReport>,
    /// Rules whose derived space costs too much.
    excessive: BTreeSet<Uuid>,
}

impl Job<'_> {
    pub(super) fn run(self) -> Compiled {
        let limits = &self.facts.settings.limits;
        let mut guards = self.recall.reports.clone();
        let drift =
            self.recall.drift(&self.explicit(), &self.shield.derived, limits);
        let holdable = self.recall.holdable();
        let trips = |reports: &[GuardReport]| {
            reports.iter().any(|r| r.verdict >= Verdict::Hold)
        };
        let mut held =
            if trips(&drift) { holdable.clone() } else { BTreeSet::new() };
        guards.extend(drift);
        let mut built = self.guarded(&mut held, &holdable);
        let mut feed = share::of_feed(share(built.addresses_v4()), limits);
        if feed.verdict == Verdict::Stop && held != holdable {
            held.clone_from(&holdable);
            let alarms = built.alarms();
            built = self.guarded(&mut held, &holdable);
            built.reports.extend(alarms);
            let calmed = share::of_feed(share(built.addresses_v4()), limits);
            if calmed.verdict == Verdict::Pass {
                feed.verdict = Verdict::Hold;
            }
        }
        guards.append(&mut built.reports);
        guards.push(feed);
        guards.push(built.cut_report());
        self.finish(built, guards, &held)
    }

    /// Builds, and holds the data of rules that cost too much; a rule that does
    /// so even on the last good data loses what is derived, and says so.
    fn guarded(
        &self,
        held: &mut BTreeSet<Selector>,
        holdable: &BTreeSet<Selector>,
    ) -> Built {
        let none = BTreeSet::new();
        let mut built = self.build(held, &none);
        if built.excessive.is_empty() {
            return built;
        }
        let mut alarms = built.alarms();
        let rules = self.ruleset.rules.iter();
        let excessive = rules.filter(|r| built.excessive.contains(&r.id));
        let selectors = excessive.flat_map(|rule| rule.block.selectors());
        held.extend(selectors.filter(|s| holdable.contains(s)));
        built = self.build(held, &none);
        if !built.excessive.is_empty() {
            let dropped = std::mem::take(&mut built.excessive);
            built = self.build(held, &dropped);
        }
        alarms.append(&mut built.reports);
        built.reports = alarms;
        built
    }

    fn finish(
        self,
        mut built: Built,
        guards: Vec<GuardReport>,
        held: &BTreeSet<Selector>,
    ) -> Compiled {
        let limits = &self.facts.settings.limits;
        let worst = guards.iter().map(|report| report.verdict).max();
        let fate = match worst {
            Some(Verdict::Stop) => Fate::Stopped,
            Some(Verdict::Hold) => Fate::Held,
            _ => Fate::Serve,
        };
        if fate == Fate::Stopped {
            built.rows.clear();
            built.causes.clear();
            built.whole.clear();
        }
        let ranks: Vec<(u8, u8)> =
            built.causes.iter().map(|cause| cause.rank()).collect();
        built.rows.sort_unstable_by_key(|row| {
            (row.prefix, ranks[row.cause as usize], row.cause)
        });
        built.rows.dedup();
        let asns = built.whole.difference(&built.holed).copied().collect();
        Compiled {
            org: self.ruleset.org.as_str().into(),
            built_at: Some(self.now),
            version: self.ruleset.version,
            serial: self.facts.snapshot.serial,
            fate,
            rows: built.rows,
            causes: built.causes,
            asns,
            cut: built.cut,
            entries_added: built.entries_added,
            withheld: built.withheld,
            withheld_count: built.withheld_count,
            guards,
            bands: self.facts.snapshot.bands,
            shortest: [limits.min_prefix4, limits.min_prefix6],
            next_expiry: self.ruleset.next_expiry(self.now),
            shield: self.shield,
            last_good: self.recall.remember(held),
        }
    }

    /// All explicit addresses, without what is protected.
    fn explicit(&self) -> AddressSet {
        let rules = self.ruleset.in_force(self.now);
        let ips = rules.flat_map(|rule| rule.block.ips.iter().copied());
        let long = ips.filter(|prefix| !self.is_too_short(*prefix));
        AddressSet::from_prefixes(long).subtract(&self.shield.explicit)
    }

    fn is_too_short(&self, prefix: Prefix) -> bool {
        let limits = &self.facts.settings.limits;
        match prefix.is_v4() {
            true => prefix.len() < limits.min_prefix4,
            false => prefix.len() < limits.min_prefix6,
        }
    }

    /// The rows of all rules, with the last good data for some selectors, and
    /// without what is derived for some rules.
    fn build(
        &self,
        held: &BTreeSet<Selector>,
        dropped: &BTreeSet<Uuid>,
    ) -> Built {
        let mut built = Built::default();
        for rule in self.ruleset.in_force(self.now) {
            let from = built.rows.len();
            let id: Arc<str> = rule.id.to_string().into();
            for selector in rule.block.selectors() {
                let explicit = matches!(selector, Selector::Ip(_));
                if !explicit && dropped.contains(&rule.id) {
                    built.reports.push(GuardReport {
                        name: "share",
                        subject: format!("{selector} of rule {}", rule.title()),
                        verdict: Verdict::Withheld,
                        value: 0.0,
                        limit: self.facts.settings.limits.confirm_share,
                    });
                    continue;
                }
                self.select(rule, &id, &selector, held, &mut built);
            }
            self.weigh(rule, from, &mut built);
        }
        built
    }

    /// The rows of one selector of a rule.
    fn select(
        &self,
        rule: &Rule,
        id: &Arc<str>,
        selector: &Selector,
        held: &BTreeSet<Selector>,
        built: &mut Built,
    ) {
        let limits = &self.facts.settings.limits;
        let base = cause_of(rule, id, selector);
        if let Selector::Ip(prefix) = selector {
            match self.is_too_short(*prefix) {
                true => built.withhold(*prefix, rule.id, limits),
                false => {
                    let cause = built.cause(base);
                    built.add(*prefix, cause, &self.shield.explicit);
                }
            }
            return;
        }
        for prefix in &self.recall.selectors[selector].too_short {
            built.withhold(*prefix, rule.id, limits);
        }
        let kept = self.recall.pieces(selector, held);
        let announced = (self.options.expand == Expand::Announced
            && self.recall.is_present(selector, held))
        .then(|| resolve(selector, self.facts, Expand::Announced, self.now));
        let pieces: &[Piece] =
            announced.as_ref().map_or(kept, |resolution| &resolution.pieces);
        for piece in pieces {
            let (asn, score) = (piece.asn, piece.score);
            let cause = built.cause(Cause { asn, score, ..base.clone() });
            let cut = built.cut.len();
            for prefix in piece.prefixes.iter() {
                built.add(*prefix, cause, &self.shield.derived);
            }
            if let Some(asn) = asn.filter(|_| piece.whole) {
                built.whole.insert(asn);
                if built.cut.len() > cut {
                    built.holed.insert(asn);
                }
            }
        }
    }

    /// Measures the share of one rule, whose rows begin at `from`.
    fn weigh(&self, rule: &Rule, from: usize, built: &mut Built) {
        let limits = &self.facts.settings.limits;
        let rows = &built.rows[from..];
        let at_most: u64 = rows.iter().map(|r| addresses_v4(r.prefix)).sum();
        // Overlaps are looked at only when it may matter.
        let exact = match share(at_most) > limits.warn_share {
            true => {
                let prefixes = rows.iter().map(|row| row.prefix);
                AddressSet::from_prefixes(prefixes).addresses_v4()
            }
            false => at_most,
        };
        let subject = format!("rule {}", rule.title());
        let mut report =
            share::of_rule(subject, share(exact), rule.confirm_share, limits);
        if report.verdict >= Verdict::Hold {
            let mut selectors = rule.block.selectors();
            match selectors.any(|s| !matches!(s, Selector::Ip(_))) {
                true => _ = built.excessive.insert(rule.id),
                // What was written down does not drift: it was agreed to.
                false => report.verdict = Verdict::Warn,
            }
        }
        if report.verdict != Verdict::Pass {
            built.reports.push(report);
        }
    }
}

fn cause_of(rule: &Rule, id: &Arc<str>, selector: &Selector) -> Cause {
    let origin = match selector {
        Selector::Ip(_) => Origin::Ip,
        Selector::Asn(_) => Origin::Asn,
        Selector::Country(_) => Origin::Country,
        Selector::Risk(_) => Origin::Risk,
        Selector::List(_) => Origin::List,
    };
    let mut cause = Cause::new(origin);
    cause.rule = Some(Arc::clone(id));
    cause.expires_at = rule.expires_at;
    match selector {
        Selector::Country(code) => cause.country = Some(*code),
        Selector::List(name) => cause.list = Some(name.as_ref().into()),
        _ => {}
    }
    cause
}

/// IPv4 addresses of a prefix.
pub(crate) fn addresses_v4(prefix: Prefix) -> u64 {
    match prefix {
        Prefix::V4(_, len) => 1 << (32 - u32::from(len)),
        Prefix::V6(..) => 0,
    }
}

impl Built {
    fn cause(&mut self, cause: Cause) -> u32 {
        let index = u32::try_from(self.causes.len());
        self.causes.push(Arc::new(cause));
        index.expect("rules and networks are limited far below 2³²")
    }

    /// Adds a prefix without what a shield takes out of it.
    fn add(&mut self, prefix: Prefix, cause: u32, shield: &AddressSet) {
        if !shield.overlaps(prefix) {
            self.rows.push(Row { prefix, cause });
            return;
        }
        self.cut.push(prefix);
        let before = self.rows.len();
        let rest = split_prefix(prefix, shield.view());
        self.rows.extend(rest.map(|prefix| Row { prefix, cause }));
        self.entries_added += (self.rows.len() - before).saturating_sub(1);
    }

    /// Leaves out a prefix that is too short, and says so.
    fn withhold(&mut self, prefix: Prefix, rule: Uuid, limits: &GuardLimits) {
        self.withheld_count += 1;
        if self.withheld.len() >= NAMED {
            return;
        }
        let limit = match prefix.is_v4() {
            true => limits.min_prefix4,
            false => limits.min_prefix6,
        };
        self.reports.push(GuardReport {
            name: "min_prefix",
            subject: prefix.to_string(),
            verdict: Verdict::Withheld,
            value: f64::from(prefix.len()),
            limit: f64::from(limit),
        });
        let prefix = prefix.to_string();
        self.withheld.push(Withheld { prefix, rule, guard: "min_prefix" });
    }

    /// Takes out the reports that stay true after another attempt.
    fn alarms(&mut self) -> Vec<GuardReport> {
        let reports = std::mem::take(&mut self.reports);
        reports.into_iter().filter(|r| r.verdict >= Verdict::Hold).collect()
    }

    fn addresses_v4(&self) -> u64 {
        let at_most: u64 =
            self.rows.iter().map(|row| addresses_v4(row.prefix)).sum();
        // Overlaps are looked at only when it may matter.
        if share(at_most) <= 0.25 {
            return at_most;
        }
        let prefixes = self.rows.iter().map(|row| row.prefix);
        AddressSet::from_prefixes(prefixes).addresses_v4()
    }

    fn cut_report(&self) -> GuardReport {
        #[expect(clippy::cast_precision_loss, reason = "a count for people")]
        let value = self.cut.len() as f64;
        GuardReport {
            name: "protected",
            subject: String::new(),
            verdict: if !self.cut.is_empty() {
                Verdict::Withheld
            } else {
                Verdict::Pass
            },
            value,
            limit: 0.0,
        }
    }
}
