//! The two envelopes of errors: `{error, code, request_id}`, and
//! `{success, error, details}` of the threat feeds.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The error envelope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorView<'a> {
    error: &'a str,
    code: Cow<'static, str>,
    request_id: &'a str,
}

impl<'a> ErrorView<'a> {
    pub(crate) fn new(
        error: &'a str,
        code: Cow<'static, str>,
        request_id: &'a str,
    ) -> Self {
        Self { error, code, request_id }
    }
}

/// The error envelope of the threat feeds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedErrorView<'a> {
    success: bool,
    error: &'a str,
    #[schema(value_type = Object)]
    details: &'a Map<String, Value>,
}

impl<'a> FeedErrorView<'a> {
    pub(crate) fn new(error: &'a str, details: &'a Map<String, Value>) -> Self {
        Self { success: false, error, details }
    }
}
