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
    limits,
    middleware::{self, Life},
    resource::{
        alias, asn, bulk, compare, docs, domain_risk, edl, gateway, health,
        history, incidents, ip, metrics, peeringdb, prefix, prefixes, status,
        stream, taxii, threat, upstreams, whitelist,
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

/// Endpoints that devices poll with a key: they have a limit of their own.
pub(crate) const POLLED: [&str; 3] =
    ["/threat/feeds", "/threat/feeds/{format}", "/decisions/stream"];

/// First segments of the threat feeds, which have an error envelope, a 401 and
/// reading limits of their own.
const THREAT: [&str; 6] =
    ["threat", "signal", "access-rules", "protected", "config", "explain"];
/// First segment of what bouncers ask, whose errors need a word more.
const DECISIONS: &str = "decisions";
/// First segment of the collections, whose errors have the form of TAXII.
const TAXII: &str = "taxii2";

/// Which contract a path is under, whether or not anything answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The ASN API.
    Asn,
    /// The threat feeds.
    Threat,
    /// The same for CrowdSec's bouncers.
    Bouncers,
    /// The same as TAXII collections.
    Taxii,
}

impl Family {
    /// The family of the path of a URL.
    pub(crate) fn of(path: &str) -> Self {
        let first = without_mount(path).split('/').nth(1);
        match first {
            Some(TAXII) => Self::Taxii,
            Some(DECISIONS) => Self::Bouncers,
            Some(segment) if THREAT.contains(&segment) => Self::Threat,
            _ => Self::Asn,
        }
    }
}

/// Endpoints that read the key from the query too.
pub(crate) const KEY_IN_QUERY: [&str; 2] = ["/stream", "/stream/sse"];

/// Paths without mount, and who answers. The narrowest scope is named: `read`
/// includes `tools`, and `admin` everything.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "one table, one line an endpoint")]
pub(crate) fn endpoints() -> [(&'static str, MethodRouter<Arc<App>>); 58] {
    [
        // one network
        ("/asn/{asn}", get(asn::show_profile)),                     // read
        ("/asn/{asn}/upstreams", get(upstreams::show_upstreams)),   // read
        ("/asn/{asn}/prefixes", get(prefixes::show_prefixes)),      // read
        ("/asn/{asn}/incidents", get(incidents::show_incidents)),   // read
        ("/asn/{asn}/history", get(history::show_history)),         // read
        ("/asn/{asn}/peeringdb", get(peeringdb::show_peeringdb)),   // read
        // one address, one prefix; its slash is a slash
        ("/ip/{address}", get(ip::show_ip)),                        // read
        ("/prefix/{*prefix}", get(prefix::show_prefix)),            // read
        // many networks
        ("/tools/bulk-risk-check", post(bulk::check_many)
            .layer(body_limit())),                                  // tools
        ("/tools/compare", get(compare::compare)),                  // tools
        ("/tools/domain-risk", get(domain_risk::judge_domain)),     // tools
        ("/feeds/edl", get(edl::show_edl)),      // none: firewalls poll it
        ("/gateway/table", get(gateway::show_table)),               // read
        ("/gateway/table/changes", get(gateway::show_changes)),     // read
        ("/alias/asn.gz", get(alias::show_asn_table)),       // as the EDL
        ("/stream", get(stream::open_web_socket)),                  // stream
        ("/stream/sse", get(stream::show_events)),                  // stream
        // what an organisation blocks: its feeds
        ("/threat", get(threat::lookup::show_threat)),         // feed:read
        ("/threat/feeds", get(threat::feed::show_feed)),       // feed:read
        ("/threat/feeds/manifest",
            get(threat::manifest::show_manifest)),             // feed:read
        ("/threat/feeds/manifest.minisig",
            get(threat::manifest::show_minisig)),              // feed:read
        ("/threat/feeds/manifest.sig",
            get(threat::manifest::show_sig)),                  // feed:read
        ("/threat/feeds/key", get(threat::manifest::show_key)), // feed:read
        ("/threat/feeds/diff", get(threat::diff::show_diff)),  // feed:read
        ("/threat/feeds/versions",
            get(threat::versions::list_versions)),             // feed:read
        ("/threat/feeds/preview", post(threat::preview::show_preview)
            .layer(rules_limit())),                            // rules:write
        ("/threat/feeds/rollback", post(threat::versions::roll_back)
            .layer(body_limit())),                             // rules:write
        ("/threat/feeds/publish", post(threat::versions::publish)
            .layer(body_limit())),                             // rules:write
        ("/threat/feeds/release", post(threat::versions::release)
            .layer(body_limit())),                             // rules:write
        ("/threat/feeds/{format}",
            get(threat::feed::show_feed_as)),                  // feed:read
        ("/explain", get(threat::explain::show_explanation)),  // feed:read
        ("/config", get(threat::config::show_config)),         // feed:read
        ("/decisions", get(threat::decisions::show_decisions)), // feed:read
        ("/decisions/stream",
            get(threat::decisions::stream_decisions)),         // feed:read
        ("/taxii2/", get(taxii::discover)),                    // feed:read
        ("/taxii2/feeds/", get(taxii::show_root)),             // feed:read
        ("/taxii2/feeds/collections/",
            get(taxii::list_collections)),                     // feed:read
        ("/taxii2/feeds/collections/{id}/",
            get(taxii::show_collection)),                      // feed:read
        ("/taxii2/feeds/collections/{id}/objects/",
            get(taxii::list_objects)),                         // feed:read
        ("/taxii2/feeds/collections/{id}/manifest/",
            get(taxii::show_manifest)),                        // feed:read
        ("/taxii2/feeds/collections/{id}/objects/{object}/",
            get(taxii::show_object)),                          // feed:read
        ("/taxii2/feeds/collections/{id}/objects/{object}/versions/",
            get(taxii::list_versions)),                        // feed:read
        // what an organisation blocks: its rules
        ("/signal", post(threat::signal::send_signal)
            .layer(body_limit())),                             // rules:write
        ("/access-rules", get(threat::access_rules::list_rules) // read or
            .post(threat::access_rules::create_rule)           // rules:write
            .layer(rules_limit())),
        ("/access-rules/{id}", get(threat::access_rules::show_rule)
            .put(threat::access_rules::replace_rule)
            .patch(threat::access_rules::change_rule)
            .delete(threat::access_rules::remove_rule)
            .layer(rules_limit())),
        ("/protected", get(threat::protected::list_protected)
            .post(threat::protected::protect)
            .layer(body_limit())),
        ("/protected/{id}",
            delete(threat::protected::unprotect)),             // rules:write
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

fn rules_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(limits::RULES_BYTES)
}

fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(limits::BODY_BYTES)
}

/// All mounts inside the life of a request. Each endpoint is there once a
/// mount: nested routers would write every URI anew.
pub(crate) fn build(life: &Arc<Life>) -> Router {
    let mut router = Router::new();
    for (path, methods) in endpoints() {
        for mount in MOUNTS {
            router = router.route(&format!("{mount}{path}"), methods.clone());
        }
    }
    let router = middleware::stack(router.fallback(unknown), life);
    router.with_state(Arc::clone(life.app()))
}

/// The framework's own 404 would answer `HEAD` with a body.
async fn unknown() -> ApiError {
    ApiError::no_endpoint()
}

/// The path of an endpoint without its mount.
pub(crate) fn without_mount(path: &str) -> &str {
    let below = |mount: &&str| {
        let rest = path.strip_prefix(mount)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    MOUNTS.iter().find_map(below).unwrap_or(path)
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
        assert_eq!(without_mount("/apis/threat"), "/apis/threat");
    }

    #[test]
    fn the_family_is_told_by_the_first_segment_under_any_mount() {
        for mount in MOUNTS {
            for path in ["/threat", "/threat/feeds/x", "/signal", "/config"] {
                let path = format!("{mount}{path}");
                assert_eq!(Family::of(&path), Family::Threat, "{path}");
            }
            let decisions = format!("{mount}/decisions/stream");
            assert_eq!(Family::of(&decisions), Family::Bouncers);
            for path in ["/taxii2/", "/taxii2/feeds/x"] {
                let path = format!("{mount}{path}");
                assert_eq!(Family::of(&path), Family::Taxii, "{path}");
            }
            for path in ["", "/", "/threats", "/asn/1", "/feeds/edl", "/x"] {
                let path = format!("{mount}{path}");
                assert_eq!(Family::of(&path), Family::Asn, "{path}");
            }
        }
    }
}
