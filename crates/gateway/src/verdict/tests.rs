//! Questions of each contract, honest and not, and the answers.

use std::sync::Arc;

use asgard_model::{
    NetworkTable,
    mmdb::{Value, Writer},
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use super::*;
use crate::{
    config::{self, Overrides},
    decide::Surface,
    drain::Phase,
    generation::{Data, Generations},
    http1::head::{HeadLimits, no_fields, parse},
    log::{DecisionLog, recent::Recent},
    metrics::Metrics,
    setup::Setup,
    worker::Ids,
};

pub(super) const YAML: &str = r#"
listeners: [{bind: "127.0.0.1:0"}]
trusted_proxies: [10.0.0.0/8]
backends: [{name: app, servers: ["http://127.0.0.1:1"]}]
features:
  asn:
    enabled: true
    database: {source: file, path: /nowhere.mmdb}
    downstream_headers: {enabled: true, score: X-Score}
    policy_usage: {enabled: true}
rules:
  - {name: bad-net, action: DENY, network: 64500}
  - {name: admin, action: DENY, path: /admin, response: {status: 451, body: no}}
  - {name: bots, action: CHALLENGE, user_agent_regex: bot,
     challenge: {kind: pow, difficulty: 1}}
verdict: {bind: "127.0.0.1:0", contract: forward,
  trusted_peers: [127.0.0.1/32], on_failure: deny}
"#;

pub(super) struct Bench {
    pub(super) worker: Worker,
    pub(super) generation: Generation,
}

fn networks() -> NetworkTable {
    let mut writer = Writer::new("T", "t", 1);
    for (prefix, asn, org) in
        [("192.0.2.0/24", 64_496, "Müller"), ("203.0.113.0/24", 64_500, "Bad")]
    {
        let value = Value::Map(vec![
            ("autonomous_system_number", Value::Unsigned(asn)),
            ("autonomous_system_organization", Value::Text(org)),
        ]);
        let record = writer.record(&value).unwrap();
        writer.insert(prefix.parse().unwrap(), record);
    }
    NetworkTable::from_mmdb(&writer.finish().unwrap()).unwrap()
}

pub(super) fn bench(yaml: &str) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.yaml");
    std::fs::write(&path, yaml).unwrap();
    let loaded = config::load(&path, &Overrides::default())
        .unwrap_or_else(|faults| panic!("{faults}"));
    let setup = Setup::new(loaded, 1, None).unwrap();
    let data = Data {
        networks: Some(Arc::new(networks())),
        ..Data::of(&setup.config, None)
    };
    let generation = Generation { setup: Arc::new(setup), data: data.into() };
    let worker = Worker {
        index: 0,
        generations: Arc::new(Generations::new(generation.clone())),
        metrics: Arc::new(Metrics::new()),
        room: Arc::new(Semaphore::new(1)),
        phase: watch::channel(Phase::Serving).1,
        born: Instant::now(),
        ids: Ids::new(1),
        log: DecisionLog::new(Recent::share_of(1).into()),
    };
    Bench { worker, generation }
}

impl Bench {
    /// The whole answer, as it goes over the wire.
    fn ask_from(&self, peer: &str, question: &str) -> String {
        let bytes = question.replace('\n', "\r\n") + "\r\n\r\n";
        let limits = HeadLimits { bytes: 65_536, fields: 100, uri_bytes: 8192 };
        let mut fields = no_fields();
        let head = parse(bytes.as_bytes(), &mut fields, &limits).unwrap();
        let request = Request::of_http1(&head).unwrap();
        let from = From {
            peer: format!("{peer}:1000").parse().unwrap(),
            secure: false,
            surface: Surface::Verdict,
        };
        let decided = decide(
            &self.worker,
            &self.generation,
            from,
            &request,
            &mut Vec::new(),
        );
        let answer = match decided {
            Ok((Verdict::Answer(answer), _)) => answer,
            Ok(_) => panic!("forwarded"),
            Err(refusal) => Answer::refusal(refusal),
        };
        let mut out = Vec::new();
        answer.write_head(request.connection.version, true, &mut out);
        out.extend_from_slice(answer.content(false));
        String::from_utf8(out).unwrap()
    }

    fn ask(&self, question: &str) -> String {
        self.ask_from("127.0.0.1", question)
    }
}

fn nginx(uri: &str, client: &str, more: &str) -> String {
    format!(
        "GET /v1/verdict/nginx HTTP/1.1\nHost: v\nX-Original-URI: {uri}\n\
         X-Original-Method: GET\nX-Original-Host: shop.example\n\
         X-Real-IP: {client}{more}"
    )
}

fn forward(uri: &str, chain: &str, more: &str) -> String {
    format!(
        "GET /v1/verdict/forward HTTP/1.1\nHost: v\n\
         X-Forwarded-Method: GET\nX-Forwarded-Proto: https\n\
         X-Forwarded-Host: shop.example\nX-Forwarded-Uri: {uri}\n\
         X-Forwarded-For: {chain}{more}"
    )
}

fn envoy(path: &str, chain: &str, more: &str) -> String {
    format!(
        "GET /v1/verdict/envoy{path} HTTP/1.1\nHost: shop.example\n\
         X-Forwarded-For: {chain}{more}"
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn allow_is_204_without_body_and_with_every_header() {
    let bench = bench(YAML);
    let answer = bench.ask(&nginx("/shop?a=1", "192.0.2.7", ""));
    assert_eq!(status(&answer), "204");
    assert!(answer.ends_with("\r\n\r\n"));
    assert!(!answer.contains("Content-Length"));
    for line in [
        "X-Rescaled-ASN-Number: 64496\r\n",
        "X-Rescaled-ASN-Org: Müller\r\n",
        "X-Score: \r\n",
        "X-Asgard-Action: ALLOW\r\n",
        "X-Asgard-Rule: \r\n",
        "X-Asgard-Request-Id: ",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[tokio::test]
async fn headers_about_an_unknown_network_are_there_and_empty() {
    let bench = bench(YAML);
    for question in [
        nginx("/", "10.1.1.1", ""),
        forward("/", "10.1.1.1", ""),
        envoy("/", "10.1.1.1", ""),
    ] {
        let answer = bench.ask(&question);
        assert!(answer.contains("X-Rescaled-ASN-Number: \r\n"), "{answer}");
        assert!(answer.contains("X-Rescaled-ASN-Org: \r\n"), "{answer}");
    }
}

#[tokio::test]
async fn each_proxy_gets_a_refusal_that_it_understands() {
    let bench = bench(YAML);
    let bad = "203.0.113.9";
    let refused = bench.ask(&nginx("/", bad, ""));
    assert_eq!(status(&refused), "403");
    assert!(refused.contains("X-Asgard-Rule: bad-net\r\n"), "{refused}");
    assert!(refused.contains("X-Rescaled-ASN-Number: 64500\r\n"));
    assert_eq!(status(&bench.ask(&forward("/", bad, ""))), "403");
    assert_eq!(status(&bench.ask(&envoy("/", bad, ""))), "403");
    // nginx makes 500 of anything but 401 and 403.
    let good = "192.0.2.7";
    assert_eq!(status(&bench.ask(&nginx("/admin", good, ""))), "403");
    let whole = bench.ask(&forward("/admin?x", good, ""));
    assert_eq!(status(&whole), "451");
    assert!(whole.ends_with("\r\n\r\nno"), "{whole}");
    assert_eq!(status(&bench.ask(&envoy("//admin", good, ""))), "451");
    let page =
        nginx("/admin", good, "").replace("nginx HTTP", "nginx/page HTTP");
    assert_eq!(status(&bench.ask(&page)), "451");
}

#[tokio::test]
async fn envoy_takes_200_for_yes() {
    let bench = bench(YAML);
    let answer = bench.ask(&envoy("/a/b?c=d", "192.0.2.7", ""));
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("Content-Length: 0\r\n"));
    let root = bench.ask(&envoy("", "192.0.2.7", ""));
    assert_eq!(status(&root), "200");
}

#[tokio::test]
async fn a_challenge_is_401_for_nginx_and_a_page_for_all_others() {
    let bench = bench(YAML);
    let bot = "\nUser-Agent: a bot\nAccept: text/html";
    let code = bench.ask(&nginx("/x", "192.0.2.7", bot));
    assert_eq!(status(&code), "401");
    assert!(code.contains("X-Asgard-Action: CHALLENGE\r\n"), "{code}");
    let page =
        nginx("/x", "192.0.2.7", bot).replace("nginx HTTP", "nginx/page HTTP");
    for question in [page, forward("/x", "192.0.2.7", bot)] {
        let page = bench.ask(&question);
        assert_eq!(status(&page), "403");
        assert!(page.contains("Checking your browser"), "{page}");
        assert!(page.contains("to=%2Fx"), "{page}");
    }
}

#[tokio::test]
async fn a_challenge_is_redeemed_through_the_proxy() {
    let bench = bench(YAML);
    let bot = "\nUser-Agent: a bot";
    let asked = bench.ask(&forward("/x", "192.0.2.7", bot));
    let body = asked.split("\r\n\r\n").nth(1).unwrap();
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    let seed = json["challenge"]["seed"].as_str().unwrap();
    let redeem = json["challenge"]["redeem"].as_str().unwrap();
    let nonce = (0..)
        .find(|n| {
            use sha2::Digest as _;
            let digest = sha2::Sha256::digest(format!("{seed}{n}"));
            digest[0] >> 4 == 0
        })
        .unwrap();
    let uri = format!("{redeem}&nonce={nonce}");
    let passed = bench.ask(&forward(&uri, "192.0.2.7", bot));
    assert_eq!(status(&passed), "303", "{passed}");
    assert!(passed.contains("; Secure"), "X-Forwarded-Proto is https");
    let cookie = passed
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let with = format!("{bot}\nCookie: a=b; {cookie}");
    assert_eq!(status(&bench.ask(&forward("/x", "192.0.2.7", &with))), "204");
    let elsewhere = bench.ask(&forward("/x", "10.9.9.9", &with));
    assert_eq!(status(&elsewhere), "403", "another network");
}

#[tokio::test]
async fn a_question_that_lacks_a_header_is_refused_by_its_name() {
    let bench = bench(YAML);
    for (question, missing) in [
        (nginx("/", "192.0.2.7", ""), "X-Original-URI"),
        (nginx("/", "192.0.2.7", ""), "X-Original-Method"),
        (nginx("/", "192.0.2.7", ""), "X-Original-Host"),
        (nginx("/", "192.0.2.7", ""), "X-Real-IP"),
        (forward("/", "192.0.2.7", ""), "X-Forwarded-Method"),
        (forward("/", "192.0.2.7", ""), "X-Forwarded-Uri"),
        (forward("/", "192.0.2.7", ""), "X-Forwarded-Host"),
        (forward("/", "192.0.2.7", ""), "X-Forwarded-Proto"),
        (forward("/", "192.0.2.7", ""), "X-Forwarded-For"),
        (envoy("/", "192.0.2.7", ""), "X-Forwarded-For"),
    ] {
        let lines = question.lines().filter(|l| !l.starts_with(missing));
        let without: Vec<&str> = lines.collect();
        let answer = bench.ask(&without.join("\n"));
        assert_eq!(status(&answer), "403");
        let error = format!("X-Asgard-Error: missing {missing}\r\n");
        assert!(answer.contains(&error), "{answer}");
    }
    let garbage = bench.ask(&nginx("/", "me", ""));
    assert!(garbage.contains("X-Asgard-Error: malformed X-Real-IP\r\n"));
    let twice = nginx("/", "192.0.2.7", "\nX-Original-URI: /other");
    assert!(bench.ask(&twice).contains("malformed X-Original-URI"));
}

/// nginx cuts a target at `#`, and passes on all of it.
#[tokio::test]
async fn a_told_target_is_refused_where_one_that_is_sent_would_be() {
    let bench = bench(YAML);
    let client = "192.0.2.7";
    for target in [
        "/admin#/../x",
        "/x?a#b",
        "http://shop.example/admin#/../x",
        "http://shop.example?x=/y",
        "ftp://shop.example/x",
        "?x",
        "/x%2F..%2Fadmin",
        "/x/..;/admin",
        "/%zz",
    ] {
        let whole = bench.ask(&forward(target, client, ""));
        assert_eq!(status(&whole), "400", "{target}: {whole}");
        let code = nginx(target, client, "");
        // nginx makes 500 of all but 401 and 403.
        let refused = bench.ask(&code);
        assert_eq!(status(&refused), "403", "{target}: {refused}");
        assert!(refused.contains("X-Asgard-Error: "), "{refused}");
        let page = code.replace("nginx HTTP", "nginx/page HTTP");
        assert_eq!(status(&bench.ask(&page)), "400", "{target}");
    }
    let absolute = "http://shop.example/admin?x";
    assert_eq!(status(&bench.ask(&forward(absolute, client, ""))), "451");
    assert_eq!(status(&bench.ask(&envoy("/x%2F..", client, ""))), "400");
    let group = "/groups/a%2Fb";
    assert_eq!(status(&bench.ask(&forward(group, client, ""))), "204");
}

#[tokio::test]
async fn a_told_host_has_one_spelling_and_no_tricks() {
    let yaml = YAML.replace(
        "rules:\n",
        "rules:\n  - {name: host, action: DENY, \
         expression: 'host == \"admin.example\"'}\n",
    );
    let bench = bench(&yaml);
    let client = "192.0.2.7";
    for host in ["admin.example", "Admin.Example.", "admin.example.:80"] {
        let told = |text: String| text.replace("shop.example", host);
        for question in [
            nginx("/", client, ""),
            forward("/", client, ""),
            envoy("/", client, ""),
        ] {
            let answer = bench.ask(&told(question));
            assert_eq!(status(&answer), "403", "{host}: {answer}");
        }
    }
    for host in ["u@admin.example", "admin.example:80:80", "[::1"] {
        let told = forward("/", client, "").replace("shop.example", host);
        assert_eq!(status(&bench.ask(&told)), "400", "{host}");
    }
}

/// They take any 2xx for yes.
#[tokio::test]
async fn a_page_is_never_taken_for_a_yes() {
    let yaml = format!("challenge: {{status: 200}}\n{YAML}");
    let bench = bench(&yaml);
    let bot = "\nUser-Agent: a bot\nAccept: text/html";
    let client = "192.0.2.7";
    for question in [forward("/x", client, bot), envoy("/x", client, bot)] {
        let page = bench.ask(&question);
        assert_eq!(status(&page), "403");
        assert!(page.contains("Checking your browser"), "{page}");
    }
    let page =
        nginx("/x", client, bot).replace("nginx HTTP", "nginx/page HTTP");
    assert_eq!(status(&bench.ask(&page)), "200");
}

/// GHSA-6wcg-mqvh-fcvg: what another kind of proxy would send is the client's.
#[tokio::test]
async fn headers_of_another_contract_mean_nothing() {
    let bench = bench(YAML);
    let forged = "\nX-Original-URI: /admin\nX-Real-IP: 203.0.113.9";
    let answer = bench.ask(&forward("/", "192.0.2.7", forged));
    assert_eq!(status(&answer), "204");
    let forged = "\nX-Forwarded-Uri: /\nX-Forwarded-For: 192.0.2.7\n\
                  X-Rescaled-ASN-Number: 1";
    let answer = bench.ask(&nginx("/admin", "203.0.113.9", forged));
    assert_eq!(status(&answer), "403");
    assert!(answer.contains("X-Rescaled-ASN-Number: 64500\r\n"));
}

#[tokio::test]
async fn the_client_is_the_last_hop_that_nobody_vouches_for() {
    hops_are_skipped_in(&bench(YAML));
    let mut by_list = bench(&trusted_by_list());
    hops_are_skipped_in(&by_list);
    // The list, not a copy of it: it may be loaded, or change, at any time.
    by_list.generation.data = Arc::new(Data {
        lists: vec![None],
        ..Data::clone(&by_list.generation.data)
    });
    let answer = by_list.ask(&forward("/", "192.0.2.7, 10.0.0.3", ""));
    assert!(answer.contains("X-Rescaled-ASN-Number: \r\n"), "{answer}");
}

/// The same as [`YAML`], whose trusted proxies are a list with a name.
pub(super) fn trusted_by_list() -> String {
    let list = "trusted_proxies: {ip_list: ours}\n\
        ip_lists: {ours: {source: inline, entries: [10.0.0.0/8]}}\n";
    YAML.replace("trusted_proxies: [10.0.0.0/8]\n", list)
}

fn hops_are_skipped_in(bench: &Bench) {
    let number = |chain: &str| {
        let answer = bench.ask(&forward("/", chain, ""));
        let name = "X-Rescaled-ASN-Number: ";
        let line = answer.lines().find_map(|l| l.strip_prefix(name));
        line.unwrap_or("none").to_owned()
    };
    assert_eq!(number("203.0.113.9, 192.0.2.7"), "64496", "forged first hop");
    assert_eq!(number("192.0.2.7, 10.0.0.3"), "64496", "our own proxy");
    assert_eq!(number("203.0.113.9"), "64500");
}

#[tokio::test]
async fn strangers_and_other_endpoints_are_refused() {
    let bench = bench(YAML);
    let question = nginx("/", "192.0.2.7", "");
    let stranger = bench.ask_from("192.0.2.200", &question);
    assert_eq!(status(&stranger), "403");
    assert!(stranger.contains("X-Asgard-Error: untrusted peer\r\n"));
    for path in
        ["/", "/v1/verdict/haproxy", "/v1/verdictx", "/v1/verdict/envoyx"]
    {
        let other = question.replace("/v1/verdict/nginx", path);
        let answer = bench.ask(&other);
        assert!(answer.contains("no such endpoint"), "{path}: {answer}");
    }
    let bare = forward("/", "192.0.2.7", "").replace("/forward", "");
    assert_eq!(status(&bench.ask(&bare)), "204");
}

#[tokio::test]
async fn without_data_the_operator_has_said_what_happens() {
    let mut closed = bench(YAML);
    let none = Data { networks: None, ..Data::default() };
    closed.generation.data = Arc::new(none.clone());
    let answer = closed.ask(&forward("/", "192.0.2.7", ""));
    assert_eq!(status(&answer), "403");
    assert!(answer.contains("X-Asgard-Error: no data yet\r\n"));
    let mut open =
        bench(&YAML.replace("on_failure: deny", "on_failure: allow"));
    open.generation.data = Arc::new(none);
    let answer = open.ask(&forward("/", "192.0.2.7", ""));
    assert_eq!(status(&answer), "204");
    assert!(answer.contains("X-Asgard-Error: no data yet\r\n"));
}
