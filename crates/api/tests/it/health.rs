//! `/health`, `/livez`, `/readyz`

use serde_json::json;

use crate::app::{Fault, TestApp};

#[tokio::test]
async fn a_healthy_process_has_the_documented_body() {
    let app = TestApp::start().await;
    let body = app.get_open("/health").await.ok();
    assert_eq!(
        body,
        json!({
            "status": "healthy",
            "timestamp": "2026-03-29T10:00:00.000000",
            "version": env!("CARGO_PKG_VERSION"),
            "dependencies": {"store": "up"},
            "ready": true
        })
    );
}

#[tokio::test]
async fn before_the_first_snapshot_the_process_lives_and_is_not_ready() {
    let app = TestApp::without_world(0).await;
    assert_eq!(app.get_open("/livez").await.ok()["status"], "alive");
    let ready = app.get_open("/readyz").await;
    ready.refused(503);
    assert_eq!(ready.header("retry-after"), "5");
    let health = app.get_open("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["status"], "degraded");
    assert_eq!(health.json()["dependencies"]["store"], "up");
    assert_eq!(health.json()["ready"], false);
    app.publisher.set_world(crate::world::world());
    let entry = json!({"asn": 1, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
    assert_eq!(app.get_open("/readyz").await.ok()["status"], "ready");
    app.get_open("/health").await.ok();
}

#[tokio::test]
async fn without_its_store_the_process_is_degraded_and_still_answers() {
    let app = TestApp::start().await;
    app.store.close().await.unwrap();
    let health = app.get_open("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["status"], "degraded");
    assert_eq!(health.json()["dependencies"]["store"], "down");
    app.get("/v1/asn/15169").await.ok();
    assert_eq!(app.get_open("/feeds/edl").await.status, 200);
    app.get_open("/readyz").await.ok();
    app.get("/v1/asn/15169/history").await.refused(503);
    app.get("/v1/whitelist").await.refused(503);
    let entry = json!({"asn": 1, "reason": "x"});
    let reply = app.post("/v1/whitelist", &entry).await;
    reply.refused(503);
    assert_eq!(reply.header("retry-after"), "5");
}

#[tokio::test]
async fn a_store_that_takes_no_writes_degrades_until_one_succeeds() {
    let app = TestApp::start().await;
    app.live.store_wrote(false);
    let health = app.get_open("/health").await;
    assert_eq!(health.json()["dependencies"]["store"], "down");
    let entry = json!({"asn": 1, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
    app.get_open("/health").await.ok();
}

#[tokio::test]
async fn a_cycle_that_cannot_keep_its_files_degrades_until_one_can() {
    let app = TestApp::start().await;
    app.live.cycle_kept(false);
    app.live.store_wrote(true);
    let health = app.get_open("/health").await;
    assert_eq!(health.json()["dependencies"]["store"], "down");
    app.live.cycle_kept(true);
    app.get_open("/health").await.ok();
}

#[tokio::test]
async fn a_cycle_that_panics_degrades_until_one_does_not() {
    let app = TestApp::start().await;
    app.live.scoring_panicked(true);
    let health = app.get_open("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["status"], "degraded");
    assert_eq!(health.json()["dependencies"]["store"], "up");
    app.live.scoring_panicked(false);
    app.get_open("/health").await.ok();
}

#[tokio::test]
async fn a_failed_publication_is_not_the_stores_fault() {
    let app = TestApp::start().await;
    app.publisher.fail(Fault::Error);
    let entry = json!({"asn": 1, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.refused(503);
    app.get_open("/health").await.ok();
}
