//! Tables from prefixes to the ASes that announce them.
//!
//! | format | publisher |
//! |---|---|
//! | [`range_csv`] | ip-location-db (CSV without header), iptoasn.com (TSV) |
//! | [`cidr_csv`] | our extract: `prefix,asn,rpki,roas,rir,cc,since` |
//! | [`pfx2as`] | CAIDA `RouteViews` prefix-to-AS |
//! | [`pyasn_dat`] | pyasn |
//!
//! Refused as bad rows: the default route, an unknown RPKI state, an origin
//! AS0 where the format does not define it as "not routed". Wide prefixes
//! (`2000::/6` is announced in reality) and rows that contradict each other
//! are the caller's business.

use std::{borrow::Cow, io::BufRead};

use asgard_model::{Asn, CountryCode, Prefix, Rir, RpkiState};
use jiff::Timestamp;

use super::{
    address_range,
    cells::{self, Cells, Columns},
    dates,
    lines::{self, Lines},
    report::{FormatError, Reason, Report, Seen},
};

/// Route origin validation as a file states it; ours is computed from VRPs.
pub type StatedRpki = RpkiState;

/// One prefix and who announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginRow<'a> {
    /// The announced prefix, or a part of a range.
    pub prefix: Prefix,
    /// The origins, at least one; several announce it independently (MOAS).
    pub origins: &'a [Asn],
    /// Whether an origin is an AS set (RFC 4271), so that nobody can tell
    /// which of its members announces the prefix; they are all in `origins`.
    pub as_set: bool,
    /// How many full feeds carry each origin; empty when the file does not say.
    pub peers: &'a [u16],
    /// Validation state, when the file states it.
    pub stated_rpki: Option<StatedRpki>,
    /// Name of the organisation.
    pub org: Option<&'a str>,
    /// Registry of the prefix.
    pub rir: Option<Rir>,
    /// Country of registration.
    pub country: Option<CountryCode>,
}

/// Receives the rows of a table.
pub type OriginSink<'s> = &'s mut dyn FnMut(OriginRow<'_>);

pub(super) fn plain_row(prefix: Prefix, origins: &[Asn]) -> OriginRow<'_> {
    OriginRow {
        prefix,
        origins,
        as_set: false,
        peers: &[],
        stated_rpki: None,
        org: None,
        rir: None,
        country: None,
    }
}

fn announced(prefix: Prefix) -> Result<Prefix, Reason> {
    if prefix.len() == 0 { Err("the default route") } else { Ok(prefix) }
}

/// `start,end,asn,"org"` (<https://github.com/sapics/ip-location-db>) or
/// `start⇥end⇥asn⇥cc⇥org` (<https://iptoasn.com>), IPv4 and IPv6.
///
/// Each range is split into the fewest prefixes. AS0, "not routed", is ignored.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn range_csv(
    input: &mut dyn BufRead,
    sink: OriginSink<'_>,
) -> Result<Report, FormatError> {
    lines::read(input, &mut |text| {
        let row = if text.contains(&b'\t') {
            range_of_tsv(text)?
        } else {
            range_of_csv(text)?
        };
        let (first, last) =
            (cells::prefix(&row.first)?, cells::prefix(&row.last)?);
        let asn = cells::asn_or_zero(&row.asn)?;
        let org = cells::text(&row.org);
        let org = cells::filled(&org);
        let origins = [asn];
        let mut emit = |prefix| {
            if asn != Asn(0) {
                let plain = plain_row(prefix, &origins);
                sink(OriginRow { org, country: row.country, ..plain });
            }
        };
        address_range::split(first, last, &mut emit)?;
        Ok(if asn == Asn(0) { Seen::Ignored } else { Seen::Row })
    })?
    .finish()
}

struct RangeRow<'l> {
    first: Cow<'l, [u8]>,
    last: Cow<'l, [u8]>,
    asn: Cow<'l, [u8]>,
    org: Cow<'l, [u8]>,
    country: Option<CountryCode>,
}

fn range_of_csv(text: &[u8]) -> Result<RangeRow<'_>, Reason> {
    let mut cells = Cells::new(text, b',');
    let mut next = || cells.next().transpose().map(Option::unwrap_or_default);
    let (first, last, asn, org) = (next()?, next()?, next()?, next()?);
    Ok(RangeRow { first, last, asn, org, country: None })
}

fn range_of_tsv(text: &[u8]) -> Result<RangeRow<'_>, Reason> {
    // A quote in an organisation's name means itself here.
    let mut cells = text.split(|&byte| byte == b'\t');
    let mut next = || Cow::Borrowed(cells.next().unwrap_or_default());
    let (first, last, asn) = (next(), next(), next());
    let country = cells::parse(&next());
    Ok(RangeRow { first, last, asn, org: next(), country })
}

/// `prefix,asn,rpki,roas,rir,cc,since` with a header; all but the first two
/// columns may be missing. AS0 is ignored.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn cidr_csv(
    input: &mut dyn BufRead,
    sink: OriginSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 5] = ["prefix", "asn", "rpki", "rir", "cc"];
    let mut lines = Lines::new(input);
    let columns = Columns::read(&mut lines, &NAMES, 2)?;
    lines
        .rows(&mut |text| {
            let [prefix, asn, rpki, rir, country] = columns.pick(text)?;
            let prefix = announced(cells::prefix(&prefix)?)?;
            let origins = [cells::asn_or_zero(&asn)?];
            let stated_rpki = stated_rpki(&rpki)?;
            if origins == [Asn(0)] {
                return Ok(Seen::Ignored);
            }
            sink(OriginRow {
                stated_rpki,
                rir: cells::parse(&rir),
                country: cells::parse(&country),
                ..plain_row(prefix, &origins)
            });
            Ok(Seen::Row)
        })?
        .finish()
}

fn stated_rpki(cell: &[u8]) -> Result<Option<StatedRpki>, Reason> {
    match cell {
        b"" => Ok(None),
        b"valid" => Ok(Some(RpkiState::Valid)),
        b"invalid" => Ok(Some(RpkiState::Invalid)),
        b"unknown" | b"not-found" | b"notfound" => {
            Ok(Some(RpkiState::NotFound))
        }
        _ => Err("not an RPKI state"),
    }
}

/// `network⇥length⇥origins`, where `_` separates several origins and `,` the
/// members of an AS set
/// (<https://publicdata.caida.org/datasets/routing/routeviews-prefix2as/>).
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn pfx2as(
    input: &mut dyn BufRead,
    sink: OriginSink<'_>,
) -> Result<Report, FormatError> {
    let mut origins = Vec::new();
    lines::read(input, &mut |text| {
        if text.starts_with(b"#") {
            return Ok(Seen::Comment);
        }
        let mut cells = text.split(|byte| byte.is_ascii_whitespace());
        let mut next = || cells.next().ok_or("fewer than three columns");
        let network = cells::prefix(next()?)?.network();
        let len = cells::number(next()?).ok_or("not a prefix length")?;
        let prefix = Prefix::new(network, len).ok_or("not a prefix length")?;
        let cell = next()?;
        origins.clear();
        for asn in cell.split(|byte| matches!(byte, b'_' | b',')) {
            origins.push(cells::asn(asn)?);
        }
        let as_set = cell.contains(&b',');
        let plain = plain_row(announced(prefix)?, &origins);
        sink(OriginRow { as_set, ..plain });
        Ok(Seen::Row)
    })?
    .finish()
}

/// `prefix⇥asn` below a header of `;` lines, which state the number of rows
/// and the date (<https://github.com/hadiasghari/pyasn>).
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also when fewer rows
/// are found than stated.
pub fn pyasn_dat(
    input: &mut dyn BufRead,
    sink: OriginSink<'_>,
) -> Result<Report, FormatError> {
    let mut header = PyasnHeader::default();
    let tally = lines::read(input, &mut |text| {
        if let Some(comment) = text.strip_prefix(b";") {
            header.note(comment);
            return Ok(Seen::Comment);
        }
        let mut cells = text.split(|byte| byte.is_ascii_whitespace());
        let prefix = cells::prefix(cells.next().unwrap_or_default())?;
        let asn = cells::asn(cells.next().ok_or("no second column")?)?;
        sink(plain_row(announced(prefix)?, &[asn]));
        Ok(Seen::Row)
    })?;
    tally.expect_at_least(header.stated.unwrap_or(0))?;
    Ok(Report { published: header.published, ..tally.finish()? })
}

#[derive(Default)]
struct PyasnHeader {
    stated: Option<u64>,
    published: Option<Timestamp>,
}

impl PyasnHeader {
    fn note(&mut self, comment: &[u8]) {
        let comment = cells::text(comment);
        match comment.split_once(':') {
            Some((key, value)) if key.trim() == "Prefixes" => {
                self.stated = cells::number(value.trim().as_bytes());
            }
            Some((key, value)) if key.trim() == "Converted on" => {
                self.published = dates::parse(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parser =
        fn(&mut dyn BufRead, OriginSink<'_>) -> Result<Report, FormatError>;

    fn rows(parser: Parser, text: &str) -> (Report, Vec<String>) {
        let mut rows = Vec::new();
        let report = parser(&mut text.as_bytes(), &mut |row| {
            let origins: Vec<_> =
                row.origins.iter().map(ToString::to_string).collect();
            let set = if row.as_set { " set" } else { "" };
            rows.push(format!("{} {}{set}", row.prefix, origins.join("+")));
        });
        (report.unwrap(), rows)
    }

    #[test]
    fn a_range_that_is_not_routed_is_ignored() {
        let text = "1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n\
                    1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n";
        let (report, rows) = rows(range_csv, text);
        assert_eq!((report.rows, report.ignored), (1, 1));
        assert_eq!(rows, ["1.0.0.0/24 AS13335"]);
    }

    #[test]
    fn an_unquoted_quote_in_a_tsv_means_itself() {
        let text = "1.0.0.0\t1.0.0.1\t1\tUS\t\"5\" pipes\n";
        assert_eq!(rows(range_csv, text).1, ["1.0.0.0/31 AS1"]);
    }

    #[test]
    fn several_origins_and_as_sets_are_told_apart() {
        let text = "192.0.2.0\t24\t64500_64501\n\
                    198.51.100.0\t24\t1,2_3\n";
        assert_eq!(
            rows(pfx2as, text).1,
            ["192.0.2.0/24 AS64500+AS64501", "198.51.100.0/24 AS1+AS2+AS3 set"]
        );
    }

    #[test]
    fn the_default_route_and_impossible_numbers_are_bad_rows() {
        let good = "1.0.0.0/24,1,valid\n".repeat(4);
        for bad in [
            "0.0.0.0/0,1,",
            "1.0.0.0/33,1,",
            "1.0.0.0/8,4294967296,",
            "1.0.0.0/8,1,maybe",
            "1.0.0.0/8",
        ] {
            let text = format!("prefix,asn,rpki\n{good}{bad}\n");
            let (report, rows) = rows(cidr_csv, &text);
            assert_eq!((report.skipped, rows.len()), (1, 4), "{bad}");
            assert_eq!(report.first_bad.unwrap().line, 6);
        }
    }

    #[test]
    fn a_pyasn_table_that_was_cut_is_refused() {
        let text = "; Prefixes : 3\n1.0.0.0/24\t1\n1.1.0.0/24\t2\n";
        let error = pyasn_dat(&mut text.as_bytes(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, FormatError::CountMismatch { .. }));
    }
}
