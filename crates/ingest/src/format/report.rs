//! What a parser says about a file: the report, and why a file is refused.

use std::io;

use jiff::Timestamp;

/// Why a row is bad, in words for people.
pub type Reason = &'static str;

/// Share of bad rows, in percent, above which a file is refused whole.
///
/// Judged from [`MIN_BAD_ROWS`] bad rows on; below that, a file is refused
/// when more than half of its rows are bad.
pub const MAX_BAD_SHARE_PERCENT: u64 = 1;
/// Bad rows from which the share is judged: one typing error in a list of 20
/// entries does not make the other 19 worthless.
pub(super) const MIN_BAD_ROWS: u64 = 10;
/// Characters of a bad row that are kept.
const EXCERPT_CHARS: usize = 80;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows of the file that were understood. One row may give several
    /// prefixes to the sink (an address range).
    pub rows: u64,
    /// Bad rows, which were left out.
    pub skipped: u64,
    /// Rows that are well formed and say nothing (not routed, unallocated,
    /// fewer sightings than asked for).
    pub ignored: u64,
    /// The first bad row.
    pub first_bad: Option<BadRow>,
    /// When the publisher made the file, as the file itself says.
    pub published: Option<Timestamp>,
    /// Copyright or terms that the file asks to keep.
    pub attribution: Option<String>,
}

/// A row that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Line, from 1; in a JSON document the element of its list, from 1.
    pub line: u64,
    /// The first 80 characters, control characters replaced.
    pub text: String,
    /// Why it is bad.
    pub reason: Reason,
}

/// Why a file is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// An error page or a login form.
    #[error("this is a web page, not data; check the URL of the source")]
    Html,
    /// Nothing that could be a row.
    #[error("the file holds no data")]
    Empty,
    /// A line that no such file has; it was not read to its end.
    #[error("line {line} is longer than {} bytes", super::MAX_LINE_BYTES)]
    LineTooLong {
        /// The line, from 1.
        line: u64,
    },
    /// Some other format.
    #[error("not this format: {0}")]
    NotThisFormat(String),
    /// More than [`MAX_BAD_SHARE_PERCENT`] of the rows are bad.
    #[error(
        "{bad} of {total} rows are bad; the first, line {}: {} (`{}`)",
        first.line, first.reason, first.text
    )]
    TooManyBadRows {
        /// Bad rows.
        bad: u64,
        /// All rows.
        total: u64,
        /// The first of the bad.
        first: BadRow,
    },
    /// The file says how many rows it has, and has not.
    #[error("the file states {stated} rows and holds {found}")]
    CountMismatch {
        /// Rows that the file states.
        stated: u64,
        /// Rows that were found.
        found: u64,
    },
    /// The file ends before its format says so.
    #[error("the file was cut: {0}")]
    Truncated(String),
    /// The source of bytes failed, or exceeds a limit of decompression.
    #[error("cannot read the file: {0}")]
    Io(io::Error),
    /// Broken JSON.
    #[error("broken JSON: {0}")]
    Json(serde_json::Error),
}

impl From<io::Error> for FormatError {
    /// A decompressor reports a cut stream as [`io::ErrorKind::UnexpectedEof`].
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl From<serde_json::Error> for FormatError {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        match error.classify() {
            Category::Io => io::Error::from(error).into(),
            Category::Eof => Self::Truncated(error.to_string()),
            Category::Data => Self::NotThisFormat(error.to_string()),
            Category::Syntax => Self::Json(error),
        }
    }
}

/// What a row turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Data.
    Row,
    /// Well formed, says nothing.
    Ignored,
    /// A comment; a list of comments alone is a legal empty list.
    Comment,
    /// Names of columns. Unlike a comment, it may be the text of an error.
    Heading,
}

/// Running count of rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    ignored: u64,
    bad: u64,
    comments: u64,
    first_bad: Option<BadRow>,
}

impl Tally {
    /// Counts one row; the excerpt is made of `text` if it is the first bad.
    pub(super) fn see(
        &mut self,
        line: u64,
        text: &[u8],
        outcome: Result<Seen, Reason>,
    ) {
        match outcome {
            Ok(Seen::Row) => self.rows += 1,
            Ok(Seen::Ignored) => self.ignored += 1,
            Ok(Seen::Comment) => self.comments += 1,
            Ok(Seen::Heading) => {}
            Err(reason) => {
                self.bad += 1;
                self.first_bad.get_or_insert_with(|| BadRow {
                    line,
                    text: excerpt(text),
                    reason,
                });
            }
        }
    }

    /// All rows, good, silent and bad.
    pub(super) fn total(&self) -> u64 {
        self.rows + self.ignored + self.bad
    }

    /// Refuses a file that states more rows than it holds.
    pub(super) fn expect_at_least(
        &self,
        stated: u64,
    ) -> Result<(), FormatError> {
        let found = self.total();
        if off_by_a_share(stated, found) && found < stated {
            return Err(FormatError::CountMismatch { stated, found });
        }
        Ok(())
    }

    /// Refuses a file that states another number of rows than it holds.
    pub(super) fn expect(&self, stated: u64) -> Result<(), FormatError> {
        let found = self.total();
        if off_by_a_share(stated, found) {
            return Err(FormatError::CountMismatch { stated, found });
        }
        Ok(())
    }

    /// The report of a file that must hold data.
    pub(super) fn finish(self) -> Result<Report, FormatError> {
        if self.total() == 0 {
            return Err(FormatError::Empty);
        }
        self.judge()
    }

    /// The report of a list that may be empty, if it says so by comments.
    pub(super) fn finish_list(self) -> Result<Report, FormatError> {
        if self.comments > 0 { self.judge() } else { self.finish() }
    }

    /// The report of a page, which may be empty.
    pub(super) fn judge(self) -> Result<Report, FormatError> {
        let (bad, total) = (self.bad, self.total());
        let many = bad >= MIN_BAD_ROWS
            && bad.saturating_mul(100) > total * MAX_BAD_SHARE_PERCENT;
        match self.first_bad {
            Some(first) if bad == total => {
                Err(FormatError::NotThisFormat(format!(
                    "no row is readable; line {}: {} (`{}`)",
                    first.line, first.reason, first.text
                )))
            }
            Some(first) if many || bad > total / 2 => {
                Err(FormatError::TooManyBadRows { bad, total, first })
            }
            first_bad => Ok(Self { first_bad, ..self }.report()),
        }
    }

    /// The report of what goes on whatever comes: bad rows are only counted.
    pub(super) fn report(self) -> Report {
        Report {
            rows: self.rows,
            skipped: self.bad,
            ignored: self.ignored,
            first_bad: self.first_bad,
            published: None,
            attribution: None,
        }
    }
}

/// Whether two counts differ by more than the share of bad rows allowed.
fn off_by_a_share(stated: u64, found: u64) -> bool {
    let percent = |part: u64| u128::from(part) * 100;
    percent(stated.abs_diff(found))
        > u128::from(stated) * u128::from(MAX_BAD_SHARE_PERCENT)
}

fn excerpt(text: &[u8]) -> String {
    // A character has at most 4 bytes, so the rest need not be decoded.
    let head = &text[..text.len().min(4 * EXCERPT_CHARS)];
    String::from_utf8_lossy(head)
        .chars()
        .take(EXCERPT_CHARS)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: u64, bad: u64) -> Tally {
        let mut tally = Tally { rows, ..Tally::default() };
        for line in 0..bad {
            tally.see(line + 1, b"x\0y", Err("test"));
        }
        tally
    }

    #[test]
    fn refuses_above_one_percent_of_bad_rows_from_ten_on() {
        assert!(tally(990, 10).finish().is_ok());
        assert!(tally(989, 10).finish().is_err());
        assert!(tally(20, 9).finish().is_ok());
        assert!(tally(20, 10).finish().is_err());
        assert!(tally(2, 3).finish().is_err());
        assert!(tally(2, 2).finish().is_ok());
    }

    #[test]
    fn keeps_the_first_bad_row_readable() {
        let report = tally(5, 2).finish().unwrap();
        let first = report.first_bad.unwrap();
        assert_eq!((first.line, first.text.as_str()), (1, "x\u{fffd}y"));
        assert_eq!((report.rows, report.skipped), (5, 2));
        assert_eq!(excerpt("é".repeat(500).as_bytes()), "é".repeat(80));
    }

    #[test]
    fn a_file_without_rows_is_empty_unless_a_list_says_so() {
        assert!(matches!(tally(0, 0).finish(), Err(FormatError::Empty)));
        assert!(matches!(tally(0, 0).finish_list(), Err(FormatError::Empty)));
        let commented = Tally { comments: 1, ..Tally::default() };
        assert_eq!(commented.finish_list().unwrap(), Report::default());
        assert!(matches!(
            tally(0, 1).finish(),
            Err(FormatError::NotThisFormat(_))
        ));
    }

    #[test]
    fn stated_counts_may_be_off_by_one_percent() {
        assert!(tally(99, 0).expect(100).is_ok());
        assert!(tally(98, 0).expect(100).is_err());
        assert!(tally(102, 0).expect(100).is_err());
        assert!(tally(102, 0).expect_at_least(100).is_ok());
        assert!(tally(98, 0).expect_at_least(100).is_err());
        assert!(tally(0, 0).expect(0).is_ok());
        assert!(tally(1, 0).expect(u64::MAX).is_err());
    }
}
