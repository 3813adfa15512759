//! The live stream over a WebSocket (RFC 6455).

use std::sync::Arc;

use asgard_store::Permission;
use axum::{
    Extension,
    extract::{
        FromRequestParts, Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message as Frame, WebSocket},
    },
    http::{HeaderValue, StatusCode, header::UPGRADE},
    response::Response,
};
use tokio::time::timeout;

use super::{Step, StreamParams, Watch};
use crate::{
    App,
    auth::Identity,
    error::ApiError,
    limits,
    request::Params,
    server::Connection,
    stream::{Farewell, Kind, Message, Watching},
};

/// The WebSocket: 426 for who does not ask for one.
pub(crate) async fn open_web_socket(
    Extension(identity): Extension<Identity>,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let connection = parts.extensions.get::<Connection>().cloned();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
    let upgrade = upgrade.map_err(|_| upgrade_required())?;
    let upgrade = configured(upgrade, limits::STREAM_INCOMING);
    let key = match identity.permit(Permission::Stream) {
        Ok(facts) => facts,
        // A fault of ours must not look like a bad key.
        Err(fault) if fault.status.is_server_error() => return Err(fault),
        Err(_) => return Ok(upgrade.on_upgrade(turn_away)),
    };
    let Params(params) =
        Params::<StreamParams>::from_request_parts(&mut parts, &app).await?;
    let request = Watch::new(&app, &key, Kind::WebSocket, &params, None)?;
    Ok(upgrade.on_upgrade(move |web_socket| async move {
        if let Some(connection) = connection {
            connection.limit_send_buffer(limits::STREAM_SEND_BUFFER);
        }
        tell(web_socket, request).await;
    }))
}

fn upgrade_required() -> ApiError {
    let message = "This endpoint speaks WebSocket; for Server-Sent Events \
                   ask for /v1/stream/sse";
    ApiError::new(StatusCode::UPGRADE_REQUIRED, message)
        .with_header(UPGRADE, HeaderValue::from_static("websocket"))
}

/// Bounds of a connection: what is written goes out at once, and ten thousand
/// idle connections hold no large buffers.
pub(crate) fn configured(
    upgrade: WebSocketUpgrade,
    longest: usize,
) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(1 << 10)
        .write_buffer_size(0)
        .max_message_size(longest)
        .max_frame_size(longest)
}

async fn turn_away(web_socket: WebSocket) {
    close(web_socket, Farewell::BadKey).await;
}

/// Sends events until one side ends it.
async fn tell(mut web_socket: WebSocket, mut watch: Watch) {
    let mut pending: Vec<Message> = watch.gap().into_iter().collect();
    let watching = loop {
        for message in pending {
            if !send(&mut web_socket, &message).await {
                return;
            }
        }
        match watch.step() {
            Step::Messages(messages) => pending = messages,
            Step::Join(messages, watching) => break (messages, watching),
            Step::End(why) => return close(web_socket, why).await,
        }
    };
    drop(watch);
    let (messages, watching) = watching;
    for message in messages {
        if !send(&mut web_socket, &message).await {
            return;
        }
    }
    if let Some(why) = relay(&mut web_socket, &watching).await {
        // The place is free now; saying farewell may take a while.
        drop(watching);
        close(web_socket, why).await;
    }
}

/// Passes messages on; returns why the server ends it, or nothing when the
/// client has.
async fn relay(
    web_socket: &mut WebSocket,
    watching: &Watching,
) -> Option<Farewell> {
    loop {
        tokio::select! {
            next = watching.next() => match next {
                Ok(message) if send(web_socket, &message).await => {}
                Ok(_) => return None,
                Err(why) => return Some(why),
            },
            // What a watcher says is read, for pings and for the end.
            heard = web_socket.recv() => match heard {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn send(web_socket: &mut WebSocket, message: &Message) -> bool {
    let sent = web_socket.send(Frame::Text(message.text()));
    matches!(timeout(limits::STREAM_STALL, sent).await, Ok(Ok(())))
}

async fn close(mut web_socket: WebSocket, why: Farewell) {
    let (code, reason) = why.close_frame();
    let frame = CloseFrame { code, reason: reason.into() };
    let farewell = async {
        web_socket.send(Frame::Close(Some(frame))).await.ok();
        // The other side confirms, or hangs up.
        while let Some(Ok(_)) = web_socket.recv().await {}
    };
    let patience = match why {
        Farewell::Overflow => limits::STREAM_STALL,
        _ => limits::CLOSE_TIMEOUT,
    };
    timeout(patience, farewell).await.ok();
}
