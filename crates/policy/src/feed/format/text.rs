//! The buffer that renderers write to: addresses, prefixes, ranges, numbers
//! and labels, without an allocation a line.

use std::{io::Write, net::Ipv6Addr};

use asgard_model::{Asn, Prefix};
use jiff::Timestamp;

use crate::feed::entry::{Cause, Range, Span};

/// A growing text.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

/// Decimal digits of every octet, and how many there are.
static OCTETS: [([u8; 3], u8); 256] = octets();

const fn octets() -> [([u8; 3], u8); 256] {
    let mut table = [([0; 3], 0); 256];
    let mut n = 0u8;
    loop {
        let (h, t, o) = (b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10);
        table[n as usize] = match n {
            0..=9 => ([o, 0, 0], 1),
            10..=99 => ([t, o, 0], 2),
            _ => ([h, t, o], 3),
        };
        if n == u8::MAX {
            return table;
        }
        n += 1;
    }
}

impl Text {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn octet(&mut self, octet: u8) -> &mut Self {
        let (digits, len) = OCTETS[usize::from(octet)];
        self.0.extend_from_slice(&digits[..usize::from(len)]);
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        write!(self.0, "{number}").expect("memory takes every write");
        self
    }

    pub(super) fn v4(&mut self, bits: u32) -> &mut Self {
        let [a, b, c, d] = bits.to_be_bytes();
        self.octet(a).push(".").octet(b).push(".");
        self.octet(c).push(".").octet(d)
    }

    /// A word of an IPv6 address, without leading zeros.
    pub(super) fn hex(&mut self, word: u16) -> &mut Self {
        write!(self.0, "{word:x}").expect("memory takes every write");
        self
    }

    /// RFC 3339 in UTC, whole seconds.
    pub(super) fn moment(&mut self, moment: Timestamp) -> &mut Self {
        write!(self.0, "{moment:.0}").expect("memory takes every write");
        self
    }

    /// RFC 3339 in UTC with milliseconds, as STIX wants it.
    pub(super) fn millis(&mut self, moment: Timestamp) -> &mut Self {
        write!(self.0, "{moment:.3}").expect("memory takes every write");
        self
    }

    /// RFC 5952.
    pub(super) fn v6(&mut self, bits: u128) -> &mut Self {
        write!(self.0, "{}", Ipv6Addr::from_bits(bits))
            .expect("memory takes every write");
        self
    }

    /// The network address of a prefix.
    pub(super) fn network(&mut self, prefix: Prefix) -> &mut Self {
        match prefix {
            Prefix::V4(bits, _) => self.v4(bits),
            Prefix::V6(bits, _) => self.v6(bits),
        }
    }

    /// `a.b.c.d/n`, always with the length.
    pub(super) fn prefix(&mut self, prefix: Prefix) -> &mut Self {
        self.network(prefix).push("/").octet(prefix.len())
    }

    /// As [`Self::prefix`], but hosts are bare addresses.
    pub(super) fn short(&mut self, prefix: Prefix) -> &mut Self {
        if is_host(prefix) { self.network(prefix) } else { self.prefix(prefix) }
    }

    /// `a-b`; one address alone is written as a host.
    pub(super) fn range(&mut self, range: Range) -> &mut Self {
        match range {
            Range::V4(a, b) if a == b => self.v4(a),
            Range::V6(a, b) if a == b => self.v6(a),
            Range::V4(a, b) => self.v4(a).push("-").v4(b),
            Range::V6(a, b) => self.v6(a).push("-").v6(b),
        }
    }

    /// A prefix as [`Self::prefix`] or [`Self::short`], or a range.
    pub(super) fn span(&mut self, span: Span, host_suffix: bool) -> &mut Self {
        match span {
            Span::Prefix(prefix) if host_suffix => self.prefix(prefix),
            Span::Prefix(prefix) => self.short(prefix),
            Span::Range(range) => self.range(range),
        }
    }

    pub(super) fn asn(&mut self, asn: Asn) -> &mut Self {
        self.push("AS").number(asn.0.into())
    }

    /// In short why a line is there: `AS64496`, `list:NAME`, `country:NL` or
    /// the origin's name; ASCII without spaces, quotes and separators.
    pub(super) fn label(&mut self, cause: &Cause) -> &mut Self {
        if let Some(asn) = cause.asn {
            self.asn(asn)
        } else if let Some(list) = &cause.list {
            self.push("list:").word(list)
        } else if let Some(country) = cause.country {
            self.push("country:").push(country.as_str())
        } else {
            self.push(cause.origin.as_str())
        }
    }

    /// Text from elsewhere as one word that no format can misread.
    pub(super) fn word(&mut self, text: &str) -> &mut Self {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
        self.0.extend(text.bytes().map(|b| if safe(b) { b } else { b'_' }));
        self
    }

    /// Text from elsewhere as a JSON string, with its quotes.
    pub(super) fn json(&mut self, text: &str) -> &mut Self {
        serde_json::to_writer(&mut self.0, text)
            .expect("memory takes every text");
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Whether a prefix is a single address.
pub(super) fn is_host(prefix: Prefix) -> bool {
    prefix.len() == if prefix.is_v4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use asgard_model::CountryCode;
    use proptest::prelude::*;

    use super::*;
    use crate::feed::entry::Origin;

    fn text(write: impl FnOnce(&mut Text)) -> String {
        let mut out = Text::default();
        write(&mut out);
        String::from_utf8(out.into_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn prefixes_are_written_as_the_model_writes_them(
            v4 in any::<u32>(), v6 in any::<u128>(),
            len4 in 0u8..=32, len6 in 0u8..=128,
        ) {
            let v4 = std::net::Ipv4Addr::from_bits(v4);
            let v6 = Ipv6Addr::from_bits(v6);
            for prefix in [
                Prefix::new(v4.into(), len4).unwrap(),
                Prefix::new(v6.into(), len6).unwrap(),
            ] {
                let written = text(|out| { out.prefix(prefix); });
                prop_assert_eq!(written, prefix.to_string());
            }
        }
    }

    #[test]
    fn a_label_is_one_word_whatever_a_list_is_called() {
        let named = |name: &str| Cause {
            list: Some(name.into()),
            ..Cause::new(Origin::List)
        };
        let label = |cause: &Cause| {
            text(|out| {
                out.label(cause);
            })
        };
        assert_eq!(label(&named("drop")), "list:drop");
        assert_eq!(label(&named("a \"b\n;#é")), "list:a__b_____");
        let country: CountryCode = "NL".parse().unwrap();
        let cause =
            Cause { country: Some(country), ..Cause::new(Origin::Country) };
        assert_eq!(label(&cause), "country:NL");
        assert_eq!(label(&Cause::new(Origin::Ip)), "ip");
        let asn = Cause { asn: Some(Asn(174)), ..cause };
        assert_eq!(label(&asn), "AS174");
    }

    #[test]
    fn a_range_of_one_address_is_that_address() {
        assert_eq!(
            text(|out| {
                out.range(Range::V4(1, 1));
            }),
            "0.0.0.1"
        );
        assert_eq!(
            text(|out| {
                out.range(Range::V6(1, 2));
            }),
            "::1-::2"
        );
    }
}
