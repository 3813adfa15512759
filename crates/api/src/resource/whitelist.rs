//! `/whitelist`: the networks that the operator trusts.
//!
//! A write is stored, then published, then acknowledged: who has read the
//! answer finds it in every score and feed. Should we die in between, the entry
//! is kept and published at the next start, but nobody was told that it is.

use std::sync::Arc;

use asgard_model::Asn;
use asgard_store::WhitelistEntry;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{WhitelistReader, Writer},
    error::{ApiError, ask},
    limits, representation,
    request::{AsnPath, Expected, JsonBody, Whole},
    view::{DoneView, WhitelistView},
};

/// Whom to trust, and why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEntry {
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    #[schema(value_type = u32)]
    asn: Whole,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Expected for NewEntry {
    const EXPECTED: &'static str = "the body must be {\"asn\": an integer \
         from 1 to 4294967295, \"reason\": a text of 1 to 500 characters}";
}

impl NewEntry {
    fn check(self) -> Result<Self, ApiError> {
        let fits = limits::REASON_CHARS.contains(&self.reason.chars().count());
        (self.asn.0 > 0 && fits)
            .then_some(self)
            .ok_or_else(|| ApiError::validation(Self::EXPECTED))
    }
}

/// Adds an AS, known or not, or replaces its reason.
#[utoipa::path(
    post,
    path = "/whitelist",
    summary = "Trust a network",
    tag = "whitelist",
    request_body = NewEntry,
    responses((
        status = 200,
        description = "In force",
        body = DoneView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn add_to_whitelist(
    Writer(author): Writer,
    State(app): State<Arc<App>>,
    JsonBody(entry): JsonBody<NewEntry>,
) -> Result<Response, ApiError> {
    let NewEntry { asn: Whole(asn), reason } = entry.check()?;
    let actor = author.id.as_str();
    let entry = WhitelistEntry {
        asn: Asn(asn),
        reason,
        added_at: app.now(),
        added_by: Some(actor.to_owned()),
    };
    let put = ask(app.store.whitelist.put(&entry, actor)).await;
    note_write(&app, &put);
    put?;
    publish(&app).await?;
    Ok(done(format!("ASN {asn} added to whitelist.")))
}

/// 404 for an AS that is not on the whitelist.
#[utoipa::path(
    delete,
    path = "/whitelist/{asn}",
    summary = "Trust a network no longer",
    tag = "whitelist",
    params(("asn" = u32, Path, description = "AS number", minimum = 1)),
    responses((
        status = 200,
        description = "In force",
        body = DoneView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn remove_from_whitelist(
    Writer(author): Writer,
    AsnPath(asn): AsnPath,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let whitelist = &app.store.whitelist;
    let removal = whitelist.remove(asn, author.id.as_str(), app.now());
    let removed = ask(removal).await;
    note_write(&app, &removed);
    if !removed? {
        let message = "ASN is not on the whitelist";
        return Err(ApiError::new(StatusCode::NOT_FOUND, message));
    }
    publish(&app).await?;
    Ok(done(format!("ASN {} removed from whitelist.", asn.0)))
}

/// Every entry, ascending by ASN.
#[utoipa::path(
    get,
    path = "/whitelist",
    summary = "Whom the operator trusts",
    tag = "whitelist",
    responses((
        status = 200,
        description = "Every entry",
        body = WhitelistView<'_>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn list_whitelist(
    _: WhitelistReader,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let entries = ask(app.store.whitelist.list()).await?;
    let view = WhitelistView::new(&entries);
    Ok(representation::json(StatusCode::OK, &view))
}

/// `/health` tells of a store that takes no writes.
fn note_write<T>(app: &Arc<App>, outcome: &Result<T, ApiError>) {
    app.live.store_wrote(outcome.is_ok());
}

async fn publish(app: &App) -> Result<(), ApiError> {
    app.republish.republish().await.map_err(|error| {
        tracing::error!(%error, "a whitelist write is stored, not published");
        ApiError::unavailable("The entry is stored but not yet in effect")
    })
}

fn done(message: String) -> Response {
    let view = DoneView::new(message);
    representation::json(StatusCode::OK, &view).into_response()
}
