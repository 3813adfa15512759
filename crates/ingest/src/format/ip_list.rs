//! Lists of addresses and prefixes: what most threat lists are.
//!
//! One entry a line with `#`, `;` or `//` comments; with a count behind it
//! (ipsum: on how many lists the address stands); with the header of a
//! `FireHOL` ipset, whose dates and number of entries are used; or in a column
//! of a CSV (abuse.ch, quoted `"address:port"`). A list with comments and no
//! entry is a legal empty list. Refused as bad rows: `0.0.0.0/0` and other
//! prefixes shorter than /8 (IPv4) or /19 (IPv6), text behind an address.

use std::io::BufRead;

use asgard_model::Prefix;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    address_range::{refuse_wide, refuse_wide_unicast},
    cells::{self, Cells},
    dates, lines,
    report::{FormatError, Reason, Report, Seen},
};

/// How a list is written; the default is one entry a line.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default, deny_unknown_fields)]
pub struct IpListOptions {
    /// The file is CSV, and the entry stands in this column (from 0).
    pub column: Option<usize>,
    /// Entries with a lower count are ignored; those without count are not.
    pub min_count: Option<u32>,
    /// Whether wide prefixes outside of unicast space (`240.0.0.0/4`) are
    /// allowed: lists of bogons have them.
    pub special_space: bool,
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRow {
    /// The prefix; `/32` or `/128` for an address.
    pub prefix: Prefix,
    /// On how many lists it stands, when the file says so.
    pub count: Option<u32>,
}

/// Reads a list.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also when it holds less
/// than half of the entries that a `FireHOL` header states.
pub fn ip_list(
    input: &mut dyn BufRead,
    options: IpListOptions,
    sink: &mut dyn FnMut(IpRow),
) -> Result<Report, FormatError> {
    let mut header = Header::default();
    let mut begun = false;
    let tally = lines::read(input, &mut |text| {
        if let Some(comment) = comment(text) {
            header.note(&cells::text(comment));
            return Ok(Seen::Comment);
        }
        let first = !std::mem::replace(&mut begun, true);
        let row = match options.column {
            None => entry(text)?,
            Some(column) => match entry_of_csv(text, column) {
                // Some publishers comment the names of columns, some do not.
                Err(_) if first => return Ok(Seen::Heading),
                row => row?,
            },
        };
        if options.special_space {
            refuse_wide_unicast(row.prefix)?;
        } else {
            refuse_wide(row.prefix)?;
        }
        if row.count.zip(options.min_count).is_some_and(|(n, min)| n < min) {
            return Ok(Seen::Ignored);
        }
        sink(row);
        Ok(Seen::Row)
    })?;
    // Lists that FireHOL accumulates (`…_7d`) state up to a third too many.
    tally.expect_at_least(header.entries.unwrap_or(0) / 2)?;
    let published = header.source_date.or(header.file_date);
    let attribution = header.attribution();
    Ok(Report { published, attribution, ..tally.finish_list()? })
}

fn comment(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'#' | b';', rest @ ..] | [b'/', b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The part of a line before its comment, trimmed.
pub(super) fn uncommented(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'#' | b';'));
    let text = &text[..end.unwrap_or(text.len())];
    let slashes = text.windows(2).position(|pair| pair == b"//");
    text[..slashes.unwrap_or(text.len())].trim_ascii()
}

fn entry(text: &[u8]) -> Result<IpRow, Reason> {
    let mut words = uncommented(text)
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty());
    let prefix = address(words.next().unwrap_or_default())?;
    let count = words.next().map(cells::number);
    match (count, words.next()) {
        (None, None) => Ok(IpRow { prefix, count: None }),
        (Some(Some(count)), None) => Ok(IpRow { prefix, count: Some(count) }),
        _ => Err("text behind the address"),
    }
}

fn entry_of_csv(text: &[u8], column: usize) -> Result<IpRow, Reason> {
    let cell =
        Cells::new(text, b',').nth(column).ok_or("too few columns")??;
    Ok(IpRow { prefix: address(&cell)?, count: None })
}

/// An address or prefix, also with a port: `192.0.2.1:443`, `[::1]:443`.
fn address(word: &[u8]) -> Result<Prefix, Reason> {
    cells::prefix(word).or_else(|reason| {
        let word = std::str::from_utf8(word).map_err(|_| reason)?;
        let (host, port) = word.rsplit_once(':').ok_or(reason)?;
        let port: u16 = cells::number(port.as_bytes()).ok_or(reason)?;
        let bracketed =
            host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bracketed {
            Some(host) => host,
            None if host.contains([':', '/']) => return Err(reason),
            None => host,
        };
        if port == 0 { Err(reason) } else { cells::prefix(host.as_bytes()) }
    })
}

/// What the comments at the top say.
#[derive(Default)]
struct Header {
    source_date: Option<Timestamp>,
    file_date: Option<Timestamp>,
    maintainer: Option<String>,
    maintainer_url: Option<String>,
    entries: Option<u64>,
}

impl Header {
    fn note(&mut self, comment: &str) {
        let Some((key, value)) = comment.split_once(':') else { return };
        let (key, value) = (key.trim_matches(['#', ' ']), value.trim());
        let text = || Some(value.chars().take(200).collect());
        match key.to_ascii_lowercase().as_str() {
            "source file date" | "last update" | "last updated"
            | "last-modified" => {
                self.source_date =
                    self.source_date.or_else(|| dates::parse(value));
            }
            "this file date" => self.file_date = dates::parse(value),
            "maintainer" => self.maintainer = text(),
            "maintainer url" => self.maintainer_url = text(),
            "entries" => self.entries = entries(value),
            _ => {}
        }
    }

    fn attribution(&self) -> Option<String> {
        let parts: Vec<&str> = [&self.maintainer, &self.maintainer_url]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .filter(|part| !part.is_empty())
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// `20 subnets, 5120 unique IPs` and `4312 unique IPs`: the first number
/// counts lines.
fn entries(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(' ')?;
    let known = unit.starts_with("subnet") || unit.starts_with("unique IP");
    known.then(|| cells::number(number.as_bytes()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        options: IpListOptions,
        text: &str,
    ) -> Result<(Report, Vec<String>), FormatError> {
        let mut rows = Vec::new();
        let mut input = text.as_bytes();
        let report = ip_list(&mut input, options, &mut |row| {
            let count = row.count.map(|n| format!(" {n}"));
            rows.push(format!("{}{}", row.prefix, count.unwrap_or_default()));
        })?;
        Ok((report, rows))
    }

    fn plain(text: &str) -> Result<(Report, Vec<String>), FormatError> {
        read(IpListOptions::default(), text)
    }

    #[test]
    fn reads_entries_whatever_the_comments() {
        let text = "# c\n; c\n// c\n192.0.2.1\n192.0.2.0/24 # net\n\
                    2001:db8::/32;x\n198.51.100.7//y\n203.0.113.5:8080\n\
                    [2001:db8::1]:443\n";
        let (report, rows) = plain(text).unwrap();
        assert_eq!(
            rows,
            [
                "192.0.2.1/32",
                "192.0.2.0/24",
                "2001:db8::/32",
                "198.51.100.7/32",
                "203.0.113.5/32",
                "2001:db8::1/128"
            ]
        );
        assert_eq!(report.skipped, 0);
    }

    #[test]
    fn a_poisoned_line_is_a_bad_row_with_its_reason() {
        let good = "192.0.2.1\n192.0.2.2\n";
        for (bad, reason) in [
            ("0.0.0.0/0", "shorter than /8"),
            ("8.0.0.0/7", "shorter than /8"),
            ("::/0", "shorter than /19"),
            ("2a00::/18", "shorter than /19"),
            ("240.0.0.0/4", "shorter than /8"),
            ("192.0.2.1 evil", "text behind the address"),
            ("192.0.2.1 1 2", "text behind the address"),
            ("192.0.2.1:0", "not an IP address or prefix"),
            ("192.0.2.1:65536", "not an IP address or prefix"),
            ("192.0.2.0/24:80", "not an IP address or prefix"),
            ("192.0.2.256", "not an IP address or prefix"),
            ("example.org", "not an IP address or prefix"),
        ] {
            let (report, rows) = plain(&format!("{good}{bad}\n")).unwrap();
            let first = report.first_bad.unwrap();
            assert_eq!((rows.len(), first.reason), (2, reason), "{bad}");
            assert_eq!((first.line, first.text.as_str()), (3, bad));
        }
    }

    #[test]
    fn lists_of_bogons_may_hold_wide_special_space() {
        let options =
            IpListOptions { special_space: true, ..IpListOptions::default() };
        let (report, _) = read(options, "240.0.0.0/4\nfe80::/10\n").unwrap();
        assert_eq!(report.rows, 2);
        assert!(read(options, "0.0.0.0/0\n").is_err());
    }

    #[test]
    fn counts_below_the_minimum_are_ignored() {
        let options =
            IpListOptions { min_count: Some(3), ..IpListOptions::default() };
        let text = "192.0.2.1\t2\n192.0.2.2\t3\n192.0.2.3\n";
        let (report, rows) = read(options, text).unwrap();
        assert_eq!(rows, ["192.0.2.2/32 3", "192.0.2.3/32"]);
        assert_eq!((report.rows, report.ignored), (2, 1));
    }

    #[test]
    fn reads_a_column_of_a_csv_with_or_without_heading() {
        let options = |column| IpListOptions {
            column: Some(column),
            ..IpListOptions::default()
        };
        let feodo = "# Last updated: 2026-06-20 10:10:10 UTC      #\n\
                     \"first_seen_utc\",\"dst_ip\",\"dst_port\"\n\
                     \"2026-06-01 10:00:00\",\"192.0.2.1\",\"443\"\n";
        let (report, rows) = read(options(1), feodo).unwrap();
        assert_eq!((rows, report.skipped), (vec!["192.0.2.1/32".into()], 0));
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2026-06-20T10:10:10Z");
        let fox = "# \"first\", \"id\", \"ioc\"\n\
                   \"2026\", \"7\", \"192.0.2.9:4444\", \"ip:port\"\n";
        assert_eq!(read(options(2), fox).unwrap().1, ["192.0.2.9/32"]);
        let error = read(options(1), "Rate limited, try later\n").unwrap_err();
        assert!(matches!(error, FormatError::Empty));
    }

    const FIREHOL: &str = "#\n# feodo\n#\n# ipv4 hash:ip ipset\n#\n\
        # Maintainer      : Abuse.ch\n# Maintainer URL  : https://abuse.ch/\n\
        # Source File Date: Tue Jun 23 05:52:43 UTC 2026\n#\n\
        # This File Date  : Tue Jun 23 06:00:00 UTC 2026\n\
        # Entries         : 2 unique IPs\n#\n";

    #[test]
    fn uses_the_header_of_a_firehol_list() {
        let text = format!("{FIREHOL}192.0.2.1\n192.0.2.2\n");
        let (report, _) = plain(&text).unwrap();
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2026-06-23T05:52:43Z");
        assert_eq!(report.attribution.unwrap(), "Abuse.ch, https://abuse.ch/");
    }

    #[test]
    fn a_firehol_list_that_was_cut_is_refused_and_an_empty_one_is_not() {
        let header = FIREHOL.replace(": 2 unique", ": 4 unique");
        let cut = plain(&format!("{header}192.0.2.1\n")).unwrap_err();
        assert!(matches!(cut, FormatError::CountMismatch { .. }));
        assert!(plain(&format!("{header}192.0.2.1\n192.0.2.2\n")).is_ok());
        let empty = FIREHOL.replace(": 2 unique", ": 0 unique");
        assert_eq!(plain(&empty).unwrap().0.rows, 0);
        assert!(matches!(plain("\n \n"), Err(FormatError::Empty)));
    }
}
