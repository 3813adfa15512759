//! Small Worlds for tests: who announces what, who is bad, what lists say.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use asgard_model::{
    Asn, Bands, Category, Class, Day, FamilyId, Judge, Landmarks, Model, Named,
    Prefix, Registration, Signals, Snapshot, SourceId, TableBuilder, World,
    country_space::CountryBuilder,
    graph::AsGraph,
    named::{Block, Namer, Seen},
    rpki::{Vrp, VrpSet},
    scoring::KnownThreats,
    signals::{
        Exposure, FamilyEvidence, Hygiene, Metadata, Rates, ShownCounts,
        SourceHealth, Threats, Trust, Visibility,
    },
    world::Announced,
};
use asgard_policy::{
    Atlas,
    access::{
        Change, Facts, MadeBy, Protected, ProtectedDraft, ProtectedSource,
        RiskSelector, RuleDraft, Ruleset, Settings, Threshold,
    },
    feed::{
        compile::{Compiled, LastGood, Options, compile},
        decision::{Ground, Question, Standing},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// The moment at which tests begin.
pub(crate) fn now() -> Timestamp {
    "2026-06-05T12:00:00Z".parse().unwrap()
}

pub(crate) fn hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// How bad a network is.
#[derive(Clone, Copy)]
pub(crate) struct Bad {
    /// Effective hosting addresses, of each family.
    pub(crate) hosting: f64,
    pub(crate) families: u8,
    pub(crate) asn_drop: f64,
    /// Months with observations.
    pub(crate) months: u8,
}

/// A network that everybody calls bad.
pub(crate) const BAD: Bad =
    Bad { hosting: 40.0, families: 2, asn_drop: 0.0, months: 12 };

/// What a World is made of.
#[derive(Clone, Default)]
pub(crate) struct Scene {
    routes: Vec<(Prefix, u32)>,
    vrps: Vec<Vrp>,
    bad: BTreeMap<u32, Bad>,
    countries: Vec<(Prefix, String)>,
    words: Vec<(Prefix, String, Category, u16)>,
    blocks: Vec<(Prefix, String)>,
    landmarks: Vec<(Prefix, Class)>,
    whitelist: BTreeMap<Asn, String>,
    /// Numbers that are delegated and announce nothing.
    silent: Vec<u32>,
    coverage: Option<f64>,
}

impl Scene {
    pub(crate) fn route(mut self, text: &str, asn: u32) -> Self {
        self.routes.push((prefix(text), asn));
        self
    }

    pub(crate) fn silent(mut self, asn: u32) -> Self {
        self.silent.push(asn);
        self
    }

    pub(crate) fn roa(mut self, text: &str, asn: u32) -> Self {
        let prefix = prefix(text);
        self.vrps.push(Vrp { prefix, max_len: prefix.len(), asn: Asn(asn) });
        self
    }

    pub(crate) fn bad(mut self, asn: u32, bad: Bad) -> Self {
        self.bad.insert(asn, bad);
        self
    }

    pub(crate) fn country(mut self, text: &str, code: &str) -> Self {
        self.countries.push((prefix(text), code.to_owned()));
        self
    }

    /// A list names an address, so many days ago for the last time.
    pub(crate) fn named(mut self, text: &str, list: &str, days: u16) -> Self {
        let word = (prefix(text), list.to_owned(), Category::C2, days);
        self.words.push(word);
        self
    }

    /// The same for attacks, which are no servers.
    pub(crate) fn seen_attacking(
        mut self,
        text: &str,
        list: &str,
        days: u16,
    ) -> Self {
        let word = (prefix(text), list.to_owned(), Category::Attack, days);
        self.words.push(word);
        self
    }

    pub(crate) fn listed_block(mut self, text: &str, list: &str) -> Self {
        self.blocks.push((prefix(text), list.to_owned()));
        self
    }

    pub(crate) fn landmark(mut self, text: &str, class: Class) -> Self {
        self.landmarks.push((prefix(text), class));
        self
    }

    pub(crate) fn whitelist(mut self, asn: u32) -> Self {
        self.whitelist.insert(Asn(asn), "ours".to_owned());
        self
    }

    pub(crate) fn coverage(mut self, coverage: f64) -> Self {
        self.coverage = Some(coverage);
        self
    }

    /// The scene as data of a serial.
    pub(crate) fn at(&self, serial: u64) -> Moment {
        let world = Arc::new(self.world());
        let judge = Judge {
            model: Arc::new(Model::default_model()),
            bands: Bands::default(),
            threads: 1,
        };
        let whitelist = Arc::new(self.whitelist.clone());
        let snapshot = Snapshot::assess(
            Arc::clone(&world),
            whitelist,
            &judge,
            serial,
            now(),
        );
        Moment {
            atlas: Atlas::new(&world),
            snapshot,
            settings: Settings::default(),
            standing: Standing::default(),
        }
    }

    fn world(&self) -> World {
        let mut builder = TableBuilder::default();
        for &(prefix, asn) in &self.routes {
            builder.announce(prefix, Asn(asn), None);
        }
        let table = Arc::new(builder.build(&VrpSet::new(self.vrps.clone())));
        let numbers = self.routes.iter().map(|(_, asn)| *asn);
        let mut asns: Vec<Asn> = numbers
            .chain(self.bad.keys().copied())
            .chain(self.silent.iter().copied())
            .map(Asn)
            .collect();
        asns.sort_unstable();
        asns.dedup();
        let mut countries = CountryBuilder::default();
        for (prefix, code) in &self.countries {
            let code = code.parse().unwrap();
            countries.add(prefix.network(), prefix.last(), code);
        }
        let sources = self.sources();
        let count = asns.len();
        World {
            as_of: now(),
            registrations: vec![Registration::default(); count],
            signals: asns.iter().map(|asn| self.signals(asn.0)).collect(),
            samples: vec![Box::default(); count],
            rpki: Arc::default(),
            countries: Arc::new(countries.build()),
            announced: Announced::new(&asns, &table),
            landmarks: Arc::new(Landmarks::new(self.landmarks.clone())),
            named: self.lists(&sources),
            peeringdb: Arc::default(),
            organisations: vec![None; count],
            graph: AsGraph::new(&asns, &[]),
            sources: sources.iter().map(|name| name.as_str().into()).collect(),
            known: KnownThreats {
                spamhaus: true,
                c2: true,
                ..KnownThreats::default()
            },
            health: SourceHealth {
                coverage: self.coverage.unwrap_or(1.0),
                routing_stale: false,
            },
            incidents: Vec::new(),
            routing_source: "test".into(),
            demo: false,
            table,
            asns,
        }
    }

    fn sources(&self) -> Vec<String> {
        let words = self.words.iter().map(|word| word.1.clone());
        let blocks = self.blocks.iter().map(|block| block.1.clone());
        let mut names: Vec<String> = words.chain(blocks).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn lists(&self, sources: &[String]) -> Named {
        let id = |name: &String| {
            let at = sources.binary_search(name).unwrap();
            SourceId(u16::try_from(at).unwrap())
        };
        let today = Day::of(now());
        let blocks = self.blocks.iter().map(|(prefix, list)| Block {
            prefix: *prefix,
            source: id(list),
            since: today,
        });
        let words = self.words.iter().map(|(prefix, list, category, days)| {
            let namer = Namer { source: id(list), category: *category };
            let last = Day(today.0 - days);
            (*prefix, namer, Seen { first: last, last })
        });
        Named::new(blocks.collect(), words.collect())
    }

    fn signals(&self, asn: u32) -> Signals {
        let own = |v4: bool| {
            let routes = self.routes.iter();
            let own = routes.filter(move |r| r.1 == asn && r.0.is_v4() == v4);
            own.map(|(prefix, _)| prefix.len())
        };
        let v4 = own(true).map(|len| f64::from(24 - i32::from(len)).exp2());
        let v6 = own(false).map(|len| f64::from(48 - i32::from(len)).exp2());
        Signals {
            exposure: Exposure {
                v4: v4.sum(),
                v6: v6.sum(),
                visibility: Visibility::Full,
            },
            hygiene: Hygiene {
                rpki_invalid_percent: Some(0.0),
                rpki_unknown_percent: Some(0.0),
                bogon_ads: Some(false),
                ..Hygiene::default()
            },
            threats: self.bad.get(&asn).map(|bad| Box::new(threats(*bad))),
            metadata: Metadata {
                age_days: Some(5_000),
                is_whois_private: Some(false),
                ..Metadata::default()
            },
            ..Signals::default()
        }
    }
}

fn threats(bad: Bad) -> Threats {
    let rates = |hosting| Rates { hosting, ..Rates::default() };
    let alone = bad.families == 1;
    let family = |id: u8| FamilyEvidence {
        family: FamilyId(id),
        trust: Trust::Curated,
        contains: 0,
        alone: rates(bad.hosting),
        without: rates(if alone { 0.0 } else { bad.hosting }),
        months_alone: bad.months,
        months_without: if alone { 0 } else { bad.months },
        drop_space_share: 0.0,
        asn_drop: if id == 0 { bad.asn_drop } else { 0.0 },
    };
    Threats {
        asn_drop: bad.asn_drop,
        listed_now: bad.asn_drop > 0.99,
        k: rates(bad.hosting),
        c2_share: 1.0,
        families: (0..bad.families).map(family).collect(),
        persistence_months: bad.months,
        shown: ShownCounts { c2: 31, ..ShownCounts::default() },
        distinct_ips: 40,
        reports: 55,
        sources: 3,
        first_seen: Some("2025-06-01".parse().unwrap()),
        last_seen: Some("2026-06-04".parse().unwrap()),
        ..Threats::default()
    }
}

/// A scene as data of one moment.
pub(crate) struct Moment {
    pub(crate) snapshot: Snapshot,
    pub(crate) atlas: Atlas,
    pub(crate) settings: Settings,
    pub(crate) standing: Standing,
}

impl Moment {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            snapshot: &self.snapshot,
            atlas: &self.atlas,
            settings: &self.settings,
            standing: &self.standing,
        }
    }

    pub(crate) fn ground(&self) -> Ground<'_> {
        self.facts().ground()
    }

    /// The same with the decision about a threshold standing.
    pub(crate) fn deciding(mut self, max_score: f64) -> Self {
        let question = Question::new(up_to(max_score), self.settings.decision);
        self.standing =
            Standing::default().advance(&[question], self.ground(), now());
        self
    }

    pub(crate) fn compile(&self, ruleset: &Ruleset) -> Compiled {
        self.compile_on(ruleset, &LastGood::default())
    }

    pub(crate) fn compile_on(
        &self,
        ruleset: &Ruleset,
        last_good: &LastGood,
    ) -> Compiled {
        let options = Options::default();
        compile(ruleset, &self.facts(), options, last_good, now())
    }

    pub(crate) fn score(&self, asn: u32) -> u8 {
        self.snapshot.profile(Asn(asn)).unwrap().assessment.score
    }
}

pub(crate) fn up_to(max_score: f64) -> RiskSelector {
    RiskSelector::new(Threshold::new(max_score), Vec::new()).unwrap()
}

/// A ruleset of rules, as they are sent; ids are 1, 2, 3, ….
pub(crate) fn rules(drafts: impl IntoIterator<Item = Value>) -> Ruleset {
    let rules = (1..).zip(drafts).map(|(id, draft)| {
        let draft = RuleDraft::read(&draft, now()).unwrap();
        draft.into_rule(Uuid::from_u128(id), MadeBy::Operator, now())
    });
    Ruleset {
        org: "acme".to_owned(),
        version: 1,
        rules: rules.collect(),
        protected: Vec::new(),
    }
}

/// A ruleset of one rule that blocks this.
pub(crate) fn blocking(block: Value) -> Ruleset {
    rules([serde_json::json!({ "block": block })])
}

pub(crate) fn protecting(ruleset: Ruleset, entries: &[Value]) -> Ruleset {
    let put = (1_000..).zip(entries).map(|(id, value)| {
        let draft = ProtectedDraft::read(value, now()).unwrap();
        let id = Uuid::from_u128(id);
        draft.into_entry(id, ProtectedSource::Operator, now())
    });
    let put_protected: Vec<Protected> = put.collect();
    ruleset.with(&Change { put_protected, ..Change::default() })
}

pub(crate) fn texts(compiled: &Compiled) -> Vec<String> {
    let entries = compiled.entries();
    entries.iter().map(|entry| entry.prefix.to_string()).collect()
}

pub(crate) fn holds(compiled: &Compiled, ip: &str) -> bool {
    let ip: IpAddr = ip.parse().unwrap();
    compiled.space().contains(ip)
}
