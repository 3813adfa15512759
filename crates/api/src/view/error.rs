//! `{error, code, request_id}`: every error of the API.

use std::borrow::Cow;

use serde::Serialize;
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
