//! `POST /threat/feeds/preview`

use asgard_store::Scope;
use axum::http::Method;
use serde_json::json;

use super::office::{FEED, Office, refused};
use crate::app::{empty, keyed};

const PATH: &str = "/v1/threat/feeds/preview";

#[tokio::test]
async fn a_preview_counts_and_writes_nothing() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    let before = office.feed("").await;
    let body = json!({
        "rules": {"block": {"country": ["NL"], "ips": ["10.0.0.2"]}},
        "protected": [{"ip": "5.188.9.9", "reason": "x"}],
    });
    let shown = office.post(PATH, &body).await.ok();
    assert_eq!(shown["entries"]["before"], 1);
    // A host out of a /16, the rest of the country, and two addresses.
    assert_eq!(shown["entries"]["after"], 16 + 1 + 2, "{shown}");
    assert_eq!(shown["addresses_v4"]["added"], 65_535 + 1);
    assert!(shown["share_v4"].as_f64().unwrap() > 0.0);
    assert!(shown["guards"].is_array() && shown["budgets"].is_array());
    assert_eq!(office.feed("").await, before);
    let events = json!({"rules": [
        {"type": "access_rules", "action": "block", "ip": "10.0.0.3"},
    ]});
    let shown = office.post(PATH, &events).await.ok();
    assert_eq!(shown["entries"]["added"], 1);
}

#[tokio::test]
async fn the_budget_of_a_device_that_polls_is_shown_and_kept() {
    let mut feeds = asgard_api::FeedConfig {
        rate_limit_per_minute: 0,
        ..asgard_api::FeedConfig::default()
    };
    let tiny = "[tiny]\nmax_entries = 3\nper = \"list\"\naggregate = true\n";
    feeds.profiles = feeds.profiles.overridden_by(tiny).unwrap();
    let office = Office::with(feeds).await;
    office.block(json!({"ips": ["10.0.0.1", "10.0.0.5"]})).await;
    let path = format!("{FEED}?profile=tiny");
    assert_eq!(office.poll(&path).await.text().lines().count(), 2);
    let more = json!({"block": {"ips": ["10.0.1.1", "10.0.1.5"]}});
    let shown = office.post(PATH, &json!({"rules": more})).await.ok();
    let budget = json!([
        {"profile": "tiny", "entries": 4, "limit": 3, "fits": false},
    ]);
    assert_eq!(shown["budgets"], budget);
    let reply = office.post("/v1/access-rules", &more).await;
    let details = &refused(&reply, 422)["details"];
    assert_eq!(
        (&details["entries"], &details["limit"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(office.poll(&path).await.text().lines().count(), 2);
}

#[tokio::test]
async fn a_preview_that_does_not_fit_is_422() {
    let office = Office::open().await;
    for body in [
        json!([]),
        json!({"rule": {}}),
        json!({"rules": {"blok": {}}}),
        json!({"protected": {}}),
        json!({"params": {"x": 1}}),
    ] {
        refused(&office.post(PATH, &body).await, 422);
    }
    let reader = office.key("acme", Scope::Stream).await;
    let get = keyed(Method::GET, FEED, &reader);
    refused(&office.app.send(empty(get)).await, 403);
}
