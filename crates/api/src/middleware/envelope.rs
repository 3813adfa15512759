//! The error envelopes: `{error, code, request_id}`, for the threat feeds
//! `{success, error, details}`, and for TAXII collections its error message;
//! written here and only here.
//!
//! It also covers errors that a framework made (unknown route, wrong method):
//! whatever has an error status and no body of its own gets ours.

use asgard_policy::feed::format::stix::TAXII;
use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::Response,
};

use super::trace_id::TraceId;
use crate::{error::ApiError, representation, router::Family, view};

/// Marks an error status whose body is part of the contract (`/health`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnBody;

/// Gives an error its envelope; other answers pass.
pub(crate) fn wrap(
    mut response: Response,
    family: Family,
    id: &TraceId,
) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions_mut().remove::<OwnBody>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>();
    let error = error.unwrap_or_else(|| ApiError::of(status));
    let written = match family {
        Family::Asn => {
            let code = error.code();
            let view = view::ErrorView::new(&error.message, code, id.as_str());
            representation::json(error.status, &view)
        }
        Family::Threat => threat(error, None),
        // Bouncers read `message` of any error without looking whether it is
        // there, and panic (seen with crowdsec-custom-bouncer 0.0.15).
        Family::Bouncers => {
            let message = error.message.clone();
            threat(error, Some(&message))
        }
        Family::Taxii => {
            let view = view::TaxiiErrorView::new(
                &error.message,
                error.status.as_u16(),
                id.as_str(),
                &error.details,
            );
            let mut written = representation::json(error.status, &view);
            let kind = HeaderValue::from_static(TAXII);
            written.headers_mut().insert(CONTENT_TYPE, kind);
            written
        }
    };
    merge(response, written)
}

/// What is our fault has one word; the reason is in the details.
fn threat(error: ApiError, message: Option<&str>) -> Response {
    let mut error = error;
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        let said = "Service unavailable".into();
        let reason = std::mem::replace(&mut error.message, said);
        error = error.with_detail("reason", reason.into_owned());
    }
    let view =
        view::FeedErrorView::new(&error.message, &error.details, message);
    representation::json(error.status, &view)
}

/// The status and body of `written`, and the headers of both: `Allow`,
/// `Retry-After` and the like stay.
fn merge(response: Response, written: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let (new, body) = written.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(new.headers);
    Response::from_parts(parts, body)
}
