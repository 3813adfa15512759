//! Codes bodies for clients that can decode them (`coding.rs`).
//!
//! The tag is weak and stays that of the plain form: all forms are one
//! representation. Whole bodies from [`limits::COMPRESS_BYTES`] on are coded;
//! streams and errors never are.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, VARY},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;

use crate::{
    coding::{Coding, Effort, KeptBody},
    error::ApiError,
    limits,
};

pub(super) const ACCEPT_ENCODING: HeaderValue =
    HeaderValue::from_static("accept-encoding");

/// Gives a client the form that it prefers. `HEAD` passes with its body, which
/// the framework cuts off further out, so its length is that of `GET`.
pub(crate) async fn compress(
    coding: Option<Coding>,
    mut response: Response,
) -> Response {
    let kept = response.extensions_mut().remove::<Arc<KeptBody>>();
    let not_modified = response.status() == StatusCode::NOT_MODIFIED;
    if !response.status().is_success() && !not_modified {
        return response;
    }
    // Also on a body that is short today: a cache must know tomorrow.
    if !says_so(response.headers()) {
        response.headers_mut().append(VARY, ACCEPT_ENCODING);
    }
    match coding.filter(|_| is_worth_it(&response)) {
        None => response,
        Some(coding) if not_modified => measured(response, kept, coding),
        Some(coding) => coded(response, kept, coding).await,
    }
}

/// Whether a body of so many bytes is coded for who takes that.
pub(super) fn pays(bytes: u64) -> bool {
    bytes >= limits::COMPRESS_BYTES
}

fn says_so(headers: &HeaderMap) -> bool {
    let vary = headers.get_all(VARY).into_iter();
    let mut vary = vary.filter_map(|value| value.to_str().ok());
    vary.any(|value| {
        let mut names = value.split(',').map(str::trim);
        names.any(|name| name.eq_ignore_ascii_case("accept-encoding"))
    })
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    // A 304 has the length of its 200 in the header only.
    let said = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let length = said.and_then(|text| text.parse().ok());
    let length = length.or_else(|| response.body().size_hint().exact());
    !headers.contains_key(CONTENT_ENCODING) && length.is_some_and(pays)
}

/// A 304 says the length of the coded 200 if that is kept. To find it out
/// would be the work that a 304 spares; then it says none (RFC 9110, section
/// 8.6), and the empty stream keeps the framework from saying 0.
fn measured(
    mut response: Response,
    kept: Option<Arc<KeptBody>>,
    coding: Coding,
) -> Response {
    if let Some(kept) = kept {
        if let Some(form) = kept.coded(coding) {
            let length = HeaderValue::from(form.len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        return response;
    }
    response.headers_mut().remove(CONTENT_LENGTH);
    let nothing = stream::empty::<Result<Bytes, Infallible>>();
    response.map(|_| Body::from_stream(nothing))
}

async fn coded(
    response: Response,
    kept: Option<Arc<KeptBody>>,
    coding: Coding,
) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = to_bytes(body, usize::MAX).await else {
        return ApiError::internal().into_response();
    };
    let form = match kept {
        Some(kept) => kept.coded_elsewhere(coding).await,
        None => coding.encode(&plain, Effort::Once),
    };
    let Some(form) = form else {
        return Response::from_parts(parts, plain.into());
    };
    let name = HeaderValue::from_static(coding.as_str());
    parts.headers.insert(CONTENT_ENCODING, name);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, form.into())
}
