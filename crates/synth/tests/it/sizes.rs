//! How much there is of everything, and how fast it is made.

use std::{collections::BTreeSet, time::Instant};

use asgard_model::Asn;
use asgard_synth::{Plan, Truth, files, truth};

use crate::mirror::today;

#[test]
fn the_demo_world_has_its_population() {
    let truth = truth(&Plan::demo(today()));
    assert_eq!(truth.asns.len(), 2_000);
    assert_eq!(truth.clique.len(), 12);
    assert_eq!(truth.bulletproof.len(), 12);
    assert_eq!(truth.bulletproof.intersection(&truth.asn_drop).count(), 6);
    assert_eq!(truth.high.len() + truth.medium.len(), 15);
    assert_eq!(truth.newcomers.len(), 3);
    assert_eq!(truth.victims.len(), 10);
    assert!(truth.clouds.len() > 15);
    assert!(truth.clean_stubs.len() > 900);
}

#[test]
fn the_tiny_world_has_every_case() {
    let tiny = Plan::tiny(today());
    let truth = truth(&tiny);
    assert_eq!(truth.asns.len(), 60);
    for (set, name) in named_sets(&truth) {
        assert!(!set.is_empty(), "no {name}");
    }
    assert_eq!(
        truth.false_entries.iter().filter(|e| e.origin.is_none()).count(),
        1
    );
    let smaller = Plan { ases: 5, ..tiny };
    assert_eq!(smaller.size(), 60);
    assert_eq!(files(&smaller), files(&tiny));
}

#[test]
fn every_world_has_its_size_and_all_cases() {
    for (seed, ases) in [(1, 60), (2, 61), (3, 137), (4, 700), (5, 5_000)] {
        let truth = truth(&Plan { seed, ases, as_of: today() });
        assert_eq!(truth.asns.len(), ases);
        for (set, name) in named_sets(&truth) {
            assert!(!set.is_empty(), "seed {seed}: no {name}");
        }
        // Everybody but dormant networks and the internal one announces.
        let announcing: BTreeSet<Asn> =
            truth.routes.iter().map(|route| route.origin).collect();
        let silent: BTreeSet<Asn> =
            truth.asns.difference(&announcing).copied().collect();
        let mut expected = truth.dormant.clone();
        expected.insert(Asn(64_512));
        assert_eq!(silent, expected, "seed {seed}");
    }
}

#[test]
fn the_planted_roles_are_disjoint() {
    let truth = truth(&Plan::demo(today()));
    let roles = [
        &truth.bulletproof,
        &truth.high,
        &truth.medium,
        &truth.delisted,
        &truth.dormant,
        &truth.victims,
        &truth.clouds,
        &truth.clean_stubs,
        &truth.newcomers,
        &truth.misjudged,
        &truth.squatters,
        &truth.clique,
    ];
    let all: BTreeSet<_> = roles.iter().copied().flatten().collect();
    let sum: usize = roles.iter().map(|role| role.len()).sum();
    assert_eq!(all.len(), sum);
}

#[test]
fn the_networks_of_the_examples_exist() {
    let truth = truth(&Plan::tiny(today()));
    for number in [
        174, 1_299, 2_914, 3_257, 3_333, 3_356, 8_075, 13_335, 15_169, 16_509,
        19_527, 24_940, 36_040, 36_561, 39_378, 43_515, 64_496, 64_497, 64_512,
        139_070, 396_982,
    ] {
        assert!(truth.asns.contains(&Asn(number)), "AS{number}");
    }
    assert!(truth.bulletproof.contains(&Asn(64_496)));
    assert!(truth.asn_drop.contains(&Asn(64_496)));
    assert!(truth.bulletproof.contains(&Asn(64_497)));
}

#[test]
fn the_demo_is_ready_at_once() {
    // Unoptimised code is several times slower; the target is for users.
    let limit = if cfg!(debug_assertions) { 10.0 } else { 1.0 };
    let start = Instant::now();
    let bytes: usize = files(&Plan::demo(today())).values().map(Vec::len).sum();
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < limit, "{seconds:.2} s for {bytes} bytes");
    assert!(bytes < 4_000_000, "{bytes} bytes");
}

fn named_sets(truth: &Truth) -> [(&BTreeSet<Asn>, &'static str); 15] {
    [
        (&truth.bulletproof, "bulletproof hoster"),
        (&truth.high, "high"),
        (&truth.medium, "medium"),
        (&truth.asn_drop, "network in ASN-DROP"),
        (&truth.delisted, "delisted network"),
        (&truth.dormant, "dormant network"),
        (&truth.victims, "victim"),
        (&truth.clouds, "cloud"),
        (&truth.clean_stubs, "clean stub"),
        (&truth.newcomers, "newcomer"),
        (&truth.misjudged, "misjudged network"),
        (&truth.squatters, "squatter"),
        (&truth.rpki_invalid, "origin of an invalid route"),
        (&truth.clique, "clique"),
        (&truth.asns, "network"),
    ]
}
