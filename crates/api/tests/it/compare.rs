//! `GET /tools/compare`

use serde_json::{Value, json};

use crate::{app::TestApp, world};

async fn compare(app: &TestApp, a: u32, b: u32) -> Value {
    app.get(&format!("/v1/tools/compare?asn_a={a}&asn_b={b}")).await.ok()
}

/// The summary that the profile calls for.
async fn summary(app: &TestApp, asn: u32) -> Value {
    let profile = app.get(&format!("/v1/asn/{asn}")).await.ok();
    json!({
        "asn": asn,
        "name": profile["name"],
        "country_code": profile["country_code"],
        "total_score": profile["risk_score"],
        "risk_level": profile["risk_level"],
        "hygiene_score": profile["breakdown"]["hygiene"],
        "threat_score": profile["breakdown"]["threat"],
        "stability_score": profile["breakdown"]["stability"]
    })
}

fn better(a: &Value, b: &Value, part: &str) -> Value {
    match a[part].as_u64().cmp(&b[part].as_u64()) {
        std::cmp::Ordering::Greater => a["asn"].clone(),
        std::cmp::Ordering::Equal => Value::Null,
        std::cmp::Ordering::Less => b["asn"].clone(),
    }
}

#[tokio::test]
async fn every_pair_has_the_documented_fields_with_the_profiles_numbers() {
    let app = TestApp::start().await;
    for a in world::ALL {
        for b in world::ALL {
            let body = compare(&app, a, b).await;
            let (a, b) = (summary(&app, a).await, summary(&app, b).await);
            let score = |of: &Value| of["total_score"].as_u64().unwrap();
            let comparison = json!({
                "safer_overall": better(&a, &b, "total_score"),
                "score_diff": score(&a).abs_diff(score(&b)),
                "better_hygiene": better(&a, &b, "hygiene_score"),
                "better_threat_profile": better(&a, &b, "threat_score"),
                "more_stable": better(&a, &b, "stability_score")
            });
            assert_eq!(
                body,
                json!({"asn_a": a, "asn_b": b, "comparison": comparison})
            );
        }
    }
}

#[tokio::test]
async fn the_safer_one_is_the_same_from_both_sides() {
    let app = TestApp::start().await;
    let (good, bad) = (world::GOOGLE, world::DROPPED);
    for (a, b) in [(good, bad), (bad, good)] {
        let comparison = &compare(&app, a, b).await["comparison"];
        assert_eq!(comparison["safer_overall"], good);
        assert_eq!(comparison["better_threat_profile"], good);
        assert!(comparison["score_diff"].as_u64().unwrap() > 50);
    }
}

#[tokio::test]
async fn nobody_is_better_than_itself() {
    let app = TestApp::start().await;
    assert_eq!(
        compare(&app, world::SHADY, world::SHADY).await["comparison"],
        json!({
            "safer_overall": null,
            "score_diff": 0,
            "better_hygiene": null,
            "better_threat_profile": null,
            "more_stable": null
        })
    );
}

#[tokio::test]
async fn an_invalid_number_on_either_side_is_400() {
    let app = TestApp::start().await;
    for bad in ["0", "4294967296", "-1", "%2B1", "abc", "AS1", "1.5", "", "%00"]
    {
        for query in
            [format!("asn_a={bad}&asn_b=1"), format!("asn_a=1&asn_b={bad}")]
        {
            let reply = app.get(&format!("/v1/tools/compare?{query}")).await;
            let message = reply.refused(400);
            assert!(message.starts_with("Invalid ASN"), "{query}");
        }
    }
}

#[tokio::test]
async fn one_or_both_unknown_is_404() {
    let app = TestApp::start().await;
    let absent = world::ABSENT;
    for (a, b) in [(15_169, absent), (absent, 15_169), (absent, 4_294_967_295)]
    {
        let path = format!("/v1/tools/compare?asn_a={a}&asn_b={b}");
        let message = app.get(&path).await.refused(404);
        assert_eq!(message, "One or both ASNs not found in database");
    }
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_422() {
    let app = TestApp::start().await;
    for query in [
        "",
        "asn_a=15169",
        "asn_b=15169",
        "asn_a=15169&asn_b=13335&asn_c=1",
        "asn_a=15169&asn_a=13335",
        "asn_a=15169&asn_b=13335&asn_b=1",
    ] {
        let reply = app.get(&format!("/v1/tools/compare?{query}")).await;
        let message = reply.refused(422);
        assert!(message.contains("asn_b"), "{query}: {message}");
    }
}

#[tokio::test]
async fn the_key_is_asked_for_before_the_query_is_read() {
    let app = TestApp::start().await;
    for query in ["", "asn_a=0&asn_b=0", "asn_a=15169&asn_b=13335"] {
        let path = format!("/v1/tools/compare?{query}");
        app.get_open(&path).await.refused(403);
    }
}
