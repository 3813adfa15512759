//! `GET /feeds/edl`: the networks to block, one a line, for firewalls.
//!
//! It needs no key unless the operator says so. An unknown parameter is
//! refused: a misspelt filter must not widen a block list.

mod expanded;

use std::sync::Arc;

use asgard_model::{Level, band::LevelError};
use asgard_policy::Selection;
use asgard_store::Permission;
use axum::{
    extract::{FromRequestParts, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts},
    response::Response,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiConfig, App, EdlAuth,
    auth::Identity,
    error::ApiError,
    header_number::header_number,
    limits,
    metrics::Tier,
    published::{Feed, Published},
    request::Expected,
};

const X_FEED_ENTRIES: HeaderName = HeaderName::from_static("x-feed-entries");
const X_ASGARD_DEMO: HeaderName = HeaderName::from_static("x-asgard-demo");

/// Whom to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EdlParams {
    /// Scores up to this one; 50 unless given.
    #[param(minimum = 0, maximum = 100)]
    max_score: Option<f64>,
    /// Levels, separated by commas; with `max_score`, both must hold.
    #[param(
        pattern = "^(LOW|MEDIUM|HIGH|CRITICAL)(,(LOW|MEDIUM|HIGH|CRITICAL)){0,3}$"
    )]
    level: Option<String>,
    /// `prefixes`: the address space of the networks instead of their numbers,
    /// with the guards, parameters and forms of threat feeds.
    #[param(inline)]
    expand: Option<Expand>,
}

/// What an AS number is replaced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expand {
    /// The prefixes that lead to it.
    Prefixes,
}

impl Expected for EdlParams {
    const EXPECTED: &'static str = "max_score (a number from 0 to 100), \
         level (LOW, MEDIUM, HIGH, CRITICAL, separated by commas), \
         expand=prefixes; no other parameter";
}

impl EdlParams {
    /// By score, by level, or by both, which is narrower than either.
    fn selection(self) -> Result<Selection, ApiError> {
        let refuse = || ApiError::validation(Self::EXPECTED);
        let levels = self.level.as_deref().map(levels).transpose();
        let levels = levels.map_err(|_| refuse())?;
        let max_score = match (self.max_score, &levels) {
            (Some(max), _) => max,
            (None, Some(_)) => *limits::EDL_MAX_SCORE.end(),
            (None, None) => limits::EDL_MAX_SCORE_DEFAULT,
        };
        // NaN is in no range.
        if !limits::EDL_MAX_SCORE.contains(&max_score) {
            return Err(refuse());
        }
        Ok(match levels {
            Some(levels) => Selection { max_score, levels },
            None => Selection::up_to(max_score),
        })
    }
}

fn levels(text: &str) -> Result<Vec<Level>, LevelError> {
    text.split(',').map(|name| name.trim().parse::<Level>()).collect()
}

/// Everybody, or whoever has a key for feeds, as the operator decided.
#[derive(Debug)]
pub(crate) struct MayPoll;

impl FromRequestParts<Arc<App>> for MayPoll {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Self, ApiError> {
        let identity = parts.extensions.get().unwrap_or(&Identity::Nobody);
        match is_open_to(identity, &app.config) {
            true => Ok(Self),
            false => identity.permit(Permission::Feed).map(|_| Self),
        }
    }
}

/// Whether it is for everybody, or for who asks.
pub(crate) fn is_open_to(identity: &Identity, config: &ApiConfig) -> bool {
    match config.edl_auth {
        EdlAuth::None => true,
        EdlAuth::Key => identity.may(Permission::Feed),
    }
}

/// The plain list that a query asks for. One of prefixes never is: each of them
/// passes the guards of feeds.
pub(crate) fn plain(uri: &Uri) -> Result<Selection, ApiError> {
    let params = Query::<EdlParams>::try_from_uri(uri);
    let refuse = || ApiError::validation(EdlParams::EXPECTED);
    let Query(params) = params.map_err(|_| refuse())?;
    match params.expand {
        None => params.selection(),
        Some(Expand::Prefixes) => Err(refuse()),
    }
}

/// What the headers say of a list.
pub(crate) fn describe(
    feed: &Feed,
    published: &Published,
    headers: &mut HeaderMap,
) {
    headers.insert(X_FEED_ENTRIES, header_number(feed.entries));
    if published.snapshot.world.demo {
        headers.insert(X_ASGARD_DEMO, HeaderValue::from_static("true"));
    }
}

/// Beside the plain list: `guard=on` leaves out whom the policy would not
/// block, and `expand=prefixes` is a threat feed, with its parameters and forms:
/// the address space of the same networks, without what is protected.
///
/// An empty list is a good answer with `X-Feed-Entries: 0`; not knowing is 503,
/// on which a firewall keeps the list that it has.
#[utoipa::path(
    get,
    path = "/feeds/edl",
    summary = "External dynamic list",
    tag = "feeds",
    params(EdlParams),
    responses((
        status = 200,
        description = "`AS…` lines, or prefixes",
        body = String, content_type = "text/plain",
    )),
)]
pub(crate) async fn show_edl(
    _: MayPoll,
    uri: Uri,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let query = uri.query().unwrap_or_default();
    if expanded::is_asked(query) {
        return expanded::show(&app, query).await;
    }
    let selection = plain(&uri)?;
    let published = app.published()?;
    let (feed, hit) = published.edl(&selection);
    if hit {
        app.metrics.cache_hit(Tier::L1);
    }
    let mut response = feed.kept.text();
    describe(&feed, &published, response.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(
        max_score: Option<f64>,
        level: Option<&str>,
    ) -> Option<Selection> {
        let level = level.map(ToOwned::to_owned);
        EdlParams { max_score, level, expand: None }.selection().ok()
    }

    #[test]
    fn the_threshold_is_50_unless_said_and_within_the_scale() {
        let max = |value| selection(value, None);
        assert_eq!(max(None), Some(Selection::up_to(50.0)));
        for good in [0.0, 49.5, 100.0] {
            assert_eq!(max(Some(good)), Some(Selection::up_to(good)));
        }
        for bad in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(max(Some(bad)), None, "{bad}");
        }
    }

    #[test]
    fn levels_are_a_list_of_known_names() {
        let both = Selection::at(vec![Level::Critical, Level::High]);
        assert_eq!(selection(None, Some("CRITICAL, high")), Some(both));
        for bad in ["", "BAD", "HIGH,", "HIGH LOW"] {
            assert_eq!(selection(None, Some(bad)), None, "{bad}");
        }
        let narrow = selection(Some(60.0), Some("HIGH"));
        let levels = vec![Level::High];
        assert_eq!(narrow, Some(Selection { max_score: 60.0, levels }));
    }
}
