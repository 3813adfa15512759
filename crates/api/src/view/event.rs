//! A changed score, as the live stream tells it.

use asgard_model::{Asn, ScoreEvent};
use serde::Serialize;
use utoipa::ToSchema;

use super::{level_schema, moment};

/// A changed score.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    #[schema(maximum = 100)]
    score: u8,
    #[schema(maximum = 100)]
    previous_score: u8,
    #[schema(schema_with = level_schema)]
    risk_level: &'static str,
    timestamp: String,
    /// Ascending; resume with `since`.
    id: u64,
}

impl EventView {
    pub(crate) fn of(event: &ScoreEvent) -> Self {
        Self {
            asn: event.asn,
            score: event.score,
            previous_score: event.previous_score,
            risk_level: event.level.as_str(),
            timestamp: moment::zulu(event.timestamp),
            id: event.id,
        }
    }

    /// As one line of JSON.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("views have string keys")
    }
}
