//! Every endpoint under every mount.

use axum::http::Method;
use serde_json::json;

use crate::app::{TestApp, empty, request};

#[tokio::test]
async fn every_endpoint_answers_alike_under_all_four_mounts() {
    let app = TestApp::start().await;
    for path in [
        "/asn/15169",
        "/asn/15169/upstreams",
        "/asn/15169/prefixes",
        "/asn/15169/incidents",
        "/asn/15169/history",
        "/asn/15169/peeringdb",
        "/ip/8.8.8.8",
        "/prefix/8.8.8.0/24",
        "/tools/compare?asn_a=15169&asn_b=13335",
        "/tools/domain-risk?domain=8.8.8.8",
        "/feeds/edl",
        "/gateway/table",
        "/whitelist",
        "/status",
        "/health",
        "/livez",
        "/readyz",
    ] {
        let bare = app.get(path).await;
        assert_eq!(bare.status, 200, "{path}");
        for mount in ["/api/v1", "/v1", "/api"] {
            let reply = app.get(&format!("{mount}{path}")).await;
            assert_eq!(reply.status, 200, "{mount}{path}");
            assert_eq!(reply.body, bare.body, "{mount}{path}");
        }
    }
}

#[tokio::test]
async fn writes_and_bulk_answer_under_all_four_mounts() {
    let app = TestApp::start().await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let path = format!("{mount}/tools/bulk-risk-check");
        let body = app.post(&path, &json!({"asns": [15169]})).await.ok();
        assert_eq!(body["total"], 1);
        let entry = json!({"asn": 64512, "reason": "Internal network"});
        app.post(&format!("{mount}/whitelist"), &entry).await.ok();
        app.delete(&format!("{mount}/whitelist/64512")).await.ok();
    }
}

#[tokio::test]
async fn no_mount_is_a_way_around_the_key() {
    let app = TestApp::start().await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        for path in [
            "/asn/15169",
            "/asn/15169/upstreams",
            "/asn/15169/prefixes",
            "/asn/15169/incidents",
            "/asn/15169/history",
            "/asn/15169/peeringdb",
            "/ip/8.8.8.8",
            "/prefix/8.8.8.0/24",
            "/tools/domain-risk?domain=8.8.8.8",
            "/tools/compare?asn_a=15169&asn_b=13335",
            "/status",
            "/gateway/table",
            "/gateway/table/changes?since=0",
        ] {
            app.get_open(&format!("{mount}{path}")).await.refused(403);
        }
        let delete = request(Method::DELETE, &format!("{mount}/whitelist/1"));
        app.send(empty(delete)).await.refused(403);
    }
}
