//! What the memories amount to on a day: evidence, listings, names, health.

use asgard_model::{
    Day, SourceId,
    scoring::KnownThreats,
    signals::{SourceHealth, Trust},
};
use rustc_hash::FxHashMap;

use super::Learner;
use crate::{
    assemble::Findings,
    catalogue::{Role, Source},
    coverage::{Freshness, coverage},
    evidence::{Scales, ThreatList, weigh},
    ground::Ground,
    listing::{ListedSpace, ListingSource, listed_asns},
    named::named,
    supply::Supply,
};

impl Learner {
    pub(super) fn findings(&self, ground: &Ground, day: Day) -> Findings {
        let mut sources: Vec<Box<str>> = Vec::new();
        let mut lists = Vec::new();
        let mut listings = (Vec::new(), Vec::new());
        let mut known = KnownThreats::default();
        let mut names = FxHashMap::default();
        for source in self.observers() {
            let Some(memory) = self.memories.get(&source.name) else {
                continue;
            };
            if memory.ledger.newest().is_none() {
                continue;
            }
            let id = u16::try_from(sources.len()).unwrap_or(u16::MAX);
            sources.push(source.name.as_str().into());
            know(&mut known, source.role);
            names.extend(memory.names.iter().cloned());
            match source.role {
                Role::Threat(category) => lists.push(ThreatList {
                    source: SourceId(id),
                    category,
                    family: self.family(source),
                    contains: self.catalogue.contains_bits(source),
                    trust: source.trust,
                    weight: source.weight,
                    ledger: &memory.ledger,
                }),
                role => {
                    let listing = ListingSource {
                        source: SourceId(id),
                        family: self.family(source),
                        weight: source.weight,
                        max_stale_days: self.freshness(source).max_stale_days(),
                        ledger: &memory.ledger,
                    };
                    match role {
                        Role::AsnDrop => listings.0.push(listing),
                        _ => listings.1.push(listing),
                    }
                }
            }
        }
        let half_life = self.model.delisted_half_life();
        let scales = Scales {
            table: &ground.table,
            landmarks: &ground.bedrock.landmarks,
            model: &self.model,
            as_of: day,
        };
        Findings {
            verdicts: weigh(&lists, scales),
            listed_asns: listed_asns(&listings.0, day, half_life),
            listed_space: ListedSpace::new(&listings.1, day, half_life),
            named: named(
                &lists,
                &listings.1,
                day,
                self.model.count_window_days(),
            ),
            listing_trust: Trust::Curated,
            names,
            known,
            health: self.health(day),
            sources,
        }
    }

    fn family(&self, source: &Source) -> asgard_model::FamilyId {
        self.catalogue
            .family_id(&source.family)
            .expect("the catalogue numbers the families of its sources")
    }

    fn freshness(&self, source: &Source) -> Freshness {
        self.aged(source, self.board.data_day(&source.name))
    }

    fn aged(&self, source: &Source, day: Option<Day>) -> Freshness {
        let gap = self
            .memories
            .get(&source.name)
            .map_or(0, |memory| memory.ledger.median_gap_days());
        Freshness::new(
            source.weight,
            day,
            source.cadence,
            source.max_stale,
            gap,
        )
    }

    fn health(&self, day: Day) -> SourceHealth {
        let ruling = self.standing.as_ref().map(|standing| &standing.slow);
        // A mirror is the operator's choice of sources: what it never had is
        // elsewhere; what it had and lost is missing.
        let network = matches!(self.supply, Supply::Network(_));
        let counts = |source: &&Source| {
            self.supply.offers(source)
                && (network || self.board.data_day(&source.name).is_some())
                && ruling.is_none_or(|slow| slow.counts(source))
        };
        let validated = self
            .standing
            .as_ref()
            .is_some_and(|standing| standing.answer.is_some());
        let freshness = |source: &Source| match source.role {
            // A validator speaks for all files of VRPs, and is of today.
            Role::Vrps if validated => self.aged(source, Some(day)),
            _ => self.freshness(source),
        };
        let sources: Vec<Freshness> =
            self.catalogue.enabled().filter(counts).map(freshness).collect();
        let routing = ruling.and_then(|slow| slow.routing()).and_then(|name| {
            let source = self.catalogue.get(name)?;
            let newest = self.board.data_day(name)?;
            let age = f64::from(day.days_since(newest));
            Some(age > self.freshness(source).max_stale_days)
        });
        SourceHealth {
            coverage: coverage(&sources, day),
            routing_stale: routing.unwrap_or(true),
        }
    }
}

fn know(known: &mut KnownThreats, role: Role) {
    use asgard_model::Category::{Attack, C2, Malware, Phishing, Spam};
    match role {
        Role::Drop | Role::AsnDrop => known.spamhaus = true,
        Role::Threat(C2) => known.c2 = true,
        Role::Threat(Malware) => known.malware = true,
        Role::Threat(Phishing) => known.phishing = true,
        Role::Threat(Spam) => known.spam = true,
        Role::Threat(Attack) => {}
        _ => {}
    }
}
