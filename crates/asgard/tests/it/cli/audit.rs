//! `audit`: who wrote what, and whether anybody changed it afterwards.

use std::{fs, path::Path};

use serde_json::Value;

use crate::world::World;

/// Trusts a network, once for each reason, then no longer: so many entries
/// and one.
fn write(world: &World, reasons: &[&str]) {
    for reason in reasons {
        let add = ["whitelist", "add", "AS64512", "--reason", reason];
        world.administer(&add).exits(0);
    }
    world.administer(&["whitelist", "remove", "AS64512"]).exits(0);
}

fn export(world: &World) -> Vec<Value> {
    let text = world.administer(&["audit", "export"]).text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_newest_entries_are_listed_newest_last() {
    let world = World::tiny();
    let key = world.key("read");
    write(&world, &["one", "two"]);
    let rows = world.administer(&["audit", "list"]).rows();
    let shown: Vec<_> =
        rows.iter().map(|row| (&*row[0], &*row[2], &*row[3])).collect();
    assert_eq!(
        shown,
        [
            ("1", "cli", "key.create"),
            ("2", "cli", "whitelist.put"),
            ("3", "cli", "whitelist.put"),
            ("4", "cli", "whitelist.remove"),
        ]
    );
    assert_eq!(rows[0][4], key["asgard_live_".len()..][..8]);
    let words = ["audit", "list", "-n", "2", "-o", "json"];
    let list = world.administer(&words).json();
    let numbers: Vec<_> =
        list.as_array().unwrap().iter().map(|e| &e["seq"]).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(list[0]["before"]["reason"], "one");
    assert_eq!(list[0]["after"]["reason"], "two");
    assert_eq!(list[1]["after"], Value::Null);
}

#[test]
fn an_empty_log_is_listed_exported_and_intact() {
    let world = World::tiny();
    assert_eq!(world.administer(&["audit", "list"]).rows().len(), 0);
    let none = world.administer(&["audit", "list", "-n", "0"]);
    assert_eq!(none.rows().len(), 0);
    assert_eq!(world.administer(&["audit", "export"]).text(), "");
    let verdict = world.administer(&["audit", "verify"]).text();
    assert_eq!(verdict, "intact, 0 entries");
}

#[test]
fn an_export_has_every_entry_and_each_carries_the_hash_of_the_one_before() {
    let world = World::tiny();
    let key = world.key("admin");
    write(&world, &["one", "two"]);
    let log = export(&world);
    assert_eq!(log.len(), 4);
    let mut last = Value::from("0".repeat(64));
    for (entry, seq) in log.iter().zip(1..) {
        assert_eq!(entry["seq"], seq);
        assert_eq!(entry["prev_hash"], last);
        last = entry["hash"].clone();
        assert_eq!(last.as_str().unwrap().len(), 64);
    }
    let text = world.administer(&["audit", "export"]).text();
    assert!(!text.contains(&key["asgard_live_".len() + 8..]), "{text}");
}

#[test]
fn a_rotation_is_one_entry_that_names_both_keys() {
    let world = World::tiny();
    let id = |key: &str| key["asgard_live_".len()..][..8].to_owned();
    let old = id(&world.key("read"));
    let new = world.administer(&["keys", "rotate", &old]).text();
    let log = export(&world);
    assert_eq!(log.len(), 2);
    assert_eq!(log[1]["action"], "key.rotate");
    assert_eq!(log[1]["object"], old.as_str());
    assert_eq!(log[1]["before"]["expires_at"], Value::Null);
    assert!(log[1]["after"]["expires_at"].is_string(), "{log:?}");
    assert_eq!(log[1]["after"]["successor"]["id"], id(&new));
}

#[test]
fn a_log_is_read_and_verified_while_a_server_runs() {
    let world = World::tiny();
    let _server = world.serve().ready();
    write(&world, &["one"]);
    assert_eq!(export(&world).len(), 2);
    let verdict = world.administer(&["audit", "verify"]).text();
    assert_eq!(verdict, "intact, 2 entries");
}

#[test]
fn a_changed_entry_exits_1_and_its_number_is_said() {
    let world = World::tiny();
    write(&world, &["one", "an honest word", "three"]);
    // Every command has folded its log into the file.
    forge(&world.data().join("asgard.db"), "an honest word", "a false promise");
    let ended = world.administer(&["audit", "verify"]).exits(1);
    assert!(ended.stderr.contains("entry 2 "), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(export(&world).len(), 4, "it is still shown");
}

/// Writes over a text wherever it stands in a file.
fn forge(path: &Path, text: &str, other: &str) {
    let other = &other.as_bytes()[..text.len()];
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> = (0..=bytes.len() - text.len())
        .filter(|&at| bytes[at..].starts_with(text.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "`{text}` is not in the file");
    for at in places {
        bytes[at..at + text.len()].copy_from_slice(other);
    }
    fs::write(path, bytes).unwrap();
}
