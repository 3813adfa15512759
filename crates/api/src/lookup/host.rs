//! What a client may call a domain: a name of at least two labels, or an
//! address in its one canonical spelling.
//!
//! Refused before anybody is asked: URLs, users, ports, paths, and everything
//! that some resolvers take for an IPv4 address (decimal, octal, hexadecimal,
//! short forms). The WHATWG rule tells them from names: the last label of a
//! name is never a number (<https://url.spec.whatwg.org/#ends-in-a-number-checker>).

use std::net::IpAddr;

use idna::AsciiDenyList;

/// Longest name and label (RFC 1035).
const NAME_CHARS: usize = 253;
const LABEL_CHARS: usize = 63;

/// Something that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// In ASCII, lower case, without the dot at the end.
    Name(String),
    /// As it was given.
    Address(IpAddr),
}

impl Host {
    /// Reads what a client sent; `None` if it cannot be a host.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let ascii =
            idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::EMPTY)
                .ok()?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        is_name(name).then(|| Self::Name(name.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    let Some((_, last)) = name.rsplit_once('.') else { return false };
    name.len() <= NAME_CHARS
        && name.split('.').all(is_label)
        && !is_number(last)
}

/// Letters, digits and hyphens; underscores, because hosts have them.
fn is_label(label: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=LABEL_CHARS).contains(&label.len()) && label.bytes().all(plain)
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Option<Host> {
        Some(Host::Name(text.to_owned()))
    }

    #[test]
    fn names_are_read_in_any_case_and_script() {
        for (text, ascii) in [
            ("example.com", "example.com"),
            ("EXAMPLE.Com", "example.com"),
            ("example.com.", "example.com"),
            ("a.b-c.d_e.example", "a.b-c.d_e.example"),
            ("r3---sn-x.example.com", "r3---sn-x.example.com"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("0x7f.com", "0x7f.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("example。com", "example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(Host::parse(text), name(ascii), "{text}");
        }
    }

    #[test]
    fn addresses_are_read_in_their_canonical_spelling() {
        for text in ["8.8.8.8", "127.0.0.1", "2001:db8::1", "::ffff:1.2.3.4"] {
            let address = text.parse().unwrap();
            assert_eq!(Host::parse(text), Some(Host::Address(address)));
        }
    }

    #[test]
    fn what_cannot_be_a_host_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        for text in [
            "",
            ".",
            "..",
            "localhost",
            "com.",
            ".example.com",
            "example..com",
            "example.com..",
            " example.com",
            "example .com",
            "user@example.com",
            "http://example.com",
            "example.com/path",
            "example.com:80",
            "example.com?x",
            "example.com#x",
            "exam\\ple.com",
            "exam%70le.com",
            "*.example.com",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "127.0.0.1.",
            "foo.0x",
            "example.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::1]",
            "[2606:4700::1111]",
            "fe80::1%eth0",
            "::1:80:",
            "xn--a.example",
            "a\u{202e}b.example",
            "a\0.example",
            &long,
        ] {
            assert_eq!(Host::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_of_253_characters_is_the_longest() {
        let labels = [63, 63, 63, 61].map(|n| "a".repeat(n)).join(".");
        assert_eq!(labels.len(), 253);
        assert_eq!(Host::parse(&labels), name(&labels));
        assert_eq!(Host::parse(&format!("b{labels}")), None);
    }

    proptest! {
        #[test]
        fn a_name_is_plain_ascii_whatever_was_sent(text in "\\PC{0,40}") {
            if let Some(Host::Name(name)) = Host::parse(&text) {
                let plain = |c: char| {
                    c.is_ascii_lowercase() || c.is_ascii_digit()
                        || "-_.".contains(c)
                };
                prop_assert!(name.chars().all(plain), "{name}");
                prop_assert!(name.parse::<IpAddr>().is_err());
                prop_assert_eq!(Host::parse(&name), Some(Host::Name(name)));
            }
        }
    }
}
