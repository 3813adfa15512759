//! `POST /tools/bulk-risk-check`

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, keyed},
    world,
};

const PATH: &str = "/v1/tools/bulk-risk-check";

#[tokio::test]
async fn order_and_duplicates_are_kept_and_unknown_ones_are_null() {
    let app = TestApp::start().await;
    let asns = [world::DROPPED, world::GOOGLE, world::ABSENT, world::DROPPED];
    let body = app.post(PATH, &json!({ "asns": asns })).await.ok();
    assert_eq!(body["total"], 4);
    let results = body["results"].as_array().unwrap();
    let order: Vec<_> = results.iter().map(|r| r["asn"].clone()).collect();
    assert_eq!(order, asns);
    assert_eq!(results[0], results[3]);
    assert_eq!(results[1]["level"], "LOW");
    assert_eq!(results[1]["name"], "GOOGLE");
    assert_eq!(
        results[2],
        json!({
            "asn": world::ABSENT,
            "score": null,
            "level": "UNKNOWN",
            "name": "Unknown",
            "score_exact": null
        })
    );
}

#[tokio::test]
async fn an_item_says_what_the_profile_says() {
    let app = TestApp::start().await;
    let body = app.post(PATH, &json!({ "asns": world::ALL })).await.ok();
    for item in body["results"].as_array().unwrap() {
        let path = format!("/v1/asn/{}", item["asn"]);
        let profile = app.get(&path).await.ok();
        assert_eq!(item["score"], profile["risk_score"]);
        assert_eq!(item["level"], profile["risk_level"]);
        assert_eq!(item["score_exact"], profile["score_exact"]);
        let name = match &profile["name"] {
            Value::Null => json!("Unknown"),
            name => name.clone(),
        };
        assert_eq!(item["name"], name);
    }
}

#[tokio::test]
async fn a_reader_may_check_and_an_empty_list_is_fine() {
    let app = TestApp::start().await;
    let post = keyed(Method::POST, PATH, &app.read)
        .header("content-type", "application/json")
        .body("{\"asns\": []}".into())
        .unwrap();
    let body = app.send(post).await.ok();
    assert_eq!(body, json!({"results": [], "total": 0}));
}

#[tokio::test]
async fn a_thousand_pass_and_one_more_is_refused() {
    let app = TestApp::start().await;
    let mut asns = vec![world::GOOGLE; 1000];
    let body = app.post(PATH, &json!({ "asns": asns })).await.ok();
    assert_eq!(body["total"], 1000);
    assert_eq!(body["results"].as_array().unwrap().len(), 1000);
    asns.push(1);
    app.post(PATH, &json!({ "asns": asns })).await.refused(422);
}

#[tokio::test]
async fn what_is_no_list_of_as_numbers_is_422_and_not_repeated() {
    let app = TestApp::start().await;
    for body in [
        json!({"asns": [0]}),
        json!({"asns": [-1]}),
        json!({"asns": [4_294_967_296_u64]}),
        json!({"asns": [1.5]}),
        json!({"asns": ["evil"]}),
        json!({"asns": "evil"}),
        json!({"asns": null}),
        json!({"evil": [1]}),
        json!([1, 2]),
        json!(null),
    ] {
        let message = app.post(PATH, &body).await.refused(422);
        assert!(message.contains("asns"), "{body}: {message}");
        assert!(!message.contains("evil"), "{body}: {message}");
    }
    let deep = "[".repeat(100_000);
    for text in ["", "{", "{\"asns\": [1,]}", "\u{feff}{}", &deep] {
        let message = app.post_text(PATH, text.to_owned()).await.refused(422);
        assert!(message.contains("line"), "{message}");
    }
}
