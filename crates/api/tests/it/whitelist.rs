//! `/whitelist`: in effect before it is acknowledged.

use asgard_model::{Asn, Level};
use asgard_store::ChainVerdict;
use serde_json::json;

use crate::{
    app::{Fault, TestApp},
    world,
};

const PATH: &str = "/v1/whitelist";

#[tokio::test]
async fn the_documented_example_is_answered_as_documented() {
    let app = TestApp::start().await;
    let entry = json!({"asn": 64512, "reason": "Internal network"});
    let body = app.post("/api/v1/whitelist", &entry).await.ok();
    assert_eq!(
        body,
        json!({
            "status": "success",
            "message": "ASN 64512 added to whitelist."
        })
    );
}

#[tokio::test]
async fn an_entry_is_in_every_answer_before_the_write_is_acknowledged() {
    let app = TestApp::start().await;
    let mut events = app.live.events();
    let profile = format!("/v1/asn/{}", world::DROPPED);
    let before = app.get(&profile).await.ok();
    let entry = json!({"asn": world::DROPPED, "reason": "ours"});
    app.post(PATH, &entry).await.ok();
    let after = app.get(&profile).await.ok();
    assert_eq!(after["risk_score"], 100);
    assert_eq!(after["risk_level"], "LOW");
    assert_eq!(after["whitelisted"], true);
    assert_eq!(after["breakdown"]["threat"], 100);
    assert_eq!(after["details"][0]["code"], "WHITELISTED");
    let feed = app.get_open("/feeds/edl?max_score=100").await;
    assert!(!feed.text().contains("AS64496\n"));
    let batch = events.try_recv().unwrap();
    let event = batch.iter().find(|e| e.asn == Asn(world::DROPPED)).unwrap();
    assert_eq!(event.score, 100);
    assert_eq!(event.level, Level::Low);
    assert_eq!(u64::from(event.previous_score), before["risk_score"]);
}

#[tokio::test]
async fn an_unknown_network_is_scored_100_while_it_is_trusted() {
    let app = TestApp::start().await;
    let path = format!("/v1/asn/{}", world::ABSENT);
    app.get(&path).await.refused(404);
    let entry = json!({"asn": world::ABSENT, "reason": "ours"});
    app.post(PATH, &entry).await.ok();
    assert_eq!(app.get(&path).await.ok()["risk_score"], 100);
    app.delete(&format!("{PATH}/{}", world::ABSENT)).await.ok();
    app.get(&path).await.refused(404);
}

#[tokio::test]
async fn a_removal_restores_the_score_before_it_is_acknowledged() {
    let app = TestApp::start().await;
    let profile = format!("/v1/asn/{}", world::CRIMINAL);
    let before = app.get(&profile).await.ok();
    let entry = json!({"asn": world::CRIMINAL, "reason": "ours"});
    app.post(PATH, &entry).await.ok();
    let path = format!("{PATH}/{}", world::CRIMINAL);
    let body = app.delete(&path).await.ok();
    assert_eq!(body["message"], "ASN 64497 removed from whitelist.");
    let after = app.get(&profile).await.ok();
    assert_eq!(after["risk_score"], before["risk_score"]);
    app.delete(&path).await.refused(404);
    app.delete("/v1/whitelist/0").await.refused(400);
}

#[tokio::test]
async fn the_list_shows_who_trusts_whom_and_why() {
    let app = TestApp::start().await;
    for (asn, reason) in [(64512, "old"), (3333, "RIPE"), (64512, "new")] {
        app.post(PATH, &json!({"asn": asn, "reason": reason})).await.ok();
    }
    let author = app.admin.split('_').nth(2).unwrap();
    let entry = |asn: u32, reason: &str| {
        json!({
            "asn": asn,
            "reason": reason,
            "added_at": "2026-03-29T10:00:00Z",
            "added_by": author
        })
    };
    assert_eq!(
        app.get(PATH).await.ok(),
        json!({
            "total": 2,
            "data": [entry(3333, "RIPE"), entry(64512, "new")]
        })
    );
}

#[tokio::test]
async fn every_write_is_in_the_audit_log_under_its_key() {
    let app = TestApp::start().await;
    let before = app.store.audit.appended().await.unwrap();
    app.post(PATH, &json!({"asn": 1, "reason": "x"})).await.ok();
    app.delete("/v1/whitelist/1").await.ok();
    let log = app.store.audit.list(before, 10).await.unwrap();
    let deeds: Vec<_> = log.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(deeds, ["whitelist.put", "whitelist.remove"]);
    let author = app.admin.split('_').nth(2).unwrap();
    assert!(log.iter().all(|e| e.actor == author && e.object == "AS1"));
    let chain = app.store.audit.verify_chain().await.unwrap();
    assert!(matches!(chain, ChainVerdict::Intact { .. }));
}

#[tokio::test]
async fn limits_of_an_entry_are_inclusive_and_beyond_them_is_422() {
    let app = TestApp::start().await;
    let reason = |n: usize| "é".repeat(n);
    for good in [
        json!({"asn": 1, "reason": "x"}),
        json!({"asn": 4_294_967_295_u32, "reason": reason(500)}),
    ] {
        app.post(PATH, &good).await.ok();
    }
    for bad in [
        json!({"asn": 0, "reason": "x"}),
        json!({"asn": 4_294_967_296_u64, "reason": "x"}),
        json!({"asn": -1, "reason": "x"}),
        json!({"asn": "1", "reason": "x"}),
        json!({"asn": 1, "reason": ""}),
        json!({"asn": 1, "reason": reason(501)}),
        json!({"asn": 1, "reason": null}),
        json!({"asn": 1}),
        json!({"reason": "x"}),
        json!({"asn": 1, "reason": "x", "added_by": "me"}),
    ] {
        let message = app.post(PATH, &bad).await.refused(422);
        assert!(message.contains("reason"), "{bad}: {message}");
    }
    assert_eq!(app.get(PATH).await.ok()["total"], 2);
}

#[tokio::test]
async fn a_write_that_could_not_take_effect_is_not_acknowledged() {
    let app = TestApp::start().await;
    app.publisher.fail(Fault::Error);
    let entry = json!({"asn": world::DROPPED, "reason": "x"});
    let reply = app.post(PATH, &entry).await;
    let message = reply.refused(503);
    assert!(message.contains("stored"), "{message}");
    assert_eq!(reply.header("retry-after"), "5");
    app.publisher.fail(Fault::None);
    app.post(PATH, &entry).await.ok();
    let profile = app.get(&format!("/v1/asn/{}", world::DROPPED)).await;
    assert_eq!(profile.ok()["risk_score"], 100);
}

#[tokio::test]
async fn before_the_first_snapshot_a_write_is_kept_for_it() {
    let app = TestApp::without_world(0).await;
    let entry = json!({"asn": world::DROPPED, "reason": "x"});
    app.post(PATH, &entry).await.ok();
    app.publisher.set_world(world::world());
    app.post(PATH, &json!({"asn": 1, "reason": "x"})).await.ok();
    let profile = app.get(&format!("/v1/asn/{}", world::DROPPED)).await;
    assert_eq!(profile.ok()["risk_score"], 100);
}
