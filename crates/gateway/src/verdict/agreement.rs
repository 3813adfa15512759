//! One request, asked about in every way, gets one answer: passed on by the
//! proxy, told by nginx, Traefik or Envoy over HTTP, by Envoy over gRPC, and
//! explained without a gateway.
//!
//! Random requests: spellings of paths, forged headers, bytes that are not UTF-8,
//! repeated fields, chains of proxies. Left out is what cannot be the same: rules
//! by chance (`randInt`), and the length of a body, which no asker tells.

use std::net::IpAddr;

use asgard_policy::gate::{HeaderMap, NoCounts, RuleIndex, Told, Visit, path};

use super::{
    ext_authz::{self, tests::raw},
    tests::{Bench, bench},
};
use crate::{
    decide::{self, From, Surface, Verdict},
    generation::Membership,
    http1::head::{HeadLimits, no_fields, parse},
    metrics::Kind,
    request::Request,
};

/// How many requests are tried.
const CASES: u64 = 100_000;

const YAML: &str = r#"
listeners: [{bind: "127.0.0.1:0"}]
trusted_proxies: [127.0.0.1/32, 10.0.0.0/8]
backends: [{name: app, servers: ["http://127.0.0.1:1"]}]
features:
  asn:
    enabled: true
    database: {source: file, path: /nowhere.mmdb}
    downstream_headers: {enabled: true, score: X-Score}
    policy_usage: {enabled: true}
ip_lists:
  office: {source: inline, entries: [198.51.100.0/28, "2001:db8:1::/48"]}
  robots: {source: inline, entries: [192.0.2.64/26]}
crawlers:
  robot: {user_agent_regex: robot, ip_list: robots}
auto_challenge:
  thresholds:
    - {name: light, threshold: 10, challenge: metarefresh, difficulty: 1}
    - {name: work, threshold: 25, challenge: pow, difficulty: 2}
rules:
  - {name: office, action: ALLOW, ip_list: office}
  - {name: crawlers, action: ALLOW, expression: "verifiedCrawler != ''"}
  - {name: git, action: DENY, path_regex: "(?i)/\\.git(/|$)",
     response: {status: 404, body: nothing, headers: {X-Why: git}}}
  - {name: watched, action: DENY, mode: shadow, network: 64496}
  - {name: bad-net, action: DENY, network: 64500}
  - {name: admin, action: DENY, path: /admin}
  - {name: encoded, action: DENY, expression: 'path.contains("%2F")'}
  - {name: bots, action: CHALLENGE, user_agent_regex: "bot|curl",
     challenge: {kind: pow, difficulty: 1}}
  - {name: written, action: DENY, expression:
     'method in ["PUT", "PROPFIND"] && host == "shop.example"'}
  - {name: query, action: DENY, expression: '"cmd" in query'}
  - {name: spoofed, action: DENY, expression:
     '["x-rescaled-asn-number", "x-real-ip", "x-score", "x-forwarded-port",
       "x-client-ip", "x-envoy-peer-metadata", "keep-alive", "host"]
       .exists(name, name in headers)'}
  - {name: odd, action: DENY, expression: 'headers["x-odd"].contains("\ufffd\ufffd")'}
  - {name: twice, action: DENY, expression: 'headers["x-twice"] == "1, 2"'}
  - {name: sid, action: WEIGH, weight: -5, expression:
     'headers["cookie"].contains("sid=")'}
  - {name: no-accept, action: WEIGH, weight: 12, expression:
     'missingHeader("accept")'}
  - {name: no-language, action: WEIGH, weight: 8, expression:
     'missingHeader("accept-language")'}
  - {name: deep, action: WEIGH, weight: 7, expression:
     'size(segments(path)) > 3'}
  - {name: many, action: WEIGH, weight: 6, expression: 'size(headers) > 5'}
verdict: {bind: "127.0.0.1:0", contract: envoy,
  trusted_peers: [127.0.0.1/32], on_failure: deny}
"#;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was no request: this status.
    Refused(u16),
    /// Who decided what.
    Decided { kind: Kind, rule: Option<RuleIndex>, status: Option<u16> },
}

/// A request that nobody has sent yet.
#[derive(Clone, Debug)]
struct Sketch {
    client: String,
    method: &'static str,
    target: String,
    host: &'static str,
    fields: Vec<(&'static str, &'static [u8])>,
}

/// splitmix64 (Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 32).unwrap() % sides
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    fn client(&mut self) -> String {
        let n = self.roll(256);
        match self.roll(7) {
            0 => format!("203.0.113.{n}"),
            1 => format!("2001:db8:{}::{n:x}", n % 3),
            2 => format!("::ffff:192.0.2.{n}"),
            3 | 4 => format!("198.51.100.{n}"),
            _ => format!("192.0.2.{n}"),
        }
    }

    fn target(&mut self) -> String {
        let pieces = [
            "a",
            "b",
            "admin",
            "%61dmin",
            "ADMIN",
            "..",
            ".",
            "",
            "%2e%2e",
            "%2F",
            "a%2fb",
            "%C3%BC",
            "%ff",
            "wp-login.php",
            ".git",
            "%2Egit",
            "robots.txt",
            "api",
            "%2561",
            "x;y=z",
            "a+b",
            "...",
        ];
        // What servers read in different ways.
        let odd_ones =
            ["a%5Cb", "..\\admin", "..%2Fadmin", "..;", ";x", "admin#"];
        let mut target = String::new();
        for _ in 0..=self.roll(5) {
            target.push('/');
            let odd = self.roll(30) == 0;
            target.push_str(self.pick(if odd { &odd_ones } else { &pieces }));
        }
        if self.roll(40) == 0 {
            target.push_str(self.pick(&["%", "%zz", "%00", "%4"]));
        }
        if self.roll(3) == 0 {
            target.push('?');
            let queries =
                ["", "a=1", "cmd=ls", "a=%20&b=/../c", "a?b", "%zz", "a=1&a=2"];
            target.push_str(self.pick(&queries));
        }
        target
    }

    fn fields(&mut self) -> Vec<(&'static str, &'static [u8])> {
        let all: [(&str, &[u8]); 26] = [
            ("accept", b"*/*"),
            ("Accept", b"text/html"),
            ("accept-language", b"de"),
            ("Accept-Encoding", b"gzip"),
            ("user-agent", b"Mozilla/5.0"),
            ("User-Agent", b"a bot"),
            ("user-agent", b"curl/8.5"),
            ("user-agent", b"robot/1"),
            ("user-agent", b"\xff\xfe"),
            ("cookie", b"a=b"),
            ("cookie", b"sid=1; theme=dark"),
            ("cookie", b"asgard_pass=forged"),
            ("referer", b"https://shop.example/"),
            ("x-odd", b"a\xff\xfeb"),
            ("x-twice", b"1"),
            ("X-Twice", b"2"),
            ("X-Rescaled-ASN-Number", b"64496"),
            ("x_rescaled_asn_org", b"forged"),
            ("X-Asgard-Action", b"ALLOW"),
            ("X-Score", b"100"),
            ("X-Original-URL", b"/admin"),
            ("DNT", b"1"),
            ("X-Forwarded-Port", b"443"),
            ("X-Client-IP", b"192.0.2.1"),
            ("x-envoy-peer-metadata", b"1"),
            ("Keep-Alive", b"timeout=5"),
        ];
        (0..self.roll(9)).map(|_| self.pick(&all)).collect()
    }

    fn sketch(&mut self) -> Sketch {
        Sketch {
            client: self.client(),
            method: self.pick(&["GET", "GET", "POST", "PUT", "PROPFIND"]),
            target: self.target(),
            host: self.pick(&[
                "shop.example",
                "SHOP.example:8080",
                "[2001:db8::1]:80",
                "api.shop.example",
                "Shop.example.",
                "shop.example.:80",
            ]),
            fields: self.fields(),
        }
    }
}

impl Sketch {
    /// The head of a request in HTTP/1.1.
    fn head(&self, line: &str, host: &str, told: &[(&str, &str)]) -> Vec<u8> {
        let mut out =
            format!("{line} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        let told = told.iter().map(|(name, value)| (*name, value.as_bytes()));
        for (name, value) in told.chain(self.fields.iter().copied()) {
            crate::headers::put_field(&mut out, name, value);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    fn line(&self, endpoint: &str) -> String {
        format!("{} {endpoint}{}", self.method, self.target)
    }

    fn address(&self) -> IpAddr {
        self.client.parse().unwrap()
    }
}

impl Bench {
    /// What becomes of a head that `peer` sent.
    fn sent(&self, peer: IpAddr, surface: Surface, head: &[u8]) -> Outcome {
        let limits = HeadLimits { bytes: 65_536, fields: 100, uri_bytes: 8192 };
        let mut fields = no_fields();
        let head = parse(head, &mut fields, &limits).unwrap();
        let request = match Request::of_http1(&head) {
            Ok(request) => request,
            Err(refusal) => return Outcome::Refused(refusal.status),
        };
        let peer = std::net::SocketAddr::new(peer.to_canonical(), 1000);
        let from = From { peer, secure: false, surface };
        let mut out = Vec::new();
        let decided = decide::decide(
            &self.worker,
            &self.generation,
            from,
            &request,
            &mut out,
        );
        let (verdict, record) = match decided {
            Ok(decided) => decided,
            Err(refusal) => return Outcome::Refused(refusal.status),
        };
        let status = match (verdict, record.kind) {
            (_, Kind::Allow) => None,
            (Verdict::Answer(answer), _) => Some(answer.status),
            (Verdict::Forward(_), _) => panic!("a refused request went on"),
        };
        Outcome::Decided { kind: record.kind, rule: record.rule, status }
    }

    fn direct(&self, sketch: &Sketch) -> Outcome {
        let head = sketch.head(&sketch.line(""), sketch.host, &[]);
        self.sent(sketch.address(), Surface::Proxy, &head)
    }

    fn behind_a_proxy(&self, sketch: &Sketch, chain: &str) -> Outcome {
        let told = [("X-Forwarded-For", chain)];
        let head = sketch.head(&sketch.line(""), sketch.host, &told);
        self.sent([10, 0, 0, 3].into(), Surface::Proxy, &head)
    }

    fn asked(
        &self,
        line: &str,
        host: &str,
        sketch: &Sketch,
        told: &[(&str, &str)],
    ) -> Outcome {
        let head = sketch.head(line, host, told);
        self.sent([127, 0, 0, 1].into(), Surface::Verdict, &head)
    }

    fn forward(&self, sketch: &Sketch, chain: &str) -> Outcome {
        let told = [
            ("X-Forwarded-Method", sketch.method),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", sketch.host),
            ("X-Forwarded-Uri", &sketch.target),
            ("X-Forwarded-For", chain),
        ];
        self.asked("GET /v1/verdict/forward", "verdicts", sketch, &told)
    }

    fn nginx(&self, sketch: &Sketch) -> Outcome {
        let told = [
            ("X-Original-Method", sketch.method),
            ("X-Original-Host", sketch.host),
            ("X-Original-URI", &sketch.target),
            ("X-Real-IP", &sketch.client),
        ];
        // nginx knows 401 and 403 alone.
        match self.asked("GET /v1/verdict/nginx", "verdicts", sketch, &told) {
            Outcome::Decided { kind, rule, .. } => {
                let page = "GET /v1/verdict/nginx/page";
                let page = self.asked(page, "verdicts", sketch, &told);
                match (kind, page) {
                    (Kind::Allow, _) => {
                        Outcome::Decided { kind, rule, status: None }
                    }
                    (_, page) => page,
                }
            }
            refused => refused,
        }
    }

    fn envoy(&self, sketch: &Sketch, chain: &str) -> Outcome {
        let told = [("X-Forwarded-For", chain)];
        let line = sketch.line("/v1/verdict/envoy");
        self.asked(&line, sketch.host, sketch, &told)
    }

    fn grpc(
        &self,
        sketch: &Sketch,
        source: &str,
        chain: Option<&str>,
    ) -> Outcome {
        let chain = chain.map(|chain| ("x-forwarded-for", chain.as_bytes()));
        let fields: Vec<(&str, &[u8])> =
            chain.into_iter().chain(sketch.fields.iter().copied()).collect();
        let line = (sketch.method, &*sketch.target, sketch.host);
        let message = raw(line, source, &fields);
        let checked =
            ext_authz::check(&self.worker, &self.generation, message).unwrap();
        match checked.record {
            None => Outcome::Refused(checked.status),
            Some(record) => Outcome::Decided {
                kind: record.kind,
                rule: record.rule,
                status: (record.kind != Kind::Allow).then_some(checked.status),
            },
        }
    }

    /// Without a gateway, as `asgard rules explain` and the tests of a file.
    fn explained(&self, sketch: &Sketch) -> Outcome {
        let (setup, data) = (&self.generation.setup, &self.generation.data);
        let Ok(target) = path::parts(&sketch.target) else {
            return Outcome::Refused(400);
        };
        let address = sketch.address().to_canonical();
        let mut headers = HeaderMap::default();
        for &(name, value) in &sketch.fields {
            headers.add(name, &String::from_utf8_lossy(value));
        }
        let agents = sketch.fields.iter();
        let agent = agents
            .filter(|(name, _)| name.eq_ignore_ascii_case("user-agent"))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .next()
            .unwrap_or_default();
        let lists = Membership { data, address };
        let network = data.networks.as_ref().unwrap().lookup(address);
        let hidden = setup.policy.hidden();
        let told = Told::new(sketch.host, &agent, headers, hidden);
        let visit = Visit {
            asn: network.map(|network| network.asn),
            asn_org: network.map_or("", |network| network.organisation),
            method: sketch.method,
            host: &told.host,
            path: &target.path,
            raw_path: target.raw_path,
            query: target.query,
            user_agent: &agent,
            headers: &told.headers,
            content_length: told.content_length,
            crawler: setup.crawlers.identify(&agent, address, &lists),
            lists: &lists,
            ..Visit::of(address)
        };
        let decision = setup.policy.explain(&visit).decision;
        assert_eq!(decision, setup.policy.decide(&visit, &mut NoCounts));
        let status = match Kind::from(decision.action) {
            Kind::Allow => None,
            Kind::Challenge => Some(setup.config.challenge.status),
            _ => Some(decision.response.map_or(403, |own| own.status)),
        };
        let kind = Kind::from(decision.action);
        Outcome::Decided { kind, rule: decision.rule, status }
    }
}

/// How often each outcome came, so that a test of nothing would show.
#[derive(Default)]
struct Seen(std::collections::BTreeMap<String, u64>);

impl Seen {
    fn count(&mut self, bench: &Bench, outcome: &Outcome) {
        let policy = &bench.generation.setup.policy;
        let name = match outcome {
            Outcome::Refused(status) => status.to_string(),
            Outcome::Decided { kind, rule, .. } => {
                let rule = rule.map_or("", |rule| policy.rule_name(rule));
                format!("{kind:?} {rule}")
            }
        };
        *self.0.entry(name).or_default() += 1;
    }
}

#[tokio::test]
async fn proxy_verdicts_and_explanation_agree_on_random_requests() {
    let bench = bench(YAML);
    let mut dice = Dice(1);
    let mut seen = Seen::default();
    for case in 0..CASES {
        let sketch = dice.sketch();
        let expected = bench.direct(&sketch);
        seen.count(&bench, &expected);
        let client = &*sketch.client;
        // A visitor who claims to be somebody else; proxies append.
        let forged = format!("203.0.113.9, {client}");
        let chained = format!("{forged}, 10.0.0.3");
        for (way, outcome) in [
            ("explained", bench.explained(&sketch)),
            ("proxy behind one", bench.behind_a_proxy(&sketch, &forged)),
            ("forward", bench.forward(&sketch, &forged)),
            ("nginx", bench.nginx(&sketch)),
            ("Envoy over HTTP", bench.envoy(&sketch, &chained)),
            ("Envoy over gRPC", bench.grpc(&sketch, client, None)),
            ("with a claim", bench.grpc(&sketch, client, Some("203.0.113.9"))),
            ("behind one", bench.grpc(&sketch, "10.0.0.3", Some(&chained))),
        ] {
            assert_eq!(outcome, expected, "case {case}, {way}: {sketch:?}");
        }
    }
    for name in [
        "400",
        "Allow ",
        "Allow office",
        "Allow crawlers",
        "Deny git",
        "Deny bad-net",
        "Deny admin",
        "Deny encoded",
        "Challenge bots",
        "Deny written",
        "Deny query",
        "Deny odd",
        "Deny twice",
        "Challenge ",
    ] {
        let count = seen.0.get(name).copied().unwrap_or(0);
        assert!(count >= CASES / 1000, "{name}: {:?}", seen.0);
    }
    assert!(!seen.0.contains_key("Deny spoofed"), "{:?}", seen.0);
}
