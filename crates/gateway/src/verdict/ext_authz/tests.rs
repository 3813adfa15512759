//! Questions of Envoy as messages, honest and not, and what is answered.

use std::sync::Arc;

use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    message::{
        Address, AttributeContext, Entry, HeaderMap, HeaderValue, Peer,
        Request, SocketAddress,
    },
    *,
};
use crate::{
    decide::Surface,
    generation::Data,
    verdict::tests::{Bench, YAML, bench, trusted_by_list},
};

const GOOD: &str = "192.0.2.7";
const BAD: &str = "203.0.113.9";

/// As Envoy asks about `GET target` of `source`.
fn asked(target: &str, source: &str, fields: &[(&str, &str)]) -> CheckRequest {
    let pseudo = [
        (":authority", "shop.example"),
        (":method", "GET"),
        (":path", target),
        (":scheme", "https"),
    ];
    let entry = |&(name, value): &(&str, &str)| Entry {
        key: Bytes::copy_from_slice(name.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    let http = HttpRequest {
        method: "GET".into(),
        headers: pseudo.iter().chain(fields).map(entry).collect(),
        path: target.to_owned().into(),
        host: "shop.example:443".into(),
        scheme: "https".into(),
        header_map: None,
    };
    let address = SocketAddress { address: source.to_owned().into() };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer {
                address: Some(Address { socket_address: Some(address) }),
            }),
            request: Some(Request { http: Some(http) }),
        }),
    }
}

/// The same with raw headers, as a message.
pub(in crate::verdict) fn raw(
    (method, target, host): (&str, &str, &str),
    source: &str,
    fields: &[(&str, &[u8])],
) -> Bytes {
    let mut request = asked(target, source, &[]);
    let http = http(&mut request);
    http.method = method.to_owned().into();
    http.host = host.to_owned().into();
    http.headers.clear();
    let value = |(name, value): &(&str, &[u8])| HeaderValue {
        key: name.to_ascii_lowercase().into(),
        value: Bytes::new(),
        raw_value: Bytes::copy_from_slice(value),
    };
    let headers = fields.iter().map(value).collect();
    http.header_map = Some(HeaderMap { headers });
    request.encode_to_vec().into()
}

fn http(request: &mut CheckRequest) -> &mut HttpRequest {
    let attributes = request.attributes.as_mut().unwrap();
    attributes.request.as_mut().unwrap().http.as_mut().unwrap()
}

impl Bench {
    fn check(&self, request: &CheckRequest) -> CheckResponse {
        let message = request.encode_to_vec().into();
        let checked = check(&self.worker, &self.generation, message).unwrap();
        CheckResponse::decode(&*checked.message).unwrap()
    }

    fn fault(&self, request: &CheckRequest) -> Fault {
        let message = request.encode_to_vec().into();
        check(&self.worker, &self.generation, message).unwrap_err()
    }
}

/// 200 if the request passes, else what the client sees.
fn status(response: &CheckResponse) -> i32 {
    let code = response.status.unwrap().code;
    match (&response.ok_response, &response.denied_response) {
        (Some(_), None) if code == OK => 200,
        (None, Some(denied)) if code == PERMISSION_DENIED => {
            denied.status.unwrap().code
        }
        other => panic!("{code} {other:?}"),
    }
}

/// Name, value and action of what is set.
fn set(response: &CheckResponse) -> Vec<(&str, &str, i32)> {
    let ok = response.ok_response.iter().flat_map(|ok| &ok.headers);
    let denied = response.denied_response.iter().flat_map(|no| &no.headers);
    ok.chain(denied)
        .map(|option| {
            let header = option.header.as_ref().unwrap();
            (&*header.key, &*header.value, option.append_action)
        })
        .collect()
}

fn told<'r>(response: &'r CheckResponse, name: &str) -> Option<&'r str> {
    let metadata = response.dynamic_metadata.as_ref().unwrap();
    metadata.fields.get(name)?.text.as_deref()
}

#[tokio::test]
async fn what_passes_has_our_headers_in_place_of_forged_ones() {
    let bench = bench(YAML);
    let forged = [
        ("x-rescaled-asn-number", "1"),
        ("x_rescaled_asn_org", "forged"),
        ("x-rescaled-geo-city", "forged"),
        ("x-asgard-action", "forged"),
        ("x-score", "100"),
        ("accept", "*/*"),
    ];
    let response = bench.check(&asked("/shop?a=1", GOOD, &forged));
    assert_eq!(status(&response), 200);
    let overwrite = OVERWRITE_IF_EXISTS_OR_ADD;
    assert_eq!(
        set(&response),
        [
            ("X-Rescaled-ASN-Number", "64496", overwrite),
            ("X-Rescaled-ASN-Org", "Müller", overwrite),
            ("X-Score", "", overwrite),
        ]
    );
    let ok = response.ok_response.as_ref().unwrap();
    assert!(ok.headers.iter().all(|option| option.keep_empty_value));
    assert_eq!(
        ok.headers_to_remove,
        ["x_rescaled_asn_org", "x-rescaled-geo-city", "x-asgard-action"]
    );
    assert_eq!(told(&response, "action"), Some("ALLOW"));
    assert_eq!(told(&response, "rule"), Some(""));
    assert_eq!(told(&response, "client"), Some(GOOD));
    let asn = &response.dynamic_metadata.as_ref().unwrap().fields["asn"];
    assert_eq!(asn.number, Some(64496.0));
}

#[tokio::test]
async fn an_unknown_network_is_empty_headers_or_none() {
    let forged = [("x-rescaled-asn-number", "1")];
    let empty = bench(YAML).check(&asked("/", "198.51.100.1", &forged));
    let number = ("X-Rescaled-ASN-Number", "", OVERWRITE_IF_EXISTS_OR_ADD);
    assert!(set(&empty).contains(&number), "{empty:?}");
    let yaml =
        YAML.replace("score: X-Score", "score: X-Score, when_unknown: omit");
    let omitted = bench(&yaml).check(&asked("/", "198.51.100.1", &forged));
    assert_eq!(set(&omitted), []);
    let removed = &omitted.ok_response.as_ref().unwrap().headers_to_remove;
    let names = ["X-Rescaled-ASN-Number", "X-Rescaled-ASN-Org", "X-Score"];
    assert_eq!(removed[..3], names);
}

#[tokio::test]
async fn a_refusal_is_the_response_of_its_rule() {
    let bench = bench(YAML);
    let refused = bench.check(&asked("/", BAD, &[]));
    assert_eq!(status(&refused), 403);
    assert_eq!(told(&refused, "rule"), Some("bad-net"));
    assert_eq!(told(&refused, "action"), Some("DENY"));
    let body = &refused.denied_response.as_ref().unwrap().body;
    assert!(body.starts_with("Blocked ("), "{body}");
    let names: Vec<&str> = set(&refused).iter().map(|h| h.0).collect();
    assert!(names.contains(&"Content-Type"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("X-Rescaled")));
    let own = bench.check(&asked("//%61dmin?x", GOOD, &[]));
    assert_eq!(status(&own), 451);
    assert_eq!(own.denied_response.unwrap().body, "no");
}

#[tokio::test]
async fn a_challenge_is_a_page_and_is_redeemed_through_envoy() {
    let bench = bench(YAML);
    let page = [("user-agent", "a bot"), ("accept", "text/html")];
    let page = bench.check(&asked("/x", GOOD, &page));
    assert_eq!(
        (status(&page), told(&page, "action")),
        (403, Some("CHALLENGE"))
    );
    let body = &page.denied_response.as_ref().unwrap().body;
    assert!(body.contains("Checking your browser"), "{body}");
    let bot = ("user-agent", "a bot");
    let json = bench.check(&asked("/x", GOOD, &[bot]));
    let json = json.denied_response.unwrap().body;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let seed = json["challenge"]["seed"].as_str().unwrap();
    let redeem = json["challenge"]["redeem"].as_str().unwrap();
    let solves = |nonce: &u64| {
        use sha2::Digest as _;
        sha2::Sha256::digest(format!("{seed}{nonce}"))[0] >> 4 == 0
    };
    let nonce = (0..).find(solves).unwrap();
    let target = format!("{redeem}&nonce={nonce}");
    let passed = bench.check(&asked(&target, GOOD, &[bot]));
    assert_eq!(status(&passed), 303);
    let headers = set(&passed);
    let of = |name: &str| {
        let mut found =
            headers.iter().filter(|h| h.0.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("{headers:?}")).1
    };
    assert_eq!(of("location"), "/x");
    let cookie = of("set-cookie");
    assert!(cookie.contains("; Secure"), "the scheme is https: {cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let with = [bot, ("cookie", cookie)];
    assert_eq!(status(&bench.check(&asked("/x", GOOD, &with))), 200);
    let elsewhere = bench.check(&asked("/x", "198.51.100.1", &with));
    assert_eq!(status(&elsewhere), 403, "another network");
}

#[tokio::test]
async fn the_client_is_who_is_connected_unless_that_is_a_trusted_proxy() {
    clients_are_found_in(&bench(YAML));
    clients_are_found_in(&bench(&trusted_by_list()));
}

fn clients_are_found_in(bench: &Bench) {
    let client = |source: &str, chain: &str| {
        let response =
            bench.check(&asked("/", source, &[("x-forwarded-for", chain)]));
        told(&response, "client").unwrap().to_owned()
    };
    assert_eq!(client(GOOD, BAD), GOOD, "a visitor's own claim");
    assert_eq!(client("10.0.0.3", GOOD), GOOD, "our balancer");
    assert_eq!(client("10.0.0.3", "203.0.113.1, 192.0.2.7"), GOOD);
    assert_eq!(client("10.0.0.3", "192.0.2.7, 10.0.0.3"), GOOD, "appended");
    assert_eq!(client("10.0.0.3", "garbage"), "10.0.0.3");
    assert_eq!(client("::ffff:192.0.2.7", BAD), GOOD, "mapped");
    assert_eq!(client("2001:db8::1", BAD), "2001:db8::1");
}

#[tokio::test]
async fn faults_of_a_visitor_are_denials() {
    let bench = bench(YAML);
    let with = |change: &dyn Fn(&mut HttpRequest)| {
        let mut request = asked("/", GOOD, &[]);
        change(http(&mut request));
        status(&bench.check(&request))
    };
    assert_eq!(with(&|_| {}), 200);
    for path in ["/%zz", "/%", "/a%00", "a", "", "/#x", "*"] {
        assert_eq!(with(&|http| http.path = path.into()), 400, "{path}");
    }
    assert_eq!(with(&|http| http.path = Bytes::from_static(b"/\xff")), 400);
    for method in ["", "GE T", "GET\r\n"] {
        assert_eq!(with(&|http| http.method = method.into()), 400);
    }
    assert_eq!(with(&|http| http.method = "CONNECT".into()), 405);
    for host in ["", "a b", "user@host", "[::1", "a,b"] {
        assert_eq!(with(&|http| http.host = host.into()), 400, "{host}");
    }
    let long = "/".to_owned() + &"a".repeat(8192);
    assert_eq!(with(&|http| http.path = long.clone().into()), 414);
    let field = |name: String, bytes: usize| Entry {
        key: name.into(),
        value: vec![b'v'; bytes].into(),
    };
    let many = (0..101).map(|n| field(format!("x-{n}"), 1));
    let many: Vec<Entry> = many.collect();
    assert_eq!(with(&|http| http.headers = many.clone()), 431);
    let large = vec![field("x".into(), 33_000)];
    assert_eq!(with(&|http| http.headers = large.clone()), 431);
    let odd = Entry { key: Bytes::from_static(b"\xff"), ..Entry::default() };
    assert_eq!(with(&|http| http.headers = vec![odd.clone()]), 400);
}

#[tokio::test]
async fn faults_of_the_asker_are_named() {
    let bench = bench(YAML);
    const SOURCE: &str = "attributes.source.address.socket_address";
    let empty = CheckRequest::default();
    assert_eq!(bench.fault(&empty), Fault::Missing(SOURCE));
    let mut tcp = asked("/", GOOD, &[]);
    tcp.attributes.as_mut().unwrap().request = None;
    let missing = Fault::Missing("attributes.request.http");
    assert_eq!(bench.fault(&tcp), missing);
    for source in ["", "a.example", "192.0.2.7/24", "999.1.1.1"] {
        let fault = bench.fault(&asked("/", source, &[]));
        assert_eq!(fault, Fault::Malformed(SOURCE), "{source}");
    }
    let message = Bytes::from_static(b"\x0a\xff");
    let fault = check(&bench.worker, &bench.generation, message).unwrap_err();
    assert!(matches!(fault, Fault::Undecodable(_)), "{fault}");
    let from = |peer: &str| From {
        peer: peer.parse().unwrap(),
        secure: false,
        surface: Surface::ExtAuthz,
    };
    let admitted = |peer| admit(&bench.generation, from(peer));
    assert_eq!(admitted("127.0.0.1:9"), Ok(()));
    assert_eq!(admitted("192.0.2.200:9"), Err(Fault::Stranger));
}

#[tokio::test]
async fn a_header_that_is_not_utf_8_is_decided_about() {
    let bench = bench(YAML);
    let mut request = asked("/", GOOD, &[]);
    let odd = Entry {
        key: Bytes::from_static(b"user-agent"),
        value: Bytes::from_static(b"a bot \xff"),
    };
    http(&mut request).headers.push(odd);
    assert_eq!(told(&bench.check(&request), "rule"), Some("bots"));
}

#[tokio::test]
async fn raw_headers_count_like_mapped_ones() {
    let bench = bench(YAML);
    let mut request = asked("/", "10.0.0.3", &[]);
    let raw = |name: &'static str, value: &'static str| HeaderValue {
        key: name.into(),
        value: Bytes::new(),
        raw_value: value.into(),
    };
    let http = http(&mut request);
    http.headers.clear();
    http.header_map = Some(HeaderMap {
        headers: vec![
            raw(":path", "/elsewhere"),
            raw("x-forwarded-for", "203.0.113.1"),
            raw("x-forwarded-for", "192.0.2.7"),
            raw("user-agent", "a bot"),
        ],
    });
    let response = bench.check(&request);
    assert_eq!(told(&response, "client"), Some(GOOD));
    assert_eq!(told(&response, "rule"), Some("bots"));
}

#[tokio::test]
async fn a_policy_in_shadow_lets_pass() {
    let shadow = bench(&format!("mode: shadow\n{YAML}"));
    let response = shadow.check(&asked("/admin", BAD, &[]));
    assert_eq!(status(&response), 200);
    assert_eq!(told(&response, "action"), Some("ALLOW"));
}

#[tokio::test]
async fn without_data_the_operator_has_said_what_happens() {
    let none = Arc::new(Data { networks: None, ..Data::default() });
    let mut closed = bench(YAML);
    closed.generation.data = Arc::clone(&none);
    let response = closed.check(&asked("/", GOOD, &[]));
    assert_eq!(status(&response), 403);
    assert_eq!(told(&response, "error"), Some("no data yet"));
    let mut open =
        bench(&YAML.replace("on_failure: deny", "on_failure: allow"));
    open.generation.data = none;
    let response = open.check(&asked("/", GOOD, &[]));
    assert_eq!(status(&response), 200);
    assert_eq!(told(&response, "error"), Some("no data yet"));
}

/// Bytes that are no message, and messages with bytes changed: an answer or a
/// named fault, and never a panic.
#[tokio::test]
async fn any_bytes_are_survived() {
    let bench = bench(YAML);
    let fields = [("x-forwarded-for", "192.0.2.7, 10.0.0.3"), ("a", "b")];
    let honest = asked("/a/%2e%2e/b?c", "10.0.0.3", &fields).encode_to_vec();
    let flips = (0..honest.len(), any::<u8>(), 0..=honest.len());
    let strategy = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(flips, 1..6).prop_map(move |flips| {
            let mut bytes = honest.clone();
            for (at, value, length) in flips {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
                if value < 16 {
                    bytes.truncate(length.max(1));
                }
            }
            bytes
        }),
    ];
    let config = ProptestConfig::with_cases(20_000);
    let answered = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&strategy, |bytes| {
            let checked = check(&bench.worker, &bench.generation, bytes.into());
            if let Ok(checked) = checked {
                prop_assert!(CheckResponse::decode(&*checked.message).is_ok());
                answered.set(answered.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    assert!(answered.get() > 1000, "only {answered:?} were messages");
}
