//! `GET /asn/{asn}/history`: past scores, newest first, a page at a time.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::Reader,
    error::{ApiError, ask},
    limits, representation,
    request::{AsnPath, Expected, Params},
    view::HistoryView,
};

/// Which points.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryParams {
    /// Days of history.
    #[param(minimum = 1, maximum = 365, default = 30)]
    days: u32,
    /// Points to skip.
    #[param(minimum = 0, maximum = 4_294_967_295_u32, default = 0)]
    offset: u32,
    /// Points on a page.
    #[param(minimum = 1, maximum = 1000, default = 200)]
    limit: u32,
}

impl Default for HistoryParams {
    fn default() -> Self {
        Self {
            days: limits::HISTORY_DAYS_DEFAULT,
            offset: 0,
            limit: limits::HISTORY_LIMIT_DEFAULT,
        }
    }
}

impl Expected for HistoryParams {
    const EXPECTED: &'static str = "days must be an integer from 1 to 365, \
         limit from 1 to 1000, offset from 0 to 4294967295; nothing else is \
         asked for";
}

impl HistoryParams {
    fn check(self) -> Result<Self, ApiError> {
        let in_range = limits::HISTORY_DAYS.contains(&self.days)
            && limits::HISTORY_LIMIT.contains(&self.limit);
        in_range
            .then_some(self)
            .ok_or_else(|| ApiError::validation(Self::EXPECTED))
    }
}

/// 404 for an AS that is neither scored now nor was in the days asked for.
#[utoipa::path(
    get,
    path = "/asn/{asn}/history",
    summary = "Past scores",
    tag = "network",
    params(
        ("asn" = u32, Path, description = "AS number", minimum = 1),
        HistoryParams,
    ),
    responses((
        status = 200,
        description = "Past scores, newest first",
        body = HistoryView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_history(
    _: Reader,
    AsnPath(asn): AsnPath,
    Params(params): Params<HistoryParams>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let HistoryParams { days, offset, limit } = params.check()?;
    let snapshot = app.snapshot()?;
    let history = &app.store.history;
    let page =
        ask(history.page(asn, since(app.now(), days), offset.into(), limit))
            .await?;
    if page.total == 0 && snapshot.profile(asn).is_none() {
        return Err(ApiError::not_scored());
    }
    let view = HistoryView::new(asn, &page, offset, limit);
    Ok(representation::tagged_json(&view))
}

/// The first moment of a half-open window, so that seven days of hourly points
/// are 168 also at the full hour. The store's grain is the microsecond.
fn since(now: Timestamp, days: u32) -> Timestamp {
    let window = SignedDuration::from_hours(24 * i64::from(days));
    now - window + SignedDuration::from_micros(1)
}
