//! Bodies of good answers: JSON or text, with or without an `ETag`.
//!
//! `If-None-Match` is handled in `middleware/etag.rs`, which needs the tag only, and
//! `Accept-Encoding` in `middleware/compression.rs`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::coding::{Effort, KeptBody};

/// Not to be kept: state of the moment, and whatever answers a write.
const NEVER: HeaderValue = HeaderValue::from_static("no-store");
/// For the bearer of the key alone, and to be confirmed before each use.
pub(crate) const PRIVATE: HeaderValue =
    HeaderValue::from_static("private, no-cache");
/// For everybody, and to be confirmed before each use: a whitelist entry takes
/// effect at once.
pub(crate) const PUBLIC: HeaderValue = HeaderValue::from_static("no-cache");

/// Headers of a kept answer, those of every answer included.
const HEADERS: usize = 12;

pub(crate) const JSON: HeaderValue =
    HeaderValue::from_static("application/json");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// JSON that nobody may keep.
pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NEVER)];
    (status, headers, bytes(view)).into_response()
}

/// JSON that is written already and that nobody may keep.
pub(crate) fn json_bytes(body: Bytes) -> Response {
    ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, NEVER)], body).into_response()
}

/// JSON with an `ETag`.
pub(crate) fn tagged_json(view: &impl Serialize) -> Response {
    tagged_json_of(bytes(view))
}

/// JSON that was written before, with an `ETag`.
pub(crate) fn tagged_json_of(body: Bytes) -> Response {
    let headers =
        [(CONTENT_TYPE, JSON), (CACHE_CONTROL, PRIVATE), (ETAG, etag(&body))];
    (headers, body).into_response()
}

/// A body that is kept with its tag and its coded forms; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    body: Arc<KeptBody>,
    etag: HeaderValue,
}

impl Kept {
    pub(crate) fn new(body: Bytes, effort: Effort) -> Self {
        Self { etag: etag(&body), body: Arc::new(KeptBody::new(body, effort)) }
    }

    /// Text for everybody.
    pub(crate) fn text(&self) -> Response {
        self.respond(TEXT, PUBLIC)
    }

    /// JSON for the bearer of the key.
    pub(crate) fn json(&self) -> Response {
        self.respond(JSON, PRIVATE)
    }

    /// Any type, for everybody.
    pub(crate) fn public(&self, kind: HeaderValue) -> Response {
        self.respond(kind, PUBLIC)
    }

    /// Any type, for the bearer of the key.
    pub(crate) fn private(&self, kind: HeaderValue) -> Response {
        self.respond(kind, PRIVATE)
    }

    /// What a client may already have.
    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// The body in all its forms.
    pub(crate) fn body(&self) -> &Arc<KeptBody> {
        &self.body
    }

    /// Headers of every answer with it, sent or not.
    pub(crate) fn describe(&self, cache: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, cache);
        // A copy: cores that count the owners of one text take turns at it.
        let etag = HeaderValue::from_bytes(self.etag.as_bytes());
        headers.insert(ETAG, etag.unwrap_or_else(|_| self.etag.clone()));
    }

    fn respond(&self, kind: HeaderValue, cache: HeaderValue) -> Response {
        let mut response = Response::new(self.body.plain().clone().into());
        // At once for all that answers have, so that the map never grows.
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, kind);
        self.describe(cache, &mut headers);
        *response.headers_mut() = headers;
        response.extensions_mut().insert(Arc::clone(&self.body));
        response
    }
}

pub(crate) fn bytes(view: &impl Serialize) -> Bytes {
    serde_json::to_vec(view)
        .expect("views have string keys and derive Serialize")
        .into()
}

/// `W/"<16 hex>"`: the first 8 bytes of SHA-256.
pub(crate) fn etag(body: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(body);
    let [a, b, c, d, e, f, g, h, ..] = digest.0;
    let head = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    HeaderValue::from_str(&format!("W/\"{head:016x}\""))
        .expect("hex digits are header text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_weak_and_comes_from_sha_256() {
        // FIPS 180-2, appendix B.1: SHA-256("abc") = ba7816bf 8f01cfea …
        assert_eq!(etag(b"abc"), "W/\"ba7816bf8f01cfea\"");
        assert_ne!(etag(b"abd"), etag(b"abc"));
    }
}
