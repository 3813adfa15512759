//! Names and facts of AS numbers.
//!
//! Two forms: our extract (`as_info_csv`, with a header) and the lists of
//! names that descend from RIPE's `asn.txt` (`as_names`). Every field but the
//! number may be missing. Refused as bad rows: AS0 in the extract, numbers out
//! of range.

use std::io::BufRead;

use asgard_model::{Asn, CountryCode, Rir};

use super::{
    cells::{self, Columns},
    lines::{self, Lines},
    report::{FormatError, Reason, Report, Seen},
};

/// What a file says about one AS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsInfoRow<'a> {
    /// The number.
    pub asn: Asn,
    /// AS name (`CLOUDFLARENET`).
    pub handle: Option<&'a str>,
    /// Organisation in words (`Cloudflare, Inc.`).
    pub organisation: Option<&'a str>,
    /// Registry that delegated it.
    pub rir: Option<Rir>,
    /// Country of registration.
    pub country: Option<CountryCode>,
    /// Year of delegation.
    pub since: Option<u16>,
    /// What kind of network it is (`residential`, `hosting`, …).
    pub category: Option<&'a str>,
    /// Tier: 1 has no provider, 3 no customer.
    pub tier: Option<u8>,
    /// ASes in the customer cone, itself included.
    pub cone: Option<u32>,
    /// Internet exchange points it is present at.
    pub ixps: Option<u32>,
    /// Geographic scope (`Europe`, `Global`, …).
    pub scope: Option<&'a str>,
    /// Domain or URL.
    pub site: Option<&'a str>,
    /// Estimated users behind it.
    pub users: Option<u64>,
}

/// Receives the rows.
pub type AsInfoSink<'s> = &'s mut dyn FnMut(AsInfoRow<'_>);

/// `asn,handle,company,rir,country,since,category,tier,cone,ixps,scope,`
/// `domain_or_site,users` with a header; a year 0 is unknown.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn as_info_csv(
    input: &mut dyn BufRead,
    sink: AsInfoSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 13] = [
        "asn",
        "handle",
        "company",
        "rir",
        "country",
        "since",
        "category",
        "tier",
        "cone",
        "ixps",
        "scope",
        "domain_or_site",
        "users",
    ];
    let mut lines = Lines::new(input);
    let columns = Columns::read(&mut lines, &NAMES, 1)?;
    let tally = lines.rows(&mut |text| {
        let cells = columns.pick(text)?;
        let words = cells.each_ref().map(|cell| cells::text(cell));
        let word = |column: usize| cells::filled(&words[column]);
        let since: Option<u16> =
            cells::number_or_none(&cells[5], "not a year")?;
        sink(AsInfoRow {
            asn: cells::asn(&cells[0])?,
            handle: word(1),
            organisation: word(2),
            rir: cells::parse(&cells[3]),
            country: cells::parse(&cells[4]),
            since: since.filter(|&year| year != 0),
            category: word(6),
            tier: cells::number_or_none(&cells[7], "not a tier")?,
            cone: cells::number_or_none(&cells[8], "not a cone")?,
            ixps: cells::number_or_none(&cells[9], "not a count of IXPs")?,
            scope: word(10),
            site: word(11),
            users: cells::number_or_none(&cells[12], "not a count of users")?,
        });
        Ok(Seen::Row)
    })?;
    tally.finish()
}

/// `13335 CLOUDFLARENET - Cloudflare, Inc., US`
/// (<https://ftp.ripe.net/ripe/asnames/asn.txt>) or `13335:NAME, CC`. Reserved
/// numbers (`0 -Reserved AS-, ZZ`) are ignored.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn as_names(
    input: &mut dyn BufRead,
    sink: AsInfoSink<'_>,
) -> Result<Report, FormatError> {
    lines::read(input, &mut |text| {
        if text.starts_with(b"#") {
            return Ok(Seen::Comment);
        }
        let text = cells::text(text);
        let (asn, name) = split_number(&text)?;
        // `-Reserved AS-`, `-Private Use AS-`; but `- CONECTMAIS -` is a name.
        let reserved = name.starts_with('-') && !name.starts_with("- ");
        if asn == Asn(0) || reserved {
            return Ok(Seen::Ignored);
        }
        let (name, country) = split_country(name);
        // RIPE always begins with the handle; the colon form has no rule.
        let colon = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let (handle, organisation) = split_name(name, !colon.starts_with(':'));
        sink(AsInfoRow {
            asn,
            handle,
            organisation,
            country,
            ..AsInfoRow::default()
        });
        Ok(Seen::Row)
    })?
    .finish()
}

fn split_number(text: &str) -> Result<(Asn, &str), Reason> {
    let (number, name) = text
        .split_once([':', ' ', '\t'])
        .ok_or("no name behind the AS number")?;
    Ok((cells::asn_or_zero(number.as_bytes())?, name.trim()))
}

/// Takes `, CC` from the end; `ZZ` is nowhere.
fn split_country(text: &str) -> (&str, Option<CountryCode>) {
    let Some((name, code)) = text.rsplit_once(',') else {
        return (text, None);
    };
    let code = code.trim();
    if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        (name.trim(), code.parse().ok())
    } else {
        (text, None)
    }
}

/// `HANDLE - Organisation`, `HANDLE Organisation`, a handle, or an organisation:
/// handles have no blanks, and letters only in upper case if a name follows.
fn split_name(
    name: &str,
    begins_with_handle: bool,
) -> (Option<&str>, Option<&str>) {
    if let Some((handle, organisation)) = name.split_once(" - ") {
        return (nonempty(handle), nonempty(organisation));
    }
    match name.split_once(' ') {
        None => (nonempty(name), None),
        Some((first, rest)) if begins_with_handle || is_handle(first) => {
            (Some(first), nonempty(rest))
        }
        Some(_) => (None, nonempty(name)),
    }
}

fn nonempty(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// `RIPE-NCC-AS`, `AS3333`, `UUNET`: upper case, and no word of a sentence.
fn is_handle(word: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_'
    };
    word.len() > 2
        && word.chars().all(allowed)
        && (word.contains(['-', '_'])
            || word.chars().any(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_into_handle_organisation_and_country() {
        for (line, handle, organisation, country) in [
            (
                "13335 CLOUDFLARENET - Cloudflare, Inc., US",
                Some("CLOUDFLARENET"),
                Some("Cloudflare, Inc."),
                Some("US"),
            ),
            ("3:MIT-GATEWAYS, US", Some("MIT-GATEWAYS"), None, Some("US")),
            (
                "64126:DOMINICAN CABLE GROUP DCG, S.R.L., DO",
                None,
                Some("DOMINICAN CABLE GROUP DCG, S.R.L."),
                Some("DO"),
            ),
            ("64109:JOCKEY CLUB A.C.", None, Some("JOCKEY CLUB A.C."), None),
            ("5 X - Y, ZZ", Some("X"), Some("Y"), None),
            ("6 , US", None, None, Some("US")),
        ] {
            let mut seen = 0;
            as_names(&mut line.as_bytes(), &mut |row| {
                seen += 1;
                assert_eq!(row.handle, handle, "{line}");
                assert_eq!(row.organisation, organisation, "{line}");
                let code = row.country.map(|code| code.to_string());
                assert_eq!(code.as_deref(), country, "{line}");
            })
            .unwrap();
            assert_eq!(seen, 1);
        }
    }

    #[test]
    fn reserved_numbers_are_ignored_and_nonsense_is_bad() {
        let text = "0:-Reserved AS-, ZZ\n1 A, US\n2 B, US\nx C, US\n";
        let report = as_names(&mut text.as_bytes(), &mut |_| {}).unwrap();
        assert_eq!((report.rows, report.ignored, report.skipped), (2, 1, 1));
    }
}
