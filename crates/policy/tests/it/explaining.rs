//! Why an address is in a feed: always the truth about the body.

use std::net::IpAddr;

use asgard_policy::{
    AddressSet,
    feed::{explain::explain, preview::preview},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::scene::{BAD, Bad, Scene, blocking, prefix, protecting, rules};

fn scene() -> Scene {
    Scene::default()
        .route("31.0.0.0/16", 1)
        .route("31.0.5.0/24", 2)
        .route("32.0.0.0/24", 3)
        .route("2a00:1::/32", 3)
        .bad(3, BAD)
        .route("33.0.0.0/24", 4)
        .bad(4, Bad { families: 1, ..BAD })
        .country("5.0.0.0/16", "NL")
        .named("32.0.0.7", "feodo", 0)
}

fn ruleset() -> asgard_policy::access::Ruleset {
    let ruleset = rules([
        json!({ "name": "first", "block": {
            "asn": [1], "country": ["NL"], "ips": ["31.0.0.0/17"],
        }}),
        json!({ "block": {
            "risk": [{ "max_score": 60 }], "lists": ["feodo"],
        }, "allow": { "ips": ["32.0.0.64/26"] }}),
    ]);
    protecting(ruleset, &[json!({ "ip": "31.0.0.0/28", "reason": "office" })])
}

#[test]
fn an_address_has_every_selector_that_names_it() {
    let moment = scene().at(1).deciding(60.0);
    let ruleset = ruleset();
    let compiled = moment.compile(&ruleset);
    let of = |ip: &str| {
        let ip = ip.parse().unwrap();
        explain(ip, &compiled, &ruleset, &moment.facts())
    };
    let selectors = |ip: &str| -> Vec<String> {
        of(ip).reasons.into_iter().map(|reason| reason.selector).collect()
    };
    assert_eq!(selectors("31.0.0.77"), ["ip:31.0.0.0/17", "asn:AS1"]);
    assert_eq!(selectors("::ffff:5.0.0.1"), ["country:NL"]);
    assert_eq!(selectors("32.0.0.7"), ["risk:max_score=60", "list:feodo"]);
    let host = of("32.0.0.7");
    assert_eq!(host.entry.as_deref(), Some("32.0.0.7/32"));
    assert!(host.reasons[0].evidence.iter().any(|e| e.contains("feodo")));
    assert_eq!(host.reasons[0].asn.unwrap().0, 3);
    assert!(host.reasons[0].score.unwrap() <= 60);
}

#[test]
fn each_list_is_told_with_the_last_day_of_its_own() {
    let scene =
        scene().named("32.0.0.9", "feodo", 14).named("32.0.0.9", "other", 0);
    let moment = scene.at(1).deciding(60.0);
    let ruleset = ruleset();
    let compiled = moment.compile(&ruleset);
    let why = |ip: &str| {
        let ip = ip.parse().unwrap();
        explain(ip, &compiled, &ruleset, &moment.facts()).reasons
    };
    let dropped = why("32.0.0.9");
    let selectors: Vec<&str> =
        dropped.iter().map(|reason| reason.selector.as_str()).collect();
    assert_eq!(selectors, ["risk:max_score=60"]);
    assert_eq!(
        dropped[0].evidence[..2],
        [
            "feodo named 32.0.0.9/32 for c2, last on 2026-05-22",
            "other names 32.0.0.9/32 for c2, last on 2026-06-05",
        ]
    );
}

#[test]
fn whoever_keeps_an_address_out_is_named() {
    let moment = scene().at(1).deciding(60.0);
    let ruleset = ruleset();
    let compiled = moment.compile(&ruleset);
    let of = |ip: &str| {
        let ip = ip.parse().unwrap();
        explain(ip, &compiled, &ruleset, &moment.facts())
    };
    let office = of("31.0.0.3");
    assert!(!office.in_feed);
    assert_eq!(office.protected_by[0].reason, "office");
    let allowed = of("32.0.0.70");
    assert!(!allowed.in_feed && !allowed.protected_by.is_empty());
    let alone = of("33.0.0.1");
    assert!(!alone.in_feed);
    let shown = serde_json::to_value(&alone.left_out_by[0]).unwrap();
    assert_eq!(shown["reason"], "corroboration");
    assert_eq!(shown["asn"], 4);
    assert_eq!(of("8.8.8.8").protected_by[0].selector, "critical:google_dns");
}

#[test]
fn an_explanation_agrees_with_the_body_for_100_000_addresses() {
    let moment = scene().at(1).deciding(60.0);
    let ruleset = ruleset();
    let compiled = moment.compile(&ruleset);
    let facts = moment.facts();
    let bodies: Vec<asgard_model::Prefix> =
        compiled.entries().iter().map(|entry| entry.prefix).collect();
    let near = prop_oneof![
        (0u32..4 << 16)
            .prop_map(|low| IpAddr::from(((31u32 << 24) + low).to_be_bytes())),
        (0u32..512)
            .prop_map(|low| IpAddr::from(((32u32 << 24) + low).to_be_bytes())),
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|low| {
            let bits = 0x2a00_0001_u128 << 96 | low >> 31;
            IpAddr::from(bits.to_be_bytes())
        }),
    ];
    let config = ProptestConfig::with_cases(100_000);
    TestRunner::new(config)
        .run(&near, |ip| {
            let said = explain(ip, &compiled, &ruleset, &facts);
            let is = bodies.iter().any(|prefix| prefix.contains(ip));
            prop_assert_eq!(said.in_feed, is, "{}", ip);
            prop_assert_eq!(said.reasons.is_empty(), !is, "{}", ip);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_preview_counts_what_would_change() {
    let moment = scene().at(1);
    let before = moment.compile(&blocking(json!({ "ips": ["9.0.0.0/24"] })));
    let ips = json!({ "ips": ["9.0.0.0/24", "9.1.0.0/24", "10.0.0.0/24"] });
    let entry = json!({ "ip": "9.1.0.7", "reason": "printer" });
    let after = moment.compile(&protecting(blocking(ips), &[entry]));
    let routed = AddressSet::from_prefixes([prefix("2a00:1::/32")]);
    let preview = preview(&before, &after, &routed);
    assert_eq!(preview.entries.before, 1);
    assert_eq!(preview.entries.after, 10);
    assert_eq!(preview.entries.added, 9);
    assert_eq!(preview.addresses_v4.added, 511);
    assert_eq!(preview.splits.entries_added, 7);
    assert_eq!(preview.protected_hits.len(), 1);
    assert_eq!(preview.protected_hits[0].addresses_v4, 1);
    assert_eq!(preview.special_purpose, ["10.0.0.0/24"]);
    assert_eq!(preview.biggest[0], "9.0.0.0/24");
}
