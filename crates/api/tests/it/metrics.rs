//! `/metrics`: what a scraper sees.

use serde_json::json;

use crate::{app::TestApp, world};

async fn scrape(app: &TestApp) -> String {
    let reply = app.get_open("/metrics").await;
    let kind = reply.header("content-type");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    reply.text().to_owned()
}

#[track_caller]
fn assert_has(metrics: &str, line: &str) {
    assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status() {
    let app = TestApp::start().await;
    let path = format!("/asn/{}", world::DROPPED);
    app.get(&format!("/v1{path}")).await.ok();
    app.get(&format!("/api/v1{path}")).await.ok();
    app.get("/v1/asn/0").await.refused(400);
    app.get("/nowhere/at/all").await.refused(404);
    let metrics = scrape(&app).await;
    let count = |path: &str, status: u16, n: u8| {
        format!(
            "asn_api_requests_total{{method=\"GET\",path=\"{path}\",\
             status=\"{status}\"}} {n}"
        )
    };
    assert_has(&metrics, &count("/asn/{asn}", 200, 2));
    assert_has(&metrics, &count("/asn/{asn}", 400, 1));
    assert_has(&metrics, &count("unknown", 404, 1));
    assert_has(
        &metrics,
        "asn_api_request_duration_seconds_count{method=\"GET\",\
         path=\"/asn/{asn}\"} 3",
    );
}

#[tokio::test]
async fn an_answer_that_was_rendered_before_is_a_hit_of_the_first_tier() {
    let app = TestApp::start().await;
    let path = format!("/v1/asn/{}", world::DROPPED);
    for _ in 0..3 {
        app.get(&path).await.ok();
    }
    app.get_open("/feeds/edl").await;
    let metrics = scrape(&app).await;
    assert_has(&metrics, "asn_api_cache_hits_total{tier=\"l1\"} 2");
    assert_has(&metrics, "asn_api_cache_hits_total{tier=\"l2\"} 0");
    // A new Snapshot has rendered nothing yet.
    let entry = json!({"asn": world::SHADY, "reason": "ours"});
    app.post("/v1/whitelist", &entry).await.ok();
    app.get(&path).await.ok();
    assert_has(&scrape(&app).await, "asn_api_cache_hits_total{tier=\"l1\"} 2");
}

#[tokio::test]
async fn refusals_of_the_limiter_are_counted_and_scrapes_are_free() {
    let app = TestApp::with_limit(1).await;
    for _ in 0..4 {
        app.get_open("/feeds/edl").await;
        scrape(&app).await;
    }
    assert_has(&scrape(&app).await, "asn_api_rate_limit_hits_total 3");
}

#[tokio::test]
async fn the_published_snapshot_is_measured() {
    let app = TestApp::start().await;
    let metrics = scrape(&app).await;
    assert!(metrics.contains("asgard_snapshot_networks{level=\"CRITICAL\"}"));
    assert!(metrics.contains("asgard_snapshot_prefixes 5\n"));
    assert!(metrics.contains("process_resident_memory_bytes"));
    let before = TestApp::without_world(0).await;
    assert!(scrape(&before).await.contains("asgard_build_info{version="));
}
