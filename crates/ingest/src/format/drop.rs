//! Spamhaus DROP and ASN-DROP (<https://www.spamhaus.org/blocklists/drop/>).
//!
//! JSON lines, the last of which is metadata: without it the file was cut, and
//! its number of records must agree with ours within one percent. And the text
//! forms until 2024, with a header of `;` lines. Refused as bad rows: prefixes
//! shorter than /8 (IPv4) or /19 (IPv6), AS0.

use std::{borrow::Cow, io::BufRead};

use asgard_model::{Asn, CountryCode, Prefix, Rir};
use jiff::Timestamp;

use super::{
    address_range::refuse_wide,
    cells, dates, json,
    json::Loose,
    lines,
    report::{FormatError, Reason, Report, Seen},
};

/// A network controlled by criminals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsnDropRow<'a> {
    /// The number.
    pub asn: Asn,
    /// Registry that delegated it.
    pub rir: Option<Rir>,
    /// Domain of the holder.
    pub domain: Option<&'a str>,
    /// Country of the holder.
    pub country: Option<CountryCode>,
    /// AS name.
    pub name: Option<&'a str>,
}

/// A prefix that criminals hijacked or lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropRow<'a> {
    /// The prefix.
    pub prefix: Prefix,
    /// Record in the Spamhaus Block List (`SBL256894`).
    pub sbl: Option<&'a str>,
    /// Registry of the prefix.
    pub rir: Option<Rir>,
}

/// Receives the rows of ASN-DROP.
pub type AsnDropSink<'s> = &'s mut dyn FnMut(AsnDropRow<'_>);
/// Receives the rows of DROP.
pub type DropSink<'s> = &'s mut dyn FnMut(DropRow<'_>);

/// `{"asn", "rir", "domain", "cc", "asname"}` lines.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also without its
/// metadata line.
pub fn asndrop_json(
    input: &mut dyn BufRead,
    sink: AsnDropSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 5] = ["asn", "rir", "domain", "cc", "asname"];
    json_lines(input, &NAMES, &mut |[asn, rir, domain, country, name]| {
        let asn = match asn {
            Loose::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            other => Cow::Borrowed(other.bytes()),
        };
        sink(AsnDropRow {
            asn: cells::asn(&asn)?,
            rir: cells::parse(rir.bytes()),
            domain: domain.text(),
            country: cells::parse(country.bytes()),
            name: name.text(),
        });
        Ok(())
    })
}

/// `{"cidr", "sblid", "rir"}` lines.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also without its
/// metadata line.
pub fn drop_json(
    input: &mut dyn BufRead,
    sink: DropSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 3] = ["cidr", "sblid", "rir"];
    json_lines(input, &NAMES, &mut |[prefix, sbl, rir]| {
        let prefix = cells::prefix(prefix.bytes())?;
        refuse_wide(prefix)?;
        let rir = cells::parse(rir.bytes());
        sink(DropRow { prefix, sbl: sbl.text(), rir });
        Ok(())
    })
}

type OnFields<'s, const N: usize> =
    &'s mut dyn FnMut(&[Loose; N]) -> Result<(), Reason>;

fn json_lines<const N: usize>(
    input: &mut dyn BufRead,
    names: &[&str; N],
    on_row: OnFields<'_, N>,
) -> Result<Report, FormatError> {
    let mut metadata = None;
    let tally = lines::read(input, &mut |text| {
        let fields = json::object(text, names)?;
        if let Some(found) = Metadata::of(text, &fields) {
            metadata = Some(found);
            return Ok(Seen::Comment);
        }
        on_row(&fields)?;
        Ok(Seen::Row)
    })?;
    let Some(metadata) = metadata else {
        // What is no such list at all is told so, not that it was cut.
        tally.finish()?;
        let reason = "the metadata line at the end is missing".to_owned();
        return Err(FormatError::Truncated(reason));
    };
    if let Some(stated) = metadata.records {
        tally.expect(stated)?;
    }
    let Metadata { published, attribution, .. } = metadata;
    Ok(Report { published, attribution, ..tally.finish_list()? })
}

struct Metadata {
    records: Option<u64>,
    published: Option<Timestamp>,
    attribution: Option<String>,
}

impl Metadata {
    /// Reads the line again if it has none of the fields of a row.
    fn of(text: &[u8], row: &[Loose]) -> Option<Self> {
        const NAMES: [&str; 5] =
            ["type", "timestamp", "records", "copyright", "terms"];
        if row.iter().any(|field| *field != Loose::Missing) {
            return None;
        }
        let [kind, time, records, copyright, terms] =
            json::object(text, &NAMES).ok()?;
        if kind.text() != Some("metadata") {
            return None;
        }
        let parts: Vec<&str> =
            [copyright.text(), terms.text()].into_iter().flatten().collect();
        Some(Self {
            records: records.int(),
            published: time.int().and_then(dates::unix),
            attribution: (!parts.is_empty()).then(|| parts.join(", ")),
        })
    }
}

/// `1.10.16.0/20 ; SBL256894`.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn drop_text(
    input: &mut dyn BufRead,
    sink: DropSink<'_>,
) -> Result<Report, FormatError> {
    text_lines(input, &mut |value, comment| {
        let prefix = cells::prefix(value.as_bytes())?;
        refuse_wide(prefix)?;
        let sbl = Some(comment.trim()).filter(|text| !text.is_empty());
        sink(DropRow { prefix, sbl, rir: None });
        Ok(())
    })
}

/// `AS612 ; US | NAME`.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn asndrop_text(
    input: &mut dyn BufRead,
    sink: AsnDropSink<'_>,
) -> Result<Report, FormatError> {
    text_lines(input, &mut |value, comment| {
        let asn = cells::asn(value.as_bytes())?;
        let (country, name) = match comment.split_once('|') {
            Some((country, name)) => (country.trim(), name.trim()),
            None => ("", comment.trim()),
        };
        sink(AsnDropRow {
            asn,
            country: country.parse().ok(),
            name: Some(name).filter(|text| !text.is_empty()),
            ..AsnDropRow::default()
        });
        Ok(())
    })
}

type OnText<'s> = &'s mut dyn FnMut(&str, &str) -> Result<(), Reason>;

fn text_lines(
    input: &mut dyn BufRead,
    on_row: OnText<'_>,
) -> Result<Report, FormatError> {
    let (mut published, mut title_date, mut attribution) = (None, None, None);
    let tally = lines::read(input, &mut |text| {
        let text = cells::text(text);
        let (value, comment) = text.split_once(';').unwrap_or((&text, ""));
        if !value.is_empty() {
            on_row(value.trim(), comment)?;
            return Ok(Seen::Row);
        }
        let comment = comment.trim();
        if let Some(date) = comment.strip_prefix("Last-Modified:") {
            published = published.or_else(|| dates::parse(date));
        }
        if comment.contains("(c)") && attribution.is_none() {
            attribution = Some(comment.to_owned());
            title_date = comment.split(' ').find_map(dates::parse);
        }
        Ok(Seen::Comment)
    })?;
    let published = published.or(title_date);
    Ok(Report { published, attribution, ..tally.finish_list()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"type":"metadata","timestamp":1782582242,"records":2,"copyright":"(c) 2026 S","terms":"https://t/"}"#;

    fn json(text: &str) -> Result<Report, FormatError> {
        asndrop_json(&mut text.as_bytes(), &mut |_| {})
    }

    #[test]
    fn the_metadata_line_gives_date_and_attribution() {
        let text = format!("{{\"asn\":245}}\n{{\"asn\":\"AS2\"}}\n{META}\n");
        let report = json(&text).unwrap();
        assert_eq!(report.rows, 2);
        assert_eq!(report.attribution.unwrap(), "(c) 2026 S, https://t/");
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2026-06-27T17:44:02Z");
    }

    #[test]
    fn a_list_without_metadata_or_with_other_count_is_refused() {
        let cut = json("{\"asn\":245}\n{\"asn\":246}\n").unwrap_err();
        assert!(matches!(cut, FormatError::Truncated(_)), "{cut}");
        for rows in ["{\"asn\":1}\n", "{\"asn\":1}\n{\"asn\":2}\n{\"asn\":3}\n"]
        {
            let error = json(&format!("{rows}{META}\n")).unwrap_err();
            assert!(matches!(error, FormatError::CountMismatch { .. }));
        }
        let foreign = json("{\"error\":\"rate limited\"}\n").unwrap_err();
        assert!(matches!(foreign, FormatError::NotThisFormat(_)));
    }

    #[test]
    fn a_prefix_that_covers_too_much_is_a_bad_row() {
        let text = "1.0.0.0/8 ; SBL1\n1.2.0.0/16\n0.0.0.0/0 ; SBL2\n";
        let mut rows = Vec::new();
        let report = drop_text(&mut text.as_bytes(), &mut |row| {
            rows.push((row.prefix.to_string(), row.sbl.map(str::to_owned)));
        })
        .unwrap();
        assert_eq!(report.skipped, 1);
        assert_eq!(rows[0], ("1.0.0.0/8".into(), Some("SBL1".into())));
        assert_eq!(rows[1], ("1.2.0.0/16".into(), None));
    }

    #[test]
    fn the_old_header_gives_date_and_attribution() {
        let title = "; Spamhaus DROP List 2020/03/27 - (c) 2020 S\n";
        let date = "; Last-Modified: Fri, 27 Mar 2020 12:34:56 GMT\n";
        let row = "1.2.0.0/16 ; SBL1\n";
        for (text, expected) in [
            (format!("{title}{row}"), "2020-03-27T00:00:00Z"),
            (format!("{title}{date}{row}"), "2020-03-27T12:34:56Z"),
        ] {
            let report = drop_text(&mut text.as_bytes(), &mut |_| {}).unwrap();
            assert_eq!(report.published.unwrap().to_string(), expected);
            assert!(report.attribution.unwrap().contains("(c) 2020"));
        }
    }

    #[test]
    fn the_old_asn_list_names_country_and_holder() {
        let mut seen = Vec::new();
        asndrop_text(
            &mut &b"AS612 ; US | ARPANET | X\nAS3\n"[..],
            &mut |row| {
                seen.push(format!(
                    "{} {:?} {:?}",
                    row.asn, row.country, row.name
                ));
            },
        )
        .unwrap();
        assert_eq!(
            seen,
            ["AS612 Some(US) Some(\"ARPANET | X\")", "AS3 None None"]
        );
    }
}
