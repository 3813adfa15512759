//! `/stream`: what a watcher sees, over real sockets.

use std::time::Duration;

use asgard_model::{Asn, Level, ScoreEvent};
use asgard_store::Scope;
use axum::http::{Method, StatusCode};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async, tungstenite::protocol::Message,
};

use crate::{
    app::{Listening, TestApp, empty, from_peer, keyed},
    world,
};

const SOON: Duration = Duration::from_secs(20);

/// A client of the WebSocket.
struct Watcher(WebSocketStream<TcpStream>);

impl Watcher {
    async fn open(server: &Listening, query: &str) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::on(stream, server, query).await
    }

    async fn on(stream: TcpStream, server: &Listening, query: &str) -> Self {
        let url = format!("ws://{}/v1/stream?{query}", server.address);
        Self(client_async(url, stream).await.unwrap().0)
    }

    /// The next message but pings.
    async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if value != json!({"type": "ping"}) {
                        return value;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn message(&mut self) -> Message {
        let next = timeout(SOON, self.0.next()).await.expect("in time");
        next.expect("not the end").unwrap()
    }

    /// Reads on to the close frame: its code, and the messages before it.
    async fn closed(&mut self) -> (u16, usize) {
        let mut before = 0;
        loop {
            match self.message().await {
                Message::Close(frame) => {
                    return (frame.unwrap().code.into(), before);
                }
                _ => before += 1,
            }
        }
    }
}

fn events(ids: std::ops::Range<u64>) -> Vec<ScoreEvent> {
    ids.map(|id| ScoreEvent {
        id: ScoreEvent::first_id(10) + id,
        asn: Asn(64_496),
        score: 22,
        previous_score: 68,
        level: Level::Critical,
        timestamp: "2026-03-29T14:30:00Z".parse().unwrap(),
    })
    .collect()
}

fn publish(app: &TestApp, events: Vec<ScoreEvent>) {
    app.live.publish(app.live.snapshot().unwrap(), events);
}

/// Waits until so many watch, so that nobody misses what is published next.
async fn watched_by(app: &TestApp, transport: &str, count: usize) {
    let line = format!(
        "asgard_stream_connections{{transport=\"{transport}\"}} {count}"
    );
    let there = async {
        while !app.get_open("/metrics").await.text().contains(&line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, there).await.expect("in time");
}

fn offset(event: &Value) -> u64 {
    event["id"].as_u64().unwrap() - ScoreEvent::first_id(10)
}

#[tokio::test]
async fn a_change_arrives_in_the_documented_shape() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let mut watcher =
        Watcher::open(&server, &format!("api_key={}", app.read)).await;
    watched_by(&app, "websocket", 1).await;
    publish(&app, events(0..1));
    assert_eq!(
        watcher.next().await,
        json!({
            "asn": 64496,
            "score": 22,
            "previous_score": 68,
            "risk_level": "CRITICAL",
            "timestamp": "2026-03-29T14:30:00Z",
            "id": ScoreEvent::first_id(10),
        })
    );
    drop(watcher);
    watched_by(&app, "websocket", 0).await;
}

#[tokio::test]
async fn a_whitelist_write_is_on_the_stream() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let mut watcher =
        Watcher::open(&server, &format!("api_key={}", app.read)).await;
    watched_by(&app, "websocket", 1).await;
    let entry = json!({"asn": world::DROPPED, "reason": "ours"});
    app.post("/v1/whitelist", &entry).await.ok();
    let event = watcher.next().await;
    assert_eq!(event["score"], 100);
    assert_eq!(event["risk_level"], "LOW");
}

#[tokio::test]
async fn no_key_and_a_bad_key_are_closed_with_1008() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let tools = app.new_key(Scope::Tools, None).await;
    for query in
        ["", "api_key=", "api_key=nonsense", &format!("api_key={tools}")]
    {
        let mut watcher = Watcher::open(&server, query).await;
        assert_eq!(watcher.closed().await, (1008, 0), "{query}");
    }
    // The key is looked at first.
    let mut watcher = Watcher::open(&server, "level=NONSENSE").await;
    assert_eq!(watcher.closed().await.0, 1008);
}

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade_under_every_mount() {
    let app = TestApp::start().await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let reply = app.get(&format!("{mount}/stream")).await;
        assert_eq!(reply.status, StatusCode::UPGRADE_REQUIRED, "{mount}");
        assert_eq!(reply.headers["upgrade"], "websocket");
        assert_eq!(reply.json()["code"], "HTTP_426");
    }
}

#[tokio::test]
async fn a_key_in_the_query_opens_nothing_but_the_stream() {
    let app = TestApp::start().await;
    let path = format!("/v1/asn/{}?api_key={}", world::DROPPED, app.read);
    app.get_open(&path).await.refused(403);
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_within_a_second() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let key = app.new_key(Scope::Stream, None).await;
    let mut watcher = Watcher::open(&server, &format!("api_key={key}")).await;
    let mut other =
        Watcher::open(&server, &format!("api_key={}", app.read)).await;
    watched_by(&app, "websocket", 2).await;
    let id = key.split('_').nth(2).unwrap().parse().unwrap();
    let now = Timestamp::from_second(crate::app::NOW).unwrap();
    assert!(app.store.keys.revoke(id, "cli", now).await.unwrap());
    app.reload_keys().await;
    let closed = timeout(Duration::from_secs(1), watcher.closed()).await;
    assert_eq!(closed.expect("within a second"), (1008, 0));
    publish(&app, events(0..1));
    assert_eq!(offset(&other.next().await), 0);
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_then_what_is_new() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}", app.read);
    let mut first = Watcher::open(&server, &query).await;
    watched_by(&app, "websocket", 1).await;
    publish(&app, events(0..350));
    for id in 0..350 {
        assert_eq!(offset(&first.next().await), id);
    }
    let since = ScoreEvent::first_id(10) + 9;
    let mut late =
        Watcher::open(&server, &format!("{query}&since={since}")).await;
    watched_by(&app, "websocket", 2).await;
    publish(&app, events(350..360));
    for id in 10..360 {
        assert_eq!(offset(&late.next().await), id);
    }
}

#[tokio::test]
async fn who_asks_for_more_than_is_kept_is_told() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}&since=5", app.read);
    let mut watcher = Watcher::open(&server, &query).await;
    let gap = watcher.next().await;
    assert_eq!(gap["type"], "gap");
    assert_eq!(gap["since"], 5);
    assert_eq!(gap["complete_from"], ScoreEvent::first_id(1));
}

#[tokio::test]
async fn filters_let_through_what_was_asked_for() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let key = format!("api_key={}", app.read);
    let query = format!("{key}&min_drop=40&level=CRITICAL&asn=64496,7");
    let mut watcher = Watcher::open(&server, &query).await;
    watched_by(&app, "websocket", 1).await;
    let mut batch = events(0..4);
    batch[0].asn = Asn(8);
    batch[1].level = Level::High;
    batch[2].previous_score = 61;
    publish(&app, batch);
    assert_eq!(offset(&watcher.next().await), 3);
    let refused = app.get(&format!("/v1/stream/sse?{key}&level=NO")).await;
    refused.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_closed_and_the_others_miss_nothing() {
    const EVENTS: u64 = 2000;
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}", app.read);
    let mut slow = Vec::new();
    for _ in 0..10 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server.address).await.unwrap();
        slow.push(Watcher::on(stream, &server, &query).await);
    }
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = Watcher::open(&server, &query).await;
        readers.push(tokio::spawn(async move {
            for id in 0..EVENTS {
                assert_eq!(offset(&reader.next().await), id);
            }
        }));
    }
    watched_by(&app, "websocket", 30).await;
    publish(&app, events(0..EVENTS));
    for reader in readers {
        reader.await.unwrap();
    }
    for mut watcher in slow {
        let (code, before) = watcher.closed().await;
        assert_eq!(code, 1008);
        assert!(before < 1000, "it got {before} first");
    }
    let metrics = app.get_open("/metrics").await;
    assert!(metrics.text().contains("asgard_stream_overflows_total 10\n"));
}

#[tokio::test]
async fn what_a_watcher_says_is_bounded_and_pings_are_answered() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}", app.read);
    let mut watcher = Watcher::open(&server, &query).await;
    watcher.0.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(watcher.message().await, Message::Pong("x".into()));
    watcher.0.send(Message::text("hello")).await.unwrap();
    watcher.0.send(Message::text("x".repeat(100_000))).await.unwrap();
    watched_by(&app, "websocket", 0).await;
}

#[tokio::test]
async fn a_stop_says_farewell_and_leaves_no_stream_behind() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}", app.read);
    let mut watcher = Watcher::open(&server, &query).await;
    watched_by(&app, "websocket", 1).await;
    let farewell = tokio::spawn(async move { watcher.closed().await });
    timeout(SOON, server.stop()).await.expect("in time");
    assert_eq!(farewell.await.unwrap(), (1001, 0));
}

/// A client of Server-Sent Events, on a bare socket.
struct Source(Lines<BufReader<TcpStream>>);

impl Source {
    async fn open(server: &Listening, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "GET /v1/stream/sse?{query} HTTP/1.1\r\nhost: x\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut source = Self(BufReader::new(stream).lines());
        assert_eq!(source.line().await, "HTTP/1.1 200 OK");
        while source.line().await != "event: ping" {}
        source
    }

    async fn line(&mut self) -> String {
        let line = timeout(SOON, self.0.next_line()).await.expect("in time");
        line.unwrap().expect("not the end")
    }

    /// The next frame that has an identity.
    async fn next(&mut self) -> (String, Value) {
        loop {
            let line = self.line().await;
            if let Some(id) = line.strip_prefix("id: ") {
                let data = self.line().await;
                let data = data.strip_prefix("data: ").unwrap();
                let event = serde_json::from_str(data).unwrap();
                return (id.to_owned(), event);
            }
        }
    }
}

#[tokio::test]
async fn server_sent_events_carry_the_same_and_resume_by_their_identity() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let query = format!("api_key={}", app.read);
    let mut source = Source::open(&server, &query, "").await;
    watched_by(&app, "sse", 1).await;
    publish(&app, events(0..3));
    let (id, event) = source.next().await;
    assert_eq!(event["id"].to_string(), id);
    assert_eq!(event["risk_level"], "CRITICAL");
    drop(source);
    let resume = format!("last-event-id: {id}\r\n");
    let mut source = Source::open(&server, &query, &resume).await;
    assert_eq!(offset(&source.next().await.1), 1);
    let since = format!("{query}&since={id}");
    let mut source = Source::open(&server, &since, "").await;
    assert_eq!(offset(&source.next().await.1), 1);
}

#[tokio::test]
async fn server_sent_events_need_a_key_that_may_watch() {
    let app = TestApp::start().await;
    app.get_open("/v1/stream/sse").await.refused(403);
    let key = app.new_key(Scope::Tools, None).await;
    let request = keyed(Method::GET, "/v1/stream/sse", &key);
    app.send(empty(request)).await.refused(403);
    let id = keyed(Method::GET, "/v1/stream/sse", &app.read);
    let id = id.header("last-event-id", "nonsense");
    app.send(empty(id)).await.refused(422);
}

#[tokio::test]
async fn handshakes_count_against_the_limit_of_their_address() {
    let app = TestApp::with_limit(2).await;
    let bad = |n: u32| {
        let path = format!("/v1/stream?api_key=bad{n}");
        app.send(empty(from_peer(Method::GET, &path, "192.0.2.77")))
    };
    assert_eq!(bad(1).await.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(bad(2).await.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(bad(3).await.status, StatusCode::TOO_MANY_REQUESTS);
}
