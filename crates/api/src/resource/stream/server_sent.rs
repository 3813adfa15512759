//! The live stream as Server-Sent Events (WHATWG HTML, section 9.2).

use std::{convert::Infallible, fmt::Write, sync::Arc};

use asgard_store::Permission;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};

use super::{Step, StreamParams, Watch};
use crate::{
    App,
    auth::Identity,
    error::ApiError,
    limits,
    request::Params,
    server::Connection,
    stream::{Kind, Message, Watching},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The same events as `text/event-stream` (WHATWG HTML, section 9.2).
pub(crate) async fn show_events(
    Extension(identity): Extension<Identity>,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let key = identity.permit(Permission::Stream)?;
    let (mut parts, _) = request.into_parts();
    let Params(params) =
        Params::<StreamParams>::from_request_parts(&mut parts, &app).await?;
    let last = last_event_id(&parts.headers)?;
    let kind = Kind::ServerSentEvents;
    let watch = Watch::new(&app, &key, kind, &params, last)?;
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.limit_send_buffer(limits::STREAM_SEND_BUFFER);
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(written(watch))).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let refuse = || ApiError::validation("Last-Event-ID is not one of ours");
    id.map(Some).ok_or_else(refuse)
}

/// Where a stream of events stands.
enum Place {
    Missed(Watch),
    Present(Watching),
}

/// The frames of a stream, made when the client takes them.
fn written(
    watch: Watch,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    // The head goes out with the first frame, so one is sent at once.
    let first: Vec<Message> =
        watch.gap().into_iter().chain([Message::Ping]).collect();
    let begun = (Some(frames(&first)), Place::Missed(watch));
    stream::unfold(begun, |(begun, place)| async move {
        if let Some(bytes) = begun {
            return Some((Ok(bytes), (None, place)));
        }
        let (bytes, place) = match place {
            Place::Missed(mut watch) => match watch.step() {
                Step::Messages(messages) => {
                    (frames(&messages), Place::Missed(watch))
                }
                Step::Join(messages, watching) => {
                    (frames(&messages), Place::Present(watching))
                }
                Step::End(_) => return None,
            },
            Place::Present(watching) => {
                let message = watching.next().await.ok()?;
                (frames(&[message]), Place::Present(watching))
            }
        };
        Some((Ok(bytes), (None, place)))
    })
}

fn frames(messages: &[Message]) -> Bytes {
    let mut text = String::new();
    for message in messages {
        let written = match message {
            Message::Event { id, .. } => writeln!(text, "id: {id}"),
            Message::Ping => writeln!(text, "event: ping"),
            Message::Gap { .. } => writeln!(text, "event: gap"),
        };
        written.expect("text takes text");
        text.push_str("data: ");
        text.push_str(message.text().as_str());
        text.push_str("\n\n");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_its_event_so_that_the_browser_can_resume() {
        let event = Message::Event { id: 7, text: "{}".into() };
        assert_eq!(
            frames(&[event, Message::Ping]),
            "id: 7\ndata: {}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"
        );
    }
}
