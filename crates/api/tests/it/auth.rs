//! Keys: three carriers, two scopes, and whose fault it is.

use asgard_store::Scope;
use axum::http::{Method, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::json;

use crate::app::{NOW, TestApp, empty, keyed, request};

const PATH: &str = "/v1/asn/15169";

#[tokio::test]
async fn a_key_opens_the_door_from_every_carrier() {
    let app = TestApp::start().await;
    let basic = STANDARD.encode(format!("api:{}", app.read));
    for (name, value) in [
        ("x-api-key", app.read.clone()),
        ("authorization", format!("Bearer {}", app.read)),
        ("authorization", format!("bearer {}", app.read)),
        ("authorization", format!("Basic {basic}")),
    ] {
        let builder = request(Method::GET, PATH).header(name, &value);
        let reply = app.send(empty(builder)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {value}");
    }
}

#[tokio::test]
async fn without_a_good_key_there_is_403_and_one_message() {
    let app = TestApp::start().await;
    let wrong_user = STANDARD.encode(format!("root:{}", app.read));
    let other = TestApp::start().await.read;
    for (name, value) in [
        ("x-other", "x".to_owned()),
        ("x-api-key", String::new()),
        ("x-api-key", "guess".into()),
        ("x-api-key", other),
        ("authorization", "Basic !!!".into()),
        ("authorization", format!("Basic {wrong_user}")),
        ("authorization", format!("Digest {}", app.read)),
    ] {
        let builder = request(Method::GET, PATH).header(name, &value);
        let message = app.send(empty(builder)).await.refused(403);
        assert_eq!(message, "Invalid or missing API key", "{value}");
    }
    let query = format!("{PATH}?api_key={}", app.read);
    app.get_open(&query).await.refused(403);
}

#[tokio::test]
async fn the_bearer_of_an_old_key_learns_why_it_fails() {
    let app = TestApp::start().await;
    let end = Timestamp::from_second(NOW + 10).unwrap();
    let key = app.new_key(Scope::Read, Some(end)).await;
    let ask = async || app.send(empty(keyed(Method::GET, PATH, &key))).await;
    ask().await.ok();
    app.pass_seconds(10);
    let message = ask().await.refused(403);
    assert!(message.ends_with("has expired"), "{message}");
    let id = key.split('_').nth(2).unwrap().parse().unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    assert!(app.store.keys.revoke(id, "cli", now).await.unwrap());
    app.reload_keys().await;
    let message = ask().await.refused(403);
    assert!(message.ends_with("is revoked"), "{message}");
}

#[tokio::test]
async fn a_reader_may_not_write_and_is_told_which_scope_may() {
    let app = TestApp::start().await;
    let body = json!({"asn": 1, "reason": "x"}).to_string();
    let post = keyed(Method::POST, "/v1/whitelist", &app.read)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    let message = app.send(post).await.refused(403);
    assert!(message.contains("scope admin"), "{message}");
    let delete = keyed(Method::DELETE, "/v1/whitelist/1", &app.read);
    app.send(empty(delete)).await.refused(403);
    assert!(app.store.whitelist.list().await.unwrap().is_empty());
    let read = keyed(Method::GET, PATH, &app.admin);
    app.send(empty(read)).await.ok();
}

#[tokio::test]
async fn strangers_learn_nothing_about_what_would_be_valid() {
    let app = TestApp::start().await;
    for path in [
        "/v1/asn/0",
        "/v1/asn/64500",
        "/v1/asn/1/history?days=0",
        "/v1/whitelist",
        "/v1/status",
    ] {
        app.get_open(path).await.refused(403);
    }
    for path in ["/v1/whitelist", "/v1/tools/bulk-risk-check"] {
        app.send(empty(request(Method::POST, path))).await.refused(403);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_checked_are_our_fault() {
    let app = TestApp::start().await;
    let stranger = TestApp::start().await.read;
    app.live.keys_unreachable();
    app.get(PATH).await.ok();
    let unknown = app.send(empty(keyed(Method::GET, PATH, &stranger))).await;
    unknown.refused(503);
    assert_eq!(unknown.header("retry-after"), "5");
    let malformed = keyed(Method::GET, PATH, "guess");
    app.send(empty(malformed)).await.refused(403);
    app.get_open(PATH).await.refused(403);
    app.live.keys_unchanged();
    app.send(empty(keyed(Method::GET, PATH, &stranger))).await.refused(403);
}
