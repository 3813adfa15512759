//! Random tables, and what leads from one to the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{
    Prefix,
    mmdb::{Value, Writer},
};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u32::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// What a test table says: prefixes with their AS, and scores.
#[derive(Clone)]
struct Said {
    networks: Vec<(Prefix, u32)>,
    scores: Vec<Option<u8>>,
    moment: u64,
}

impl Said {
    fn random(random: &mut Random) -> Self {
        let mut said = Self {
            networks: Vec::new(),
            scores: vec![Some(50); 40],
            moment: 1_000,
        };
        (0..60).for_each(|_| said.announce(random));
        said
    }

    fn announce(&mut self, random: &mut Random) {
        let address: IpAddr = match random.below(3) {
            0 => {
                let high = 0x2a00_0000 | random.below(64);
                Ipv6Addr::from_bits(u128::from(high) << 96).into()
            }
            _ => Ipv4Addr::from_bits(random.below(64) << 26).into(),
        };
        let length = 6 + u8::try_from(random.below(20)).unwrap();
        let prefix = Prefix::new(address, length).unwrap();
        self.networks.push((prefix, random.below(40)));
    }

    fn change(&mut self, random: &mut Random) {
        self.moment += 1;
        for _ in 0..random.below(6) {
            let at = random.below(40) as usize;
            let score = u8::try_from(random.below(102)).unwrap();
            self.scores[at] = Some(score).filter(|&score| score <= 100);
        }
        for _ in 0..random.below(3) {
            self.announce(random);
            let at = random.below(count(self.networks.len())) as usize;
            self.networks.swap_remove(at);
        }
    }

    fn table(&self) -> NetworkTable {
        let mut writer = Writer::new("T", "t", self.moment);
        for &(prefix, asn) in &self.networks {
            let name = format!("Network {asn}");
            let mut entries = vec![
                (
                    "autonomous_system_number",
                    Value::Unsigned(1 + u128::from(asn)),
                ),
                ("autonomous_system_organization", Value::Text(&name)),
            ];
            if let Some(score) = self.scores[asn as usize] {
                entries.push(("score", Value::Unsigned(score.into())));
                entries.push(("level", Value::Text("HIGH")));
            }
            let record = writer.record(&Value::Map(entries)).unwrap();
            writer.insert(prefix, record);
        }
        NetworkTable::from_mmdb(&writer.finish().unwrap()).unwrap()
    }
}

fn answers_alike(one: &NetworkTable, other: &NetworkTable) {
    let borders = one.ranges.ranges().chain(other.ranges.ranges());
    for (first, last, _) in borders {
        for address in [first, last] {
            assert_eq!(one.lookup(address), other.lookup(address), "{address}");
        }
    }
}

#[test]
fn whatever_changes_the_delta_leads_there() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let mut said = Said::random(&mut random);
        let mut table = said.table();
        let mut deltas = Vec::new();
        let base = table.clone();
        for _ in 0..4 {
            said.change(&mut random);
            let next = said.table();
            let delta = table.delta_to(&next);
            let applied = table.apply(&delta).unwrap();
            assert_eq!(applied.version(), next.version());
            assert_eq!(applied.build_epoch(), said.moment);
            assert_eq!(applied.is_scored(), next.is_scored());
            answers_alike(&applied, &next);
            deltas.extend(delta);
            // On goes what a gateway has, not what the server has.
            table = applied;
        }
        let at_once = base.apply(&deltas).unwrap();
        assert_eq!(at_once.version(), table.version());
    }
}

#[test]
fn scores_alone_share_the_ranges_and_cost_a_few_bytes() {
    let mut said = Said::random(&mut Random(1));
    let before = said.table();
    let (_, asn) = said.networks[0];
    said.scores[asn as usize] = Some(3);
    said.moment += 1;
    let delta = before.delta_to(&said.table());
    assert!(delta.len() < 200, "{} bytes", delta.len());
    let after = before.apply(&delta).unwrap();
    assert!(Arc::ptr_eq(&before.ranges, &after.ranges));
}

#[test]
fn a_delta_of_another_table_is_refused() {
    let mut said = Said::random(&mut Random(1));
    let first = said.table();
    said.moment += 1;
    let second = said.table();
    said.moment += 1;
    let third = said.table();
    let late = second.delta_to(&third);
    let refused = first.apply(&late).unwrap_err();
    assert!(matches!(refused, DeltaError::OtherBase { .. }), "{refused}");
    let mut chain = first.delta_to(&second);
    chain.extend(first.delta_to(&third));
    let refused = first.apply(&chain).unwrap_err();
    assert!(matches!(refused, DeltaError::OtherBase { .. }), "{refused}");
    assert!(first.apply(b"").is_err());
}

#[test]
fn a_delta_cut_or_changed_anywhere_is_refused_without_panic() {
    let mut random = Random(5);
    let mut said = Said::random(&mut random);
    let before = said.table();
    (0..30).for_each(|_| said.change(&mut random));
    let after = said.table();
    let delta = before.delta_to(&after);
    assert!(delta.len() > 400, "{} bytes", delta.len());
    for end in 0..delta.len() {
        assert!(before.apply(&delta[..end]).is_err(), "{end}");
    }
    for at in 0..delta.len() {
        for bit in 0..8 {
            let mut broken = delta.clone();
            broken[at] ^= 1 << bit;
            match before.apply(&broken) {
                Err(error) => assert!(!error.to_string().is_empty()),
                // A level beside "no score" says nothing.
                Ok(table) => assert_eq!(table.version(), after.version()),
            }
        }
    }
}
