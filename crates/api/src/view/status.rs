//! What is served, from which sources, and how old they are.

use asgard_model::{Sessions, Snapshot, SourceStatus};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    VERSION, moment,
    number::hundredths,
    session::{StreamView, ValidatorView},
};

/// What is served, from which sources.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusView<'a> {
    as_of: Option<String>,
    snapshot: Option<SnapshotView<'a>>,
    routing: Option<&'a str>,
    coverage: Option<f64>,
    sources: Vec<SourceView<'a>>,
    rtr: Vec<ValidatorView<'a>>,
    ris_live: Option<StreamView<'a>>,
    version: &'static str,
    demo: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct SnapshotView<'a> {
    serial: u64,
    created: String,
    asns: usize,
    prefixes: usize,
    whitelisted: usize,
    model_version: &'a str,
    demo: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceView<'a> {
    name: &'a str,
    role: &'a str,
    family: &'a str,
    enabled: bool,
    last_attempt: Option<String>,
    last_success: Option<String>,
    age_seconds: Option<i64>,
    rows: Option<u64>,
    bytes: Option<u64>,
    data_date: Option<String>,
    last_error: Option<&'a str>,
    stale: bool,
    licence: &'a str,
    attribution: Option<&'a str>,
}

impl<'a> StatusView<'a> {
    /// Shows the state at `now`; without a Snapshot its parts are null.
    pub fn new(
        snapshot: Option<&'a Snapshot>,
        sources: &'a [SourceStatus],
        sessions: &'a Sessions,
        now: Timestamp,
    ) -> Self {
        let world = snapshot.map(|snapshot| &*snapshot.world);
        Self {
            as_of: world.map(|world| moment::zulu(world.as_of)),
            snapshot: snapshot.map(SnapshotView::new),
            routing: world.map(|world| &*world.routing_source),
            coverage: world.map(|world| hundredths(world.health.coverage)),
            sources: sources.iter().map(|s| SourceView::new(s, now)).collect(),
            rtr: sessions.rtr.iter().map(ValidatorView::new).collect(),
            ris_live: sessions.ris_live.as_ref().map(StreamView::new),
            version: VERSION,
            demo: world.is_some_and(|world| world.demo),
        }
    }
}

impl<'a> SnapshotView<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            serial: snapshot.serial,
            created: moment::zulu(snapshot.created),
            asns: snapshot.len(),
            prefixes: snapshot.world.table.len(),
            whitelisted: snapshot.whitelist.len(),
            model_version: &snapshot.model_version,
            demo: snapshot.world.demo,
        }
    }
}

impl<'a> SourceView<'a> {
    fn new(source: &'a SourceStatus, now: Timestamp) -> Self {
        let age = |at: Timestamp| (now.as_second() - at.as_second()).max(0);
        Self {
            name: &source.name,
            role: &source.role,
            family: &source.family,
            enabled: source.enabled,
            last_attempt: source.last_attempt.map(moment::zulu),
            last_success: source.last_success.map(moment::zulu),
            age_seconds: source.last_success.map(age),
            rows: source.rows,
            bytes: source.bytes,
            data_date: source.data_date.map(moment::zulu),
            last_error: source.last_error.as_deref(),
            stale: source.stale,
            licence: &source.licence,
            attribution: source.attribution.as_deref(),
        }
    }
}
