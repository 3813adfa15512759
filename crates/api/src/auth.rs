//! Who is asking, and may they: three carriers of a key, one extractor a kind
//! of endpoint.
//!
//! `X-API-Key: K`, `Authorization: Bearer K`, `Authorization: Basic` with user
//! `api` and password K; the first of them that is there counts. A key in the
//! query is read for the live stream only, since browsers can send no header
//! there: queries end up in the logs of proxies.

use std::{borrow::Cow, net::IpAddr};

use asgard_store::{KeyFacts, KeyRefusal, Permission, Scope};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header::AUTHORIZATION, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use crate::{Live, error::ApiError, live::KeyFault, server::Connection};

mod key_memory;
mod organisation;

pub(crate) use key_memory::KeyMemory;
pub(crate) use organisation::{
    Bouncer, FeedReader, Member, RulesReader, RulesWriter,
};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

const NO_KEY: &str = "Invalid or missing API key";

/// What the presented key, if any, proves.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// No key was presented.
    Nobody,
    /// A good key.
    Bearer(KeyFacts),
    /// A bad key.
    Refused(KeyRefusal),
    /// A key that we cannot check now.
    Unknowable,
}

impl Identity {
    /// Reads and verifies the key of a request of a client that came by a
    /// connection.
    pub(crate) fn establish(
        headers: &HeaderMap,
        query: Option<&str>,
        connection: Option<&Connection>,
        client: IpAddr,
        live: &Live,
        now: Timestamp,
    ) -> Self {
        let in_query = || query.and_then(key_of_query).map(Cow::Owned);
        let Some(key) = presented(headers).or_else(in_query) else {
            return Self::Nobody;
        };
        let memory = connection.map(Connection::key_memory);
        match live.verify(&key, memory, client, now) {
            Ok(facts) => Self::Bearer(facts),
            Err(KeyFault::Refused(refusal)) => Self::Refused(refusal),
            Err(KeyFault::Unknowable) => Self::Unknowable,
        }
    }

    /// Whether it is a good key that has the permission.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        matches!(self, Self::Bearer(facts) if facts.scopes.allow(permission))
    }

    /// The facts of a key that has the permission; else what the client is
    /// told, 403 for its own fault and 503 for ours.
    pub(crate) fn permit(
        &self,
        permission: Permission,
    ) -> Result<KeyFacts, ApiError> {
        match self {
            Self::Bearer(facts) if facts.scopes.allow(permission) => {
                Ok(facts.clone())
            }
            Self::Bearer(_) => {
                Err(ApiError::forbidden(scope_needed(permission)))
            }
            Self::Refused(
                refusal @ (KeyRefusal::Revoked
                | KeyRefusal::Expired
                | KeyRefusal::Elsewhere),
            ) => Err(ApiError::forbidden(format!("{NO_KEY}: {refusal}"))),
            Self::Refused(_) | Self::Nobody => Err(ApiError::forbidden(NO_KEY)),
            Self::Unknowable => {
                Err(ApiError::unavailable("API keys cannot be checked now"))
            }
        }
    }
}

fn scope_needed(permission: Permission) -> String {
    let names: Vec<_> =
        permission.granted_by().iter().map(Scope::as_str).collect();
    let any = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => {
            format!("{} or {last}", others.join(", "))
        }
        _ => names.concat(),
    };
    format!("This needs an API key with scope {any}")
}

/// The key as it was presented; what cannot be a key is empty text, which is
/// malformed and not missing.
fn presented(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    if let Some(value) = headers.get(X_API_KEY) {
        return Some(value.to_str().unwrap_or_default().trim().into());
    }
    let (scheme, rest) =
        headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().into()),
        "basic" => Some(basic(rest.trim()).unwrap_or_default().into()),
        _ => None,
    }
}

/// The value of `api_key`.
fn key_of_query(query: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut keys = pairs.filter(|(name, _)| name == "api_key");
    keys.next().map(|(_, value)| value.into_owned())
}

/// RFC 7617, with the one user `api`.
fn basic(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    text.strip_prefix("api:").map(ToOwned::to_owned)
}

/// A request with a key that may read. Stands before every other extractor, so
/// that nothing is validated for strangers.
#[derive(Debug)]
pub(crate) struct Reader;

/// A request with a key that may use the tools.
#[derive(Debug)]
pub(crate) struct Tools;

/// A request with a key that may see the whitelist.
#[derive(Debug)]
pub(crate) struct WhitelistReader;

/// A request with a key that may change the whitelist.
#[derive(Debug)]
pub(crate) struct Writer(pub(crate) KeyFacts);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        permit(parts, Permission::Read).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Tools {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        permit(parts, Permission::Tools).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for WhitelistReader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        permit(parts, Permission::Whitelist).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        permit(parts, Permission::Write).map(Self)
    }
}

fn permit(parts: &Parts, permission: Permission) -> Result<KeyFacts, ApiError> {
    let identity = parts.extensions.get().unwrap_or(&Identity::Nobody);
    identity.permit(permission)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        presented(&headers).map(Cow::into_owned)
    }

    #[test]
    fn a_key_is_read_from_three_carriers() {
        let key = Some("k".to_owned());
        assert_eq!(read("x-api-key", " k "), key);
        assert_eq!(read("authorization", "Bearer k"), key);
        assert_eq!(read("authorization", "bEARER   k"), key);
        // base64 of "api:k"
        assert_eq!(read("authorization", "Basic YXBpOms="), key);
    }

    #[test]
    fn what_cannot_be_a_key_is_present_and_empty() {
        let nothing = Some(String::new());
        assert_eq!(read("x-api-key", ""), nothing);
        assert_eq!(read("authorization", "Basic ***"), nothing);
        // base64 of "root:k"
        assert_eq!(read("authorization", "Basic cm9vdDpr"), nothing);
    }

    #[test]
    fn a_missing_scope_is_named_with_all_that_would_do() {
        let says = |permission, names: &str| {
            let text = format!("This needs an API key with scope {names}");
            assert_eq!(scope_needed(permission), text);
        };
        says(Permission::Read, "admin or read");
        says(Permission::Tools, "admin, read or tools");
        says(Permission::Write, "admin or allow:write");
    }

    #[test]
    fn other_schemes_carry_no_key() {
        assert_eq!(read("authorization", "Negotiate k"), None);
        assert_eq!(read("authorization", "k"), None);
        assert_eq!(presented(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            basic in any::<bool>(),
        ) {
            let mut value = if basic { b"Basic ".to_vec() } else { vec![] };
            value.extend(bytes);
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value);
                let key = presented(&headers);
                prop_assert!(key.is_none_or(|k| !k.starts_with(' ')));
            }
        }
    }
}
