//! Random rules against an oracle that knows nothing of intervals: more than a
//! million addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asgard_model::Prefix;
use asgard_policy::{
    access::{Protected, ProtectedSource, Ruleset, Target},
    feed::guard::{critical, shield::NEVER},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use uuid::Uuid;

use crate::scene::{Moment, Scene, blocking, now};

/// Prefixes close together, so that they meet; both families.
fn prefixes(most: usize) -> impl Strategy<Value = Vec<Prefix>> {
    let v4 = (0u32..1 << 12, 16u8..=32).prop_map(|(low, len)| {
        let bits = (9 << 24) + (9 << 16) + (low << 4 & 0xffff);
        Prefix::new(Ipv4Addr::from_bits(bits).into(), len).unwrap()
    });
    let v6 = (0u128..1 << 12, 112u8..=128).prop_map(|(low, len)| {
        let bits = (0x2a00_0001_u128 << 96) + (low << 4);
        Prefix::new(Ipv6Addr::from_bits(bits).into(), len).unwrap()
    });
    let wide = (8u8..=16).prop_map(|len| {
        Prefix::new(Ipv4Addr::new(9, 9, 0, 0).into(), len).unwrap()
    });
    let one = prop_oneof![6 => v4, 4 => v6, 1 => wide];
    prop::collection::vec(one, 0..most)
}

fn ruleset(blocked: &[Prefix], protected: &[Prefix]) -> Ruleset {
    let ips: Vec<String> = blocked.iter().map(ToString::to_string).collect();
    let mut ruleset = blocking(json!({ "ips": ips }));
    ruleset.protected = (1_000..)
        .zip(protected)
        .map(|(id, prefix)| Protected {
            id: Uuid::from_u128(id),
            target: Target::Ip(*prefix),
            reason: "r".to_owned(),
            expires_at: None,
            source: ProtectedSource::Operator,
            created_at: now(),
        })
        .collect();
    ruleset
}

/// Addresses around which something may go wrong, and some between.
fn probes(prefixes: &[Prefix], seed: u64) -> Vec<IpAddr> {
    let mut state = seed | 1;
    let mut next = || {
        // xorshift64: any stream of numbers will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut probes = Vec::new();
    for prefix in prefixes {
        match (prefix.network(), prefix.last()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let (a, b) = (a.to_bits(), b.to_bits());
                let near = [a, b, a.wrapping_sub(1), b.wrapping_add(1)];
                probes.extend(
                    near.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
                );
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let (a, b) = (a.to_bits(), b.to_bits());
                let near = [a, b, a.wrapping_sub(1), b.wrapping_add(1)];
                probes.extend(
                    near.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
                );
            }
            _ => unreachable!("a prefix has one family"),
        }
    }
    for _ in 0..400 {
        let low = u32::try_from(next() & 0xffff).unwrap();
        probes.push(Ipv4Addr::from_bits((9 << 24) + (9 << 16) + low).into());
        let low = u128::from(next() & 0xffff);
        let bits = (0x2a00_0001_u128 << 96) + low;
        probes.push(Ipv6Addr::from_bits(bits).into());
    }
    probes
}

fn never(ip: IpAddr) -> bool {
    let critical = critical::sets().iter().flat_map(|set| &set.prefixes);
    NEVER.iter().chain(critical).any(|prefix| prefix.contains(ip))
}

fn check(
    moment: &Moment,
    blocked: &[Prefix],
    protected: &[Prefix],
    seed: u64,
) -> Result<usize, TestCaseError> {
    let compiled = moment.compile(&ruleset(blocked, protected));
    let body: Vec<Prefix> =
        compiled.entries().iter().map(|entry| entry.prefix).collect();
    prop_assert!(body.windows(2).all(|pair| pair[0] < pair[1]));
    let all: Vec<Prefix> = blocked.iter().chain(protected).copied().collect();
    let probes = probes(&all, seed);
    let inside = |list: &[Prefix], ip| list.iter().any(|p| p.contains(ip));
    for &ip in &probes {
        let wanted =
            inside(blocked, ip) && !inside(protected, ip) && !never(ip);
        prop_assert_eq!(inside(&body, ip), wanted, "{}", ip);
    }
    Ok(probes.len())
}

#[test]
fn no_protected_address_is_blocked_and_nothing_else_is_lost() {
    let moment = Scene::default().at(1);
    let cases = (prefixes(8), prefixes(6), any::<u64>());
    let checked = std::cell::Cell::new(0usize);
    TestRunner::new(ProptestConfig::with_cases(1_300))
        .run(&cases, |(blocked, protected, seed)| {
            let count = check(&moment, &blocked, &protected, seed)?;
            checked.set(checked.get() + count);
            Ok(())
        })
        .unwrap();
    assert!(checked.get() >= 1_000_000, "{}", checked.get());
}

/// The fewest prefixes of a prefix without others, found by halving.
fn halves(prefix: Prefix, out: &[Prefix]) -> usize {
    if out.iter().any(|other| other.covers(prefix)) {
        return 0;
    }
    if !out.iter().any(|other| prefix.covers(*other)) {
        return 1;
    }
    let len = prefix.len() + 1;
    let low = Prefix::new(prefix.network(), len).unwrap();
    let high = Prefix::new(prefix.last(), len).unwrap();
    halves(low, out) + halves(high, out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn splitting_makes_the_fewest_entries(
        blocked in prefixes(2), protected in prefixes(6),
    ) {
        let moment = Scene::default().at(1);
        let compiled = moment.compile(&ruleset(&blocked, &protected));
        let critical = critical::sets().iter().flat_map(|s| &s.prefixes);
        let out: Vec<Prefix> =
            protected.iter().chain(critical).copied().collect();
        let one = blocked.first().map_or(0, |prefix| halves(*prefix, &out));
        prop_assert_eq!(compiled.len(), one);
    }
}
