//! A panic in a handler is a 500, and the process lives.

use std::{convert::Infallible, panic::AssertUnwindSafe};

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::{Metrics, error::ApiError};

/// Catches a panic. The state it may leave behind is swapped whole or guarded
/// by locks that are taken as they are found, hence unwind-safe.
pub(crate) async fn catch(
    metrics: &Metrics,
    answer: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    match answer.await {
        Ok(Ok(response)) => response,
        Err(_) => {
            metrics.panicked();
            // The panic hook has written the message and the place.
            tracing::error!("a handler panicked");
            ApiError::internal().into_response()
        }
    }
}
