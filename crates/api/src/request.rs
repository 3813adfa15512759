//! What a client may send: an ASN in the path, a query, a JSON body.
//!
//! One rule for all: what does not fit is refused with what would fit, and never
//! repeated.

use asgard_model::Asn;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::Number;
use tokio::time::timeout;

use crate::{error::ApiError, limits};

/// A shape with words for it.
pub(crate) trait Expected: DeserializeOwned {
    /// What is expected, for the message of a 422.
    const EXPECTED: &'static str;
}

/// The ASN of the path; 400 for anything but 1 to 4294967295 in digits.
#[derive(Debug)]
pub(crate) struct AsnPath(pub(crate) Asn);

impl<S: Send + Sync> FromRequestParts<S> for AsnPath {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Ok(Path(text)) = path else {
            return Err(ApiError::invalid_asn());
        };
        asn(&text).map(Self)
    }
}

/// An ASN in plain digits; 400 for anything else.
pub(crate) fn asn(text: &str) -> Result<Asn, ApiError> {
    digits(text).map(Asn).ok_or_else(ApiError::invalid_asn)
}

fn digits(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| plain)?;
    (number > 0).then_some(number)
}

/// The query; 422 if it does not fit.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Sync, T: Expected> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|_| ApiError::validation(T::EXPECTED))
    }
}

/// A JSON body: 415, 413, 408 or 422 if it is none, too large, too slow, or
/// does not fit.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: Expected> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(
        request: Request,
        state: &S,
    ) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type must be application/json",
            ));
        }
        let read = Bytes::from_request(request, state);
        let body = timeout(limits::BODY_TIMEOUT, read)
            .await
            .map_err(|_| ApiError::of(StatusCode::REQUEST_TIMEOUT))?
            .map_err(|rejection| ApiError::of(rejection.status()))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| misfit::<T>(&error))
    }
}

/// A whole number from 0 to 4294967295, however it is written: to JSON Schema,
/// `15169.0` is an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(from)?;
        let spelt_otherwise = || {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0)?;
            format!("{whole:.0}").parse().ok()
        };
        let number = number.as_u64().or_else(spelt_otherwise);
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Self).ok_or_else(|| D::Error::custom("not a whole number"))
    }
}

/// Where and what; the parser's own message may hold the client's text.
fn misfit<T: Expected>(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let what = match error.is_data() {
        true => "The body does not fit",
        false => "The body is not valid JSON",
    };
    ApiError::validation(format!(
        "{what} (line {line}, column {column}): {}",
        T::EXPECTED
    ))
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok())
    else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asn_in_a_path_is_plain_digits_in_range() {
        for (text, number) in [
            ("1", Some(1)),
            ("4294967295", Some(u32::MAX)),
            ("0", None),
            ("4294967296", None),
            ("99999999999999999999", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("AS1", None),
            ("", None),
            (" 1", None),
            ("１", None),
        ] {
            assert_eq!(digits(text), number, "{text}");
        }
    }

    #[test]
    fn a_whole_number_is_one_in_every_spelling() {
        let read = |text| serde_json::from_str(text).ok().map(|Whole(n)| n);
        for (text, number) in [
            ("15169", Some(15_169)),
            ("15169.0", Some(15_169)),
            ("1.5169e4", Some(15_169)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("-1", None),
            ("1.5", None),
            ("1e300", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            assert_eq!(read(text), number, "{text}");
        }
    }

    #[test]
    fn json_is_recognised_by_its_media_type() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/json", false),
            ("application/jsonp", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(is_json(&headers), json, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
