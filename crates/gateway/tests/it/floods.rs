//! Connections of HTTP/2 that ask nothing, never finish what they ask, or ask
//! for too much.

use std::time::Instant;

use tokio::io::AsyncWriteExt;

use crate::{
    backend::Backend,
    frames::{
        Client, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE,
        RST_STREAM, SETTINGS, fields, frame, settings,
    },
    patience::{SECOND, stage},
    stage::{DEADLINE, status},
};

fn whole_of(stream: u32) -> Vec<u8> {
    let block = fields("GET", "/");
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

#[tokio::test]
async fn a_client_that_asks_nothing_is_told_to_go() {
    let backend = Backend::start().await;
    let limits = "idle_timeout: 1s";
    let stage = stage(backend.address, limits).await;
    let mut client = Client::of(stage.address(), &[]).await;
    let begun = Instant::now();
    client.ask(1, "GET", "/hang").await;
    // Whoever waits for an answer is not idle.
    client.find(HEADERS, 1).await;
    assert!(begun.elapsed() >= 2 * SECOND, "the backend's patience counts");
    let rest = client.rest(10 * SECOND).await;
    assert!(rest.iter().any(|frame| frame.kind == GOAWAY), "{rest:?}");
    assert!(begun.elapsed() >= 3 * SECOND);
    // One that never asks, and does not answer the farewell, is cut.
    let mut dumb = Client::of(stage.address(), &[]).await;
    let begun = Instant::now();
    dumb.end(20 * SECOND).await;
    assert!(begun.elapsed() >= SECOND);
}

#[tokio::test]
async fn a_head_that_is_not_finished_is_cut_in_time() {
    let backend = Backend::start().await;
    let limits = "header_timeout: 1s, idle_timeout: 60s";
    let stage = stage(backend.address, limits).await;
    let block = fields("GET", "/");
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    let none = settings(&[]);
    let begins = [PREFACE, &none].concat();
    let beginnings = [
        ("no settings", PREFACE.to_vec()),
        ("half the settings", [PREFACE, &none[..5]].concat()),
        ("half a head", [&begins, &whole[..whole.len() / 2]].concat()),
        (
            "an open list of fields",
            [&begins[..], &frame(HEADERS, END_STREAM, 1, &block)].concat(),
        ),
    ];
    for (what, bytes) in beginnings {
        let mut client = Client::silent(stage.connect().await);
        client.send(&bytes).await;
        let begun = Instant::now();
        client.end(10 * SECOND).await;
        assert!(begun.elapsed() >= SECOND / 2, "{what}: at once");
    }
    // Somebody who asks slowly, but finishes each head in time, is served.
    let mut client = Client::of(stage.address(), &[]).await;
    for stream in [1, 3, 5] {
        for part in whole_of(stream).chunks(20) {
            client.send(part).await;
            tokio::time::sleep(SECOND / 5).await;
        }
        let head = client.find(HEADERS, stream).await;
        assert_eq!(head.payload[0], 0x88, "200");
    }
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused() {
    let backend = Backend::start().await;
    let stage = stage(backend.address, "h2_streams: 4").await;
    let mut client = Client::of(stage.address(), &[]).await;
    let set = client.find(SETTINGS, 0).await;
    let told = set.payload.chunks(6).any(|one| one == [0, 3, 0, 0, 0, 4]);
    assert!(told, "SETTINGS_MAX_CONCURRENT_STREAMS: {set:?}");
    for stream in [1, 3, 5, 7, 9, 11] {
        client.ask(stream, "GET", "/hang").await;
    }
    for stream in [9, 11] {
        let refused = client.find(RST_STREAM, stream).await;
        assert_eq!(refused.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
    }
    let begun = Instant::now();
    while backend.seen() < 4 && begun.elapsed() < DEADLINE {
        tokio::time::sleep(SECOND / 50).await;
    }
    assert_eq!(backend.seen(), 4);
}

#[tokio::test]
async fn a_flood_of_resets_closes_the_connection() {
    let backend = Backend::start().await;
    let stage = stage(backend.address, "").await;
    let mut client = Client::of(stage.address(), &[]).await;
    let mut flood = Vec::new();
    for at in 0..2_000_u32 {
        let stream = 2 * at + 1;
        flood.extend(whole_of(stream));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let (mut reads, mut writes) = client.stream.split();
    let _ = writes.write_all(&flood).await;
    let mut bytes = Vec::new();
    let read = async {
        use tokio::io::AsyncReadExt;
        let _ = reads.read_to_end(&mut bytes).await;
    };
    tokio::time::timeout(10 * SECOND, read).await.expect("it is closed");
    assert!(backend.seen() < 1_000, "{} reached the backend", backend.seen());
    assert_eq!(status(&stage.get("/", "").await), 200, "others are served");
    // One who resets what it no longer needs is left alone.
    let mut polite = Client::of(stage.address(), &[]).await;
    for at in 0..50_u32 {
        let stream = 2 * at + 1;
        polite.ask(stream, "GET", "/big/2000000").await;
        polite.find(HEADERS, stream).await;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        polite.send(&reset).await;
    }
    polite.ask(101, "POST", "/count").await;
    polite.send(&frame(DATA, END_STREAM, 101, b"abc")).await;
    polite.find(HEADERS, 101).await;
}
