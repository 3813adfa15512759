//! The store is away, the process starts again: devices keep their lists.

use asgard_api::{App, FeedConfig, Feeds, Live, Signer};
use asgard_store::{BodyKind, BodyPlace};
use axum::http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;

use super::office::{FEED, Office, refused};
use crate::app::{Reply, empty, from_peer, keyed};

#[tokio::test]
async fn a_known_key_keeps_its_200_while_the_store_is_away() {
    let office = Office::open().await;
    office.block(json!({"asn": [64497]})).await;
    let before = office.feed("").await;
    office.app.store.close().await.unwrap();
    office.app.live.keys_unreachable();
    for _ in 0..20 {
        assert_eq!(office.feed("").await, before);
    }
    // Rendered only now: nothing of it is in the store.
    assert!(!office.feed("?ipv4only").await.is_empty());
    // An unknown key may be new: nobody gets 401 for our fault.
    let key =
        asgard_store::ApiKey::from_entropy(&[9; asgard_store::ApiKey::ENTROPY]);
    let poll = keyed(Method::GET, FEED, key.reveal());
    let reply = office.app.send(empty(poll)).await;
    let body = refused(&reply, 503);
    assert_eq!(body["error"], "Service unavailable");
    assert!(reply.headers.contains_key("retry-after"));
    let reply = office.post("/v1/access-rules", &json!({"block": {}})).await;
    refused(&reply, 503);
}

/// The API as after a restart with a configuration: what is in memory is gone.
async fn restarted_with(office: &Office, config: FeedConfig) -> App {
    let mut app = office.app.app.clone();
    let signer = Signer::new(app.store.signing_seed());
    app.feeds = Arc::new(Feeds::new(config, signer));
    app.feeds.refresh(&app.store, (app.clock)()).await.unwrap();
    app
}

async fn ask(app: &App, office: &Office, poll: &str) -> Reply {
    let request = empty(keyed(Method::GET, poll, &office.device));
    Reply::of(asgard_api::router(app.clone()), request).await
}

/// The same without a Snapshot yet.
async fn restarted(office: &Office, poll: &str) -> Reply {
    let config = office.app.app.config.feeds.clone();
    let mut app = restarted_with(office, config).await;
    app.live = Arc::new(Live::default());
    app.live.set_keys(app.store.keys.load().await.unwrap());
    ask(&app, office, poll).await
}

#[tokio::test]
async fn the_last_good_list_survives_a_restart_and_says_how_old_it_is() {
    let office = Office::open().await;
    office.block(json!({"asn": [64497]})).await;
    let before = office.poll(FEED).await;
    let store = &office.app.store;
    let now = (office.app.app.clock)();
    office.app.app.feeds.keep(store, now).await.unwrap();
    office.app.pass_seconds(77);
    // No snapshot yet.
    let reply = restarted(&office, FEED).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.body, before.body);
    assert_eq!(reply.header("etag"), before.header("etag"));
    assert_eq!(reply.header("x-feed-stale"), "77");
    assert_eq!(reply.header("cache-control"), "private, max-age=0");
    // An agent that asks for its configuration never did before.
    refused(&restarted(&office, "/v1/config").await, 503);
    // Nobody has ever asked for this one.
    let reply = restarted(&office, &format!("{FEED}/nft")).await;
    refused(&reply, 503);
}

#[tokio::test]
async fn an_agent_keeps_its_configuration_when_a_guard_stops_the_feed() {
    let office = Office::open().await;
    office.block(json!({"ips": ["45.0.0.0/9", "203.0.113.5"]})).await;
    let before = office.poll("/v1/config").await;
    before.ok();
    let list = office.feed("").await;
    let store = &office.app.store;
    let now = (office.app.app.clock)();
    office.app.app.feeds.keep(store, now).await.unwrap();
    office.app.pass_seconds(77);
    // No Snapshot yet.
    let early = restarted(&office, "/v1/config").await;
    assert_eq!((early.status, &early.body), (StatusCode::OK, &before.body));
    // An operator made the guard narrower than what is blocked.
    let mut narrow = office.app.app.config.feeds.clone();
    narrow.settings.limits.feed_share = 0.001;
    let app = restarted_with(&office, narrow).await;
    for _ in 0..2 {
        let reply = ask(&app, &office, "/v1/config").await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        assert_eq!(reply.body, before.body);
        assert_eq!(reply.header("etag"), before.header("etag"));
        assert_eq!(reply.header("x-feed-stale"), "77");
    }
    assert_eq!(ask(&app, &office, FEED).await.text(), list);
    let why = ask(&app, &office, "/v1/explain?ip=203.0.113.5").await.ok();
    assert_eq!(why["in_feed"], true, "devices block it: {why}");
    assert_eq!(why["last_good"], true);
    assert_eq!(why["entry"], "203.0.113.5/32");
    let why = ask(&app, &office, "/v1/explain?ip=203.0.113.6").await.ok();
    assert_eq!((&why["in_feed"], &why["entry"]), (&json!(false), &json!(null)));
    let intel = ask(&app, &office, "/v1/threat?ip=203.0.113.5").await.ok();
    let intel = intel.to_string();
    assert!(intel.contains("RULE_BLOCK"), "{intel}");
    assert!(intel.contains("the last good list"), "{intel}");
}

#[tokio::test]
async fn an_agent_never_gets_an_empty_configuration_for_a_feed_that_is_stopped()
{
    let mut feeds =
        FeedConfig { rate_limit_per_minute: 0, ..FeedConfig::default() };
    let office = Office::with(feeds.clone()).await;
    office.block(json!({"ips": ["45.0.0.0/9"]})).await;
    feeds.settings.limits.feed_share = 0.001;
    let app = restarted_with(&office, feeds).await;
    for path in ["/v1/config", FEED] {
        let reply = ask(&app, &office, path).await;
        refused(&reply, 503);
        assert!(reply.headers.contains_key("retry-after"), "{path}");
    }
}

#[tokio::test]
async fn what_a_failing_disk_does_not_take_is_stored_once_it_does() {
    let office = Office::open().await;
    office.block(json!({"asn": [64497]})).await;
    let before = office.poll(FEED).await;
    let app = &office.app.app;
    // As on a full disk.
    let folder = office.app.dir().join("feeds");
    std::fs::write(&folder, "in the way").unwrap();
    for _ in 0..8 {
        app.feeds.keep(&app.store, (app.clock)()).await.unwrap_err();
    }
    std::fs::remove_file(&folder).unwrap();
    app.feeds.keep(&app.store, (app.clock)()).await.unwrap();
    assert_eq!(restarted(&office, FEED).await.body, before.body);
    let memory = BodyPlace {
        kind: BodyKind::Memory,
        owner: "acme",
        name: "memory\0acme\0effective subtract",
    };
    let kept = app.store.last_good.find_body(memory).await.unwrap();
    assert!(kept.is_some(), "what the selectors resolved to");
}

#[tokio::test]
async fn what_another_process_writes_is_taken_up() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    let other = asgard_store::open(&asgard_store::StoreConfig {
        dir: office.app.dir().to_owned(),
        world: None,
    })
    .await
    .unwrap();
    let rules = other.rules.load("acme").await.unwrap();
    let mut document = rules.documents[0].clone();
    document.document = document.document.replace("10.0.0.1", "10.0.0.2");
    let write = asgard_store::RulesWrite {
        org: "acme",
        base: rules.version,
        put: vec![document],
        remove: vec![],
        actor: "cli",
        action: "rule.replace",
        at: rules.at,
        answer: None,
        staged: None,
    };
    other.rules.commit(write).await.unwrap();
    // A write of ours does not overwrite theirs, although we do not know it.
    office.block(json!({"ips": ["10.0.0.3"]})).await;
    assert_eq!(office.feed("").await, "10.0.0.2/32\n10.0.0.3/32\n");
    let rules = other.rules.load("acme").await.unwrap();
    let write = asgard_store::RulesWrite {
        org: "acme",
        base: rules.version,
        put: vec![],
        remove: vec![(
            asgard_store::DocumentKind::Rule,
            rules.documents[0].id.clone(),
        )],
        actor: "cli",
        action: "rule.remove",
        at: rules.at,
        answer: None,
        staged: None,
    };
    other.rules.commit(write).await.unwrap();
    let app = &office.app.app;
    app.feeds.refresh(&app.store, (app.clock)()).await.unwrap();
    assert_eq!(office.feed("").await.lines().count(), 1);
}

#[tokio::test]
async fn a_rotated_key_and_its_successor_both_poll() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    let keys = office.app.store.keys.list().await.unwrap();
    let id = keys
        .iter()
        .find(|key| office.device.contains(key.id.as_str()))
        .unwrap()
        .id;
    let now = (office.app.app.clock)();
    let end = now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    let rotation = office.app.store.keys.rotate(id, end, "cli", now).await;
    let new = rotation.unwrap().unwrap().key;
    office.app.reload_keys().await;
    for key in [office.device.as_str(), new.reveal()] {
        let reply = office.app.send(empty(keyed(Method::GET, FEED, key))).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    // Who watches over the server sees that a device still has the old one.
    let polls = office.metric("asgard_feeds_replaced_key_polls_total").await;
    assert_eq!(polls, 1);
    office.app.pass_seconds(24 * 3600);
    let old = empty(keyed(Method::GET, FEED, &office.device));
    refused(&office.app.send(old).await, 401);
}

#[tokio::test]
async fn a_device_never_locks_itself_out_once_it_has_polled_for_a_day() {
    let office = Office::open().await;
    let app = &office.app.app;
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    for hours in [0, 1, 24] {
        office.app.pass_seconds(hours * 3600);
        let before = office.feed("").await;
        assert_eq!(before, "192.0.2.0/24\n", "{hours}");
        app.feeds.keep(&app.store, (app.clock)()).await.unwrap();
    }
    let text = office.feed("").await;
    assert_eq!(text.lines().count(), 8, "our host out of a /24: {text}");
    let body = json!({"block": {"ips": [crate::app::PEER]}});
    let reply = office.post("/v1/access-rules", &body).await;
    let details = &refused(&reply, 409)["details"];
    assert_eq!(details["code"], "PROTECTED", "{details}");
    let listed = office.get("/v1/protected").await.ok();
    assert!(listed.to_string().contains("\"poller\""), "{listed}");
}

#[tokio::test]
async fn a_device_with_a_bound_key_never_gets_its_own_address() {
    let office = Office::open().await;
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    let key = office.bound("192.0.2.0/28").await;
    let ask = |peer: &str| {
        let request = from_peer(Method::GET, FEED, peer);
        request.header("x-api-key", &key)
    };
    let reply = office.app.send(empty(ask(crate::app::PEER))).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let ours = format!("{}/32\n", crate::app::PEER);
    assert_eq!(reply.text().lines().count(), 8, "{}", reply.text());
    assert!(!reply.text().contains(&ours), "{}", reply.text());
    // Nobody else may use it, whatever he says about himself.
    let thief = ask("198.51.100.9").header("x-forwarded-for", "192.0.2.1");
    let refusal = refused(&office.app.send(empty(thief)).await, 403);
    let told = refusal["error"].as_str().unwrap();
    assert!(told.contains("bound to other client addresses"), "{told}");
    for path in ["/v1/asn/64496", "/v1/access-rules"] {
        let thief = from_peer(Method::GET, path, "198.51.100.9");
        let thief = empty(thief.header("x-api-key", &key));
        let status = office.app.send(thief).await.status;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn agents_bouncers_and_taxii_clients_are_protected_as_devices_are() {
    let collections = "/taxii2/feeds/collections/";
    for path in [
        "/v1/config",
        "/v1/decisions/stream?startup=true",
        "/v1/decisions?ip=192.0.2.9",
        collections,
    ] {
        let office = Office::open().await;
        office.block(json!({"ips": ["192.0.2.0/24"]})).await;
        let key = office.bound("192.0.2.0/28").await;
        let ask = async |path: &str| {
            let poll = keyed(Method::GET, path, &key);
            office.app.send(empty(poll)).await
        };
        let mut path = path.to_owned();
        if path == collections {
            let list: serde_json::Value = ask(&path).await.json();
            let id = list["collections"][0]["id"].as_str().unwrap();
            path = format!("{collections}{id}/objects/");
        }
        let reply = ask(&path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text());
        let whole = reply.text().contains("192.0.2.0/24");
        assert!(!whole, "the very answer is without it: {}", reply.text());
        let listed = office.get("/v1/protected").await.ok();
        assert!(listed.to_string().contains("\"poller\""), "{path}: {listed}");
    }
}

#[tokio::test]
async fn data_that_grow_too_much_are_held_until_an_operator_releases_them() {
    let mut feeds =
        FeedConfig { rate_limit_per_minute: 0, ..FeedConfig::default() };
    feeds.settings.limits.exempt_entries = 0;
    let office = Office::with(feeds).await;
    office.block(json!({"asn": [64496]})).await;
    let before = office.feed("").await;
    assert_eq!(before, "5.188.10.0/23\n2a0b:64c0::/32\n");
    office.app.publisher.set_world(super::internet::grown());
    office.republish().await;
    assert_eq!(office.feed("").await, before, "the data of before");
    // What is written meanwhile is served.
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    let both = "5.188.10.0/23\n10.0.0.1/32\n2a0b:64c0::/32\n";
    assert_eq!(office.feed("").await, both);
    let manifest = office.poll(&format!("{FEED}/manifest")).await.ok();
    assert_eq!(manifest["held"], true, "{manifest}");
    let polls = async |state: &str| {
        let name = format!("asgard_feeds_polls_total{{state=\"{state}\"}}");
        office.metric(&name).await
    };
    assert_eq!((polls("current").await, polls("held").await), (1, 2));
    let release = office.post(&format!("{FEED}/release"), &json!({})).await;
    super::office::done(&release, 200);
    let after = office.feed("").await;
    assert!(after.contains("5.188.0.0/20\n"), "{after}");
}
