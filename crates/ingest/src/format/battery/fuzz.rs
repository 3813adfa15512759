//! Mutation fuzzing of every parser: bounded, seeded, an ordinary test.
//!
//! `ASGARD_FUZZ_ITERATIONS` raises the number of inputs for each format. On a
//! failure the format and the number of the input are printed; both together
//! reproduce it.

use std::ops::ControlFlow;

use asgard_model::Prefix;

use super::{fixture, run};
use crate::format::{Kind, ip_list::IpListOptions, mrt, ris_live};
use asgard_routing::event::{Event, json, text};

const ITERATIONS: u64 = 20_000;
const SEED: u64 = 0x6173_6761_7264;

/// What breaks parsers.
const TOKENS: [&[u8]; 28] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\"\"",
    b",",
    b"|",
    b";",
    b"\t",
    b"_",
    b"#",
    b"-1",
    b"0",
    b"4294967296",
    b"99999999999999999999",
    b"1e309",
    b"/0",
    b"/129",
    b"0.0.0.0/0",
    b"::/0",
    b"255.255.255.255",
    b"[[[[[[[[",
    b"{\"asn\":",
    b"}]}",
    b"null",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\xc3",
];

/// `SplitMix64`: small, and good enough to choose places and bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(24)).min(bytes.len());
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] = random.byte(),
        1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            drop(bytes.splice(to..to, copy));
        }
        4 => bytes.truncate(at),
        _ => {
            let token = TOKENS[random.below(TOKENS.len())];
            let keep = if random.below(2) == 0 { at } else { end };
            drop(bytes.splice(at..keep, token.iter().copied()));
        }
    }
}

/// Names the input while a panic unwinds.
struct Current(Kind, u64);

impl Drop for Current {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("fuzz: {} input {} of seed {SEED:#x}", self.0, self.1);
        }
    }
}

fn check(kind: Kind, number: u64, original: &[u8]) {
    let _current = Current(kind, number);
    let mut random = Random(SEED ^ number.wrapping_mul(kind as u64 + 1));
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        mutate(&mut bytes, &mut random);
    }
    let options = IpListOptions {
        column: (random.below(4) == 0).then_some(1),
        min_count: (random.below(4) == 0).then_some(3),
        special_space: random.below(2) == 0,
    };
    let mut rows = 0_u64;
    let result = run(kind, &mut &*bytes, options, &mut |_, prefix| {
        rows += 1;
        if let Some(prefix) = prefix {
            let again = Prefix::new(prefix.network(), prefix.len());
            assert_eq!(again, Some(prefix), "host bits are set");
        }
    });
    if let Ok(report) = result {
        assert!(rows >= report.rows, "a row of the file was not handed on");
        assert_eq!(report.skipped > 0, report.first_bad.is_some());
        if let Some(bad) = report.first_bad {
            assert!(bad.text.chars().count() <= 80);
            assert!(!bad.text.chars().any(char::is_control));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests alone")]
fn iterations() -> u64 {
    std::env::var("ASGARD_FUZZ_ITERATIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ITERATIONS)
}

/// Readers of routes are no formats of sources, and face the same bytes.
#[test]
fn no_bytes_make_a_reader_of_routes_panic_or_lie() {
    let [updates, table] = mrt::fixture::mixed();
    let live = ris_live::fixture().into_bytes();
    for number in 0..iterations() {
        for (salt, original) in
            [&updates, &table, &live].into_iter().enumerate()
        {
            let mut random =
                Random(SEED ^ number.wrapping_mul(salt as u64 + 1));
            let mut bytes = original.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            routes(salt == 2, &bytes);
        }
    }
}

fn routes(live: bool, mut bytes: &[u8]) {
    let mut events = 0_u64;
    let mut line = Vec::new();
    let sink = &mut |event: &Event<'_>| {
        events += 1;
        line.clear();
        text::line(event, &mut line);
        json::line(event, &mut line);
        // Two lines, and the second is JSON.
        let mut lines = line.split_inclusive(|&byte| byte == b'\n');
        assert!(lines.next().is_some_and(|line| line.len() > 20));
        let json = lines.next().unwrap();
        serde_json::from_slice::<serde_json::Value>(json).unwrap();
        assert!(lines.next().is_none());
        ControlFlow::Continue(())
    };
    if live {
        let report = ris_live::ris_live(&mut bytes, sink).unwrap();
        assert_eq!(report.skipped > 0, report.first_bad.is_some());
        return;
    }
    match mrt::mrt(&mut bytes, sink) {
        Ok(summary) => assert_eq!(summary.events, events),
        Err(broken) => {
            assert_eq!(broken.before.events, events);
            assert!(broken.place.record > 0, "{broken}");
        }
    }
}

#[test]
fn no_bytes_make_a_parser_panic_or_lie() {
    let iterations = iterations();
    println!("seed {SEED:#x}, {iterations} inputs a format");
    for kind in super::kinds() {
        let original = fixture(kind);
        for number in 0..iterations {
            check(kind, number, &original);
        }
    }
}
