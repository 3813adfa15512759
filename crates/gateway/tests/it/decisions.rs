//! Decisions as clients and operators see them: pending proofs, rules in shadow
//! mode, challenges that fail, and how much of it all is counted.

use std::{net::SocketAddr, sync::Arc};

use asgard_gateway::Data;
use asgard_model::{
    NetworkTable, Prefix,
    mmdb::{Value, Writer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    backend::Backend,
    stage::{DEADLINE, Stage, status, yaml},
};

/// Random numbers, the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = self.below(of.len().try_into().unwrap());
        of[usize::try_from(at).unwrap()]
    }
}

#[tokio::test]
async fn a_crawler_whose_proof_is_pending_is_asked_to_come_again() {
    let backend = Backend::start().await;
    let rest = |on_pending: &str| {
        // Nobody answers questions about names here.
        format!(
            "trusted_proxies: [127.0.0.1/32]\n\
             resolver: {{servers: ['127.0.0.1:9']}}\n\
             crawlers: {{robot: {{user_agent_regex: robot, \
             fcrdns: [robots.example], on_pending: {on_pending}}}}}\n\
             verdict: {{bind: '127.0.0.1:0', on_failure: deny, \
             trusted_peers: [127.0.0.1/32]}}\n\
             rules:\n\
             - {{name: open, action: ALLOW, path: /robots.txt}}\n\
             - {{name: robots, action: ALLOW, \
             expression: \"verifiedCrawler != ''\"}}\n\
             - {{name: others, action: DENY, all: {{}}, \
             response: {{status: 451}}}}\n"
        )
    };
    let stage = Stage::of(&yaml(backend.address, &rest("retry"))).await;
    let robot = "User-Agent: robot/1\r\nX-Forwarded-For: 192.0.2.9\r\n";
    for _ in 0..2 {
        let again = stage.get("/", robot).await;
        assert_eq!(status(&again), 503, "{again}");
        let after = again.lines().find_map(|l| l.strip_prefix("Retry-After: "));
        assert!(after.unwrap().parse::<u32>().unwrap() > 0, "{again}");
    }
    // Other proxies know 403 only.
    let fields = "User-Agent: robot/1\r\n";
    let refused = stage.verdict("192.0.2.9", "/", fields).await;
    assert_eq!(status(&refused), 403, "{refused}");
    // Rules above need no proof, and who claims nothing is no crawler.
    assert_eq!(status(&stage.get("/robots.txt", robot).await), 200);
    assert_eq!(status(&stage.get("/", "User-Agent: curl\r\n").await), 451);
    let stage = Stage::of(&yaml(backend.address, &rest("skip"))).await;
    assert_eq!(status(&stage.get("/", robot).await), 451);
}

/// Sends requests on one connection, and gives all bytes that come back.
async fn exchanged(address: SocketAddr, requests: &[String]) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let mut all = requests.concat().into_bytes();
    all.extend(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let sending = tokio::spawn(async move {
        writes.write_all(&all).await.unwrap();
        writes
    });
    let mut bytes = Vec::new();
    let read = reads.read_to_end(&mut bytes);
    timeout(DEADLINE, read).await.expect("an answer in time").unwrap();
    sending.await.unwrap();
    bytes
}

#[tokio::test]
async fn rules_in_shadow_mode_change_no_byte() {
    let enforced = [
        "- {name: admin, action: DENY, path_regex: '^/a.*3', \
         response: {status: 410, headers: {X-Why: a}}}",
        "- {name: heavy, action: WEIGH, weight: 6, user_agent_regex: bot}",
        "- {name: good, action: ALLOW, path_regex: '^/b'}",
    ];
    let shadows = [
        "- {name: s1, action: DENY, mode: shadow, path_regex: '^/[ab]'}",
        "- {name: s2, action: WEIGH, weight: 9, mode: shadow, all: {}}",
        "- {name: s3, action: CHALLENGE, mode: shadow, \
         challenge: {kind: pow, difficulty: 4}, user_agent_regex: '1'}",
        "- {name: s4, action: ALLOW, mode: shadow, path_regex: '3$'}",
    ];
    // Weights count: 6 is too little, with those in shadow mode it would not be.
    let weighs = "auto_challenge: {enabled: true, thresholds: [{name: t, \
                  threshold: 10, challenge: metarefresh, difficulty: 1}]}";
    let rules =
        |lines: &[&str]| format!("{weighs}\nrules:\n{}\n", lines.join("\n"));
    let [a, b, c] = enforced;
    let [s1, s2, s3, s4] = shadows;
    let with = rules(&[s1, s2, a, s3, b, s4, c]);
    let without = rules(&enforced);
    let whole = format!("mode: shadow\n{without}");
    let backend = Backend::start().await;
    let mut random = Random(88_172_645_463_325_252);
    let requests: Vec<String> = (0..1_000)
        .map(|_| {
            let folder = random.pick(&["a", "b", "c"]);
            let (path, agent) = (random.below(1_000), random.below(50));
            let bot = random.pick(&["bot", "curl"]);
            format!(
                "GET /{folder}/{path} HTTP/1.1\r\nHost: shop.example\r\n\
                 User-Agent: {bot}/{agent}\r\n\r\n"
            )
        })
        .collect();
    let answers = async |rest: &str| {
        let stage = Stage::of(&yaml(backend.address, rest)).await;
        let bytes = exchanged(stage.address(), &requests).await;
        (bytes, stage.gateway.metrics_text().unwrap())
    };
    let (plain, _) = answers(&without).await;
    let (shadowed, counted) = answers(&with).await;
    assert!(plain == shadowed, "rules in shadow mode change the answers");
    let text = String::from_utf8_lossy(&plain);
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("HTTP/1.1 200 OK") + count("HTTP/1.1 410 Gone"), 1_001);
    assert!(count("HTTP/1.1 410 Gone") > 50, "the others are in force");
    let none = "rule_would_change_total{mode=\"shadow\",rule=\"s1\"} 0\n";
    assert!(!counted.contains(none), "they are counted: {counted}");
    let (nothing, _) = answers("").await;
    let (shadowed, _) = answers(&whole).await;
    assert!(nothing == shadowed, "a policy in shadow mode changes answers");
    assert!(nothing != plain);
}

/// As many networks, each with one address: 20.0.0.0 and those that follow.
fn networks(count: u32) -> NetworkTable {
    let mut writer = Writer::new("T", "t", 1);
    for at in 0..count {
        let asn = Value::Unsigned((64_500 + at).into());
        let value = Value::Map(vec![("autonomous_system_number", asn)]);
        let record = writer.record(&value).unwrap();
        writer.insert(Prefix::V4((20 << 24) + at, 32), record);
    }
    NetworkTable::from_mmdb(&writer.finish().unwrap()).unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_networks_and_random_paths_are_few_series() {
    const NETWORKS: u32 = 100_000;
    let backend = Backend::start().await;
    let rest = "trusted_proxies: [127.0.0.1/32]\n\
                rules: [{name: no, action: DENY, all: {}}]\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    let table = Arc::new(networks(NETWORKS));
    stage.gateway.generations.update_data(|old| Data {
        networks: Some(Arc::clone(&table)),
        ..(*old.data).clone()
    });
    let mut random = Random(88_172_645_463_325_252);
    let methods = ["GET", "HEAD", "DELETE", "PURGE", "X-ODD"];
    let all: Vec<String> = (0..NETWORKS)
        .map(|at| {
            let client = std::net::Ipv4Addr::from_bits((20 << 24) + at);
            let method = random.pick(&methods);
            let (path, host) = (random.below(u64::MAX), random.below(99_999));
            format!(
                "{method} /{path:x} HTTP/1.1\r\nHost: h{host}.example\r\n\
                 User-Agent: {path}\r\nX-Forwarded-For: {client}\r\n\r\n"
            )
        })
        .collect();
    for part in all.chunks(20_000) {
        exchanged(stage.address(), part).await;
    }
    let text = stage.gateway.metrics_text().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.clone().count();
    assert!(series <= 2_000, "{series} series");
    let number = |line: &str| -> u64 {
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let total = |name: &str| -> u64 {
        let name = format!("asgard_gateway_{name}");
        lines.clone().filter(|l| l.starts_with(&name)).map(number).sum()
    };
    // Nobody is lost in `other`, and nothing of a request is a label.
    assert_eq!(total("asn_requests_total{"), u64::from(NETWORKS));
    assert_eq!(total("rule_hits_total{"), u64::from(NETWORKS) + 5);
    assert!(!text.contains(".example"), "{text}");
}

#[tokio::test]
async fn every_metric_is_in_the_documentation() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = here.join("../../docs/gateway/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let backend = Backend::start().await;
    let rest = "ip_lists: {a: {source: inline, entries: [192.0.2.0/24]}}\n\
                rules: [{name: no, action: DENY, path: /no, ip_list: a}]\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    stage.get("/", "").await;
    let text = stage.gateway.metrics_text().unwrap();
    let names = text.lines().filter_map(|line| {
        let name = line.strip_prefix("# TYPE asgard_gateway_")?;
        name.split(' ').next()
    });
    let mut seen = 0;
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen} metrics");
}

#[tokio::test]
async fn failed_challenges_are_counted_by_kind_and_reason() {
    let backend = Backend::start().await;
    let rest = "rules:\n\
                - {name: wait, action: CHALLENGE, path: /wait, \
                challenge: {kind: metarefresh, difficulty: 60}}\n\
                - {name: work, action: CHALLENGE, path: /work, \
                challenge: {kind: pow, difficulty: 12}}\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    for path in ["/wait", "/work"] {
        let page = stage.get(path, "Accept: application/json\r\n").await;
        assert_eq!(status(&page), 403, "{page}");
        let (_, json) = page.split_once("\r\n\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let redeem = json["challenge"]["redeem"].as_str().unwrap();
        let failed = stage.get(&format!("{redeem}&nonce=1"), "").await;
        assert_eq!(status(&failed), 403, "{failed}");
    }
    stage.get("/.asgard/challenge?seed=x", "").await;
    let text = stage.gateway.metrics_text().unwrap();
    for line in [
        "challenges_failed_total{kind=\"metarefresh\",reason=\"too_soon\"} 1",
        "challenges_failed_total{kind=\"pow\",reason=\"no_work\"} 1",
        "challenges_failed_total{kind=\"unknown\",reason=\"malformed\"} 1",
        "challenge_seeds_forgotten_total 0",
    ] {
        let line = format!("\nasgard_gateway_{line}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}
