//! Addresses and prefixes → text: dotted quads, RFC 5952 for IPv6.
//!
//! Bytes are put into a small array first and copied out once; nothing is
//! allocated for an entry, and nothing is formatted twice.

use std::net::IpAddr;

use asgard_model::Prefix;

use crate::space::SpaceView;

/// Appends `address/length`, always with the length.
pub fn push_prefix(out: &mut Vec<u8>, prefix: Prefix) {
    let mut line = Line::default();
    line.prefix(prefix);
    out.extend_from_slice(line.bytes());
}

/// Appends an address without length.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    let mut line = Line::default();
    match address {
        IpAddr::V4(v4) => line.v4(v4.to_bits()),
        IpAddr::V6(v6) => line.v6(v6.to_bits()),
    }
    out.extend_from_slice(line.bytes());
}

/// Appends a set as the fewest prefixes, one a line.
pub fn push_lines(out: &mut Vec<u8>, set: SpaceView<'_>) {
    for prefix in set.prefixes() {
        let mut line = Line::default();
        line.prefix(prefix);
        line.byte(b'\n');
        out.extend_from_slice(line.bytes());
    }
}

/// Appends a set as ranges, one a line: `first-last`, or the address alone
/// where the two are one.
pub fn push_range_lines(out: &mut Vec<u8>, set: SpaceView<'_>) {
    for &(first, last) in set.v4() {
        let mut line = Line::default();
        line.v4(first);
        if first != last {
            line.byte(b'-');
            line.v4(last);
        }
        line.byte(b'\n');
        out.extend_from_slice(line.bytes());
    }
    for &(first, last) in set.v6() {
        let mut line = Line::default();
        line.v6(first);
        if first != last {
            line.byte(b'-');
            line.v6(last);
        }
        line.byte(b'\n');
        out.extend_from_slice(line.bytes());
    }
}

/// Two IPv6 addresses, what stands between and after them, and the slack of a
/// number that is copied as four bytes.
const ROOM: usize = 2 * 39 + 2 + 4;

/// A line that is being written.
struct Line {
    bytes: [u8; ROOM],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }
}

/// The numbers of a byte in decimal, and how many digits they have.
const DECIMAL: [([u8; 3], u8); 256] = decimal();

const fn decimal() -> [([u8; 3], u8); 256] {
    let mut table = [([0; 3], 0); 256];
    let mut number: usize = 0;
    let mut low: u8 = 0;
    while number < 256 {
        let (hundreds, tens, ones) = (low / 100, low / 10 % 10, low % 10);
        table[number] = if low >= 100 {
            ([b'0' + hundreds, b'0' + tens, b'0' + ones], 3)
        } else if low >= 10 {
            ([b'0' + tens, b'0' + ones, 0], 2)
        } else {
            ([b'0' + ones, 0, 0], 1)
        };
        number += 1;
        low = low.wrapping_add(1);
    }
    table
}

impl Line {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    fn decimal(&mut self, number: u8) {
        let (digits, len) = DECIMAL[usize::from(number)];
        self.bytes[self.len..self.len + 3].copy_from_slice(&digits);
        self.len += usize::from(len);
    }

    #[inline]
    fn prefix(&mut self, prefix: Prefix) {
        let len = match prefix {
            Prefix::V4(bits, len) => {
                self.v4(bits);
                len
            }
            Prefix::V6(bits, len) => {
                self.v6(bits);
                len
            }
        };
        self.byte(b'/');
        self.decimal(len);
    }

    #[inline]
    fn v4(&mut self, bits: u32) {
        let [a, b, c, d] = bits.to_be_bytes();
        self.decimal(a);
        self.byte(b'.');
        self.decimal(b);
        self.byte(b'.');
        self.decimal(c);
        self.byte(b'.');
        self.decimal(d);
    }

    fn v6(&mut self, bits: u128) {
        // RFC 5952, section 5: the one form that is known to hold IPv4.
        if bits >> 32 == 0xffff {
            for &byte in b"::ffff:" {
                self.byte(byte);
            }
            let low = bits & u128::from(u32::MAX);
            return self.v4(u32::try_from(low).unwrap_or(u32::MAX));
        }
        let (start, end) = longest_zeros(bits);
        for at in 0..8 {
            if at == start {
                self.byte(b':');
                self.byte(b':');
            }
            if (start..end).contains(&at) {
                continue;
            }
            if at != 0 && at != end {
                self.byte(b':');
            }
            self.hex(group(bits, at));
        }
    }

    /// Hexadecimal without leading zeros, lower case (section 4.1, 4.3).
    #[inline]
    fn hex(&mut self, group: u16) {
        let digit =
            |shift: u32| b"0123456789abcdef"[usize::from(group >> shift) & 15];
        let digits = (u16::BITS - group.leading_zeros()).div_ceil(4).max(1);
        for at in (0..digits).rev() {
            self.byte(digit(4 * at));
        }
    }
}

/// The group of 16 bits at an index below 8.
#[inline]
fn group(bits: u128, at: usize) -> u16 {
    let [high, low] = [2 * at, 2 * at + 1].map(|b| bits.to_be_bytes()[b]);
    u16::from_be_bytes([high, low])
}

/// The longest run of two or more zero groups, the first of equals (section
/// 4.2): its first group and the one after it; `(8, 8)` if there is none.
fn longest_zeros(bits: u128) -> (usize, usize) {
    let (mut best, mut run) = ((8, 8), 0);
    for at in 0..8 {
        run = if group(bits, at) == 0 { run + 1 } else { 0 };
        if run >= 2 && run > best.1 - best.0 {
            best = (at + 1 - run, at + 1);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_pattern_of_zero_groups_is_written_as_rfc_5952_says() {
        for pattern in 0..=255u32 {
            for value in [1u128, 0x20, 0x300, 0xffff] {
                let bits = (0..8).fold(0u128, |bits, at| {
                    (bits << 16) | (value * u128::from((pattern >> at) & 1))
                });
                let address = Ipv6Addr::from_bits(bits);
                let written = text(|out| push_address(out, address.into()));
                assert_eq!(written, address.to_string());
            }
        }
    }

    #[test]
    fn every_byte_and_every_length_is_written() {
        for byte in 0..=u8::MAX {
            let v4 = Ipv4Addr::new(byte, 0, 255, byte);
            let written = text(|out| push_address(out, v4.into()));
            assert_eq!(written, v4.to_string());
            if let Some(prefix) = Prefix::new(Ipv6Addr::LOCALHOST.into(), byte)
            {
                let written = text(|out| push_prefix(out, prefix));
                assert_eq!(written, prefix.to_string());
            }
        }
    }

    #[test]
    fn the_longest_line_has_room() {
        let all = Ipv6Addr::from_bits(u128::MAX);
        let before = Ipv6Addr::from_bits(u128::MAX - 0x1000);
        let set = crate::AddressSet::from_ranges(
            vec![(u32::MAX - 9, u32::MAX), (7, 7)],
            vec![(before.to_bits(), all.to_bits())],
        );
        assert_eq!(
            text(|out| push_range_lines(out, set.view())),
            format!(
                "0.0.0.7\n255.255.255.246-255.255.255.255\n{before}-{all}\n"
            )
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn addresses_are_written_as_the_standard_library_does(
            v4: u32, v6: u128, mask: u128, len in 0..=128u8,
        ) {
            for address in [
                IpAddr::from(Ipv4Addr::from_bits(v4)),
                Ipv6Addr::from_bits(v6).into(),
                Ipv6Addr::from_bits(v6 & mask & mask.rotate_left(7)).into(),
                Ipv4Addr::from_bits(v4).to_ipv6_mapped().into(),
            ] {
                let written = text(|out| push_address(out, address));
                prop_assert_eq!(written, address.to_string());
                if let Some(prefix) = Prefix::new(address, len) {
                    let written = text(|out| push_prefix(out, prefix));
                    prop_assert_eq!(written, prefix.to_string());
                }
            }
        }
    }
}
