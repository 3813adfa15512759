//! `/protected`: what no feed of the organisation may name.

use std::sync::Arc;

use asgard_policy::access::{
    Change, Protected, ProtectedDraft, ProtectedSource, check_protected,
};
use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{IdPath, Sent, new_id, not_found, refused};
use crate::{
    App,
    auth::RulesReader,
    error::ApiError,
    feeds::{Desk, Done, Draft, built_in},
    representation,
    view::{ProtectedBodySchema, ProtectedView},
};

/// Entries of the organisation, of its pollers, of the whitelist, and what is
/// built in.
#[utoipa::path(
    get,
    path = "/protected",
    summary = "What no feed may name",
    tag = "threat",
    responses((
        status = 200, description = "Entries",
        body = crate::view::ProtectedListSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn list_protected(
    RulesReader(member): RulesReader,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let book = app.rulebook(&member.org)?;
    let now = app.now();
    let own = book.effective.protected.iter();
    let own = own.filter(|entry| entry.is_in_force(now)).map(view);
    let mut data: Vec<Value> = own.collect();
    if let Some(snapshot) = app.live.snapshot() {
        let built_in = built_in(&snapshot, &app.config.feeds.settings);
        data.extend(built_in.iter().map(view));
    }
    let version = book.stored.version;
    let body = json!({"success": true, "data": data, "version": version});
    Ok(representation::json(StatusCode::OK, &body))
}

fn view(entry: &Protected) -> Value {
    json!(ProtectedView::new(entry))
}

/// Protects an address, a network or a country.
#[utoipa::path(
    post,
    path = "/protected",
    summary = "Protect",
    tag = "threat",
    request_body = ProtectedBodySchema,
    responses((
        status = 201, description = "In force",
        body = crate::view::OneProtectedSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn protect(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let write = sent.write();
    let json = sent.json;
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            let draft = ProtectedDraft::read(&json, desk.now)
                .map_err(|refusal| refused(&refusal))?;
            let (id, source) = (new_id(desk.now), ProtectedSource::Operator);
            let entry = draft.into_entry(id, source, desk.now);
            check_protected(&entry, &desk.book.stored, &desk.facts)
                .map_err(|refusal| refused(&refusal))?;
            let shape = view(&entry);
            let put_protected = vec![entry];
            let change = Change { put_protected, ..Change::default() };
            let draft = Draft::new("protected.create", change, |_| shape);
            Ok(draft.with_status(StatusCode::CREATED))
        })
        .await
}

/// Protects no longer. What is built in cannot be removed here.
#[utoipa::path(
    delete,
    path = "/protected/{id}",
    summary = "Protect no longer",
    tag = "threat",
    params(("id" = String, Path, description = "Id of the entry")),
    responses((
        status = 200, description = "In force",
        body = crate::view::RemovedSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn unprotect(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    sent: Sent,
) -> Result<Done, ApiError> {
    let write = sent.write();
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            let mut stored = desk.book.stored.protected.iter();
            stored.find(|entry| entry.id == id).ok_or_else(not_found)?;
            let remove_protected = vec![id];
            let change = Change { remove_protected, ..Change::default() };
            Ok(Draft::new(
                "protected.remove",
                change,
                move |version| json!({"id": id, "version": version}),
            ))
        })
        .await
}
