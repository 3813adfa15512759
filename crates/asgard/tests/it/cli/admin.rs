//! `keys` and `whitelist` without a server.

use jiff::Timestamp;
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

/// The whole list of keys.
fn keys(world: &World) -> Value {
    world.administer(&["keys", "list", "-o", "json"]).json()
}

#[test]
fn scopes_are_separated_by_commas_or_repeated_and_shown_in_one_order() {
    let world = World::tiny();
    for words in [
        &["--scope", "tools,stream"][..],
        &["--scope", "tools", "--scope", "stream"],
        &["--scope", "tools,stream", "--scope", "tools"],
    ] {
        let words = [&["keys", "create"], words].concat();
        world.administer(&words).exits(0);
    }
    let list = keys(&world);
    for key in list.as_array().unwrap() {
        assert_eq!(key["scope"], "stream,tools", "{key}");
        assert_eq!(key["scopes"], serde_json::json!(["stream", "tools"]));
    }
    let rows = world.administer(&["keys", "list"]).rows();
    assert_eq!(rows[0][1], "stream,tools");
}

#[test]
fn every_scope_makes_a_key_and_help_names_it() {
    let world = World::tiny();
    let help = world.administer(&["keys", "create", "--help"]).text();
    let scopes = [
        "admin",
        "read",
        "feed:read",
        "stream",
        "tools",
        "allow:write",
        "keys:admin",
        "audit:read",
    ];
    for scope in scopes {
        assert!(help.contains(scope), "{scope}: {help}");
        world.key(scope);
    }
    let rows = world.administer(&["keys", "list"]).rows();
    let listed: Vec<&str> = rows.iter().map(|row| &*row[1]).collect();
    assert_eq!(listed, scopes);
}

#[test]
fn a_lifetime_is_said_in_days_or_hours_and_once() {
    let world = World::tiny();
    let create = ["keys", "create", "--scope", "read"];
    for (life, hours) in [("90d", 2_160), ("12h", 12)] {
        let words = [&create[..], &["--expires", life]].concat();
        world.administer(&words).exits(0);
        let list = keys(&world);
        let key = &list.as_array().unwrap().last().unwrap();
        let moment = |name: &str| -> Timestamp {
            key[name].as_str().unwrap().parse().unwrap()
        };
        let life = moment("expires_at").duration_since(moment("created_at"));
        // The two moments are read one after the other.
        let about = (life.as_secs() - hours * 3_600).abs();
        assert!(about < 60, "{key}");
    }
    for bad in [
        &["--expires", "0d"][..],
        &["--expires", "90"],
        &["--expires", "soon"],
        &["--expires", "1d", "--expires-days", "1"],
    ] {
        let words = [&create[..], bad].concat();
        world.administer(&words).exits(2);
    }
    assert_eq!(keys(&world).as_array().unwrap().len(), 2);
}

#[test]
fn a_rate_class_is_kept_and_must_be_a_plain_word() {
    let world = World::tiny();
    let create = ["keys", "create", "--scope", "read", "--rate-class"];
    world.administer(&[&create[..], &["siem"]].concat()).exits(0);
    world.administer(&[&create[..], &["a b"]].concat()).exits(2);
    let list = keys(&world);
    assert_eq!(list[0]["rate_class"], "siem");
    assert_eq!(list[1], Value::Null);
}

/// The id of a key.
fn id(key: &str) -> &str {
    &key["asgard_live_".len()..][..8]
}

#[test]
fn one_key_is_shown_with_its_state() {
    let world = World::tiny();
    let key = world.key("read,stream");
    let show = || {
        let words = ["keys", "show", id(&key), "-o", "json"];
        world.administer(&words).json()
    };
    let shown = show();
    assert_eq!(shown["id"], id(&key));
    assert_eq!(shown["scope"], "read,stream");
    assert_eq!(
        (&shown["state"], &shown["created_by"]),
        (&"active".into(), &"cli".into())
    );
    let rows = world.administer(&["keys", "show", id(&key)]).rows();
    assert_eq!(rows[0], ["id", id(&key)]);
    world.administer(&["keys", "revoke", id(&key)]).exits(0);
    assert_eq!(show()["state"], "revoked");
}

#[test]
fn a_key_that_is_not_there_is_not_shown() {
    let world = World::tiny();
    let ended = world.administer(&["keys", "show", "00000000"]).exits(3);
    assert!(ended.stderr.contains("00000000"), "{ended:?}");
    world.administer(&["keys", "show", "?"]).exits(2);
}

#[test]
fn rotate_prints_the_new_key_alone_and_ends_the_old_one_in_a_day() {
    let world = World::tiny();
    let create = [
        "keys",
        "create",
        "--scope",
        "tools,stream",
        "--org",
        "Example",
        "--label",
        "scanner",
        "--expires",
        "90d",
        "--rate-class",
        "siem",
    ];
    let old = world.administer(&create).text();
    let before = keys(&world)[0].clone();
    let ended = world.administer(&["keys", "rotate", id(&old)]).exits(0);
    assert_eq!(ended.stderr, "");
    let new = ended.text();
    assert!(new.starts_with("asgard_live_") && new.len() == 70, "{new}");
    let list = keys(&world);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        (&list[0]["id"], &list[1]["id"]),
        (&id(&old).into(), &id(&new).into())
    );
    for field in ["scope", "org", "label", "rate_class", "expires_at"] {
        assert_eq!(list[1][field], before[field], "{field}");
    }
    assert_eq!(list[0]["replaced_by"], list[1]["id"]);
    let moment = |key: &Value, name: &str| -> Timestamp {
        key[name].as_str().unwrap().parse().unwrap()
    };
    let end = moment(&list[0], "expires_at");
    let grace = end.duration_since(moment(&list[1], "created_at"));
    assert_eq!(grace.as_hours(), 24);
}

#[test]
fn a_key_that_opens_nothing_is_not_rotated_and_the_reason_is_said() {
    let world = World::tiny();
    let revoked = world.key("read");
    world.administer(&["keys", "revoke", id(&revoked)]).exits(0);
    let words = ["keys", "create", "--scope", "read", "--expires-days", "0"];
    let ended = world.administer(&words).text();
    let rotated = world.key("read");
    world.administer(&["keys", "rotate", id(&rotated)]).exits(0);
    let before = keys(&world);
    for (id, reason) in [
        (id(&revoked), "revoked"),
        (id(&ended), "expired"),
        (id(&rotated), "rotated before"),
        ("00000000", "unknown"),
    ] {
        let ended = world.administer(&["keys", "rotate", id]).exits(3);
        assert!(ended.stderr.contains(reason), "{ended:?}");
        assert!(ended.stderr.contains(id), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
    world.administer(&["keys", "rotate", "?"]).exits(2);
    assert_eq!(keys(&world), before);
}

#[test]
fn a_scope_that_does_not_exist_exits_2_and_the_scopes_are_named() {
    let world = World::tiny();
    let words = ["keys", "create", "--scope", "root"];
    let ended = world.administer(&words).exits(2);
    for scope in ["read", "admin", "feed:read", "allow:write"] {
        assert!(ended.stderr.contains(scope), "{ended:?}");
    }
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_key_without_a_scope_is_not_made() {
    let world = World::tiny();
    world.administer(&["keys", "create"]).exits(2);
    world.administer(&["keys", "create", "--scope", ""]).exits(2);
    world.administer(&["keys", "create", "--scope", "read,"]).exits(2);
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
