//! `GET /decisions/stream`: what a CrowdSec bouncer polls.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::office::Office;
use crate::app::{Reply, empty, from_peer, keyed, request};

const STREAM: &str = "/v1/decisions/stream";

/// Bouncers panic when an error has no `message`.
fn refused(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 4, "{body}");
    assert_eq!(body["success"], false);
    assert!(body["error"].is_string() && body["details"].is_object());
    assert_eq!(body["message"], body["error"]);
}

/// Values of a list of decisions.
fn values(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|decision| decision["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_bouncer_gets_everything_at_first_and_then_what_changed() {
    let office = Office::open().await;
    let first = office.block(json!({"ips": ["203.0.113.0/24"]})).await;
    office.block(json!({"asn": [64497]})).await;
    let all = office.poll(&format!("{STREAM}?startup=true")).await.ok();
    let new = &all["new"];
    let blocked = ["45.9.4.0/24", "185.100.84.0/22", "203.0.113.0/24"];
    assert_eq!(values(new), blocked);
    assert_eq!(all["deleted"], json!([]));
    let decision = &new[0];
    assert_eq!(decision["origin"], "asgard");
    assert_eq!(decision["type"], "ban");
    assert_eq!(decision["scope"], "Range");
    assert_eq!(decision["scenario"], "AS64497");
    assert_eq!(decision["duration"], "24h0m0s");
    assert!(decision["id"].as_u64().unwrap() > 0);

    let poll =
        async || office.poll(&format!("{STREAM}?startup=false")).await.ok();
    assert_eq!(poll().await, json!({"new": [], "deleted": []}));
    office.delete(&format!("/v1/access-rules/{first}")).await;
    let events = json!([{
        "type": "access_rules", "action": "block", "ip": "198.51.100.7",
        "expiration": 14_399,
    }]);
    office.signal(&events).await;
    let changed = poll().await;
    assert_eq!(values(&changed["new"]), ["198.51.100.7"]);
    assert_eq!(changed["new"][0]["scope"], "Ip");
    assert_eq!(changed["new"][0]["duration"], "3h59m59s");
    assert_eq!(values(&changed["deleted"]), ["203.0.113.0/24"]);
    office.app.pass_seconds(14_400);
    let expired = poll().await;
    assert_eq!(values(&expired["deleted"]), ["198.51.100.7"]);
    assert_eq!(values(&expired["new"]), [""; 0]);
}

#[tokio::test]
async fn bouncers_that_share_a_key_get_everything_each() {
    let office = Office::open().await;
    let first = office.block(json!({"ips": ["203.0.113.1"]})).await;
    let poll = async |peer: &str, query: &str| {
        let path = format!("{STREAM}{query}");
        let request = from_peer(Method::GET, &path, peer);
        let request = request.header("x-api-key", &office.device);
        office.app.send(empty(request)).await.ok()
    };
    let bouncers = ["192.0.2.7", "192.0.2.8"];
    for peer in bouncers {
        let all = poll(peer, "?startup=true").await;
        assert_eq!(values(&all["new"]), ["203.0.113.1"]);
    }
    office.block(json!({"ips": ["203.0.113.77"]})).await;
    for peer in bouncers {
        let new = poll(peer, "").await;
        assert_eq!(values(&new["new"]), ["203.0.113.77"], "{peer}");
    }
    office.delete(&format!("/v1/access-rules/{first}")).await;
    for peer in bouncers {
        let gone = poll(peer, "").await;
        assert_eq!(values(&gone["deleted"]), ["203.0.113.1"], "{peer}");
        assert_eq!(gone["new"], json!([]));
    }
    // The second has another address now: it may still have what it had.
    office
        .signal(&json!([{
            "type": "access_rules", "action": "block", "ip": "203.0.113.78",
        }]))
        .await;
    poll(bouncers[0], "").await;
    office
        .signal(&json!([{
            "type": "access_rules", "action": "unblock", "ip": "203.0.113.78",
        }]))
        .await;
    let moved = poll("192.0.2.9", "").await;
    assert_eq!(values(&moved["new"]), ["203.0.113.77"]);
    assert_eq!(values(&moved["deleted"]), ["203.0.113.78"]);
}

#[tokio::test]
async fn everything_is_sent_anew_before_it_ends_at_the_bouncer() {
    let office = Office::open().await;
    office.block(json!({"ips": ["203.0.113.9"]})).await;
    office.poll(&format!("{STREAM}?startup=true")).await.ok();
    office.app.pass_seconds(12 * 3600 - 1);
    assert_eq!(office.poll(STREAM).await.ok()["new"], json!([]));
    office.app.pass_seconds(1);
    let again = office.poll(STREAM).await.ok();
    assert_eq!(values(&again["new"]), ["203.0.113.9"]);
    assert_eq!(again["deleted"], json!([]));
}

#[tokio::test]
async fn ranges_are_sent_as_hosts_to_bouncers_that_lose_them() {
    let office = Office::open().await;
    office.block(json!({"ips": ["203.0.113.8/30", "20.0.0.0/16"]})).await;
    let path = format!("{STREAM}?startup=true&ranges=expand");
    let all = office.poll(&path).await.ok();
    let hosts = [
        "20.0.0.0/16",
        "203.0.113.8",
        "203.0.113.9",
        "203.0.113.10",
        "203.0.113.11",
    ];
    assert_eq!(values(&all["new"]), hosts);
}

#[tokio::test]
async fn an_address_has_the_decisions_of_every_entry_around_it_or_null() {
    let office = Office::open().await;
    office.block(json!({"ips": ["203.0.113.0/24", "203.0.113.9"]})).await;
    let found = office.poll("/v1/decisions?ip=203.0.113.9").await.ok();
    assert_eq!(values(&found), ["203.0.113.0/24", "203.0.113.9"]);
    let mapped = office.poll("/v1/decisions?ip=::ffff:203.0.113.9").await.ok();
    assert_eq!(mapped, found);
    let none = office.poll("/v1/decisions?ip=192.0.2.1").await;
    assert_eq!((none.status, none.text()), (StatusCode::OK, "null"));
    refused(&office.poll("/v1/decisions").await, 422);
    refused(&office.poll("/v1/decisions?ip=x").await, 422);
}

#[tokio::test]
async fn filters_of_bouncers_are_understood_and_unknown_ones_refused() {
    let office = Office::open().await;
    office.block(json!({"ips": ["203.0.113.9"]})).await;
    let count = async |query: &str| {
        let path = format!("{STREAM}?startup=true&{query}");
        office.poll(&path).await.ok()["new"].as_array().unwrap().len()
    };
    assert_eq!(count("scopes=ip,range").await, 1);
    assert_eq!(count("scopes=country").await, 0);
    assert_eq!(count("origins=CAPI,asgard").await, 1);
    assert_eq!(count("origins=CAPI").await, 0);
    assert_eq!(count("scenarios_containing=ssh").await, 1);
    refused(&office.poll(&format!("{STREAM}?start=true")).await, 422);
    refused(&office.poll(&format!("{STREAM}?startup=maybe")).await, 422);
}

#[tokio::test]
async fn a_bad_key_is_403_and_a_key_of_nobody_400() {
    let office = Office::open().await;
    let nobody = office.key("", asgard_store::Scope::FeedRead).await;
    for (key, status) in [("nope", 403), (&*nobody, 400)] {
        let poll = empty(keyed(Method::GET, STREAM, key));
        refused(&office.app.send(poll).await, status);
    }
    let open = empty(request(Method::GET, STREAM));
    refused(&office.app.send(open).await, 403);
}
