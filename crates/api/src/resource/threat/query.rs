//! The query of a feed: parameters of the policy, and those of the form.
//!
//! An unknown one is refused, and so is one that is there twice: a misspelt
//! filter must not widen a block list. The words of the client are repeated in
//! no message.

use std::sync::Arc;

use asgard_policy::feed::{
    format::{Confirm, Format, ListName, Options},
    select::{FeedParams, ParamError},
};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::{App, error::ApiError, feeds::Request};

/// The parameters of a feed, read; the organisation is still missing.
#[derive(Clone, Debug)]
pub(crate) struct FeedQuery {
    pub(crate) params: FeedParams,
    pub(crate) options: Options,
    /// Of the profile, if it prescribes one.
    pub(crate) format: Option<Format>,
    /// Parameters that are not of the feed but of the endpoint.
    pub(crate) rest: Vec<(String, String)>,
    pub(crate) max_bytes: Option<u64>,
}

/// Parameters of the form, beside those of the policy.
const OWN: [&str; 2] = ["confirm", "set"];

impl FromRequestParts<Arc<App>> for FeedQuery {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Self::parse(query, &[], app)
    }
}

impl FeedQuery {
    /// Reads a query, in which an endpoint has parameters of its own.
    pub(crate) fn parse(
        query: &str,
        of_endpoint: &[&str],
        app: &App,
    ) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut pairs: Vec<(String, String)> = pairs.collect();
        let rest = take(&mut pairs, of_endpoint)?;
        let own = take(&mut pairs, &OWN)?;
        let borrowed = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let profiles = &app.config.feeds.profiles;
        let params = FeedParams::parse(borrowed, profiles);
        let params = params.map_err(|error| refused(&error))?;
        let named = params.profile.as_deref();
        let profile = named.and_then(|name| profiles.get(name));
        let mut options = Options {
            host_suffix: params.host_suffix,
            comments: params.comments,
            max_entries: params.max_entries,
            ..Options::default()
        };
        form(&own, &mut options)?;
        Ok(Self {
            options,
            format: profile.and_then(|profile| profile.format),
            rest,
            max_bytes: profile.and_then(|profile| profile.max_bytes),
            params,
        })
    }

    /// The feed of an organisation, in the form that is asked for, or that the
    /// profile prescribes, or plain.
    ///
    /// # Errors
    /// A parameter does not go with the form.
    pub(crate) fn of(
        self,
        org: &Arc<str>,
        format: Option<Format>,
    ) -> Result<Request, ApiError> {
        let format = format.or(self.format).unwrap_or(Format::Plain);
        let params = self.params.for_format(format);
        Ok(Request {
            org: Arc::clone(org),
            format,
            params: params.map_err(|error| refused(&error))?,
            options: self.options,
            max_bytes: self.max_bytes,
        })
    }
}

/// Takes the named parameters out; each may be there once.
fn take(
    pairs: &mut Vec<(String, String)>,
    names: &[&str],
) -> Result<Vec<(String, String)>, ApiError> {
    let is_own = |(name, _): &(String, String)| names.contains(&name.as_str());
    let own: Vec<_> =
        pairs.iter().filter(|pair| is_own(pair)).cloned().collect();
    pairs.retain(|pair| !is_own(pair));
    let twice = names.iter().find(|name| {
        own.iter().filter(|(known, _)| known == *name).count() > 1
    });
    match twice {
        None => Ok(own),
        Some(name) => Err(misfit(name, "it is there twice", &[])),
    }
}

fn form(
    own: &[(String, String)],
    options: &mut Options,
) -> Result<(), ApiError> {
    for (name, value) in own {
        match (name.as_str(), value.as_str()) {
            ("confirm", "bgp") => options.confirm = Confirm::Bgp,
            ("confirm", _) => {
                return Err(misfit(
                    "confirm",
                    "the value is unknown",
                    &["bgp"],
                ));
            }
            (_, value) => {
                let name: Result<ListName, _> = value.parse();
                options.list = name.map_err(|_| {
                    let what = "a letter, then letters, digits, `_` or `-`, \
                         at most 20 characters";
                    misfit("set", what, &[])
                })?;
            }
        }
    }
    Ok(())
}

/// 422 that names the parameter.
fn refused(error: &ParamError) -> ApiError {
    ApiError::validation("A parameter does not fit")
        .with_detail("parameter", error.parameter.clone())
        .with_detail("message", error.message.clone())
}

/// 422 that names the parameter and what would be right.
pub(super) fn misfit(name: &str, message: &str, allowed: &[&str]) -> ApiError {
    let error = ApiError::validation("A parameter does not fit")
        .with_detail("parameter", name)
        .with_detail("message", message);
    match allowed {
        [] => error,
        allowed => error.with_detail("allowed", allowed.to_vec()),
    }
}

/// The form of the last segment of a path.
pub(crate) fn format(segment: &str) -> Result<Format, ApiError> {
    Format::from_segment(segment).ok_or_else(|| {
        let names: Vec<&str> =
            Format::VALUES.iter().map(|(name, _)| *name).collect();
        ApiError::new(StatusCode::NOT_FOUND, "There is no such format")
            .with_detail("parameter", "format")
            .with_detail("allowed", names)
    })
}
