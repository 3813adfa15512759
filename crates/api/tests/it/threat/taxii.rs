//! `/taxii2/`: discovery, collection, objects, pages, as TAXII 2.1 wants them.

use axum::http::Method;
use serde_json::{Value, json};

use super::office::Office;
use crate::app::{Reply, empty, keyed, request};

const ACCEPT: &str = "application/taxii+json;version=2.1";
const ROOT: &str = "/taxii2/feeds/";

async fn get(office: &Office, path: &str) -> Reply {
    let builder = keyed(Method::GET, path, &office.device);
    office.app.send(empty(builder.header("accept", ACCEPT))).await
}

/// A good answer in the right type.
async fn good(office: &Office, path: &str) -> Value {
    let reply = get(office, path).await;
    assert_eq!(reply.status.as_u16(), 200, "{path}: {}", reply.text());
    assert_eq!(reply.header("content-type"), ACCEPT, "{path}");
    reply.json()
}

/// An error as TAXII has it.
#[track_caller]
fn refused(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), ACCEPT);
    let body = reply.json();
    assert_eq!(body["http_status"], status.to_string());
    assert!(body["title"].is_string());
    assert_eq!(body["error_id"], reply.header("x-trace-id"));
}

/// An office that blocks, and the path of its collection.
async fn collection() -> (Office, String) {
    let office = Office::open().await;
    office.block(json!({"ips": ["203.0.113.9", "198.51.100.0/24"]})).await;
    office.block(json!({"asn": [64497]})).await;
    let list = good(&office, &format!("{ROOT}collections/")).await;
    let id = list["collections"][0]["id"].as_str().unwrap().to_owned();
    (office, format!("{ROOT}collections/{id}/"))
}

#[tokio::test]
async fn a_client_finds_the_collection_from_the_discovery() {
    let (office, path) = collection().await;
    let found = good(&office, "/taxii2/").await;
    assert_eq!(found["api_roots"], json!([ROOT]));
    assert_eq!(found["default"], ROOT);
    let mounted = good(&office, "/api/v1/taxii2/").await;
    assert_eq!(mounted["default"], format!("/api/v1{ROOT}"));
    let root = good(&office, ROOT).await;
    assert_eq!(root["versions"], json!([ACCEPT]));
    assert!(root["max_content_length"].as_u64().unwrap() > 0);
    let shown = good(&office, &path).await;
    assert_eq!(shown["can_read"], true);
    assert_eq!(shown["can_write"], false);
}

#[tokio::test]
async fn objects_are_an_identity_and_an_indicator_for_each_entry() {
    let (office, path) = collection().await;
    let page = good(&office, &format!("{path}objects/")).await;
    assert_eq!(page["more"], false);
    let objects = page["objects"].as_array().unwrap();
    assert_eq!(objects[0]["type"], "identity");
    let patterns: Vec<&str> =
        objects[1..].iter().map(|o| o["pattern"].as_str().unwrap()).collect();
    for pattern in [
        "[ipv4-addr:value = '203.0.113.9']",
        "[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
        "[ipv4-addr:value ISSUBSET '45.9.4.0/24']",
        "[autonomous-system:number = 64497]",
    ] {
        assert!(patterns.contains(&pattern), "{patterns:?}");
    }
    let manifest = good(&office, &format!("{path}manifest/")).await;
    let listed = manifest["objects"].as_array().unwrap();
    assert_eq!(listed.len(), objects.len());
    assert_eq!(listed[1]["id"], objects[1]["id"]);
    let id = objects[1]["id"].as_str().unwrap();
    let one = good(&office, &format!("{path}objects/{id}/")).await;
    assert_eq!(one["objects"], json!([objects[1]]));
    let versions =
        good(&office, &format!("{path}objects/{id}/versions/")).await;
    assert_eq!(versions["versions"], json!([objects[1]["modified"]]));
    let absent = id.replace(|c: char| c.is_ascii_digit(), "0");
    refused(&get(&office, &format!("{path}objects/{absent}/")).await, 404);
}

#[tokio::test]
async fn pages_are_one_list_and_begin_anew_when_it_changes() {
    let (office, path) = collection().await;
    let all = good(&office, &format!("{path}objects/")).await;
    let mut collected = Vec::new();
    let mut next = String::new();
    loop {
        let url = format!("{path}objects/?limit=2{next}");
        let page = good(&office, &url).await;
        collected.extend(page["objects"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(token) => next = format!("&next={token}"),
            None => break,
        }
    }
    assert_eq!(json!(collected), all["objects"]);
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    let old = format!("{path}objects/?limit=2{next}");
    refused(&get(&office, &old).await, 400);
}

#[tokio::test]
async fn pages_begin_anew_when_an_entry_ends_or_a_poller_is_taken_out() {
    let (office, path) = collection().await;
    let event = json!([{
        "type": "access_rules", "action": "block", "ip": "10.0.0.1",
        "expiration": 60,
    }]);
    office.signal(&event).await;
    let first = async || {
        let page = good(&office, &format!("{path}objects/?limit=2")).await;
        page["next"].as_str().unwrap().to_owned()
    };
    let second = async |next: &str| {
        get(&office, &format!("{path}objects/?limit=2&next={next}")).await
    };
    let next = first().await;
    office.app.pass_seconds(59);
    assert_eq!(second(&next).await.status.as_u16(), 200);
    office.app.pass_seconds(1);
    refused(&second(&next).await, 400);
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    let next = first().await;
    let key = office.bound("192.0.2.0/28").await;
    let poll = keyed(Method::GET, "/v1/threat/feeds", &key);
    office.app.send(empty(poll)).await;
    refused(&second(&next).await, 400);
}

#[tokio::test]
async fn who_has_seen_a_list_fetches_nothing_until_it_changes() {
    let (office, path) = collection().await;
    let url = format!("{path}objects/");
    let first = get(&office, &url).await;
    let seen = first.header("x-taxii-date-added-last").to_owned();
    assert_eq!(first.header("x-taxii-date-added-first"), seen);
    let later = format!("{url}?added_after={seen}");
    assert_eq!(good(&office, &later).await["objects"], json!([]));
    office.app.pass_seconds(1);
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    let fresh = good(&office, &later).await;
    assert!(fresh["objects"].as_array().unwrap().len() > 5);
    let types = format!("{url}?match[type]=identity");
    let found = good(&office, &types).await;
    assert_eq!(found["objects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_in_the_words_of_taxii() {
    let (office, path) = collection().await;
    refused(&get(&office, &format!("{path}objects/?limit=0")).await, 400);
    refused(&get(&office, &format!("{path}objects/?x=1")).await, 400);
    refused(&get(&office, "/taxii2/other/").await, 404);
    let html = keyed(Method::GET, "/taxii2/", &office.device);
    let html = empty(html.header("accept", "text/html"));
    refused(&office.app.send(html).await, 406);
    let open = empty(request(Method::GET, "/taxii2/"));
    let reply = office.app.send(open).await;
    refused(&reply, 401);
    assert!(reply.header("www-authenticate").contains("Basic"));
}

#[tokio::test]
async fn the_collection_of_another_organisation_is_not_found() {
    let (office, path) = collection().await;
    let key = office.key("other", asgard_store::Scope::FeedRead).await;
    let builder = keyed(Method::GET, &path, &key).header("accept", ACCEPT);
    refused(&office.app.send(empty(builder)).await, 404);
}
