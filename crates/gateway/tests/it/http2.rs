//! HTTP/2 from clients, to backends, and across.

use std::{net::SocketAddr, time::Duration};

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http2::SendRequest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    backend::Backend,
    frames::{
        Client, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, frame,
        settings,
    },
    http2_backend,
    http2_client::client,
    stage::{Stage, one_response, status},
};

type Sent = Full<Bytes>;

fn config(backend: SocketAddr, to_http2: &str) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{backend}'], \
         http2: {to_http2}, timeouts: {{first_byte: 5s}}}}]\n"
    )
}

async fn asked(
    sender: &mut SendRequest<Sent>,
    request: Request<Sent>,
) -> (u16, http::HeaderMap, String) {
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status.as_u16(), headers, String::from_utf8_lossy(&body).into_owned())
}

fn get(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("http://shop.example{path}"))
}

#[tokio::test]
async fn streams_reach_a_backend_of_http_1_rewritten_like_any_request() {
    let backend = Backend::start().await;
    let stage = Stage::of(&config(backend.address, "false")).await;
    let mut sender = client(stage.address()).await;
    let request = get("/a?b=c")
        .header("x-rescaled-asn-number", "forged")
        .header("x_asgard_action", "forged")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Sent::default())
        .unwrap();
    let (status, headers, body) = asked(&mut sender, request).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-backend"], "1");
    assert!(body.starts_with("GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\n"));
    assert!(!body.contains("forged"), "{body}");
    assert!(body.contains("\r\ncookie: a=1; b=2\r\n"), "{body}");
    assert!(body.contains("\r\nX-Real-IP: 127.0.0.1\r\n"), "{body}");
    let post = get("/count").method("POST");
    let large = Sent::from(vec![b'x'; 3_000_000]);
    let (_, _, count) = asked(&mut sender, post.body(large).unwrap()).await;
    assert_eq!(count, "3000000");
    let (status, _, body) =
        asked(&mut sender, get("/big/2000000").body(Sent::default()).unwrap())
            .await;
    assert_eq!((status, body.len()), (200, 2_000_000));
    let (status, ..) =
        asked(&mut sender, get("/%zz").body(Sent::default()).unwrap()).await;
    assert_eq!(status, 400);
    let (status, ..) =
        asked(&mut sender, get("/die").body(Sent::default()).unwrap()).await;
    assert_eq!(status, 502);
}

#[tokio::test]
async fn many_streams_share_one_connection() {
    let backend = Backend::start().await;
    let stage = Stage::of(&config(backend.address, "false")).await;
    let sender = client(stage.address()).await;
    let mut all = tokio::task::JoinSet::new();
    for at in 0..100 {
        let mut sender = sender.clone();
        all.spawn(async move {
            let request = get(&format!("/{at}")).body(Sent::default()).unwrap();
            let (status, _, body) = asked(&mut sender, request).await;
            status == 200 && body.starts_with(&format!("GET /{at} "))
        });
    }
    assert!(all.join_all().await.into_iter().all(|good| good));
}

#[tokio::test]
async fn trailers_of_a_backend_reach_a_client_of_http_2() {
    let backend = Backend::start().await;
    let stage = Stage::of(&config(backend.address, "false")).await;
    let mut sender = client(stage.address()).await;
    let request = get("/trailers").body(Sent::default()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!(trailers["x-sum"], "7");
    assert!(!trailers.contains_key("x-asgard-evil"));
}

#[tokio::test]
async fn a_backend_of_http_2_is_spoken_to_in_http_2() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true")).await;
    let mut sender = client(stage.address()).await;
    let request =
        get("/a").header("te", "trailers").body(Sent::default()).unwrap();
    let (status, headers, body) = asked(&mut sender, request).await;
    assert_eq!(status, 200);
    assert_eq!(headers["x-two"], "2");
    assert!(body.starts_with("GET http://shop.example/a\n"), "{body}");
    assert!(body.contains("x-real-ip: 127.0.0.1\n"), "{body}");
    let post = get("/b").method("POST");
    let sent = Sent::from("hello");
    let (_, _, body) = asked(&mut sender, post.body(sent).unwrap()).await;
    assert!(body.ends_with("hello"), "{body}");
}

#[tokio::test]
async fn a_client_of_http_1_reaches_a_backend_of_http_2() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true")).await;
    let mut stream = stage.connect().await;
    for _ in 0..3 {
        let request = "POST /x HTTP/1.1\r\nHost: shop.example\r\n\
                       Transfer-Encoding: chunked\r\n\r\n\
                       3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = one_response(&mut stream).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.contains("POST http://shop.example/x\n"), "{answer}");
        assert!(answer.contains("\"x-sum\": \"7\""), "{answer}");
        assert!(!answer.contains("evil"), "{answer}");
        assert!(answer.ends_with("abc"), "{answer}");
    }
    let answer = stage.get("/y", "").await;
    assert!(answer.contains("GET http://shop.example/y\n"), "{answer}");
}

#[tokio::test]
async fn of_two_servers_of_http_2_the_living_one_answers_everything() {
    let living = http2_backend::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = nobody.local_addr().unwrap();
    drop(nobody);
    let stage = Stage::of(&format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{dead}', \
         'http://{living}'], balance: round_robin, http2: true}}]\n"
    ))
    .await;
    let mut sender = client(stage.address()).await;
    for _ in 0..4 {
        let (status, ..) =
            asked(&mut sender, get("/").body(Sent::default()).unwrap()).await;
        assert_eq!(status, 200);
        let sent = get("/").method("POST").body(Sent::from("abc")).unwrap();
        let (status, _, body) = asked(&mut sender, sent).await;
        assert_eq!(status, 200);
        assert!(body.ends_with("abc"), "{body}");
    }
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let mut stream = stage.connect().await;
    for _ in 0..4 {
        assert_eq!(status(&stage.get("/", "").await), 200);
        stream.write_all(post.as_bytes()).await.unwrap();
        let answer = one_response(&mut stream).await;
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with("abc"), "{answer}");
    }
    let text = stage.gateway.metrics_text().unwrap();
    let failed = "backend_errors_total{backend=\"app\",reason=\"connect\"}";
    assert!(text.contains(failed), "the dead one was asked: {text}");
}

/// A server of which each connection answers one request, and goes away when
/// it hears of the next, without a look at it.
async fn one_request_a_connection() -> SocketAddr {
    async fn one(mut stream: TcpStream) -> Option<()> {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.ok()?;
        stream.write_all(&settings(&[])).await.ok()?;
        let mut client = Client::silent(stream);
        let mut answered = 0;
        loop {
            let asked = client.next().await?;
            if asked.kind != HEADERS {
                continue;
            }
            if answered == 0 {
                answered = asked.stream;
                let flags = END_HEADERS | END_STREAM;
                let ok = frame(HEADERS, flags, answered, &[0x88]);
                client.send(&ok).await;
                continue;
            }
            let last = [answered.to_be_bytes(), [0; 4]].concat();
            client.send(&frame(GOAWAY, 0, 0, &last)).await;
            return client.stream.shutdown().await.ok();
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one(stream));
        }
    });
    address
}

/// A server whose first connection begins an endless answer, goes away when it
/// hears of a second request, and ends the answer later; the others answer.
async fn going_away_under_an_answer() -> SocketAddr {
    async fn one(mut stream: TcpStream, is_first: bool) -> Option<()> {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.ok()?;
        stream.write_all(&settings(&[])).await.ok()?;
        let mut client = Client::silent(stream);
        let mut begun = None;
        loop {
            let asked = client.next().await?;
            match (asked.kind == HEADERS, is_first, begun) {
                (false, ..) => {}
                (true, false, _) => {
                    let flags = END_HEADERS | END_STREAM;
                    let ok = frame(HEADERS, flags, asked.stream, &[0x88]);
                    client.send(&ok).await;
                }
                (true, true, None) => {
                    begun = Some(asked.stream);
                    let ok = frame(HEADERS, END_HEADERS, asked.stream, &[0x88]);
                    client.send(&ok).await;
                }
                (true, true, Some(begun)) => {
                    let last = [begun.to_be_bytes(), [0; 4]].concat();
                    client.send(&frame(GOAWAY, 0, 0, &last)).await;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    client.send(&frame(DATA, END_STREAM, begun, b"end")).await;
                    return client.stream.shutdown().await.ok();
                }
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one(stream, is_first));
            is_first = false;
        }
    });
    address
}

#[tokio::test]
async fn what_a_backend_refuses_while_it_goes_away_is_asked_on_a_new_connection()
 {
    let backend = going_away_under_an_answer().await;
    let stage = Stage::of(&config(backend, "true")).await;
    let mut sender = client(stage.address()).await;
    let request = get("/long").body(Sent::default()).unwrap();
    let long = sender.send_request(request).await.unwrap();
    assert_eq!(long.status(), 200);
    let request = get("/").body(Sent::default()).unwrap();
    assert_eq!(asked(&mut sender, request).await.0, 200);
    // And the answer under way comes to its end.
    let body = long.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "end");
}

#[tokio::test]
async fn a_backend_of_http_2_that_goes_away_costs_no_request_without_effects() {
    let backend = one_request_a_connection().await;
    let stage = Stage::of(&config(backend, "true")).await;
    let mut sender = client(stage.address()).await;
    for _ in 0..5 {
        assert_eq!(status(&stage.get("/", "").await), 200);
        let request = get("/").body(Sent::default()).unwrap();
        assert_eq!(asked(&mut sender, request).await.0, 200);
    }
    // What may have had an effect is not done twice.
    let sent = get("/").method("POST").body(Sent::from("abc")).unwrap();
    assert_eq!(asked(&mut sender, sent).await.0, 502);
}
