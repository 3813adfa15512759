//! `GET /asn/{asn}/incidents`: what one network did wrong in BGP.

use std::sync::Arc;

use asgard_model::{Incident, IncidentKind};
use axum::{extract::State, response::Response};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::Reader,
    error::ApiError,
    limits, representation,
    request::{AsnPath, Expected, Params},
    view::{self, IncidentsView},
};

/// Which incidents.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentsParams {
    /// Only incidents of this kind.
    #[serde(rename = "type")]
    #[param(schema_with = view::kind_schema)]
    kind: Option<IncidentKind>,
    /// Only incidents that went on at this moment or later: RFC 3339, or a day.
    #[param(format = DateTime, example = "2026-03-01T00:00:00Z")]
    since: Option<String>,
    /// Incidents to show, the newest first.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
}

impl Default for IncidentsParams {
    fn default() -> Self {
        let limit = limits::INCIDENTS_LIMIT_DEFAULT;
        Self { kind: None, since: None, limit }
    }
}

impl Expected for IncidentsParams {
    const EXPECTED: &'static str = "type must be leak, hijack, moas, bogon or \
         stub_transit, since a moment like 2026-03-01T00:00:00Z or a day like \
         2026-03-01, limit an integer from 1 to 1000; nothing else is asked for";
}

/// A filter that makes sense.
struct Wanted {
    kind: Option<IncidentKind>,
    since: u32,
    limit: u32,
}

impl IncidentsParams {
    fn check(self) -> Result<Wanted, ApiError> {
        let refuse = || ApiError::validation(Self::EXPECTED);
        let since = match &self.since {
            None => 0,
            Some(text) => seconds(text).ok_or_else(refuse)?,
        };
        if !limits::INCIDENTS_LIMIT.contains(&self.limit) {
            return Err(refuse());
        }
        Ok(Wanted { kind: self.kind, since, limit: self.limit })
    }
}

/// Seconds since 1970 of a moment or of the first one of a day; before 1970 is
/// as good as the start of 1970, and after 2106 as good as its end.
fn seconds(text: &str) -> Option<u32> {
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => {
            let day: Date = text.parse().ok()?;
            day.to_zoned(TimeZone::UTC).ok()?.timestamp()
        }
    };
    let second = moment.as_second().max(0);
    Some(u32::try_from(second).unwrap_or(u32::MAX))
}

impl Wanted {
    fn takes(&self, incident: &Incident) -> bool {
        self.kind.is_none_or(|kind| kind == incident.kind)
            && incident.reaches(self.since)
    }
}

/// 404 as for the profile; a network without incidents has an empty list.
/// `end` is null while an incident goes on. Windows of days end at `as_of`.
#[utoipa::path(
    get,
    path = "/asn/{asn}/incidents",
    summary = "Leaks, hijacks, bogons",
    tag = "network",
    params(
        ("asn" = u32, Path, description = "AS number", minimum = 1),
        IncidentsParams,
    ),
    responses((
        status = 200,
        description = "What it did wrong in BGP, the newest first",
        body = IncidentsView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_incidents(
    _: Reader,
    AsnPath(asn): AsnPath,
    Params(params): Params<IncidentsParams>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let wanted = params.check()?;
    let snapshot = app.snapshot()?;
    snapshot.profile(asn).ok_or_else(ApiError::not_scored)?;
    let world = &snapshot.world;
    let all = world.incidents_of(asn).iter();
    let found = all.filter(|incident| wanted.takes(incident));
    let view = IncidentsView::new(asn, found, wanted.limit, world.as_of);
    Ok(representation::tagged_json(&view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rfc_3339_or_a_day() {
        for (text, expected) in [
            ("1970-01-01T00:01:00Z", Some(60)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-02", Some(86_400)),
            ("1960-01-01", Some(0)),
            ("2500-01-01T00:00:00Z", Some(u32::MAX)),
            ("2026-02-30", None),
            ("yesterday", None),
            ("", None),
            ("1774778400", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
