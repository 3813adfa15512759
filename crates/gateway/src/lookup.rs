//! Address → what is known about the network behind it.

use std::net::IpAddr;

use asgard_model::{Asn, CountryCode, Level, Prefix, Snapshot};

/// What is known about the network behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The longest announced prefix that contains the address.
    pub prefix: Prefix,
    /// The AS that announces it; of several the one with the worst score, so
    /// that nobody hides behind a second origin.
    pub asn: Asn,
    /// Organisation in words, else the AS name.
    pub organisation: Option<&'a str>,
    /// Country of registration of the AS.
    pub country: Option<CountryCode>,
    /// Published score and level; `None` if the AS is not scored.
    pub risk: Option<(u8, Level)>,
}

/// Looks an address up; `None` if nobody announces it. A v4-mapped IPv6 address
/// is its IPv4 address. It takes no lock and allocates nothing.
pub fn facts(snapshot: &Snapshot, address: IpAddr) -> Option<Facts<'_>> {
    let route = snapshot.world.table.lookup(address)?;
    let score = |asn: Asn| snapshot.profile(asn).map(|p| p.assessment.score);
    let asn = *route
        .origins
        .iter()
        .min_by_key(|&&asn| score(asn).unwrap_or(u8::MAX))?;
    let profile = snapshot.profile(asn);
    let registration = profile.map(|p| p.registration);
    Some(Facts {
        prefix: route.prefix,
        asn,
        organisation: registration
            .and_then(|r| r.organisation.as_deref().or(r.name.as_deref())),
        country: registration.and_then(|r| r.country),
        risk: profile.map(|p| (p.assessment.score, p.assessment.level)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use asgard_model::{
        Bands, Judge, Landmarks, Model, Registration, Signals, TableBuilder,
        Whitelist, World, graph::AsGraph, rpki::VrpSet, scoring::KnownThreats,
        signals::SourceHealth, world::Announced,
    };
    use jiff::Timestamp;

    use super::*;

    /// AS1 announces `9.0.0.0/16`, AS2 and AS3 `9.0.7.0/24`, AS3 `2a00::/32`; only
    /// AS2 is trusted by the whitelist.
    fn snapshot() -> Snapshot {
        let asns: Vec<Asn> = (1..=3).map(Asn).collect();
        let mut builder = TableBuilder::default();
        for (prefix, asn) in [
            ("9.0.0.0/16", 1),
            ("9.0.7.0/24", 2),
            ("9.0.7.0/24", 3),
            ("2a00::/32", 3),
        ] {
            builder.announce(prefix.parse().unwrap(), Asn(asn), None);
        }
        let table = builder.build(&VrpSet::default());
        let registration = Registration {
            name: Some("EXAMPLE".into()),
            country: "NL".parse().ok(),
            ..Registration::default()
        };
        let world = World {
            as_of: Timestamp::UNIX_EPOCH,
            rpki: Arc::default(),
            countries: Arc::default(),
            announced: Announced::new(&asns, &table),
            graph: AsGraph::new(&asns, &[]),
            registrations: vec![registration; 3],
            signals: vec![Signals::default(); 3],
            samples: vec![Box::default(); 3],
            organisations: vec![None; 3],
            asns,
            table: Arc::new(table),
            landmarks: Arc::new(Landmarks::default()),
            named: asgard_model::Named::default(),
            peeringdb: Arc::default(),
            sources: Vec::new(),
            known: KnownThreats::default(),
            health: SourceHealth { coverage: 1.0, routing_stale: false },
            incidents: Vec::new(),
            routing_source: "test".into(),
            demo: false,
        };
        let judge = Judge {
            model: Arc::new(Model::default_model()),
            bands: Bands::default(),
            threads: 1,
        };
        let whitelist = Whitelist::from([(Asn(2), "ours".to_owned())]);
        let now = Timestamp::UNIX_EPOCH;
        Snapshot::assess(world.into(), whitelist.into(), &judge, 1, now)
    }

    fn asn(snapshot: &Snapshot, address: &str) -> Option<u32> {
        facts(snapshot, address.parse().unwrap()).map(|f| f.asn.0)
    }

    #[test]
    fn facts_come_from_the_longest_match() {
        let snapshot = snapshot();
        assert_eq!(asn(&snapshot, "9.0.1.1"), Some(1));
        assert_eq!(asn(&snapshot, "::ffff:9.0.1.1"), Some(1));
        assert_eq!(asn(&snapshot, "2a00::1"), Some(3));
        assert_eq!(asn(&snapshot, "10.0.0.1"), None);
        let found = facts(&snapshot, "9.0.1.1".parse().unwrap()).unwrap();
        assert_eq!(found.organisation, Some("EXAMPLE"));
        assert_eq!(found.country, "NL".parse().ok());
        assert_eq!(found.prefix, "9.0.0.0/16".parse().unwrap());
    }

    #[test]
    fn of_several_origins_the_worst_counts() {
        let snapshot = snapshot();
        assert_eq!(asn(&snapshot, "9.0.7.1"), Some(3));
    }
}
