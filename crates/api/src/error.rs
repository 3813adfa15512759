//! The one error type of handlers and middleware.
//!
//! It travels as an extension of an empty response; `middleware/envelope.rs`
//! writes the body, for it knows the request id. A message never repeats what
//! the client sent.

use std::borrow::Cow;

use asgard_store::StoreError;
use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use crate::limits;

/// An answer that is not what the client hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: Cow<'static, str>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u32>,
}

impl ApiError {
    /// An error with a message of its own.
    pub(crate) fn new(
        status: StatusCode,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// An error about which only the status is known.
    pub(crate) fn of(status: StatusCode) -> Self {
        Self::new(status, default_message(status))
    }

    pub(crate) fn invalid_asn() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Invalid ASN (must be an integer from 1 to 4294967295)",
        )
    }

    pub(crate) fn not_scored() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ASN not found or not yet scored")
    }

    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn too_many(retry_after: u32) -> Self {
        let message = "Rate limit exceeded";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        Self { retry_after: Some(retry_after), ..error }
    }

    pub(crate) fn unavailable(message: &'static str) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, message);
        Self { retry_after: Some(limits::RETRY_SECONDS), ..error }
    }

    pub(crate) fn no_snapshot() -> Self {
        Self::unavailable("No scores have been published yet")
    }

    pub(crate) fn internal() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// `RATE_LIMITED`, else `HTTP_<status>`.
    pub(crate) fn code(&self) -> Cow<'static, str> {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => "RATE_LIMITED".into(),
            status => format!("HTTP_{}", status.as_u16()).into(),
        }
    }
}

fn default_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "No such endpoint",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "Request body too large",
        StatusCode::INTERNAL_SERVER_ERROR => "Internal server error",
        other => other.canonical_reason().unwrap_or("Request failed"),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Asks the store on behalf of a request: bounded in time, and its faults are
/// ours, never the client's.
pub(crate) async fn ask<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    let away = "The store is not available";
    match timeout(limits::STORE_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store failed");
            match error.is_retryable() {
                true => Err(ApiError::unavailable(away)),
                false => Err(ApiError::internal()),
            }
        }
        Err(_) => {
            tracing::error!("the store did not answer in time");
            Err(ApiError::unavailable(away))
        }
    }
}
