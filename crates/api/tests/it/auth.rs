//! Keys: three carriers, what each scope opens, and whose fault it is.

use asgard_store::{NewKey, Scope, Scopes};
use axum::http::{Method, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::json;

use crate::app::{NOW, TestApp, empty, keyed, request};

/// Every endpoint, by what it asks of a key. A body where one is needed.
const ENDPOINTS: [(&str, Method, &str, &str); 17] = [
    ("read", Method::GET, "/v1/asn/15169", ""),
    ("read", Method::GET, "/v1/asn/15169/upstreams", ""),
    ("read", Method::GET, "/v1/asn/15169/history", ""),
    ("read", Method::GET, "/v1/status", ""),
    ("tools", Method::POST, "/v1/tools/bulk-risk-check", BULK),
    ("tools", Method::GET, "/v1/tools/compare?asn_a=15169&asn_b=13335", ""),
    ("tools", Method::GET, "/v1/tools/domain-risk?domain=8.8.8.8", ""),
    ("whitelist", Method::GET, "/v1/whitelist", ""),
    ("write", Method::POST, "/v1/whitelist", ENTRY),
    ("write", Method::DELETE, "/v1/whitelist/64500", ""),
    ("open", Method::GET, "/feeds/edl", ""),
    ("open", Method::GET, "/health", ""),
    ("open", Method::GET, "/readyz", ""),
    ("open", Method::GET, "/metrics", ""),
    ("open", Method::GET, "/openapi.json", ""),
    ("open", Method::GET, "/docs", ""),
    ("open", Method::GET, "/redoc", ""),
];

const BULK: &str = r#"{"asns": [15169]}"#;
const ENTRY: &str = r#"{"asn": 64500, "reason": "a lab"}"#;

/// What each scope opens; everything else is 403.
const OPENS: [(&str, &[&str]); 13] = [
    ("admin", &["read", "tools", "whitelist", "write", "open"]),
    ("read", &["read", "tools", "whitelist", "open"]),
    ("feed:read", &["open"]),
    ("stream", &["open"]),
    ("tools", &["tools", "open"]),
    ("allow:write", &["whitelist", "write", "open"]),
    ("rules:write", &["open"]),
    ("keys:admin", &["open"]),
    ("audit:read", &["open"]),
    // A set opens what any of its scopes opens, and nothing more.
    ("read,allow:write", &["read", "tools", "whitelist", "write", "open"]),
    ("tools,allow:write", &["tools", "whitelist", "write", "open"]),
    ("stream,feed:read,keys:admin,audit:read", &["open"]),
    ("admin,stream", &["read", "tools", "whitelist", "write", "open"]),
];

#[tokio::test]
async fn each_set_of_scopes_opens_exactly_its_endpoints() {
    let app = TestApp::start().await;
    for (scope, name) in Scope::VALUES {
        assert!(OPENS.iter().any(|(text, _)| *text == name), "{scope}");
    }
    for (scopes, opens) in OPENS {
        let scopes: Scopes = scopes.parse().unwrap();
        let key = app.new_key(scopes, None).await;
        for (class, method, path, body) in ENDPOINTS {
            let request = keyed(method.clone(), path, &key)
                .header("content-type", "application/json")
                .body(body.into())
                .unwrap();
            let reply = app.send(request).await;
            match opens.contains(&class) {
                true => {
                    assert_eq!(reply.status, 200, "{scopes} {method} {path}");
                }
                false => {
                    let message = reply.refused(403);
                    assert!(
                        message.starts_with("This needs an API key with scope"),
                        "{scopes} {method} {path}: {message}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_answered_with_all_that_would_do() {
    let app = TestApp::start().await;
    let key = app.new_key(Scope::AuditRead, None).await;
    for (path, scopes) in [
        ("/v1/status", "admin or read"),
        ("/v1/tools/compare", "admin, read or tools"),
        ("/v1/whitelist", "admin, read or allow:write"),
    ] {
        let reply = app.send(empty(keyed(Method::GET, path, &key))).await;
        let message = reply.refused(403);
        let expected = format!("This needs an API key with scope {scopes}");
        assert_eq!(message, expected, "{path}");
    }
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_new_one_until_its_end() {
    let app = TestApp::start().await;
    let now = Timestamp::from_second(NOW).unwrap();
    let key = NewKey::with(Scope::Read);
    let (record, old) = app.store.keys.create(key, "cli", now).await.unwrap();
    let end = Timestamp::from_second(NOW + 3_600).unwrap();
    let rotation = app.store.keys.rotate(record.id, end, "cli", now).await;
    let new = rotation.unwrap().unwrap().key;
    app.reload_keys().await;
    let ask =
        async |key: &str| app.send(empty(keyed(Method::GET, PATH, key))).await;
    app.pass_seconds(3_599);
    ask(old.reveal()).await.ok();
    ask(new.reveal()).await.ok();
    app.pass_seconds(1);
    let message = ask(old.reveal()).await.refused(403);
    assert!(message.ends_with("has expired"), "{message}");
    ask(new.reveal()).await.ok();
}

const PATH: &str = "/v1/asn/15169";

#[tokio::test]
async fn a_key_opens_the_door_from_every_carrier() {
    let app = TestApp::start().await;
    let basic = STANDARD.encode(format!("api:{}", app.read));
    for (name, value) in [
        ("x-api-key", app.read.clone()),
        ("authorization", format!("Bearer {}", app.read)),
        ("authorization", format!("bearer {}", app.read)),
        ("authorization", format!("Basic {basic}")),
    ] {
        let builder = request(Method::GET, PATH).header(name, &value);
        let reply = app.send(empty(builder)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {value}");
    }
}

#[tokio::test]
async fn without_a_good_key_there_is_403_and_one_message() {
    let app = TestApp::start().await;
    let wrong_user = STANDARD.encode(format!("root:{}", app.read));
    let other = TestApp::start().await.read;
    for (name, value) in [
        ("x-other", "x".to_owned()),
        ("x-api-key", String::new()),
        ("x-api-key", "guess".into()),
        ("x-api-key", other),
        ("authorization", "Basic !!!".into()),
        ("authorization", format!("Basic {wrong_user}")),
        ("authorization", format!("Digest {}", app.read)),
    ] {
        let builder = request(Method::GET, PATH).header(name, &value);
        let message = app.send(empty(builder)).await.refused(403);
        assert_eq!(message, "Invalid or missing API key", "{value}");
    }
    let query = format!("{PATH}?api_key={}", app.read);
    app.get_open(&query).await.refused(403);
}

#[tokio::test]
async fn the_bearer_of_an_old_key_learns_why_it_fails() {
    let app = TestApp::start().await;
    let end = Timestamp::from_second(NOW + 10).unwrap();
    let key = app.new_key(Scope::Read, Some(end)).await;
    let ask = async || app.send(empty(keyed(Method::GET, PATH, &key))).await;
    ask().await.ok();
    app.pass_seconds(10);
    let message = ask().await.refused(403);
    assert!(message.ends_with("has expired"), "{message}");
    let id = key.split('_').nth(2).unwrap().parse().unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    assert!(app.store.keys.revoke(id, "cli", now).await.unwrap());
    app.reload_keys().await;
    let message = ask().await.refused(403);
    assert!(message.ends_with("is revoked"), "{message}");
}

#[tokio::test]
async fn a_reader_may_not_write_and_is_told_which_scope_may() {
    let app = TestApp::start().await;
    let body = json!({"asn": 1, "reason": "x"}).to_string();
    let post = keyed(Method::POST, "/v1/whitelist", &app.read)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    let message = app.send(post).await.refused(403);
    assert!(message.contains("scope admin or allow:write"), "{message}");
    let delete = keyed(Method::DELETE, "/v1/whitelist/1", &app.read);
    app.send(empty(delete)).await.refused(403);
    assert!(app.store.whitelist.list().await.unwrap().is_empty());
    let read = keyed(Method::GET, PATH, &app.admin);
    app.send(empty(read)).await.ok();
}

#[tokio::test]
async fn strangers_learn_nothing_about_what_would_be_valid() {
    let app = TestApp::start().await;
    for path in [
        "/v1/asn/0",
        "/v1/asn/64500",
        "/v1/asn/1/history?days=0",
        "/v1/whitelist",
        "/v1/status",
    ] {
        app.get_open(path).await.refused(403);
    }
    for path in ["/v1/whitelist", "/v1/tools/bulk-risk-check"] {
        app.send(empty(request(Method::POST, path))).await.refused(403);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_checked_are_our_fault() {
    let app = TestApp::start().await;
    let stranger = TestApp::start().await.read;
    app.live.keys_unreachable();
    app.get(PATH).await.ok();
    let unknown = app.send(empty(keyed(Method::GET, PATH, &stranger))).await;
    unknown.refused(503);
    assert_eq!(unknown.header("retry-after"), "5");
    let malformed = keyed(Method::GET, PATH, "guess");
    app.send(empty(malformed)).await.refused(403);
    app.get_open(PATH).await.refused(403);
    app.live.keys_unchanged();
    app.send(empty(keyed(Method::GET, PATH, &stranger))).await.refused(403);
}
