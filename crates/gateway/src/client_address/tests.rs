//! Spoof attempts, and the honest forms beside them.

use asgard_policy::AddressSet;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trusted() -> AddressSet {
    let blocks = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8:ff::/48"];
    AddressSet::from_prefixes(blocks.map(|block| block.parse().unwrap()))
}

fn asked(peer: &str, header: &str, fields: &[(&str, &str)]) -> ClientAddress {
    client_address(
        ip(peer),
        |address| trusted().contains(address),
        &ClientHeader::named(header),
        fields.iter().map(|(name, value)| (*name, value.as_bytes())),
    )
}

const CLIENT_HEADERS: [&str; 5] = [
    "x-forwarded-for",
    "forwarded",
    "cf-connecting-ip",
    "x-real-ip",
    "true-client-ip",
];

/// What a client may write to appear as 8.8.8.8 or to confuse the parser.
fn forgeries() -> Vec<String> {
    let chain = |n: usize| vec!["8.8.8.8"; n].join(", ");
    let mut forms: Vec<String> = [
        "8.8.8.8",
        "8.8.8.8:80",
        "[2001:4860:4860::8888]",
        "[2001:4860:4860::8888]:443",
        "2001:4860:4860::8888",
        "::ffff:8.8.8.8",
        "[::ffff:8.8.8.8]:1",
        "::ffff:808:808",
        "fe80::1%eth0",
        "[fe80::1%25eth0]:80",
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "0.0.0.0",
        "localhost",
        "unknown",
        "_hidden",
        "\"8.8.8.8\"",
        "8.8.8.8, 127.0.0.1",
        "127.0.0.1, 8.8.8.8",
        ",,,8.8.8.8,,",
        "8.8.8.8;for=9.9.9.9",
        "for=8.8.8.8",
        "for=8.8.8.8;proto=http;by=10.0.0.1",
        "for=\"[2001:4860:4860::8888]:4711\"",
        "for=\"8.8.8.8, 10.0.0.1\"",
        "For = 8.8.8.8",
        "for=8.8.8.8, for=10.0.0.1",
        "8.8.8.8\t",
        " 8.8.8.8 ",
        "8.8.8.8 9.9.9.9",
        "010.010.010.010",
        "0x08080808",
        "134744072",
        "8.8.8",
        "8.8.8.8.8",
        "8.8.8.8/32",
        "\u{ff18}.8.8.8",
        "%38.8.8.8",
        "",
    ]
    .map(str::to_owned)
    .into();
    forms.extend([31, 32, 33, 100].map(chain));
    forms.push("9".repeat(4000));
    forms
}

#[test]
fn nothing_that_an_untrusted_peer_writes_moves_its_address() {
    let mut cases = 0;
    for peer in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
        for header in CLIENT_HEADERS {
            for forged in forgeries() {
                let upper = header.to_ascii_uppercase();
                for fields in [
                    vec![(header, forged.as_str())],
                    vec![(upper.as_str(), "9.9.9.9"), (header, &forged)],
                ] {
                    let got = asked(peer, header, &fields);
                    assert_eq!(
                        got.client,
                        ip(peer).to_canonical(),
                        "{fields:?}"
                    );
                    assert!(!got.peer_is_trusted);
                    assert_eq!(got.rejected, Some(Rejected::UntrustedPeer));
                    cases += 1;
                }
            }
        }
    }
    assert!(cases >= 500, "{cases} cases");
}

/// A client behind an honest proxy writes a list of its own; the proxy appends
/// the true address.
#[test]
fn what_a_client_wrote_left_of_its_own_address_counts_for_nothing() {
    let mut cases = 0;
    for client in ["198.51.100.9", "2001:db8:1::9"] {
        for forged in forgeries() {
            for form in [
                format!("{forged}, {client}"),
                format!("{forged}, {client}, 10.1.2.3"),
                format!("{forged},{client} , 10.1.2.3,10.9.9.9"),
            ] {
                let field = [("X-Forwarded-For", form.as_str())];
                let got = asked("10.0.0.1", "x-forwarded-for", &field);
                assert_eq!(got.client, ip(client), "{form}");
                cases += 1;
            }
            let repeated = [
                ("x-forwarded-for", forged.as_str()),
                ("X-FORWARDED-FOR", client),
            ];
            let got = asked("127.0.0.1", "x-forwarded-for", &repeated);
            assert_eq!(got.client, ip(client), "{repeated:?}");
            let node = match client.contains(':') {
                true => format!("for=\"[{client}]\""),
                false => format!("for={client}"),
            };
            let element = format!("{forged}, {node}");
            let field = [("forwarded", element.as_str())];
            let got = asked("10.0.0.1", "forwarded", &field);
            assert_eq!(got.client, ip(client), "{element}");
            cases += 2;
        }
    }
    assert!(cases >= 300, "{cases} cases");
}

#[test]
fn honest_forms_are_understood() {
    for (text, client) in [
        ("192.0.2.9", "192.0.2.9"),
        ("192.0.2.9:4711", "192.0.2.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("fe80::9%eth0", "fe80::9"),
        ("[fe80::9%eth0.1]:443", "fe80::9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
    ] {
        for header in ["x-forwarded-for", "cf-connecting-ip"] {
            let got = asked("10.0.0.1", header, &[(header, text)]);
            assert_eq!(got.client, ip(client), "{header}: {text}");
            assert_eq!(got.rejected, None);
        }
    }
    for (element, client) in [
        ("for=192.0.2.9", "192.0.2.9"),
        ("For=\"192.0.2.9:80\";proto=https", "192.0.2.9"),
        ("proto=http;for=\"[2001:db8::9]:80\";by=_x", "2001:db8::9"),
        ("for=192.0.2.9, for=10.0.0.2", "192.0.2.9"),
        ("host=\"a,b;for=1.1.1.1\";for=192.0.2.9", "192.0.2.9"),
    ] {
        let got = asked("10.0.0.1", "forwarded", &[("Forwarded", element)]);
        assert_eq!(got.client, ip(client), "{element}");
    }
}

#[test]
fn a_single_header_that_is_not_single_means_the_peer() {
    let name = "cf-connecting-ip";
    let twice =
        asked("10.0.0.1", name, &[(name, "1.1.1.1"), (name, "1.1.1.1")]);
    assert_eq!(twice.client, ip("10.0.0.1"));
    assert_eq!(twice.rejected, Some(Rejected::Repeated));
    for text in ["1.1.1.1, 2.2.2.2", "", "me", "1.1.1.1:99999", "[::1", "::1%"]
    {
        let got = asked("10.0.0.1", name, &[(name, text)]);
        assert_eq!(got.client, ip("10.0.0.1"), "{text}");
        assert_eq!(got.rejected, Some(Rejected::Malformed), "{text}");
    }
}

#[test]
fn a_trusted_peer_that_names_nobody_is_told_of() {
    for name in ["cf-connecting-ip", "x-forwarded-for", "forwarded"] {
        let missing = Some(Rejected::Missing);
        for fields in [&[][..], &[("x-real-ip", "192.0.2.9")]] {
            let got = asked("10.0.0.1", name, fields);
            assert_eq!((got.client, got.rejected), (ip("10.0.0.1"), missing));
        }
        // Who is no proxy names nobody, and that is right.
        assert_eq!(asked("192.0.2.9", name, &[]).rejected, None);
    }
    for name in ["x-forwarded-for", "forwarded"] {
        let empty = asked("10.0.0.1", name, &[(name, " , ,")]);
        assert_eq!(empty.rejected, Some(Rejected::Missing));
    }
}

#[test]
fn an_open_string_does_not_swallow_the_element_of_the_proxy() {
    for node in ["for=192.0.2.9", "for=\"192.0.2.9:80\""] {
        for open in ["for=\"x", "\"", "for=\"\\", "for=\"\\\"", "a=\"b\";c=\""]
        {
            let element = format!("{open}, {node}");
            let got =
                asked("10.0.0.1", "forwarded", &[("forwarded", &element)]);
            assert_eq!(got.client, ip("192.0.2.9"), "{element}");
        }
    }
}

#[test]
fn garbage_stops_the_walk_at_the_last_good_hop() {
    let xff = |list| {
        asked("10.0.0.1", "x-forwarded-for", &[("x-forwarded-for", list)])
    };
    let got = xff("1.1.1.1, what, 10.0.0.3");
    assert_eq!(got.client, ip("10.0.0.3"));
    assert_eq!(got.rejected, Some(Rejected::Malformed));
    assert_eq!(xff("10.0.0.9, 10.0.0.8").client, ip("10.0.0.9"), "all trusted");
    let long = vec!["10.0.0.5"; 100].join(",");
    assert_eq!(xff(&long).rejected, Some(Rejected::TooManyHops));
    let deep = format!("1.1.1.1,{}", vec!["10.0.0.5"; 31].join(","));
    assert_eq!(xff(&deep).client, ip("1.1.1.1"), "the 32nd hop is looked at");
    let deeper = format!("1.1.1.1,{}", vec!["10.0.0.5"; 32].join(","));
    assert_eq!(xff(&deeper).client, ip("10.0.0.5"), "the 33rd is not");
}

/// 10⁶ inputs in the soak; here enough to see every branch often.
#[test]
fn no_bytes_make_the_parsers_panic_or_leave_an_address_mapped() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet = b"0123456789abcdef:.[]%\"\\;=, for\xff\0x";
    for _ in 0..1_000_000 {
        let mut text = [0_u8; 24];
        let len = usize::try_from(next() % 24).unwrap();
        for byte in &mut text[..len] {
            let at = usize::try_from(next()).unwrap() % alphabet.len();
            *byte = alphabet[at];
        }
        let text = &text[..len];
        for found in [hop(text), forwarded_for(text)].into_iter().flatten() {
            assert_eq!(found, found.to_canonical());
        }
        let mut hops = Hops::default();
        split_elements(text, &mut hops);
    }
}
