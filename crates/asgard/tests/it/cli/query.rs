//! `lookup`, `why` and `top`: forms, exit codes, a reader that leaves early.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{
    program::{Ended, program},
    world::{World, numbers},
};

/// An address that no route of a generated world contains (RFC 5737).
const NOWHERE: &str = "203.0.113.9";

fn bad(world: &World) -> String {
    format!("AS{}", numbers(&world.truth().bulletproof)[0])
}

#[test]
fn lookup_finds_the_origin_of_an_address_at_its_longest_prefix() {
    let world = World::tiny();
    let rows = world.run(&["lookup", "8.8.8.8"]).rows();
    let row = &rows[0];
    assert_eq!(rows.len(), 1);
    assert_eq!(row[..5], ["8.8.8.8", "8.8.8.0/24", "AS15169", "GOOGLE", "US"]);
    assert_eq!(row[7], "resolver");
}

#[test]
fn lookup_takes_numbers_addresses_and_prefixes_in_every_spelling() {
    let world = World::tiny();
    let spellings =
        ["AS15169", "as15169", "15169", "8.8.8.8", "8.8.8.8:53", "8.8.8.0/24"];
    let words = [&["lookup"], &spellings[..]].concat();
    let rows = world.run(&words).rows();
    let found: Vec<(&str, &str)> =
        rows.iter().map(|row| (&*row[0], &*row[2])).collect();
    assert_eq!(found, spellings.map(|spelling| (spelling, "AS15169")));
}

#[test]
fn lookup_as_json_is_an_envelope_around_the_profile_of_the_api() {
    let world = World::tiny();
    let key = world.key("read");
    let envelope = world.run(&["lookup", "8.8.8.8", "-o", "json"]).json();
    assert_eq!(envelope["target_type"], "ip");
    assert_eq!(envelope["status"], "ok");
    assert_eq!(envelope["result_count"], 1);
    assert_eq!(envelope["prefix"], "8.8.8.0/24");
    let server = world.serve().ready();
    let mut served = server.read("/v1/asn/15169", &key);
    let mut local = envelope["results"][0].clone();
    // Two Snapshots of the same world differ in when they were made.
    for profile in [&mut served, &mut local] {
        profile["last_updated"] = Value::Null;
    }
    assert_eq!(local, served);
}

#[test]
fn what_is_not_found_exits_3() {
    let world = World::tiny();
    for command in ["lookup", "why"] {
        let ended = world.run(&[command, NOWHERE]).exits(3);
        assert!(ended.stderr.contains(NOWHERE), "{ended:?}");
        let json = [command, NOWHERE, "-o", "json"];
        let ended = world.run(&json).exits(3);
        assert!(ended.stdout.contains("\"not_found\""), "{ended:?}");
    }
}

#[test]
fn when_some_are_not_found_the_exit_code_is_7() {
    let world = World::tiny();
    for command in ["lookup", "why"] {
        let ended = world.run(&[command, "8.8.8.8", NOWHERE]).exits(7);
        assert!(ended.stdout.contains("GOOGLE"), "{ended:?}");
    }
}

#[test]
fn what_cannot_be_asked_about_exits_2_before_anything_is_read() {
    let world = World::tiny();
    crate::world::empty(&world.mirror());
    let ended = world.run(&["lookup", "8.8.8.8", "no-such-thing"]).exits(2);
    assert!(ended.stderr.contains("`no-such-thing`"), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_command_line_that_is_wrong_exits_2() {
    let world = World::tiny();
    world.run(&["lookup"]).exits(2);
    world.run(&["no-such-command"]).exits(2);
    world.run(&["top", "--country", "ZZZ"]).exits(2);
    world.run(&["top", "--worst", "--best"]).exits(2);
    world.run(&["top", "-o", "xml"]).exits(2);
}

#[test]
fn a_mirror_that_tells_nothing_exits_1_and_says_so() {
    let world = World::tiny();
    crate::world::empty(&world.mirror());
    let ended = world.run(&["lookup", "8.8.8.8"]).exits(1);
    assert!(ended.stderr.contains("no routing table"), "{ended:?}");
}

#[test]
fn why_of_a_number_gives_score_reasons_and_evidence() {
    let world = World::tiny();
    let text = world.run(&["why", &bad(&world)]).text();
    for part in ["CRITICAL", "THREAT_BOTNET", "threatfox", "as of 2026-06-27"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn why_tells_all_evidence_in_a_line_and_what_nobody_could_know() {
    let world = World::tiny();
    let text = world.run(&["why", &bad(&world)]).text();
    let lines = |start: &str| {
        text.lines().filter(|line| line.starts_with(start)).count()
    };
    assert_eq!(lines("  evidence: "), 1, "{text}");
    assert_eq!(lines("  not known: "), 1, "{text}");
    assert!(!text.contains("unknown,"), "{text}");
}

#[test]
fn reasons_without_points_are_told_with_v_only() {
    let world = World::tiny();
    let bad = bad(&world);
    let json = world.run(&["why", &bad, "-o", "json"]).json();
    let details = json["results"][0]["details"].as_array().unwrap();
    let idle = |detail: &&Value| detail["points"] == 0;
    let code = details.iter().find(idle).expect("advice is always there");
    let code = code["code"].as_str().unwrap();
    let short = world.run(&["why", &bad]).text();
    assert!(!short.contains(code), "{short}");
    let long = world.run(&["why", &bad, "-v"]).text();
    assert!(long.contains(code), "{long}");
}

#[test]
fn why_of_an_address_explains_its_origin() {
    let world = World::tiny();
    let bad = numbers(&world.truth().bulletproof)[0];
    let truth = world.truth();
    let route = truth.routes.iter().find(|route| route.origin.0 == bad);
    let address = route.expect("it is routed").prefix.network().to_string();
    let text = world.run(&["why", &address]).text();
    assert!(text.starts_with(&format!("{address} is in ")), "{text}");
    assert!(text.contains(&format!("\nAS{bad} ")), "{text}");
    assert!(text.contains("THREAT_BOTNET"), "{text}");
}

#[test]
fn why_of_a_clean_network_lists_no_reason_that_costs_points() {
    let world = World::tiny();
    let text = world.run(&["why", "15169"]).text();
    assert!(text.contains("score 100 LOW"), "{text}");
    assert!(!text.contains("  -"), "{text}");
}

#[test]
fn points_in_json_add_up_to_100_minus_the_score() {
    let world = World::demo();
    let words = ["top", "-n", "100000", "-o", "json"];
    let profiles = world.run(&words).json();
    let profiles = profiles.as_array().unwrap();
    assert_eq!(profiles.len(), 2000);
    for profile in profiles {
        let points: i64 = profile["details"]
            .as_array()
            .unwrap()
            .iter()
            .map(|detail| detail["points"].as_i64().unwrap())
            .sum();
        let score = profile["risk_score"].as_i64().unwrap();
        assert_eq!(points, 100 - score, "{profile}");
    }
}

#[test]
fn points_in_the_explanation_are_those_of_the_json() {
    let world = World::tiny();
    let text = world.run(&["why", &bad(&world)]).text();
    let said: i64 = text
        .lines()
        .filter(|line| line.trim_start().starts_with(['+', '-']))
        .filter_map(|line| line.split_whitespace().next()?.parse::<i64>().ok())
        .sum();
    let json = world.run(&["why", &bad(&world), "-o", "json"]).json();
    let score = json["results"][0]["risk_score"].as_i64().unwrap();
    assert_eq!(said, score - 100, "{text}");
}

fn scores(ended: Ended) -> Vec<u32> {
    ended.rows().iter().map(|row| row[1].parse().unwrap()).collect()
}

#[test]
fn top_lists_the_worst_first_and_50_of_them_by_default() {
    let world = World::tiny();
    let scores = scores(world.run(&["top"]));
    assert_eq!(scores.len(), 50);
    assert!(scores.is_sorted(), "{scores:?}");
}

#[test]
fn top_best_lists_the_best_first() {
    let world = World::tiny();
    let scores = scores(world.run(&["top", "--best", "-n", "100"]));
    assert!(scores.len() > 40, "{scores:?}");
    assert!(scores.iter().rev().is_sorted(), "{scores:?}");
}

#[test]
fn top_best_leaves_out_who_was_never_watched() {
    let world = World::demo();
    let all = ["top", "-n", "100000", "-o", "json"];
    let all = world.run(&all).json();
    let sure = |profile: &&Value| profile["assessment"] == "ok";
    let sure = all.as_array().unwrap().iter().filter(sure).count();
    assert!(sure < 2000, "nobody is silent here");
    let best = world.run(&["top", "--best", "-n", "100000"]).rows();
    assert_eq!(best.len(), sure);
}

#[test]
fn top_of_a_country_holds_nobody_else() {
    let world = World::tiny();
    let rows = world.run(&["top", "--country", "us", "-n", "100"]).rows();
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row[6] == "US"), "{rows:?}");
}

#[test]
fn top_ranks_as_json_as_it_does_as_a_table() {
    let world = World::tiny();
    let table = world.run(&["top", "-n", "60"]).rows();
    let table: Vec<String> = table.into_iter().map(|r| r[0].clone()).collect();
    let json = world.run(&["top", "-n", "60", "-o", "json"]).json();
    let json = json.as_array().unwrap().iter();
    let json: Vec<String> =
        json.map(|profile| format!("AS{}", profile["asn"])).collect();
    assert_eq!(table, json);
}

/// Reads one line of what a command prints, leaves, and returns the exit code.
fn leave_after_a_line(form: &str) -> Option<i32> {
    let mut child = program()
        .args(["top", "--demo", "-n", "2000", "-o", form])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // Dropped at the end of the statement: the pipe is then broken.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    child.wait().unwrap().code()
}

#[test]
fn a_reader_that_has_seen_enough_of_a_table_is_no_failure() {
    assert_eq!(leave_after_a_line("table"), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_json_is_no_failure() {
    assert_eq!(leave_after_a_line("json"), Some(0));
}

#[test]
fn without_a_mirror_the_last_snapshot_of_the_server_answers() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let fresh = world.run(&["lookup", &bad(&world)]).rows();
    let stored = world.administer(&["lookup", &bad(&world)]).rows();
    assert_eq!(stored, fresh);
}

#[test]
fn the_time_of_the_last_snapshot_is_when_it_was_made() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().settled();
    let status = server.read("/v1/status", &key);
    server.stop().exits(0);
    let told = world.administer(&["lookup", "8.8.8.8", "-o", "json"]).json();
    let created = told["snapshot"]["created"].as_str().unwrap();
    let served = status["snapshot"]["created"].as_str().unwrap();
    assert_eq!(created[..19], served[..19]);
    assert_eq!(told["snapshot"]["serial"], status["snapshot"]["serial"]);
}

#[test]
fn the_last_snapshot_is_judged_with_the_whitelist_of_now() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let bad = bad(&world);
    let add = ["whitelist", "add", &bad, "--reason", "ours"];
    world.administer(&add).exits(0);
    let rows = world.administer(&["lookup", &bad]).rows();
    assert_eq!(rows[0][5], "100", "{rows:?}");
}

#[test]
fn a_data_directory_without_scores_exits_1_and_says_what_to_do() {
    let world = World::tiny();
    let ended = world.administer(&["lookup", "8.8.8.8"]).exits(1);
    for way in ["asgard serve", "--mirror", "--demo"] {
        assert!(ended.stderr.contains(way), "{ended:?}");
    }
}
