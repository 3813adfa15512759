//! No network, no mirror, no demo: it stays up, names what it cannot reach, and
//! says what to do. The addresses are closed ports of this machine.

use std::{net::TcpListener, path::PathBuf};

use serde_json::Value;

use crate::{
    http::Request,
    program::asgard,
    server::{Serve, Server},
    world::World,
};

/// Sources of one file each, which are sent to a closed port.
const ASKED: [&str; 3] = ["rpki-client-vrps", "ripe-asnames", "threatfox"];

/// A configuration in which every publisher is a closed port.
fn nobody_answers(world: &World, more: &str) -> PathBuf {
    // Bound and freed: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    let list = asgard(["source", "list", "-o", "json"]).json();
    let mut text = format!("{more}sources:\n");
    for source in list.as_array().unwrap() {
        let name = source["name"].as_str().unwrap();
        let change = match ASKED.contains(&name) {
            true => format!("url: 'http://127.0.0.1:{port}/{name}'"),
            false => "enabled: false".to_owned(),
        };
        text += &format!("  {name}: {{ {change} }}\n");
    }
    world.write("asgard.yaml", &text)
}

/// A server that has tried and failed, and a key.
fn alone(world: &World, more: &str) -> (Server, String) {
    let config = nobody_answers(world, more);
    let data = world.data();
    let key = world.key("read");
    let server = Serve::new(["--config".into(), config])
        .args(["--data-dir".into(), data])
        .start();
    server.wait_for_log("cycle failed");
    (server, key)
}

/// Sources that `/v1/status` says are in trouble, with the trouble.
fn troubles(status: &Value) -> Vec<(&str, &str)> {
    let sources = status["sources"].as_array().unwrap();
    let trouble = |source: &'_ Value| source["last_error"].is_string();
    sources
        .iter()
        .filter(|source| trouble(source))
        .map(|source| {
            let text = |key: &str| source[key].as_str().unwrap();
            (text("name"), text("last_error"))
        })
        .collect()
}

#[test]
fn without_a_network_it_stays_up_and_readyz_is_503() {
    let world = World::tiny();
    let (server, key) = alone(&world, "");
    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!(server.get("/livez").status, 200);
    let profile = Request::get("/v1/asn/15169").key(&key);
    assert_eq!(server.ask(profile).status, 503);
    assert_eq!(server.get("/feeds/edl").status, 503);
    server.stop().exits(0);
}

#[test]
fn without_a_network_the_status_names_every_source_that_was_refused() {
    let world = World::tiny();
    let (server, key) = alone(&world, "");
    let status = server.read("/v1/status", &key);
    let troubles = troubles(&status);
    for name in ASKED {
        let (_, trouble) =
            troubles.iter().find(|(n, _)| *n == name).expect(name);
        assert!(trouble.contains("127.0.0.1"), "{name}: {trouble}");
    }
    assert_eq!(status["snapshot"], Value::Null);
    assert_eq!(status["as_of"], Value::Null);
}

#[test]
fn after_a_failed_cycle_the_command_line_knows_the_troubles_too() {
    let world = World::tiny();
    let (server, _) = alone(&world, "");
    server.stop().exits(0);
    let rows = world.administer(&["source", "status"]).rows();
    for name in ASKED {
        let line = rows.iter().find(|row| row[0] == name).expect(name);
        assert!(line[7].contains("127.0.0.1"), "{line:?}");
    }
}

#[test]
fn a_failure_is_told_with_its_reason_once() {
    let world = World::tiny();
    let (server, _) = alone(&world, "");
    let log = server.stop().stderr;
    let told = |line: &&str| {
        line.contains("http://127.0.0.1") && line.contains("threatfox")
    };
    let lines = log.lines().filter(|line| !line.contains("cycle failed"));
    assert_eq!(lines.filter(told).count(), 1, "{log}");
}

#[test]
fn a_closed_port_is_named_when_private_addresses_are_allowed() {
    let more = "allow_private: [127.0.0.0/8]\n";
    let world = World::tiny();
    let (server, key) = alone(&world, more);
    let status = server.read("/v1/status", &key);
    let troubles = troubles(&status);
    assert_eq!(troubles.len(), ASKED.len(), "{troubles:?}");
    for (name, trouble) in troubles {
        assert!(trouble.contains("refused"), "{name}: {trouble}");
    }
}

#[test]
fn without_a_network_the_log_says_what_to_do() {
    let world = World::tiny();
    let (server, _) = alone(&world, "");
    let log = server.stop().stderr;
    for hint in ["--mirror", "--demo", "source status"] {
        assert!(log.contains(hint), "{hint}: {log}");
    }
}
