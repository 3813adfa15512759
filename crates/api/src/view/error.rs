//! `{error, code, request_id}`: every error of the API.

use std::borrow::Cow;

use serde::Serialize;

/// The error envelope.
#[derive(Debug, Serialize)]
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
