//! gRPC over real sockets: what Envoy gets, and what a caller gets that speaks
//! it wrongly.

use std::time::Duration;

use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Bytes, Frame},
    client::conn::http2::SendRequest,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    http2_client::client,
    stage::{DEADLINE, Stage},
};

type Sent = BoxBody<Bytes, std::io::Error>;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

const YAML: &str = "\
health: {host: 127.0.0.1, port: 0}
server: {host: 127.0.0.1, port: 0, max_message_bytes: 4096}
trusted_proxies: [10.0.0.0/8]
limits: {header_timeout: 2s}
rules:
  - {name: admin, action: DENY, path: /admin, response: {status: 451, body: no}}
verdict: {trusted_peers: [127.0.0.1/32], on_failure: deny}
";

/// A field of a message: a length and bytes (wire type 2).
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        out.push(u8::try_from(length & 127).unwrap() | 128);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(bytes);
    out
}

/// A `CheckRequest` about a request for a path.
fn question(path: &str) -> Vec<u8> {
    let address = field(1, &field(2, b"192.0.2.7"));
    let source = field(1, &field(1, &address));
    let mut http = field(2, b"GET");
    http.extend(field(4, path.as_bytes()));
    http.extend(field(5, b"shop.example"));
    let mut attributes = source;
    attributes.extend(field(4, &field(2, &http)));
    field(1, &attributes)
}

/// With the prefix of gRPC.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

struct Answer {
    http: u16,
    /// Of trailers, or of the head if there is no message.
    fields: HeaderMap,
    message: Vec<u8>,
}

impl Answer {
    fn code(&self) -> &str {
        self.fields.get("grpc-status").map_or("", |v| v.to_str().unwrap())
    }

    fn text(&self) -> &str {
        self.fields.get("grpc-message").map_or("", |v| v.to_str().unwrap())
    }

    fn says(&self, text: &str) -> bool {
        self.message.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

async fn send(
    sender: &mut SendRequest<Sent>,
    request: Request<Sent>,
) -> Answer {
    sender.ready().await.unwrap();
    let sent = timeout(DEADLINE, sender.send_request(request)).await;
    let (head, body) = sent.expect("in time").unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    Answer {
        http: head.status.as_u16(),
        fields: trailers.unwrap_or(head.headers),
        message: body.to_bytes().to_vec(),
    }
}

fn call(path: &str, bytes: Vec<u8>) -> Request<Sent> {
    let body = Full::new(Bytes::from(bytes)).map_err(|never| match never {});
    Request::post(format!("http://asgard{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body.boxed())
        .unwrap()
}

async fn ask(stage: &Stage, request: Request<Sent>) -> Answer {
    send(&mut client(stage.grpc.unwrap()).await, request).await
}

#[tokio::test]
async fn a_question_is_answered_with_a_message_and_a_status() {
    let stage = Stage::of(YAML).await;
    let mut sender = client(stage.grpc.unwrap()).await;
    for _ in 0..3 {
        let passes = call(CHECK, framed(&question("/")));
        let passes = send(&mut sender, passes).await;
        assert_eq!((passes.http, passes.code()), (200, "0"));
        assert!(passes.says("ALLOW"));
        let denied = call(CHECK, framed(&question("/admin")));
        let denied = send(&mut sender, denied).await;
        assert_eq!((denied.http, denied.code()), (200, "0"));
        assert!(denied.says("DENY") && denied.says("admin"));
    }
    let metrics = stage.gateway.metrics_text().unwrap();
    for line in [
        "requests_total{action=\"allow\",code_class=\"2xx\",mode=\"verdict\"} 3",
        "requests_total{action=\"deny\",code_class=\"4xx\",mode=\"verdict\"} 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn many_questions_go_over_one_connection_at_once() {
    let stage = Stage::of(YAML).await;
    let sender = client(stage.grpc.unwrap()).await;
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..500 {
        let mut sender = sender.clone();
        asked.spawn(async move {
            let path = if n % 2 == 0 { "/admin" } else { "/" };
            let request = call(CHECK, framed(&question(path)));
            let answer = send(&mut sender, request).await;
            assert_eq!(answer.says("DENY"), n % 2 == 0);
        });
    }
    while let Some(one) = asked.join_next().await {
        one.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_words_of_grpc() {
    let stage = Stage::of(YAML).await;
    let good = question("/");
    let mut compressed = framed(&good);
    compressed[0] = 1;
    let mut flag = framed(&good);
    flag[0] = 7;
    let cut = framed(&good)[..20].to_vec();
    let twice = [framed(&good), framed(&good)].concat();
    for (name, path, bytes, code) in [
        ("no such method", "/a.b/C", framed(&good), "12"),
        ("compressed", CHECK, compressed, "12"),
        ("a flag", CHECK, flag, "13"),
        ("cut off", CHECK, cut, "13"),
        ("torn prefix", CHECK, vec![0, 0], "13"),
        ("no message", CHECK, vec![], "13"),
        ("two messages", CHECK, twice, "12"),
        ("no protobuf", CHECK, framed(b"\xff\xff"), "13"),
        ("no attributes", CHECK, framed(b""), "3"),
    ] {
        let answer = ask(&stage, call(path, bytes)).await;
        assert_eq!((answer.http, answer.code()), (200, code), "{name}");
        assert!(answer.message.is_empty(), "{name}");
        assert!(!answer.text().is_empty(), "{name}");
    }
    let mut get = call(CHECK, vec![]);
    *get.method_mut() = http::Method::GET;
    assert_eq!(ask(&stage, get).await.http, 405);
    let mut json = call(CHECK, framed(&good));
    let form = "application/grpc+json".parse().unwrap();
    json.headers_mut().insert("content-type", form);
    assert_eq!(ask(&stage, json).await.http, 415);
    let mut none = call(CHECK, framed(&good));
    none.headers_mut().remove("content-type");
    assert_eq!(ask(&stage, none).await.http, 415);
}

/// An error would let the visitor pass with `failure_mode_allow`.
#[tokio::test]
async fn a_question_that_is_too_long_is_a_denial() {
    let stage = Stage::of(YAML).await;
    let long = format!("/{}", "a".repeat(5000));
    let answer = ask(&stage, call(CHECK, framed(&question(&long)))).await;
    assert_eq!((answer.http, answer.code()), (200, "0"));
    assert!(answer.says("request too large"));
    // Announced, never sent.
    let answer = ask(&stage, call(CHECK, vec![0, 255, 255, 255, 255])).await;
    assert_eq!(answer.code(), "0");
    assert!(answer.says("request too large"));
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let yaml = YAML.replace("127.0.0.1/32]", "192.0.2.1/32]");
    let stage = Stage::of(&yaml).await;
    let answer = ask(&stage, call(CHECK, framed(&question("/")))).await;
    assert_eq!((answer.code(), answer.text()), ("7", "untrusted peer"));
    let without = YAML.lines().filter(|line| !line.starts_with("verdict"));
    let stage = Stage::of(&without.collect::<Vec<_>>().join("\n")).await;
    let answer = ask(&stage, call(CHECK, framed(&question("/")))).await;
    assert_eq!((answer.code(), answer.text()), ("7", "untrusted peer"));
}

#[tokio::test]
async fn a_message_that_does_not_come_is_not_waited_for() {
    let stage = Stage::of(YAML).await;
    let slow = |patience: Option<&str>| {
        let first = Ok(Frame::data(Bytes::from_static(&[0, 0])));
        let frames = futures_util::stream::iter([first]);
        let never = futures_util::stream::pending();
        let body = futures_util::StreamExt::chain(frames, never);
        let body = StreamBody::new(body);
        let mut request = call(CHECK, vec![]).map(|_| BodyExt::boxed(body));
        if let Some(patience) = patience {
            let patience = patience.parse().unwrap();
            request.headers_mut().insert("grpc-timeout", patience);
        }
        request
    };
    let begun = std::time::Instant::now();
    let hasty = ask(&stage, slow(Some("50m"))).await;
    assert_eq!(hasty.code(), "4", "{}", hasty.text());
    let hasty = begun.elapsed();
    assert!(hasty < Duration::from_secs(2), "{hasty:?}");
    let begun = std::time::Instant::now();
    assert_eq!(ask(&stage, slow(None)).await.code(), "4");
    let patient = begun.elapsed();
    assert!(patient >= Duration::from_secs(2), "{patient:?}");
}

#[tokio::test]
async fn health_is_what_readiness_is() {
    let stage = Stage::of(YAML).await;
    let of = |service: &[u8]| {
        let message =
            if service.is_empty() { vec![] } else { field(1, service) };
        call(HEALTH, framed(&message))
    };
    let whole = ask(&stage, of(b"")).await;
    assert_eq!((whole.code(), &whole.message[5..]), ("0", &[8, 1][..]));
    let ours = ask(&stage, of(b"envoy.service.auth.v3.Authorization")).await;
    assert_eq!(ours.message[5..], [8, 1]);
    assert_eq!(ask(&stage, of(b"other")).await.code(), "5");
    let lacks = YAML
        .replace("action: DENY, path: /admin", "action: DENY, network: 1")
        + "features: {asn: {enabled: true, policy_usage: {enabled: true}, \
           database: {source: file, path: /nowhere, on_missing: start}}}\n";
    let stage = Stage::of(&lacks).await;
    let answer = ask(&stage, of(b"")).await;
    assert_eq!(answer.message[5..], [8, 2], "rules lack their data");
}

#[tokio::test]
async fn http_1_is_closed_and_the_end_is_told() {
    let mut stage = Stage::of(YAML).await;
    let mut http1 = TcpStream::connect(stage.grpc.unwrap()).await.unwrap();
    http1.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let read = timeout(DEADLINE, http1.read_to_end(&mut bytes)).await;
    assert!(read.is_ok() && bytes.is_empty());
    let mut sender = client(stage.grpc.unwrap()).await;
    let request = call(CHECK, framed(&question("/")));
    assert_eq!(send(&mut sender, request).await.code(), "0");
    stage.ends(Duration::from_millis(50)).await;
    let gone = timeout(DEADLINE, async {
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(gone.await.is_ok(), "GOAWAY");
}
