//! `GET /asn/{asn}/history`

use asgard_model::Asn;
use asgard_store::Cycle;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    app::{NOW, TestApp},
    world,
};

/// `hours` hourly cycles up to now; the score falls at the newest one.
async fn with_history(hours: i64) -> TestApp {
    let app = TestApp::start().await;
    for hour in (0..hours).rev() {
        let at = Timestamp::from_second(NOW - hour * 3600).unwrap();
        let id = u64::try_from(hours - hour).unwrap();
        let cycle =
            Cycle { id, at, as_of: at, model_version: "m1-test".into() };
        let change = |score| vec![(Asn(world::GOOGLE), Some(score))];
        let changes = match hour {
            0 => change(93),
            h if h == hours - 1 => change(95),
            _ => vec![],
        };
        app.store.history.record_cycle(&cycle, &changes).await.unwrap();
    }
    app
}

#[tokio::test]
async fn a_page_has_the_documented_shape_newest_first() {
    let app = with_history(200).await;
    let path = "/v1/asn/15169/history?days=7&offset=0&limit=3";
    let body = app.get(path).await.ok();
    assert_eq!(
        body,
        json!({
            "asn": 15169,
            "total": 168,
            "offset": 0,
            "limit": 3,
            "data": [
                {"timestamp": "2026-03-29T10:00:00", "score": 93},
                {"timestamp": "2026-03-29T09:00:00", "score": 95},
                {"timestamp": "2026-03-29T08:00:00", "score": 95}
            ]
        })
    );
}

#[tokio::test]
async fn the_defaults_are_30_days_and_200_points() {
    let app = with_history(24 * 31).await;
    let body = app.get("/v1/asn/15169/history").await.ok();
    assert_eq!(body["total"], 24 * 30);
    assert_eq!(body["offset"], 0);
    assert_eq!(body["limit"], 200);
    assert_eq!(body["data"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap() {
    let app = with_history(50).await;
    let page = async |offset: u32, limit: u32| {
        let path =
            format!("/v1/asn/15169/history?offset={offset}&limit={limit}");
        app.get(&path).await.ok()["data"].as_array().unwrap().clone()
    };
    let whole = page(0, 1000).await;
    assert_eq!(whole.len(), 50);
    let mut joined = page(0, 20).await;
    joined.extend(page(20, 20).await);
    joined.extend(page(40, 20).await);
    assert_eq!(joined, whole);
    assert!(page(50, 20).await.is_empty());
}

#[tokio::test]
async fn limits_are_inclusive_and_beyond_them_is_422() {
    let app = with_history(3).await;
    let get = async |query: &str| {
        app.get(&format!("/v1/asn/15169/history?{query}")).await
    };
    for good in
        ["days=1", "days=365", "limit=1", "limit=1000", "offset=4294967295"]
    {
        get(good).await.ok();
    }
    for bad in [
        "days=0",
        "days=366",
        "days=-1",
        "days=x",
        "days=",
        "days=1.5",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "offset=-1",
        "offset=4294967296",
        "days=1&days=2",
        "page=2",
    ] {
        let message = get(bad).await.refused(422);
        assert!(message.contains("365"), "{bad}: {message}");
    }
}

#[tokio::test]
async fn a_scored_network_without_history_has_none_and_a_stranger_is_404() {
    let app = with_history(3).await;
    let body = app.get("/v1/asn/13335/history").await.ok();
    assert_eq!(body["total"], 0);
    assert_eq!(body["data"], json!([]));
    app.get("/v1/asn/64500/history").await.refused(404);
    app.get("/v1/asn/0/history").await.refused(400);
}

#[tokio::test]
async fn a_network_that_is_gone_keeps_its_history() {
    let app = TestApp::start().await;
    let at = Timestamp::from_second(NOW).unwrap();
    let cycle = Cycle { id: 1, at, as_of: at, model_version: "m1-test".into() };
    let changes = [(Asn(world::ABSENT), Some(20))];
    app.store.history.record_cycle(&cycle, &changes).await.unwrap();
    let body = app.get("/v1/asn/64500/history").await.ok();
    assert_eq!(body["data"][0]["score"], 20);
}
