//! `/openapi.json`, `/docs`, `/redoc`: complete, and from nowhere else.

use axum::http::StatusCode;

use crate::app::TestApp;

#[tokio::test]
async fn the_document_is_openapi_3_1_with_every_operation_under_v1() {
    let app = TestApp::start().await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let reply = app.get_open(&format!("{mount}/openapi.json")).await;
        let document = reply.ok();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.keys().all(|path| path.starts_with("/v1/")));
        let profile = &document["components"]["schemas"]["Profile"];
        assert_eq!(profile["properties"]["asn"]["type"], "integer");
        assert!(reply.headers.contains_key("etag"));
    }
}

/// The addresses that a page loads.
fn loads(page: &str) -> Vec<&str> {
    let marks = ["src=\"", "href=\"", "spec-url=\""];
    let found = marks.iter().flat_map(|mark| page.split(mark).skip(1));
    found.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_pages_load_nothing_that_this_server_does_not_have() {
    let app = TestApp::start().await;
    for mount in ["/api/v1/", "/v1/", "/api/", "/"] {
        for page in ["docs", "redoc"] {
            let reply = app.get_open(&format!("{mount}{page}")).await;
            assert_eq!(reply.status, StatusCode::OK);
            let policy = reply.header("content-security-policy").to_owned();
            assert!(policy.starts_with("default-src 'self';"), "{policy}");
            let text = reply.text();
            let files = loads(text);
            assert!(files.len() >= 3, "{files:?}");
            for file in files.iter().filter(|file| **file != "data:,") {
                let file = app.get_open(&format!("{mount}{file}")).await;
                assert_eq!(file.status, StatusCode::OK);
            }
        }
    }
    app.get_open("/docs/nothing.js").await.refused(404);
}
