//! What a feed is, signed: `/threat/feeds/manifest`, its two signatures, and
//! the key that made them.
//!
//! Check: `minisign -Vm manifest -P KEY`, then the SHA-256 of the body.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::query::{self, FeedQuery};
use crate::{
    App,
    auth::{FeedReader, Member},
    error::ApiError,
    feeds::{About, Request, Served, Signature},
    representation, view,
};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BINARY: HeaderValue =
    HeaderValue::from_static("application/octet-stream");

/// What the feed of these parameters is. `format` names the form.
#[utoipa::path(
    get,
    path = "/threat/feeds/manifest",
    summary = "What a feed is",
    tag = "threat",
    responses((
        status = 200, description = "Size, digest, origin, guards",
        body = view::ManifestSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_manifest(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let (manifest, _) = manifest(&app, &member, query.as_deref()).await?;
    Ok(representation::tagged_json_of(manifest.into()))
}

/// The signature of the manifest for `minisign -V`.
#[utoipa::path(
    get,
    path = "/threat/feeds/manifest.minisig",
    summary = "Signature of the manifest (minisign)",
    tag = "threat",
    responses((
        status = 200, description = "A file for minisign",
        body = String, content_type = "text/plain; charset=utf-8",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_minisig(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let signature = signature(&app, &member, query.as_deref()).await?;
    Ok(([(CONTENT_TYPE, TEXT)], signature.minisign).into_response())
}

/// The signature of the manifest: 64 bytes of Ed25519.
#[utoipa::path(
    get,
    path = "/threat/feeds/manifest.sig",
    summary = "Signature of the manifest (raw)",
    tag = "threat",
    responses((
        status = 200, description = "64 bytes",
        body = view::FileSchema, content_type = "application/octet-stream",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_sig(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let signature = signature(&app, &member, query.as_deref()).await?;
    Ok(([(CONTENT_TYPE, BINARY)], signature.raw.to_vec()).into_response())
}

/// The public key, as a file for `minisign -p`.
#[utoipa::path(
    get,
    path = "/threat/feeds/key",
    summary = "The key that signs manifests",
    tag = "threat",
    responses((
        status = 200, description = "A file for minisign",
        body = String, content_type = "text/plain; charset=utf-8",
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_key(
    _: FeedReader,
    State(app): State<Arc<App>>,
) -> Response {
    let key = app.feeds.signer.public_key_file();
    ([(CONTENT_TYPE, TEXT)], key).into_response()
}

async fn signature(
    app: &App,
    member: &Member,
    query: Option<&str>,
) -> Result<Signature, ApiError> {
    let (manifest, about) = manifest(app, member, query).await?;
    let bytes = manifest.as_bytes();
    Ok(app.feeds.signer.sign("manifest", bytes, about.built_at))
}

/// The manifest of the feed that a query names, and what it is about. The same
/// text for the same body: its signature is asked for by another request.
async fn manifest(
    app: &App,
    member: &Member,
    query: Option<&str>,
) -> Result<(String, About), ApiError> {
    let text = query.unwrap_or_default();
    let query = FeedQuery::parse(text, &["format"], app)?;
    let format = match query.rest.as_slice() {
        [(_, name), ..] => Some(query::format(name)?),
        [] => None,
    };
    let request = query.of(&member.org, format)?;
    let served = app.feeds.serve(app, &request).await?;
    let manifest = shape(&request, &served).to_string();
    Ok((manifest, served.body.about.clone()))
}

fn shape(request: &Request, served: &Served) -> Value {
    let about = &served.body.about;
    let spelt = request.params.canonical();
    let pairs = form_urlencoded::parse(spelt.as_bytes()).into_owned();
    let params: Map<String, Value> =
        pairs.map(|(name, value)| (name, value.into())).collect();
    let version = about.version;
    let and = if spelt.is_empty() { "" } else { "&" };
    let path = match request.format.as_str() {
        "plain" => "/v1/threat/feeds".to_owned(),
        name => format!("/v1/threat/feeds/{name}"),
    };
    let pinned = match request.params.version {
        Some(_) => format!("{path}?{spelt}"),
        None => format!("{path}?{spelt}{and}version={version}"),
    };
    #[expect(clippy::cast_precision_loss, reason = "at most 2³², exact")]
    let share = about.addresses_v4 as f64 / 4_294_967_296.0;
    // Whole minutes, so that the signature is of the same text.
    let stale = served.stale.map_or(0, |seconds| seconds / 60 * 60);
    json!({
        "format": request.format.as_str(),
        "params": params,
        "version": version,
        "serial": about.serial,
        "sha256": about.sha256,
        "bytes": about.bytes,
        "entries": about.entries,
        "entries_v4": about.entries_v4,
        "entries_v6": about.entries_v6,
        "addresses_v4": about.addresses_v4,
        "share_v4": share,
        "rules": about.rules,
        "built_at": view::zulu(about.built_at),
        "data_date": view::zulu(about.data_date),
        "stale_seconds": stale,
        "held": about.held,
        "truncated": about.truncated.map_or(0, |(entries, _)| entries),
        "extra_addresses": about.extra.map_or(0, |(v4, _)| v4),
        "extra_v6_64": about.extra.map_or(0, |(_, v6)| v6),
        "withheld": about.withheld,
        "withheld_entries": served.body.withheld,
        "guards": served.body.guards,
        "url": pinned,
    })
}
