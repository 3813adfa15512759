//! Layer: refuses what is too long to be meant seriously.

use axum::{
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{error::ApiError, limits};

/// 414 for a path with query of more than [`limits::URI_BYTES`].
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |pq| pq.as_str().len());
    if length > limits::URI_BYTES {
        return ApiError::of(StatusCode::URI_TOO_LONG).into_response();
    }
    next.run(request).await
}
