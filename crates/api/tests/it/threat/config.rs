//! `GET /config`: what the agent Synapse of `Gen0Sec` reads.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::office::{Office, refused};
use crate::app::{empty, keyed, request};

#[tokio::test]
async fn the_enforced_set_has_every_key_and_no_null() {
    let office = Office::open().await;
    office
        .block(json!({
            "ips": ["203.0.113.9"], "asn": [64497], "country": ["NL"],
        }))
        .await;
    let body = office.poll("/v1/config").await.ok();
    assert_eq!(body["success"], true);
    let config = &body["config"];
    assert_eq!(config["waf_rules"], json!({"rules": []}));
    for key in ["created_at", "updated_at", "last_modified"] {
        assert!(config[key].is_string(), "{key}");
    }
    let rules = &config["access_rules"];
    for key in ["id", "name", "description"] {
        assert!(rules[key].is_string(), "{key}");
    }
    let nothing = json!({"asn": [], "country": [], "ips": []});
    assert_eq!(rules["allow"], nothing);
    let block = &rules["block"];
    assert_eq!(block["ips"], json!(["203.0.113.9/32"]));
    let country = json!([{"NL": ["5.188.0.0/16", "2a0b:64c0::/29"]}]);
    assert_eq!(block["country"], country);
    let asn = json!([{"AS64497": ["45.9.4.0/24", "185.100.84.0/22"]}]);
    assert_eq!(block["asn"], asn);
    assert!(!body.to_string().contains("null"));
}

#[tokio::test]
async fn an_agent_polls_with_bearer_and_gets_304_until_it_changes() {
    let office = Office::open().await;
    office.block(json!({"asn": [64497]})).await;
    let first = office.poll("/v1/config").await;
    let tag = first.header("etag").to_owned();
    let again = async || {
        let builder = request(Method::GET, "/v1/config")
            .header("authorization", format!("Bearer {}", office.device))
            .header("if-none-match", &tag);
        office.app.send(empty(builder)).await.status
    };
    assert_eq!(again().await, StatusCode::NOT_MODIFIED);
    office.block(json!({"ips": ["203.0.113.1"]})).await;
    assert_eq!(again().await, StatusCode::OK);
}

#[tokio::test]
async fn its_errors_carry_success_error_and_details() {
    let office = Office::open().await;
    refused(&office.poll("/v1/config?x=1").await, 422);
    let bad = keyed(Method::GET, "/v1/config", "nope");
    refused(&office.app.send(empty(bad)).await, 401);
}
