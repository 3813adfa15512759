//! Headers of every answer, `HEAD`, `ETag` and 304.

use std::collections::HashSet;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::app::{NOW, TestApp, empty, keyed, request};

const COMPARE: &str = "/v1/tools/compare?asn_a=15169&asn_b=13335";

const GETS: [&str; 10] = [
    "/v1/asn/15169",
    "/v1/asn/15169/upstreams",
    "/v1/asn/15169/history",
    COMPARE,
    "/feeds/edl",
    "/v1/whitelist",
    "/v1/status",
    "/health",
    "/livez",
    "/readyz",
];

#[tokio::test]
async fn every_answer_carries_the_documented_headers() {
    let app = TestApp::with_limit(1000).await;
    let paths = GETS.into_iter().chain(["/nope", "/v1/asn/0", "/v1/asn/1"]);
    for path in paths {
        let reply = app.get(path).await;
        let trace = reply.header("x-trace-id");
        let (second, hex) = trace.split_once('-').unwrap();
        assert_eq!(second, NOW.to_string());
        assert_eq!(hex.len(), 8);
        assert!(hex.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(reply.header("x-ratelimit-limit"), "1000");
        assert!(reply.header("x-ratelimit-remaining").parse::<u32>().is_ok());
        let reset: i64 = reply.header("x-ratelimit-reset").parse().unwrap();
        assert_eq!(reset, NOW + 60);
        let time = reply.header("x-response-time");
        let ms = time.strip_suffix("ms").unwrap();
        assert!(ms.parse::<f64>().is_ok(), "{time}");
        assert_eq!(ms.split_once('.').unwrap().1.len(), 2, "{time}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(reply.headers.contains_key("cache-control"), "{path}");
    }
}

#[tokio::test]
async fn no_two_requests_have_the_same_name() {
    let app = TestApp::start().await;
    let mut names = HashSet::new();
    for _ in 0..100 {
        let reply = app.get_open("/livez").await;
        assert!(names.insert(reply.header("x-trace-id").to_owned()));
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let app = TestApp::start().await;
    let varies = ["x-trace-id", "x-response-time"];
    for path in GETS.into_iter().chain(["/v1/asn/0", "/nope"]) {
        let get = app.get(path).await;
        let head = app.send(empty(keyed(Method::HEAD, path, &app.read))).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        for (name, value) in &get.headers {
            if !varies.contains(&name.as_str()) {
                assert_eq!(head.headers.get(name), Some(value), "{name}");
            }
        }
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{path}");
    }
}

#[tokio::test]
async fn a_current_tag_is_answered_by_304_in_every_form() {
    let app = TestApp::start().await;
    for path in [
        "/v1/asn/15169",
        "/v1/asn/15169/upstreams",
        "/v1/asn/15169/history",
        COMPARE,
        "/feeds/edl",
    ] {
        let get = app.get(path).await;
        let tag = get.header("etag").to_owned();
        assert_eq!(tag.len(), 20, "{tag}");
        assert!(tag.starts_with("W/\""), "{tag}");
        let strong = tag.strip_prefix("W/").unwrap().to_owned();
        let list = format!("\"other\", {tag}");
        for held in [tag.clone(), strong, list, "*".into()] {
            for method in [Method::GET, Method::HEAD] {
                let builder = keyed(method, path, &app.read)
                    .header("if-none-match", &held);
                let reply = app.send(empty(builder)).await;
                assert_eq!(reply.status, StatusCode::NOT_MODIFIED, "{held}");
                assert!(reply.body.is_empty());
                assert_eq!(reply.header("etag"), tag);
                assert!(reply.headers.contains_key("x-trace-id"));
                assert!(reply.headers.contains_key("x-ratelimit-limit"));
            }
        }
        let builder = keyed(Method::GET, path, &app.read)
            .header("if-none-match", "\"other\"");
        let reply = app.send(empty(builder)).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_tag_lasts_as_long_as_its_representation() {
    let app = TestApp::start().await;
    let path = "/v1/asn/15169";
    let first = app.get(path).await;
    assert_eq!(app.get(path).await.header("etag"), first.header("etag"));
    app.post("/v1/whitelist", &json!({"asn": 15169, "reason": "x"})).await.ok();
    assert_ne!(app.get(path).await.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn a_tag_opens_no_door_and_hides_no_error() {
    let app = TestApp::start().await;
    for (path, status) in
        [("/v1/asn/15169", 403), ("/v1/nope", 404), ("/feeds/edl?x=1", 422)]
    {
        let builder = request(Method::GET, path).header("if-none-match", "*");
        app.send(empty(builder)).await.refused(status);
    }
}

#[tokio::test]
async fn what_changes_by_the_moment_is_not_to_be_kept() {
    let app = TestApp::start().await;
    for (path, value) in [
        ("/v1/asn/15169", "private, no-cache"),
        ("/v1/asn/15169/upstreams", "private, no-cache"),
        ("/v1/asn/15169/history", "private, no-cache"),
        (COMPARE, "private, no-cache"),
        ("/feeds/edl", "no-cache"),
        ("/v1/whitelist", "no-store"),
        ("/v1/status", "no-store"),
        ("/health", "no-store"),
    ] {
        let reply = app.get(path).await;
        assert_eq!(reply.header("cache-control"), value, "{path}");
        let tagged = reply.headers.contains_key("etag");
        assert_eq!(tagged, value != "no-store", "{path}");
    }
}
