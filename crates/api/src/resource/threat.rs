//! The threat feeds: what an organisation blocks, and the lists that its
//! devices load. One resource a file.
//!
//! Everything here is for the bearer of a key of an organisation, and knows
//! nothing of others: the rule of somebody else is not found.

use std::sync::Arc;

use asgard_policy::access::{Code, Refusal};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use jiff::Timestamp;
use uuid::{NoContext, Uuid};

use crate::error::ApiError;

pub(crate) mod access_rules;
pub(crate) mod config;
pub(crate) mod decisions;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod feed;
pub(crate) mod lookup;
pub(crate) mod manifest;
pub(crate) mod preview;
pub(crate) mod protected;
mod query;
mod sent;
pub(crate) mod signal;
pub(crate) mod versions;

pub(crate) use feed::respond;
pub(crate) use query::{FeedQuery, format};
use sent::Sent;

/// The id of a rule in a path. What cannot be one names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Self, ApiError> {
        let path =
            axum::extract::Path::<String>::from_request_parts(parts, state);
        let id = path.await.ok().and_then(|path| path.parse().ok());
        id.map(Self).ok_or_else(not_found)
    }
}

/// A new id, which sorts by its moment (RFC 9562, section 5.7).
fn new_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "There is no such entry")
}

/// What the policy refuses: 409 for what a confirmation or a removal would let
/// pass, else 422.
fn refused(refusal: &Refusal) -> ApiError {
    let status = match refusal.code {
        Code::Protected | Code::GuardShare => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut error = ApiError::new(status, refusal.message.clone())
        .with_detail("code", refusal.code.as_str());
    if !refusal.field.is_empty() {
        error = error.with_detail("field", refusal.field.clone());
    }
    for (name, share) in [
        ("share_v4", refusal.share_v4),
        ("confirm_share", refusal.confirm_share),
    ] {
        if let Some(share) = share {
            error = error.with_detail(name, share);
        }
    }
    error
}

/// Work that would keep other requests waiting, where it does not.
async fn aside<T: Send + 'static>(
    app: &Arc<crate::App>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        app.metrics.panicked();
        ApiError::internal()
    })
}
