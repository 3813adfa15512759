//! Routes, ROAs and relationships, read back from the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use asgard_model::{Asn, Prefix};
use asgard_synth::{Plan, RouteTruth, Rov, Truth, truth};

use crate::mirror::{DEMO, Mirror, TINY, today};

/// IANA special-purpose registries, and multicast.
const SPECIAL: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 \
    169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 \
    192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 \
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 \
    2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20";

fn routes(mirror: &Mirror) -> Vec<(Prefix, Asn, String, usize)> {
    let header = "prefix,asn,rpki,roas,rir,cc,since";
    ["ipv4", "ipv6"]
        .iter()
        .flat_map(|family| {
            let path = format!("routing/announced-prefixes-{family}-");
            mirror.rows(&path, header)
        })
        .map(|row| {
            let roas = row[3].parse().unwrap();
            let asn = row[1].parse().unwrap();
            (row[0].parse().unwrap(), asn, row[2].clone(), roas)
        })
        .collect()
}

fn demo() -> Truth {
    truth(&Plan::demo(today()))
}

#[test]
fn the_files_announce_exactly_the_true_routes() {
    let read = routes(&DEMO);
    let told = demo().routes;
    assert_eq!(read.len(), told.len());
    for ((prefix, origin, rov, _), told) in read.iter().zip(&told) {
        assert_eq!((*prefix, *origin), (told.prefix, told.origin));
        assert_eq!(rov, told.rov.as_str());
    }
}

#[test]
fn states_agree_with_a_naive_validator() {
    let vrps: Vec<(Asn, Prefix, u8)> = TINY
        .rows("rpki/", "ASN,IP Prefix,Max Length,Trust Anchor")
        .iter()
        .map(|row| {
            let max_len = row[2].parse().unwrap();
            (row[0].parse().unwrap(), row[1].parse().unwrap(), max_len)
        })
        .collect();
    for (prefix, origin, state, roas) in routes(&TINY) {
        let covering: Vec<_> =
            vrps.iter().filter(|vrp| vrp.1.covers(prefix)).collect();
        let valid =
            covering.iter().any(|vrp| vrp.0 == origin && prefix.len() <= vrp.2);
        let expected = match (valid, covering.len()) {
            (true, _) => "valid",
            (false, 0) => "unknown",
            (false, _) => "invalid",
        };
        assert_eq!((state.as_str(), roas), (expected, covering.len()));
    }
}

#[test]
fn the_table_has_the_cases_of_a_real_one() {
    let truth = demo();
    let share = |rov| {
        let count = truth.routes.iter().filter(|r| r.rov == rov).count();
        count * 1_000 / truth.routes.len()
    };
    assert!((1..=20).contains(&share(Rov::Invalid)));
    assert!((100..=450).contains(&share(Rov::NotFound)));
    let mut origins: BTreeMap<Prefix, BTreeSet<Asn>> = BTreeMap::new();
    for route in &truth.routes {
        origins.entry(route.prefix).or_default().insert(route.origin);
    }
    let moas = origins.values().filter(|origins| origins.len() == 2).count();
    assert!((5..100).contains(&moas), "{moas} MOAS");
    let inside = truth.routes.iter().filter(|r| in_providers_block(&truth, r));
    assert!(inside.count() > 100);
}

fn in_providers_block(truth: &Truth, route: &RouteTruth) -> bool {
    let Some(providers) = truth.providers.get(&route.origin) else {
        return false;
    };
    truth.routes.iter().any(|other| {
        providers.contains(&other.origin)
            && other.prefix.len() < route.prefix.len()
            && other.prefix.covers(route.prefix)
    })
}

#[test]
fn squatters_announce_signed_space_of_strangers() {
    for truth in [demo(), truth(&Plan::tiny(today()))] {
        for squatter in &truth.squatters {
            let own = truth.routes.iter().filter(|r| r.origin == *squatter);
            let (invalid, fine): (Vec<_>, Vec<_>) =
                own.partition(|route| route.rov == Rov::Invalid);
            assert!(!fine.is_empty(), "{squatter}");
            let [route] = invalid[..] else { panic!("{invalid:?}") };
            assert!(!in_providers_block(&truth, route), "{route:?}");
            let address = route.prefix.network();
            assert_eq!(truth.origins(address), BTreeSet::from([*squatter]));
        }
    }
}

#[test]
fn no_special_purpose_space_is_announced() {
    let special: Vec<Prefix> =
        SPECIAL.split_whitespace().map(|text| text.parse().unwrap()).collect();
    for RouteTruth { prefix, .. } in demo().routes {
        let hit =
            special.iter().find(|s| s.covers(prefix) || prefix.covers(**s));
        assert_eq!(hit, None, "{prefix}");
        assert!(prefix.len() <= if prefix.is_v4() { 24 } else { 48 });
    }
}

#[test]
fn whoever_is_planted_as_bad_lives_in_space_that_nobody_announces() {
    let truth = demo();
    let dark: Prefix = "30.0.0.0/8".parse().unwrap();
    for route in &truth.routes {
        let bad = [&truth.bulletproof, &truth.high, &truth.medium]
            .iter()
            .any(|set| set.contains(&route.origin));
        assert!(!bad || dark.covers(route.prefix), "{route:?}");
        let innocent = truth.clouds.contains(&route.origin)
            || truth.victims.contains(&route.origin);
        assert!(!innocent || !dark.covers(route.prefix), "{route:?}");
    }
}

#[test]
fn addresses_resolve_to_the_longest_match() {
    let truth = demo();
    for (address, number) in [
        ("8.8.8.8", 15_169),
        ("8.7.0.1", 3_356),
        ("34.64.1.1", 139_070),
        ("34.127.255.1", 396_982),
        ("1.1.1.1", 13_335),
        ("30.64.96.7", 64_496),
        ("30.64.98.7", 64_496),
        ("30.64.112.9", 64_497),
        ("2001:4860:4860::8888", 15_169),
    ] {
        let origins = truth.origins(address.parse::<IpAddr>().unwrap());
        assert_eq!(origins, BTreeSet::from([Asn(number)]), "{address}");
    }
    assert!(truth.origins("192.0.2.1".parse().unwrap()).is_empty());
}

#[test]
fn relationships_are_serial_1_without_cycles_below_one_clique() {
    let truth = demo();
    let text = DEMO.newest("relations/");
    let clique = text
        .lines()
        .find_map(|line| line.strip_prefix("# input clique: "))
        .unwrap();
    let clique: BTreeSet<Asn> =
        clique.split(' ').map(|number| number.parse().unwrap()).collect();
    assert_eq!(clique, truth.clique);
    let mut peers = BTreeSet::new();
    let mut providers: BTreeMap<Asn, BTreeSet<Asn>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('|').collect();
        let (a, b): (Asn, Asn) =
            (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        match fields[2] {
            "-1" => _ = providers.entry(b).or_default().insert(a),
            "0" => _ = peers.insert((a.min(b), a.max(b))),
            other => panic!("relation {other}"),
        }
    }
    assert_eq!(providers, truth.providers);
    for &a in &clique {
        assert!(!providers.contains_key(&a));
        for &b in clique.range(..a) {
            assert!(peers.contains(&(b, a)), "{b} and {a}");
        }
    }
    let silent = truth.dormant.iter().chain([&Asn(64_512)]);
    let silent: BTreeSet<Asn> = silent.copied().collect();
    for &asn in truth.asns.difference(&silent) {
        assert!(reaches(asn, &clique, &providers), "{asn}");
    }
}

/// Climbs to the clique; a cycle would never get there.
fn reaches(
    asn: Asn,
    clique: &BTreeSet<Asn>,
    providers: &BTreeMap<Asn, BTreeSet<Asn>>,
) -> bool {
    let mut level = BTreeSet::from([asn]);
    for _ in 0..60 {
        level.retain(|asn| !clique.contains(asn));
        if level.is_empty() {
            return true;
        }
        level = level
            .iter()
            .flat_map(|asn| providers.get(asn).into_iter().flatten())
            .copied()
            .collect();
    }
    false
}
