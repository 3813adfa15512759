//! `/health` and its smaller siblings.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{VERSION, moment};

/// How this process is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    status: &'static str,
    timestamp: String,
    version: &'static str,
    dependencies: Dependencies,
    ready: bool,
}

/// What this process really uses.
#[derive(Debug, Serialize, ToSchema)]
struct Dependencies {
    store: Dependency,
}

/// Whether a dependency does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dependency {
    Up,
    Down,
}

/// Whether scores are still made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scoring {
    /// As far as anybody knows.
    GoesOn,
    /// The last cycle panicked.
    Broken,
}

impl HealthView {
    pub(crate) fn new(
        now: Timestamp,
        store: Dependency,
        ready: bool,
        scoring: Scoring,
    ) -> Self {
        let healthy =
            store == Dependency::Up && ready && scoring == Scoring::GoesOn;
        Self {
            status: if healthy { "healthy" } else { "degraded" },
            timestamp: moment::micros(now),
            version: VERSION,
            dependencies: Dependencies { store },
            ready,
        }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

/// `{"status": …}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimpleStatusView {
    status: &'static str,
}

impl SimpleStatusView {
    pub(crate) fn new(status: &'static str) -> Self {
        Self { status }
    }
}
