//! Whatever arrives, the answer is well formed and the fault is the client's.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Uri},
};
use proptest::prelude::*;

use crate::app::TestApp;

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::DELETE,
        Method::PUT,
        Method::OPTIONS,
    ])
}

/// Real paths with something strange in them, and strange paths.
fn target() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        "/(api/|v1/|api/v1/)?asn/[0-9a-zA-Z%.-]{0,12}(/history|/upstreams|/peeringdb)?",
        "/(api|v1)?/?(whitelist|status|health|livez|readyz|feeds/edl)",
        "/v1/tools/(bulk-risk-check|compare|domain-risk)",
        "/v1/whitelist/[0-9%A-F]{0,11}",
        "/[!-~]{0,30}",
    ];
    let query = prop_oneof![
        "",
        "\\?(days|limit|offset|max_score|level)=[!-~]{0,12}",
        "\\?asn_a=(15169|[!-~]{0,4})&asn_b=(64496|[!-~]{0,12})",
        "\\?domain=[!-~]{0,30}",
        "\\?[!-~]{0,30}",
    ];
    (path, query).prop_map(|(path, query)| path + &query)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "\\{\"asns\": ?\\[[0-9,. e-]{0,20}\\]?\\}?".prop_map(String::into),
        "\\{\"asn\": ?[0-9-]{0,12}, \"reason\": \"[ -~]{0,20}\"\\}"
            .prop_map(String::into),
    ]
}

fn header() -> impl Strategy<Value = HeaderValue> {
    prop::collection::vec(any::<u8>(), 0..40)
        .prop_filter_map("a header value", |bytes| {
            HeaderValue::from_bytes(&bytes).ok()
        })
}

#[test]
fn no_request_makes_the_server_fail_or_answer_without_its_headers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::start());
    let inputs = (method(), target(), body(), header(), any::<bool>());
    proptest!(|((method, target, body, strange, with_key) in inputs)| {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .header("if-none-match", strange.clone())
            .header("accept-encoding", strange.clone())
            .header("authorization", strange);
        if with_key {
            request = request.header("x-api-key", &app.admin);
        }
        let request = request.body(Body::from(body)).unwrap();
        let is_head = request.method() == Method::HEAD;
        let reply = runtime.block_on(app.send(request));
        prop_assert!(!reply.status.is_server_error(), "{}", reply.text());
        prop_assert!(reply.headers.contains_key("x-trace-id"));
        prop_assert!(reply.headers.contains_key("x-ratelimit-reset"));
        if reply.status.is_client_error() && !is_head {
            reply.refused(reply.status.as_u16());
        }
    });
}
