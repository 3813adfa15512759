//! `POST /signal`: up to 1,000 events that block and unblock one thing each.
//!
//! Events work in order, and a bad one is rejected alone; all that were taken
//! are one version of the rules.

use std::sync::Arc;

use asgard_policy::access::{Batch, SignalError, apply};
use axum::{extract::State, http::StatusCode};
use serde_json::json;

use super::{Sent, new_id};
use crate::{
    App,
    error::ApiError,
    feeds::{Desk, Done, Draft},
    view::SignalReplySchema,
};

/// What became of each event.
#[utoipa::path(
    post,
    path = "/signal",
    summary = "Block and unblock",
    tag = "threat",
    request_body(
        content = Vec<crate::view::SignalBodySchema>,
        description = "1 to 1000 events; of `ip`, `asn` and `country`, one \
                       each",
    ),
    responses((
        status = 200,
        description = "What became of each event",
        body = SignalReplySchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn send_signal(
    State(app): State<Arc<App>>,
    sent: Sent,
) -> Result<Done, ApiError> {
    let events = sent.json.clone();
    let feeds = Arc::clone(&app.feeds);
    let write = sent.write();
    let org = Arc::clone(&write.org);
    app.feeds
        .write(&app, &write, move |desk: &Desk<'_>| {
            let rules = &desk.book.effective;
            let mut ids = || new_id(desk.now);
            let batch = apply(rules, &events, &desk.facts, &mut ids, desk.now)
                .map_err(misfit)?;
            feeds.admit_change(&org, desk, &batch.change)?;
            Ok(draft(batch))
        })
        .await
}

fn misfit(error: SignalError) -> ApiError {
    let status = match error {
        SignalError::NotAnArray => StatusCode::BAD_REQUEST,
        SignalError::Count(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ApiError::new(status, error.to_string())
}

fn draft(batch: Batch) -> Draft {
    let Batch { results, change, accepted, rejected } = batch;
    let count = accepted + rejected;
    let body = move |version: u64| {
        let data = json!({
            "accepted": accepted,
            "rejected": rejected,
            "version": version,
            "results": results,
        });
        if rejected == 0 {
            return json!({"success": true, "data": data});
        }
        let plural = if count == 1 { "event" } else { "events" };
        let error = format!("{rejected} of {count} {plural} rejected");
        json!({
            "success": false, "error": error, "details": {}, "data": data,
        })
    };
    Draft {
        action: "signal",
        change,
        release: None,
        status: StatusCode::OK,
        body: Box::new(body),
    }
}
