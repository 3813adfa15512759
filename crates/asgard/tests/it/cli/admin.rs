//! `keys` and `whitelist` without a server.

use serde_json::Value;

use crate::world::World;

#[test]
fn keys_are_listed_with_scope_organisation_and_label() {
    let world = World::tiny();
    let create = [
        "keys",
        "create",
        "--scope",
        "read",
        "--org",
        "Example",
        "--label",
        "scanner",
        "--expires-days",
        "30",
    ];
    world.administer(&create).exits(0);
    let row = &world.administer(&["keys", "list"]).rows()[0];
    assert_eq!(row[1..4], ["read", "Example", "scanner"]);
    let key = &world.administer(&["keys", "list", "-o", "json"]).json()[0];
    assert_eq!(key["id"], row[0].as_str());
    assert!(key["expires_at"].is_string(), "{key}");
    assert_eq!(key["revoked_at"], Value::Null);
}

#[test]
fn a_revoked_key_is_listed_with_its_end() {
    let world = World::tiny();
    let key = world.key("read");
    let id = &key["asgard_live_".len()..][..8];
    world.administer(&["keys", "revoke", id]).exits(0);
    let list = world.administer(&["keys", "list", "-o", "json"]).json();
    assert!(list[0]["revoked_at"].is_string(), "{list}");
}

#[test]
fn a_scope_that_does_not_exist_exits_2_and_the_scopes_are_named() {
    let world = World::tiny();
    let words = ["keys", "create", "--scope", "root"];
    let ended = world.administer(&words).exits(2);
    for scope in ["read", "admin"] {
        assert!(ended.stderr.contains(scope), "{ended:?}");
    }
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_key_without_a_scope_is_not_made() {
    let world = World::tiny();
    world.administer(&["keys", "create"]).exits(2);
}

#[test]
fn the_whitelist_is_added_to_listed_and_removed_from() {
    let world = World::tiny();
    let add = ["whitelist", "add", "AS64512", "--reason", "our lab"];
    world.administer(&add).exits(0);
    let rows = world.administer(&["whitelist", "list"]).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((&*rows[0][0], &*rows[0][3]), ("AS64512", "our lab"));
    let list = world.administer(&["whitelist", "list", "-o", "json"]).json();
    assert_eq!(list[0]["asn"], 64_512);
    assert_eq!(list[0]["reason"], "our lab");
    world.administer(&["whitelist", "remove", "64512"]).exits(0);
    let list = world.administer(&["whitelist", "list", "-o", "json"]).json();
    assert_eq!(list, Value::Array(Vec::new()));
}

#[test]
fn removing_what_is_not_on_the_whitelist_exits_3() {
    World::tiny().administer(&["whitelist", "remove", "64512"]).exits(3);
}

#[test]
fn a_whitelist_entry_needs_a_number_and_a_reason() {
    let world = World::tiny();
    let long = "x".repeat(501);
    for words in [
        &["whitelist", "add", "0", "--reason", "x"][..],
        &["whitelist", "add", "4294967296", "--reason", "x"],
        &["whitelist", "add", "AS1"],
        &["whitelist", "add", "AS1", "--reason", ""],
        &["whitelist", "add", "AS1", "--reason", &long],
    ] {
        world.administer(words).exits(2);
    }
    let list = world.administer(&["whitelist", "list", "-o", "json"]).json();
    assert_eq!(list, Value::Array(Vec::new()));
}

#[test]
fn a_reason_with_tabs_and_line_breaks_stays_one_line_of_the_table() {
    let world = World::tiny();
    let add = ["whitelist", "add", "AS1", "--reason", "a\tb\nc"];
    world.administer(&add).exits(0);
    let rows = world.administer(&["whitelist", "list"]).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][3], "a b c");
}
