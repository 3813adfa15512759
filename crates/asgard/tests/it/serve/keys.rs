//! Keys: made, honoured and revoked beside a running server.

use std::time::Duration;

use crate::{
    http::Request,
    server::{Serve, Server, eventually},
    world::World,
};

/// A running server notices within this.
const SOON: Duration = Duration::from_secs(1);

/// The id of a key.
fn id(key: &str) -> &str {
    &key["asgard_live_".len()..][..8]
}

fn status(server: &Server, key: &str) -> u16 {
    server.ask(Request::get("/v1/status").key(key)).status
}

#[test]
fn keys_create_prints_the_key_alone() {
    let world = World::tiny();
    let words = ["keys", "create", "--scope", "admin"];
    let ended = world.administer(&words).exits(0);
    let line = ended.stdout.strip_suffix('\n').expect("a line");
    let alphabet = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(line.starts_with("asgard_live_"), "{line}");
    assert!(line.chars().all(alphabet), "{line}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn key_create_is_the_same_command_and_takes_an_organisation() {
    let world = World::tiny();
    let words = ["key", "create", "--scope", "read", "--org", "Example"];
    let key = world.administer(&words).text();
    assert!(key.starts_with("asgard_live_"), "{key}");
    let keys = world.administer(&["keys", "list", "-o", "json"]).json();
    assert_eq!(keys[0]["org"], "Example");
    assert_eq!(keys[0]["scope"], "read");
}

#[test]
fn a_key_made_beside_a_running_server_is_honoured_within_a_second() {
    let world = World::tiny();
    let server = world.serve().ready();
    let key = world.key("read");
    eventually("the key opens", SOON, || {
        (status(&server, &key) == 200).then_some(())
    });
}

#[test]
fn a_revoked_key_is_dead_within_a_second() {
    let world = World::tiny();
    let key = world.key("read");
    let other = world.key("read");
    let server = world.serve().ready();
    assert_eq!(status(&server, &key), 200);
    let id = key.strip_prefix("asgard_live_").expect("its form");
    world.administer(&["keys", "revoke", &id[..8]]).exits(0);
    eventually("the key is refused", SOON, || {
        (status(&server, &key) == 403).then_some(())
    });
    assert_eq!(status(&server, &other), 200);
}

#[test]
fn a_rotated_key_works_beside_the_new_one_within_its_grace() {
    let world = World::tiny();
    let old = world.key("read");
    let server = world.serve().ready();
    let new = world.administer(&["keys", "rotate", id(&old)]).text();
    // The command returns when the server knows the new key.
    assert_eq!(status(&server, &new), 200);
    assert_eq!(status(&server, &old), 200);
}

#[test]
fn a_key_rotated_without_grace_is_dead_within_a_second() {
    let world = World::tiny();
    let old = world.key("read");
    let server = world.serve().ready();
    assert_eq!(status(&server, &old), 200);
    let rotate = ["keys", "rotate", id(&old), "--grace", "0"];
    let new = world.administer(&rotate).text();
    eventually("the old key is refused", SOON, || {
        (status(&server, &old) == 403).then_some(())
    });
    assert_eq!(status(&server, &new), 200);
}

#[test]
fn a_key_of_a_class_has_the_limit_of_the_configuration() {
    let world = World::tiny();
    let file = world.write("asgard.yaml", "rate_classes: { lab: 5 }\n");
    let create = ["keys", "create", "--scope", "read", "--rate-class"];
    let lab = world.administer(&[&create[..], &["lab"]].concat()).text();
    let typo = world.administer(&[&create[..], &["lap"]].concat()).text();
    let plain = world.key("read");
    let server = Serve::new(world.options())
        .args(["--config".into(), file.into_os_string()])
        .ready();
    let ask = |key: &str| server.ask(Request::get("/v1/status").key(key));
    for left in (0..5).rev() {
        let reply = ask(&lab);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["x-ratelimit-limit"], "5");
        assert_eq!(reply.headers["x-ratelimit-remaining"], left.to_string());
    }
    let reply = ask(&lab);
    assert_eq!(reply.status, 429, "{reply:?}");
    for key in [&typo, &plain] {
        let reply = ask(key);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["x-ratelimit-limit"], "100");
    }
    let log = server.stop().stderr;
    assert!(log.contains("`lap`") && !log.contains("`lab`"), "{log}");
}

#[test]
fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let world = World::tiny();
    let tools = world.key("tools");
    let trust = world.key("allow:write");
    let server = world.serve().ready();
    let bulk = r#"{"asns": [64512]}"#;
    let entry = r#"{"asn": 64512, "reason": "our lab"}"#;
    for (key, expected) in
        [(&tools, [200, 403, 403]), (&trust, [403, 200, 403])]
    {
        let seen = [
            Request::post("/v1/tools/bulk-risk-check", bulk),
            Request::post("/v1/whitelist", entry),
            Request::get("/v1/asn/64512"),
        ]
        .map(|request| server.ask(request.key(key)).status);
        assert_eq!(seen, expected);
    }
}

#[test]
fn revoking_an_unknown_id_exits_3() {
    let world = World::tiny();
    world.key("read");
    world.administer(&["keys", "revoke", "00000000"]).exits(3);
}

#[test]
fn revoking_what_is_no_id_exits_2() {
    let world = World::tiny();
    world.administer(&["keys", "revoke", "?"]).exits(2);
}

#[test]
fn a_read_key_cannot_whitelist() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().ready();
    let body = r#"{"asn": 15169, "reason": "no"}"#;
    let reply = server.ask(Request::post("/v1/whitelist", body).key(&key));
    assert_eq!(reply.status, 403, "{reply:?}");
    let delete = Request::delete("/v1/whitelist/15169").key(&key);
    assert_eq!(server.ask(delete).status, 403);
    let list = server.read("/v1/whitelist", &key);
    assert_eq!(list["total"], 0, "{list}");
}

#[test]
fn only_health_and_the_edl_are_open() {
    let world = World::tiny();
    let server = world.serve().ready();
    for path in ["/health", "/livez", "/readyz", "/feeds/edl"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let closed =
        ["/v1/asn/15169", "/v1/asn/15169/history", "/v1/status", "/whitelist"];
    for path in closed {
        assert_eq!(server.get(path).status, 403, "{path}");
    }
}

#[test]
fn a_list_of_keys_holds_no_secret() {
    let world = World::tiny();
    let key = world.key("admin");
    let secret = &key["asgard_live_".len() + 8..];
    for form in ["table", "json"] {
        let list = world.administer(&["keys", "list", "-o", form]).text();
        assert!(!list.contains(secret), "{list}");
    }
}

#[test]
fn no_key_is_ever_in_the_log() {
    let world = World::tiny();
    let key = world.key("admin");
    let server = world.serve().args(["-vv"]).ready();
    assert_eq!(status(&server, &key), 200);
    let unknown = "asgard_live_AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD";
    assert_eq!(status(&server, unknown), 403);
    let log = server.stop().stderr;
    let secret = &key["asgard_live_".len() + 8..];
    assert!(!log.contains(secret) && !log.contains("DDDDDDDD"), "{log}");
}
