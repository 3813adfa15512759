//! `GET /ip/{address}`, `/prefix/{prefix}` and `/asn/{asn}/prefixes`.

use std::sync::Arc;

use asgard_model::{
    Asn, TableBuilder, World,
    rpki::{Rpki, Vrp, VrpSet},
    world::Announced,
};
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, empty, request},
    world,
};

const ROUTES: [(&str, u32, u16); 6] = [
    ("8.8.8.0/24", world::GOOGLE, 9),
    ("8.0.0.0/9", world::CLOUDFLARE, 10),
    ("8.8.8.0/24", world::SHADY, 3),
    ("1.1.1.0/24", world::CLOUDFLARE, 0),
    ("2001:4860::/32", world::GOOGLE, 4),
    ("1.2.0.0/16", world::ABSENT, 10),
];

fn vrp(prefix: &str, max_len: u8, asn: u32) -> Vrp {
    Vrp { prefix: prefix.parse().unwrap(), max_len, asn: Asn(asn) }
}

fn vrps() -> VrpSet {
    VrpSet::new(vec![
        vrp("8.0.0.0/9", 9, world::CLOUDFLARE),
        vrp("8.8.8.0/24", 24, world::GOOGLE),
        vrp("2001:4860::/32", 31 + 1, world::SHADY),
    ])
}

fn world(rpki: Rpki) -> World {
    let world = world::world();
    let mut builder = TableBuilder::default();
    builder.full_feeds([10, 0]);
    for (prefix, asn, peers) in ROUTES {
        builder.announce_seen(prefix.parse().unwrap(), Asn(asn), None, peers);
    }
    let table = Arc::new(builder.build(&rpki.vrps));
    World {
        announced: Announced::new(&world.asns, &table),
        rpki: Arc::new(rpki),
        table,
        ..world
    }
}

async fn start() -> TestApp {
    let app = TestApp::start().await;
    let rpki = Rpki { known: true, vrps: vrps(), ..Rpki::default() };
    publish(&app, world(rpki)).await;
    app
}

async fn publish(app: &TestApp, world: World) {
    app.publisher.set_world(world);
    let entry = json!({"asn": 64_512, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
}

async fn get(app: &TestApp, path: &str) -> Value {
    app.get(&format!("/v1{path}")).await.ok()
}

fn roa(prefix: &str, max_length: u8, asn: u32) -> Value {
    json!({"asn": asn, "prefix": prefix, "max_length": max_length})
}

#[tokio::test]
async fn an_address_has_its_longest_route_and_the_worst_verdict() {
    let app = start().await;
    let body = get(&app, "/ip/8.8.8.8").await;
    assert_eq!(body["ip"], "8.8.8.8");
    assert_eq!(body["prefix"], "8.8.8.0/24");
    assert_eq!(body["origins"], json!([world::GOOGLE, world::SHADY]));
    assert_eq!(body["rpki"], "invalid");
    assert_eq!(body["routes"][0]["rpki"], "valid");
    assert_eq!(body["routes"][0]["peers"], 9);
    assert_eq!(body["routes"][0]["visibility"], 0.9);
    assert_eq!(body["routes"][0]["name"], "GOOGLE");
    assert_eq!(body["routes"][1]["rpki"], "invalid");
    assert_eq!(body["special_purpose"], false);
    assert_eq!(body["as_of"], "2026-03-29T09:00:00Z");
    let valid = get(&app, "/ip/8.1.2.3").await;
    assert_eq!(valid["rpki"], "valid");
    let silent = get(&app, "/ip/1.1.1.1").await;
    assert_eq!(silent["rpki"], "not_found");
    assert_eq!(silent["routes"][0]["roas"], json!([]));
}

#[tokio::test]
async fn what_nobody_counted_is_null() {
    let app = start().await;
    let body = get(&app, "/ip/1.1.1.1").await;
    assert_eq!(body["routes"][0]["peers"], Value::Null);
    assert_eq!(body["routes"][0]["visibility"], Value::Null);
    let v6 = get(&app, "/ip/2001:4860::1").await;
    assert_eq!(v6["routes"][0]["peers"], 4);
    assert_eq!(v6["routes"][0]["visibility"], Value::Null);
}

#[tokio::test]
async fn an_address_that_nobody_announces_has_no_prefix() {
    let app = start().await;
    for (address, special) in [("9.9.9.9", false), ("10.1.2.3", true)] {
        let body = get(&app, &format!("/ip/{address}")).await;
        assert_eq!(body["prefix"], Value::Null, "{address}");
        assert_eq!(body["origins"], json!([]), "{address}");
        assert_eq!(body["rpki"], Value::Null, "{address}");
        assert_eq!(body["special_purpose"], special, "{address}");
    }
    let mapped = get(&app, "/ip/::ffff:8.8.8.8").await;
    assert_eq!(mapped["ip"], "8.8.8.8");
    assert_eq!(mapped["prefix"], "8.8.8.0/24");
}

#[tokio::test]
async fn an_origin_outside_the_scored_set_has_no_score() {
    let app = start().await;
    let body = get(&app, "/ip/1.2.3.4").await;
    assert_eq!(body["origins"], json!([world::ABSENT]));
    assert_eq!(body["routes"][0]["name"], "Unknown");
    assert_eq!(body["routes"][0]["risk_score"], Value::Null);
    assert_eq!(body["routes"][0]["risk_level"], Value::Null);
}

#[tokio::test]
async fn a_prefix_names_the_roas_that_decide() {
    let app = start().await;
    let body = get(&app, "/prefix/8.8.8.0/24").await;
    assert_eq!(body["prefix"], "8.8.8.0/24");
    assert_eq!(body["announced"], true);
    let [google, shady] = [&body["origins"][0], &body["origins"][1]];
    assert_eq!(google["asn"], world::GOOGLE);
    assert_eq!(google["rpki"], "valid");
    let own = roa("8.8.8.0/24", 24, world::GOOGLE);
    assert_eq!(google["roas"], json!([own]));
    assert_eq!(shady["rpki"], "invalid");
    let around = roa("8.0.0.0/9", 9, world::CLOUDFLARE);
    assert_eq!(shady["roas"], json!([around, own]));
    assert_eq!(body["roas"], json!([around, own]));
    let covering = json!({"prefix": "8.0.0.0/9",
        "origins": [world::CLOUDFLARE]});
    assert_eq!(body["covering"], covering);
    assert_eq!(body["more_specifics"], 0);
}

#[tokio::test]
async fn a_prefix_that_nobody_announces_shows_what_is_around_and_inside() {
    let app = start().await;
    let inside = get(&app, "/prefix/8.8.8.128/25").await;
    assert_eq!(inside["announced"], false);
    assert_eq!(inside["origins"], json!([]));
    assert_eq!(inside["covering"]["prefix"], "8.8.8.0/24");
    let around = get(&app, "/prefix/8.0.0.0/8").await;
    assert_eq!(around["covering"], Value::Null);
    assert_eq!(around["more_specifics"], 2);
    assert_eq!(get(&app, "/prefix/0.0.0.0/0").await["more_specifics"], 4);
    let own = get(&app, "/prefix/8.0.0.0/9").await;
    assert_eq!(own["more_specifics"], 1);
    assert_eq!(own["covering"], Value::Null);
}

#[tokio::test]
async fn the_slash_of_a_prefix_may_be_written_either_way_under_any_mount() {
    let app = start().await;
    let expected = get(&app, "/prefix/8.8.8.0/24").await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        for text in ["8.8.8.0/24", "8.8.8.0%2F24", "8.8.8.0%2f24", "8.8.8.9/24"]
        {
            let reply = app.get(&format!("{mount}/prefix/{text}")).await;
            assert_eq!(reply.ok(), expected, "{mount} {text}");
        }
    }
    let v6 = get(&app, "/prefix/2001:4860::/32").await;
    assert_eq!(v6["origins"][0]["rpki"], "invalid");
}

#[tokio::test]
async fn text_that_is_no_address_or_prefix_is_400_and_says_what_is() {
    let app = start().await;
    for bad in ["8.8.8", "8.8.8.8.8", "x", "8.8.8.0%2F24", "::1%25eth0", "%FF"]
    {
        let reply = app.get(&format!("/v1/ip/{bad}")).await;
        assert!(reply.refused(400).starts_with("Invalid address"), "{bad}");
    }
    for bad in
        ["8.8.8.0", "8.8.8.0/33", "x/8", "8.8.8.0/", "8.8.8.0/24/1", "%FF"]
    {
        let reply = app.get(&format!("/v1/prefix/{bad}")).await;
        assert!(reply.refused(400).starts_with("Invalid prefix"), "{bad}");
    }
}

#[tokio::test]
async fn without_rpki_data_there_is_no_verdict() {
    let app = TestApp::start().await;
    publish(&app, world(Rpki::default())).await;
    let body = get(&app, "/ip/8.8.8.8").await;
    assert_eq!(body["rpki"], Value::Null);
    assert_eq!(body["routes"][0]["rpki"], Value::Null);
    let path = format!("/asn/{}/prefixes?rpki=not_found", world::GOOGLE);
    assert_eq!(get(&app, &path).await["total"], 0);
}

#[tokio::test]
async fn a_network_has_its_prefixes_a_page_at_a_time() {
    let app = start().await;
    let path = format!("/asn/{}/prefixes", world::GOOGLE);
    let body = get(&app, &path).await;
    assert_eq!(body["total"], 2);
    let first = json!({"prefix": "8.8.8.0/24", "rpki": "valid", "peers": 9,
        "visibility": 0.9, "other_origins": [world::SHADY]});
    let second = json!({"prefix": "2001:4860::/32", "rpki": "invalid",
        "peers": 4, "visibility": null, "other_origins": []});
    assert_eq!(body["data"], json!([first, second]));
    let page = get(&app, &format!("{path}?offset=1&limit=1")).await;
    assert_eq!(page["total"], 2);
    assert_eq!(page["data"], json!([second]));
    let past = get(&app, &format!("{path}?offset=4294967295")).await;
    assert_eq!(past["data"], json!([]));
    let invalid = get(&app, &format!("{path}?rpki=invalid")).await;
    assert_eq!(invalid["total"], 1);
    assert_eq!(invalid["data"], json!([second]));
    let none = format!("/asn/{}/prefixes", world::NAMELESS);
    assert_eq!(get(&app, &none).await["data"], json!([]));
}

#[tokio::test]
async fn a_page_that_cannot_be_is_422_and_an_unknown_network_404() {
    let app = start().await;
    let path = format!("/v1/asn/{}/prefixes", world::GOOGLE);
    for bad in ["limit=0", "limit=1001", "offset=-1", "rpki=good", "x=1"] {
        let reply = app.get(&format!("{path}?{bad}")).await;
        assert!(reply.refused(422).starts_with("rpki must be"), "{bad}");
    }
    let reply = app.get("/v1/asn/1/prefixes").await;
    assert_eq!(reply.refused(404), "ASN not found or not yet scored");
    app.get("/v1/asn/x/prefixes").await.refused(400);
}

#[tokio::test]
async fn answers_have_tags_and_need_a_key() {
    let app = start().await;
    let google = format!("/v1/asn/{}/prefixes", world::GOOGLE);
    for path in ["/v1/ip/8.8.8.8", "/v1/prefix/8.8.8.0/24", &google] {
        let reply = app.get(path).await;
        let tag = reply.header("etag").to_owned();
        let again = request(Method::GET, path)
            .header("x-api-key", &app.read)
            .header("if-none-match", tag);
        let again = app.send(again.body(axum::body::Body::empty()).unwrap());
        assert_eq!(again.await.status, 304, "{path}");
        let nobody = app.send(empty(request(Method::GET, path))).await;
        nobody.refused(403);
    }
}
