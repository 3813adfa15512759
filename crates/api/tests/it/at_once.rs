//! What is answered before routing: the same answers, counted the same, and
//! never to whom the usual way would not give them.
//!
//! The usual way is asked through the router alone, without a connection, or by
//! `HEAD`, which is never answered before routing.

use asgard_api::{ApiConfig, EdlAuth};
use asgard_store::{NewKey, Scope};
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    app::{Listening, NOW, TestApp, empty, request},
    server::{exchange, get},
    world,
};

const PROFILE: &str = "/v1/asn/15169";
const LIST: &str = "/v1/feeds/edl?max_score=100";
const BOTH: [&str; 2] = [PROFILE, LIST];

/// Lines of the head, without what differs each time, and the body.
async fn ask(
    server: &Listening,
    path: &str,
    headers: &str,
) -> (Vec<String>, String) {
    let answer = exchange(server, &get(path, headers)).await;
    assert!(answer.contains("x-trace-id"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (lasting(head.split("\r\n").map(ToOwned::to_owned)), named(body))
}

/// The same from the router.
async fn routed(
    app: &TestApp,
    path: &str,
    headers: &str,
) -> (Vec<String>, String) {
    let lines = headers.lines().filter_map(|line| line.split_once(": "));
    let request = lines
        .fold(request(Method::GET, path), |request, (name, value)| {
            request.header(name, value)
        });
    let reply = app.send(empty(request)).await;
    let head = reply.headers.iter().map(|(name, value)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    });
    // hyper leaves it out of a 304 of HTTP/1, whatever the router says.
    let is_sent = |line: &String| {
        reply.status != StatusCode::NOT_MODIFIED
            || !line.starts_with("content-length")
    };
    let head = head.filter(is_sent);
    let status = format!("HTTP/1.1 {}", reply.status);
    let body = String::from_utf8_lossy(&reply.body);
    (lasting(head.chain([status])), named(&body))
}

/// Without what differs each time, and what a connection adds.
fn lasting(lines: impl Iterator<Item = String>) -> Vec<String> {
    let passing = ["x-trace-id", "x-response-time", "date", "connection"];
    let is_passing =
        |line: &String| passing.iter().any(|name| line.starts_with(name));
    let mut lines: Vec<String> =
        lines.filter(|line| !is_passing(line)).collect();
    lines.sort();
    lines
}

/// Refusals name their request.
fn named(body: &str) -> String {
    body.split("\"request_id\"").next().unwrap().to_owned()
}

async fn status(server: &Listening, path: &str, headers: &str) -> String {
    let (lines, _) = ask(server, path, headers).await;
    let line = lines.into_iter().find(|line| line.starts_with("HTTP/1.1 "));
    line.unwrap()[9..12].to_owned()
}

async fn header(
    server: &Listening,
    path: &str,
    headers: &str,
    name: &str,
) -> Option<String> {
    let (lines, _) = ask(server, path, headers).await;
    let start = format!("{name}: ");
    lines.iter().find_map(|line| line.strip_prefix(&start).map(Into::into))
}

/// Asks for everything once, so that it is kept, in every coding.
async fn warm(server: &Listening, key: &str) {
    for (path, coding) in BOTH.iter().flat_map(|path| {
        ["", "gzip", "br", "zstd"].map(|coding| (path, coding))
    }) {
        let headers =
            format!("x-api-key: {key}\r\naccept-encoding: {coding}\r\n");
        exchange(server, &get(path, &headers)).await;
    }
}

#[tokio::test]
async fn both_ways_give_the_same_answer_to_the_last_header() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let keys = [app.read.clone(), "asg_wrong".into(), String::new()];
    for path in BOTH {
        let tag = app.get(path).await.header("etag").to_owned();
        let since = "if-modified-since: Mon, 01 Jan 2035 00:00:00 GMT";
        let conditions = [
            String::new(),
            format!("if-none-match: {tag}"),
            format!("if-none-match: {}", tag.trim_start_matches("W/")),
            format!("if-none-match: \"x\", {tag}"),
            format!("if-none-match: \"x\"\r\nif-none-match: {tag}"),
            "if-none-match: *".to_owned(),
            "if-none-match: \"x\"".to_owned(),
            since.to_owned(),
            format!("if-none-match: \"x\"\r\n{since}"),
        ];
        let codings = ["", "gzip", "zstd, br;q=0.5", "identity", "*;q=0"];
        for (condition, key, coding) in conditions.iter().flat_map(|c| {
            keys.iter().flat_map(move |k| codings.map(|coding| (c, k, coding)))
        }) {
            let mut headers = format!(
                "x-api-key: {key}\r\naccept-encoding: {coding}\r\n{condition}"
            );
            if !condition.is_empty() {
                headers += "\r\n";
            }
            let at_once = ask(&server, path, &headers).await;
            let routed = routed(&app, path, &headers).await;
            assert_eq!(at_once, routed, "{} {headers}", path);
            let has_it =
                condition.contains(&tag[2..]) || condition.contains('*');
            let may = *key == app.read || path == LIST;
            let unchanged = "HTTP/1.1 304 Not Modified".to_owned();
            let sent = at_once.0.contains(&unchanged);
            assert_eq!(sent, has_it && may, "{} {headers}", path);
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    for path in BOTH {
        for coding in ["", "gzip"] {
            let headers = format!(
                "x-api-key: {}\r\naccept-encoding: {coding}\r\n",
                app.read
            );
            let (mut of_get, body) = ask(&server, path, &headers).await;
            assert!(!body.is_empty());
            let head = get(path, &headers).replacen("GET", "HEAD", 1);
            let answer = exchange(&server, &head).await;
            let (lines, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "", "{path}");
            of_get.retain(|line| !lines.contains(line.as_str()));
            assert!(of_get.is_empty(), "{path}: {of_get:?} not in {lines}");
        }
    }
}

#[tokio::test]
async fn both_ways_count_against_one_window() {
    let app = TestApp::with_limit(8).await;
    let server = app.listen().await;
    let key = format!("x-api-key: {}\r\n", app.read);
    let mut left = 8;
    for (path, method) in BOTH
        .iter()
        .chain(&BOTH)
        .flat_map(|path| ["GET", "HEAD"].map(|method| (path, method)))
    {
        left -= 1;
        let asked = get(path, &key).replacen("GET", method, 1);
        let answer = exchange(&server, &asked).await;
        let said = format!("x-ratelimit-remaining: {left}\r\n");
        assert!(answer.contains(&said), "{method} {path}: {answer}");
    }
    for path in BOTH {
        let (lines, body) = ask(&server, path, &key).await;
        assert!(lines.contains(&"HTTP/1.1 429 Too Many Requests".to_owned()));
        assert!(lines.contains(&"retry-after: 60".to_owned()), "{lines:?}");
        assert!(body.contains("RATE_LIMITED"), "{body}");
        let tag = app.get(path).await.header("etag").to_owned();
        let condition = format!("{key}if-none-match: {tag}\r\n");
        assert_eq!(status(&server, path, &condition).await, "429");
    }
    // Whoever has another key, or none, has another window.
    assert_eq!(status(&server, LIST, "").await, "200");
    app.pass_seconds(60);
    assert_eq!(status(&server, PROFILE, &key).await, "200");
}

#[tokio::test]
async fn an_open_list_counts_a_bad_key_against_its_address() {
    let app = TestApp::with_limit(9).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let left = |key: String| {
        let server = &server;
        async move {
            let headers = format!("x-api-key: {key}\r\n");
            let name = "x-ratelimit-remaining";
            header(server, LIST, &headers, name).await.unwrap()
        }
    };
    assert_eq!(left("asg_wrong".into()).await, "8");
    assert_eq!(left(String::new()).await, "7");
    // Eight requests of the key have made everything that is kept.
    assert_eq!(left(app.read.clone()).await, "0");
    assert_eq!(left("asg_wrong".into()).await, "6");
}

#[tokio::test]
async fn a_list_that_needs_a_key_is_kept_for_its_readers_only() {
    let config = ApiConfig { edl_auth: EdlAuth::Key, ..ApiConfig::default() };
    let app = TestApp::with(config).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let feed = app.new_key(Scope::FeedRead, None).await;
    let stream = app.new_key(Scope::Stream, None).await;
    let tag = app.get(LIST).await.header("etag").to_owned();
    for condition in [String::new(), format!("if-none-match: {tag}\r\n")] {
        let good = if condition.is_empty() { "200" } else { "304" };
        for (key, wanted) in
            [(&*feed, good), (&*stream, "403"), ("asg_wrong", "403")]
        {
            let headers = format!("x-api-key: {key}\r\n{condition}");
            assert_eq!(status(&server, LIST, &headers).await, wanted);
        }
        assert_eq!(status(&server, LIST, &condition).await, "403");
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_or_ends_has_nothing_any_more() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let in_a_minute = Timestamp::from_second(NOW + 60).unwrap();
    let ending = app.new_key(Scope::Read, Some(in_a_minute)).await;
    let tag = app.get(PROFILE).await.header("etag").to_owned();
    let ask = |key: &str| {
        let headers = format!("x-api-key: {key}\r\nif-none-match: {tag}\r\n");
        let server = &server;
        async move { status(server, PROFILE, &headers).await }
    };
    assert_eq!(ask(&ending).await, "304");
    app.pass_seconds(60);
    assert_eq!(ask(&ending).await, "403");
    assert_eq!(ask(&app.read).await, "304");
    let id = app.read.split('_').nth(2).unwrap().parse().unwrap();
    app.store.keys.revoke(id, "cli", in_a_minute).await.unwrap();
    app.reload_keys().await;
    assert_eq!(ask(&app.read).await, "403");
}

#[tokio::test]
async fn a_key_of_other_networks_opens_nothing_that_is_kept() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let tag = app.get(PROFILE).await.header("etag").to_owned();
    for (network, wanted) in
        [("127.0.0.0/8", ["200", "304"]), ("192.0.2.0/24", ["403", "403"])]
    {
        let client_cidrs = vec![network.parse().unwrap()];
        let key = NewKey { client_cidrs, ..NewKey::with(Scope::Read) };
        let key = format!("x-api-key: {}\r\n", app.make(key).await);
        let condition = format!("{key}if-none-match: {tag}\r\n");
        let said = [
            status(&server, PROFILE, &key).await,
            status(&server, PROFILE, &condition).await,
        ];
        assert_eq!(said, wanted, "{network}");
    }
}

#[tokio::test]
async fn what_was_kept_is_not_given_once_something_else_is_published() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let profile = format!("/v1/asn/{}", world::DROPPED);
    let key = format!("x-api-key: {}\r\n", app.read);
    let paths = [&*profile, "/feeds/edl"];
    let mut tags = Vec::new();
    for path in paths {
        ask(&server, path, &key).await;
        let tag = header(&server, path, &key, "etag").await.unwrap();
        tags.push(format!("{key}if-none-match: {tag}\r\n"));
    }
    for (path, condition) in paths.iter().zip(&tags) {
        assert_eq!(status(&server, path, condition).await, "304", "{path}");
    }
    let entry = json!({"asn": world::DROPPED, "reason": "x"});
    app.post("/v1/whitelist", &entry).await.ok();
    for (path, condition) in paths.iter().zip(&tags) {
        // First it has to be made, then it is kept.
        for _ in 0..2 {
            let status = status(&server, path, condition).await;
            assert_eq!(status, "200", "{path}");
        }
    }
}

#[tokio::test]
async fn each_answer_is_in_the_metrics_with_its_route_and_status() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    let key = format!("x-api-key: {}\r\n", app.read);
    let tag = app.get(PROFILE).await.header("etag").to_owned();
    let condition = format!("{key}if-none-match: {tag}\r\n");
    for path in BOTH {
        for _ in 0..2 {
            ask(&server, path, &key).await;
        }
    }
    ask(&server, PROFILE, &condition).await;
    let text = app.get("/metrics").await;
    for line in [
        "asn_api_requests_total{method=\"GET\",path=\"/asn/{asn}\",\
         status=\"200\"} 3",
        "asn_api_requests_total{method=\"GET\",path=\"/asn/{asn}\",\
         status=\"304\"} 1",
        "asn_api_requests_total{method=\"GET\",path=\"/feeds/edl\",\
         status=\"200\"} 2",
        "asn_api_cache_hits_total{tier=\"l1\"} 4",
    ] {
        let is_there = text.text().lines().any(|found| found == line);
        assert!(is_there, "{line} in {}", text.text());
    }
}

#[tokio::test]
async fn a_path_too_long_is_refused_whatever_it_names() {
    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let zeros = "0".repeat(9000);
    for path in [format!("/v1/asn/{zeros}15169"), format!("{LIST}.{zeros}")] {
        let key = format!("x-api-key: {}\r\n", app.read);
        assert_eq!(status(&server, &path, &key).await, "414");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_that_it_may_read() {
    let cors_origins = vec!["https://soc.example.net".to_owned()];
    let config = ApiConfig { cors_origins, ..ApiConfig::default() };
    let app = TestApp::with(config).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let headers = format!(
        "x-api-key: {}\r\norigin: https://soc.example.net\r\n",
        app.read
    );
    for path in BOTH {
        let name = "access-control-allow-origin";
        let origin = header(&server, path, &headers, name).await;
        assert_eq!(origin.as_deref(), Some("https://soc.example.net"));
    }
}

#[tokio::test]
async fn requests_of_one_connection_do_not_see_each_others_headers() {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    let app = TestApp::with_limit(0).await;
    let server = app.listen().await;
    warm(&server, &app.read).await;
    let key = format!("x-api-key: {}\r\nx-mine: secret\r\n", app.read);
    let keyed = get(PROFILE, &key).replace("connection: close\r\n", "");
    let plain = get(PROFILE, "");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let both = format!("{keyed}{keyed}{plain}");
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 403 ").count(), 1, "{answers}");
    assert!(!answers.contains("secret"), "{answers}");
    assert!(!answers.contains(&app.read), "{answers}");
}
