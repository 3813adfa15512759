//! Every error has the envelope, whoever made it.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use crate::app::{Fault, TestApp, empty, keyed, request};

#[tokio::test]
async fn an_unknown_route_is_404_with_the_envelope() {
    let app = TestApp::start().await;
    for path in ["/", "/nope", "/v1", "/api/v1/", "/v1/asn", "/v2/health"] {
        app.get(path).await.refused(404);
        app.get_open(path).await.refused(404);
    }
    app.get("/v1/<script>".replace(['<', '>'], "%3C").as_str())
        .await
        .refused(404);
}

#[tokio::test]
async fn a_wrong_method_is_405_with_the_envelope_and_allow() {
    let app = TestApp::start().await;
    for (method, path, allow) in [
        (Method::POST, "/v1/asn/1", "GET,HEAD"),
        (Method::DELETE, "/feeds/edl", "GET,HEAD"),
        (Method::GET, "/v1/tools/bulk-risk-check", "POST"),
        (Method::PUT, "/v1/whitelist", "GET,HEAD,POST"),
        (Method::GET, "/v1/whitelist/1", "DELETE"),
        (Method::OPTIONS, "/health", "GET,HEAD"),
    ] {
        let reply = app.send(empty(request(method, path))).await;
        reply.refused(405);
        assert_eq!(reply.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_413() {
    let app = TestApp::start().await;
    for path in ["/v1/whitelist", "/v1/tools/bulk-risk-check"] {
        let body = " ".repeat((1 << 20) + 1);
        app.post_text(path, body).await.refused(413);
        let fits = " ".repeat(1 << 20);
        app.post_text(path, fits).await.refused(422);
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_by_type_is_415() {
    let app = TestApp::start().await;
    for content_type in [None, Some("text/plain"), Some("text/json")] {
        let mut builder =
            keyed(Method::POST, "/v1/tools/bulk-risk-check", &app.read);
        if let Some(value) = content_type {
            builder = builder.header("content-type", value);
        }
        let request: Request<Body> =
            builder.body("{\"asns\": []}".into()).unwrap();
        app.send(request).await.refused(415);
    }
}

#[tokio::test]
async fn a_panic_is_500_and_the_next_request_is_answered() {
    let app = TestApp::start().await;
    app.publisher.fail(Fault::Panic);
    let entry = json!({"asn": 1, "reason": "x"});
    let message = app.post("/v1/whitelist", &entry).await.refused(500);
    assert_eq!(message, "Internal server error");
    app.publisher.fail(Fault::None);
    app.post("/v1/whitelist", &entry).await.ok();
}

#[tokio::test]
async fn what_the_client_sent_is_never_repeated() {
    let app = TestApp::start().await;
    let marker = "x7Zq";
    for path in [
        format!("/v1/asn/{marker}"),
        format!("/{marker}"),
        format!("/feeds/edl?level={marker}"),
        format!("/feeds/edl?{marker}=1"),
        format!("/v1/asn/1/history?days={marker}"),
    ] {
        let builder = keyed(Method::GET, &path, &app.read)
            .header("x-trace-id", marker)
            .header("x-request-id", marker);
        let reply = app.send(empty(builder)).await;
        assert!(reply.status.is_client_error());
        assert!(!reply.text().contains(marker), "{}", reply.text());
        let headers = format!("{:?}", reply.headers);
        assert!(!headers.contains(marker), "{headers}");
    }
    let entry = json!({"asn": 1, marker: marker});
    let reply = app.post("/v1/whitelist", &entry).await;
    assert!(!reply.refused(422).contains(marker));
}
