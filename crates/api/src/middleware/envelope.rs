//! The error envelope: `{error, code, request_id}`, written here and only here.
//!
//! It also covers errors that a framework made (unknown route, wrong method):
//! whatever has an error status and no body of its own gets ours.

use axum::{http::header::CONTENT_LENGTH, response::Response};

use super::trace_id::TraceId;
use crate::{error::ApiError, representation, view};

/// Marks an error status whose body is part of the contract (`/health`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnBody;

/// Gives an error its envelope; other answers pass.
pub(crate) fn wrap(mut response: Response, id: &TraceId) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions_mut().remove::<OwnBody>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>();
    let error = error.unwrap_or_else(|| ApiError::of(status));
    let view = view::ErrorView::new(&error.message, error.code(), id.as_str());
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
