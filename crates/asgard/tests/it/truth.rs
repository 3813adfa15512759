//! What was planted in the demo comes out: the bad are bad, the innocent are
//! innocent, and what lists say wrongly moves nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    path::Path,
};

use asgard_model::Asn;
use asgard_synth::{FalseReason, Truth};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::Value;

use crate::world::{World, numbers, truth_of_demo};

/// The demo as its commands show it, and what was planted in it.
struct Demo {
    truth: Truth,
    profiles: BTreeMap<u32, Value>,
}

impl Demo {
    fn new() -> Self {
        let world = World::demo();
        let one = world.run(&["lookup", "15169", "-o", "json"]).json();
        let truth = truth_of_demo(&one["snapshot"]);
        Self { truth, profiles: profiles(&world) }
    }

    fn scores<'a>(
        &'a self,
        asns: &'a BTreeSet<Asn>,
    ) -> impl Iterator<Item = (Asn, u64)> {
        assert!(!asns.is_empty(), "nothing was planted");
        asns.iter().map(|&asn| (asn, score(&self.profiles[&asn.0])))
    }
}

/// Every profile of a world, by number.
fn profiles(world: &World) -> BTreeMap<u32, Value> {
    let words = ["top", "-n", "100000", "-o", "json"];
    let list = world.run(&words).json();
    let list = list.as_array().expect("a list").iter();
    list.map(|p| (number(&p["asn"]), p.clone())).collect()
}

fn number(value: &Value) -> u32 {
    let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
    number.expect("an AS number")
}

fn score(profile: &Value) -> u64 {
    profile["risk_score"].as_u64().expect("a score")
}

#[test]
fn every_network_of_the_world_is_scored_once() {
    let demo = Demo::new();
    let scored: Vec<u32> = demo.profiles.keys().copied().collect();
    assert_eq!(scored, numbers(&demo.truth.asns));
}

#[test]
fn bulletproof_hosters_are_critical() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.bulletproof) {
        assert!(score <= 49, "{asn}: {score}");
    }
}

#[test]
fn hosters_of_medium_and_high_risk_come_out_as_such() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.high) {
        assert!((50..75).contains(&score), "{asn}: {score}");
    }
    for (asn, score) in demo.scores(&demo.truth.medium) {
        assert!((75..90).contains(&score), "{asn}: {score}");
    }
}

#[test]
fn clouds_have_90_or_more_whatever_is_reported_about_them() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.clouds) {
        assert!(score >= 90, "{asn}: {score}");
    }
}

#[test]
fn victims_clean_stubs_and_the_misjudged_are_low() {
    let demo = Demo::new();
    let Truth { victims, clean_stubs, misjudged, .. } = &demo.truth;
    for innocent in [victims, clean_stubs, misjudged] {
        for (asn, score) in demo.scores(innocent) {
            assert!(score >= 90, "{asn}: {score}");
        }
    }
}

#[test]
fn newcomers_are_not_low_and_not_in_the_default_block_list() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.newcomers) {
        assert!((51..90).contains(&score), "{asn}: {score}");
    }
}

#[test]
fn members_of_asn_drop_are_critical() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.asn_drop) {
        assert!(score <= 49, "{asn}: {score}");
        let profile = &demo.profiles[&asn.0];
        let listed = &profile["signals"]["threats"]["spamhaus_listed"];
        assert_eq!(listed, true, "{asn}");
    }
}

#[test]
fn squatters_show_their_invalid_routes_and_nobody_valid_shows_any() {
    let demo = Demo::new();
    let Truth { squatters, rpki_invalid, .. } = &demo.truth;
    assert!(!squatters.is_empty(), "nothing was planted");
    for (&number, profile) in &demo.profiles {
        let hygiene = &profile["signals"]["hygiene"];
        let shows = hygiene["rpki_invalid_percent"].as_f64() > Some(0.0);
        let asn = Asn(number);
        assert!(shows || !squatters.contains(&asn), "{asn}: {hygiene}");
        assert!(!shows || rpki_invalid.contains(&asn), "{asn}: {hygiene}");
    }
}

#[test]
fn squatters_are_at_most_medium() {
    let demo = Demo::new();
    for (asn, score) in demo.scores(&demo.truth.squatters) {
        assert!((51..90).contains(&score), "{asn}: {score}");
    }
}

#[test]
fn every_address_is_found_at_its_longest_announced_prefix() {
    let demo = Demo::new();
    let world = World::demo();
    let routes = demo.truth.routes.iter().step_by(97);
    let addresses: Vec<String> =
        routes.map(|route| route.prefix.network().to_string()).collect();
    let words: Vec<&str> = ["lookup"]
        .into_iter()
        .chain(addresses.iter().map(String::as_str))
        .collect();
    let mut found: BTreeMap<String, BTreeSet<Asn>> = BTreeMap::new();
    for row in world.run(&words).rows() {
        let asn = row[2].parse().expect("an AS number");
        found.entry(row[0].clone()).or_default().insert(asn);
    }
    for address in addresses {
        let planted = demo.truth.origins(address.parse().unwrap());
        assert_eq!(found[&address], planted, "{address}");
    }
}

#[test]
fn no_false_entry_is_evidence_of_anything() {
    let demo = Demo::new();
    let falsehoods: BTreeSet<String> = demo
        .truth
        .false_entries
        .iter()
        .map(|entry| format!("{}/32", entry.address))
        .collect();
    for (number, profile) in &demo.profiles {
        let details = profile["details"].as_array().expect("a list");
        let evidence = details
            .iter()
            .flat_map(|d| d["evidence"].as_array().expect("a list"))
            .filter_map(|evidence| evidence["prefix"].as_str());
        for prefix in evidence {
            assert!(!falsehoods.contains(prefix), "AS{number}: {prefix}");
        }
    }
}

#[test]
fn scores_are_the_same_when_the_false_entries_had_never_been_listed() {
    let world = World::tiny();
    let with = exact_scores(&world);
    let falsehoods: BTreeSet<String> = world
        .truth()
        .false_entries
        .iter()
        .map(|entry| entry.address.to_string())
        .collect();
    let relay =
        |entry: &&asgard_synth::FalseEntry| entry.reason == FalseReason::Relay;
    assert!(world.truth().false_entries.iter().any(|e| relay(&e)));
    for list in [
        "threatfox-ips",
        "c2-tracker",
        "firehol/blocklist_de",
        "firehol/blocklist_de_mail",
        "firehol/ipsum_3",
    ] {
        let dir = world.mirror().join("threats").join(list);
        for entry in fs::read_dir(dir).expect("a list") {
            strike_out(&entry.expect("a file").path(), &falsehoods);
        }
    }
    assert_eq!(exact_scores(&world), with);
}

fn exact_scores(world: &World) -> BTreeMap<u32, String> {
    let exact = |profile: &Value| profile["score_exact"].to_string();
    profiles(world).iter().map(|(&asn, p)| (asn, exact(p))).collect()
}

/// Rewrites a compressed list without some of its lines.
fn strike_out(path: &Path, lines: &BTreeSet<String>) {
    let mut text = String::new();
    let bytes = fs::read(path).expect("a file");
    GzDecoder::new(&*bytes).read_to_string(&mut text).expect("a list");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for line in text.lines().filter(|line| !lines.contains(*line)) {
        writeln!(packed, "{line}").expect("memory");
    }
    fs::write(path, packed.finish().expect("memory")).expect("disk");
}

#[test]
fn the_edl_holds_exactly_the_networks_up_to_its_threshold() {
    let world = World::demo();
    let key = world.key("read");
    let server = world.serve().ready();
    let truth = truth_of_demo(&server.read("/v1/status", &key));
    let all = server.bulk(&key, &numbers(&truth.asns));
    for (query, max) in [("", 50), ("?max_score=49", 49), ("?max_score=74", 74)]
    {
        let expected: BTreeSet<String> = all
            .iter()
            .filter(|result| result["score"].as_u64() <= Some(max))
            .map(|result| format!("AS{}", result["asn"]))
            .collect();
        let feed = server.get(&format!("/feeds/edl{query}"));
        let lines: Vec<&str> = feed.body.lines().collect();
        let listed: BTreeSet<String> =
            lines.iter().map(ToString::to_string).collect();
        assert_eq!(listed, expected, "{query}");
        assert_eq!(lines.len(), listed.len(), "{query}: no line twice");
        assert!(!listed.is_empty(), "{query}");
    }
}

#[test]
fn the_default_edl_holds_every_bulletproof_hoster_and_no_innocent() {
    let world = World::demo();
    let key = world.key("read");
    let server = world.serve().ready();
    let truth = truth_of_demo(&server.read("/v1/status", &key));
    let edl: BTreeSet<Asn> = server.edl().into_iter().map(Asn).collect();
    assert!(truth.bulletproof.is_subset(&edl));
    assert!(truth.asn_drop.is_subset(&edl));
    for innocent in [&truth.clouds, &truth.victims, &truth.misjudged] {
        assert!(edl.is_disjoint(innocent));
    }
}
