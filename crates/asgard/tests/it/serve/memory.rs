//! What a restart remembers, and what history holds.

use serde_json::Value;

use crate::{
    server::Server,
    world::{World, empty, numbers},
};

#[test]
fn a_restart_serves_the_last_snapshot_before_its_first_cycle() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let log = world.serve().settled().stop().stderr;
    let restored = log.find("last snapshot restored").expect(&log);
    assert!(restored < log.find("source read").expect(&log), "{log}");
}

#[test]
fn a_restart_on_the_same_data_gives_the_same_scores() {
    let world = World::tiny();
    let key = world.key("read");
    let asns = numbers(&world.truth().asns);
    let server = world.serve().settled();
    let before = server.bulk(&key, &asns);
    server.stop().exits(0);
    assert_eq!(world.serve().settled().bulk(&key, &asns), before);
}

#[test]
fn a_restart_without_the_files_of_the_mirror_still_serves() {
    let world = World::tiny();
    let key = world.key("read");
    let asns = numbers(&world.truth().asns);
    let server = world.serve().settled();
    let (before, edl) = (server.bulk(&key, &asns), server.edl());
    server.stop().exits(0);
    empty(&world.mirror());
    let server = world.serve().ready();
    server.wait_for_log("cycle failed");
    assert_eq!(server.bulk(&key, &asns), before);
    assert_eq!(server.edl(), edl);
}

#[test]
fn a_snapshot_that_is_damaged_is_made_anew() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let file = world.data().join("snapshot.bin");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let server = world.serve().settled();
    let log = server.stderr();
    assert!(log.contains("last snapshot not usable"), "{log}");
    assert_eq!(server.get("/readyz").status, 200);
}

fn history(server: &Server, key: &str, asn: u32) -> Value {
    server.read(&format!("/v1/asn/{asn}/history"), key)
}

#[test]
fn history_has_one_point_a_cycle() {
    let world = World::tiny();
    let key = world.key("admin");
    let asn = numbers(&world.truth().bulletproof)[0];
    for cycles in 1..=3 {
        let server = world.serve().settled();
        let page = history(&server, &key, asn);
        assert_eq!(page["total"], cycles, "{page}");
        let points = page["data"].as_array().unwrap();
        assert_eq!(points.len(), cycles);
        let profile = server.read(&format!("/v1/asn/{asn}"), &key);
        assert_eq!(points[0]["score"], profile["risk_score"]);
        server.stop().exits(0);
    }
}

#[test]
fn a_whitelist_write_adds_no_point_to_history() {
    let world = World::tiny();
    let key = world.key("admin");
    let server = world.serve().settled();
    let body = r#"{"asn": 15169, "reason": "ours"}"#;
    let write = crate::http::Request::post("/v1/whitelist", body).key(&key);
    server.ask(write).ok();
    assert_eq!(history(&server, &key, 15_169)["total"], 1);
}

#[test]
fn history_points_are_newest_first_and_in_the_shape_of_the_reference() {
    let world = World::tiny();
    let key = world.key("read");
    world.serve().settled().stop().exits(0);
    // The shape has whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let server = world.serve().settled();
    let page = history(&server, &key, 15_169);
    let times: Vec<&str> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["timestamp"].as_str().unwrap())
        .collect();
    assert!(times[0] > times[1], "{times:?}");
    for time in times {
        assert_eq!(time.len(), "2026-03-29T10:30:00".len(), "{time}");
        time.parse::<jiff::civil::DateTime>().unwrap();
    }
}
