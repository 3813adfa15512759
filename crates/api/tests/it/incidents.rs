//! `GET /asn/{asn}/incidents`

use asgard_model::{
    Asn, Incident, IncidentKind, World,
    incident::{Evidence, Subtype},
};
use serde_json::{Value, json};

use crate::{app::TestApp, world};

/// 2026-03-01T00:00:00Z.
const MARCH: u32 = 1_772_323_200;
const HOUR: u32 = 3600;

fn incident(
    kind: IncidentKind,
    subtype: Subtype,
    start: u32,
    end: Option<u32>,
) -> Incident {
    let prefix = "8.8.8.0/24".parse().unwrap();
    let path = [64_510, world::SHADY, world::GOOGLE].map(Asn);
    Incident {
        kind,
        subtype,
        asn: Asn(world::SHADY),
        others: Box::new([Asn(world::GOOGLE)]),
        start,
        end,
        prefixes: Box::new([prefix]),
        prefix_count: 120,
        peers: 7,
        weight: 0.5,
        evidence: Box::new([Evidence {
            at: start,
            peer: Asn(64_510),
            prefix,
            path: Box::new(path),
        }]),
    }
}

async fn start() -> TestApp {
    let app = TestApp::start().await;
    let mut incidents = vec![
        incident(IncidentKind::Leak, Subtype::Type1, MARCH, Some(MARCH + HOUR)),
        incident(
            IncidentKind::Hijack,
            Subtype::SubPrefix,
            MARCH + 10 * HOUR,
            None,
        ),
    ];
    incidents.sort_by_key(Incident::order);
    app.publisher.set_world(World { incidents, ..world::world() });
    let entry = json!({"asn": 64_512, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
    app
}

async fn incidents(app: &TestApp, query: &str) -> Value {
    let asn = world::SHADY;
    app.get(&format!("/v1/asn/{asn}/incidents{query}")).await.ok()
}

fn types(body: &Value) -> Vec<&str> {
    let data = body["data"].as_array().unwrap();
    data.iter().map(|row| row["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_newest_comes_first_and_what_goes_on_has_no_end() {
    let app = start().await;
    let body = incidents(&app, "").await;
    assert_eq!(body["asn"], world::SHADY);
    assert_eq!(body["total"], 2);
    assert_eq!(types(&body), ["hijack", "leak"]);
    assert_eq!(body["data"][0]["subtype"], "sub_prefix");
    assert_eq!(body["data"][0]["end"], Value::Null);
    // From 10:00 on the first of March to `as_of`, 09:00 on the 29th.
    assert_eq!(body["data"][0]["duration_seconds"], 28 * 86_400 - HOUR);
    assert_eq!(
        body["data"][1],
        json!({
            "type": "leak",
            "subtype": "type_1",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-03-01T01:00:00Z",
            "prefixes": ["8.8.8.0/24"],
            "peers": 7,
            "evidence": [{
                "at": "2026-03-01T00:00:00Z",
                "peer": 64_510,
                "prefix": "8.8.8.0/24",
                "path": [64_510, world::SHADY, world::GOOGLE],
            }],
            "prefix_count": 120,
            "duration_seconds": 3600,
            "others": [world::GOOGLE],
            "weight": 0.5,
        })
    );
}

#[tokio::test]
async fn kind_time_and_number_can_be_asked_for() {
    let app = start().await;
    for (query, expected) in [
        ("?type=leak", &["leak"][..]),
        ("?type=bogon", &[]),
        ("?since=2026-03-01T01:00:00Z", &["hijack", "leak"]),
        ("?since=2026-03-01T01:00:01Z", &["hijack"]),
        ("?since=2026-03-02", &["hijack"]),
        ("?limit=1", &["hijack"]),
        ("?type=leak&since=2026-03-01&limit=5", &["leak"]),
    ] {
        let body = incidents(&app, query).await;
        assert_eq!(types(&body), expected, "{query}");
    }
    assert_eq!(incidents(&app, "?limit=1").await["total"], 2);
}

#[tokio::test]
async fn a_network_without_incidents_has_none_and_an_unknown_one_is_404() {
    let app = start().await;
    let path = format!("/v1/asn/{}/incidents", world::GOOGLE);
    assert_eq!(app.get(&path).await.ok()["data"], json!([]));
    let reply = app.get("/v1/asn/1/incidents").await;
    assert_eq!(reply.refused(404), "ASN not found or not yet scored");
    app.get("/v1/asn/0/incidents").await.refused(400);
    for bad in ["type=war", "since=today", "limit=0", "limit=1001", "x=1"] {
        let path = format!("{path}?{bad}");
        let reply = app.get(&path).await;
        assert!(reply.refused(422).starts_with("type must be"), "{bad}");
    }
}
