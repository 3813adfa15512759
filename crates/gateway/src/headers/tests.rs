//! Forged headers, in 200 forms and more; and what honest ones become.

use std::net::Ipv4Addr;

use asgard_model::{Asn, Level, NetworkFacts};

use super::*;
use crate::{
    config::{AsnHeaders, OrgEncoding, WhenUnknown},
    http1::head::{HeadLimits, no_fields, parse},
};

fn names() -> AsnHeaders {
    AsnHeaders {
        enabled: true,
        number: "X-Rescaled-ASN-Number".into(),
        org: "X-Rescaled-ASN-Org".into(),
        score: "Risk".into(),
        level: String::new(),
        when_unknown: WhenUnknown::Empty,
        org_encoding: OrgEncoding::Utf8,
    }
}

fn strip() -> Strip {
    Strip::new(
        ["X-Rescaled-ASN-Number", "Risk", "My_Net"],
        &ClientHeader::named("cf-connecting-ip"),
        "asgard_pass",
    )
}

/// The head that a backend sees.
#[expect(clippy::fn_params_excessive_bools, reason = "a table of cases")]
fn written(fields: &str, trusted: bool, known: bool) -> String {
    let text = format!("GET /a HTTP/1.1\r\nHost: shop\r\n{fields}\r\n");
    let limits = HeadLimits { bytes: 1 << 16, fields: 200, uri_bytes: 100 };
    let mut room = no_fields();
    let head = parse(text.as_bytes(), &mut room, &limits).unwrap();
    let request = Request::of_http1(&head).unwrap();
    let strip = strip();
    let fates: Vec<Fate> = request
        .fields
        .iter()
        .map(|field| strip.fate(field.name, trusted))
        .collect();
    let network = NetworkFacts {
        asn: Asn(64500),
        organisation: "Example",
        risk: Some((7, Level::Critical)),
        country: None,
    };
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let rewrite = Rewrite {
        strip: &strip,
        fates: &fates,
        sender: Sender {
            client,
            via: &[],
            peer: if trusted { peer } else { client },
            peer_is_trusted: trusted,
            secure: true,
        },
        request_id: "0123",
        downstream: &Downstream { asn: Some(names()), geo: false },
        known: Known { network: known.then_some(network), place: None },
        authority: "10.0.0.5:3000",
    };
    let mut out = Vec::new();
    rewrite.write(&request, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_is_rewritten_as_it_should_be() {
    let got = written(
        "Accept: */*\r\nKeep-Alive: 5\r\nX-Forwarded-For: 1.1.1.1\r\n",
        false,
        true,
    );
    assert_eq!(
        got,
        "GET /a HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\
         X-Forwarded-For: 192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n\
         X-Request-Id: 0123\r\nX-Rescaled-ASN-Number: 64500\r\n\
         X-Rescaled-ASN-Org: Example\r\nRisk: 7\r\n\r\n"
    );
    let unknown = written("", false, false);
    assert!(unknown.ends_with(
        "X-Rescaled-ASN-Number: \r\nX-Rescaled-ASN-Org: \r\nRisk: \r\n\r\n"
    ));
}

/// Spellings of a name that some backend folds into the same variable.
fn spellings(name: &str) -> Vec<String> {
    let mixed = |start: usize| {
        let change = |(at, c): (usize, char)| match at % 2 == start {
            true => c.to_ascii_uppercase(),
            false => c,
        };
        name.chars().enumerate().map(change).collect::<String>()
    };
    let plain =
        [name.to_owned(), name.to_ascii_uppercase(), mixed(0), mixed(1)];
    let folded = plain.clone().map(|name| name.replace('-', "_"));
    let half = plain.clone().map(|name| name.replacen('-', "_", 1));
    [plain, folded, half].concat()
}

#[test]
fn no_forged_header_survives_in_any_spelling() {
    let ours = [
        "x-rescaled-asn-number",
        "x-rescaled-asn-org",
        "x-rescaled-asn-anything",
        "x-rescaled-geo-country",
        "x-asgard-action",
        "x-asgard-",
        "risk",
        "my-net",
    ];
    let claims = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "forwarded",
        "x-request-id",
        "transfer-encoding-x",
    ];
    let mut forms = 0;
    for name in ours.iter().chain(&claims[..9]) {
        for spelling in spellings(name) {
            for fields in [
                format!("{spelling}: forged\r\n"),
                format!("{spelling}: x\r\nA: b\r\n{spelling}:forged\r\n"),
                format!("Connection: {spelling}\r\n{spelling}: forged\r\n"),
            ] {
                let got = written(&fields, false, true);
                assert!(!got.contains("forged"), "{fields:?}\n{got}");
                assert!(got.contains("X-Rescaled-ASN-Number: 64500\r\n"));
                assert!(got.contains("X-Real-IP: 192.0.2.9\r\n"));
                forms += 1;
            }
        }
    }
    assert!(forms >= 200, "{forms} forms");
    for name in ours {
        let got = written(&format!("{name}: forged\r\n"), true, true);
        assert!(!got.contains("forged"), "from a trusted peer: {name}");
    }
}

#[test]
fn what_connection_names_goes_but_not_what_we_write() {
    let got = written(
        "Connection: close, X-A, X-Rescaled-ASN-Number, Host, X-Real-IP\r\n\
         X-A: b\r\nX-B: c\r\n",
        false,
        true,
    );
    assert!(!got.contains("X-A") && got.contains("X-B: c\r\n"), "{got}");
    assert!(got.contains("X-Rescaled-ASN-Number: 64500\r\n"), "{got}");
    assert!(got.contains("Host: shop\r\n") && got.contains("X-Real-IP: "));
    assert!(!got.contains("close"), "{got}");
}

#[test]
fn a_trusted_peer_tells_how_the_client_came() {
    let got = written(
        "X-Forwarded-Proto: http\r\nX-Forwarded-Host: front.example\r\n\
         X-Forwarded-Port: 80\r\nCF-Connecting-IP: 192.0.2.9\r\n",
        true,
        true,
    );
    assert!(got.contains("X-Forwarded-Proto: http\r\n"), "{got}");
    assert!(got.contains("X-Forwarded-Host: front.example\r\n"), "{got}");
    assert!(got.contains("X-Forwarded-Port: 80\r\n"), "{got}");
    assert!(got.contains("X-Forwarded-For: 192.0.2.9, 10.0.0.1\r\n"), "{got}");
    let bad = written("X-Forwarded-Proto: gopher\r\n", true, true);
    assert!(bad.contains("X-Forwarded-Proto: https\r\n"), "{bad}");
}

#[test]
fn our_cookie_stays_with_us() {
    for (sent, seen) in [
        ("a=b; asgard_pass=v1.x.y; c=d", Some("Cookie: a=b; c=d\r\n")),
        ("asgard_pass=v1", None),
        ("asgard_pass=1;asgard_pass=2", None),
        ("xasgard_pass=1", Some("Cookie: xasgard_pass=1\r\n")),
        ("a=asgard_pass", Some("Cookie: a=asgard_pass\r\n")),
        ("a=b", Some("Cookie: a=b\r\n")),
    ] {
        let got = written(&format!("Cookie: {sent}\r\n"), false, true);
        match seen {
            Some(line) => assert!(got.contains(line), "{sent}: {got}"),
            None => assert!(!got.contains("Cookie"), "{sent}: {got}"),
        }
    }
}

#[test]
fn trailers_can_not_say_what_heads_may_not() {
    let raw = b"X-Sum: 1\r\nX-Rescaled-ASN-Number: 1\r\nContent-Length: 5\r\n\
                Host: x\r\nX_Asgard_Action: y\r\nAuthorization: z\r\n\
                X-Forwarded-For: 1.1.1.1\r\n\r\n";
    assert_eq!(trailers(&strip(), raw), b"X-Sum: 1\r\n");
}

/// What is stripped and what rules see are told by two, who must agree.
#[test]
fn rules_see_of_a_request_what_tools_see_whoever_sent_it() {
    use asgard_policy::gate::HiddenFields;
    let client = ClientHeader::named("my-ip");
    let strip = Strip::new(["X-Score", "X_Net"], &client, "asgard_pass");
    let hidden = HiddenFields::new(["X-Score", "X_Net", "my-ip"]);
    let some = [
        "accept",
        "cookie",
        "user-agent",
        "x-original-url",
        "content-type",
        "referer",
        "x-scores",
        "my_ip",
        "My-IP",
        "x-net",
        "x_score",
        "x-envoy",
        "x-envoy-attempt-count",
        "x-original-uri",
        "X_Original_Method",
        "x-forwarded-port",
        "x-forwarded-for",
        "x-forwarded",
        "X-Asgard-Rule",
        "x-rescaled-geo-country",
        "priority",
        "tea",
        "",
    ];
    let all = some.iter().chain(&CLAIMS.names).chain(&OF_CONNECTION.names);
    for name in all {
        for trusted in [false, true] {
            let fate = strip.fate(name, trusted);
            let seen = matches!(fate, Fate::Keep | Fate::Cookie);
            assert_eq!(seen, !hidden.hides(name), "{name}: {fate:?}");
        }
    }
}
