//! Threat feeds from outside: the real server, the real commands, `kill -9`.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::{
    http::{Reply, Request},
    program::{Ended, program},
    server::{Server, eventually},
    world::World,
};

const FEED: &str = "/v1/threat/feeds";
const SOON: Duration = Duration::from_secs(2);

/// A key of `acme`.
fn key(world: &World, scope: &str) -> String {
    let words = ["key", "create", "--scope", scope, "--org", "acme"];
    world.administer(&words).text()
}

fn poll(server: &Server, key: &str) -> Reply {
    server.ask(Request::get(FEED).key(key))
}

fn feed(server: &Server, key: &str) -> String {
    let reply = poll(server, key);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body
}

fn block(server: &Server, key: &str, ip: &str) -> Reply {
    let event = json!([{"type": "access_rules", "action": "block", "ip": ip}]);
    let body = event.to_string();
    server.ask(Request::post("/v1/signal", &body).key(key))
}

/// `asgard feed …` against a server.
fn command(server: &Server, key: &str, words: &[&str]) -> Ended {
    program()
        .arg("feed")
        .args(words)
        .env("ASGARD_URL", server.url())
        .env("ASGARD_API_KEY", key)
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built")
        .into()
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_so_does_the_list() {
    let world = World::tiny();
    let (operator, device) =
        (key(&world, "rules:write"), key(&world, "feed:read"));
    let mut hosts = Vec::new();
    for round in 0..3 {
        let server = world.serve().ready();
        for n in 0..7 {
            let host = format!("203.0.113.{}", round * 7 + n);
            let reply = block(&server, &operator, &host);
            assert_eq!(reply.ok()["success"], true, "{reply:?}");
            hosts.push(host);
        }
        server.kill();
        let server = world.serve().ready();
        let expected: String =
            hosts.iter().map(|host| format!("{host}/32\n")).collect();
        let text = feed(&server, &device);
        assert_eq!(text.lines().count(), hosts.len(), "round {round}");
        for line in expected.lines() {
            assert!(text.contains(line), "{line} is lost");
        }
        server.stop();
    }
    world.administer(&["audit", "verify"]).exits(0);
}

#[test]
fn no_poll_is_answered_401_while_a_key_is_rotated() {
    let world = World::tiny();
    let operator = key(&world, "rules:write");
    let old = key(&world, "feed:read");
    let server = world.serve().ready();
    block(&server, &operator, "203.0.113.1").ok();
    let poll_both = |keys: &[&str]| {
        for key in keys {
            for _ in 0..40 {
                assert_eq!(poll(&server, key).status, 200);
            }
        }
    };
    poll_both(&[&old]);
    let id = old["asgard_live_".len()..][..8].to_owned();
    // The command returns when a running server knows the key.
    let new = world.administer(&["keys", "rotate", &id]).text();
    poll_both(&[&old, &new]);
    server.stop();
}

#[test]
fn rules_made_on_the_command_line_are_in_the_feed_within_a_second() {
    let world = World::tiny();
    let device = key(&world, "feed:read");
    let server = world.serve().settled();
    let add = |side, target, more: &[&str]| {
        let mut words = vec![side, "add", target, "--org", "acme"];
        words.extend(more);
        world.administer(&words)
    };
    let id = add("block", "10.0.0.0/24", &["--name", "lab"]).text();
    eventually("the block is in the feed", SOON, || {
        (feed(&server, &device) == "10.0.0.0/24\n").then_some(())
    });
    add("protected", "10.0.0.0/25", &["--reason", "printers"]).exits(0);
    eventually("the protected half is out", SOON, || {
        (feed(&server, &device) == "10.0.0.128/25\n").then_some(())
    });
    let rows = world.administer(&["block", "list", "--org", "acme"]).rows();
    assert_eq!((&*rows[0][0], &*rows[0][1]), (&*id, "lab"));
    add("block", "AS4200000000", &[]).exits(2);
    add("block", "127.0.0.1", &[]).exits(2);
    add("protected", "10.0.0.1", &[]).exits(2);
    let remove = ["block", "remove", &id, "--org", "acme"];
    world.administer(&remove).exits(0);
    world.administer(&remove).exits(3);
    eventually("nothing is blocked", SOON, || {
        feed(&server, &device).is_empty().then_some(())
    });
    server.stop();
}

#[test]
fn a_feed_is_pulled_verified_compared_and_rolled_back() {
    let world = World::tiny();
    let operator = key(&world, "rules:write");
    let server = world.serve().ready();
    let run = |words: &[&str]| command(&server, &operator, words);
    block(&server, &operator, "203.0.113.1").ok();
    assert_eq!(run(&["pull"]).text(), "203.0.113.1/32");
    let file = world.write("list.txt", "old");
    let path = file.to_str().unwrap();
    run(&["pull", "--file", path]).exits(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "203.0.113.1/32\n");
    let key = server.ask(Request::get("/v1/threat/feeds/key").key(&operator));
    let public = world.write("asgard.pub", &key.body);
    let public = public.to_str().unwrap();
    let verify = ["verify", "--public-key", public, "--file", path];
    let said = run(&verify).text();
    assert!(said.starts_with("good: version 1"), "{said}");
    std::fs::write(&file, "203.0.113.2/32\n").unwrap();
    run(&verify).exits(1);
    block(&server, &operator, "203.0.113.9").ok();
    assert_eq!(run(&["diff", "1"]).text(), "+203.0.113.9/32");
    let rule = world.write("rule.json", r#"{"block": {"ips": ["10.0.0.1"]}}"#);
    let preview = run(&["preview", rule.to_str().unwrap()]).json();
    assert_eq!(preview["entries"]["added"], 1);
    assert_eq!(run(&["rollback", "1"]).text(), "version 3");
    assert_eq!(run(&["pull"]).text(), "203.0.113.1/32");
    assert_eq!(run(&["list"]).rows().len(), 3);
    run(&["rollback", "99"]).exits(3);
    command(&server, "nope", &["pull"]).exits(1);
    run(&["pull", "--format", "nope"]).exits(3);
    server.stop();
}

#[test]
fn curl_compares_tags_and_unpacks() {
    let world = World::tiny();
    let operator = key(&world, "rules:write");
    let server = world.serve().ready();
    for n in 1..200 {
        let ips: Vec<String> =
            (0..20).map(|m| format!("10.{n}.{m}.1")).collect();
        let body = json!({"block": {"ips": ips}}).to_string();
        let request = Request::post("/v1/access-rules", &body).key(&operator);
        assert_eq!(server.ask(request).status, 201);
    }
    let url = format!("{}{FEED}", server.url());
    let user = format!("api:{operator}");
    let curl = |more: &[&str]| -> Option<String> {
        let output = Command::new("curl")
            .args(["-sS", "--fail", "-u", &user])
            .args(more)
            .arg(&url)
            .output()
            .ok()?;
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(plain) = curl(&[]) else {
        println!("SKIP curl: not installed");
        return;
    };
    assert_eq!(plain.lines().count(), 199 * 20);
    assert_eq!(curl(&["--compressed"]).unwrap(), plain);
    let tag = world.write("feed.etag", "");
    let tag = tag.to_str().unwrap();
    let both = ["--etag-save", tag, "--etag-compare", tag];
    assert_eq!(curl(&both).unwrap(), plain);
    let code = [&both[..], &["-w", "%{http_code}"]].concat();
    assert_eq!(curl(&code).unwrap(), "304");
    server.stop();
}

/// A configuration with a value under a dotted key.
fn setting(key: &str, value: &str) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let line = |(depth, part): (usize, &&str)| {
        let end = if depth + 1 == parts.len() { value } else { "" };
        format!("{}{part}: {end}\n", "  ".repeat(depth))
    };
    parts.iter().enumerate().map(line).collect()
}

#[test]
fn the_key_that_the_guard_of_the_whole_feed_names_lets_the_feed_pass() {
    let world = World::tiny();
    let operator = key(&world, "rules:write");
    let rule = json!({"block": {"ips": ["64.0.0.0/8"]}}).to_string();
    let write = |key: &str, value: &str| {
        let file = world.write("asgard.yaml", &setting(key, value));
        let serve =
            world.serve().args(["--config".into(), file.into_os_string()]);
        let server = serve.ready();
        let request = Request::post("/v1/access-rules", &rule);
        let reply = server.ask(request.key(&operator));
        server.stop();
        reply
    };
    let refused = write("feeds.guards.feed_share", "0.001");
    assert_eq!(refused.status, 409, "{refused:?}");
    let (_, named) = refused.body.split_once('(').unwrap();
    let (named, _) = named.split_once(')').unwrap();
    let made = write(named, "0.9");
    assert_eq!(made.status, 201, "{made:?}");
}
