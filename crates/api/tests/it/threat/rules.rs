//! `/access-rules`

use asgard_store::Scope;
use axum::http::Method;
use serde_json::json;

use super::office::{Office, done, refused};
use crate::app::{empty, keyed};

const RULES: &str = "/v1/access-rules";

#[tokio::test]
async fn a_rule_is_made_shown_replaced_changed_and_removed() {
    let office = Office::open().await;
    let reply = office
        .post(
            RULES,
            &json!({
                "name": "test", "description": "d",
                "block": {"ips": ["203.0.113.7/24"], "asn": [64496]},
            }),
        )
        .await;
    let rule = done(&reply, 201)["data"].clone();
    let id = rule["id"].as_str().unwrap();
    assert_eq!(rule["block"]["ips"], json!(["203.0.113.0/24"]));
    assert_eq!(rule["block"]["asn"], json!(["AS64496"]));
    for field in ["country", "risk", "lists"] {
        assert_eq!(rule["block"][field], json!([]), "{field}");
    }
    assert_eq!(rule["is_active"], true);
    assert_eq!(rule["created_at"], "2026-03-29T10:00:00Z");
    let path = format!("{RULES}/{id}");
    let shown = done(&office.get(&path).await, 200)["data"].clone();
    assert_eq!(shown, rule);
    let listed = done(&office.get(RULES).await, 200);
    assert_eq!(listed["data"], json!([rule]));
    let body = json!({"name": "new", "block": {"ips": ["10.0.0.1"]}});
    let reply = office.send(Method::PUT, &path, &office.operator, &body).await;
    assert_eq!(done(&reply, 200)["data"]["name"], "new");
    assert_eq!(office.feed("").await, "10.0.0.1/32\n");
    let body = json!({"is_active": false});
    let reply =
        office.send(Method::PATCH, &path, &office.operator, &body).await;
    assert_eq!(done(&reply, 200)["data"]["name"], "new", "kept");
    assert_eq!(office.feed("").await, "");
    done(&office.delete(&path).await, 200);
    refused(&office.get(&path).await, 404);
    refused(&office.delete(&path).await, 404);
}

#[tokio::test]
async fn resolved_countries_and_networks_are_objects_with_one_key() {
    let office = Office::open().await;
    let block = json!({
        "country": ["NL"], "asn": ["AS64496"], "ips": ["203.0.113.9"],
    });
    let id = office.block(block).await;
    let path = format!("{RULES}/{id}?resolve=true");
    let block = done(&office.get(&path).await, 200)["data"]["block"].clone();
    let country = json!([{"NL": ["5.188.0.0/16", "2a0b:64c0::/29"]}]);
    assert_eq!(block["country"], country);
    let asn = json!([{"AS64496": ["5.188.10.0/23", "2a0b:64c0::/32"]}]);
    assert_eq!(block["asn"], asn);
    assert_eq!(block["ips"], json!(["203.0.113.9/32"]));
}

#[tokio::test]
async fn a_page_of_rules_is_bounded_and_oldest_first() {
    let office = Office::open().await;
    for n in 1..=5 {
        office.app.pass_seconds(1);
        office.block(json!({"ips": [format!("10.0.0.{n}")]})).await;
    }
    let page = office.get(&format!("{RULES}?limit=2&offset=1")).await;
    let body = done(&page, 200);
    assert_eq!(body["total"], 5);
    let ips: Vec<_> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["block"]["ips"][0].as_str().unwrap())
        .collect();
    assert_eq!(ips, ["10.0.0.2/32", "10.0.0.3/32"]);
    for query in ["limit=0", "limit=1001", "offset=-1", "page=2", "resolve=x"] {
        refused(&office.get(&format!("{RULES}?{query}")).await, 422);
    }
}

#[tokio::test]
async fn what_is_unknown_malformed_or_forbidden_is_refused_with_its_field() {
    let office = Office::open().await;
    for (block, code) in [
        (json!({"asn": ["AS4200000000"]}), "UNKNOWN_ASN"),
        (json!({"country": ["EU"]}), "UNKNOWN_COUNTRY"),
        (json!({"lists": ["no-such-list"]}), "UNKNOWN_LIST"),
        (json!({"ips": ["127.0.0.0/8"]}), "NEVER_BLOCK"),
        (json!({"ips": ["0.0.0.0/0"]}), "NEVER_BLOCK"),
        (json!({"ips": ["224.0.0.1"]}), "NEVER_BLOCK"),
        (json!({"ips": ["nonsense"]}), "BAD_SELECTOR"),
        (json!({"risk": [{"max_score": 101}]}), "BAD_SELECTOR"),
        (json!({"iips": []}), "BAD_FIELD"),
    ] {
        let reply = office.post(RULES, &json!({"block": block})).await;
        let details = &refused(&reply, 422)["details"];
        assert_eq!(details["code"], code, "{block}: {details}");
    }
    refused(&office.post(RULES, &json!({"nam": "x"})).await, 422);
    assert_eq!(office.feed("").await, "");
}

#[tokio::test]
async fn a_share_of_the_internet_must_be_confirmed() {
    let office = Office::open().await;
    // A sixteenth and a thirty-second of all IPv4 addresses.
    let ips: Vec<String> = (64..90).map(|n| format!("{n}.0.0.0/8")).collect();
    let body = json!({"block": {"ips": ips}});
    let reply = office.post(RULES, &body).await;
    let details = refused(&reply, 409)["details"].clone();
    assert_eq!(details["code"], "GUARD_SHARE");
    let share = details["confirm_share"].as_f64().unwrap();
    assert!(share > 0.1 && share < 0.11, "{share}");
    let mut body = body;
    body["confirm_share"] = json!(share);
    let made = done(&office.post(RULES, &body).await, 201);
    assert!(made["data"]["warnings"].is_array(), "{made}");
}

#[tokio::test]
async fn a_rule_whose_country_grew_may_be_switched_off_but_not_on_again() {
    let mut feeds = asgard_api::FeedConfig {
        rate_limit_per_minute: 0,
        ..asgard_api::FeedConfig::default()
    };
    // Twice what the country has before it grows.
    feeds.settings.limits.confirm_share = 2.0 / 65_536.0;
    let office = Office::with(feeds).await;
    let id = office.block(json!({"country": ["NL"]})).await;
    office.app.publisher.set_world(super::internet::annexed());
    office.republish().await;
    let path = format!("{RULES}/{id}");
    let patch = async |body| {
        office.send(Method::PATCH, &path, &office.operator, &body).await
    };
    let renamed = done(&patch(json!({"name": "x"})).await, 200);
    let warning = renamed["data"]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("confirm_share"), "{warning}");
    done(&patch(json!({"is_active": false})).await, 200);
    assert_eq!(office.feed("").await, "");
    let details = refused(&patch(json!({"is_active": true})).await, 409);
    assert_eq!(details["details"]["code"], "GUARD_SHARE");
}

#[tokio::test]
async fn a_feed_that_grew_too_large_may_be_cut_down_rule_by_rule() {
    let mut feeds = asgard_api::FeedConfig {
        rate_limit_per_minute: 0,
        ..asgard_api::FeedConfig::default()
    };
    feeds.settings.limits.feed_share = 2.0 / 65_536.0;
    let office = Office::with(feeds).await;
    let large = office.block(json!({"country": ["NL"]})).await;
    let small = office.block(json!({"country": ["DE"]})).await;
    office.app.publisher.set_world(super::internet::annexed());
    office.republish().await;
    let patch = async |id: &str, body| {
        let path = format!("{RULES}/{id}");
        office.send(Method::PATCH, &path, &office.operator, &body).await
    };
    let off = json!({"is_active": false});
    done(&patch(&small, off.clone()).await, 200);
    let more = json!({"block": {"country": ["NL"], "ips": ["9.0.0.0/8"]}});
    let details = refused(&patch(&large, more).await, 409);
    let text = details["error"].as_str().unwrap();
    assert!(text.contains("(feeds.guards.feed_share)"), "{text}");
    done(&patch(&large, off).await, 200);
}

#[tokio::test]
async fn a_protected_address_is_not_blocked_by_name() {
    let office = Office::open().await;
    let body = json!({"block": {"ips": ["8.8.8.8"]}});
    let details = refused(&office.post(RULES, &body).await, 409);
    assert_eq!(details["details"]["code"], "PROTECTED");
    let body = json!({"block": {"ips": ["8.8.8.0/24"]}});
    let made = done(&office.post(RULES, &body).await, 201);
    assert!(made["data"]["warnings"].is_array(), "{made}");
    let text = office.feed("").await;
    assert_eq!(text.lines().count(), 8, "a host out of a /24: {text}");
    assert!(!text.contains("8.8.8.8/"), "{text}");
}

#[tokio::test]
async fn organisations_do_not_see_each_other() {
    let office = Office::open().await;
    let id = office.block(json!({"ips": ["10.0.0.1"]})).await;
    let other = office.key("zeta", Scope::Admin).await;
    let path = format!("{RULES}/{id}");
    for method in [Method::GET, Method::DELETE] {
        let reply = office.app.send(empty(keyed(method, &path, &other))).await;
        refused(&reply, 404);
    }
    for method in [Method::PUT, Method::PATCH] {
        let reply = office.send(method, &path, &other, &json!({})).await;
        refused(&reply, 404);
    }
    let feed = keyed(Method::GET, super::office::FEED, &other);
    assert_eq!(office.app.send(empty(feed)).await.text(), "");
    let list = office.app.send(empty(keyed(Method::GET, RULES, &other))).await;
    assert_eq!(done(&list, 200)["data"], json!([]));
    refused(&office.get(&format!("{RULES}/not-an-id")).await, 404);
}

/// An office in an Internet that is too small for a share of it to be any
/// network.
async fn without_budget() -> Office {
    let mut feeds = asgard_api::FeedConfig {
        rate_limit_per_minute: 0,
        ..asgard_api::FeedConfig::default()
    };
    feeds.settings.decision.max_space_share = None;
    Office::with(feeds).await
}

#[tokio::test]
async fn who_begins_to_block_a_risk_later_blocks_the_same_networks() {
    let office = without_budget().await;
    let rule = json!({"block": {"risk": [{"max_score": 30}]}});
    done(&office.post(RULES, &rule).await, 201);
    let before = office.feed("").await;
    assert!(!before.is_empty(), "the test would prove nothing");
    // What was bad an hour ago stays listed for a day, whoever asks.
    office.app.publisher.set_world(super::internet::reformed());
    office.republish().await;
    assert_eq!(office.feed("").await, before);
    let operator = office.key("other", Scope::RulesWrite).await;
    let reply = office.send(Method::POST, RULES, &operator, &rule).await;
    done(&reply, 201);
    let feed = keyed(Method::GET, super::office::FEED, &operator);
    let later = office.app.send(empty(feed)).await;
    assert_eq!(later.text(), before);
    let path = "/feeds/edl?max_score=30&expand=prefixes&guard=on";
    let edl = office.app.get_open(path).await;
    assert_eq!(edl.text(), before);
}

#[tokio::test]
async fn risk_selects_what_the_list_of_networks_selects() {
    let office = without_budget().await;
    office.block(json!({"risk": [{"max_score": 30}]})).await;
    let text = office.feed("").await;
    let path = "/feeds/edl?max_score=30&expand=prefixes&guard=on";
    let edl = office.app.get_open(path).await;
    assert_eq!(edl.status, 200, "{}", edl.text());
    assert_eq!(edl.text(), text);
    assert!(!text.is_empty(), "the test would prove nothing");
}
