//! Configurations load, or are refused with every fault at its place.

use std::{fs, path::Path, time::Duration};

use asgard_gateway::config::{
    DatabaseSource, Faults, Loaded, Overrides, TrustedProxies, load,
};
use asgard_policy::gate::{NoDatabases, Visit};

fn read(text: &str, overrides: &Overrides) -> Result<Loaded, Box<Faults>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.yaml");
    fs::write(&path, text).unwrap();
    load(&path, overrides).map_err(Box::new)
}

fn good(text: &str) -> Loaded {
    read(text, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn bad(text: &str) -> Faults {
    *read(text, &Overrides::default()).map(|_| ()).unwrap_err()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.lints.iter().map(|lint| lint.code).collect()
}

/// The configuration of the contract, all of it, with its rules.
const SEED: &str = r#"
features:
  asn:
    enabled: true
    client_ip_header: "cf-connecting-ip"
    downstream_headers:
      enabled: true
    policy_usage:
      enabled: true
    database:
      source: "file" # or `url`
      path: "/path/to/GeoLite2-ASN.mmdb"
      # url: "https://example.com/GeoLite2-ASN.mmdb"
      refresh_interval: "0"
rules:
- name: block-hetzner
  action: DENY
  network: 24940 # AS24940 (Hetzner Online GmbH)
- name: block-google-cloud
  action: DENY
  geoip:
    - 396982 # Primary ASN
    - 15169
    - 36040
    - 43515
    - 36561
    - 19527
    - 139070
- name: block-bots-from-hetzner
  action: DENY
  expression:
    all:
      - 'asnNumber == 24940' 
      - '"bot" in userAgent'
"#;

#[test]
fn the_contract_loads_as_it_is_written() {
    let loaded = good(SEED);
    let asn = &loaded.config.features.asn;
    assert!(asn.enabled && asn.policy_usage);
    assert!(asn.downstream_headers.enabled);
    assert_eq!(asn.downstream_headers.number, "X-Rescaled-ASN-Number");
    assert_eq!(asn.downstream_headers.org, "X-Rescaled-ASN-Org");
    assert_eq!(loaded.config.features.client_ip_header, "cf-connecting-ip");
    let path = "/path/to/GeoLite2-ASN.mmdb".into();
    assert_eq!(asn.database.source, DatabaseSource::File(path));
    assert_eq!(asn.database.refresh_interval, None);
    // The alias is accepted with a remark, and the lint sees Google's crawler.
    assert_eq!(codes(&loaded), ["W202", "W221"]);
    let decide = |asn: u32, agent: &str| {
        let visit = Visit {
            asn: Some(asgard_model::Asn(asn)),
            user_agent: agent,
            ..Visit::of("192.0.2.1".parse().unwrap())
        };
        let mut counts = asgard_policy::gate::NoCounts;
        let decision = loaded.policy.decide(&visit, &mut counts);
        let rule = decision.rule.map(|r| loaded.policy.rule_name(r));
        (decision.action.as_str(), rule.map(str::to_owned))
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(decide(24940, "x"), ("DENY", named("block-hetzner")));
    assert_eq!(decide(36561, "x"), ("DENY", named("block-google-cloud")));
    assert_eq!(decide(64500, "a bot"), ("ALLOW", None));
}

#[test]
fn the_expression_of_the_contract_means_substring() {
    let start = SEED.find("- name: block-bots").unwrap();
    let rules = SEED.find("rules:").unwrap() + "rules:\n".len();
    let loaded = good(&format!("{}{}", &SEED[..rules], &SEED[start..]));
    for (agent, action) in
        [("Googlebot/2.1", "DENY"), ("curl/8", "ALLOW"), ("Bot", "ALLOW")]
    {
        let visit = Visit {
            asn: Some(asgard_model::Asn(24940)),
            user_agent: agent,
            ..Visit::of("192.0.2.1".parse().unwrap())
        };
        let mut counts = asgard_policy::gate::NoCounts;
        let decision = loaded.policy.decide(&visit, &mut counts);
        assert_eq!(decision.action.as_str(), action, "{agent}");
    }
}

#[test]
fn a_rule_about_networks_needs_the_feature() {
    let text = SEED.replace(
        "    policy_usage:\n      enabled: true\n",
        "    policy_usage:\n      enabled: false\n",
    );
    let faults = bad(&text).to_string();
    assert!(faults.contains("error[E120]"), "{faults}");
    let fix = "set features.asn.policy_usage.enabled: true (line 9)";
    assert!(faults.contains(fix), "{faults}");
    assert_eq!(faults.matches("error[E120]").count(), 3, "{faults}");
}

#[test]
fn the_commented_example_loads_and_its_tests_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("etc/gateway.yaml");
    let loaded = load(&path, &Overrides::default())
        .unwrap_or_else(|faults| panic!("{faults}"));
    let shown = loaded.sources.render_all(&loaded.lints);
    assert!(loaded.lints.is_empty(), "{shown}");
    let outcomes = loaded.policy.run_tests(&NoDatabases);
    assert!(outcomes.len() >= 3);
    for outcome in outcomes {
        let name = &outcome.name;
        assert!(outcome.passed(), "{name}: {:?}", outcome.differences);
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let overrides = Overrides {
        environment: vec![
            pair("HOME", "/nowhere"),
            pair("ASGARD_GATEWAY__LOG__LEVEL", "warn"),
            pair("ASGARD_GATEWAY__HEALTH__PORT", "1"),
            pair("ASGARD_GATEWAY__TRUSTED_PROXIES", "[10.0.0.0/8]"),
            pair("ASGARD_GATEWAY__IP_LISTS__TOR_EXIT__REFRESH_INTERVAL", "5m"),
        ],
        flags: vec![pair("health.port", "2")],
    };
    let text = "log: {level: debug}\nip_lists:\n  tor-exit: {source: file, \
                path: x}\n";
    let config = read(text, &overrides).unwrap().config;
    assert_eq!(config.log.level, asgard_gateway::config::LogLevel::Warn);
    assert_eq!(config.health.port, 2);
    let block = "10.0.0.0/8".parse().unwrap();
    assert_eq!(config.trusted_proxies, TrustedProxies::Blocks(vec![block]));
    let refresh = config.ip_lists[0].refresh_interval;
    assert_eq!(refresh, Some(Duration::from_secs(300)));
    let overrides = Overrides {
        environment: vec![pair("ASGARD_GATEWAY__LOG__LEVL", "warn")],
        flags: Vec::new(),
    };
    let faults = read(text, &overrides).map(|_| ()).unwrap_err().to_string();
    assert!(faults.contains("ASGARD_GATEWAY__LOG__LEVL"), "{faults}");
    assert!(faults.contains("did you mean `level`?"), "{faults}");
}

/// Every spelling of others, the code of its remark, and what it says.
const ALIASES: [(&str, &str, &str); 9] = [
    ("{name: r, action: DENY, networks: [1, 2]}", "W203", "network: [1, 2]"),
    ("{name: r, action: DENY, asns: {match: [7]}}", "W203", "network: [7]"),
    ("{name: r, action: DENY, geoip: [7]}", "W202", "network: [7]"),
    ("{name: r, action: DENY, geoip: {countries: [NL]}}", "W203", "geoip: […]"),
    ("{name: r, action: deny, network: 7}", "W206", "`DENY`"),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: preact}",
        "W205",
        "difficulty: 0",
    ),
    (
        "{name: r, action: WEIGH, network: 7, weight: {adjust: 5}}",
        "W204",
        "weight: 5",
    ),
    ("{name: r, action: DENY, path: '^/admin'}", "W207", "path_regex"),
    (
        "{name: r, action: DENY, expression: 'randInt(10) == 1'}",
        "W210",
        "lottery",
    ),
];

#[test]
fn every_alias_works_and_says_its_canonical_form() {
    for (rule, code, says) in ALIASES {
        let loaded = good(&format!(
            "features: {{asn: {{enabled: true, policy_usage: {{enabled: \
             true}}, database: {{path: x}}}}, geoip: {{enabled: true, \
             policy_usage: {{enabled: true}}, database: {{path: y}}}}}}\n\
             auto_challenge: {{thresholds: [{{threshold: 10, challenge: \
             metarefresh}}]}}\nrules: [{rule}]\n"
        ));
        let shown = loaded.sources.render_all(&loaded.lints);
        assert!(codes(&loaded).contains(&code), "{rule}: {shown}");
        assert!(shown.contains(says), "{rule}: {shown}");
    }
    let upstream = "features: {asn: {enabled: true, database: {path: x}, \
                    upstream_headers: {enabled: true}}}";
    let loaded = good(upstream);
    assert_eq!(codes(&loaded), ["W201"]);
    assert!(loaded.config.features.asn.downstream_headers.enabled);
}

#[test]
fn rule_files_are_appended_in_the_order_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(
        path("gateway.yaml"),
        "rule_files: ['rules.d/*.yaml']\nrules: [{name: a, action: ALLOW, \
         path: /a}]\n",
    )
    .unwrap();
    fs::create_dir(path("rules.d")).unwrap();
    fs::write(
        path("rules.d/20.yaml"),
        "rules: [{name: c, action: DENY, path: /c}]",
    )
    .unwrap();
    fs::write(path("rules.d/10.yaml"), "- {name: b, action: DENY, path: /b}\n")
        .unwrap();
    // What an editor has open is none of ours.
    fs::write(path("rules.d/.20.yaml"), "{").unwrap();
    let load = || load(&path("gateway.yaml"), &Overrides::default());
    let loaded = load().unwrap_or_else(|faults| panic!("{faults}"));
    let names: Vec<&str> = (0..3)
        .map(|n| loaded.policy.rule_name(asgard_policy::gate::RuleIndex(n)))
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(loaded.config.files.len(), 3);
    // A fault in a rule file is shown with the name of that file.
    fs::write(path("rules.d/30.yaml"), "- {name: a, action: DNY}\n").unwrap();
    let faults = load().map(|_| ()).unwrap_err().to_string();
    assert!(faults.contains("30.yaml:1:21"), "{faults}");
}

#[test]
fn every_faulty_file_has_its_stored_diagnostic() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = here.join("testdata/faulty");
    let rewrite = option_env!("ASGARD_REWRITE_GOLDEN").is_some();
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 60, "only {} files", names.len());
    let mut wrong = Vec::new();
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("gateway.yaml");
        fs::write(&copy, text).unwrap();
        let Err(faults) = load(&copy, &Overrides::default()) else {
            panic!("{name} loads");
        };
        let place = format!("{}/", dir.path().display());
        let shown = format!("{faults}\n").replace(&place, "");
        let golden = path.with_extension("txt");
        if rewrite {
            fs::write(&golden, &shown).unwrap();
        }
        let stored = fs::read_to_string(&golden).unwrap_or_default();
        if stored != shown {
            wrong.push(format!("{name}:\n{shown}\ninstead of\n{stored}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_host_is_kept_as_requests_are_looked_up_by_it() {
    let loaded = good(
        "backends:\n  - {name: a, servers: ['http://a'], hosts: \
         [Shop.Example., '*.Shop.example.', '[2001:DB8:0::1]', '0::1']}\n",
    );
    let hosts = ["shop.example", "*.shop.example", "2001:db8::1", "::1"];
    assert_eq!(loaded.config.backends[0].hosts, hosts);
}

#[test]
fn envoy_s_listener_is_read_with_its_limit() {
    let peers = "verdict: {trusted_peers: [127.0.0.1/32], on_failure: deny}\n";
    let loaded = good(&format!("server: {{host: '::1', port: 7}}\n{peers}"));
    let server = loaded.config.server.unwrap();
    assert_eq!(server.address.address(), "[::1]:7".parse().unwrap());
    assert_eq!(server.max_message_bytes, 262_144);
    assert_eq!(loaded.config.verdict.unwrap().bind, None);
    let short = format!("server: {{max_message_bytes: 5000}}\n{peers}");
    let server = good(&short).config.server.unwrap();
    assert_eq!(server.address.address(), "127.0.0.1:50051".parse().unwrap());
    assert_eq!(server.max_message_bytes, 5000);
    for (wrong, fault) in [
        ("server: {max_message_bytes: 1}", "`server.max_message_bytes`"),
        ("server: {host: a.example}", "`server.host` must be an address"),
        ("server: {bind: x}", "bind"),
    ] {
        let faults = bad(&format!("{wrong}\n{peers}")).to_string();
        assert!(faults.contains(fault), "{faults}");
    }
}

#[test]
fn envoy_s_listener_alone_denies_and_says_so() {
    let loaded = good("server: {port: 7}\n");
    assert_eq!(codes(&loaded), ["W217"]);
    let without = "verdict: {trusted_peers: [127.0.0.1/32], on_failure: deny}";
    let faults = bad(without).to_string();
    assert!(faults.contains("bind: \"127.0.0.1:9091\""), "{faults}");
}

#[test]
fn whoever_trusts_everybody_is_told_so_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trusted");
    fs::write(&file, "0.0.0.0/1 ; one half\n128.0.0.0/1 ; the other\n")
        .unwrap();
    let file = file.display();
    let list = |source: &str| {
        format!("ip_lists: {{a: {source}}}\ntrusted_proxies: {{ip_list: a}}\n")
    };
    for text in [
        "trusted_proxies: [10.0.0.0/8, '::/0']\n".to_owned(),
        "trusted_proxies: [0.0.0.0/1, 128.0.0.0/1]\n".to_owned(),
        format!("trusted_proxies: {{file: {file}}}\n"),
        list("{source: inline, entries: [0.0.0.0/0]}"),
        list(&format!("{{source: file, path: {file}}}")),
    ] {
        let loaded = good(&text);
        assert!(codes(&loaded).contains(&"W212"), "{text}: {:?}", loaded.lints);
    }
    for text in [
        "trusted_proxies: [0.0.0.0/1]\n".to_owned(),
        list("{source: inline, entries: [10.0.0.0/8]}"),
    ] {
        assert!(!codes(&good(&text)).contains(&"W212"), "{text}");
    }
}
