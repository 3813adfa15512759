//! `/stream` and `/stream/sse`: score changes as they are published.
//!
//! | | WebSocket | Server-Sent Events |
//! |---|---|---|
//! | no or bad key | closed with 1008 after the upgrade | 403 |
//! | resuming | `since=ID` | `since=ID`, `Last-Event-ID` |
//! | keep-alive | `{"type": "ping"}` | event `ping` |
//! | too slow | closed with 1008 | ended |
//! | server stops | closed with 1001 | ended |
//!
//! The key is looked at before anything else that the client sent.

use std::sync::Arc;

use asgard_model::{Asn, Level};
use asgard_store::{KeyFacts, KeyId};
use serde::Deserialize;

use crate::{
    App,
    error::ApiError,
    limits,
    request::Expected,
    stream::{CaughtUp, Farewell, Filter, Hub, Kind, Message, Watching},
};

mod server_sent;
mod web_socket;

pub(crate) use server_sent::show_events;
#[cfg(feature = "echo")]
pub(crate) use web_socket::configured;
pub(crate) use web_socket::open_web_socket;

/// Which events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamParams {
    since: Option<u64>,
    min_drop: Option<u8>,
    level: Option<String>,
    asn: Option<String>,
    /// Read where the identity is established.
    #[expect(dead_code, reason = "it is known, so it is not refused")]
    api_key: Option<String>,
}

impl Expected for StreamParams {
    const EXPECTED: &'static str = "since (identity of an event), min_drop \
         (1 to 100), level (LOW, MEDIUM, HIGH, CRITICAL, separated by commas), \
         asn (at most 1000, separated by commas), api_key; no other parameter";
}

impl StreamParams {
    fn filter(&self) -> Result<Filter, ApiError> {
        let refuse = || ApiError::validation(Self::EXPECTED);
        if self.min_drop.is_some_and(|drop| !(1..=100).contains(&drop)) {
            return Err(refuse());
        }
        let levels = self.level.as_deref().map(list::<Level>).transpose();
        let asns = self.asn.as_deref().map(list::<Asn>).transpose();
        let (levels, asns) = levels.ok().zip(asns.ok()).ok_or_else(refuse)?;
        if asns.as_ref().is_some_and(|a| a.len() > limits::STREAM_ASNS) {
            return Err(refuse());
        }
        Ok(Filter {
            min_drop: self.min_drop,
            levels: levels.map(Into::into),
            asns: asns.map(|mut asns| {
                asns.sort_unstable();
                asns.into()
            }),
        })
    }
}

fn list<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, T::Err> {
    text.split(',').map(|part| part.trim().parse()).collect()
}

/// What was asked for, checked.
struct Watch {
    hub: Arc<Hub>,
    key: KeyId,
    kind: Kind,
    filter: Filter,
    after: Option<u64>,
}

/// What to send next.
enum Step {
    Messages(Vec<Message>),
    Join(Vec<Message>, Watching),
    End(Farewell),
}

impl Watch {
    fn new(
        app: &App,
        key: &KeyFacts,
        kind: Kind,
        params: &StreamParams,
        last: Option<u64>,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            hub: app.live.hub(),
            key: key.id,
            kind,
            filter: params.filter()?,
            after: last.or(params.since),
        })
    }

    /// Told once, before anything else, to who asks for more than is kept.
    fn gap(&self) -> Option<Message> {
        let since = self.after?;
        let complete_from = self.hub.complete_from();
        (since.saturating_add(1) < complete_from)
            .then(|| Message::gap(since, complete_from))
    }

    fn step(&mut self) -> Step {
        let caught_up =
            self.hub.catch_up(self.key, self.kind, &self.filter, self.after);
        match caught_up {
            CaughtUp::Page { messages, last } => {
                self.after = Some(last);
                Step::Messages(messages)
            }
            CaughtUp::Joined { messages, watching } => {
                Step::Join(messages, watching)
            }
            CaughtUp::Closed => Step::End(Farewell::GoingAway),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(level: Option<&str>, asn: Option<&str>) -> StreamParams {
        StreamParams {
            level: level.map(Into::into),
            asn: asn.map(Into::into),
            ..StreamParams::default()
        }
    }

    #[test]
    fn filters_are_lists_and_a_misspelt_one_is_refused() {
        let good = params(Some("CRITICAL, high"), Some("64500,AS7"));
        let filter = good.filter().unwrap();
        assert_eq!(*filter.levels.unwrap(), [Level::Critical, Level::High]);
        assert_eq!(*filter.asns.unwrap(), [Asn(7), Asn(64_500)]);
        for (level, asn) in [
            (Some("BAD"), None),
            (Some(""), None),
            (None, Some("0")),
            (None, Some("1,,2")),
        ] {
            assert!(params(level, asn).filter().is_err(), "{level:?} {asn:?}");
        }
        let many = vec!["1"; limits::STREAM_ASNS + 1].join(",");
        assert!(params(None, Some(&many)).filter().is_err());
    }
}
