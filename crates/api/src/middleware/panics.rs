//! A panic in a handler is a 500, and the process lives.

use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::{Metrics, error::ApiError};

/// Catches a panic. The state it may leave behind is swapped whole or guarded
/// by locks that are taken as they are found, hence unwind-safe.
pub(crate) async fn catch(
    metrics: &Metrics,
    answer: impl Future<Output = Response>,
) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    answer.await.unwrap_or_else(|_| {
        metrics.panicked();
        // The panic hook has written the message and the place.
        tracing::error!("a handler panicked");
        ApiError::internal().into_response()
    })
}
