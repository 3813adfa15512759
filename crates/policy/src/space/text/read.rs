//! Text → addresses: lists of hosts, prefixes and ranges, one a line.
//!
//! | line | means |
//! |---|---|
//! | `192.0.2.7`, `2001:db8::7` | a host |
//! | `192.0.2.7/24`, `2001:db8::7/32` | the prefix; host bits are cleared |
//! | `192.0.2.7-192.0.2.20`, `2001:db8::-2001:db8::ff` | the range, both ends included; blanks around `-` are allowed |
//! | nothing; `#` or `;` and what follows | nothing |
//!
//! LF or CRLF; blanks around an entry, a BOM before the first. Addresses of the
//! form `::ffff:a.b.c.d`, and prefixes and ranges of them, are IPv4.
//!
//! A line that is anything else is a bad line: kept with its number, so that
//! nobody takes a list for complete that is not. Two entries on a line are bad,
//! also without a blank between them.

mod groups;
mod quad;

use std::net::IpAddr;

use asgard_model::{
    Prefix,
    prefix::{mask4, mask6},
};

use crate::space::{AddressSet, Interval};

/// Most entries of one input; a thousand times the full routing table.
pub const MAX_ENTRIES: usize = 1 << 28;

/// Bad lines that are kept; the others are counted.
const SHOWN: usize = 10;

/// Characters of a bad line that are kept.
const SHOWN_CHARACTERS: usize = 80;

/// Why a line is bad.
pub type Reason = &'static str;

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub number: usize,
    /// How it begins; control characters are escaped.
    pub text: String,
    /// What is wrong.
    pub reason: Reason,
}

/// Entries of one or several texts, as they come.
#[derive(Clone, Debug, Default)]
pub struct Input {
    v4: Vec<Interval<u32>>,
    v6: Vec<Interval<u128>>,
    bad: Vec<BadLine>,
    bad_count: usize,
    /// Lines of the present text so far.
    number: usize,
}

impl Input {
    /// Makes room for a text of so many bytes, as far as that can be guessed.
    pub fn expect_bytes(&mut self, bytes: usize) {
        self.v4.reserve(bytes / 16);
        self.v6.reserve(bytes / 64);
    }

    /// Reads a text; its lines are numbered from 1. What an earlier text said
    /// stays.
    pub fn read(&mut self, text: &[u8]) {
        self.begin();
        let rest = self.read_lines(text);
        self.end(rest);
    }

    /// Begins a text that comes in parts.
    pub fn begin(&mut self) {
        self.number = 0;
    }

    /// Reads the lines of a part that have an end; gives what is left, which
    /// must stand before the next part.
    pub fn read_lines<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        if self.number == 0 {
            rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
        }
        loop {
            if let Some(after) = self.plain(rest) {
                self.number += 1;
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                return rest;
            };
            self.line(&rest[..end]);
            rest = &rest[end + 1..];
        }
    }

    /// Ends a text with its last line, which may have no end, or be empty.
    pub fn end(&mut self, rest: &[u8]) {
        let mut rest = rest;
        if self.number == 0 {
            rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
        }
        if !rest.is_empty() {
            self.line(rest);
        }
    }

    /// Entries so far.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first bad lines.
    pub fn bad_lines(&self) -> &[BadLine] {
        &self.bad
    }

    /// Number of bad lines.
    pub fn bad_count(&self) -> usize {
        self.bad_count
    }

    /// All entries as a set.
    pub fn into_set(self) -> AddressSet {
        AddressSet::from_ranges(self.v4, self.v6)
    }

    /// The common case: a host or prefix and the end of its line. Gives what
    /// follows the line, or `None` if the line is anything else; then nothing
    /// was taken.
    fn plain<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        if self.len() >= MAX_ENTRIES {
            return None;
        }
        if let Some((bits, len, rest)) = quad::line(text) {
            let mask = mask4(len);
            self.v4.push((bits & mask, bits | !mask));
            return Some(rest);
        }
        let (bits, rest) = groups::address(text)?;
        let (len, rest) = groups::length(rest)?;
        let rest =
            rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n"))?;
        if bits >> 32 == 0xffff {
            return None;
        }
        let mask = mask6(len);
        self.v6.push((bits & mask, bits | !mask));
        Some(rest)
    }

    /// Any line, without its LF.
    fn line(&mut self, line: &[u8]) {
        self.number += 1;
        if let Err(reason) = self.entry(line) {
            self.refuse(line, reason);
        }
    }

    fn refuse(&mut self, line: &[u8], reason: Reason) {
        self.bad_count += 1;
        if self.bad.len() < SHOWN {
            let start = &line[..line.len().min(4 * SHOWN_CHARACTERS)];
            let mut text = String::new();
            let start = String::from_utf8_lossy(start);
            for shown in start.trim_end().chars().take(SHOWN_CHARACTERS) {
                if shown.is_control() {
                    text.extend(shown.escape_default());
                } else {
                    text.push(shown);
                }
            }
            self.bad.push(BadLine { number: self.number, text, reason });
        }
    }

    fn entry(&mut self, line: &[u8]) -> Result<(), Reason> {
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';'));
        let entry = line[..end.unwrap_or(line.len())].trim_ascii();
        if entry.is_empty() {
            return Ok(());
        }
        if self.len() >= MAX_ENTRIES {
            return Err("too many entries");
        }
        let entry = str::from_utf8(entry).map_err(|_| NO_ENTRY)?;
        if let Some((first, last)) = entry.split_once('-') {
            return self.range(first.trim_ascii(), last.trim_ascii());
        }
        match entry.parse().map_err(|_| NO_ENTRY)? {
            Prefix::V4(bits, len) => self.v4.push((bits, bits | !mask4(len))),
            Prefix::V6(bits, len) => self.v6.push((bits, bits | !mask6(len))),
        }
        Ok(())
    }

    fn range(&mut self, first: &str, last: &str) -> Result<(), Reason> {
        let address = |text: &str| -> Result<IpAddr, Reason> {
            let address: IpAddr = text.parse().map_err(|_| NO_RANGE)?;
            Ok(address.to_canonical())
        };
        match (address(first)?, address(last)?) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
                self.v4.push((a.to_bits(), b.to_bits()));
            }
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                self.v6.push((a.to_bits(), b.to_bits()));
            }
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                return Err("the range ends before it begins");
            }
            _ => return Err("the ends of the range are of two families"),
        }
        Ok(())
    }
}

const NO_ENTRY: Reason = "not an address, prefix or range";
const NO_RANGE: Reason = "not a range of two addresses";

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Input {
        let mut input = Input::default();
        input.read(text.as_bytes());
        input
    }

    /// The entry of a line, by the standard library; `None` if it is bad.
    fn slowly(line: &str) -> Option<AddressSet> {
        line.parse()
            .ok()
            .map(|prefix: Prefix| AddressSet::from_prefixes([prefix]))
    }

    #[test]
    fn reads_all_forms_with_comments_blanks_and_either_line_end() {
        let input = read(
            "\u{feff}# head\r\n10.1.2.3/16\r\n\n  192.0.2.7\t; note\n\
             198.51.100.9-198.51.100.20 # r\n; old\n2001:DB8::1/32\n\
             2001:db8:1:: - 2001:db8:1::ff\n::ffff:203.0.113.0/120\n\
             ::ffff:192.0.2.9-::ffff:192.0.2.10\n::1\n::\n1::/16\n\
             3:2:3:4:5:6:7:8",
        );
        assert_eq!(input.bad_lines(), []);
        assert_eq!(input.len(), 11);
        let set = input.into_set();
        let mut text = Vec::new();
        super::super::push_range_lines(&mut text, set.view());
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "10.1.0.0-10.1.255.255\n192.0.2.7\n192.0.2.9-192.0.2.10\n\
             198.51.100.9-198.51.100.20\n203.0.113.0-203.0.113.255\n::-::1\n\
             1::-1:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n3:2:3:4:5:6:7:8\n\
             2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\n"
        );
    }

    #[test]
    fn a_bad_line_is_told_by_number_and_text() {
        for (line, reason) in [
            ("AS174", NO_ENTRY),
            ("1.2.3.4 5.6.7.8", NO_ENTRY),
            ("1.2.3.01.2.3.4", NO_ENTRY),
            ("1.2.3.4/24192.0.2.0/24", NO_ENTRY),
            ("01.2.3.4", NO_ENTRY),
            ("1.2.3.4/33", NO_ENTRY),
            ("1.2.3.4/", NO_ENTRY),
            ("1.2.3.4,", NO_ENTRY),
            ("1.2.3.256", NO_ENTRY),
            ("::1/129", NO_ENTRY),
            ("1:2:3:4:5:6:7:8::", NO_ENTRY),
            ("1::2::3", NO_ENTRY),
            (":::", NO_ENTRY),
            ("1:2:3:4:5:6:7", NO_ENTRY),
            ("1:2:3:4:5:6:7:8:9", NO_ENTRY),
            ("12345::", NO_ENTRY),
            ("fe80::1%eth0", NO_ENTRY),
            ("1.2.3.4-1.2.3.3", "the range ends before it begins"),
            ("1.2.3.4-::1", "the ends of the range are of two families"),
            ("1.2.3.4/24-1.2.4.0", NO_RANGE),
            ("1.2.3.4-", NO_RANGE),
            ("1.2.3.4-1.2.3.5-1.2.3.6", NO_RANGE),
        ] {
            let input = read(&format!("192.0.2.1\n{line}\n192.0.2.2\n"));
            let bad = BadLine { number: 2, text: line.to_owned(), reason };
            assert_eq!(input.bad_lines(), [bad]);
            assert_eq!((input.len(), input.bad_count()), (2, 1));
        }
        let input = read(&"<b>\u{7}\n".repeat(1_000));
        assert_eq!((input.bad_lines().len(), input.bad_count()), (10, 1_000));
        assert_eq!(input.bad_lines()[9].text, r"<b>\u{7}");
        assert!(read(&"x".repeat(1 << 20)).bad_lines()[0].text.len() <= 80);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn what_is_written_is_read(v4: u32, v6: u128, mask: u128, len: u8) {
            let address = if v4 & 1 == 0 {
                IpAddr::from(v4.to_be_bytes())
            } else {
                Ipv6Addr::from_bits(v6 & mask & mask.rotate_left(5)).into()
            };
            let host = Prefix::host(address).len();
            let line = format!("{address}/{}", len % (host + 2));
            let input = read(&line);
            prop_assert_eq!(input.bad_count() == 0, slowly(&line).is_some());
            prop_assert_eq!(input.into_set(), slowly(&line).unwrap_or_default());
        }

        #[test]
        fn the_fast_way_never_takes_what_the_standard_library_refuses(
            line in "[0-9a-f:./]{1,24}"
        ) {
            let input = read(&line);
            prop_assert_eq!(input.bad_count() == 0, slowly(&line).is_some());
            prop_assert_eq!(input.into_set(), slowly(&line).unwrap_or_default());
        }

        #[test]
        fn a_text_in_portions_reads_like_the_whole(
            lines in prop::collection::vec("[0-9a-f:./#-]{0,16}\r?", 0..30),
            portion in 1usize..50,
        ) {
            let text = lines.join("\n");
            let whole = read(&text);
            let mut parts = Input::default();
            parts.begin();
            let mut kept = Vec::new();
            for part in text.as_bytes().chunks(portion) {
                kept.extend_from_slice(part);
                let left = parts.read_lines(&kept).len();
                kept.drain(..kept.len() - left);
            }
            parts.end(&kept);
            prop_assert_eq!(parts.bad_lines(), whole.bad_lines());
            prop_assert_eq!(parts.bad_count(), whole.bad_count());
            prop_assert_eq!(parts.into_set(), whole.into_set());
        }

        #[test]
        fn no_bytes_make_it_panic_or_lose_a_line(
            bytes in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let mut input = Input::default();
            input.read(&bytes);
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let mut alone = Input::default();
            let lines = text.split(|&byte| byte == b'\n');
            for line in lines.filter(|line| !line.starts_with(b"\xef\xbb\xbf")) {
                alone.read(line);
            }
            prop_assert_eq!(input.bad_count(), alone.bad_count());
            prop_assert_eq!(input.into_set(), alone.into_set());
        }
    }
}
