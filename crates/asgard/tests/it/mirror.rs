//! Real data, when `ASGARD_TEST_MIRROR` names a mirror: enough networks are
//! known, and no famous or large one is slandered.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    program::asgard,
    server::{Serve, eventually},
};

/// Longest first cycle: the test binary is hardly optimised.
const PATIENCE: Duration = Duration::from_secs(400);
/// Networks with name, country and registry.
const KNOWN: usize = 86_000;
/// Nobody in his right mind blocks these.
const FAMOUS: [u32; 4] = [13_335, 15_169, 16_509, 8_075];
/// So many networks by announced addresses.
const LARGE: usize = 1_000;

/// What is asked of a profile.
#[derive(Debug, Deserialize)]
struct Row {
    asn: u32,
    name: Option<String>,
    country_code: Option<String>,
    registry: Option<String>,
    risk_level: String,
    details: Vec<Detail>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    topic: String,
}

impl Row {
    fn is_known(&self) -> bool {
        let Self { name, country_code, registry, .. } = self;
        name.is_some() && country_code.is_some() && registry.is_some()
    }

    fn is_in_asn_drop(&self) -> bool {
        let evidence = self.details.iter().flat_map(|d| &d.evidence);
        evidence.into_iter().any(|e| e.topic == "asn_drop")
    }
}

#[test]
fn real_data_know_the_internet_and_slander_nobody() {
    let Some(mirror) = std::env::var_os("ASGARD_TEST_MIRROR") else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return;
    };
    let dir = tempfile::tempdir().expect("disk");
    let data = dir.path().join("data");
    let begun = Instant::now();
    learn(PathBuf::from(mirror), data.clone());
    println!("learnt after {:?}", begun.elapsed());
    let rows = rows(data.clone());
    let known = rows.values().filter(|row| row.is_known()).count();
    println!("{} networks, {known} known in full", rows.len());
    assert!(known >= KNOWN, "{known} of {}", rows.len());
    for asn in FAMOUS {
        assert_eq!(rows[&asn].risk_level, "LOW", "AS{asn}");
    }
    let slandered: BTreeSet<u32> = large(data)
        .into_iter()
        .filter(|asn| rows[asn].risk_level == "CRITICAL")
        .filter(|asn| !rows[asn].is_in_asn_drop())
        .collect();
    assert_eq!(slandered, BTreeSet::new());
}

/// Runs a server until its first cycle is stored.
fn learn(mirror: PathBuf, data: PathBuf) {
    let options = ["--mirror".into(), mirror, "--data-dir".into(), data];
    let server = Serve::new(options).start();
    eventually("the first cycle", PATIENCE, || {
        let log = server.stderr();
        assert!(!log.contains("cycle failed"), "{log}");
        log.contains("cycle finished").then_some(())
    });
    assert_eq!(server.get("/readyz").status, 200);
    server.stop().exits(0);
}

fn rows(data: PathBuf) -> BTreeMap<u32, Row> {
    let words = ["top", "-n", "1000000", "-o", "json", "--data-dir"];
    let words = words.map(PathBuf::from).into_iter().chain([data]);
    let text = asgard(words).text();
    let rows: Vec<Row> = serde_json::from_str(&text).expect("profiles");
    rows.into_iter().map(|row| (row.asn, row)).collect()
}

/// The networks that announce the most IPv4 addresses.
fn large(data: PathBuf) -> Vec<u32> {
    let words = ["top", "-n", "1000000", "--data-dir"];
    let words = words.map(PathBuf::from).into_iter().chain([data]);
    let mut sizes: Vec<(u64, u32)> = asgard(words)
        .rows()
        .iter()
        .map(|row| {
            let asn = row[0].strip_prefix("AS").expect("an AS number");
            (row[7].parse().expect("/24s"), asn.parse().expect("digits"))
        })
        .collect();
    sizes.sort_unstable();
    sizes.into_iter().rev().take(LARGE).map(|(_, asn)| asn).collect()
}
