//! Versions of the rules: what was written, and three words of an operator:
//! back to an older one, on to everybody, and these data are good.

use std::sync::Arc;

use asgard_policy::access::Change;
use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::Sent;
use crate::{
    App,
    auth::FeedReader,
    error::{ApiError, ask},
    feeds::{Desk, Done, Draft, Release},
    representation,
};

/// The versions that are kept, newest first.
#[utoipa::path(
    get,
    path = "/threat/feeds/versions",
    summary = "Versions of the rules",
    tag = "threat",
    responses((
        status = 200, description = "Newest first",
        body = crate::view::VersionsSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn list_versions(
    FeedReader(member): FeedReader,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let history = ask(app.store.rules.history(&member.org)).await?;
    let body = json!({"success": true, "data": history});
    Ok(representation::json(StatusCode::OK, &body))
}

/// A new version with the rules of an old one. Protected entries stay as they
/// are: to go back must not block what is protected now.
#[utoipa::path(
    post,
    path = "/threat/feeds/rollback",
    summary = "Go back to older rules",
    tag = "threat",
    request_body = crate::view::VersionBodySchema,
    responses((
        status = 200, description = "In force",
        body = crate::view::DoneVersionSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn roll_back(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let version = version(&sent.json, true)?.unwrap_or_default();
    let org = Arc::clone(&sent.member.org);
    let old = ask(app.feeds.past(&app.store, &org, version)).await?;
    let old = old.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "This version is not kept")
            .with_detail("field", "version")
    })?;
    let write = sent.write();
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            let then = &old.stored.rules;
            let now = &desk.book.stored.rules;
            let gone = now.iter().map(|rule| rule.id);
            let gone = gone.filter(|&id| old.stored.rule(id).is_none());
            let change = Change {
                put_rules: then.clone(),
                remove_rules: gone.collect(),
                ..Change::default()
            };
            let rules = then.len();
            Ok(Draft::new(
                "rules.rollback",
                change,
                move |version| json!({"version": version, "rules": rules}),
            ))
        })
        .await
}

/// The stable channel gets the present rules now.
#[utoipa::path(
    post,
    path = "/threat/feeds/publish",
    summary = "Give the present rules to the stable channel",
    tag = "threat",
    request_body = crate::view::NothingBodySchema,
    responses((
        status = 200, description = "In force",
        body = crate::view::DoneVersionSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let nothing = version(&sent.json, false)?;
    debug_assert!(nothing.is_none(), "no field is known");
    let write = sent.write();
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            // The write itself is the next version.
            let stable = desk.book.stored.version + 1;
            let release = Release { stable, ..desk.book.release };
            Ok(said("feeds.publish", release))
        })
        .await
}

/// The present data are good, however much they change the feed.
#[utoipa::path(
    post,
    path = "/threat/feeds/release",
    summary = "Release data that a guard holds",
    tag = "threat",
    request_body = crate::view::NothingBodySchema,
    responses((
        status = 200, description = "In force",
        body = crate::view::DoneVersionSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let nothing = version(&sent.json, false)?;
    debug_assert!(nothing.is_none(), "no field is known");
    let write = sent.write();
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            let serial = desk.published.snapshot.serial;
            let release = Release { serial, ..desk.book.release };
            Ok(said("feeds.release", release))
        })
        .await
}

fn said(action: &'static str, release: Release) -> Draft {
    let serial = release.serial;
    let draft = Draft::new(
        action,
        Change::default(),
        move |version| json!({"version": version, "serial": serial}),
    );
    Draft { release: Some(release), ..draft }
}

/// `{"version": N}`, or nothing at all.
fn version(json: &Value, wanted: bool) -> Result<Option<u64>, ApiError> {
    let expected = match wanted {
        true => "the body must be {\"version\": a version that is kept}",
        false => "the body must be {}",
    };
    let refuse = || {
        ApiError::validation("The body does not fit")
            .with_detail("message", expected)
    };
    let object = json.as_object().ok_or_else(refuse)?;
    let known = |name: &String| wanted && name == "version";
    if !object.keys().all(known) {
        return Err(refuse());
    }
    let version = object.get("version").map(|v| v.as_u64().ok_or_else(refuse));
    let version = version.transpose()?;
    match version.is_some() == wanted {
        true => Ok(version),
        false => Err(refuse()),
    }
}
