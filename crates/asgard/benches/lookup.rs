//! Longest-prefix match against the `maxminddb` crate, on one real table.
//!
//! `cargo bench -p asgard --bench lookup -- [FILE.mmdb[.gz]]`. The table is
//! every network of the MMDB file; both sides answer the AS number of the same
//! addresses. Figures are CPU nanoseconds a look-up (the machine may be busy),
//! medians of five rounds, and their ratio, which must be at least 5 for
//! random IPv4.

#![expect(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bench prints figures about numbers it made itself"
)]

use std::{
    hint::black_box,
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use asgard_model::{Asn, Prefix, RoutingTable, TableBuilder, rpki::VrpSet};
use maxminddb::{Reader, WithinOptions};

/// Look-ups of one round.
const LOOKUPS: usize = 5_000_000;
/// Rounds, of which the median counts.
const ROUNDS: usize = 5;
/// Times that we must be faster on random IPv4.
const TARGET: f64 = 5.0;

fn main() {
    let Some(path) = table() else {
        println!("SKIP lookup: no MMDB file given and no mirror found");
        return;
    };
    println!("table: {}", path.display());
    let reader = Reader::from_source(read(&path)).expect("a readable MMDB");
    let table = convert(&reader);
    println!(
        "routes: {} ({} IPv4), {} bytes; MMDB {} bytes",
        table.len(),
        table.len_v4(),
        table.heap_bytes(),
        reader.metadata().node_count
    );
    assert!(!table.is_empty(), "the file holds no AS numbers");
    agree(&reader, &table);
    let v4 = compare("random IPv4", &random_v4(), &reader, &table);
    compare("random IPv6 in 2000::/3", &random_v6(), &reader, &table);
    compare("announced IPv6", &announced_v6(&table), &reader, &table);
    let hot: Vec<IpAddr> =
        random_v4().into_iter().take(1000).cycle().take(LOOKUPS).collect();
    compare("cached IPv4 (1,000 addresses)", &hot, &reader, &table);
    let verdict = if v4 >= TARGET { "ok" } else { "MISSED" };
    println!("target: at least {TARGET} times on random IPv4: {verdict}");
    assert!(v4 >= TARGET, "random IPv4: {v4:.1} times, {TARGET} wanted");
}

/// The file of the command line, else the newest of a mirror.
fn table() -> Option<PathBuf> {
    let given = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    given.map(PathBuf::from).or_else(|| {
        #[expect(clippy::disallowed_methods, reason = "a bench has no config")]
        let mirror = std::env::var("ASGARD_TEST_MIRROR").ok()?;
        let files = std::fs::read_dir(Path::new(&mirror).join("mmdb")).ok()?;
        files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|file| file.to_string_lossy().contains("-asn-"))
            .max()
    })
}

fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("a readable file");
    if path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*bytes)
            .read_to_end(&mut plain)
            .expect("valid gzip");
        return plain;
    }
    bytes
}

#[derive(serde::Deserialize)]
struct Record {
    autonomous_system_number: Option<u32>,
}

fn convert(reader: &Reader<Vec<u8>>) -> RoutingTable {
    let mut builder = TableBuilder::default();
    let networks =
        reader.networks(WithinOptions::default()).expect("a network tree");
    for network in networks {
        let network = network.expect("a sound tree");
        let Some(asn) = number(&network) else { continue };
        let prefix = network.network().expect("a network");
        let prefix: Prefix = prefix.to_string().parse().expect("a prefix");
        builder.announce(prefix, Asn(asn), None);
    }
    builder.build(&VrpSet::default())
}

fn number(found: &maxminddb::LookupResult<'_, Vec<u8>>) -> Option<u32> {
    found
        .decode::<Record>()
        .expect("a record")
        .and_then(|record| record.autonomous_system_number)
}

fn theirs(reader: &Reader<Vec<u8>>, address: IpAddr) -> u32 {
    reader.lookup(address).ok().and_then(|f| number(&f)).unwrap_or(0)
}

fn ours(table: &RoutingTable, address: IpAddr) -> u32 {
    table.origin(address).map_or(0, |asn| asn.0)
}

/// A fast wrong answer is worth nothing.
fn agree(reader: &Reader<Vec<u8>>, table: &RoutingTable) {
    let addresses = random_v4().into_iter().chain(announced_v6(table));
    for address in addresses.step_by(7) {
        let (a, b) = (theirs(reader, address), ours(table, address));
        assert_eq!(a, b, "{address}");
    }
}

fn compare(
    name: &str,
    addresses: &[IpAddr],
    reader: &Reader<Vec<u8>>,
    table: &RoutingTable,
) -> f64 {
    let slow = median(|| {
        addresses.iter().fold(0u64, |sum, &address| {
            sum + u64::from(theirs(reader, address))
        })
    });
    let fast = median(|| {
        addresses
            .iter()
            .fold(0u64, |sum, &address| sum + u64::from(ours(table, address)))
    });
    let per = |seconds: f64| seconds * 1e9 / LOOKUPS as f64;
    println!(
        "{name:<32} maxminddb {:>7.1} ns  asgard {:>6.1} ns \
         ({:.1} M/s)  {:.1} times",
        per(slow),
        per(fast),
        1e3 / per(fast),
        slow / fast
    );
    slow / fast
}

fn median(work: impl Fn() -> u64) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = cpu_seconds();
            black_box(work());
            cpu_seconds() - begun
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2]
}

/// CPU time of this thread in seconds, from the scheduler.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux has schedstat");
    let nanos: f64 =
        text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    nanos / 1e9
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

fn random_v4() -> Vec<IpAddr> {
    let mut random = Random(4);
    (0..LOOKUPS)
        .map(|_| Ipv4Addr::from_bits((random.next() >> 32) as u32).into())
        .collect()
}

fn random_v6() -> Vec<IpAddr> {
    let mut random = Random(6);
    (0..LOOKUPS)
        .map(|_| {
            let high = u128::from(random.next()) >> 3 | 1 << 61;
            Ipv6Addr::from_bits(high << 64 | u128::from(random.next())).into()
        })
        .collect()
}

/// Random addresses inside random announced prefixes.
fn announced_v6(table: &RoutingTable) -> Vec<IpAddr> {
    let mut random = Random(66);
    let count = table.len() - table.len_v4();
    (0..LOOKUPS)
        .filter_map(|_| {
            let at = table.len_v4() + random.next() as usize % count.max(1);
            match table.route(at)?.prefix {
                Prefix::V6(bits, len) => {
                    let host = u128::from(random.next()) << 64
                        | u128::from(random.next());
                    let mask = asgard_model::prefix::mask6(len);
                    Some(Ipv6Addr::from_bits(bits | host & !mask).into())
                }
                Prefix::V4(..) => None,
            }
        })
        .collect()
}
