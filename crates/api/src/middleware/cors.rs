//! Cross-origin requests (WHATWG Fetch, section 3.2): off unless configured.
//!
//! Pages of other origins can read answers only if the operator lists them. A
//! key in a header is not a credential that browsers attach by themselves, so
//! credentials stay off.

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, header},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What a page may read beside the body.
const EXPOSED: [HeaderName; 12] = [
    header::ETAG,
    header::RETRY_AFTER,
    HeaderName::from_static("x-trace-id"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-response-time"),
    HeaderName::from_static("x-feed-entries"),
    HeaderName::from_static("x-feed-version"),
    HeaderName::from_static("x-feed-serial"),
    HeaderName::from_static("x-feed-stale"),
    HeaderName::from_static("x-feed-truncated"),
];

/// Puts the rules for the configured origins around a router. Without any it is
/// left alone: even an empty layer would cost every request a clone.
pub(crate) fn around<S>(router: Router<S>, origins: &[String]) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    match origins {
        [] => router,
        origins => router.layer(configured(origins)),
    }
}

fn configured(origins: &[String]) -> CorsLayer {
    let values = origins.iter().filter_map(|o| HeaderValue::from_str(o).ok());
    let origin = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(values),
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-api-key"),
        ])
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(3600))
}
