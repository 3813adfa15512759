//! Errors of the family: one envelope, and nothing that a firewall could load.

use axum::{body::Body, http::Method};
use serde_json::json;

use super::office::{FEED, Office, refused};
use crate::app::{Fault, empty, keyed};

#[tokio::test]
async fn an_unknown_parameter_is_422_and_is_named() {
    let office = Office::open().await;
    for query in [
        "?ipv4onyl",
        "?ipv4only&ipv6only",
        "?ipv4only=maybe",
        "?max_score=101",
        "?level=BAD",
        "?asn=x",
        "?country=XX1",
        "?n=-1",
        "?tr=3",
        "?order=size",
        "?overflow=none",
        "?profile=nope",
        "?version=x",
        "?channel=beta",
        "?confirm=yes",
        "?set=-",
        "?n=1&n=2",
        "?confirm=bgp&confirm=bgp",
    ] {
        let reply = office.poll(&format!("{FEED}{query}")).await;
        let details = &refused(&reply, 422)["details"];
        assert!(details["parameter"].is_string(), "{query}: {details}");
    }
}

#[tokio::test]
async fn an_unknown_format_or_path_is_404_in_the_envelope() {
    let office = Office::open().await;
    for path in [
        "/v1/threat/feeds/nope",
        "/v1/threat/feeds/plain/more",
        "/v1/threat/nope",
        "/v1/signal/x",
        "/v1/protected/a/b",
        "/v1/explain/x",
        "/config/x",
    ] {
        refused(&office.poll(path).await, 404);
    }
    let reply = office.poll("/v1/threat/feeds/nope").await;
    let allowed = reply.json()["details"]["allowed"].clone();
    assert!(allowed.as_array().unwrap().contains(&json!("nft")));
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow() {
    let office = Office::open().await;
    for (method, path, allow) in [
        (Method::POST, FEED, "GET,HEAD"),
        (Method::GET, "/v1/signal", "POST"),
        (Method::DELETE, "/v1/access-rules", "GET,HEAD,POST"),
        (Method::PUT, "/v1/protected", "GET,HEAD,POST"),
    ] {
        let reply =
            office.app.send(empty(keyed(method, path, &office.operator))).await;
        refused(&reply, 405);
        assert_eq!(reply.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn a_body_of_the_wrong_type_or_size_or_syntax_is_told_apart() {
    let office = Office::open().await;
    let send = async |kind: &str, body: String| {
        let builder = keyed(Method::POST, "/v1/signal", &office.operator)
            .header("content-type", kind);
        office.app.send(builder.body(Body::from(body)).unwrap()).await
    };
    refused(&send("text/plain", "[]".into()).await, 415);
    refused(&send("application/json", " ".repeat((1 << 20) + 1)).await, 413);
    refused(&send("application/json", "[{".into()).await, 400);
    refused(&send("application/json", "{}".into()).await, 400);
}

#[tokio::test]
async fn a_fault_of_ours_is_500_or_503_and_never_a_list() {
    let office = Office::open().await;
    office.app.publisher.fail(Fault::Error);
    let reply = office.poll("/v1/threat/feeds?n=x").await;
    let body = refused(&reply, 422);
    assert!(!body.to_string().contains("192."), "{body}");
    let app = crate::app::TestApp::without_world(0).await;
    let key = asgard_store::NewKey {
        org: Some("acme".into()),
        ..asgard_store::NewKey::with(asgard_store::Scope::FeedRead)
    };
    let key = app.make(key).await;
    let reply = app.send(empty(keyed(Method::GET, FEED, &key))).await;
    let body = refused(&reply, 503);
    assert_eq!(body["error"], "Service unavailable");
    assert_eq!(reply.header("retry-after"), "5");
}
