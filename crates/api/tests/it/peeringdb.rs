//! `GET /asn/{asn}/peeringdb`

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use asgard_api::{LookupConfig, Lookups, Republish};
use asgard_model::{Asn, PeeringdbNet, World};
use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

use crate::{app::TestApp, world};

/// PeeringDB in small: answers what it was told to, and counts.
struct Publisher {
    status: AtomicU16,
    body: String,
    asked: AtomicUsize,
    queries: std::sync::Mutex<Vec<String>>,
    /// Closed: answers at once.
    gate: Semaphore,
}

struct Running {
    publisher: Arc<Publisher>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn asked(&self) -> usize {
        self.publisher.asked.load(Ordering::SeqCst)
    }

    fn says(&self, status: u16) {
        self.publisher.status.store(status, Ordering::SeqCst);
    }
}

async fn answer(
    State(publisher): State<Arc<Publisher>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    publisher.asked.fetch_add(1, Ordering::SeqCst);
    let agent = headers["user-agent"].to_str().unwrap();
    let line = format!("{} {agent}", query.unwrap_or_default());
    publisher.queries.lock().unwrap().push(line);
    let _open = publisher.gate.acquire().await;
    Response::builder()
        .status(publisher.status.load(Ordering::SeqCst))
        .header("location", "/api/elsewhere")
        .body(Body::from(publisher.body.clone()))
        .unwrap()
}

async fn elsewhere(State(publisher): State<Arc<Publisher>>) -> &'static str {
    publisher.asked.fetch_add(100, Ordering::SeqCst);
    r#"{"data":[{"name":"followed"}]}"#
}

async fn publisher(status: u16, body: impl Into<String>) -> Running {
    gated(status, body, false).await
}

async fn gated(status: u16, body: impl Into<String>, shut: bool) -> Running {
    let gate = Semaphore::new(0);
    if !shut {
        gate.close();
    }
    let publisher = Arc::new(Publisher {
        status: AtomicU16::new(status),
        body: body.into(),
        asked: AtomicUsize::new(0),
        queries: std::sync::Mutex::default(),
        gate,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/api/net", get(answer))
        .route("/api/elsewhere", get(elsewhere))
        .with_state(publisher.clone());
    let task = tokio::spawn(async move {
        axum::serve(listener, router).await.unwrap();
    });
    Running { publisher, address, task }
}

async fn asking(address: SocketAddr) -> TestApp {
    let url = format!("http://{address}/api/").parse().ok();
    assert!(url.is_some());
    let config = LookupConfig { peeringdb_url: url, ..LookupConfig::default() };
    TestApp::with_lookups(Lookups::new(&config)).await
}

const GOOGLE: &str = r#"{"data":[{"id":433,"asn":15169,"name":"Google LLC",
    "info_type":"Content","website":"https://www.google.com","ix_count":42,
    "fac_count":18,"policy_general":"Open","notes":"x"}],"meta":{}}"#;

const PATH: &str = "/v1/asn/15169/peeringdb";

fn google() -> Value {
    json!({
        "asn": 15169,
        "found": true,
        "peeringdb_data": {
            "name": "Google LLC",
            "type": "Content",
            "website": "https://www.google.com",
            "ix_count": 42,
            "fac_count": 18,
            "peering_policy": "Open"
        }
    })
}

fn absent(asn: u32) -> Value {
    json!({"asn": asn, "found": false, "peeringdb_data": null})
}

#[tokio::test]
async fn a_profile_is_shown_as_documented_and_asked_for_by_number() {
    let peeringdb = publisher(200, GOOGLE).await;
    let app = asking(peeringdb.address).await;
    let reply = app.get(PATH).await;
    assert_eq!(reply.ok(), google());
    assert!(reply.header("etag").starts_with("W/\""));
    let text = reply.text();
    let order = [
        "\"asn\"",
        "\"found\"",
        "\"peeringdb_data\"",
        "\"name\"",
        "\"type\"",
        "\"website\"",
        "\"ix_count\"",
        "\"fac_count\"",
        "\"peering_policy\"",
    ];
    let places: Vec<_> = order.iter().map(|name| text.find(name)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
    let asked = peeringdb.publisher.queries.lock().unwrap().clone();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(asked, [format!("asn=15169 asgard/{version}")]);
}

#[tokio::test]
async fn what_a_profile_does_not_say_is_null() {
    let body = r#"{"data":[{"name":"","website":null,"ix_count":0}]}"#;
    let peeringdb = publisher(200, body).await;
    let app = asking(peeringdb.address).await;
    assert_eq!(
        app.get("/v1/asn/64512/peeringdb").await.ok(),
        json!({
            "asn": 64512,
            "found": true,
            "peeringdb_data": {
                "name": null,
                "type": null,
                "website": null,
                "ix_count": 0,
                "fac_count": null,
                "peering_policy": null
            }
        })
    );
}

#[tokio::test]
async fn no_data_and_404_are_no_profile_and_both_are_kept() {
    for (status, body) in [(200, r#"{"data":[]}"#), (404, "gone")] {
        let peeringdb = publisher(status, body).await;
        let app = asking(peeringdb.address).await;
        for _ in 0..3 {
            let reply = app.get("/v1/asn/64512/peeringdb").await;
            assert_eq!(reply.ok(), absent(64_512));
        }
        assert_eq!(peeringdb.asked(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day_for_each_network() {
    let peeringdb = publisher(200, GOOGLE).await;
    let app = asking(peeringdb.address).await;
    app.get(PATH).await.ok();
    app.pass_seconds(86_399);
    app.get(PATH).await.ok();
    assert_eq!(peeringdb.asked(), 1);
    app.get("/v1/asn/13335/peeringdb").await.ok();
    assert_eq!(peeringdb.asked(), 2);
    app.pass_seconds(1);
    app.get(PATH).await.ok();
    assert_eq!(peeringdb.asked(), 3);
}

#[tokio::test]
async fn another_status_is_502_and_is_not_kept() {
    for status in [201, 204, 301, 302, 307, 400, 401, 403, 429, 500, 503] {
        let peeringdb = publisher(status, GOOGLE).await;
        let app = asking(peeringdb.address).await;
        let message = app.get(PATH).await.refused(502);
        assert!(message.contains("unexpected status"), "{message}");
        // A redirect is not followed.
        assert_eq!(peeringdb.asked(), 1, "{status}");
        peeringdb.says(200);
        assert_eq!(app.get(PATH).await.ok(), google(), "{status}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_apis_is_502() {
    let large = format!("{{\"data\":[],\"x\":\"{}\"}}", "y".repeat(1 << 20));
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"data":{}}"#,
        r#"{"data":[7]}"#,
        r#"{"data":[{"ix_count":"many"}]}"#,
        r#"{"data":[{"fac_count":-1}]}"#,
        &large,
    ] {
        let peeringdb = publisher(200, body).await;
        let app = asking(peeringdb.address).await;
        app.get(PATH).await.refused(502);
        app.get(PATH).await.refused(502);
        assert_eq!(peeringdb.asked(), 2, "kept");
    }
}

#[tokio::test]
async fn nobody_there_is_503_and_is_not_kept() {
    let peeringdb = publisher(200, GOOGLE).await;
    let app = asking(peeringdb.address).await;
    peeringdb.task.abort();
    while !peeringdb.task.is_finished() {
        tokio::task::yield_now().await;
    }
    let reply = app.get(PATH).await;
    let message = reply.refused(503);
    assert_eq!(message, "Failed to reach PeeringDB");
    assert!(reply.headers.contains_key("retry-after"));
    let listener = TcpListener::bind(peeringdb.address).await.unwrap();
    let hang_up = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 16]).await;
    });
    app.get(PATH).await.refused(503);
    hang_up.await.unwrap();
}

#[tokio::test]
async fn many_who_ask_for_one_network_share_one_question() {
    for (status, body) in [(200, GOOGLE), (500, "")] {
        let peeringdb = gated(status, body, true).await;
        let app = Arc::new(asking(peeringdb.address).await);
        let mut waiting = JoinSet::new();
        for _ in 0..50 {
            let app = app.clone();
            waiting.spawn(async move { app.get(PATH).await.status.as_u16() });
        }
        while peeringdb.asked() < 1 {
            tokio::task::yield_now().await;
        }
        // Everybody has had a turn to ask.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        peeringdb.publisher.gate.close();
        let expected = if status == 200 { 200 } else { 502 };
        while let Some(answer) = waiting.join_next().await {
            assert_eq!(answer.unwrap(), expected);
        }
        assert_eq!(peeringdb.asked(), 1, "{status}");
    }
}

#[tokio::test]
async fn who_leaves_does_not_take_the_answer_from_others() {
    let peeringdb = gated(200, GOOGLE, true).await;
    let app = Arc::new(asking(peeringdb.address).await);
    let own = app.clone();
    let first = tokio::spawn(async move { own.get(PATH).await.status });
    while peeringdb.asked() < 1 {
        tokio::task::yield_now().await;
    }
    let own = app.clone();
    let second = tokio::spawn(async move { own.get(PATH).await.status });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    first.abort();
    peeringdb.publisher.gate.close();
    assert_eq!(second.await.unwrap(), 200);
    assert_eq!(peeringdb.asked(), 1);
}

#[tokio::test]
async fn a_profile_of_the_world_is_shown_without_asking() {
    let peeringdb = publisher(500, "").await;
    let app = asking(peeringdb.address).await;
    let net = PeeringdbNet {
        name: Some("Google LLC".into()),
        info_type: Some("Content".into()),
        website: Some("https://www.google.com".into()),
        ix_count: Some(42),
        fac_count: Some(18),
        policy: Some("Open".into()),
    };
    let nets = vec![(Asn(world::GOOGLE), net)];
    app.publisher.set_world(World {
        peeringdb: Arc::new(nets.into()),
        ..world::world()
    });
    app.publisher.republish().await.unwrap();
    assert_eq!(app.get(PATH).await.ok(), google());
    assert_eq!(peeringdb.asked(), 0);
    // Others are asked for.
    app.get("/v1/asn/13335/peeringdb").await.refused(502);
}

#[tokio::test]
async fn without_anybody_to_ask_there_is_no_profile() {
    let app = TestApp::start().await;
    assert_eq!(app.get(PATH).await.ok(), absent(15_169));
    // Also before the first Snapshot.
    let app = TestApp::without_world(0).await;
    assert_eq!(app.get(PATH).await.ok(), absent(15_169));
}

#[tokio::test]
async fn an_invalid_number_is_400_and_a_missing_key_403_and_nobody_is_asked() {
    let peeringdb = publisher(200, GOOGLE).await;
    let app = asking(peeringdb.address).await;
    for bad in ["0", "4294967296", "-1", "abc", "AS1"] {
        app.get(&format!("/v1/asn/{bad}/peeringdb")).await.refused(400);
    }
    app.get_open(PATH).await.refused(403);
    app.get_open("/v1/asn/0/peeringdb").await.refused(403);
    assert_eq!(peeringdb.asked(), 0);
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let peeringdb = publisher(200, GOOGLE).await;
    let app = asking(peeringdb.address).await;
    let tag = app.get(PATH).await.header("etag").to_owned();
    let request = crate::app::keyed(axum::http::Method::GET, PATH, &app.read);
    let request = crate::app::empty(request.header("if-none-match", tag));
    assert_eq!(app.send(request).await.status, 304);
}
