//! `config check` and `config show`, and what the file is told about.

use crate::{
    program::{Ended, asgard, program},
    world::World,
};

/// Checks a file with this text.
fn check(text: &str) -> Ended {
    let world = World::tiny();
    let file = world.write("asgard.yaml", text);
    let words = ["config".into(), "check".into(), "--config".into(), file];
    asgard(words)
}

#[test]
fn the_defaults_are_valid() {
    asgard(["config", "check"]).exits(0);
}

#[test]
fn what_show_prints_is_accepted_by_check() {
    let world = World::tiny();
    let file = world.write(
        "asgard.yaml",
        "cycle_minutes: 30\n\
         bands: { low: 91, medium: 76, high: 51 }\n\
         allow_private: [10.0.0.0/8]\n\
         rate_classes: { siem: 6000, lab: 0 }\n\
         exclude_sources: [spamhaus]\n\
         sources:\n  threatfox: { cadence: 2h }\n  greensnow: { enabled: false }\n",
    );
    let file = file.to_str().unwrap();
    let words = ["config", "show", "--config", file, "--as-of", "2026-06-01"];
    let shown = world.run(&words).text();
    let again = world.write("shown.yaml", &format!("{shown}\n"));
    let again = again.to_str().unwrap();
    asgard(["config", "check", "--config", again]).exits(0);
    let twice = asgard(["config", "show", "--config", again]).text();
    assert_eq!(twice, shown);
    let parts = [
        "cycle_minutes: 30",
        "2026-06-01",
        "spamhaus",
        "10.0.0.0/8",
        "siem: 6000",
        "lab: 0",
    ];
    for part in parts {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn broken_yaml_exits_2_and_names_file_and_line() {
    let ended = check("log: text\nlisten: a: b: c\n").exits(2);
    assert!(ended.stderr.contains("asgard.yaml"), "{ended:?}");
    assert!(ended.stderr.contains("line 2"), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn an_unknown_key_exits_2_and_is_named_with_its_line() {
    let ended = check("rate_limit: 5\nrate_limits: 5\n").exits(2);
    assert!(ended.stderr.contains("`rate_limits`"), "{ended:?}");
    assert!(ended.stderr.contains("line 2"), "{ended:?}");
}

#[test]
fn values_out_of_range_exit_2_and_name_the_key() {
    for (text, key) in [
        ("cycle_minutes: 0\n", "cycle_minutes"),
        ("dns_timeout_seconds: 0\n", "dns_timeout_seconds"),
        ("dns_timeout_seconds: 31\n", "dns_timeout_seconds"),
        ("peeringdb_url: nowhere\n", "`nowhere`"),
        ("resolver: 127.0.0.1\n", "resolver"),
        ("cycle_minutes: 1441\n", "cycle_minutes"),
        ("bands: { low: 50, medium: 75, high: 90 }\n", "bands"),
        ("allow_private: [somewhere]\n", "allow_private"),
        ("as_of: soon\n", "as_of"),
        ("listen: nowhere\n", "listen"),
        ("rate_limit: -1\n", "rate_limit"),
        ("rate_classes: { siem: -1 }\n", "rate_classes"),
        ("rate_classes: { 'a b': 1 }\n", "rate_classes"),
    ] {
        let ended = check(text).exits(2);
        assert!(ended.stderr.contains(key), "{text} {ended:?}");
    }
}

#[test]
fn a_source_that_does_not_exist_exits_2_and_a_similar_one_is_suggested() {
    let ended = check("sources:\n  threatfxo: { enabled: false }\n").exits(2);
    assert!(ended.stderr.contains("`threatfox`"), "{ended:?}");
}

#[test]
fn an_address_that_is_none_exits_2_and_names_the_source() {
    let ended = check("sources:\n  threatfox: { url: 'ftp://x/' }\n").exits(2);
    assert!(ended.stderr.contains("threatfox"), "{ended:?}");
}

#[test]
fn a_file_that_is_not_there_exits_2_and_is_named() {
    let ended = asgard(["config", "check", "--config", "/nonexistent.yaml"]);
    let ended = ended.exits(2);
    assert!(ended.stderr.contains("/nonexistent.yaml"), "{ended:?}");
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let world = World::tiny();
    let file = world.write("asgard.yaml", "data_dir: /from/file\n");
    let shown = |flags: &[&str], environment: bool| {
        let mut command = program();
        command.args(["config", "show"]).args(flags);
        command.env("ASGARD_CONFIG", &file);
        if environment {
            command.env("ASGARD_DATA_DIR", "/from/environment");
        }
        let ended: Ended = command.output().unwrap().into();
        ended.text()
    };
    assert!(shown(&[], false).contains("data_dir: /from/file"));
    assert!(shown(&[], true).contains("data_dir: /from/environment"));
    let flags = ["--data-dir", "/from/flag"];
    assert!(shown(&flags, true).contains("data_dir: /from/flag"));
}

#[test]
fn bands_of_the_configuration_decide_the_levels() {
    let world = World::tiny();
    let bands = "bands: { low: 100, medium: 99, high: 98 }\n";
    let file = world.write("asgard.yaml", bands);
    let file = file.to_str().unwrap();
    let words = ["lookup", "AS64512", "--config", file];
    let rows = world.run(&words).rows();
    // 87 of 100 would be MEDIUM.
    assert_eq!(rows[0][5..7], ["87", "CRITICAL"], "{rows:?}");
}

#[test]
fn a_model_that_weighs_no_source_exits_2_and_says_which_was_meant() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/model.toml");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let text = shipped.replace("c2-tracker = 0.6", "c2tracker = 0.6");
    let lines = text.lines();
    let line = 1 + lines.take_while(|l| !l.starts_with("c2tracker")).count();
    let world = World::tiny();
    let model = world.write("model.toml", &text);
    let config = format!("model: {}\n", model.display());
    let file = world.write("asgard.yaml", &config);
    let check = || {
        asgard([
            "config".into(),
            "check".into(),
            "--config".into(),
            file.clone(),
        ])
    };
    let ended = check().exits(2);
    let place = format!("model line {line}:");
    for words in [&*place, "`c2tracker`", "did you mean `c2-tracker`?"] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    world.write(
        "model.toml",
        &shipped.replace("threatfox = 0.7", "threatfox = 0.25"),
    );
    check().exits(0);
    let words = ["source", "list", "-o", "json", "--config"];
    let words = words.map(std::ffi::OsString::from);
    let list = asgard(words.into_iter().chain([file.into()])).json();
    let of = |source: &&serde_json::Value| source["name"] == "threatfox";
    let threatfox = list.as_array().unwrap().iter().find(of).unwrap();
    assert_eq!(threatfox["weight"], 0.25);
}
