//! The envelopes of errors: `{error, code, request_id}`,
//! `{success, error, details}` of the threat feeds, and that of TAXII.

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
    /// The error as CrowdSec's local API tells it: for bouncers alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl<'a> FeedErrorView<'a> {
    pub(crate) fn new(
        error: &'a str,
        details: &'a Map<String, Value>,
        message: Option<&'a str>,
    ) -> Self {
        Self { success: false, error, details, message }
    }
}

/// The error message of TAXII 2.1 (section 3.6.1).
#[derive(Debug, Serialize)]
pub(crate) struct TaxiiErrorView<'a> {
    title: &'a str,
    error_id: &'a str,
    http_status: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: &'a Map<String, Value>,
}

impl<'a> TaxiiErrorView<'a> {
    pub(crate) fn new(
        title: &'a str,
        status: u16,
        error_id: &'a str,
        details: &'a Map<String, Value>,
    ) -> Self {
        Self { title, error_id, http_status: status.to_string(), details }
    }
}
