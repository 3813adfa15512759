//! `GET /threat/feeds/diff?since=`: what changed since a body that was served.

use std::sync::Arc;

use asgard_policy::feed::{diff::Diff, format::Format};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::query::{self, FeedQuery};
use crate::{
    App,
    auth::{FeedReader, Member},
    error::ApiError,
    feeds::{Body, Request},
    representation,
};

/// Lines that came and went; 410 if the base is not known any more.
#[utoipa::path(
    get,
    path = "/threat/feeds/diff",
    summary = "What changed in the feed",
    tag = "threat",
    params((
        "since" = String, Query,
        description = "ETag of a body, or a version",
    )),
    responses((
        status = 200, description = "Lines that came and went",
        body = crate::view::DiffSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_diff(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let text = query.as_deref().unwrap_or_default();
    let query = FeedQuery::parse(text, &["since"], &app)?;
    let since = query.rest.first().map(|(_, value)| value.clone());
    let since = since.as_deref().and_then(base).ok_or_else(|| {
        query::misfit("since", "an ETag of the feed, or a version", &[])
    })?;
    let request = query.of(&member.org, Some(Format::Plain))?;
    let served = app.feeds.serve(&app, &request).await?;
    let to = &served.body;
    let from = find(&app, &member, &request, &since).await?;
    let from = from.ok_or_else(|| gone(to.about.version))?;
    let Diff { added, removed } = Diff::of(from.text(), to.text());
    let body = json!({
        "from": from.about.version,
        "to": to.about.version,
        "from_etag": from.etag.to_str().unwrap_or_default(),
        "to_etag": to.etag.to_str().unwrap_or_default(),
        "added": added,
        "removed": removed,
    });
    Ok(representation::tagged_json(&body))
}

/// `W/"<32 hex>"`, the same without quotes or weakness, or digits.
fn base(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let tag = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let version = (1..=19).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit());
    (tag || version).then(|| text.to_ascii_lowercase())
}

/// A body that was served; or what a version of the past, which nobody has
/// fetched, would be today.
async fn find(
    app: &App,
    member: &Member,
    request: &Request,
    since: &str,
) -> Result<Option<Body>, ApiError> {
    let url = request.url();
    if let Some(body) = app.feeds.base(&app.store, &url, since).await {
        return Ok(Some(body));
    }
    let Some(version) = since.parse().ok().filter(|_| since.len() < 32) else {
        return Ok(None);
    };
    let mut pinned = request.clone();
    pinned.org = Arc::clone(&member.org);
    pinned.params.version = Some(version);
    match app.feeds.serve(app, &pinned).await {
        Ok(served) => Ok(Some((*served.body).clone())),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone(current: u64) -> ApiError {
    ApiError::new(StatusCode::GONE, "This base is not known any more")
        .with_detail("parameter", "since")
        .with_detail("current", current)
        .with_detail("message", "fetch the whole feed")
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn a_base_is_a_tag_in_any_spelling_or_a_version() {
        let hex = "0123456789abcdef0123456789abcdef";
        for text in
            [hex.to_owned(), format!("\"{hex}\""), format!("W/\"{hex}\"")]
        {
            assert_eq!(base(&text).as_deref(), Some(hex), "{text}");
        }
        assert_eq!(base("418").as_deref(), Some("418"));
        for text in ["", "W/\"\"", "x", "-1", "4.1", &hex[1..], "../etc"] {
            assert_eq!(base(text), None, "{text}");
        }
    }
}
