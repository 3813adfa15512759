//! 304 for a profile that the client has, before anything is routed.
//!
//! Who watches networks asks for the same profiles again and again, and most
//! have not changed. Such an answer has no body and no handler to wait for; to
//! route the request, extend it and box its futures would be half of the cost.
//! The phases are those of every request (see [`super`]), with the same code.
//! Whatever would not end in 304 is left to the usual way, uncounted.

use std::time::Instant;

use asgard_model::Asn;
use asgard_store::Permission;
use axum::{
    http::{Method, Request},
    response::{IntoResponse, Response},
};

use super::{
    Life, compression, envelope,
    etag::Held,
    rate_limit, seal,
    timing::{self, Stopwatch},
};
use crate::{
    auth::Identity,
    client_address::ClientAddress,
    coding::Coding,
    request,
    router::{Family, MOUNTS},
    server::Connection,
};

/// As it is registered, without mount.
const ENDPOINT: &str = "/asn/{asn}";
/// The same under each of [`MOUNTS`].
const ROUTES: [&str; 4] =
    ["/api/v1/asn/{asn}", "/v1/asn/{asn}", "/api/asn/{asn}", ENDPOINT];

impl Life {
    /// 304, or 429 for who would get it and has used up its window.
    pub(crate) fn at_once<B>(
        &self,
        request: &Request<B>,
        connection: &Connection,
    ) -> Option<Response> {
        let (route, asn) = profile(request)?;
        let headers = request.headers();
        let held = Held::of(request.method(), headers);
        let app = &*self.app;
        // A browser of another origin gets more headers.
        if !app.config.cors_origins.is_empty() {
            return None;
        }
        let (kept, hit) = app.published().ok()?.profile(asn)?;
        if !held.names(kept.etag()) {
            return None;
        }
        let started = Instant::now();
        let now = app.now();
        let trusted = &app.config.trusted_proxies;
        let peer = connection.peer().ip().to_canonical();
        let client = ClientAddress::find(peer, headers, trusted);
        let identity = Identity::establish(
            headers,
            None,
            Some(connection),
            client,
            &app.live,
            now,
        );
        if !identity.may(Permission::Read) {
            return None;
        }
        let id = self.traces.next(now);
        let turnstile =
            self.windows.turnstile(ENDPOINT, &identity, client, now);
        let verdict = turnstile.count();
        let response = if verdict.allowed {
            if hit {
                app.metrics.cache_hit(crate::metrics::Tier::L1);
            }
            let coding = Coding::accepted(headers);
            let response = kept.unchanged_json();
            compression::describe_unchanged(coding, kept.body(), response)
        } else {
            app.metrics.rate_limited();
            let refusal = rate_limit::refusal(verdict, now).into_response();
            envelope::wrap(refusal, Family::Asn, &id)
        };
        let method = request.method();
        let key = timing::key_of(&identity);
        let watch = Stopwatch { started, id: &id, method, route, client, key };
        Some(seal(app, &turnstile, verdict, &watch, response))
    }
}

/// The network whose profile is asked for by its plain path, and the route.
fn profile<B>(request: &Request<B>) -> Option<(&'static str, Asn)> {
    if request.method() != Method::GET || request.uri().query().is_some() {
        return None;
    }
    let path = request.uri().path();
    let mut routes = MOUNTS.iter().zip(ROUTES);
    routes.find_map(|(mount, route)| {
        let rest = path.strip_prefix(mount)?.strip_prefix("/asn/")?;
        Some((route, request::asn(rest).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_the_endpoint_under_every_mount() {
        let routes = MOUNTS.map(|mount| format!("{mount}{ENDPOINT}"));
        assert_eq!(routes, ROUTES);
    }

    #[test]
    fn only_the_plain_path_of_a_profile_is_taken() {
        let asked = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri);
            profile(&request.body(()).unwrap())
        };
        for mount in MOUNTS {
            let found = asked("GET", &format!("{mount}/asn/64496"));
            let route = format!("{mount}{ENDPOINT}");
            assert_eq!(found, Some((route.as_str(), Asn(64_496))));
        }
        for (method, uri) in [
            ("HEAD", "/v1/asn/64496"),
            ("GET", "/v1/asn/64496?x=1"),
            ("GET", "/v1/asn/64496/"),
            ("GET", "/v1/asn/%36"),
            ("GET", "/v1/asn/0"),
            ("GET", "/v1/asn/AS64496"),
            ("GET", "/v1/asn/64496/history"),
            ("GET", "/v2/asn/64496"),
        ] {
            assert!(asked(method, uri).is_none(), "{method} {uri}");
        }
    }
}
