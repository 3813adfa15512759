//! Clients and backends of HTTP/2 that are slow or silent inside an exchange.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::net::{TcpSocket, TcpStream};

use crate::{
    backend::Backend,
    frames::{
        Client, DATA, END_STREAM, HEADERS, PREFACE, RST_STREAM, WINDOW,
        WINDOW_UPDATE, frame, settings,
    },
    http2_backend,
    http2_client::{Drip, client, get, outcome, post},
    stage::Stage,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn config(
    backend: SocketAddr,
    to_http2: &str,
    limits: &str,
) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{backend}'], \
         http2: {to_http2}, timeouts: {{first_byte: 2s, idle: 2s}}}}]\n\
         limits: {{{limits}}}\n"
    )
}

pub(crate) async fn stage(backend: SocketAddr, limits: &str) -> Stage {
    Stage::of(&config(backend, "false", limits)).await
}

/// Requests under way at the backend.
pub(crate) fn active(stage: &Stage) -> bool {
    let text = stage.gateway.metrics_text().unwrap();
    let name = "backend_connections{backend=\"app\",state=\"active\"}";
    !text.contains(&format!("{name} 0"))
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_stream_and_frees_the_backend() {
    let backend = Backend::start().await;
    let stage = stage(backend.address, "").await;
    let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
    client.ask(1, "GET", "/big/3000000").await;
    client.find(HEADERS, 1).await;
    assert!(active(&stage));
    let begun = Instant::now();
    let reset = client.find(RST_STREAM, 1).await;
    assert_eq!(reset.payload, 8_u32.to_be_bytes(), "CANCEL");
    assert!(begun.elapsed() >= 9 * SECOND, "in a hurry");
    assert!(begun.elapsed() < 20 * SECOND, "too late");
    assert!(!active(&stage), "the backend is still held");
    // The connection lives: another stream of it is answered.
    client.ask(3, "GET", "/status/204").await;
    client.find(HEADERS, 3).await;
}

/// All answers are short, so the gateway has given all of them to hyper long
/// before the client has read them.
#[tokio::test]
async fn a_client_that_reads_slowly_gets_the_rest_of_its_answers() {
    const STREAMS: usize = 250;
    const LENGTH: usize = 32_000;
    const PORTION: usize = 16_000;
    let backend = Backend::start().await;
    let limits = "idle_timeout: 1s, h2_streams: 250";
    let stage = stage(backend.address, limits).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(stage.address()).await.unwrap();
    let mut client = Client::silent(stream);
    let room = 1_u32 << 30;
    client.send(PREFACE).await;
    client.send(&settings(&[(WINDOW, room)])).await;
    client.send(&frame(WINDOW_UPDATE, 0, 0, &room.to_be_bytes())).await;
    for at in 0..STREAMS {
        let stream = u32::try_from(2 * at + 1).unwrap();
        client.ask(stream, "GET", &format!("/big/{LENGTH}")).await;
    }
    // Longer than `idle_timeout` and the farewell.
    let (begun, mut read, mut ends) = (Instant::now(), 0, 0);
    while ends < STREAMS {
        let frame = client.next().await.expect("all answers are whole");
        if frame.kind == DATA {
            let portions = read / PORTION;
            read += frame.payload.len();
            ends += usize::from(frame.flags & END_STREAM);
            if read / PORTION > portions && begun.elapsed() < 14 * SECOND {
                tokio::time::sleep(SECOND / 20).await;
            }
        }
    }
    assert_eq!(read, STREAMS * LENGTH);
    assert!(begun.elapsed() >= 14 * SECOND, "it was not slow");
    // Now it is idle.
    client.end(15 * SECOND).await;
}

#[tokio::test]
async fn a_backend_of_http_2_that_hangs_is_given_up() {
    let backend = http2_backend::start().await;
    let limits = "body_bytes: 10000";
    let stage = Stage::of(&config(backend, "true", limits)).await;
    let mut sender = client(stage.address()).await;
    let begun = Instant::now();
    assert_eq!(outcome(&mut sender, get("/hang")).await.0, 504);
    assert!(begun.elapsed() >= 2 * SECOND);
    let begun = Instant::now();
    let (status, body) = outcome(&mut sender, get("/silent")).await;
    assert_eq!((status, body), (200, None), "half a body is none");
    assert!(begun.elapsed() >= 4 * SECOND, "it was given up too early");
    assert!(begun.elapsed() < 20 * SECOND, "too late");
    let text = stage.gateway.metrics_text().unwrap();
    for reason in ["first_byte_timeout", "idle_timeout"] {
        let name = "backend_errors_total{backend=\"app\"";
        let line = format!("{name},reason=\"{reason}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
    let large = Drip::of(30, 1_000, Duration::ZERO);
    assert_eq!(outcome(&mut sender, post("/count", large)).await.0, 413);
    // A client that does not read frees a backend of HTTP/2, too.
    let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
    client.ask(1, "GET", "/big").await;
    client.find(HEADERS, 1).await;
    assert!(active(&stage));
    client.find(RST_STREAM, 1).await;
    assert!(!active(&stage), "the backend is still held");
}

#[tokio::test]
async fn who_waits_for_the_connection_of_others_fails_with_it() {
    // A queue that is full: the kernel lets further clients wait.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(SECOND / 2, TcpStream::connect(address)).await
    {
        held.push(stream);
        assert!(held.len() < 100, "the queue is never full");
    }
    let stage = Stage::of(&format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0', http2: true}}]\n\
         backends: [{{name: app, servers: ['http://{address}'], \
         http2: true, timeouts: {{connect: 1s}}}}]\n"
    ))
    .await;
    let sender = client(stage.address()).await;
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut sender = sender.clone();
        all.spawn(async move { outcome(&mut sender, get("/")).await.0 });
    }
    let all = all.join_all().await;
    assert!(all.iter().all(|status| *status == 504), "{all:?}");
    assert!(begun.elapsed() < 6 * SECOND, "one after the other");
    assert!(begun.elapsed() >= SECOND);
}
