//! `POST /signal`

use axum::http::Method;
use serde_json::{Value, json};

use super::office::{FEED, Office, done, refused};
use crate::app::keyed;

fn event(action: &str, what: &str, value: impl Into<Value>) -> Value {
    json!({"type": "access_rules", "action": action, what: value.into()})
}

fn statuses(answer: &Value) -> Vec<&str> {
    let results = answer["data"]["results"].as_array().unwrap();
    results.iter().map(|r| r["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_bad_event_never_refuses_the_others() {
    let office = Office::open().await;
    let answer = office
        .signal(&json!([
            event("block", "ip", "203.0.113.0/24"),
            event("block", "asn", "AS4200000000"),
            event("block", "country", "UK"),
            event("block", "asn", "64497"),
            {"type": "access_rules", "action": "block"},
            {"type": "other", "action": "block", "ip": "10.0.0.1"},
            event("drop", "ip", "10.0.0.1"),
            event("unblock", "ip", "10.9.9.9"),
        ]))
        .await;
    assert_eq!(answer["success"], false);
    assert_eq!(answer["error"], "5 of 8 events rejected");
    let data = &answer["data"];
    assert_eq!((&data["accepted"], &data["rejected"]), (&json!(3), &json!(5)));
    let codes: Vec<_> = data["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["code"].as_str().unwrap_or("-"))
        .collect();
    let expected = [
        "-",
        "UNKNOWN_ASN",
        "UNKNOWN_COUNTRY",
        "-",
        "BAD_SELECTOR",
        "BAD_TYPE",
        "BAD_ACTION",
        "-",
    ];
    assert_eq!(codes, expected);
    assert!(data["results"][2]["error"].as_str().unwrap().contains("GB"));
    let text = office.feed("").await;
    assert!(text.contains("203.0.113.0/24\n"));
    assert!(text.contains("185.100.84.0/22\n"), "{text}");
}

#[tokio::test]
async fn block_then_unblock_of_one_selector_leaves_nothing() {
    let office = Office::open().await;
    for (what, value) in
        [("ip", "203.0.113.0/24"), ("asn", "AS64496"), ("country", "de")]
    {
        let answer = office.signal(&json!([event("block", what, value)])).await;
        assert_eq!(statuses(&answer), ["created"], "{answer}");
        let again = office.signal(&json!([event("block", what, value)])).await;
        assert!(["updated", "noop"].contains(&statuses(&again)[0]));
        assert!(!office.feed("").await.is_empty());
        let answer =
            office.signal(&json!([event("unblock", what, value)])).await;
        assert_eq!(statuses(&answer), ["removed"], "{answer}");
        assert_eq!(office.feed("").await, "");
    }
}

#[tokio::test]
async fn an_address_inside_a_larger_block_becomes_an_exception() {
    let office = Office::open().await;
    office.block(json!({"asn": ["AS64497"]})).await;
    let ip = "185.100.84.77";
    let answer = office.signal(&json!([event("unblock", "ip", ip)])).await;
    assert_eq!(statuses(&answer), ["exception"], "{answer}");
    let text = office.feed("").await;
    assert!(!text.contains("185.100.84.0/22"), "{text}");
    let why = office.poll(&format!("/v1/explain?ip={ip}")).await.ok();
    assert_eq!(why["in_feed"], false);
    assert_eq!(why["protected_by"][0]["source"], "unblock");
    let answer = office.signal(&json!([event("block", "ip", ip)])).await;
    assert_eq!(answer["success"], true, "{answer}");
    let why = office.poll(&format!("/v1/explain?ip={ip}")).await.ok();
    assert_eq!(why["in_feed"], true);
}

#[tokio::test]
async fn the_count_and_the_shape_of_a_request_are_checked() {
    let office = Office::open().await;
    let one = event("block", "ip", "203.0.113.1");
    refused(&office.post("/v1/signal", &json!(vec![one; 1001])).await, 422);
    refused(&office.post("/v1/signal", &json!({"a": 1})).await, 400);
    let mut odd = event("block", "ip", "203.0.113.1");
    odd["nope"] = json!(1);
    let answer = office.signal(&json!([odd])).await;
    assert_eq!(statuses(&answer), ["rejected"]);
}

#[tokio::test]
async fn an_expiration_is_seconds_from_now() {
    let office = Office::open().await;
    for bad in [json!(0), json!(-1), json!("60"), json!(1.5), json!(1e12)] {
        let mut event = event("block", "ip", "203.0.113.1");
        event["expiration"] = bad.clone();
        let answer = office.signal(&json!([event])).await;
        let code = &answer["data"]["results"][0]["code"];
        assert_eq!(code, "BAD_EXPIRATION", "{bad}");
    }
    let mut event = event("block", "ip", "203.0.113.1");
    event["expiration"] = json!(3600);
    let answer = office.signal(&json!([event])).await;
    let end = &answer["data"]["results"][0]["expires_at"];
    assert_eq!(end, "2026-03-29T11:00:00Z");
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let office = Office::open().await;
    let send = async |key: &str, ip: &str| {
        let builder = keyed(Method::POST, "/v1/signal", &office.operator)
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let body = json!([event("block", "ip", ip)]).to_string();
        office.app.send(builder.body(body.into()).unwrap()).await
    };
    let first = send("k1", "203.0.113.1").await;
    let data = done(&first, 200)["data"].clone();
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = send("k1", "203.0.113.1").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json()["data"], data, "the same rule, the same version");
    refused(&send("k1", "203.0.113.2").await, 422);
    refused(&send("", "203.0.113.2").await, 422);
    refused(&send(&"k".repeat(256), "203.0.113.2").await, 422);
    assert_eq!(office.feed("").await, "203.0.113.1/32\n");
    office.app.pass_seconds(86_400);
    let later = send("k1", "203.0.113.2").await;
    assert!(!later.headers.contains_key("idempotent-replayed"));
    assert!(office.feed("").await.contains("203.0.113.2/32\n"));
}

#[tokio::test]
async fn who_may_only_read_writes_nothing() {
    let office = Office::open().await;
    let body = json!([event("block", "ip", "203.0.113.1")]);
    let reply =
        office.send(Method::POST, "/v1/signal", &office.device, &body).await;
    refused(&reply, 403);
    refused(&office.app.get_open(FEED).await, 401);
    assert_eq!(office.feed("").await, "");
}
