//! Versions: pins, stages, and back.

use std::time::Duration;

use asgard_api::FeedConfig;
use serde_json::json;

use super::office::{FEED, Office, done, refused};

#[tokio::test]
async fn a_pinned_version_stays_what_it_was() {
    let office = Office::open().await;
    for n in 1..=3 {
        office.block(json!({"ips": [format!("10.0.0.{n}")]})).await;
    }
    assert_eq!(office.feed("?version=1").await, "10.0.0.1/32\n");
    assert_eq!(office.feed("?version=3").await, office.feed("").await);
    refused(&office.poll(&format!("{FEED}?version=9")).await, 404);
    let listed = done(&office.get(&format!("{FEED}/versions")).await, 200);
    let versions: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [3, 2, 1]);
}

#[tokio::test]
async fn back_is_a_new_version_with_the_rules_of_the_old() {
    let office = Office::open().await;
    let first = office.block(json!({"ips": ["10.0.0.1"]})).await;
    office.delete(&format!("/v1/access-rules/{first}")).await;
    office.block(json!({"ips": ["10.0.0.2"]})).await;
    let entry = json!({"ip": "10.9.9.9", "reason": "x"});
    done(&office.post("/v1/protected", &entry).await, 201);
    let path = format!("{FEED}/rollback");
    let back = done(&office.post(&path, &json!({"version": 1})).await, 200);
    assert_eq!(back["data"]["version"], 5);
    assert_eq!(office.feed("").await, "10.0.0.1/32\n");
    let listed = done(&office.get("/v1/protected").await, 200);
    let kept = listed["data"].to_string();
    assert!(kept.contains("10.9.9.9"), "protection is never rolled back");
    for never in [0, 99, u64::MAX] {
        let body = json!({"version": never});
        refused(&office.post(&path, &body).await, 404);
    }
    let far = format!("{FEED}?version={}", u64::MAX);
    refused(&office.poll(&far).await, 404);
    refused(&office.post(&path, &json!({})).await, 422);
    refused(&office.post(&path, &json!({"version": 1, "x": 1})).await, 422);
}

#[tokio::test]
async fn stable_waits_for_blocks_and_never_for_what_opens() {
    let feeds = FeedConfig {
        rate_limit_per_minute: 0,
        stage_delay: Duration::from_mins(10),
        ..FeedConfig::default()
    };
    let office = Office::with(feeds).await;
    let id = office.block(json!({"ips": ["10.0.0.1", "10.0.0.9"]})).await;
    assert_eq!(office.feed("").await, "", "not ripe");
    let canary = office.feed("?channel=canary").await;
    assert_eq!(canary, "10.0.0.1/32\n10.0.0.9/32\n");
    office.app.pass_seconds(600);
    assert_eq!(office.feed("").await, canary, "ripe");
    office.block(json!({"ips": ["10.0.0.2"]})).await;
    assert_eq!(office.feed("").await, canary, "the second waits");
    let entry = json!({"ip": "10.0.0.9", "reason": "x"});
    done(&office.post("/v1/protected", &entry).await, 201);
    assert_eq!(office.feed("").await, "10.0.0.1/32\n", "protection is at once");
    office.delete(&format!("/v1/access-rules/{id}")).await;
    assert_eq!(office.feed("").await, "", "removal is at once");
    let path = format!("{FEED}/publish");
    done(&office.post(&path, &json!({})).await, 200);
    assert_eq!(office.feed("").await, "10.0.0.2/32\n", "an operator says so");
}

#[tokio::test]
async fn stable_keeps_what_was_ripe_however_long_it_waits_and_much_is_written()
{
    let feeds = FeedConfig {
        rate_limit_per_minute: 0,
        stage_delay: Duration::from_hours(48),
        ..FeedConfig::default()
    };
    let office = Office::with(feeds).await;
    for n in 1..=60i64 {
        office.block(json!({"ips": [format!("10.0.0.{n}")]})).await;
        // Version v was written at 5,000 * v seconds.
        let ripe = (n * 5_000 - 48 * 3_600).max(0) / 5_000;
        let stable = office.feed("").await.lines().count();
        assert_eq!(i64::try_from(stable), Ok(ripe), "after version {n}");
        office.app.pass_seconds(5_000);
    }
}
