//! `/health` and its smaller siblings.

use jiff::Timestamp;
use serde::Serialize;

use super::{VERSION, moment};

/// How this process is doing.
#[derive(Debug, Serialize)]
pub(crate) struct HealthView {
    status: &'static str,
    timestamp: String,
    version: &'static str,
    dependencies: Dependencies,
    ready: bool,
}

/// What this process really uses.
#[derive(Debug, Serialize)]
struct Dependencies {
    store: &'static str,
}

impl HealthView {
    pub(crate) fn new(now: Timestamp, store_up: bool, ready: bool) -> Self {
        let healthy = store_up && ready;
        Self {
            status: if healthy { "healthy" } else { "degraded" },
            timestamp: moment::micros(now),
            version: VERSION,
            dependencies: Dependencies {
                store: if store_up { "up" } else { "down" },
            },
            ready,
        }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

/// `{"status": …}`.
#[derive(Debug, Serialize)]
pub(crate) struct SimpleStatusView {
    status: &'static str,
}

impl SimpleStatusView {
    pub(crate) fn new(status: &'static str) -> Self {
        Self { status }
    }
}
