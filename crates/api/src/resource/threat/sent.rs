//! What a client sends to change something: its key, its JSON, and its
//! `Idempotency-Key`.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE,
    },
    response::{IntoResponse, Response},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::{
    auth::{Member, RulesWriter},
    error::ApiError,
    feeds::{Done, Repeat, Write},
    limits,
    request::is_json,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A write as it was sent. Without a body, `json` is null.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) member: Member,
    pub(crate) json: Value,
    repeat: Option<Repeat>,
}

impl Sent {
    /// Who writes.
    pub(crate) fn write(&self) -> Write {
        Write {
            org: self.member.org.clone(),
            actor: self.member.actor().to_owned(),
            repeat: self.repeat.clone(),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = ApiError;

    async fn from_request(
        request: Request,
        state: &S,
    ) -> Result<Self, ApiError> {
        use axum::extract::FromRequestParts;
        let (mut parts, body) = request.into_parts();
        let RulesWriter(member) =
            RulesWriter::from_request_parts(&mut parts, state).await?;
        let key = idempotency_key(&parts.headers)?;
        let bodiless = parts.method == axum::http::Method::DELETE;
        let json = bodiless || is_json(&parts.headers);
        let digest = Sha256::new()
            .chain_update(parts.method.as_str())
            .chain_update([0])
            .chain_update(parts.uri.to_string())
            .chain_update([0]);
        let request = Request::from_parts(parts, body);
        if !json {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type must be application/json",
            )
            .with_detail("header", CONTENT_TYPE.as_str())
            .with_detail("allowed", "application/json"));
        }
        let read = Bytes::from_request(request, state);
        let body = timeout(limits::BODY_TIMEOUT, read)
            .await
            .map_err(|_| ApiError::of(StatusCode::REQUEST_TIMEOUT))?
            .map_err(|rejection| ApiError::of(rejection.status()))?;
        let json = match bodiless {
            true => Value::Null,
            false => read_json(&body)?,
        };
        let request = digest.chain_update(&body).finalize().into();
        let repeat = key.map(|key| Repeat { key, request });
        Ok(Self { member, json, repeat })
    }
}

fn read_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "The body is not valid JSON")
            .with_detail("line", error.line())
            .with_detail("column", error.column())
    })
}

/// 1 to 255 visible characters of ASCII.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    match visible && (1..=255).contains(&text.len()) {
        true => Ok(Some(text.to_owned())),
        false => Err(ApiError::validation(
            "Idempotency-Key must be 1 to 255 visible ASCII characters",
        )
        .with_detail("header", "Idempotency-Key")),
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (
                axum::http::header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ),
        ];
        let mut response = (self.status, headers, self.body).into_response();
        if self.replayed {
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED, yes);
        }
        response
    }
}
