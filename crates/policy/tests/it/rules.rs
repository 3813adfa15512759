//! Rules as they are sent: what is read, and what is refused with which words.

use asgard_policy::access::{
    Code, MadeBy, ProtectedDraft, Refusal, Rule, RuleDraft, RulePatch,
    check_protected, check_rule,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{Scene, now, protecting, rules};

fn refused(draft: Value) -> Refusal {
    RuleDraft::read(&draft, now()).unwrap_err()
}

fn rule(draft: Value) -> Rule {
    let draft = RuleDraft::read(&draft, now()).unwrap();
    draft.into_rule(Uuid::from_u128(1), MadeBy::Operator, now())
}

#[test]
fn thirty_spellings_of_addresses_have_one_form_each() {
    for (text, canonical) in [
        ("10.1.2.3/16", "10.1.0.0/16"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.3/32", "10.1.2.3/32"),
        ("203.0.113.77/28", "203.0.113.64/28"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1/128"),
        ("2001:db8::1:0:0:1/128", "2001:db8::1:0:0:1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
        ("::ffff:c000:207", "192.0.2.7/32"),
        ("2a00::/12", "2a00::/12"),
        ("1.0.0.0/9", "1.0.0.0/9"),
        ("1.255.0.0/9", "1.128.0.0/9"),
        ("2001:db8:ffff::/33", "2001:db8:8000::/33"),
    ] {
        let block = json!({ "block": { "ips": [text] } });
        assert_eq!(rule(block).block.ips[0].to_string(), canonical, "{text}");
    }
    for text in [
        "0.0.0.0/0",
        "1.2.3.4/0",
        "::/0",
        "::ffff:0:0/96",
        "::/8",
        "",
        "1.2.3",
        "1.2.3.4/33",
        "1.2.3.4/",
        "::1/129",
        "AS174",
        "example.com",
        " 1.2.3.4",
        "01.2.3.4",
        "1.2.3.4-1.2.3.9",
    ] {
        let refusal = refused(json!({ "block": { "ips": ["9.0.0.1", text] } }));
        assert_eq!(refusal.field, "block.ips[1]", "{text}");
    }
}

#[test]
fn a_refusal_names_the_field_and_the_way_out() {
    for (draft, code, field, words) in [
        (json!([]), Code::BadField, "", "object"),
        (json!({"nam": ""}), Code::BadField, "nam", "known are name"),
        (json!({"block": {"ip": []}}), Code::BadField, "block.ip", "ips"),
        (json!({"block": {"ips": "x"}}), Code::BadField, "block.ips", "list"),
        (json!({"name": 1}), Code::BadField, "name", "text"),
        (json!({"name": "a\u{0}"}), Code::BadField, "name", "control"),
        (json!({"name": "x".repeat(201)}), Code::TooMany, "name", "200"),
        (json!({"is_active": "yes"}), Code::BadField, "is_active", "true"),
        (
            json!({"expires_at": "2020-01-01T00:00:00Z"}),
            Code::BadExpiration,
            "expires_at",
            "future",
        ),
        (json!({"expires_at": 5}), Code::BadExpiration, "expires_at", "null"),
        (json!({"confirm_share": 12}), Code::BadField, "confirm_share", "1"),
        (
            json!({"block": {"asn": ["AS0"]}}),
            Code::BadSelector,
            "block.asn[0]",
            "AS64496",
        ),
        (
            json!({"block": {"country": ["UK1"]}}),
            Code::UnknownCountry,
            "block.country[0]",
            "NL",
        ),
        (
            json!({"block": {"risk": [{"max_score": 101}]}}),
            Code::BadSelector,
            "block.risk[0].max_score",
            "0 to 100",
        ),
        (
            json!({"block": {"risk": [{}]}}),
            Code::BadSelector,
            "block.risk[0]",
            "max_score",
        ),
        (
            json!({"block": {"risk": [{"level": "BAD"}]}}),
            Code::BadSelector,
            "block.risk[0].level",
            "CRITICAL",
        ),
        (
            json!({"block": {"lists": ["a b"]}}),
            Code::BadSelector,
            "block.lists[0]",
            "spamhaus-drop",
        ),
        (
            json!({"block": {"ips": vec!["9.0.0.1"; 100_001]}}),
            Code::TooMany,
            "block.ips",
            "several rules",
        ),
    ] {
        let refusal = refused(draft.clone());
        assert_eq!((refusal.code, &*refusal.field), (code, field), "{draft}");
        assert!(refusal.message.contains(words), "{refusal}");
    }
}

#[test]
fn a_patch_changes_what_it_names() {
    let old = rule(json!({
        "name": "a", "description": "b",
        "block": { "ips": ["9.0.0.1"] }, "expires_at": "2026-07-01T00:00:00Z",
    }));
    let patch = json!({ "is_active": false, "expires_at": null, "name": null });
    let new = RulePatch::read(&patch, now()).unwrap().apply(&old, now());
    assert!(!new.is_active && new.expires_at.is_none() && new.name.is_empty());
    assert_eq!((&new.description, &new.block), (&old.description, &old.block));
    assert!(RulePatch::read(&json!({ "made_by": "signal" }), now()).is_err());
}

fn scene() -> Scene {
    Scene::default()
        .route("31.0.0.0/24", 1)
        .silent(2)
        .country("5.0.0.0/16", "GB")
        .country("64.0.0.0/3", "US")
        .named("31.0.0.5", "feodo", 0)
}

fn check(draft: Value) -> Result<Vec<String>, Refusal> {
    let entry = json!({ "ip": "31.0.0.8/29", "reason": "office" });
    let ruleset = protecting(rules([]), &[entry]);
    let moment = scene().whitelist(7).at(1);
    check_rule(&rule(draft), None, &ruleset, &moment.facts(), now())
}

#[test]
fn a_rule_must_be_known_to_the_data_and_allowed_to_be_blocked() {
    for (block, code, field) in [
        (json!({"asn": [1, 99]}), Code::UnknownAsn, "block.asn[1]"),
        (json!({"country": ["UK"]}), Code::UnknownCountry, "block.country[0]"),
        (json!({"country": ["EU"]}), Code::UnknownCountry, "block.country[0]"),
        (json!({"lists": ["nil"]}), Code::UnknownList, "block.lists[0]"),
        (json!({"ips": ["127.0.0.1"]}), Code::NeverBlock, "block.ips[0]"),
        (json!({"ips": ["224.0.0.0/3"]}), Code::NeverBlock, "block.ips[0]"),
        (json!({"ips": ["fe80::/9"]}), Code::NeverBlock, "block.ips[0]"),
        (json!({"ips": ["255.255.255.255"]}), Code::NeverBlock, "block.ips[0]"),
        (json!({"ips": ["31.0.0.9"]}), Code::Protected, "block.ips[0]"),
        (json!({"ips": ["1.1.1.1"]}), Code::Protected, "block.ips[0]"),
        (json!({"asn": [7]}), Code::Protected, "block.asn[0]"),
        (json!({"country": ["US"]}), Code::GuardShare, "confirm_share"),
    ] {
        let refusal = check(json!({ "block": block })).unwrap_err();
        assert_eq!((refusal.code, &*refusal.field), (code, field), "{block}");
    }
    let uk = check(json!({ "block": { "country": ["UK"] } })).unwrap_err();
    assert!(uk.message.contains("GB"), "{uk}");
}

#[test]
fn what_is_allowed_may_come_with_a_warning() {
    let warnings = |block| check(json!({ "block": block })).unwrap();
    assert_eq!(warnings(json!({ "asn": [2] })), [] as [&str; 0]);
    assert_eq!(warnings(json!({ "lists": ["feodo"] })), [] as [&str; 0]);
    let part = warnings(json!({ "asn": [1] }));
    assert!(part[0].contains("8 of 256"), "{part:?}");
}

#[test]
fn a_large_share_passes_with_the_confirmation_that_is_shown() {
    let draft = |share: Option<f64>| json!({ "block": { "country": ["US"] }, "confirm_share": share });
    let refusal = check(draft(None)).unwrap_err();
    assert!((refusal.share_v4.unwrap() - 0.125).abs() < 1e-9);
    let shown = refusal.confirm_share;
    assert!(check(draft(Some(0.12))).is_err());
    assert!(check(draft(shown)).is_ok());
}

#[test]
fn a_network_that_vanished_does_not_freeze_its_rule() {
    let gone = rule(json!({ "block": { "asn": [99] } }));
    let moment = scene().at(1);
    let ruleset = rules([]);
    let facts = moment.facts();
    assert!(check_rule(&gone, None, &ruleset, &facts, now()).is_err());
    let off = Rule { is_active: false, ..gone.clone() };
    assert!(check_rule(&off, Some(&gone), &ruleset, &facts, now()).is_ok());
}

/// A rule that costs an eighth of IPv4, where a tenth needs a confirmation.
fn costly() -> Rule {
    rule(json!({
        "block": { "country": ["US", "GB"] }, "allow": { "asn": [98, 99] },
    }))
}

fn change(old: &Rule, patch: Value) -> Result<Vec<String>, Refusal> {
    let patch = RulePatch::read(&patch, now()).unwrap();
    let new = patch.apply(old, now());
    let moment = scene().at(1);
    check_rule(&new, Some(old), &rules([]), &moment.facts(), now())
}

#[test]
fn a_rule_that_costs_too_much_may_be_switched_off_renamed_and_narrowed() {
    let old = costly();
    for (patch, warns) in [
        (json!({ "is_active": false }), false),
        (json!({ "description": "x" }), true),
        (json!({ "expires_at": "2026-07-01T00:00:00Z" }), true),
        (json!({ "block": { "country": ["US"] } }), true),
        (json!({ "block": { "country": ["GB"] } }), false),
        (json!({ "confirm_share": 0.13 }), true),
    ] {
        let warnings = change(&old, patch.clone()).unwrap();
        let share = |text: &String| text.contains("12.50 %");
        assert_eq!(warnings.iter().any(share), warns, "{patch} {warnings:?}");
    }
}

#[test]
fn a_rule_that_costs_too_much_is_checked_when_it_comes_into_force() {
    let refusal = |old: &Rule, patch: Value| {
        let refused = change(old, patch.clone());
        assert_eq!(refused.unwrap_err().code, Code::GuardShare, "{patch}");
    };
    let off = Rule { is_active: false, ..costly() };
    refusal(&off, json!({ "is_active": true }));
    change(&off, json!({ "description": "x" })).unwrap();
    let ended = Rule { expires_at: Some(now()), ..costly() };
    refusal(&ended, json!({ "expires_at": null }));
    change(&ended, json!({ "description": "x" })).unwrap();
    let wider = json!({ "country": ["US", "GB"], "ips": ["9.0.0.1"] });
    refusal(&costly(), json!({ "block": wider }));
    refusal(&costly(), json!({ "confirm_share": 0.12 }));
}

#[test]
fn an_allowed_network_that_vanished_does_not_freeze_its_rule() {
    for patch in [
        json!({ "is_active": false }),
        json!({ "description": "x" }),
        json!({ "allow": { "asn": [99] } }),
    ] {
        change(&costly(), patch).unwrap();
    }
    let new = json!({ "allow": { "asn": [97, 99] } });
    let refusal = change(&costly(), new).unwrap_err();
    assert_eq!((refusal.code, &*refusal.field), (Code::UnknownAsn, "allow"));
}

#[test]
fn a_protected_entry_needs_one_target_and_a_reason() {
    let read = |value: Value| ProtectedDraft::read(&value, now());
    for (value, field) in [
        (json!({"ip": "9.0.0.1"}), "reason"),
        (json!({"ip": "9.0.0.1", "reason": "  "}), "reason"),
        (json!({"reason": "r"}), ""),
        (json!({"ip": "9.0.0.1", "asn": 1, "reason": "r"}), ""),
        (json!({"ip": "0.0.0.0/0", "reason": "r"}), "ip"),
        (json!({"ip": "9.0.0.1", "reason": "r", "source": "x"}), "source"),
    ] {
        assert_eq!(read(value.clone()).unwrap_err().field, field, "{value}");
    }
    let uk = read(json!({ "country": "UK", "reason": "r" })).unwrap();
    let source = asgard_policy::access::ProtectedSource::Operator;
    let entry = uk.into_entry(Uuid::from_u128(1), source, now());
    let shown = serde_json::to_value(&entry).unwrap();
    assert_eq!(shown["country"], "UK");
    assert_eq!(shown["source"], "operator");
    assert_eq!(serde_json::from_value::<_>(shown).ok(), Some(entry.clone()));
    let moment = scene().at(1);
    let refusal = check_protected(&entry, &rules([]), &moment.facts());
    assert_eq!(refusal.unwrap_err().code, Code::UnknownCountry);
}
