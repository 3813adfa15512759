//! Which moment and which sources count: `--as-of`, `--exclude-source`.

use serde_json::Value;

use crate::{
    server::Serve,
    world::{TODAY, World, numbers},
};

fn as_of(options: &[&str]) -> String {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().args(options).ready();
    let status = server.read("/v1/status", &key);
    status["as_of"].as_str().expect("a moment").to_owned()
}

#[test]
fn the_moment_of_a_mirror_is_its_newest_observation_by_default() {
    assert_eq!(as_of(&[]), format!("{TODAY}T00:00:00Z"));
}

#[test]
fn as_of_newest_is_the_newest_observation() {
    assert_eq!(as_of(&["--as-of", "newest"]), format!("{TODAY}T00:00:00Z"));
}

#[test]
fn as_of_a_date_is_that_date() {
    assert_eq!(as_of(&["--as-of", "2026-06-01"]), "2026-06-01T00:00:00Z");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "`now` is the subject")]
fn as_of_now_is_the_present() {
    let before = jiff::Timestamp::now().as_second();
    let shown = as_of(&["--as-of", "now"]);
    let shown: jiff::Timestamp = shown.parse().unwrap();
    let after = jiff::Timestamp::now().as_second();
    assert!((before..=after).contains(&shown.as_second()), "{shown}");
}

#[test]
fn as_of_an_older_date_knows_nothing_of_what_came_later() {
    let world = World::tiny();
    let delisted = numbers(&world.truth().delisted);
    let key = world.key("read");
    let listed = |options: &[&str]| {
        // Not before the first cycle: a restart serves what was known before.
        let server = world.serve().args(options).settled();
        let path = format!("/v1/asn/{}", delisted[0]);
        let profile = server.read(&path, &key);
        profile["risk_score"].as_u64().expect("a score")
    };
    // The delisting is 45 days old.
    let then = listed(&["--as-of", "2026-05-01"]);
    let today = listed(&[]);
    assert!(then < today, "{then} then, {today} today");
}

/// Profiles of all networks under some options.
fn profiles(world: &World, options: &[&str]) -> Vec<Value> {
    let words = ["top", "-n", "100000", "-o", "json"];
    let json = world.run(&[&words[..], options].concat()).json();
    json.as_array().expect("a list").clone()
}

fn details(profiles: &[Value]) -> impl Iterator<Item = &Value> {
    profiles.iter().flat_map(|p| p["details"].as_array().expect("a list"))
}

fn has_code(profiles: &[Value], code: &str) -> bool {
    details(profiles).any(|detail| detail["code"] == code)
}

fn cites(profiles: &[Value], prefix: &str) -> bool {
    details(profiles)
        .flat_map(|detail| detail["evidence"].as_array().expect("a list"))
        .filter_map(|evidence| evidence["source"].as_str())
        .any(|source| source.starts_with(prefix))
}

#[test]
fn excluding_a_family_removes_its_codes_and_its_evidence() {
    let world = World::tiny();
    let with = profiles(&world, &[]);
    assert!(has_code(&with, "THREAT_SPAMHAUS") && cites(&with, "spamhaus-"));
    let without = profiles(&world, &["--exclude-source", "spamhaus"]);
    assert!(!has_code(&without, "THREAT_SPAMHAUS"));
    assert!(!cites(&without, "spamhaus-"));
    assert_eq!(with.len(), without.len());
}

#[test]
fn excluding_a_source_removes_its_evidence_and_no_other() {
    let world = World::tiny();
    assert!(cites(&profiles(&world, &[]), "threatfox"));
    let without = profiles(&world, &["--exclude-source", "threatfox"]);
    assert!(!cites(&without, "threatfox"));
    assert!(cites(&without, "c2-tracker"));
}

#[test]
fn excluded_sources_have_no_rows_in_the_status() {
    let world = World::tiny();
    let key = world.key("read");
    let out = ["--exclude-source", "spamhaus", "--exclude-source", "threatfox"];
    let server = world.serve().args(out).ready();
    for name in ["spamhaus-asndrop", "spamhaus-drop", "threatfox"] {
        let source = server.source(&key, name);
        assert_eq!(source["enabled"], false, "{source}");
        assert_eq!(source["rows"], Value::Null, "{source}");
    }
    assert!(server.source(&key, "c2-tracker")["rows"].as_u64() > Some(0));
}

#[test]
fn a_source_excluded_at_a_restart_no_longer_counts() {
    let world = World::tiny();
    let key = world.key("read");
    world.serve().settled().stop().exits(0);
    let out = ["--exclude-source", "spamhaus"];
    let server = world.serve().args(out).settled();
    for asn in numbers(&world.truth().asn_drop) {
        let profile = server.read(&format!("/v1/asn/{asn}"), &key);
        let listed = &profile["signals"]["threats"]["spamhaus_listed"];
        assert_eq!(listed, false, "AS{asn}");
    }
}

#[test]
fn a_source_excluded_at_a_restart_has_no_rows_in_the_status() {
    let world = World::tiny();
    let key = world.key("read");
    world.serve().settled().stop().exits(0);
    let out = ["--exclude-source", "spamhaus"];
    let server = world.serve().args(out).settled();
    let source = server.source(&key, "spamhaus-asndrop");
    assert_eq!(source["enabled"], false, "{source}");
    assert_eq!(source["rows"], Value::Null, "{source}");
}

#[test]
fn an_unknown_source_exits_2_and_a_similar_name_is_suggested() {
    let world = World::tiny();
    let server = world.serve().args(["--exclude-source", "spamhous"]);
    let ended = server.ends().exits(2);
    assert!(ended.stderr.contains("`spamhous`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `spamhaus`"), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_source_like_no_other_exits_2_and_says_where_the_names_are() {
    let world = World::tiny();
    let server = world.serve().args(["--exclude-source", "qqqqqqqqqqqq"]);
    let ended = server.ends().exits(2);
    assert!(ended.stderr.contains("asgard source list"), "{ended:?}");
}

#[test]
fn a_moment_that_is_none_exits_2_and_is_quoted() {
    let world = World::tiny();
    let server = world.serve().args(["--as-of", "soon"]);
    let ended = server.ends().exits(2);
    assert!(ended.stderr.contains("`soon`"), "{}", ended.stderr);
}

#[test]
fn a_mirror_and_a_demo_together_exit_2() {
    let world = World::tiny();
    let ended = Serve::new(world.options()).args(["--demo"]).ends().exits(2);
    assert!(ended.stderr.contains("--mirror"), "{}", ended.stderr);
}
