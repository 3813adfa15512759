//! Tests of files: written ones, broken ones, real ones.
//!
//! The oracle is the `maxminddb` crate; other readers are tried by the suite
//! in `tests/compat`.

mod real;

use std::net::IpAddr;

use super::{Database, MmdbError, Value, Writer, write};
use crate::{Asn, NetworkTable, PlaceTable, Prefix};

/// The same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }
}

/// A random prefix, of IPv4 more often than not, below few roots so that they
/// nest.
fn prefix(random: &mut Random) -> Prefix {
    if random.below(3) > 0 {
        let bits = u32::try_from(random.next() >> 32).unwrap() & 0x0F0F_FFFF;
        let len = u8::try_from(random.below(33)).unwrap();
        return Prefix::new(std::net::Ipv4Addr::from_bits(bits).into(), len)
            .unwrap();
    }
    let bits = u128::from(random.next() & 0x0303_FFFF) << 64
        | u128::from(random.next())
        | 1 << 125;
    // Not so short that it covers IPv4.
    let len = u8::try_from(3 + random.below(126)).unwrap();
    Prefix::new(std::net::Ipv6Addr::from_bits(bits).into(), len).unwrap()
}

fn record(asn: u32) -> Vec<(&'static str, Value<'static>)> {
    vec![("autonomous_system_number", Value::Unsigned(asn.into()))]
}

/// A file of `count` random networks, and what was put in.
fn file(seed: u64, count: usize) -> (Vec<u8>, Vec<(Prefix, u32)>) {
    let mut random = Random(seed);
    let mut writer = Writer::new("Test-ASN", "a test", 1_700_000_000);
    let mut networks = std::collections::BTreeMap::new();
    for _ in 0..count {
        let asn = 1 + u32::try_from(random.below(500)).unwrap();
        networks.insert(prefix(&mut random), asn);
    }
    for (&prefix, &asn) in networks.iter().rev() {
        let mut entries = record(asn);
        let org = format!("Network {asn} Ltd");
        entries.push(("autonomous_system_organization", Value::Text(&org)));
        let record = writer.record(&Value::Map(entries)).unwrap();
        writer.insert(prefix, record);
    }
    (writer.finish().unwrap(), networks.into_iter().collect())
}

/// What the longest of the prefixes says.
fn naive(networks: &[(Prefix, u32)], address: IpAddr) -> Option<u32> {
    networks
        .iter()
        .filter(|(prefix, _)| prefix.contains(address))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|&(_, asn)| asn)
}

#[derive(serde::Deserialize)]
struct Theirs {
    autonomous_system_number: Option<u32>,
}

pub(super) fn oracle(
    reader: &maxminddb::Reader<&[u8]>,
    address: IpAddr,
) -> Option<u32> {
    let record: Option<Theirs> =
        reader.lookup(address).unwrap().decode().unwrap();
    record?.autonomous_system_number
}

#[test]
fn what_is_written_is_what_both_readers_read() {
    for seed in 0..20 {
        let (bytes, networks) = file(seed, 60);
        let table = NetworkTable::from_mmdb(&bytes).unwrap();
        let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
        reader.verify().unwrap();
        let mut random = Random(!seed);
        let borders = networks
            .iter()
            .flat_map(|(prefix, _)| [prefix.network(), prefix.last()]);
        let inside: Vec<IpAddr> = borders
            .chain((0..500).map(|_| prefix(&mut random).network()))
            .collect();
        for address in inside {
            let wanted = naive(&networks, address);
            let found = table.lookup(address);
            assert_eq!(found.map(|f| f.asn.0), wanted, "{address}");
            assert_eq!(oracle(&reader, address), wanted, "{address}");
            if let Some(found) = found {
                let name = format!("Network {} Ltd", found.asn.0);
                assert_eq!(found.organisation, name);
                assert!(table.prefix(address).contains(address));
            }
        }
    }
}

#[test]
fn the_same_networks_in_any_order_give_the_same_answers_and_bytes() {
    let (first, _) = file(7, 200);
    let (again, _) = file(7, 200);
    assert_eq!(first, again);
}

#[test]
fn a_mapped_address_is_its_ipv4_address_and_ipv4_is_listed_once() {
    let mut writer = Writer::new("T", "t", 0);
    let record = writer.record(&Value::Map(record(5))).unwrap();
    writer.insert("9.0.0.0/8".parse().unwrap(), record);
    let bytes = writer.finish().unwrap();
    let table = NetworkTable::from_mmdb(&bytes).unwrap();
    assert_eq!(table.networks(), 1);
    let mapped = "::ffff:9.1.2.3".parse().unwrap();
    assert_eq!(table.lookup(mapped).unwrap().asn, Asn(5));
    // Raw, as readers without our unmapping see it.
    let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
    assert_eq!(oracle(&reader, mapped), Some(5));
}

#[test]
fn all_three_sizes_of_nodes_are_written_and_read() {
    for (padding, size) in [(0, 24), (300, 28)] {
        let mut writer = Writer::new("T", "t", 1);
        let long = vec![7; 65_000];
        for n in 0..padding {
            let value = Value::Map(vec![
                ("n", Value::Unsigned(n)),
                ("filler", Value::Bytes(&long)),
            ]);
            writer.record(&value).unwrap();
        }
        let record = writer.record(&Value::Map(record(77))).unwrap();
        writer.insert("9.0.0.0/24".parse().unwrap(), record);
        let bytes = writer.finish().unwrap();
        let database = Database::open(&bytes).unwrap();
        assert_eq!(database.metadata().record_size, size);
        let table = NetworkTable::from_mmdb(&bytes).unwrap();
        let address = "9.0.0.1".parse().unwrap();
        assert_eq!(table.lookup(address).unwrap().asn, Asn(77));
        let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
        assert_eq!(oracle(&reader, address), Some(77));
    }
}

#[test]
fn every_kind_of_value_survives() {
    let value = Value::Map(vec![
        ("text", Value::Text("ä")),
        ("long", Value::Text(Box::leak("x".repeat(40_000).into_boxed_str()))),
        ("bytes", Value::Bytes(&[0, 1, 2])),
        ("small", Value::Unsigned(0)),
        ("wide", Value::Unsigned(u64::MAX.into())),
        ("widest", Value::Unsigned(u128::MAX)),
        ("negative", Value::Signed(-5)),
        ("double", Value::Double(-1.5)),
        ("yes", Value::Bool(true)),
        ("list", Value::Array(vec![Value::Bool(false), Value::Text("")])),
    ]);
    let mut writer = Writer::new("T", "t", 1);
    let record = writer.record(&value).unwrap();
    writer.insert("9.0.0.0/24".parse().unwrap(), record);
    let bytes = writer.finish().unwrap();
    let database = Database::open(&bytes).unwrap();
    let mut decoder = database.decoder();
    database
        .walk(|network| {
            assert_eq!(decoder.value(network.record)?, value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn values_that_the_format_cannot_hold_are_refused() {
    let long = "x".repeat(70_000);
    let refused = Writer::new("T", "t", 1).record(&Value::Text(&long));
    assert_eq!(refused, Err(write::WriteError::LongValue(70_000)));
}

#[test]
fn a_file_cut_anywhere_is_refused_without_panic() {
    let (bytes, _) = file(3, 400);
    for percent in 0..100 {
        let cut = &bytes[..bytes.len() * percent / 100];
        assert!(NetworkTable::from_mmdb(cut).is_err(), "{percent} %");
        // Cut at the front, the metadata are whole.
        let cut = &bytes[bytes.len() * (percent + 1) / 101..];
        if let Ok(table) = NetworkTable::from_mmdb(cut) {
            assert!(table.networks() > 0);
        }
    }
}

/// 1,000,000 by hand: `ASGARD_FUZZ_CASES=1000000`.
fn cases(default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a longer run by hand")]
    let wanted = std::env::var("ASGARD_FUZZ_CASES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn flipped_bits_never_panic() {
    let (bytes, networks) = file(4, 60);
    let mut random = Random(99);
    let mut refused = 0;
    let total = cases(10_000);
    for _ in 0..total {
        let mut broken = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(broken.len());
            broken[at] ^= 1 << random.below(8);
        }
        match NetworkTable::from_mmdb(&broken) {
            Ok(table) => {
                for (prefix, _) in networks.iter().take(5) {
                    table.lookup(prefix.last());
                    table.prefix(prefix.network());
                }
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
        let _ = PlaceTable::from_mmdb(&broken);
    }
    println!("{refused} of {total} refused");
    assert!(refused > total / 100, "{refused}");
}

#[test]
fn random_bytes_behind_a_marker_never_panic() {
    let mut random = Random(5);
    for _ in 0..cases(20_000) {
        let mut bytes: Vec<u8> = (0..random.below(200))
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        let at = random.below(bytes.len() + 1);
        bytes.splice(at..at, super::MARKER.iter().copied());
        assert!(NetworkTable::from_mmdb(&bytes).is_err());
    }
}

/// A node that names its successor twice, 128 levels deep, ends in nothing:
/// 2^128 paths, each empty.
#[test]
fn a_tree_of_shared_nodes_is_refused_and_does_not_hang() {
    let levels: u32 = 128;
    let mut bytes = Vec::new();
    for node in 0..levels {
        let next = (node + 1).to_be_bytes();
        bytes.extend_from_slice(&next[1..]);
        bytes.extend_from_slice(&next[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.push(0xE0);
    bytes.extend_from_slice(super::MARKER);
    let mut writer = Writer::new("T", "t", 1);
    let record = writer.record(&Value::Map(record(1))).unwrap();
    writer.insert("9.0.0.0/24".parse().unwrap(), record);
    let whole = writer.finish().unwrap();
    let marker = whole
        .windows(super::MARKER.len())
        .rposition(|w| w == super::MARKER)
        .unwrap();
    let mut metadata = whole[marker + super::MARKER.len()..].to_vec();
    let key = b"node_count";
    let at = metadata.windows(key.len()).position(|w| w == key).unwrap();
    // One byte of control, one of value: replace both.
    assert_eq!(metadata[at + key.len()], 0xC1);
    metadata[at + key.len() + 1] = u8::try_from(levels).unwrap();
    bytes.extend_from_slice(&metadata);
    let refused = NetworkTable::from_mmdb(&bytes).unwrap_err();
    assert!(matches!(refused, MmdbError::TooLarge { .. }), "{refused}");
}

/// Nested maps that name each other by pointer: exponential for who follows.
#[test]
fn a_record_that_multiplies_by_pointers_is_refused() {
    let mut data = Vec::new();
    // Level 0 at byte 0: an empty map.
    data.push(0xE0);
    let mut last = 0;
    for _ in 0..20 {
        let here = data.len();
        data.push(0xE0 | 10);
        for key in b'a'..b'k' {
            data.extend_from_slice(&[0x41, key, 0x20, last]);
        }
        last = u8::try_from(here % 256).unwrap();
        if here > 200 {
            break;
        }
    }
    let start = data.len() - 41;
    let refused = super::Decoder::new(&data).value(start).unwrap_err();
    assert!(matches!(refused, MmdbError::TooLarge { .. }), "{refused}");
}

#[test]
fn a_file_of_another_kind_is_refused_by_its_name() {
    let mut writer = Writer::new("Some-Domains", "t", 1);
    let value = Value::Map(vec![("domain", Value::Text("a.example"))]);
    let record = writer.record(&value).unwrap();
    writer.insert("9.0.0.0/24".parse().unwrap(), record);
    let bytes = writer.finish().unwrap();
    let refused = NetworkTable::from_mmdb(&bytes).unwrap_err().to_string();
    assert!(refused.contains("`Some-Domains` holds no AS numbers"));
    let refused = PlaceTable::from_mmdb(&bytes).unwrap_err().to_string();
    assert!(refused.contains("no countries"));
}

#[test]
fn the_field_names_of_other_makers_are_understood() {
    let mut writer = Writer::new("ipinfo", "t", 1);
    let value = Value::Map(vec![
        ("asn", Value::Text("AS64496")),
        ("as_name", Value::Text("Exa\u{7}mple")),
        ("country", Value::Text("NL")),
        ("score", Value::Unsigned(12)),
        ("level", Value::Text("CRITICAL")),
    ]);
    let record = writer.record(&value).unwrap();
    writer.insert("9.0.0.0/24".parse().unwrap(), record);
    let bytes = writer.finish().unwrap();
    let table = NetworkTable::from_mmdb(&bytes).unwrap();
    let found = table.lookup("9.0.0.9".parse().unwrap()).unwrap();
    assert_eq!(found.asn, Asn(64_496));
    assert_eq!(found.organisation, "Example");
    assert_eq!(found.risk, Some((12, crate::Level::Critical)));
    assert_eq!(found.country, "NL".parse().ok());
    assert!(table.is_scored());
    let place = PlaceTable::from_mmdb(&bytes).unwrap();
    let place = place.lookup("9.0.0.9".parse().unwrap()).unwrap();
    assert_eq!(place.country, "NL".parse().ok());
}

#[test]
fn newer_scores_share_the_networks() {
    let (bytes, networks) = file(8, 50);
    let table = NetworkTable::from_mmdb(&bytes).unwrap();
    assert!(!table.is_scored());
    let (prefix, asn) = networks[networks.len() - 1];
    let risk = [(Asn(asn), Some((3, crate::Level::Critical)))];
    let newer = table.with_risk(&risk.into_iter().collect(), 9);
    let found = newer.lookup(prefix.network()).unwrap();
    assert_eq!(found.risk.map(|(score, _)| score), Some(3));
    assert_eq!((newer.build_epoch(), newer.is_scored()), (9, true));
    let none = [(Asn(asn), None)].into_iter().collect();
    assert!(!newer.with_risk(&none, 10).is_scored());
}
