//! Who is asking for the sake of an organisation: the threat feeds.
//!
//! Here a bad or missing key is 401 with the words of the contract, a key that
//! belongs to nobody 400, a key without the scope 403. What we cannot know is
//! 503: firewalls stop to enforce a list whose key is refused.

use std::sync::Arc;

use asgard_store::{KeyFacts, KeyRefusal, Permission};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::{Identity, scope_needed};
use crate::error::ApiError;

/// The bearer of a good key of an organisation.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) facts: KeyFacts,
    pub(crate) org: Arc<str>,
}

impl Member {
    fn of(parts: &Parts, permission: Permission) -> Result<Self, ApiError> {
        let facts = match parts.extensions.get() {
            Some(Identity::Bearer(facts)) => facts.clone(),
            Some(Identity::Unknowable) => {
                return Err(ApiError::unavailable(
                    "API keys cannot be checked now",
                ));
            }
            // A good key in the wrong place: saying so helps the operator
            // and nobody else, who would have to hold the key.
            Some(Identity::Refused(refusal @ KeyRefusal::Elsewhere)) => {
                return Err(ApiError::forbidden(refusal.to_string()));
            }
            Some(Identity::Nobody | Identity::Refused(_)) | None => {
                return Err(ApiError::unauthorized());
            }
        };
        if !facts.scopes.allow(permission) {
            return Err(ApiError::forbidden(scope_needed(permission)));
        }
        let Some(org) = facts.org.clone() else {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "Missing org_id in context",
            ));
        };
        Ok(Self { facts, org })
    }

    /// Who writes, in the audit log.
    pub(crate) fn actor(&self) -> &str {
        self.facts.id.as_str()
    }
}

/// Who may fetch the feeds of its organisation. Stands before every other
/// extractor, so that nothing is validated for strangers.
#[derive(Debug)]
pub(crate) struct FeedReader(pub(crate) Member);

/// The same for CrowdSec's bouncers and their tools, to which a bad key is 403.
#[derive(Debug)]
pub(crate) struct Bouncer(pub(crate) Member);

/// Who may see the rules of its organisation.
#[derive(Debug)]
pub(crate) struct RulesReader(pub(crate) Member);

/// Who may change the rules of its organisation.
#[derive(Debug)]
pub(crate) struct RulesWriter(pub(crate) Member);

impl<S: Sync> FromRequestParts<S> for FeedReader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        Member::of(parts, Permission::Feed).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Bouncer {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        let member = Member::of(parts, Permission::Feed);
        member.map(Self).map_err(|error| match error.status {
            StatusCode::UNAUTHORIZED => ApiError::forbidden("access forbidden"),
            _ => error,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for RulesReader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        Member::of(parts, Permission::Rules).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for RulesWriter {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, ApiError> {
        Member::of(parts, Permission::WriteRules).map(Self)
    }
}
