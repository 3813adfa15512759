//! Lines of a text file, bounded: what is common to all line formats.
//!
//! Handles BOM, CRLF and trailing blanks; refuses web pages, files that are
//! still compressed, and lines over [`MAX_LINE_BYTES`], of which no more than
//! that is ever buffered.

use std::io::{BufRead, Read};

use super::report::{FormatError, Reason, Seen, Tally};
use crate::decompress::Compression;

/// Longest line that is read: 64 KiB. The longest of a real file, the list of
/// IXP ASes in CAIDA's relationships, has some hundred bytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
const READ_BYTES: u64 = 64 * 1024 + 1;

/// A line without its end, and its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'l> {
    /// From 1.
    pub(super) number: u64,
    /// Trimmed of ASCII blanks on both sides; never empty.
    pub(super) text: &'l [u8],
}

/// The lines of a file.
pub(super) struct Lines<'r> {
    input: &'r mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
    /// Whether a line with text was seen.
    begun: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead) -> Self {
        Self { input, line: Vec::new(), number: 0, begun: false }
    }

    /// The next line that is not blank; `None` at the end.
    pub(super) fn next_line(
        &mut self,
    ) -> Result<Option<Line<'_>>, FormatError> {
        loop {
            self.line.clear();
            let mut bounded = Read::take(&mut *self.input, READ_BYTES);
            if bounded.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() > MAX_LINE_BYTES
                && self.line.last() != Some(&b'\n')
            {
                return Err(FormatError::LineTooLong { line: self.number });
            }
            if !trim(self.number, &self.line).is_empty() {
                break;
            }
        }
        let text = trim(self.number, &self.line);
        if !self.begun {
            self.begun = true;
            refuse_foreign(text)?;
        }
        Ok(Some(Line { number: self.number, text }))
    }

    /// Hands each remaining line to `each` and counts what it says of it.
    /// A line with a control byte is bad without being asked about.
    pub(super) fn rows(
        mut self,
        each: &mut dyn FnMut(&[u8]) -> Result<Seen, Reason>,
    ) -> Result<Tally, FormatError> {
        let mut tally = Tally::default();
        while let Some(Line { number, text }) = self.next_line()? {
            let outcome = if has_control(text) {
                Err("control byte")
            } else {
                each(text)
            };
            tally.see(number, text, outcome);
        }
        Ok(tally)
    }
}

/// Reads a file of which each line stands alone.
pub(super) fn read(
    input: &mut dyn BufRead,
    each: &mut dyn FnMut(&[u8]) -> Result<Seen, Reason>,
) -> Result<Tally, FormatError> {
    Lines::new(input).rows(each)
}

fn trim(number: u64, line: &[u8]) -> &[u8] {
    let text = match line {
        [0xef, 0xbb, 0xbf, rest @ ..] if number == 1 => rest,
        _ => line,
    };
    text.trim_ascii()
}

/// Refuses the beginnings of files that no line format has.
pub(super) fn refuse_foreign(head: &[u8]) -> Result<(), FormatError> {
    if head.starts_with(b"<") {
        return Err(FormatError::Html);
    }
    match Compression::of(head) {
        Some(kind) => Err(FormatError::NotThisFormat(format!(
            "the file is compressed twice ({kind:?})"
        ))),
        None => Ok(()),
    }
}

fn has_control(text: &[u8]) -> bool {
    // Without branches, so that the compiler can use vector instructions.
    text.iter().fold(false, |found, &byte| {
        found | (byte < b' ' && byte != b'\t') | (byte == 0x7f)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Result<Vec<(u64, String)>, FormatError> {
        let mut lines = Lines::new(&mut bytes);
        let mut out = Vec::new();
        while let Some(line) = lines.next_line()? {
            let text = String::from_utf8_lossy(line.text).into_owned();
            out.push((line.number, text));
        }
        Ok(out)
    }

    #[test]
    fn strips_bom_line_ends_and_blanks() {
        let lines = all(b"\xef\xbb\xbfa b \r\n\r\n \tc\t\nd").unwrap();
        let expected =
            [(1, "a b"), (3, "c"), (4, "d")].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(lines, expected);
    }

    #[test]
    fn stops_at_a_line_that_is_too_long_without_reading_it() {
        let mut endless = std::io::BufReader::new(std::io::repeat(b'a'));
        let mut lines = Lines::new(&mut endless);
        let error = lines.next_line().unwrap_err();
        assert!(matches!(error, FormatError::LineTooLong { line: 1 }));
        assert!(lines.line.capacity() <= 4 * MAX_LINE_BYTES);
    }

    #[test]
    fn reads_a_line_of_exactly_the_limit() {
        let mut bytes = vec![b'a'; MAX_LINE_BYTES];
        bytes.extend(b"\nb");
        assert_eq!(all(&bytes).unwrap().len(), 2);
        bytes.insert(0, b'a');
        assert!(all(&bytes).is_err());
    }

    #[test]
    fn refuses_web_pages_and_files_that_are_still_compressed() {
        for head in ["<!DOCTYPE html>", "\n\n <html>", "\u{feff}<?xml?>"] {
            assert!(matches!(all(head.as_bytes()), Err(FormatError::Html)));
        }
        assert!(matches!(
            all(&[0x1f, 0x8b, 8, 0, 0]),
            Err(FormatError::NotThisFormat(_))
        ));
    }

    #[test]
    fn a_control_byte_makes_a_row_bad() {
        let mut input: &[u8] = b"a\tb\nc\0d\n\x7f\n";
        let mut seen = Vec::new();
        let tally = read(&mut input, &mut |text| {
            seen.push(text.to_vec());
            Ok(Seen::Row)
        });
        assert_eq!(tally.unwrap().total(), 3);
        assert_eq!(seen, [b"a\tb"]);
    }
}
