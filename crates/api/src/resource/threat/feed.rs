//! `GET /threat/feeds`, `/threat/feeds/{format}`: the list that devices load.

use std::sync::Arc;

use asgard_policy::feed::format::Format;
use axum::{
    Extension,
    extract::{Path, State},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY},
    },
    response::{IntoResponse, Response},
};

use super::query::{self, FeedQuery};
use crate::{
    App,
    auth::{FeedReader, Member},
    client_address::ClientAt,
    error::ApiError,
    feeds::{About, Served},
    http_date,
    metrics::Tier,
};

const ENTRIES: HeaderName = HeaderName::from_static("x-feed-entries");
const VERSION: HeaderName = HeaderName::from_static("x-feed-version");
const SERIAL: HeaderName = HeaderName::from_static("x-feed-serial");
const STALE: HeaderName = HeaderName::from_static("x-feed-stale");
const TRUNCATED: HeaderName = HeaderName::from_static("x-feed-truncated");
const EXTRA: HeaderName = HeaderName::from_static("x-feed-extra-addresses");
const DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const DEMO: HeaderName = HeaderName::from_static("x-asgard-demo");
const VARIES: HeaderValue =
    HeaderValue::from_static("Authorization, X-API-Key, Accept-Encoding");

/// The feed of the key's organisation, one address or prefix a line.
#[utoipa::path(
    get,
    path = "/threat/feeds",
    summary = "Threat feed",
    tag = "threat",
    responses((
        status = 200,
        description = "One entry a line",
        body = String, content_type = "text/plain; charset=utf-8",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_feed(
    FeedReader(member): FeedReader,
    query: FeedQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    poll(&app, &member, query, None, client).await
}

/// The same in another form: `nft`, `fortigate.txt`, `json`, …
#[utoipa::path(
    get,
    path = "/threat/feeds/{format}",
    summary = "Threat feed in a form that a device loads",
    tag = "threat",
    params((
        "format" = String, Path,
        description = "Name of a format, with any extension",
    )),
    responses((
        status = 200,
        description = "The list in that form",
        body = String, content_type = "text/plain; charset=utf-8",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_feed_as(
    FeedReader(member): FeedReader,
    Path(segment): Path<String>,
    query: FeedQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let format = query::format(&segment)?;
    poll(&app, &member, query, Some(format), client).await
}

async fn poll(
    app: &Arc<App>,
    member: &Member,
    query: FeedQuery,
    format: Option<Format>,
    client: std::net::IpAddr,
) -> Result<Response, ApiError> {
    let profile = query.params.profile.clone();
    let request = query.of(&member.org, format)?;
    let profile = profile.as_deref();
    app.feeds.note_poll(member, client, profile, app.now()).await;
    let served = app.feeds.serve(app, &request).await?;
    if served.hit {
        app.metrics.cache_hit(Tier::L1);
    }
    app.metrics.feed_polled(served.state());
    if member.facts.is_replaced {
        app.metrics.replaced_key_polled();
    }
    Ok(respond(&served))
}

/// The body with everything that is said about it.
pub(crate) fn respond(served: &Served) -> Response {
    let Served { body, modified, stale, max_age, .. } = served;
    let About { version, serial, entries, demo, .. } = &body.about;
    let kind = HeaderValue::from_str(&body.about.content_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("text/plain"));
    let cache = format!("private, max-age={max_age}");
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, text(&cache)),
        (VARY, VARIES),
        (ETAG, body.etag.clone()),
        (DIGEST, body.digest.clone()),
        (ENTRIES, (*entries).into()),
        (VERSION, (*version).into()),
        (SERIAL, (*serial).into()),
    ];
    let mut response = (headers, body.plain().clone()).into_response();
    let headers = response.headers_mut();
    if let Some(modified) = modified {
        headers.insert(LAST_MODIFIED, http_date::header(*modified));
    }
    if let Some(seconds) = stale {
        headers.insert(STALE, (*seconds).into());
    }
    if let Some((entries, addresses)) = body.about.truncated {
        let cut = format!("{entries};v4={addresses}");
        headers.insert(TRUNCATED, text(&cut));
    }
    if let Some((v4, v6)) = body.about.extra {
        headers.insert(EXTRA, text(&format!("v4={v4};v6_64={v6}")));
    }
    if *demo {
        headers.insert(DEMO, HeaderValue::from_static("true"));
    }
    response.extensions_mut().insert(Arc::clone(&body.kept));
    response
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("digits and letters are header text")
}
