//! The one error type of handlers and middleware.
//!
//! It travels as an extension of an empty response; `middleware/envelope.rs`
//! writes the body, for it knows the request id and which of the two envelopes
//! the endpoint has. A message never repeats what the client sent; where the
//! client must be told which word was wrong, it is in `details`.

use std::borrow::Cow;

use asgard_store::StoreError;
use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::limits;

/// An answer that is not what the client hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: Cow<'static, str>,
    /// More for programs; shown by the threat feeds only.
    pub(crate) details: Map<String, Value>,
    /// What the answer says beside the status: when to try again, what to ask
    /// for instead.
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with a message of its own.
    pub(crate) fn new(
        status: StatusCode,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let message = message.into();
        Self { status, message, details: Map::new(), header: None }
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

    pub(crate) fn no_endpoint() -> Self {
        Self::of(StatusCode::NOT_FOUND)
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
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
            .with_header(RETRY_AFTER, retry_after.into())
    }

    pub(crate) fn unavailable(message: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            .with_header(RETRY_AFTER, limits::RETRY_SECONDS.into())
    }

    /// No key, or a bad one, where the contract of the threat feeds holds.
    pub(crate) fn unauthorized() -> Self {
        let schemes =
            HeaderValue::from_static("Basic realm=\"asgard\", Bearer");
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized - invalid or missing API key",
        )
        .with_header(WWW_AUTHENTICATE, schemes)
    }

    /// The same error with a word for programs.
    pub(crate) fn with_detail(
        mut self,
        name: &str,
        value: impl Into<Value>,
    ) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The same error in other words.
    pub(crate) fn with_message(self, message: String) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same error with a header.
    pub(crate) fn with_header(
        self,
        name: HeaderName,
        value: HeaderValue,
    ) -> Self {
        Self { header: Some((name, value)), ..self }
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
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
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
