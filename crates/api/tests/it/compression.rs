//! `Accept-Encoding`: every form is the same representation.

use std::io::Read;

use asgard_model::{
    Asn, Registration, Signals, World, graph::AsGraph, world::Announced,
};
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{Reply, TestApp, empty, keyed},
    world,
};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];
const PROFILE: &str = "/v1/asn/64496";
const FEED: &str = "/feeds/edl?max_score=100";

/// So many networks with five digits: 8 bytes a line of the feed.
fn crowd(count: usize) -> World {
    let asns: Vec<Asn> = (10_000..).map(Asn).take(count).collect();
    let world = world::world();
    World {
        registrations: vec![Registration::default(); count],
        signals: vec![Signals::default(); count],
        samples: vec![Box::default(); count],
        announced: Announced::new(&asns, &world.table),
        organisations: vec![None; count],
        graph: AsGraph::new(&asns, &[]),
        asns,
        ..world
    }
}

async fn with_crowd(count: usize) -> TestApp {
    let app = TestApp::without_world(0).await;
    publish(&app, crowd(count)).await;
    app
}

async fn publish(app: &TestApp, world: World) {
    app.publisher.set_world(world);
    app.delete("/v1/whitelist/64512").await;
    let entry = json!({"asn": 64_512, "reason": "publishes"});
    app.post("/v1/whitelist", &entry).await.ok();
    app.delete("/v1/whitelist/64512").await.ok();
}

async fn ask(app: &TestApp, method: Method, path: &str, takes: &str) -> Reply {
    let builder =
        keyed(method, path, &app.read).header("accept-encoding", takes);
    app.send(empty(builder)).await
}

async fn get(app: &TestApp, path: &str, takes: &str) -> Reply {
    ask(app, Method::GET, path, takes).await
}

fn decode(reply: &Reply) -> Vec<u8> {
    let body = &reply.body[..];
    let mut plain = Vec::new();
    let read = match reply.header("content-encoding") {
        "zstd" => zstd::Decoder::new(body).unwrap().read_to_end(&mut plain),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        other => panic!("{other}"),
    };
    read.unwrap();
    plain
}

#[track_caller]
fn assert_plain(reply: &Reply, plain: &Reply) {
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("content-encoding"));
    assert_eq!(reply.body, plain.body);
    assert_eq!(reply.header("vary"), "accept-encoding");
    assert_eq!(reply.header("content-length"), plain.body.len().to_string());
}

#[tokio::test]
async fn every_coding_decodes_to_the_plain_body_under_the_same_tag() {
    let profile = TestApp::start().await;
    let feed = with_crowd(2_000).await;
    for (app, path) in [(&profile, PROFILE), (&feed, FEED)] {
        let plain = app.get(path).await;
        assert!(plain.body.len() >= 1024, "{path}: {}", plain.text());
        assert_eq!(plain.header("vary"), "accept-encoding");
        for coding in CODINGS {
            let reply = get(app, path, coding).await;
            assert_eq!(reply.status, StatusCode::OK);
            assert_eq!(reply.header("content-encoding"), coding);
            assert_eq!(decode(&reply), plain.body, "{path} {coding}");
            assert!(reply.body.len() < plain.body.len());
            let length = reply.body.len().to_string();
            assert_eq!(reply.header("content-length"), length);
            for name in ["etag", "vary", "content-type", "cache-control"] {
                assert_eq!(reply.header(name), plain.header(name), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn answers_without_a_tag_are_coded_too() {
    let app = TestApp::start().await;
    let asns = json!({"asns": vec![world::GOOGLE; 100]}).to_string();
    let post = async |takes: &str| {
        let path = "/v1/tools/bulk-risk-check";
        let builder = keyed(Method::POST, path, &app.read)
            .header("content-type", "application/json")
            .header("accept-encoding", takes);
        app.send(builder.body(asns.clone().into()).unwrap()).await
    };
    let plain = post("identity").await;
    assert_plain(&plain, &plain);
    for coding in CODINGS {
        assert_eq!(decode(&post(coding).await), plain.body, "{coding}");
    }
}

#[tokio::test]
async fn the_coding_is_the_one_that_the_client_prefers() {
    let app = with_crowd(2_000).await;
    for (takes, coding) in [
        ("deflate, gzip, br, zstd", "zstd"), // curl --compressed
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("zstd;q=0, br;q=0, *", "gzip"),
        ("lzma, br;q=0.001", "br"),
    ] {
        let reply = get(&app, FEED, takes).await;
        assert_eq!(reply.header("content-encoding"), coding, "{takes}");
    }
}

#[tokio::test]
async fn who_takes_none_of_our_codings_gets_the_plain_body() {
    let app = with_crowd(2_000).await;
    let plain = app.get(FEED).await;
    for takes in [
        "",
        "identity",
        "gzip;q=0",
        "gzip;q=0, br;q=0.0, zstd;q=0.000",
        "deflate, compress, lzma",
        "identity, gzip;q=0.5",
        "identity;q=0",
        "*;q=0",
        "gzip;q=nonsense",
    ] {
        assert_plain(&get(&app, FEED, takes).await, &plain);
    }
}

#[tokio::test]
async fn bodies_are_coded_from_one_kibibyte_on() {
    for (count, coded) in [(0, false), (127, false), (128, true)] {
        let app = with_crowd(count).await;
        let plain = app.get(FEED).await;
        assert_eq!(plain.body.len(), 8 * count);
        let reply = get(&app, FEED, "gzip").await;
        match coded {
            true => assert_eq!(decode(&reply), plain.body),
            false => assert_plain(&reply, &plain),
        }
    }
    let app = TestApp::start().await;
    for path in ["/livez", "/health", "/v1/asn/15169/upstreams"] {
        let plain = app.get(path).await;
        assert_plain(&get(&app, path, "gzip, br").await, &plain);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_in_every_coding() {
    let profile = TestApp::start().await;
    let feed = with_crowd(2_000).await;
    for (app, path) in [(&profile, PROFILE), (&feed, FEED)] {
        for takes in ["zstd", "br", "gzip", "gzip;q=0"] {
            let get = get(app, path, takes).await;
            let head = ask(app, Method::HEAD, path, takes).await;
            assert!(head.body.is_empty());
            let own = ["x-trace-id", "x-response-time"];
            for (name, value) in &get.headers {
                if !own.contains(&name.as_str()) {
                    assert_eq!(head.headers.get(name), Some(value), "{name}");
                }
            }
            let length = get.body.len().to_string();
            assert_eq!(head.header("content-length"), length);
        }
    }
}

#[tokio::test]
async fn a_tag_of_any_form_is_answered_by_304_in_every_other() {
    let profile = TestApp::start().await;
    let feed = with_crowd(2_000).await;
    for (app, path) in [(&profile, PROFILE), (&feed, FEED)] {
        for takes in ["zstd", "br", "gzip", "identity"] {
            let coded = get(app, path, takes).await;
            for again in ["zstd", "br", "gzip", "identity", "gzip;q=0"] {
                let same = get(app, path, again).await;
                for method in [Method::GET, Method::HEAD] {
                    let request = keyed(method, path, &app.read)
                        .header("accept-encoding", again)
                        .header("if-none-match", coded.header("etag"));
                    let reply = app.send(empty(request)).await;
                    assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
                    assert!(reply.body.is_empty());
                    assert_eq!(reply.header("etag"), coded.header("etag"));
                    assert_eq!(reply.header("vary"), "accept-encoding");
                    assert!(!reply.headers.contains_key("content-encoding"));
                    // Both are kept, so the length of the 200 is known.
                    let length = same.header("content-length");
                    assert_eq!(reply.header("content-length"), length);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_feed_is_coded_once_until_it_changes() {
    let app = with_crowd(2_000).await;
    for coding in CODINGS {
        let first = get(&app, FEED, coding).await;
        let again = get(&app, FEED, coding).await;
        assert_eq!(first.body.as_ptr(), again.body.as_ptr(), "{coding}");
    }
    let before = get(&app, FEED, "gzip").await;
    publish(&app, crowd(2_001)).await;
    let after = get(&app, FEED, "gzip").await;
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(decode(&after), app.get(FEED).await.body);
    assert_eq!(after.header("x-feed-entries"), "2001");
}

#[tokio::test]
async fn errors_are_never_coded() {
    let app = TestApp::start().await;
    for (path, status) in [
        ("/v1/asn/0", 400),
        ("/v1/asn/1", 404),
        ("/nope", 404),
        ("/feeds/edl?x=1", 422),
    ] {
        let reply = get(&app, path, "gzip, br, zstd").await;
        reply.refused(status);
        assert!(!reply.headers.contains_key("content-encoding"), "{path}");
    }
}
