//! Cross-origin requests: off unless the operator lists an origin.

use asgard_api::ApiConfig;
use axum::http::{Method, StatusCode};

use crate::{
    app::{Reply, TestApp, empty, keyed, request},
    world,
};

const PAGE: &str = "https://soc.example.net";

fn profile() -> String {
    format!("/v1/asn/{}", world::DROPPED)
}

async fn with(origins: &[&str]) -> TestApp {
    let cors_origins = origins.iter().map(|&o| o.to_owned()).collect();
    TestApp::with(ApiConfig { cors_origins, ..ApiConfig::default() }).await
}

async fn preflight(app: &TestApp, origin: &str) -> Reply {
    let builder = request(Method::OPTIONS, &profile())
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-api-key");
    app.send(empty(builder)).await
}

async fn call(app: &TestApp, origin: &str) -> Reply {
    let builder = keyed(Method::GET, &profile(), &app.read);
    app.send(empty(builder.header("origin", origin))).await
}

#[tokio::test]
async fn without_configuration_no_page_may_read_anything() {
    let app = TestApp::start().await;
    let asked = preflight(&app, PAGE).await;
    assert_eq!(asked.status, StatusCode::METHOD_NOT_ALLOWED);
    for reply in [asked, call(&app, PAGE).await] {
        let mut names = reply.headers.keys();
        assert!(!names.any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn a_listed_origin_may_ask_and_read_and_others_may_not() {
    let app = with(&[PAGE]).await;
    let asked = preflight(&app, PAGE).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(asked.headers["access-control-allow-origin"], PAGE);
    let allowed = asked.headers["access-control-allow-headers"].to_str();
    assert!(allowed.unwrap().contains("x-api-key"));
    let answer = call(&app, PAGE).await;
    answer.ok();
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    let other = call(&app, "https://evil.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_page_can_read_errors_too() {
    let app = with(&["*"]).await;
    let builder = request(Method::GET, &profile()).header("origin", PAGE);
    let refused = app.send(empty(builder)).await;
    refused.refused(403);
    assert_eq!(refused.headers["access-control-allow-origin"], "*");
}
