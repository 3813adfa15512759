//! `GET /explain?ip=`: why an address is in the feed, or is not.

use std::{net::IpAddr, sync::Arc};

use asgard_policy::feed::{
    compile::Options,
    explain::{Explanation, explain},
};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{aside, query};
use crate::{
    App, auth::FeedReader, error::ApiError, feeds::Rulebook,
    published::Published, representation,
};

/// Every selector that puts the address there, and what keeps it out.
#[utoipa::path(
    get,
    path = "/explain",
    summary = "Why is an address blocked?",
    tag = "threat",
    params(("ip" = String, Query, description = "IPv4 or IPv6 address")),
    responses((
        status = 200, description = "Reasons",
        body = crate::view::ExplanationSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_explanation(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let ip = address(query.as_deref())?;
    let (book, published) = (app.rulebook(&member.org)?, app.published()?);
    let explanation =
        explained(&app, &member.org, ip, &book, &published).await?;
    Ok(representation::json(StatusCode::OK, &explanation))
}

/// What the feed of an organisation says of an address: the present one, or,
/// while a guard stops that, the last good one.
pub(super) async fn explained(
    app: &Arc<App>,
    org: &Arc<str>,
    ip: IpAddr,
    book: &Arc<Rulebook>,
    published: &Arc<Published>,
) -> Result<Explanation, ApiError> {
    let (feeds, of, now) = (Arc::clone(&app.feeds), Arc::clone(org), app.now());
    let (book, published) = (Arc::clone(book), Arc::clone(published));
    let mut explanation = aside(app, move || {
        let options = Options::default();
        let compiled = feeds.compiled(&of, &book, &published, options, now);
        feeds.with_facts(&of, &book, &published, now, |facts| {
            explain(ip, &compiled, &book.effective, facts)
        })
    })
    .await?;
    if explanation.last_good {
        let entry = app.feeds.last_good_entry(app, org, ip).await?;
        explanation.in_feed = entry.is_some();
        explanation.entry = entry.map(|prefix| prefix.to_string());
    }
    Ok(explanation)
}

/// The one parameter `ip`: 422 if there is another, 400 if it is no address.
/// Clients send IPv6 unescaped, and some in brackets.
pub(super) fn address(query: Option<&str>) -> Result<IpAddr, ApiError> {
    let query = query.unwrap_or_default();
    let mut found = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "ip" {
            let what = "there is no such parameter";
            return Err(query::misfit("(unknown)", what, &["ip"]));
        }
        let text = value.trim();
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        let ip: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
        found = Some(ip.ok_or_else(no_address)?.to_canonical());
    }
    found.ok_or_else(no_address)
}

fn no_address() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "ip must be an IPv4 or IPv6 address")
        .with_detail("parameter", "ip")
}
