//! A panic in a handler is a 500, and the process lives.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::{Metrics, error::ApiError};

/// Catches a panic. The state it may leave behind is swapped whole or guarded
/// by locks that are taken as they are found, hence unwind-safe.
pub(crate) async fn catch(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    run.await.unwrap_or_else(|_| {
        // The panic hook has written the message and the place.
        metrics.panicked();
        tracing::error!("a handler panicked");
        ApiError::internal().into_response()
    })
}
