//! Rules become entries.

use asgard_policy::feed::compile::{
    AllowMode, Expand, Fate, LastGood, Options, compile,
};
use serde_json::json;

use crate::scene::{
    BAD, Bad, Scene, blocking, hours, now, protecting, rules, texts,
};

fn quiet() -> Scene {
    Scene::default().route("31.0.0.0/16", 1).route("31.0.5.0/24", 2)
}

#[test]
fn the_rules_of_the_published_example_give_its_lines_in_numeric_order() {
    let ruleset = blocking(json!({ "ips": [
        "192.168.1.0/24", "192.168.1.100", "10.0.0.0/8", "2001:db8::/32",
        "2001:db8::1", "192.168.1.100/32",
    ]}));
    let compiled = quiet().at(1).compile(&ruleset);
    let expected = [
        "10.0.0.0/8",
        "192.168.1.0/24",
        "192.168.1.100/32",
        "2001:db8::/32",
        "2001:db8::1/128",
    ];
    assert_eq!(texts(&compiled), expected);
    assert_eq!(compiled.fate, Fate::Serve);
}

#[test]
fn no_rules_are_an_empty_feed() {
    let compiled = quiet().at(1).compile(&rules([]));
    assert!(compiled.is_empty());
    assert_eq!(compiled.fate, Fate::Serve);
}

#[test]
fn a_network_is_what_reaches_it_or_what_it_announces() {
    let moment = quiet().at(1);
    let ruleset = blocking(json!({ "asn": ["AS1"] }));
    let effective = texts(&moment.compile(&ruleset));
    assert!(!effective.contains(&"31.0.0.0/16".to_owned()), "{effective:?}");
    assert!(effective.contains(&"31.0.4.0/24".to_owned()));
    assert!(!effective.contains(&"31.0.5.0/24".to_owned()));
    let announced = Options { expand: Expand::Announced, ..Options::default() };
    let last_good = LastGood::default();
    let compiled =
        compile(&ruleset, &moment.facts(), announced, &last_good, now());
    assert_eq!(texts(&compiled), ["31.0.0.0/16"]);
}

#[test]
fn a_country_is_what_the_country_data_say() {
    let scene = quiet().country("5.0.0.0/16", "NL").country("2a00::/24", "NL");
    let compiled = scene.at(1).compile(&blocking(json!({"country": ["nl"]})));
    assert_eq!(texts(&compiled), ["5.0.0.0/16", "2a00::/24"]);
}

#[test]
fn derived_data_lose_special_space_and_explicit_entries_keep_it() {
    let scene = quiet()
        .route("10.0.0.0/8", 1)
        .route("203.0.113.0/24", 1)
        .route("fd00::/20", 1);
    let asn = scene.at(1).compile(&blocking(json!({ "asn": [1] })));
    assert!(texts(&asn).iter().all(|text| text.starts_with("31.")));
    let ips = json!({ "ips": ["10.0.0.0/8", "203.0.113.0/24", "fd00::/20"] });
    assert_eq!(scene.at(1).compile(&blocking(ips)).len(), 3);
}

#[test]
fn what_is_protected_is_split_out_exactly() {
    let ruleset = blocking(json!({ "ips": ["9.0.0.0/8", "9.1.2.3"] }));
    let entry = json!({ "ip": "9.1.2.3", "reason": "office" });
    let compiled = quiet().at(1).compile(&protecting(ruleset, &[entry]));
    // A host out of a /8 leaves 24 prefixes; so does 9.9.9.9, which is built
    // in, and both share the part of their paths that is common.
    let common = 4;
    assert_eq!(compiled.len(), 24 + 24 - common - 2);
    let space = compiled.space();
    assert_eq!(space.addresses_v4(), (1 << 24) - 2);
}

#[test]
fn a_network_or_a_country_can_be_protected() {
    let scene = quiet().country("31.0.0.0/20", "NL");
    let moment = scene.at(1);
    let rules = || blocking(json!({ "ips": ["31.0.0.0/16"] }));
    let of = |entry| {
        moment.compile(&protecting(rules(), &[entry])).space().addresses_v4()
    };
    assert_eq!(of(json!({ "asn": 2, "reason": "r" })), 65_536 - 256);
    assert_eq!(of(json!({ "country": "NL", "reason": "r" })), 65_536 - 4_096);
    let whitelisted = quiet().whitelist(2).at(1).compile(&rules());
    assert_eq!(whitelisted.space().addresses_v4(), 65_536 - 256);
}

#[test]
fn allow_takes_out_unless_it_is_ignored_and_protected_always_does() {
    let ruleset = rules([json!({
        "block": { "ips": ["9.0.0.0/24"] },
        "allow": { "ips": ["9.0.0.0/25"] },
    })]);
    let entry = json!({ "ip": "9.0.0.192/26", "reason": "r" });
    let ruleset = protecting(ruleset, &[entry]);
    let moment = quiet().at(1);
    assert_eq!(texts(&moment.compile(&ruleset)), ["9.0.0.128/26"]);
    let ignore = Options { allow: AllowMode::Ignore, ..Options::default() };
    let last_good = LastGood::default();
    let parity = compile(&ruleset, &moment.facts(), ignore, &last_good, now());
    assert_eq!(texts(&parity), ["9.0.0.0/25", "9.0.0.128/26"]);
}

#[test]
fn a_rule_ends_at_its_second_and_so_does_protection() {
    let end = "2026-06-05T13:00:00Z";
    let ruleset = rules([
        json!({ "block": { "ips": ["9.0.0.1"] }, "expires_at": end }),
        json!({ "block": { "ips": ["9.0.0.2"] } }),
        json!({ "block": { "ips": ["9.0.0.3"] }, "is_active": false }),
    ]);
    let entry = json!({ "ip": "9.0.0.2", "reason": "r", "expires_at": end });
    let ruleset = protecting(ruleset, &[entry]);
    let moment = quiet().at(1);
    let at = |time| {
        let last_good = LastGood::default();
        let options = Options::default();
        compile(&ruleset, &moment.facts(), options, &last_good, time)
    };
    let end = hours(1);
    let before = end - jiff::SignedDuration::from_secs(1);
    assert_eq!(texts(&at(before)), ["9.0.0.1/32"]);
    assert_eq!(at(before).next_expiry, Some(end));
    assert_eq!(texts(&at(end)), ["9.0.0.2/32"]);
    assert_eq!(at(end).next_expiry, None);
}

#[test]
fn an_entry_of_two_rules_stays_until_the_last_of_them_ends() {
    let draft = |end: Option<&str>| json!({ "block": { "ips": ["9.0.0.1"] }, "expires_at": end });
    let compiled = quiet().at(1).compile(&rules([
        draft(Some("2026-06-05T13:00:00Z")),
        draft(Some("2026-06-05T15:00:00Z")),
    ]));
    assert_eq!(compiled.len(), 1);
    assert_eq!(compiled.entries()[0].cause.expires_at, Some(hours(3)));
}

#[test]
fn a_named_list_is_what_its_newest_version_names() {
    let scene = quiet()
        .named("31.0.0.1", "feodo", 0)
        .named("31.0.0.2", "feodo", 3)
        .named("31.0.0.3", "other", 0)
        .listed_block("31.0.8.0/22", "drop");
    let of = |name: &str| {
        texts(&scene.at(1).compile(&blocking(json!({ "lists": [name] }))))
    };
    assert_eq!(of("feodo"), ["31.0.0.1/32"]);
    assert_eq!(of("DROP"), ["31.0.8.0/22"]);
    let mut moment = scene.at(1);
    moment.settings.withheld_lists.insert("feodo".into());
    let withheld = moment.compile(&blocking(json!({ "lists": ["feodo"] })));
    assert!(withheld.is_empty(), "its terms forbid to pass it on");
}

#[test]
fn what_a_list_dropped_is_not_blocked_because_another_names_it() {
    let scene = quiet()
        .named("31.0.0.1", "feodo", 0)
        .named("31.0.0.2", "feodo", 9)
        .named("31.0.0.2", "other", 0);
    let of = |scene: &Scene, name: &str| {
        texts(&scene.at(1).compile(&blocking(json!({ "lists": [name] }))))
    };
    assert_eq!(of(&scene, "feodo"), ["31.0.0.1/32"]);
    assert_eq!(of(&scene, "other"), ["31.0.0.2/32"]);
    // A list of which others name every address has a newest version too.
    let shared = scene.named("31.0.0.1", "other", 0);
    assert_eq!(of(&shared, "feodo"), ["31.0.0.1/32"]);
}

#[test]
fn a_block_or_network_that_is_too_short_is_withheld_from_a_risk_rule() {
    let scene = quiet()
        .route("32.0.0.0/18", 3)
        .route("33.0.0.0/24", 3)
        .bad(3, Bad { hosting: 4_000.0, ..BAD })
        .listed_block("31.0.0.0/17", "drop")
        .listed_block("31.0.128.0/22", "drop");
    let mut moment = scene.at(1).deciding(50.0);
    moment.settings.limits.min_prefix4 = 20;
    let rule = blocking(json!({ "risk": [{ "max_score": 50 }] }));
    let compiled = moment.compile(&rule);
    assert_eq!(texts(&compiled), ["31.0.128.0/22", "33.0.0.0/24"]);
    let withheld: Vec<&str> =
        compiled.withheld.iter().map(|w| w.prefix.as_str()).collect();
    assert_eq!(withheld, ["31.0.0.0/17", "32.0.0.0/18"]);
    assert!(compiled.withheld.iter().all(|w| w.guard == "min_prefix"));
}

#[test]
fn networks_that_are_blocked_as_a_whole_are_named_for_routers() {
    let scene = quiet().route("32.0.0.0/24", 3).bad(3, BAD);
    let ruleset = blocking(json!({
        "asn": [1, 2], "risk": [{ "max_score": 50 }],
    }));
    let entry = json!({ "ip": "31.0.0.9", "reason": "r" });
    let compiled = scene.at(1).compile(&protecting(ruleset, &[entry]));
    let asns: Vec<u32> = compiled.asns.iter().map(|asn| asn.0).collect();
    assert_eq!(asns, [2, 3], "AS1 has a protected host in it");
}

#[test]
fn equal_arguments_give_equal_feeds() {
    let scene = quiet().country("5.0.0.0/16", "NL").bad(2, BAD);
    let ruleset = blocking(json!({
        "asn": [1], "country": ["NL"], "risk": [{ "max_score": 90 }],
    }));
    let moment = scene.at(1);
    let (a, b) = (moment.compile(&ruleset), moment.compile(&ruleset));
    assert_eq!(a.entries(), b.entries());
    assert_eq!(a.last_good, b.last_good);
    let kept = serde_json::to_string(&a.last_good).unwrap();
    let read: LastGood = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, a.last_good);
    let again = moment.compile_on(&ruleset, &read);
    assert_eq!(again.entries(), a.entries());
}
