//! `GET /gateway/table`

use asgard_model::NetworkTable;

use crate::app::{TestApp, keyed};
use axum::http::Method;

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
