//! Bodies in both directions: whole, in time, and without being kept.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    backend::Backend,
    stage::{Stage, one_response, status, yaml},
};

/// Resident memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_so_does_the_backend_s() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    for at in 0..50 {
        let request = format!("GET /{at} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = one_response(&mut stream).await;
        assert!(answer.contains(&format!("GET /{at} HTTP/1.1")), "{answer}");
    }
    let connections =
        backend.connections.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(connections, 1, "the backend's connection is used again");
}

#[tokio::test]
async fn requests_that_were_sent_ahead_are_answered_in_order() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let ahead = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\
                 POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz\
                 GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = stage.raw(ahead.as_bytes()).await;
    let places: Vec<usize> = ["GET /a ", "POST /b ", "xyz", "GET /c "]
        .map(|text| all.find(text).unwrap_or_else(|| panic!("{text}: {all}")))
        .into();
    assert!(places.is_sorted(), "{all}");
}

#[tokio::test]
async fn a_large_body_goes_through_in_constant_memory() {
    const BYTES: usize = 400 * 1024 * 1024;
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let request = format!(
        "GET /big/{BYTES} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut piece = vec![0; 1 << 20];
    let (mut read, mut most) = (0, 0);
    let begun = resident();
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        if count == 0 {
            break;
        }
        read += count;
        most = most.max(resident());
    }
    assert!(read > BYTES, "{read} bytes");
    assert!(most < begun + 8 * 1024, "{begun} KiB, then {most} KiB");
}

#[tokio::test]
async fn who_does_not_read_stops_the_backend_and_is_cut() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let request = "GET /big/300000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let begun = resident();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(resident() < begun + 16 * 1024, "nothing piles up");
    // Above the least rate of 500 bytes a second nobody is cut; below he is.
    let waited = tokio::time::timeout(Duration::from_secs(40), async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let text = stage.gateway.metrics_text().unwrap();
            if text.contains("gateway_connections 0\n") {
                break;
            }
        }
    });
    assert!(waited.await.is_ok(), "cut within two windows");
}

#[tokio::test]
async fn an_upload_in_chunks_arrives_whole_and_the_client_is_asked_first() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let interim = one_response(&mut stream).await;
    assert!(interim.starts_with("HTTP/1.1 100 Continue\r\n"), "{interim}");
    for _ in 0..100 {
        let chunk = [b"2710\r\n".as_slice(), &[b'x'; 10_000], b"\r\n"].concat();
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = one_response(&mut stream).await;
    assert!(answer.ends_with("\r\n\r\n1000000"), "{answer}");
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    let head =
        "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(&vec![b'x'; 200_000]).await;
    let answer = one_response(&mut stream).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_go_through_without_what_is_ours() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let answer = stage.get("/trailers", "").await;
    assert!(answer.ends_with("3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn limits_answer_in_their_own_words() {
    let backend = Backend::start().await;
    let limits = "limits: {body_bytes: 1000, header_bytes: 4096, headers: 20, \
                  uri_bytes: 256}\n";
    let stage = Stage::of(&yaml(backend.address, limits)).await;
    let long = stage.get(&format!("/{}", "a".repeat(400)), "").await;
    assert_eq!(status(&long), 414);
    let many = stage.get("/", &"A: b\r\n".repeat(30)).await;
    assert_eq!(status(&many), 431);
    let large = stage.get("/", &format!("A: {}\r\n", "b".repeat(9000))).await;
    assert_eq!(status(&large), 431);
    let announced =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n";
    assert_eq!(status(&stage.raw(announced.as_bytes()).await), 413);
    let chunks =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let answer = stage.raw(format!("{chunks}{chunk}").as_bytes()).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert_eq!(status(&stage.get("/", "").await), 200);
}

#[tokio::test]
async fn a_head_without_a_body_keeps_its_length_and_its_connection() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut stream = stage.connect().await;
    stream
        .write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut all = String::new();
    // This backend sends a body even to HEAD: that connection is not used again.
    stream.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    assert_eq!(all.matches("GET /next ").count(), 1, "{all}");
    assert!(!all.contains("HEAD /"), "no body to HEAD: {all}");
}
