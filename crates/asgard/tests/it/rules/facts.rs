//! What the tools of rules know: files of the configuration, judged as a
//! gateway judges them, and requests as a gateway sees them.

use std::{fs, path::Path};

use asgard_model::mmdb::{Value, Writer};

use super::{asgard, stdout};

const FILE: &str = "\
features:
  asn: {enabled: true, database: {path: asn.mmdb}, policy_usage: {enabled: true}}
  geoip: {enabled: true, database: {path: city.mmdb}, policy_usage: {enabled: true}}
ip_lists:
  bad: {source: file, path: bad.txt}
  none: {source: inline, entries: []}
rules:
  - {name: listed, action: DENY, ip_list: bad}
  - {name: away, action: DENY, geoip: [NZ]}
  - {name: not-none, action: DENY, expression: 'path == \"/none\" && !inList(\"none\")'}
  - {name: host, action: DENY, expression: '\"host\" in headers || \"x-real-ip\" in headers'}
  - {name: shop, action: DENY, expression: 'host == \"shop.example\"'}
  - {name: body, action: DENY, expression: 'contentLength != 0'}
tests:
  - {name: listed, request: {ip: 192.0.2.7}, expect: {rule: listed}}
  - {name: away, request: {ip: 203.0.113.7}, expect: {rule: away}}
  - {name: none, request: {ip: 198.51.100.7, path: /none}, expect: {rule: not-none}}
  - {name: port, request: {ip: 198.51.100.7, host: 'SHOP.example:81'}, expect: {rule: shop}}
  - name: hidden
    request:
      ip: 198.51.100.7
      headers: {Host: other.example, X-Real-IP: 192.0.2.7}
    expect: {rule: null}
  - {name: body, request: {ip: 198.51.100.7, headers: {content-length: 5}}, expect: {rule: body}}
";

/// What a person writes: a mark of the order of bytes, both comments, a line
/// that is nothing.
const LIST: &str =
    "\u{feff}192.0.2.0/25 # half\nnonsense\n192.0.2.128/25 ; half\n";

fn asn() -> Vec<u8> {
    let mut writer = Writer::new("T", "t", 1);
    // Where the network is registered is not where the address is.
    let network = Value::Map(vec![
        ("autonomous_system_number", Value::Unsigned(64_496)),
        ("country", Value::Map(vec![("iso_code", Value::Text("NZ"))])),
    ]);
    let record = writer.record(&network).unwrap();
    writer.insert("198.51.100.0/24".parse().unwrap(), record);
    writer.finish().unwrap()
}

fn city() -> Vec<u8> {
    let mut writer = Writer::new("T", "t", 1);
    for (prefix, code) in [("203.0.113.0/24", "NZ"), ("198.51.100.0/24", "NL")]
    {
        let country = Value::Map(vec![("iso_code", Value::Text(code))]);
        let place = Value::Map(vec![("country", country)]);
        let record = writer.record(&place).unwrap();
        writer.insert(prefix.parse().unwrap(), record);
    }
    writer.finish().unwrap()
}

fn scene() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(dir.path().join(name), bytes).unwrap();
    };
    write("g.yaml", FILE.as_bytes());
    write("bad.txt", LIST.as_bytes());
    write("asn.mmdb", &asn());
    write("city.mmdb", &city());
    dir
}

fn rule(dir: &Path, words: &[&str]) -> serde_json::Value {
    let all = [&["rules", "explain", "g.yaml", "-o", "json"], words].concat();
    let output = asgard(dir, &all);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap();
    shown["rule"].clone()
}

#[test]
fn the_tests_of_a_file_know_databases_of_places_and_lists_of_files() {
    let dir = scene();
    let output = asgard(dir.path(), &["rules", "test", "g.yaml"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{output:?}");
    assert!(text.contains("6 tests passed"), "{text}");
}

#[test]
fn explain_sees_what_a_gateway_sees() {
    let dir = scene();
    let rule = |words: &[&str]| rule(dir.path(), words);
    assert_eq!(rule(&["--ip", "192.0.2.200"]), "listed");
    assert_eq!(rule(&["--ip", "203.0.113.7"]), "away");
    let here = ["--ip", "198.51.100.7"];
    let with = |more: &[&str]| rule(&[&here[..], more].concat());
    assert_eq!(with(&[]), serde_json::Value::Null);
    assert_eq!(with(&["--header", "X-Real-IP=192.0.2.7"]), with(&[]));
    assert_eq!(with(&["--header", "Host=Shop.example:8080"]), "shop");
    assert_eq!(with(&["--header", "content-length=7"]), "body");
}

#[test]
fn replay_sees_what_a_gateway_sees() {
    let dir = scene();
    let log = "\
192.0.2.7 - - [x] \"GET / HTTP/1.1\" 200 1 \"-\" \"M\"
203.0.113.7 - - [x] \"GET / HTTP/1.1\" 200 1 \"-\" \"M\"
{\"ip\":\"198.51.100.7\",\"path\":\"/\",\"host\":\"SHOP.example:8080\"}
{\"ip\":\"198.51.100.7\",\"path\":\"/\",\"host\":\"other.example\"}
";
    fs::write(dir.path().join("log"), log).unwrap();
    let words = ["rules", "replay", "g.yaml", "log", "-o", "json"];
    let output = asgard(dir.path(), &words);
    let report: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap();
    let hits = |n: usize| report["rules"][n]["hits"].as_u64().unwrap();
    let all: Vec<u64> = (0..6).map(hits).collect();
    assert_eq!(all, [1, 1, 0, 0, 1, 0], "{report}");
    assert_eq!(report["allow"], 1);
}

#[test]
fn a_file_that_cannot_be_used_is_a_fault_with_its_place() {
    let words = ["rules", "check", "g.yaml", "-o", "jsonl"];
    for (name, bytes, line, why) in [
        ("asn.mmdb", b"no database".as_slice(), 2, "metadata"),
        ("city.mmdb", b"", 3, "metadata"),
        ("bad.txt", b"<html>\n", 5, "1 of 1 lines are no address"),
    ] {
        let dir = scene();
        fs::write(dir.path().join(name), bytes).unwrap();
        let output = asgard(dir.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        let text = stdout(&output);
        let fault: serde_json::Value = serde_json::from_str(
            text.lines().find(|l| l.contains("E007")).unwrap(),
        )
        .unwrap();
        assert_eq!(fault["code"], "E007", "{text}");
        assert_eq!(fault["line"], line, "{text}");
        let message = fault["message"].as_str().unwrap();
        assert!(message.contains(name), "{message}");
        assert!(message.contains(why), "{message}");
        for command in ["test", "check"] {
            let output = asgard(dir.path(), &["rules", command, "g.yaml"]);
            assert_eq!(output.status.code(), Some(2), "{command}");
            assert!(stdout(&output).contains("error[E007]"), "{command}");
        }
    }
}

#[test]
fn check_tells_what_each_rule_may_cost() {
    let dir = scene();
    let check = |form: &str| {
        let words = ["rules", "check", "g.yaml", "-o", form];
        stdout(&asgard(dir.path(), &words))
    };
    let report: serde_json::Value =
        serde_json::from_str(&check("json")).unwrap();
    let rules = report["policy"]["rules"].as_array().unwrap();
    let costs: Vec<u64> =
        rules.iter().map(|rule| rule["cost"].as_u64().unwrap()).collect();
    assert_eq!(costs.len(), 6);
    assert_eq!(costs[0], 0, "it has no expression");
    assert!(costs[3] > costs[4] && costs[4] > 0, "{costs:?}");
    assert_eq!(report["policy"]["cost"], costs.iter().sum::<u64>());
    assert_eq!(
        (&rules[3]["rule"], &rules[3]["line"]),
        (&"host".into(), &11.into())
    );
    assert!(report["diagnostics"].is_array());
    let lines = check("jsonl");
    let of_rules = lines.lines().filter(|line| line.contains("\"cost\""));
    assert_eq!(of_rules.count(), 6, "{lines}");
    let table = check("table");
    let dearest = table.lines().skip_while(|l| !l.starts_with("dearest"));
    assert!(dearest.clone().nth(1).unwrap().starts_with("host\t"), "{table}");
    assert_eq!(dearest.count(), 5, "{table}");
}
