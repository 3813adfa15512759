//! What is sent to a watcher, written once for all of them.

use asgard_model::ScoreEvent;
use axum::extract::ws::Utf8Bytes;

use crate::view::EventView;

/// The keep-alive of both transports.
const PING: &str = r#"{"type": "ping"}"#;

/// One message; clones share the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A changed score.
    Event {
        /// Identity, for resuming.
        id: u64,
        /// JSON.
        text: Utf8Bytes,
    },
    /// Nothing new, but the line is up.
    Ping,
    /// Events were asked for that are no longer kept.
    Gap {
        /// JSON.
        text: Utf8Bytes,
    },
}

impl Message {
    pub(crate) fn event(event: &ScoreEvent) -> Self {
        Self::Event { id: event.id, text: EventView::of(event).text().into() }
    }

    /// Tells who resumed after `since` that events before `complete_from` may
    /// be missing.
    pub(crate) fn gap(since: u64, complete_from: u64) -> Self {
        let text = serde_json::json!({
            "type": "gap",
            "since": since,
            "complete_from": complete_from,
        });
        Self::Gap { text: text.to_string().into() }
    }

    pub(crate) fn text(&self) -> Utf8Bytes {
        match self {
            Self::Event { text, .. } | Self::Gap { text } => text.clone(),
            Self::Ping => Utf8Bytes::from_static(PING),
        }
    }
}
