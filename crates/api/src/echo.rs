//! Sends back what it hears: the protocol layer of the live stream, alone, for
//! test suites of RFC 6455 such as Autobahn's.
//!
//! Only with the feature `echo`, and never part of the API's router.

use axum::{
    Router,
    extract::{
        WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
    routing::get,
};

use crate::resource::stream::configured;

/// Longest message: the suite sends 16 MiB.
const LONGEST: usize = 32 << 20;

/// One endpoint, `/echo`.
pub fn router() -> Router {
    Router::new().route("/echo", get(open))
}

async fn open(upgrade: WebSocketUpgrade) -> Response {
    configured(upgrade, LONGEST).on_upgrade(echo)
}

async fn echo(mut web_socket: WebSocket) {
    while let Some(Ok(message)) = web_socket.recv().await {
        // Pings and closes are answered by the layer below.
        let back = match message {
            Message::Text(_) | Message::Binary(_) => message,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        if web_socket.send(back).await.is_err() {
            return;
        }
    }
}
