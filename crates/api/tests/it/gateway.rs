//! `GET /gateway/table` and its changes.

use asgard_model::NetworkTable;

use crate::{
    app::{TestApp, keyed},
    world,
};
use axum::http::Method;
use serde_json::json;

#[tokio::test]
async fn the_table_knows_networks_with_the_scores_of_the_profiles() {
    let app = TestApp::start().await;
    let reply = app.get("/v1/gateway/table").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/octet-stream");
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    let table = NetworkTable::from_mmdb(&reply.body).unwrap();
    assert!(table.is_scored());
    let known = table.lookup("8.8.8.8".parse().unwrap()).unwrap();
    let profile = app.get("/v1/asn/15169").await.ok();
    assert_eq!(known.asn.0, 15_169);
    let (score, level) = known.risk.unwrap();
    assert_eq!(u64::from(score), profile["risk_score"].as_u64().unwrap());
    assert_eq!(level.as_str(), profile["risk_level"].as_str().unwrap());
}

#[tokio::test]
async fn who_has_the_table_is_told_so() {
    let app = TestApp::start().await;
    let first = app.get("/v1/gateway/table").await;
    let mut request = keyed(Method::GET, "/v1/gateway/table", &app.read);
    request = request.header("if-none-match", first.header("etag"));
    let again = app.send(crate::app::empty(request)).await;
    assert_eq!(again.status, 304);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn the_table_needs_a_key() {
    let app = TestApp::start().await;
    app.get_open("/v1/gateway/table").await.refused(403);
}

async fn whole(app: &TestApp) -> (NetworkTable, String) {
    let reply = app.get("/v1/gateway/table").await;
    assert_eq!(reply.status, 200);
    let table = NetworkTable::from_mmdb(&reply.body).unwrap();
    let version = reply.header("x-asgard-table").to_owned();
    assert_eq!(version, table.version().to_string());
    (table, version)
}

async fn trust(app: &TestApp, asn: u32) {
    let entry = json!({"asn": asn, "reason": "ours"});
    app.post("/v1/whitelist", &entry).await.ok();
}

#[tokio::test]
async fn changes_lead_to_the_table_of_now() {
    let app = TestApp::start().await;
    let (mut table, first) = whole(&app).await;
    for asn in [world::DROPPED, world::CRIMINAL, world::ABSENT] {
        trust(&app, asn).await;
        let path =
            format!("/v1/gateway/table/changes?since={}", table.version());
        let reply = app.get(&path).await;
        assert_eq!(reply.status, 200);
        // A network that nobody announces changes nothing.
        if asn != world::ABSENT {
            table = table.apply(&reply.body).unwrap();
        }
        assert_eq!(reply.header("x-asgard-table"), table.version().to_string());
    }
    let (now, _) = whole(&app).await;
    assert_eq!(now.version(), table.version());
    let known = table.lookup("198.51.100.9".parse().unwrap()).unwrap();
    assert_eq!(known.risk.map(|(score, _)| score), Some(100));
    // All at once, for who was away.
    let path = format!("/v1/gateway/table/changes?since={first}");
    let reply = app.get(&path).await;
    assert_eq!(reply.header("x-asgard-table"), table.version().to_string());
    assert!(reply.body.len() < 1000, "{} bytes", reply.body.len());
}

#[tokio::test]
async fn who_has_the_table_of_now_is_told_so() {
    let app = TestApp::start().await;
    let (_, version) = whole(&app).await;
    let path = format!("/v1/gateway/table/changes?since={version}");
    let reply = app.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    let request = keyed(Method::GET, &path, &app.read)
        .header("if-none-match", format!("\"{version}\""));
    let again = app.send(crate::app::empty(request)).await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn changes_since_an_unknown_table_are_gone_and_nonsense_is_refused() {
    let app = TestApp::start().await;
    let stranger = "0123456789abcdef".repeat(4);
    let path = format!("/v1/gateway/table/changes?since={stranger}");
    app.get(&path).await.refused(410);
    app.get_open(&path).await.refused(403);
    for since in ["", "since=", "since=1", "until=1"] {
        let path = format!("/v1/gateway/table/changes?{since}");
        app.get(&path).await.refused(422);
    }
    app.get("/v1/gateway/table/changes").await.refused(422);
}
