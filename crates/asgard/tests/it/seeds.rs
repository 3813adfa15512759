//! The examples of the API reference and of the integrations guide, as they
//! are printed there: the calls run through `curl`, with only host, port and
//! key changed; the answers have every field of the printed ones, of the same
//! type and in the same shape.

use std::process::Command;

use serde_json::Value;

use crate::{
    program::Ended,
    server::{Serve, Server},
    world::World,
};

const PROFILE_CALL: &str =
    r#"curl -H "X-API-Key: $API_KEY" http://localhost:80/api/v1/asn/15169"#;
const PROFILE: &str = r#"{
"asn": 15169,
"name": "GOOGLE",
"country_code": "US",
"registry": "ARIN",
"risk_score": 95,
"risk_level": "LOW",
"rank_percentile": 98.5,
"downstream_score": 92,
"last_updated": "2026-03-29 10:00:00+00:00",
"breakdown": {
"hygiene": 100,
"threat": 100,
"stability": 95
},
"signals": {
"hygiene": {
"rpki_invalid_percent": 0.0,
"rpki_unknown_percent": 0.0,
"has_route_leaks": false,
"has_bogon_ads": false,
"is_stub_but_transit": false,
"prefix_granularity_score": 0
},
"threats": {
"spamhaus_listed": false,
"spam_emission_rate": 0.0,
"botnet_c2_count": 0,
"phishing_hosting_count": 0,
"malware_distribution_count": 0
},
"metadata": {
"has_peeringdb_profile": true,
"upstream_tier1_count": 3,
"is_whois_private": false
},
"forensics": {
"ddos_blackhole_count": 0,
"excessive_prepending_count": 0
}
},
"details": []
}"#;

const HISTORY_CALL: &str = r#"curl -H "X-API-Key: $API_KEY" "http://localhost:80/api/v1/asn/15169/history?days=7&offset=0&limit=50""#;
const HISTORY: &str = r#"{
"asn": 15169,
"total": 168,
"offset": 0,
"limit": 50,
"data": [
{
"timestamp": "2026-03-29T10:30:00",
"score": 95
},
{
"timestamp": "2026-03-29T09:30:00",
"score": 95
}
]
}"#;

const BULK_CALL: &str = r#"curl -X POST \
-H "X-API-Key: $API_KEY" \
-H "Content-Type: application/json" \
-d '{"asns": [15169, 13335, 8075]}' \
http://localhost:80/api/v1/tools/bulk-risk-check"#;
const BULK: &str = r#"{
"results": [
{"asn": 15169, "score": 95, "level": "LOW", "name": "GOOGLE"},
{"asn": 13335, "score": 90, "level": "LOW", "name": "CLOUDFLARENET"},
{"asn": 8075, "score": null, "level": "UNKNOWN", "name": "Unknown"}
],
"total": 3
}"#;

const WHITELIST_CALL: &str = r#"curl -X POST \
-H "X-API-Key: $API_KEY" \
-H "Content-Type: application/json" \
-d '{"asn": 64512, "reason": "Internal network"}' \
http://localhost:80/api/v1/whitelist"#;
const WHITELIST: &str = r#"{
"status": "success",
"message": "ASN 64512 added to whitelist."
}"#;

const PEERINGDB_CALL: &str = r#"curl -H "X-API-Key: $API_KEY" http://localhost:80/api/v1/asn/15169/peeringdb"#;
const PEERINGDB: &str = r#"{
"asn": 15169,
"found": true,
"peeringdb_data": {
"name": "Google LLC",
"type": "Content",
"website": "https://www.google.com",
"ix_count": 42,
"fac_count": 18,
"peering_policy": "Open"
}
}"#;
const NO_PEERINGDB: &str = r#"{
"asn": 64512,
"found": false,
"peeringdb_data": null
}"#;

const DOMAIN_RISK_CALL: &str = r#"curl -H "X-API-Key: $API_KEY" \
"http://localhost:80/api/v1/tools/domain-risk?domain=malicious-site.example""#;
const DOMAIN_RISK: &str = r#"{
"domain": "malicious-site.example",
"resolved_ip": "198.51.100.42",
"asn": 64496,
"infrastructure_risk": {
"asn": 64496,
"name": "EXAMPLE-ISP",
"country_code": "US",
"total_score": 35,
"risk_level": "CRITICAL",
"hygiene_score": 60,
"threat_score": 20,
"stability_score": 70
}
}"#;

const HEALTH_CALL: &str = "curl http://localhost:80/api/health";
const HEALTH: &str = r#"{
"status": "healthy",
"timestamp": "2026-03-29T10:00:00.000000",
"version": "7.4.0",
"dependencies": {
"postgres": "up",
"clickhouse": "up",
"redis": "up"
}
}"#;

const EDL_CALLS: [&str; 3] = [
    "curl http://localhost:80/api/feeds/edl",
    r#"curl "http://localhost:80/api/feeds/edl?max_score=49""#,
    r#"curl "http://localhost:80/api/feeds/edl?max_score=89""#,
];

const POLLING: &str = r#"curl -sf "http://your-asn-api-host/api/feeds/edl?max_score=50" \
> /etc/firewall/asn-blocklist.txt"#;

const ERROR: &str = r#"{
"error": "ASN not found or not yet scored",
"code": "HTTP_404",
"request_id": "1711700400-a1b2c3d4"
}"#;

/// Fields that are null when nobody can know.
const NULLABLE: [&str; 2] = [".downstream_score", ".prefix_granularity_score"];

/// The demo, a server with the limits of the defaults, and a key.
struct Demo {
    world: World,
    server: Server,
    key: String,
}

impl Demo {
    fn new() -> Self {
        let world = World::demo();
        let key = world.key("admin");
        let server = Serve::new(world.options()).settled();
        Self { world, server, key }
    }

    /// Runs a call as it is printed, with our host and key.
    fn run(&self, call: &str) -> String {
        let host = self.server.url();
        let call = call
            .replace("http://localhost:80", &host)
            .replace("http://your-asn-api-host", &host);
        assert!(call.contains(&host), "{call}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &call]).env("API_KEY", &self.key);
        let output = shell.output().expect("a shell");
        Ended::from(output).exits(0).stdout
    }

    fn json(&self, call: &str) -> Value {
        let text = self.run(call);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

fn example(text: &str) -> Value {
    serde_json::from_str(text).expect("the reference prints JSON")
}

/// Asserts that an answer has every field of an example, of the same type. An
/// example of `null` says nothing about the type.
fn assert_like(at: &str, example: &Value, answer: &Value) {
    match (example, answer) {
        (Value::Null, _) => {}
        (_, Value::Null) if NULLABLE.iter().any(|name| at.ends_with(name)) => {}
        (Value::Object(fields), Value::Object(found)) => {
            for (name, example) in fields {
                let at = format!("{at}.{name}");
                let answer = found.get(name);
                let answer = answer.unwrap_or_else(|| panic!("no {at}"));
                assert_like(&at, example, answer);
            }
        }
        (Value::Array(examples), Value::Array(answers)) => {
            let last = examples.last();
            for (n, answer) in answers.iter().enumerate() {
                let Some(example) = examples.get(n).or(last) else { return };
                assert_like(&format!("{at}[{n}]"), example, answer);
            }
        }
        (Value::String(example), Value::String(answer))
            if at.ends_with("timestamp") || at.ends_with("last_updated") =>
        {
            assert_eq!(shape(answer), shape(example), "{at}: {answer}");
        }
        (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        (Value::Number(example), Value::Number(answer)) => {
            assert_eq!(answer.is_f64(), example.is_f64(), "{at}: {answer}");
        }
        (example, answer) => panic!("{at}: {answer} instead of {example}"),
    }
}

/// A text with `0` for every digit.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[test]
fn the_profile_call_answers_with_every_field_of_the_reference() {
    let demo = Demo::new();
    let answer = demo.json(PROFILE_CALL);
    assert_like("profile", &example(PROFILE), &answer);
    for field in ["asn", "name", "country_code", "registry", "risk_level"] {
        assert_eq!(answer[field], example(PROFILE)[field], "{field}");
    }
}

#[test]
fn the_history_call_answers_in_the_shape_of_the_reference() {
    let demo = Demo::new();
    let answer = demo.json(HISTORY_CALL);
    assert_like("history", &example(HISTORY), &answer);
    assert_eq!(answer["limit"], 50);
    assert_eq!(answer["offset"], 0);
    assert_eq!(answer["total"], 1);
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_bulk_call_answers_in_the_shape_and_order_of_the_reference() {
    let demo = Demo::new();
    let answer = demo.json(BULK_CALL);
    assert_like("bulk", &example(BULK), &answer);
    let asns = |value: &Value| {
        let list = value["results"].as_array().expect("a list").clone();
        list.iter().map(|item| item["asn"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(asns(&answer), asns(&example(BULK)));
    assert_eq!(answer["results"][0]["name"], "GOOGLE");
    assert_eq!(answer["results"][1]["name"], "CLOUDFLARENET");
}

#[test]
fn the_whitelist_call_answers_word_for_word() {
    let demo = Demo::new();
    assert_eq!(demo.json(WHITELIST_CALL), example(WHITELIST));
}

#[test]
fn the_peeringdb_call_answers_in_both_shapes_of_the_reference() {
    let demo = Demo::new();
    let answer = demo.json(PEERINGDB_CALL);
    assert_like("peeringdb", &example(PEERINGDB), &answer);
    assert_eq!(answer["peeringdb_data"]["name"], "Google LLC");
    let answer = demo.json(&PEERINGDB_CALL.replace("15169", "64512"));
    assert_eq!(answer, example(NO_PEERINGDB));
}

#[test]
fn the_domain_risk_call_answers_with_every_field_of_the_reference() {
    let demo = Demo::new();
    // An address of the example network, for nobody answers about the domain.
    let call = DOMAIN_RISK_CALL.replace("malicious-site.example", "30.64.96.1");
    let answer = demo.json(&call);
    assert_like("domain_risk", &example(DOMAIN_RISK), &answer);
    assert_eq!(answer["asn"], 64496);
    assert_eq!(answer["infrastructure_risk"]["name"], "EXAMPLE-ISP");
    assert_eq!(answer["infrastructure_risk"]["risk_level"], "CRITICAL");
}

#[test]
fn the_health_call_needs_no_key_and_names_what_this_process_uses() {
    let demo = Demo::new();
    let answer = demo.json(HEALTH_CALL);
    let mut expected = example(HEALTH);
    // The names are those of a cluster; embedded, there is one store.
    expected["dependencies"] = serde_json::json!({ "store": "up" });
    assert_like("health", &expected, &answer);
    assert_eq!(answer["status"], "healthy");
    assert_eq!(answer["dependencies"], expected["dependencies"]);
}

#[test]
fn the_edl_calls_answer_with_one_as_a_line_and_nothing_else() {
    let demo = Demo::new();
    let mut before = 0;
    for call in [EDL_CALLS[1], EDL_CALLS[0], EDL_CALLS[2]] {
        let text = demo.run(call);
        assert!(text.ends_with('\n'), "{call}: {text:?}");
        for line in text.lines() {
            let number = line.strip_prefix("AS").expect(line);
            assert_eq!(number.parse::<u32>().unwrap().to_string(), number);
        }
        let lines = text.lines().count();
        assert!(lines >= before && lines > 0, "{call}: {lines}, {before}");
        before = lines;
    }
}

#[test]
fn the_edl_is_plain_text() {
    let demo = Demo::new();
    let feed = demo.server.get("/api/feeds/edl");
    assert!(feed.headers["content-type"].starts_with("text/plain"), "{feed:?}");
}

#[test]
fn the_polling_script_of_the_integrations_guide_writes_the_list() {
    let demo = Demo::new();
    let list = demo.world.write("asn-blocklist.txt", "");
    let path = list.to_str().expect("a path");
    let script = POLLING.replace("/etc/firewall/asn-blocklist.txt", path);
    assert_eq!(demo.run(&script), "");
    let written = std::fs::read_to_string(list).unwrap();
    assert_eq!(written, demo.run(EDL_CALLS[0]));
}

#[test]
fn the_error_of_an_unknown_network_is_the_printed_one() {
    let demo = Demo::new();
    let call = PROFILE_CALL.replace("15169", "4199999999");
    let answer = demo.json(&call);
    assert_like("error", &example(ERROR), &answer);
    assert_eq!(answer["error"], example(ERROR)["error"]);
    assert_eq!(answer["code"], "HTTP_404");
    let id = answer["request_id"].as_str().unwrap();
    let (seconds, random) = id.split_once('-').expect(id);
    assert!(seconds.parse::<u64>().is_ok(), "{id}");
    assert!(random.len() == 8 && u32::from_str_radix(random, 16).is_ok());
}

#[test]
fn an_asn_out_of_range_is_400_and_a_bad_key_403() {
    let demo = Demo::new();
    for asn in ["0", "4294967296"] {
        let answer = demo.json(&PROFILE_CALL.replace("15169", asn));
        assert_eq!(answer["code"], "HTTP_400", "{asn}");
    }
    let answer = demo.json(&PROFILE_CALL.replace("$API_KEY", "nonsense"));
    assert_eq!(answer["code"], "HTTP_403");
}

#[test]
fn every_response_has_the_headers_of_the_reference() {
    let demo = Demo::new();
    let call = PROFILE_CALL.replace("curl", "curl -s -D - -o /dev/null");
    let headers = demo.run(&call);
    let header = |name: &str| -> String {
        let of = |line: &str| {
            let (found, value) = line.split_once(':')?;
            let same = found.eq_ignore_ascii_case(name);
            same.then(|| value.trim().to_owned())
        };
        headers.lines().find_map(of).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(header("X-RateLimit-Limit"), "100");
    assert!(header("X-RateLimit-Remaining").parse::<u32>().unwrap() < 100);
    assert!(header("X-RateLimit-Reset").parse::<u64>().is_ok());
    assert_eq!(header("X-Trace-ID").len(), "1711700400-a1b2c3d4".len());
    let time = header("X-Response-Time");
    let time = time.strip_suffix("ms").expect(&time);
    assert!(time.parse::<f64>().unwrap() >= 0.0, "{time}");
    assert_eq!(time.split('.').nth(1).map(str::len), Some(2), "{time}");
    let tag = header("ETag");
    let digits = tag.strip_prefix("W/\"").and_then(|t| t.strip_suffix('"'));
    assert_eq!(digits.expect(&tag).len(), 16, "{tag}");
}

#[test]
fn every_call_answers_under_all_four_forms_of_its_path() {
    let demo = Demo::new();
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let mounted = |call: &str| {
            let printed = match call.contains(":80/api/v1/") {
                true => ":80/api/v1/",
                false => ":80/api/",
            };
            call.replace(printed, &format!(":80{mount}/"))
        };
        let answer = demo.json(&mounted(PROFILE_CALL));
        assert_eq!(answer["asn"], 15169, "{mount}");
        assert_eq!(demo.json(&mounted(BULK_CALL))["total"], 3, "{mount}");
        assert_eq!(demo.json(&mounted(HISTORY_CALL))["limit"], 50, "{mount}");
        let health = demo.json(&mounted(HEALTH_CALL));
        assert_eq!(health["status"], "healthy", "{mount}");
        assert!(demo.run(&mounted(EDL_CALLS[0])).starts_with("AS"), "{mount}");
    }
}
