//! The whitelist, by API and by command, and bulk checks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    http::{Reply, Request},
    server::{Server, eventually},
    world::{World, numbers},
};

/// A private number that no generated world holds.
const NOBODY: u32 = 65_000;
/// A running server notices within this.
const SOON: Duration = Duration::from_secs(1);

/// A world, a server on it, a key that writes, and a network in the EDL.
struct Scene {
    world: World,
    server: Server,
    key: String,
    bad: u32,
}

impl Scene {
    fn new() -> Self {
        let world = World::tiny();
        let key = world.key("admin");
        let server = world.serve().ready();
        let bad = numbers(&world.truth().bulletproof)[0];
        assert!(server.edl().contains(&bad));
        Self { world, server, key, bad }
    }

    fn profile(&self, asn: u32) -> Reply {
        let path = format!("/v1/asn/{asn}");
        self.server.ask(Request::get(&path).key(&self.key))
    }

    fn trust(&self, asn: u32) -> Value {
        let body = json!({ "asn": asn, "reason": "ours" }).to_string();
        let request = Request::post("/v1/whitelist", &body).key(&self.key);
        self.server.ask(request).ok()
    }

    fn distrust(&self, asn: u32) -> Reply {
        let path = format!("/v1/whitelist/{asn}");
        self.server.ask(Request::delete(&path).key(&self.key))
    }
}

#[test]
fn a_whitelisted_network_has_score_100_when_the_write_is_answered() {
    let scene = Scene::new();
    scene.trust(scene.bad);
    let profile = scene.profile(scene.bad).ok();
    assert_eq!(profile["risk_score"], 100);
    assert_eq!(profile["risk_level"], "LOW");
    let parts = json!({ "hygiene": 100, "threat": 100, "stability": 100 });
    assert_eq!(profile["breakdown"], parts);
}

#[test]
fn a_whitelisted_network_is_gone_from_the_edl_when_the_write_is_answered() {
    let scene = Scene::new();
    let before = scene.server.edl();
    scene.trust(scene.bad);
    let rest: Vec<u32> =
        before.into_iter().filter(|&asn| asn != scene.bad).collect();
    assert_eq!(scene.server.edl(), rest);
}

#[test]
fn a_network_that_nobody_knows_can_be_whitelisted() {
    let scene = Scene::new();
    assert_eq!(scene.profile(NOBODY).status, 404);
    let done = scene.trust(NOBODY);
    assert_eq!(done["status"], "success");
    assert_eq!(done["message"], "ASN 65000 added to whitelist.");
    assert_eq!(scene.profile(NOBODY).ok()["risk_score"], 100);
}

#[test]
fn a_deleted_entry_brings_score_and_edl_back() {
    let scene = Scene::new();
    let (edl, profile) = (scene.server.edl(), scene.profile(scene.bad).ok());
    scene.trust(scene.bad);
    assert_eq!(scene.distrust(scene.bad).status, 200);
    assert_eq!(scene.server.edl(), edl);
    let back = scene.profile(scene.bad).ok();
    assert_eq!(back["score_exact"], profile["score_exact"]);
}

#[test]
fn a_deleted_entry_of_an_unknown_network_makes_it_unknown_again() {
    let scene = Scene::new();
    scene.trust(NOBODY);
    assert_eq!(scene.distrust(NOBODY).status, 200);
    assert_eq!(scene.profile(NOBODY).status, 404);
    assert_eq!(scene.distrust(NOBODY).status, 404);
}

#[test]
fn the_command_takes_effect_on_a_running_server_within_a_second() {
    let scene = Scene::new();
    let asn = scene.bad.to_string();
    let add = ["whitelist", "add", &asn, "--reason", "ours"];
    scene.world.administer(&add).exits(0);
    eventually("it is trusted", SOON, || {
        let trusted = scene.profile(scene.bad).ok()["risk_score"] == 100;
        (trusted && !scene.server.edl().contains(&scene.bad)).then_some(())
    });
    scene.world.administer(&["whitelist", "remove", &asn]).exits(0);
    eventually("it is trusted no longer", SOON, || {
        scene.server.edl().contains(&scene.bad).then_some(())
    });
}

#[test]
fn the_whitelist_survives_a_restart() {
    let scene = Scene::new();
    scene.trust(scene.bad);
    let Scene { world, server, key, bad } = scene;
    server.stop().exits(0);
    let server = world.serve().ready();
    let list = server.read("/v1/whitelist", &key);
    assert_eq!(list["data"][0]["asn"], bad, "{list}");
    assert!(!server.edl().contains(&bad));
}

#[test]
fn entries_that_make_no_sense_are_422_and_change_nothing() {
    let scene = Scene::new();
    let long = "x".repeat(501);
    for body in [
        json!({ "asn": 0, "reason": "x" }),
        json!({ "asn": 4_294_967_296_u64, "reason": "x" }),
        json!({ "asn": 1, "reason": "" }),
        json!({ "asn": 1, "reason": long }),
        json!({ "asn": 1 }),
    ] {
        let body = body.to_string();
        let request = Request::post("/v1/whitelist", &body).key(&scene.key);
        assert_eq!(scene.server.ask(request).status, 422, "{body}");
    }
    let list = scene.server.read("/v1/whitelist", &scene.key);
    assert_eq!(list["total"], 0);
}

#[test]
fn writes_at_the_same_time_are_all_kept() {
    let scene = Scene::new();
    let asns: Vec<u32> = (65_000..65_032).collect();
    std::thread::scope(|scope| {
        for asns in asns.chunks(8) {
            let scene = &scene;
            scope
                .spawn(move || asns.iter().for_each(|&a| drop(scene.trust(a))));
        }
    });
    let results = scene.server.bulk(&scene.key, &asns);
    assert!(results.iter().all(|r| r["score"] == 100), "{results:?}");
}

#[test]
fn bulk_keeps_order_and_duplicates_and_names_the_unknown() {
    let scene = Scene::new();
    let asns = [13_335, NOBODY, 15_169, 13_335];
    let results = scene.server.bulk(&scene.key, &asns);
    let shown: Vec<u64> =
        results.iter().filter_map(|r| r["asn"].as_u64()).collect();
    assert_eq!(shown, asns.map(u64::from));
    assert_eq!(results[0], results[3]);
    let unknown = &results[1];
    assert_eq!(unknown["score"], Value::Null);
    assert_eq!(unknown["score_exact"], Value::Null);
    assert_eq!(unknown["level"], "UNKNOWN");
    assert_eq!(unknown["name"], "Unknown");
}

#[test]
fn bulk_scores_are_those_of_the_profiles() {
    let scene = Scene::new();
    let asns = numbers(&scene.world.truth().asns);
    for result in scene.server.bulk(&scene.key, &asns) {
        let asn = result["asn"].as_u64().and_then(|n| u32::try_from(n).ok());
        let profile = scene.profile(asn.expect("a number")).ok();
        assert_eq!(result["score"], profile["risk_score"]);
        assert_eq!(result["score_exact"], profile["score_exact"]);
        assert_eq!(result["level"], profile["risk_level"]);
        assert_eq!(result["name"], profile["name"]);
    }
}

#[test]
fn bulk_takes_1000_networks_and_refuses_1001() {
    let scene = Scene::new();
    let check = |count: u32| {
        let asns: Vec<u32> = (1..=count).collect();
        let body = json!({ "asns": asns }).to_string();
        let path = "/v1/tools/bulk-risk-check";
        scene.server.ask(Request::post(path, &body).key(&scene.key))
    };
    assert_eq!(check(1000).ok()["total"], 1000);
    assert_eq!(check(1001).status, 422);
}
