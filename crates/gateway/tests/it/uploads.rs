//! Uploads that are slow, held up or cut off, over HTTP/2 on one side at least.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    backend::Backend,
    frames::{Client, DATA, HEADERS, RST_STREAM, WINDOW, frame},
    http2_backend::{self, CUT, LET_GO},
    http2_client::{Drip, client, outcome, post},
    patience::{SECOND, active, config, stage},
    stage::{DEADLINE, Stage, one_response, status},
};

/// Who sends half of it and goes, with its length before it and in chunks.
#[tokio::test]
async fn half_an_upload_does_not_look_whole_to_a_backend_of_http_2() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    let before = CUT.load(Relaxed);
    for at in 0..20 {
        let framing = match at % 2 {
            0 => "Content-Length: 10\r\n\r\nhello",
            _ => "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        };
        let head = format!("POST /count HTTP/1.1\r\nHost: a\r\n{framing}");
        let mut stream = stage.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        while !active(&stage) {
            tokio::time::sleep(SECOND / 500).await;
        }
        drop(stream);
        let begun = Instant::now();
        while CUT.load(Relaxed) <= before + at {
            assert!(begun.elapsed() < 5 * SECOND, "{at}: it looked whole");
            tokio::time::sleep(SECOND / 100).await;
        }
    }
}

/// One that has an upload open, which nobody reads, over HTTP/2 on both sides.
#[tokio::test]
async fn a_client_that_does_not_read_does_not_keep_its_upload_either() {
    let backend = http2_backend::start().await;
    // So that what was sent pays for no time.
    let limits = "min_rate_bytes: 1000000";
    let stage = Stage::of(&config(backend, "true", limits)).await;
    // With room at the backend, and without.
    for parts in [1, 120] {
        let before = LET_GO.load(Relaxed);
        let mut client = Client::of(stage.address(), &[(WINDOW, 0)]).await;
        client.ask(1, "POST", "/held").await;
        client.find(HEADERS, 1).await;
        for _ in 0..parts {
            client.send(&frame(DATA, 0, 1, &[b'x'; 10_000])).await;
            tokio::time::sleep(SECOND / 500).await;
        }
        assert!(active(&stage));
        let reset = client.find(RST_STREAM, 1).await;
        assert_eq!(reset.payload, 8_u32.to_be_bytes(), "CANCEL");
        assert!(!active(&stage), "the backend is still held");
        let begun = Instant::now();
        while LET_GO.load(Relaxed) == before {
            assert!(begun.elapsed() < 5 * SECOND, "not reset at the backend");
            tokio::time::sleep(SECOND / 20).await;
        }
    }
}

/// Uploads: one that drips is refused, one that is slow but steady outlasts the
/// patience of the backend.
async fn uploads_keep_a_pace(stage: Stage) {
    let mut sender = client(stage.address()).await;
    let mut steady = sender.clone();
    let steady = tokio::spawn(async move {
        let body = Drip::of(12, 1_000, SECOND / 2);
        outcome(&mut steady, post("/count", body)).await
    });
    let begun = Instant::now();
    let drips = Drip::of(60, 10, SECOND);
    let (status, _) = outcome(&mut sender, post("/count", drips)).await;
    assert_eq!(status, 408);
    assert!(begun.elapsed() >= 9 * SECOND, "in a hurry");
    assert!(begun.elapsed() < 25 * SECOND, "too late");
    let steady = steady.await.unwrap();
    assert_eq!(steady, (200, Some("12000".into())), "it kept its pace");
}

#[tokio::test]
async fn uploads_to_a_backend_of_http_1_keep_a_pace() {
    let backend = Backend::start().await;
    uploads_keep_a_pace(stage(backend.address, "").await).await;
}

#[tokio::test]
async fn uploads_to_a_backend_of_http_2_keep_a_pace() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    uploads_keep_a_pace(stage).await;
}

#[tokio::test]
async fn uploads_of_http_1_to_a_backend_of_http_2_keep_a_pace() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    let head =
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n";
    let mut drips = stage.connect().await;
    drips.write_all(head.as_bytes()).await.unwrap();
    let mut steady = stage.connect().await;
    steady.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = drips.into_split();
    let dripping = tokio::spawn(async move {
        // A byte in time, every time.
        while writes.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SECOND).await;
        }
    });
    for _ in 0..6 {
        steady.write_all(&[b'x'; 1_000]).await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
    }
    let answer = one_response(&mut steady).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let mut answer = String::new();
    let read = async {
        let _ = reads.read_to_string(&mut answer).await;
    };
    tokio::time::timeout(25 * SECOND, read).await.expect("it is cut");
    assert_eq!(status(&answer), 408, "{answer}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_backend_that_waits_for_the_rest_of_a_request_is_not_silent() {
    let backend = http2_backend::start().await;
    let stage = Stage::of(&config(backend, "true", "")).await;
    // Longer than `timeouts.idle`, over both protocols.
    let mut sender = client(stage.address()).await;
    let over_http2 = tokio::spawn(async move {
        let body = Drip::of(12, 1_000, SECOND / 2);
        outcome(&mut sender, post("/talk", body)).await
    });
    let mut stream = stage.connect().await;
    let head = "POST /talk HTTP/1.1\r\nHost: a\r\nContent-Length: 12000\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..12 {
            writes.write_all(&[b'x'; 1_000]).await.unwrap();
            tokio::time::sleep(SECOND / 2).await;
        }
        writes
    });
    let mut answer = String::new();
    let read = async {
        reads.read_to_string(&mut answer).await.unwrap();
    };
    tokio::time::timeout(DEADLINE, read).await.expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("12000"), "{answer}");
    sending.await.unwrap();
    assert_eq!(over_http2.await.unwrap(), (200, Some("12000".into())));
}
