//! `GET /status`

use asgard_model::SourceStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::{NOW, TestApp};

#[tokio::test]
async fn it_says_what_is_served_and_from_where() {
    let app = TestApp::start().await;
    let body = app.get("/v1/status").await.ok();
    assert_eq!(body["as_of"], "2026-03-29T09:00:00Z");
    assert_eq!(body["routing"], "announced-prefixes 2026-03-29");
    assert_eq!(body["coverage"], 1.0);
    assert_eq!(body["demo"], false);
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    let snapshot = &body["snapshot"];
    assert_eq!(snapshot["serial"], 1);
    assert_eq!(snapshot["created"], "2026-03-29T10:00:00Z");
    assert_eq!(snapshot["asns"], 6);
    assert_eq!(snapshot["prefixes"], 5);
    assert_eq!(snapshot["whitelisted"], 0);
    assert_eq!(snapshot["demo"], false);
    assert!(snapshot["model_version"].is_string());
}

#[tokio::test]
async fn each_source_has_a_line_with_its_age() {
    let app = TestApp::start().await;
    let at = |ago: i64| Timestamp::from_second(NOW - ago).ok();
    app.live.set_sources(vec![
        SourceStatus {
            name: "drop".into(),
            role: "threat:drop".into(),
            family: "spamhaus".into(),
            enabled: true,
            last_attempt: at(5),
            last_success: at(3600),
            data_date: at(7200),
            rows: Some(1500),
            bytes: Some(90_000),
            last_error: Some("timed out".into()),
            stale: true,
            licence: "fair use".into(),
            attribution: None,
        },
        SourceStatus { name: "new".into(), ..SourceStatus::default() },
    ]);
    let body = app.get("/v1/status").await.ok();
    assert_eq!(
        body["sources"][0],
        json!({
            "name": "drop",
            "role": "threat:drop",
            "family": "spamhaus",
            "enabled": true,
            "last_attempt": "2026-03-29T09:59:55Z",
            "last_success": "2026-03-29T09:00:00Z",
            "age_seconds": 3600,
            "rows": 1500,
            "bytes": 90_000,
            "data_date": "2026-03-29T08:00:00Z",
            "last_error": "timed out",
            "stale": true,
            "licence": "fair use",
            "attribution": null
        })
    );
    let new = &body["sources"][1];
    for name in ["last_attempt", "last_success", "age_seconds", "rows"] {
        assert_eq!(new[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn it_answers_before_the_first_snapshot() {
    let app = TestApp::without_world(0).await;
    let body = app.get("/v1/status").await.ok();
    for name in ["as_of", "snapshot", "routing", "coverage"] {
        assert_eq!(body[name], Value::Null, "{name}");
    }
    assert_eq!(body["sources"], json!([]));
}
