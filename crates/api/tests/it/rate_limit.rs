//! The rate limit: exact, per key or network, and not to be got around.

use std::{collections::BTreeSet, sync::Arc};

use asgard_api::ApiConfig;
use asgard_store::{NewKey, Scope};
use axum::http::Method;

use crate::app::{NOW, Reply, TestApp, empty, from_peer, keyed};

const PATH: &str = "/v1/asn/15169";

async fn from(app: &TestApp, peer: &str, path: &str) -> Reply {
    app.send(empty(from_peer(Method::GET, path, peer))).await
}

#[tokio::test]
async fn the_headers_count_down_and_429_says_when_to_come_back() {
    let app = TestApp::with_limit(3).await;
    for remaining in ["2", "1", "0"] {
        let reply = app.get(PATH).await;
        reply.ok();
        assert_eq!(reply.header("x-ratelimit-remaining"), remaining);
        app.pass_seconds(10);
    }
    let reply = app.get(PATH).await;
    assert_eq!(reply.refused(429), "Rate limit exceeded");
    assert_eq!(reply.header("x-ratelimit-limit"), "3");
    assert_eq!(reply.header("x-ratelimit-remaining"), "0");
    let reset: i64 = reply.header("x-ratelimit-reset").parse().unwrap();
    assert_eq!(reset, NOW + 60);
    assert_eq!(reply.header("retry-after"), "30");
    app.pass_seconds(29);
    app.get(PATH).await.refused(429);
    app.pass_seconds(1);
    app.get(PATH).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_at_once_exactly_the_limit_is_allowed() {
    const LIMIT: u32 = 50;
    let app = TestApp::with_limit(LIMIT).await;
    let tasks: Vec<_> = (0..4 * LIMIT)
        .map(|_| {
            let request = empty(keyed(Method::GET, PATH, &app.read));
            tokio::spawn(Reply::of(app.router.clone(), request))
        })
        .collect();
    let mut remaining = BTreeSet::new();
    let mut refused = 0;
    for task in tasks {
        let reply = task.await.unwrap();
        if reply.status == 200 {
            let left = reply.header("x-ratelimit-remaining").parse::<u32>();
            assert!(remaining.insert(left.unwrap()), "each number once");
        } else {
            reply.refused(429);
            refused += 1;
        }
    }
    assert!(remaining.into_iter().eq(0..LIMIT));
    assert_eq!(refused, 3 * LIMIT);
}

#[tokio::test]
async fn each_key_and_each_address_has_a_window_of_its_own() {
    let app = TestApp::with_limit(1).await;
    app.get(PATH).await.ok();
    app.get(PATH).await.refused(429);
    app.send(empty(keyed(Method::GET, PATH, &app.admin))).await.ok();
    from(&app, "192.0.2.10", "/feeds/edl").await.header("etag");
    from(&app, "192.0.2.10", "/feeds/edl").await.refused(429);
    from(&app, "192.0.2.11", "/feeds/edl").await.header("etag");
}

#[tokio::test]
async fn an_ipv6_64_and_a_mapped_address_are_one_client() {
    let app = TestApp::with_limit(1).await;
    from(&app, "2001:db8::1", "/feeds/edl").await.header("etag");
    from(&app, "2001:db8::dead:beef", "/feeds/edl").await.refused(429);
    from(&app, "2001:db8:0:1::1", "/feeds/edl").await.header("etag");
    from(&app, "::ffff:198.51.100.1", "/feeds/edl").await.header("etag");
    from(&app, "198.51.100.1", "/feeds/edl").await.refused(429);
}

#[tokio::test]
async fn no_detour_evades_the_limit() {
    let app = TestApp::with_limit(4).await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        app.get(&format!("{mount}/asn/15169")).await.ok();
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let builder = keyed(method, PATH, &app.read)
            .header("x-forwarded-for", "203.0.113.99")
            .header("if-none-match", "*");
        assert_eq!(app.send(empty(builder)).await.status, 429);
    }
    app.get("/nope").await.refused(429);
}

#[tokio::test]
async fn a_bad_key_counts_against_its_address_and_locks_nobody_else_out() {
    let app = TestApp::with_limit(2).await;
    let guess = async || {
        let builder = from_peer(Method::GET, PATH, "192.0.2.10")
            .header("x-api-key", "guess");
        app.send(empty(builder)).await
    };
    guess().await.refused(403);
    guess().await.refused(403);
    guess().await.refused(429);
    app.get(PATH).await.ok();
}

#[tokio::test]
async fn health_checks_are_never_limited_and_cost_nothing() {
    let app = TestApp::with_limit(1).await;
    for path in ["/health", "/v1/livez", "/api/readyz", "/api/v1/health"] {
        for _ in 0..3 {
            let reply = app.get(path).await;
            reply.ok();
            assert_eq!(reply.header("x-ratelimit-remaining"), "1");
        }
    }
    app.get(PATH).await.ok();
    app.get(PATH).await.refused(429);
    app.get("/health").await.ok();
}

#[tokio::test]
async fn zero_switches_the_limit_off() {
    let app = TestApp::with_limit(0).await;
    for _ in 0..150 {
        let reply = app.get(PATH).await;
        reply.ok();
        let left = reply.header("x-ratelimit-remaining");
        assert!(left.parse::<u32>().unwrap() > 0);
    }
}

#[tokio::test]
async fn each_class_of_keys_has_the_limit_of_the_configuration() {
    let classes = [("five", 5), ("free", 0)];
    let classes = classes.map(|(name, limit)| (name.to_owned(), limit));
    let app = TestApp::with_config(ApiConfig {
        rate_limit_per_minute: 3,
        rate_classes: Arc::new(classes.into()),
        ..ApiConfig::default()
    })
    .await;
    for (class, limit) in
        [(Some("five"), 5), (Some("not configured"), 3), (None, 3)]
    {
        let rate_class = class.map(ToOwned::to_owned);
        let key = NewKey { rate_class, ..NewKey::with(Scope::Read) };
        let key = app.make(key).await;
        let ask = async || {
            app.send(empty(keyed(Method::GET, "/v1/whitelist", &key))).await
        };
        for left in (0..limit).rev() {
            let reply = ask().await;
            reply.ok();
            let header = |name| reply.header(name).parse::<u32>().unwrap();
            assert_eq!(header("x-ratelimit-limit"), limit, "{class:?}");
            assert_eq!(header("x-ratelimit-remaining"), left, "{class:?}");
        }
        ask().await.refused(429);
    }
    let rate_class = Some("free".to_owned());
    let key = NewKey { rate_class, ..NewKey::with(Scope::Read) };
    let key = app.make(key).await;
    for _ in 0..50 {
        app.send(empty(keyed(Method::GET, "/v1/whitelist", &key))).await.ok();
    }
}

#[test]
fn the_default_is_100_a_minute() {
    let config = ApiConfig::default();
    assert_eq!(config.rate_limit_per_minute, 100);
}
