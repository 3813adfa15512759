//! `GET /feeds/edl`

use asgard_api::{ApiConfig, EdlAuth, FeedConfig};
use asgard_model::Prefix;
use asgard_store::Scope;
use axum::http::{Method, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    app::{TestApp, empty, keyed, request},
    threat::office::Office,
    world,
};

/// The list that the scores of the profiles call for.
async fn expected(app: &TestApp, takes: impl Fn(u64, &str) -> bool) -> String {
    let mut text = String::new();
    for asn in world::ALL {
        let body = app.get(&format!("/v1/asn/{asn}")).await.ok();
        let score = body["risk_score"].as_u64().unwrap();
        if takes(score, body["risk_level"].as_str().unwrap()) {
            text += &format!("AS{asn}\n");
        }
    }
    text
}

#[tokio::test]
async fn the_default_lists_every_score_up_to_50_without_a_key() {
    let app = TestApp::start().await;
    let reply = app.get_open("/feeds/edl").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), "text/plain");
    assert_eq!(reply.text(), expected(&app, |score, _| score <= 50).await);
    assert!(reply.text().contains("AS64496\n"), "{}", reply.text());
    let same = app.get_open("/feeds/edl?max_score=50.0").await;
    assert_eq!(same.text(), reply.text());
}

#[tokio::test]
async fn every_threshold_lists_exactly_the_scores_up_to_it() {
    let app = TestApp::start().await;
    for max in [0, 17, 42, 49, 74, 89, 99, 100] {
        let reply = app.get_open(&format!("/feeds/edl?max_score={max}")).await;
        let wanted = expected(&app, |score, _| score <= max).await;
        assert_eq!(reply.text(), wanted, "{max}");
        let count = wanted.lines().count().to_string();
        assert_eq!(reply.header("x-feed-entries"), count);
        let length = reply.body.len().to_string();
        assert_eq!(reply.header("content-length"), length);
    }
    let all = app.get_open("/feeds/edl?max_score=100").await;
    assert_eq!(all.text().lines().count(), world::ALL.len());
    assert_eq!(all.text().lines().next(), Some("AS13335"));
}

#[tokio::test]
async fn levels_are_an_alternative_to_a_threshold() {
    let app = TestApp::start().await;
    for (query, names) in [
        ("CRITICAL", &["CRITICAL"][..]),
        ("CRITICAL,HIGH", &["CRITICAL", "HIGH"]),
        ("low,medium", &["LOW", "MEDIUM"]),
    ] {
        let reply = app.get_open(&format!("/feeds/edl?level={query}")).await;
        let wanted = expected(&app, |_, level| names.contains(&level)).await;
        assert_eq!(reply.text(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_does_not_fit_is_422_and_never_a_wider_list() {
    let app = TestApp::start().await;
    for query in [
        "max_score=-1",
        "max_score=100.1",
        "max_score=NaN",
        "max_score=inf",
        "max_score=abc",
        "max_score=",
        "max_score=1&max_score=2",
        "expand=",
        "expand=asns",
        "level=",
        "level=EVIL",
        "level=HIGH,",
        "max_scor=10",
    ] {
        let reply = app.get_open(&format!("/feeds/edl?{query}")).await;
        let message = reply.refused(422);
        assert!(message.contains("max_score"), "{query}");
    }
}

#[tokio::test]
async fn a_score_and_a_level_must_both_hold() {
    let app = TestApp::start().await;
    let path = "/feeds/edl?max_score=20&level=CRITICAL,HIGH";
    let reply = app.get_open(path).await;
    let both = |score, level: &str| {
        score <= 20 && ["CRITICAL", "HIGH"].contains(&level)
    };
    assert_eq!(reply.text(), expected(&app, both).await);
}

/// What the worst has in the Internet of threat feeds, where networks announce
/// global space.
const WORST_SPACE: &str = "5.188.10.0/23\n2a0b:64c0::/32\n";

#[tokio::test]
async fn prefixes_are_the_space_of_the_networks_on_every_mount() {
    let office = Office::open().await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let path = format!("{mount}/feeds/edl?max_score=30&expand=prefixes");
        let reply = office.app.get_open(&path).await;
        assert_eq!(reply.text(), WORST_SPACE);
        assert_eq!(reply.header("x-feed-entries"), "2");
        assert!(reply.headers.contains_key("etag"));
    }
}

#[tokio::test]
async fn prefixes_are_the_same_whatever_parameter_says_nothing_more() {
    let office = Office::open().await;
    for list in ["", "&max_score=30", "&max_score=100", "&level=CRITICAL"] {
        let path = format!("/feeds/edl?expand=prefixes{list}");
        let bare = office.app.get_open(&path).await;
        assert!(!bare.text().is_empty(), "the test would prove nothing");
        for more in ["comments=0", "guard=off", "format=plain"] {
            let path = format!("{path}&{more}");
            let same = office.app.get_open(&path).await;
            assert_eq!(same.text(), bare.text(), "{path}");
            assert_eq!(same.header("etag"), bare.header("etag"), "{path}");
        }
    }
}

#[tokio::test]
async fn no_prefix_is_listed_that_holds_what_is_protected() {
    let office = Office::open().await;
    let list = async |max: u8| -> Vec<Prefix> {
        let path = format!("/feeds/edl?max_score={max}&expand=prefixes");
        let reply = office.app.get_open(&path).await;
        reply.text().lines().map(|line| line.parse().unwrap()).collect()
    };
    let holds = |list: &[Prefix], address: &str| {
        let address = address.parse().unwrap();
        list.iter().any(|prefix| prefix.contains(address))
    };
    let everything = list(100).await;
    for resolver in ["8.8.8.8", "1.1.1.1"] {
        assert!(!holds(&everything, resolver), "{resolver}");
    }
    assert!(holds(&everything, "8.8.8.9"), "beside the resolver");
    // A hole that another network announces in the space of a bad one.
    assert!(holds(&list(50).await, "45.9.4.1"));
    let entry = json!({"asn": world::CRIMINAL, "reason": "ours"});
    office.app.post("/v1/whitelist", &entry).await.ok();
    let trusted = list(50).await;
    assert!(!holds(&trusted, "45.9.4.1"), "{trusted:?}");
    assert!(!holds(&trusted, "185.100.84.1"), "{trusted:?}");
    assert!(holds(&trusted, "45.9.5.1"), "{trusted:?}");
}

#[tokio::test]
async fn a_list_that_would_block_too_much_is_refused_and_not_empty() {
    let mut feeds = FeedConfig::default();
    // A /21 of the four networks is too much then, and a /24 is not.
    feeds.settings.limits.confirm_share = 2f64.powi(-21);
    let office = Office::with(feeds).await;
    let path = "/feeds/edl?max_score=50&expand=prefixes";
    let reply = office.app.get_open(path).await;
    let message = reply.refused(422);
    assert!(message.contains("max_score"), "{message}");
}

#[tokio::test]
async fn the_list_needs_a_key_for_feeds_if_the_operator_says_so() {
    let edl_auth = EdlAuth::Key;
    let config = ApiConfig { edl_auth, ..ApiConfig::default() };
    let app = TestApp::with(config).await;
    app.get_open("/feeds/edl").await.refused(403);
    app.get_open("/feeds/edl?level=NO").await.refused(403);
    for (scope, status) in [
        (Scope::FeedRead, StatusCode::OK),
        (Scope::Read, StatusCode::OK),
        (Scope::Stream, StatusCode::FORBIDDEN),
    ] {
        let key = app.new_key(scope, None).await;
        let basic = STANDARD.encode(format!("api:{key}"));
        let request = request(Method::GET, "/feeds/edl")
            .header("authorization", format!("Basic {basic}"));
        assert_eq!(app.send(empty(request)).await.status, status, "{scope}");
    }
}

#[tokio::test]
async fn an_empty_list_is_zero_bytes_and_says_so() {
    let app = TestApp::start().await;
    let reply = app.get_open("/feeds/edl?max_score=0").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.text(), "");
    assert_eq!(reply.header("x-feed-entries"), "0");
    assert_eq!(reply.header("content-length"), "0");
}

#[tokio::test]
async fn a_bad_key_is_not_held_against_a_firewall() {
    let app = TestApp::start().await;
    let reply =
        app.send(empty(keyed(Method::GET, "/feeds/edl", "guess"))).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn the_feed_of_a_demo_is_marked_and_that_of_the_world_is_not() {
    let app = TestApp::start().await;
    let real = app.get_open("/feeds/edl").await;
    assert!(!real.headers.contains_key("x-asgard-demo"));
    app.publisher
        .set_world(asgard_model::World { demo: true, ..world::world() });
    app.post("/v1/whitelist", &json!({"asn": 1, "reason": "x"})).await.ok();
    let demo = app.get_open("/feeds/edl").await;
    assert_eq!(demo.header("x-asgard-demo"), "true");
}

#[tokio::test]
async fn a_polling_firewall_gets_304_until_the_list_changes() {
    let app = TestApp::start().await;
    let first = app.get_open("/feeds/edl").await;
    let tag = first.header("etag").to_owned();
    let poll = async || {
        let builder =
            request(Method::GET, "/feeds/edl").header("if-none-match", &tag);
        app.send(empty(builder)).await
    };
    let again = poll().await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
    for name in ["etag", "cache-control", "x-feed-entries", "content-length"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let entry = json!({"asn": world::DROPPED, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
    let changed = poll().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn opnsense_gets_the_whole_table_with_every_origin() {
    use std::io::Read;

    let app = TestApp::start().await;
    let reply = app.get_open("/alias/asn.gz").await;
    assert_eq!(reply.status.as_u16(), 200);
    assert_eq!(reply.header("content-type"), "application/gzip");
    let mut text = String::new();
    let mut gzip = flate2::read::GzDecoder::new(&reply.body[..]);
    gzip.read_to_string(&mut text).unwrap();
    let world = world::world();
    let rows: Vec<String> = world
        .table
        .iter()
        .flat_map(|route| {
            let row = move |asn: &asgard_model::Asn| {
                format!("{} {}", route.prefix, asn.0)
            };
            route.origins.iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    assert!(rows.len() > 2);
    assert_eq!(text.lines().collect::<Vec<_>>(), rows);
}
