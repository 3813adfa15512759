//! WebSocket through the gateway.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

#[tokio::test]
async fn messages_go_both_ways_until_one_side_closes() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let stream = stage.connect().await;
    let (mut socket, answer) =
        client_async("ws://shop.example/chat", stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    for size in [0, 1, 125, 126, 70_000, 1_000_000] {
        let sent = Message::binary(vec![b'x'; size]);
        socket.send(sent.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), sent);
    }
    let text = stage.gateway.metrics_text().unwrap();
    assert!(text.contains("asgard_gateway_tunnels 1\n"), "{text}");
    socket.close(None).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    drop(socket);
    for _ in 0..200 {
        let text = stage.gateway.metrics_text().unwrap();
        if text.contains("asgard_gateway_tunnels 0\n") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the tunnel is still there");
}

#[tokio::test]
async fn a_silent_tunnel_ends() {
    let backend = Backend::start().await;
    let rest = "limits: {tunnel_idle: 1s}\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    let stream = stage.connect().await;
    let (mut socket, _) =
        client_async("ws://shop.example/", stream).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), socket.next());
    let ended = ended.await.expect("it ends by itself");
    assert!(!matches!(ended, Some(Ok(Message::Binary(_) | Message::Text(_)))));
}

#[tokio::test]
async fn another_upgrade_is_not_passed_on() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let answer = stage
        .raw(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade, \
              http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
        )
        .await;
    assert_eq!(status(&answer), 200, "{answer}");
    let lower = answer.to_ascii_lowercase();
    assert!(!lower.contains("h2c") && !lower.contains("http2-settings"));
}
