//! The battery: every way that we know of to name a machine on the inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asgard_model::Prefix;

use super::name_server::Script;

/// Blocks of IPv4 that are not on the public Internet.
const V4: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "169.254.169.254/32",
];

/// Blocks of IPv6 that are not, and the prefixes that hide IPv4.
const V6: [&str; 17] = [
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/3",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Addresses in the table of the demo.
pub(super) const PUBLIC_V4: &str = "8.8.8.8";
pub(super) const PUBLIC_V6: &str = "2001:4860:4860::8888";

/// A domain that must be refused, and what the name server says about it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) domain: String,
    pub(super) script: Option<(String, Script)>,
    /// Whether the name server may be asked at all.
    pub(super) asks: bool,
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    /// What must be refused as it stands.
    fn literal(&mut self, domain: impl Into<String>) {
        let domain = domain.into();
        self.0.push(Case { domain, script: None, asks: false });
    }

    /// A name with a script.
    fn name(&mut self, script: Script) {
        let name = format!("case-{}.battery.example", self.0.len());
        let script = Some((name.clone(), script));
        self.0.push(Case { domain: name, script, asks: true });
    }

    fn addresses(&mut self, all: &[IpAddr]) {
        self.name(Script::Addresses(all.to_vec()));
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ends(block: &str) -> [IpAddr; 2] {
    let block: Prefix = block.parse().unwrap();
    [block.network(), block.last()]
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    for block in V4 {
        for end in ends(block) {
            let IpAddr::V4(v4) = end else { panic!("{block} is IPv4") };
            inside_v4(&mut cases, v4);
        }
    }
    for block in V6 {
        for end in ends(block) {
            cases.literal(end.to_string());
            cases.addresses(&[end]);
            cases.addresses(&[address(PUBLIC_V6), end]);
            cases.addresses(&[address(PUBLIC_V4), end]);
        }
    }
    ways_around(&mut cases);
    not_names(&mut cases);
    cases.0
}

/// One address in records, alone and in company, hidden, and spelt.
fn inside_v4(cases: &mut Cases, v4: Ipv4Addr) {
    let (public_v4, public_v6) = (address(PUBLIC_V4), address(PUBLIC_V6));
    cases.addresses(&[v4.into()]);
    cases.addresses(&[public_v4, v4.into()]);
    cases.addresses(&[v4.into(), public_v6]);
    for hidden in hidden(v4) {
        cases.literal(hidden.to_string());
        cases.addresses(&[hidden.into()]);
        cases.addresses(&[public_v4, hidden.into()]);
    }
    for text in spellings(v4) {
        cases.literal(text);
    }
}

/// IPv6 addresses with an IPv4 address inside.
fn hidden(v4: Ipv4Addr) -> [Ipv6Addr; 5] {
    let bits = u128::from(v4.to_bits());
    [
        Ipv6Addr::from_bits(0xffff << 32 | bits), // mapped
        Ipv6Addr::from_bits(bits),                // compatible
        Ipv6Addr::from_bits(0x0064_ff9b << 96 | bits), // NAT64
        Ipv6Addr::from_bits(0x2002 << 112 | bits << 80), // 6to4
        Ipv6Addr::from_bits(0x2001 << 112 | (!bits & 0xffff_ffff)), // Teredo
    ]
}

/// What `inet_aton` and browsers read as this address.
fn spellings(v4: Ipv4Addr) -> [String; 9] {
    let bits = v4.to_bits();
    let [a, b, c, d] = v4.octets();
    [
        v4.to_string(),
        format!("{v4}."),
        bits.to_string(),
        format!("0x{bits:x}"),
        format!("0{bits:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("[{}]", v4.to_ipv6_mapped()),
    ]
}

/// Names that lead astray, and servers that fail.
fn ways_around(cases: &mut Cases) {
    let local = address("127.0.0.1");
    let public = address(PUBLIC_V4);
    cases.name(Script::Alias("inside.example".to_owned()));
    cases.name(Script::Alias("localhost".to_owned()));
    cases.name(Script::Alias("a.localhost".to_owned()));
    cases.name(Script::Alias("loop.example".to_owned()));
    cases.name(Script::Alias("nowhere.example".to_owned()));
    let target = "target.example".to_owned();
    cases.name(Script::AliasWith(target.clone(), vec![local]));
    cases.name(Script::AliasWith(target, vec![public, local]));
    cases.name(Script::Truncated(vec![local]));
    cases.name(Script::Truncated(vec![public, local]));
    cases.addresses(&[]);
    for code in [1, 2, 3, 4, 5, 9] {
        cases.name(Script::Code(code));
    }
    cases.name(Script::Silence);
    cases.name(Script::Garbage(Vec::new()));
    cases.name(Script::Garbage(vec![0xff; 600]));
    for (domain, name) in [
        ("INSIDE.Example", "inside.example"),
        ("inside.example.", "inside.example"),
        ("inside。example", "inside.example"),
        ("ｉｎｓｉｄｅ.example", "inside.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ] {
        let script = Script::Addresses(vec![local]);
        let script = Some((name.to_owned(), script));
        let domain = domain.to_owned();
        cases.0.push(Case { domain, script, asks: true });
    }
    // Names that never leave the machine (RFC 6761).
    for name in ["a.localhost", "x.invalid", "x.onion"] {
        cases.literal(name);
    }
}

/// What is no name, whatever it contains.
fn not_names(cases: &mut Cases) {
    for text in [
        "localhost",
        "127.1",
        "127.0.1",
        "0",
        "0x7f.1",
        "１２７.０.０.１",
        "127。0。0。1",
        "user@127.0.0.1",
        "user@inside.example",
        "user:password@inside.example",
        "http://127.0.0.1/",
        "http://inside.example/",
        "//inside.example",
        "inside.example/path",
        "inside.example:80",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:80",
        "fe80::1%eth0",
        "inside.example?x=y",
        "inside.example#x",
        "inside.example\\x",
        "inside.example\0",
        "inside.example\r\nHost: x",
        "inside.example ",
        "*.example",
        "..",
        "inside..example",
    ] {
        cases.literal(text);
    }
}
