//! The error envelope: `{error, code, request_id}`, written here and only here.
//!
//! It also covers errors that a framework made (unknown route, wrong method):
//! whatever has an error status and no body of its own gets ours.

use axum::{
    extract::Request, http::header::CONTENT_LENGTH, middleware::Next,
    response::Response,
};

use super::trace_id::TraceId;
use crate::{error::ApiError, representation, view};

/// Marks an error status whose body is part of the contract (`/health`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnBody;

/// Gives every error its envelope.
pub(crate) async fn wrap(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<TraceId>().cloned();
    let mut response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_body = response.extensions_mut().remove::<OwnBody>().is_some();
    if !is_error || has_body {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>();
    let error = error.unwrap_or_else(|| ApiError::of(status));
    let id = id.as_ref().map_or("", |id| &*id.0);
    let view = view::ErrorView::new(&error.message, error.code(), id);
    let written = representation::json(error.status, &view);
    merge(response, written)
}

/// The status and body of `written`, and the headers of both: `Allow`,
/// `Retry-After` and the like stay.
fn merge(response: Response, written: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let (new, body) = written.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(new.headers);
    Response::from_parts(parts, body)
}
