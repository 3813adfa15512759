//! A small World: two clean giants, three bad hosts of different badness, one
//! network about which nothing is known.

use std::sync::Arc;

use asgard_model::{
    Asn, Bands, Category, Day, FamilyId, Judge, Model, Named, NetworkKind,
    Prefix, Registration, Rir, Signals, SourceId, TableBuilder, World,
    graph::{AsGraph, Relationship::ProviderOf},
    rpki::VrpSet,
    scoring::KnownThreats,
    signals::{
        Exposure, FamilyEvidence, Hygiene, Metadata, Rates, ShownCounts,
        SourceHealth, Threats, Trust, Visibility,
    },
    world::{Announced, Sample, Topic},
};

/// Clean, with a provider-free neighbourhood and a bad customer.
pub(crate) const GOOGLE: u32 = 15_169;
/// Clean.
pub(crate) const CLOUDFLARE: u32 = 13_335;
/// In ASN-DROP, and full of C2.
pub(crate) const DROPPED: u32 = 64_496;
/// Full of C2, by two families.
pub(crate) const CRIMINAL: u32 = 64_497;
/// Less so.
pub(crate) const SHADY: u32 = 64_498;
/// Delegated; nothing else is known.
pub(crate) const NAMELESS: u32 = 64_499;
/// Not in the World.
pub(crate) const ABSENT: u32 = 64_500;

pub(crate) const ALL: [u32; 6] =
    [CLOUDFLARE, GOOGLE, DROPPED, CRIMINAL, SHADY, NAMELESS];

pub(crate) fn judge() -> Judge {
    Judge {
        model: Arc::new(Model::default_model()),
        bands: Bands::default(),
        threads: 1,
    }
}

pub(crate) fn world() -> World {
    let asns = ALL.map(Asn).to_vec();
    let mut builder = TableBuilder::default();
    for (prefix, asn) in [
        ("8.8.8.0/24", GOOGLE),
        ("1.1.1.0/24", CLOUDFLARE),
        ("198.51.100.0/24", DROPPED),
        ("203.0.113.0/24", CRIMINAL),
        ("192.0.2.0/24", SHADY),
    ] {
        builder.announce(prefix.parse().unwrap(), Asn(asn), None);
    }
    let table = Arc::new(builder.build(&VrpSet::default()));
    let edges = [(Asn(GOOGLE), Asn(DROPPED), ProviderOf)];
    World {
        as_of: "2026-03-29T09:00:00Z".parse().unwrap(),
        registrations: ALL.map(registration).to_vec(),
        signals: ALL.map(signals).to_vec(),
        samples: ALL.map(samples).to_vec(),
        rpki: Arc::default(),
        countries: Arc::default(),
        announced: Announced::new(&asns, &table),
        landmarks: Arc::default(),
        named: Named::default(),
        peeringdb: Arc::default(),
        organisations: ALL.map(organisation).to_vec(),
        graph: AsGraph::new(&asns, &edges),
        sources: vec!["asn_drop".into(), "threatfox".into()],
        known: KnownThreats {
            spamhaus: true,
            c2: true,
            ..KnownThreats::default()
        },
        health: SourceHealth { coverage: 1.0, routing_stale: false },
        incidents: Vec::new(),
        routing_source: "announced-prefixes 2026-03-29".into(),
        demo: false,
        table,
        asns,
    }
}

fn registration(asn: u32) -> Registration {
    let known = |name: &str, country: &str, rir, kind| Registration {
        name: Some(name.into()),
        organisation: None,
        country: Some(country.parse().unwrap()),
        rir: Some(rir),
        since: None,
        anonymous: None,
        kind,
    };
    match asn {
        GOOGLE => known("GOOGLE", "US", Rir::Arin, NetworkKind::Content),
        CLOUDFLARE => {
            known("CLOUDFLARENET", "US", Rir::Arin, NetworkKind::Content)
        }
        NAMELESS => Registration::default(),
        _ => known("BAD-HOST", "NL", Rir::Ripe, NetworkKind::Hosting),
    }
}

/// The two worst are run by one organisation.
fn organisation(asn: u32) -> Option<u32> {
    matches!(asn, DROPPED | SHADY).then_some(0)
}

fn signals(asn: u32) -> Signals {
    let threats = match asn {
        DROPPED => Some(hosting(40.0, 1.0)),
        CRIMINAL => Some(hosting(40.0, 0.0)),
        SHADY => Some(hosting(20.0, 0.0)),
        NAMELESS => return Signals::default(),
        _ => None,
    };
    let v4 = if threats.is_some() { 1.0 } else { 60_000.0 };
    Signals {
        exposure: Exposure { v4, v6: 0.0, visibility: Visibility::Full },
        hygiene: Hygiene {
            rpki_invalid_percent: Some(0.0),
            rpki_unknown_percent: Some(12.345_678),
            bogon_ads: Some(false),
            prefix_granularity: Some(41.6),
            ..Hygiene::default()
        },
        threats: threats.map(Box::new),
        metadata: Metadata {
            has_peeringdb_profile: Some(true),
            upstream_tier1_count: Some(3),
            provider_free: false,
            is_whois_private: Some(false),
            age_days: Some(5_000),
        },
        ..Signals::default()
    }
}

/// So many C2 servers for a year, by two families that agree.
fn hosting(k: f64, asn_drop: f64) -> Threats {
    let rates = |hosting| Rates { hosting, ..Rates::default() };
    let family = |id, asn_drop| FamilyEvidence {
        family: FamilyId(id),
        trust: Trust::Curated,
        contains: 0,
        alone: rates(k),
        without: rates(k),
        months_alone: 12,
        months_without: 12,
        drop_space_share: 0.0,
        asn_drop,
    };
    Threats {
        asn_drop,
        k: rates(k),
        c2_share: 1.0,
        families: vec![family(0, asn_drop), family(1, 0.0)],
        persistence_months: 12,
        shown: ShownCounts { c2: 31, ..ShownCounts::default() },
        distinct_ips: 40,
        reports: 55,
        sources: 3,
        first_seen: Some("2025-04-01".parse().unwrap()),
        last_seen: Some("2026-03-28".parse().unwrap()),
        ..Threats::default()
    }
}

fn samples(asn: u32) -> Box<[Sample]> {
    if asn != DROPPED {
        return Box::default();
    }
    let day = |text: &str| -> Option<Day> { text.parse().ok() };
    let c2 = |host: u32| Sample {
        topic: Topic::Abuse(Category::C2),
        prefix: Prefix::V4(0xC633_6400 + host, 32),
        source: Some(SourceId(1)),
        first_seen: day("2026-01-02"),
        last_seen: day("2026-03-28"),
    };
    let listed = Sample {
        topic: Topic::AsnDrop,
        prefix: Prefix::V4(0, 0),
        source: Some(SourceId(0)),
        first_seen: None,
        last_seen: day("2026-03-28"),
    };
    std::iter::once(listed).chain((1..8).map(c2)).collect()
}
