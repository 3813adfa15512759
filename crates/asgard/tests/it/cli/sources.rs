//! `source list`, `source status` and `source refresh`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{program::asgard, world::World};

#[test]
fn list_tells_the_terms_of_every_source() {
    let list = asgard(["source", "list", "-o", "json"]).json();
    let list = list.as_array().unwrap();
    assert!(list.len() > 40, "{}", list.len());
    for source in list {
        for key in ["name", "description", "format", "family", "licence"] {
            let text = source[key].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{key}: {source}");
        }
        assert!(source["redistribute"].is_boolean(), "{source}");
        assert!(source["weight"].is_number(), "{source}");
        assert!(source["max_bytes"].as_u64() > Some(0), "{source}");
        assert!(source["timeout_seconds"].as_u64() > Some(0), "{source}");
        assert!(source["cadence_seconds"].as_u64() > Some(0), "{source}");
    }
}

#[test]
fn list_has_the_same_sources_as_a_table() {
    let names: BTreeSet<String> = asgard(["source", "list"])
        .rows()
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let json = asgard(["source", "list", "-o", "json"]).json();
    let json = json.as_array().unwrap();
    assert_eq!(names.len(), json.len());
    assert!(json.iter().all(|s| names.contains(s["name"].as_str().unwrap())));
}

#[test]
fn list_shows_what_an_option_switches_off() {
    let words = ["source", "list", "--exclude-source", "spamhaus"];
    for row in asgard(words).rows() {
        let expected = row[0].starts_with("spamhaus-") || row[1] == "yes";
        let off = row[1] == "no";
        assert!(expected || off, "{row:?}");
        assert!(!row[0].starts_with("spamhaus-") || off, "{row:?}");
    }
}

#[test]
fn status_is_that_of_the_server() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().settled();
    let served = server.read("/v1/status", &key);
    server.stop().exits(0);
    let told = world.run(&["source", "status", "-o", "json"]).json();
    for (served, told) in served["sources"]
        .as_array()
        .unwrap()
        .iter()
        .zip(told.as_array().unwrap())
    {
        for field in ["name", "rows", "last_error", "enabled"] {
            assert_eq!(told[field], served[field], "{field} of {served}");
        }
    }
}

#[test]
fn status_as_a_table_has_a_line_a_source_with_its_rows() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let rows = world.run(&["source", "status"]).rows();
    let line = rows.iter().find(|row| row[0] == "threatfox").unwrap();
    assert_eq!(line[3], "2026-06-27");
    assert!(line[4].ends_with(" min"), "{line:?}");
    assert!(line[5].parse::<u64>().unwrap() > 0, "{line:?}");
    assert_eq!(line[7], "");
}

#[test]
fn status_without_the_mirror_knows_what_was_read_from_it() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let rows = world.administer(&["source", "status"]).rows();
    for ruling in ["announced-prefixes", "vrps-csv", "threatfox"] {
        let line = rows.iter().find(|row| row[0] == ruling).expect(ruling);
        assert!(line[5].parse::<u64>().unwrap() > 0, "{line:?}");
    }
}

#[test]
fn what_was_just_read_is_not_stale_after_a_restart() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let told = world.run(&["source", "status", "-o", "json"]).json();
    let told = told.as_array().unwrap();
    let threatfox = told.iter().find(|s| s["name"] == "threatfox").unwrap();
    assert_eq!(threatfox["stale"], false, "{threatfox}");
}

#[test]
fn status_before_any_cycle_knows_no_rows() {
    let world = World::tiny();
    let told = world.run(&["source", "status", "-o", "json"]).json();
    let told = told.as_array().unwrap();
    assert!(told.iter().all(|s| s["rows"] == Value::Null), "{told:?}");
}

#[test]
fn refresh_of_a_mirror_exits_2_because_nobody_can_be_asked() {
    let world = World::tiny();
    let ended = world.run(&["source", "refresh"]).exits(2);
    assert!(ended.stderr.contains("mirror"), "{ended:?}");
}

#[test]
fn refresh_of_an_unknown_source_exits_2_and_names_it() {
    let world = World::tiny();
    let words = ["source", "refresh", "threatfxo"];
    let ended = world.administer(&words).exits(2);
    assert!(ended.stderr.contains("`threatfxo`"), "{ended:?}");
}
