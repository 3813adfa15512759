//! Limits of connections and heads, over real sockets.

use std::time::{Duration, Instant};

use asgard_api::limits::{HEAD_TIMEOUT, WRITE_STALL};
use asgard_store::Scope;
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{pause, resume, sleep, timeout},
};

use crate::app::{Listening, NOW, TestApp};

/// Sends bytes and reads to the end.
pub(crate) async fn exchange(server: &Listening, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The other side may hang up before it has read everything.
    stream.write_all(request.as_bytes()).await.ok();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(Duration::from_secs(30), read).await.unwrap().ok();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn get(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"
    )
}

#[tokio::test]
async fn a_long_uri_is_414_in_the_envelope() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let path = format!("/v1/tools/compare?asn_a={}", "1".repeat(9000));
    let answer = exchange(&server, &get(&path, "")).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    assert!(answer.contains("\"HTTP_414\""), "{answer}");
    assert!(answer.to_lowercase().contains("x-trace-id"), "{answer}");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused_before_anybody_reads_it() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let header = format!("x-filler: {}\r\n", "x".repeat(40_000));
    let answer = exchange(&server, &get("/livez", &header)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let within = format!("x-filler: {}\r\n", "x".repeat(20_000));
    let answer = exchange(&server, &get("/livez", &within)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off_in_time() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        writer.write_all(b"GET /livez HTTP/1.1\r\nx: ").await?;
        loop {
            sleep(Duration::from_millis(200)).await;
            writer.write_all(b"x").await?;
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        std::io::Result::Ok(())
    };
    let mut answer = Vec::new();
    let read = timeout(2 * HEAD_TIMEOUT, reader.read_to_end(&mut answer));
    tokio::select! {
        read = read => drop(read.expect("cut off in time")),
        // The other side hung up.
        _ = drip => {}
    }
    assert!(begun.elapsed() >= HEAD_TIMEOUT / 2, "not at once");
}

#[tokio::test]
async fn who_asks_and_never_reads_is_cut_off() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let head = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(head.repeat(12).as_bytes()).await.unwrap();
    // Until the kernel takes nothing more; then time passes by itself.
    stream.readable().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    pause();
    sleep(WRITE_STALL / 2).await;
    assert!(is_open(&stream), "a line may be slow");
    sleep(WRITE_STALL).await;
    resume();
    let closed = async {
        while is_open(&stream) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), closed).await.expect("cut off");
}

/// Whether the other side still takes what we send: reading would let it go on.
fn is_open(stream: &TcpStream) -> bool {
    let sent = stream.try_write(b"\r\n");
    let full =
        |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    sent.is_ok() || sent.is_err_and(|error| full(&error))
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_server_lives() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    for nonsense in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "POST /v1/whitelist HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\
         content-length: 2\r\n\r\nx",
    ] {
        let answer = exchange(&server, nonsense).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{nonsense:?}: {answer}");
    }
    let answer = exchange(&server, &get("/livez", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn an_answer_under_way_is_finished_before_the_server_stops() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let answer = exchange(&server, &get("/readyz", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let stopping = timeout(Duration::from_secs(10), server.stop()).await;
    stopping.expect("an idle connection holds nobody up");
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
}

/// Asks for a profile by an open connection; gives the status.
async fn status_of(stream: &mut TcpStream, key: &str) -> u16 {
    let head = format!(
        "HEAD /v1/asn/64496 HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes);
        let read = timeout(Duration::from_secs(30), read).await.unwrap();
        answer.push_str(&String::from_utf8_lossy(&bytes[..read.unwrap()]));
    }
    answer[9..12].parse().unwrap()
}

#[tokio::test]
async fn a_connection_that_proved_a_key_proves_no_other_and_not_for_ever() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let in_a_minute = Timestamp::from_second(NOW + 60).unwrap();
    let lasting = app.new_key(Scope::Read, None).await;
    let ending = app.new_key(Scope::Read, Some(in_a_minute)).await;
    let forged = format!("{}00", &lasting[..lasting.len() - 2]);
    for (key, status) in [
        (&*lasting, 200),
        (&*lasting, 200),
        (&*forged, 403),
        (&*lasting, 200),
        (&*ending, 200),
        (&*ending, 200),
        (&*lasting, 200),
        ("", 403),
    ] {
        assert_eq!(status_of(&mut stream, key).await, status, "{key}");
    }
    assert_eq!(status_of(&mut stream, &ending).await, 200);
    app.pass_seconds(60);
    assert_eq!(status_of(&mut stream, &ending).await, 403, "it has expired");
    assert_eq!(status_of(&mut stream, &lasting).await, 200);
    let id = lasting.split('_').nth(2).unwrap().parse().unwrap();
    let revoked = app.store.keys.revoke(id, "cli", in_a_minute).await;
    assert!(revoked.unwrap());
    app.reload_keys().await;
    assert_eq!(status_of(&mut stream, &lasting).await, 403, "it is revoked");
}
