//! `GET /threat?ip=` and `GET /explain?ip=`

use asgard_store::Scope;
use axum::http::Method;
use serde_json::{Value, json};

use super::office::{Office, refused};
use crate::app::{empty, keyed};

/// Every key is there and not null, but for two dates.
fn check(value: &Value, path: &str) {
    match value {
        Value::Null => {
            let dates = ["/intel/first_seen", "/intel/last_seen"];
            assert!(dates.contains(&path), "{path} is null");
        }
        Value::Object(map) => {
            for (name, inner) in map {
                check(inner, &format!("{path}/{name}"));
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_key_is_always_there() {
    let office = Office::open().await;
    for ip in ["5.188.10.7", "8.8.8.8", "192.0.2.1", "2001:db8::1", "::1"] {
        let body = office.poll(&format!("/v1/threat?ip={ip}")).await.ok();
        check(&body, "");
        assert_eq!(body["ip"], ip);
        assert_eq!(body["tenant_id"], "acme");
        assert!(body["ttl_s"].as_u64().unwrap() >= 1);
        for key in [
            "score",
            "confidence",
            "score_version",
            "categories",
            "tags",
            "first_seen",
            "last_seen",
            "source_count",
            "reason_code",
            "reason_summary",
            "rule_id",
        ] {
            assert!(body["intel"].get(key).is_some(), "{key}");
        }
        for key in ["country", "country_code", "iso_code", "asniso_code"] {
            assert!(body["context"]["geo"].get(key).is_some(), "{key}");
        }
    }
}

#[tokio::test]
async fn lists_say_since_when_and_until_when_they_name_an_address() {
    let office = Office::open().await;
    office.app.publisher.set_world(super::internet::named());
    office.republish().await;
    let body = office.poll("/v1/threat?ip=185.100.84.7").await.ok();
    assert_eq!(body["intel"]["source_count"], 2);
    assert_eq!(body["intel"]["first_seen"], "2026-01-02T00:00:00Z");
    assert_eq!(body["intel"]["last_seen"], "2026-03-28T00:00:00Z");
    let body = office.poll("/v1/threat?ip=185.100.84.8").await.ok();
    assert_eq!(body["intel"]["first_seen"], Value::Null);
}

#[tokio::test]
async fn no_data_is_a_score_of_0_and_allow() {
    let office = Office::open().await;
    let body = office.poll("/v1/threat?ip=192.0.2.1").await.ok();
    assert_eq!(body["intel"]["score"], 0);
    assert_eq!(body["intel"]["reason_code"], "NO_DATA");
    assert_eq!(body["advice"], "allow");
    assert_eq!(body["context"]["asn"], 0);
}

#[tokio::test]
async fn a_rule_makes_the_advice_block_and_100_is_worst() {
    let office = Office::open().await;
    let id = office.block(json!({"asn": ["AS64496"]})).await;
    let body = office.poll("/v1/threat?ip=5.188.10.7").await.ok();
    assert_eq!(body["advice"], "block");
    assert_eq!(body["intel"]["reason_code"], "RULE_BLOCK");
    assert_eq!(body["intel"]["rule_id"], id);
    assert!(body["intel"]["score"].as_u64().unwrap() >= 90);
    assert_eq!(body["context"]["asn"], 64496);
    assert_eq!(body["context"]["geo"]["country"], "Netherlands");
    let admin = office.key("zeta", Scope::Admin).await;
    let path = "/v1/threat?ip=5.188.10.7";
    let theirs = office.app.send(empty(keyed(Method::GET, path, &admin))).await;
    assert_ne!(theirs.ok()["advice"], "block", "it is not their rule");
}

#[tokio::test]
async fn what_is_no_address_is_400() {
    let office = Office::open().await;
    for endpoint in ["threat", "explain"] {
        for query in ["", "?ip=", "?ip=x", "?ip=1.2.3", "?ip=1.2.3.4/24"] {
            let path = format!("/v1/{endpoint}{query}");
            refused(&office.poll(&path).await, 400);
        }
        let path = format!("/v1/{endpoint}?ip=1.2.3.4&x=1");
        refused(&office.poll(&path).await, 422);
    }
}

#[tokio::test]
async fn an_explanation_agrees_with_the_feed_for_every_address() {
    let office = Office::open().await;
    office
        .block(json!({
            "ips": ["45.9.1.0/24"], "asn": [64497], "country": ["NL"],
        }))
        .await;
    let entry = json!({"ip": "185.100.85.0/24", "reason": "x"});
    office.post("/v1/protected", &entry).await;
    let text = office.feed("").await;
    let prefixes: Vec<asgard_model::Prefix> =
        text.lines().map(|line| line.parse().unwrap()).collect();
    let near = [
        "45.9.0.255",
        "45.9.1.0",
        "45.9.1.255",
        "45.9.2.0",
        "45.9.4.9",
        "185.100.84.1",
        "185.100.85.1",
        "185.100.87.255",
        "185.100.88.0",
        "5.187.255.255",
        "5.188.0.0",
        "2a0b:64c7::1",
        "2a0b:64c8::1",
    ];
    for ip in near {
        let why = office.poll(&format!("/v1/explain?ip={ip}")).await.ok();
        let listed = prefixes.iter().any(|p| p.contains(ip.parse().unwrap()));
        assert_eq!(why["in_feed"], listed, "{ip}: {why}");
        assert_eq!(why["reasons"] != json!([]), listed, "{ip}: {why}");
    }
}
