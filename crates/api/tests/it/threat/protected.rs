//! `/protected`

use serde_json::json;

use super::office::{Office, done, refused};

const PATH: &str = "/v1/protected";

#[tokio::test]
async fn what_is_protected_is_cut_out_of_the_feed_exactly() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.0/8", "2001:db8::/32"]})).await;
    let entry = json!({"ip": "10.1.2.3", "reason": "printer"});
    let made = done(&office.post(PATH, &entry).await, 201)["data"].clone();
    assert_eq!(made["source"], "operator");
    assert_eq!(made["ip"], "10.1.2.3/32");
    let text = office.feed("").await;
    // A host out of a /8 leaves 24 prefixes.
    assert_eq!(text.lines().count(), 24 + 1, "{text}");
    let id = made["id"].as_str().unwrap();
    done(&office.delete(&format!("{PATH}/{id}")).await, 200);
    assert_eq!(office.feed("").await, "10.0.0.0/8\n2001:db8::/32\n");
    refused(&office.delete(&format!("{PATH}/{id}")).await, 404);
}

#[tokio::test]
async fn the_list_names_what_is_built_in_too() {
    let office = Office::open().await;
    let body = done(&office.get(PATH).await, 200);
    let entries = body["data"].as_array().unwrap();
    let resolver = entries.iter().find(|e| e["ip"] == "8.8.8.8/32").unwrap();
    assert_eq!(resolver["source"], "builtin");
}

#[tokio::test]
async fn an_entry_needs_one_target_and_a_reason() {
    let office = Office::open().await;
    for body in [
        json!({"ip": "10.0.0.1"}),
        json!({"ip": "10.0.0.1", "reason": " "}),
        json!({"reason": "x"}),
        json!({"ip": "10.0.0.1", "asn": 1, "reason": "x"}),
        json!({"country": "XX", "reason": "x"}),
        json!({"ip": "10.0.0.1", "reason": "x", "nope": 1}),
        json!({"ip": "10.0.0.1", "reason": "x",
               "expires_at": "2020-01-01T00:00:00Z"}),
    ] {
        refused(&office.post(PATH, &body).await, 422);
    }
}

#[tokio::test]
async fn an_entry_ends_on_its_second() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.1.2.3"]})).await;
    let entry = json!({
        "ip": "10.1.0.0/16", "reason": "works",
        "expires_at": "2026-03-29T10:00:10Z",
    });
    done(&office.post(PATH, &entry).await, 201);
    office.app.pass_seconds(9);
    assert_eq!(office.feed("").await, "");
    office.app.pass_seconds(1);
    assert_eq!(office.feed("").await, "10.1.2.3/32\n");
}

#[tokio::test]
async fn a_whitelisted_network_is_in_no_feed_at_once() {
    let office = Office::open().await;
    office.block(json!({"asn": ["AS64497"]})).await;
    assert!(!office.feed("").await.is_empty());
    let entry = json!({"asn": 64497, "reason": "ours"});
    office.app.post("/v1/whitelist", &entry).await.ok();
    assert_eq!(office.feed("").await, "");
}
