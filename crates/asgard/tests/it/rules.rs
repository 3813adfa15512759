//! `asgard rules` as a user meets it: the real binary, exit codes, output.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use asgard_model::mmdb::{Value, Writer};

mod facts;
mod fmt;

const FILE: &str = "\
features:
  asn:
    enabled: true
    database: {path: none.mmdb}
    policy_usage: {enabled: true}
    upstream_headers: {enabled: true}
ip_lists: {office: {source: inline, entries: [192.0.2.0/24]}}
auto_challenge: {thresholds: [{threshold: 5, challenge: metarefresh}]}
rules: # ours first
  - {name: office, action: allow, ip_list: office}
  - {name: hetzner, action: DENY, networks: [24940]}
  - {name: scan, action: DENY, path_regex: '^/wp-'}
  - {name: odd, action: WEIGH, weight: {adjust: 5}, expression: 'userAgent == \"\"'}
tests:
  - {name: office passes, request: {ip: 192.0.2.1}, expect: {rule: office}}
  - {name: hetzner does not, request: {ip: 198.51.100.1, asn: 24940}, expect: {action: DENY, rule: hetzner}}
";

fn asgard(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_asgard"))
        .args(words)
        .current_dir(dir)
        .env("XDG_DATA_HOME", dir)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn with_file() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("g.yaml"), FILE).unwrap();
    dir
}

#[test]
fn check_shows_remarks_and_refuses_them_only_on_demand() {
    let dir = with_file();
    let output = asgard(dir.path(), &["rules", "check", "g.yaml"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for code in ["W201", "W203", "W204", "W206"] {
        assert!(text.contains(&format!("lint[{code}]")), "{text}");
    }
    assert!(text.contains("ok: 4 rules, 2 tests"), "{text}");
    let words = ["rules", "check", "g.yaml", "--deny-lint"];
    assert_eq!(asgard(dir.path(), &words).status.code(), Some(2));
}

#[test]
fn check_finds_own_networks_in_the_database() {
    let dir = with_file();
    let mut writer = Writer::new("T", "t", 1);
    let hetzner =
        Value::Map(vec![("autonomous_system_number", Value::Unsigned(24_940))]);
    let record = writer.record(&hetzner).unwrap();
    writer.insert("198.51.100.0/24".parse().unwrap(), record);
    fs::write(dir.path().join("asn.mmdb"), writer.finish().unwrap()).unwrap();
    let balancer = format!("trusted_proxies: [198.51.100.8/32]\n{FILE}");
    fs::write(dir.path().join("g.yaml"), balancer).unwrap();
    let check = |more: &[&str]| {
        let words = ["rules", "check", "g.yaml"];
        let output = asgard(dir.path(), &[&words[..], more].concat());
        assert_eq!(output.status.code(), Some(0));
        stdout(&output)
    };
    assert!(!check(&[]).contains("W222"), "nobody knows its network");
    let text = check(&["--mmdb", "asn.mmdb"]);
    let remark = "lint[W222]: this refuses trusted proxy 198.51.100.8/32";
    assert!(text.contains(remark), "{text}");
}

#[test]
fn check_refuses_a_faulty_file_with_exit_code_2() {
    let dir = with_file();
    let faulty = FILE.replace("userAgent ==", "userAgnt ==");
    fs::write(dir.path().join("g.yaml"), faulty).unwrap();
    let words = ["rules", "check", "g.yaml", "-o", "jsonl"];
    let output = asgard(dir.path(), &words);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    let fault = text.lines().find(|l| l.contains("E104")).unwrap();
    let fault: serde_json::Value = serde_json::from_str(fault).unwrap();
    assert_eq!(fault["line"], 13);
    assert_eq!(fault["hint"], "did you mean `userAgent`?");
}

#[test]
fn test_runs_the_tests_of_the_file() {
    let dir = with_file();
    let output = asgard(dir.path(), &["rules", "test", "g.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let wrong = FILE.replace("expect: {rule: office}", "expect: {rule: scan}");
    fs::write(dir.path().join("g.yaml"), wrong).unwrap();
    let output = asgard(dir.path(), &["rules", "test", "g.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("rule: expected scan, got office"), "{text}");
}

#[test]
fn explain_says_what_every_rule_said() {
    let dir = with_file();
    let words = [
        "rules",
        "explain",
        "g.yaml",
        "--ip",
        "203.0.113.7",
        "--path",
        "//wp-admin/",
        "-o",
        "json",
    ];
    let output = asgard(dir.path(), &words);
    let shown: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(shown["action"], "DENY");
    assert_eq!(shown["rule"], "scan");
    let said: Vec<&str> = shown["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["said"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["not matched", "not matched", "decided", "not reached"]);
    assert_eq!(shown["variables"]["path"], "\"/wp-admin/\"");
    assert_eq!(shown["variables"]["asnScore"], serde_json::Value::Null);
}

#[test]
fn replay_counts_hits_and_shows_what_changes() {
    let dir = with_file();
    let log = "\
192.0.2.9 - - [x] \"GET /wp-login.php HTTP/1.1\" 200 1 \"-\" \"Mozilla\"
203.0.113.7 - - [x] \"GET /wp-login.php HTTP/1.1\" 200 1 \"-\" \"Mozilla\"
203.0.113.8 - - [x] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"
nonsense
{\"remote_addr\":\"203.0.113.9\",\"request\":\"GET / HTTP/1.1\",\"http_user_agent\":\"M\"}
";
    fs::write(dir.path().join("access.log"), log).unwrap();
    let old = FILE.replace("'^/wp-'", "'^/never'");
    fs::write(dir.path().join("old.yaml"), old).unwrap();
    let words = [
        "rules",
        "replay",
        "g.yaml",
        "access.log",
        "--against",
        "old.yaml",
        "-o",
        "json",
    ];
    let output = asgard(dir.path(), &words);
    let report: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["lines"], 5);
    assert_eq!(report["skipped"], 1);
    assert_eq!(report["deny"], 1);
    assert_eq!(report["challenge"], 1);
    assert_eq!(report["allow"], 2);
    assert_eq!(report["rules"][2]["hits"], 1);
    let example = report["rules"][2]["examples"][0].as_str().unwrap();
    assert!(example.starts_with("203.0.113.7"), "{example}");
    assert_eq!(report["changed"]["count"], 1);
    assert_eq!(report["changed"]["examples"][0]["before"], "ALLOW");
}

#[test]
fn fmt_rewrites_aliases_and_nothing_else() {
    let dir = with_file();
    let check = ["rules", "fmt", "g.yaml", "--check"];
    assert_eq!(asgard(dir.path(), &check).status.code(), Some(1));
    let output = asgard(dir.path(), &["rules", "fmt", "g.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let written = fs::read_to_string(dir.path().join("g.yaml")).unwrap();
    let wanted = FILE
        .replace("upstream_headers", "downstream_headers")
        .replace("allow,", "ALLOW,")
        .replace("networks:", "network:")
        .replace("{adjust: 5}", "5");
    assert_eq!(written, wanted);
    assert_eq!(asgard(dir.path(), &check).status.code(), Some(0));
}
