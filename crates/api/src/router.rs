//! Every endpoint, in reading order, under four mounts.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{MethodRouter, delete, get, post},
};

use crate::{
    App,
    error::ApiError,
    limits, middleware,
    resource::{
        asn, bulk, compare, docs, domain_risk, edl, gateway, health, history,
        metrics, peeringdb, status, stream, upstreams, whitelist,
    },
};

/// The mount that documents use.
pub(crate) const DOCUMENTED: &str = "/v1";

/// Every endpoint answers under each of these; beside the documented one they
/// are what URLs in the field look like.
pub(crate) const MOUNTS: [&str; 4] = ["/api/v1", DOCUMENTED, "/api", ""];

/// Endpoints that are never limited: whoever watches us must always see us.
pub(crate) const UNLIMITED: [&str; 4] =
    ["/health", "/livez", "/readyz", "/metrics"];

/// Endpoints that read the key from the query too.
pub(crate) const KEY_IN_QUERY: [&str; 2] = ["/stream", "/stream/sse"];

/// Paths without mount, and who answers. The narrowest scope is named: `read`
/// includes `tools`, and `admin` everything.
#[rustfmt::skip]
pub(crate) fn endpoints() -> [(&'static str, MethodRouter<Arc<App>>); 22] {
    [
        // one network
        ("/asn/{asn}", get(asn::show_profile)),                     // read
        ("/asn/{asn}/upstreams", get(upstreams::show_upstreams)),   // read
        ("/asn/{asn}/history", get(history::show_history)),         // read
        ("/asn/{asn}/peeringdb", get(peeringdb::show_peeringdb)),   // read
        // many networks
        ("/tools/bulk-risk-check", post(bulk::check_many)
            .layer(body_limit())),                                  // tools
        ("/tools/compare", get(compare::compare)),                  // tools
        ("/tools/domain-risk", get(domain_risk::judge_domain)),     // tools
        ("/feeds/edl", get(edl::show_edl)),      // none: firewalls poll it
        ("/gateway/table", get(gateway::show_table)),               // read
        ("/stream", get(stream::open_web_socket)),                  // stream
        ("/stream/sse", get(stream::show_events)),                  // stream
        // what the operator trusts
        ("/whitelist", get(whitelist::list_whitelist)          // read or
            .post(whitelist::add_to_whitelist)                 // allow:write
            .layer(body_limit())),
        ("/whitelist/{asn}",
            delete(whitelist::remove_from_whitelist)),         // allow:write
        // this process
        ("/status", get(status::show_status)),                      // read
        ("/health", get(health::show_health)),                      // none
        ("/livez", get(health::show_liveness)),                     // none
        ("/readyz", get(health::show_readiness)),                   // none
        ("/metrics", get(metrics::show_metrics)),                   // none
        // the reference
        ("/openapi.json", get(docs::show_openapi)),                 // none
        ("/docs", get(docs::show_swagger_ui)),                      // none
        ("/docs/{file}", get(docs::show_file)),                     // none
        ("/redoc", get(docs::show_redoc)),                          // none
    ]
}

fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(limits::BODY_BYTES)
}

/// All mounts inside the life of a request. Each endpoint is there once a
/// mount: nested routers would write every URI anew.
pub(crate) fn build(app: App) -> Router {
    let app = Arc::new(app);
    let mut router = Router::new();
    for (path, methods) in endpoints() {
        for mount in MOUNTS {
            router = router.route(&format!("{mount}{path}"), methods.clone());
        }
    }
    middleware::stack(router.fallback(unknown), &app).with_state(app)
}

/// The framework's own 404 would answer `HEAD` with a body.
async fn unknown() -> ApiError {
    ApiError::no_endpoint()
}

/// The path of an endpoint without its mount.
pub(crate) fn without_mount(path: &str) -> &str {
    let rest = MOUNTS.iter().find_map(|mount| path.strip_prefix(mount));
    rest.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_is_taken_off() {
        for mount in MOUNTS {
            let path = format!("{mount}/asn/{{asn}}");
            assert_eq!(without_mount(&path), "/asn/{asn}", "{mount}");
        }
    }
}
