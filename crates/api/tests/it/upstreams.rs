//! `GET /asn/{asn}/upstreams`

use asgard_model::{
    Asn, World,
    graph::{AsGraph, Relationship, Relationship::ProviderOf},
};
use serde_json::{Value, json};

use crate::{app::TestApp, world};

fn edge(provider: u32, customer: u32) -> (Asn, Asn, Relationship) {
    (Asn(provider), Asn(customer), ProviderOf)
}

/// SHADY buys from a clean, a bad and a nameless network; NAMELESS, which
/// announces nothing, from a clean and a bad one.
async fn start() -> TestApp {
    start_with(|_, _| {}).await
}

async fn start_with(change: impl Fn(&[Asn], &mut AsGraph)) -> TestApp {
    let app = TestApp::start().await;
    let world = world::world();
    let edges = [
        edge(world::NAMELESS, world::SHADY),
        edge(world::DROPPED, world::SHADY),
        edge(world::GOOGLE, world::SHADY),
        edge(world::GOOGLE, world::NAMELESS),
        edge(world::DROPPED, world::NAMELESS),
    ];
    let mut graph = AsGraph::new(&world.asns, &edges);
    change(&world.asns, &mut graph);
    app.publisher.set_world(World { graph, ..world });
    trust(&app, 64_512).await;
    app
}

async fn trust(app: &TestApp, asn: u32) {
    let entry = json!({"asn": asn, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
}

async fn upstreams(app: &TestApp, asn: u32) -> Value {
    app.get(&format!("/v1/asn/{asn}/upstreams")).await.ok()
}

async fn profile(app: &TestApp, asn: u32) -> Value {
    app.get(&format!("/v1/asn/{asn}")).await.ok()
}

/// The row that the provider's profile calls for.
async fn row(app: &TestApp, asn: u32, connections: u32) -> Value {
    let profile = profile(app, asn).await;
    let name = profile["name"].as_str().unwrap_or("Unknown");
    json!({
        "asn": asn,
        "name": name,
        "score": profile["risk_score"],
        "risk_level": profile["risk_level"],
        "connection_count": connections
    })
}

#[tokio::test]
async fn providers_are_shown_as_their_profiles_say_ascending_by_number() {
    let app = start().await;
    let rows = [
        row(&app, world::GOOGLE, 1).await,
        row(&app, world::DROPPED, 1).await,
        row(&app, world::NAMELESS, 1).await,
    ];
    let scores = rows.iter().map(|row| row["score"].as_u64().unwrap());
    let mean = (scores.sum::<u64>() + 1) / 3;
    let asked = profile(&app, world::SHADY).await;
    assert_eq!(rows[2]["name"], "Unknown");
    assert_eq!(
        upstreams(&app, world::SHADY).await,
        json!({
            "asn": world::SHADY,
            "risk_score": asked["risk_score"],
            "avg_upstream_score": mean,
            "upstreams": rows
        })
    );
}

#[tokio::test]
async fn where_paths_were_read_their_routes_are_the_connections() {
    let app = start_with(|asns, graph| {
        graph.count_connections(|origin, provider| {
            match (asns[origin].0, asns[provider].0) {
                (world::SHADY, world::GOOGLE) => 7,
                (world::SHADY, world::NAMELESS) => 40,
                _ => 0,
            }
        });
    })
    .await;
    let rows = [
        row(&app, world::NAMELESS, 40).await,
        row(&app, world::GOOGLE, 7).await,
    ];
    // DROPPED is a provider by name, but no route goes there.
    assert_eq!(upstreams(&app, world::SHADY).await["upstreams"], json!(rows));
}

/// How many units of evidence the providers of SHADY bear, as the reason says.
async fn upstream_units(routes: Option<(u32, u32)>) -> Option<f64> {
    let app = start_with(|asns, graph| {
        let Some((clean, bad)) = routes else { return };
        graph.count_connections(|origin, provider| {
            match (asns[origin].0, asns[provider].0) {
                (world::SHADY, world::GOOGLE) => clean,
                (world::SHADY, world::DROPPED) => bad,
                _ => 0,
            }
        });
    })
    .await;
    let profile = profile(&app, world::SHADY).await;
    let details = profile["details"].as_array().unwrap().clone();
    let risk = details.iter().find(|d| d["code"] == "UPSTREAM_RISK")?;
    let text = risk["description"].as_str().unwrap();
    let units = text.split(' ').find_map(|word| word.parse().ok());
    Some(units.unwrap_or_else(|| panic!("no number in {text}")))
}

#[tokio::test]
async fn a_bad_provider_weighs_as_much_as_the_routes_that_go_over_it() {
    // Of three providers one is bad: a third, where nobody counted.
    let third = upstream_units(None).await.unwrap();
    let all = upstream_units(Some((0, 7))).await.unwrap();
    assert!((all - 3.0 * third).abs() < 0.2, "{all} {third}");
    let half = upstream_units(Some((7, 7))).await.unwrap();
    assert!((all - 2.0 * half).abs() < 0.2, "{all} {half}");
    let hardly = upstream_units(Some((9_999, 1))).await;
    assert!(hardly.is_none_or(|units| units < 0.1), "{hardly:?}");
    assert_eq!(upstream_units(Some((0, 0))).await, None);
}

#[tokio::test]
async fn fields_stand_in_the_documented_order() {
    let app = start().await;
    let path = format!("/v1/asn/{}/upstreams", world::SHADY);
    let reply = app.get(&path).await;
    let mut rest = reply.text();
    for name in ["asn", "risk_score", "avg_upstream_score", "upstreams"]
        .into_iter()
        .chain(["asn", "name", "score", "risk_level", "connection_count"])
    {
        let name = format!("\"{name}\":");
        let at = rest.find(&name);
        rest = &rest[at.unwrap_or_else(|| panic!("{name}")) + name.len()..];
    }
}

#[tokio::test]
async fn without_an_announced_prefix_every_provider_counts_alike() {
    let app = start().await;
    let body = upstreams(&app, world::NAMELESS).await;
    let rows = body["upstreams"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["connection_count"] == 0));
    let scores = rows.iter().map(|row| row["score"].as_f64().unwrap());
    let mean = (scores.sum::<f64>() / 2.0).round();
    assert_eq!(body["avg_upstream_score"].as_f64(), Some(mean));
}

#[tokio::test]
async fn without_providers_there_is_no_average() {
    let app = start().await;
    for asn in [world::GOOGLE, 64_512] {
        let body = upstreams(&app, asn).await;
        assert_eq!(body["upstreams"], json!([]), "{asn}");
        assert_eq!(body["avg_upstream_score"], Value::Null, "{asn}");
        assert!(body["risk_score"].as_u64().unwrap() >= 90, "{asn}");
    }
}

#[tokio::test]
async fn a_trusted_provider_counts_as_100() {
    let app = start().await;
    let before = upstreams(&app, world::SHADY).await;
    trust(&app, world::DROPPED).await;
    let after = upstreams(&app, world::SHADY).await;
    assert_eq!(after["upstreams"][1]["score"], 100);
    assert_eq!(after["upstreams"][1]["risk_level"], "LOW");
    let average = |body: &Value| body["avg_upstream_score"].as_u64().unwrap();
    assert!(average(&after) > average(&before));
}

#[tokio::test]
async fn a_number_out_of_range_is_400_and_an_unknown_one_404() {
    let app = start().await;
    for bad in ["0", "4294967296", "-1", "abc", "AS15169"] {
        let reply = app.get(&format!("/v1/asn/{bad}/upstreams")).await;
        assert!(reply.refused(400).starts_with("Invalid ASN"), "{bad}");
    }
    for unknown in ["1", "4294967295"] {
        let reply = app.get(&format!("/v1/asn/{unknown}/upstreams")).await;
        assert_eq!(reply.refused(404), "ASN not found or not yet scored");
    }
}
