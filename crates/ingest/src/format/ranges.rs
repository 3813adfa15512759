//! Networks by name: address ranges that providers publish, MISP warning
//! lists, lists of AS numbers.
//!
//! These lists *protect*: what they name is not blocked. A poisoned one would
//! disarm everything, so a prefix of unicast space shorter than /8 (IPv4) or
//! /19 (IPv6) is a bad row here as well.

use std::{fmt, io::BufRead};

use asgard_model::{Asn, Prefix};
use jiff::Timestamp;
use serde::de::{
    DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};

use super::{
    address_range::refuse_wide_unicast,
    cells, dates, ip_list,
    json::{self, Document, Node},
    lines,
    report::{FormatError, Reason, Report, Seen, Tally},
};

/// Levels of nesting that are followed.
const MAX_DEPTH: u32 = 64;

/// Receives prefixes.
pub type PrefixSink<'s> = &'s mut dyn FnMut(Prefix);

/// Any JSON in which a provider publishes its ranges: every string that is an
/// address or prefix counts, under whatever key, but for [`DECORATIONS`].
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also when it is nested
/// deeper than 64 levels, or holds no address.
pub fn ranges_json(
    input: &mut dyn BufRead,
    sink: PrefixSink<'_>,
) -> Result<Report, FormatError> {
    let mut walk =
        Walk { sink, tally: Tally::default(), strings: 0, published: None };
    json::stream(
        input,
        Step { walk: &mut walk, depth: 0, meaning: Meaning::Any },
    )?;
    let published = walk.published;
    Ok(Report { published, ..walk.tally.finish()? })
}

/// Keys whose addresses are part of an entry that stands beside them.
pub const DECORATIONS: [&str; 8] = [
    "network",
    "mask",
    "netmask",
    "wildcard",
    "broadcast",
    "gateway",
    "gre",
    "version",
];
/// Keys of the date of publication; letter case and `_` do not matter.
const DATES: [&str; 9] = [
    "creationtime",
    "creationdate",
    "createdate",
    "lastmodified",
    "lastupdated",
    "lastupdatedtimestamp",
    "updatedat",
    "modified",
    "generated",
];

struct Walk<'s> {
    sink: PrefixSink<'s>,
    tally: Tally,
    strings: u64,
    published: Option<Timestamp>,
}

impl Walk<'_> {
    fn string(&mut self, meaning: Meaning, text: &str) {
        self.strings += 1;
        match meaning {
            Meaning::Any => {
                let text = text.trim();
                let outcome = match text.parse() {
                    Ok(prefix) => refuse_wide_unicast(prefix).map(|()| {
                        (self.sink)(prefix);
                        Seen::Row
                    }),
                    Err(_) if is_like_address(text) => {
                        Err("not an IP address or prefix")
                    }
                    Err(_) => return,
                };
                self.tally.see(self.strings, text.as_bytes(), outcome);
            }
            Meaning::Date => {
                self.published = self.published.or_else(|| dates::parse(text));
            }
            Meaning::Decoration => {}
        }
    }
}

/// Whether a string is meant as an address or prefix: `192.0.2.256`,
/// `2001:db8::/129`, but neither `12:34:56` nor `1.0`.
fn is_like_address(text: &str) -> bool {
    let count = |wanted| text.bytes().filter(|&byte| byte == wanted).count();
    text.bytes().all(|b| b.is_ascii_hexdigit() || b".:/".contains(&b))
        && (count(b'.') == 3 || (count(b'/') == 1 && count(b':') > 1))
}

/// What the strings under a key are.
#[derive(Clone, Copy)]
enum Meaning {
    Any,
    Date,
    Decoration,
}

impl Meaning {
    fn of(key: &str) -> Self {
        let mut key = key.to_ascii_lowercase();
        key.retain(|letter| letter != '_');
        if DECORATIONS.contains(&key.as_str()) {
            Self::Decoration
        } else if DATES.contains(&key.as_str()) {
            Self::Date
        } else {
            Self::Any
        }
    }
}

struct Step<'a, 's> {
    walk: &'a mut Walk<'s>,
    depth: u32,
    meaning: Meaning,
}

impl<'s> Step<'_, 's> {
    fn down<E: Error>(&mut self) -> Result<Step<'_, 's>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let meaning = self.meaning;
        Ok(Step { walk: self.walk, depth: self.depth + 1, meaning })
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.walk.string(self.meaning, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(
        mut self,
        mut items: A,
    ) -> Result<(), A::Error> {
        while items.next_element_seed(self.down()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(
        mut self,
        mut entries: A,
    ) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let meaning = Meaning::of(&key);
            entries.next_value_seed(Step { meaning, ..self.down()? })?;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

const WARNINGLIST: Document<0, 2> =
    Document { rows: "list", row: [], about: "", facts: ["type", "version"] };

/// A MISP warning list (<https://github.com/MISP/misp-warninglists>):
/// `{"name", "type", "list": […], "version"}`.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also when its type is
/// not `cidr`: names and hashes are no ranges.
pub fn misp_warninglist(
    input: &mut dyn BufRead,
    sink: PrefixSink<'_>,
) -> Result<Report, FormatError> {
    let mut tally = Tally::default();
    let [kind, version] = WARNINGLIST.read(input, &mut |index, node| {
        let outcome = warned(&node).map(|prefix| {
            sink(prefix);
            Seen::Row
        });
        tally.see(index, node.value.bytes(), outcome);
    })?;
    // The type stands behind the list, and is judged before the rows are.
    if kind.text() != Some("cidr") {
        return Err(FormatError::NotThisFormat(format!(
            "a warning list of type `{}`, not `cidr`",
            kind.text().unwrap_or("(none)")
        )));
    }
    let published = dates::digits(&version.to_string());
    Ok(Report { published, ..tally.finish()? })
}

fn warned(node: &Node<0>) -> Result<Prefix, Reason> {
    let prefix = cells::prefix(node.value.bytes())?;
    refuse_wide_unicast(prefix)?;
    Ok(prefix)
}

/// AS numbers, one a line: `AS45090 # comment`. A list with comments and no
/// entry is legal.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn asn_list(
    input: &mut dyn BufRead,
    sink: &mut dyn FnMut(Asn),
) -> Result<Report, FormatError> {
    lines::read(input, &mut |text| {
        let text = ip_list::uncommented(text);
        if text.is_empty() {
            return Ok(Seen::Comment);
        }
        sink(cells::asn(text)?);
        Ok(Seen::Row)
    })?
    .finish_list()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parser =
        fn(&mut dyn BufRead, PrefixSink<'_>) -> Result<Report, FormatError>;

    fn rows(
        parser: Parser,
        text: &str,
    ) -> Result<(Report, Vec<String>), FormatError> {
        let mut rows = Vec::new();
        let mut sink = |prefix: Prefix| rows.push(prefix.to_string());
        let report = parser(&mut text.as_bytes(), &mut sink)?;
        Ok((report, rows))
    }

    #[test]
    fn finds_prefixes_under_any_key_but_decorations() {
        let text = r#"{"creationDate": "2026-06-17T04:08:46.684598",
            "items": [{"network": "192.0.2.0", "mask_len": 24,
                       "cidr": "192.0.2.0/24", "mask": "255.255.255.0"}],
            "eu": {"Vienna": ["2001:db8::/32", "198.51.100.7", "Austria"]},
            "deep": [[["203.0.113.0/24", null, true, 1.5, -1]]]}"#;
        let (report, rows) = rows(ranges_json, text).unwrap();
        assert_eq!(
            rows,
            [
                "192.0.2.0/24",
                "2001:db8::/32",
                "198.51.100.7/32",
                "203.0.113.0/24"
            ]
        );
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2026-06-17T04:08:46.684598Z");
    }

    #[test]
    fn a_poisoned_range_is_a_bad_row() {
        for bad in ["0.0.0.0/0", "::/0", "192.0.2.256", "2001:db8::/129"] {
            let text = format!(r#"["192.0.2.0/24", "::1", "{bad}", "1:2:3"]"#);
            let (report, found) = rows(ranges_json, &text).unwrap();
            assert_eq!((found.len(), report.skipped), (2, 1), "{bad}");
            assert!(rows(ranges_json, &format!(r#"["{bad}"]"#)).is_err());
        }
    }

    #[test]
    fn refuses_deep_documents_and_those_without_address() {
        let nest = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            rows(ranges_json, &format!("{open}\"192.0.2.0/24\"{close}"))
        };
        assert_eq!(nest(64).unwrap().1.len(), 1);
        let error = nest(65).unwrap_err().to_string();
        assert!(error.contains("nested deeper than 64"), "{error}");
        let error = rows(ranges_json, r#"{"a": ["b", 1]}"#).unwrap_err();
        assert!(matches!(error, FormatError::Empty));
    }

    #[test]
    fn only_warning_lists_of_prefixes_are_ranges() {
        let list = |kind: &str, entry: &str| {
            let text = format!(
                r#"{{"list": ["{entry}"], "type": "{kind}", "version": 20260811}}"#
            );
            rows(misp_warninglist, &text)
        };
        let (report, found) = list("cidr", "FE80::/10").unwrap();
        assert_eq!(found, ["fe80::/10"]);
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2026-08-11T00:00:00Z");
        let error = list("string", "example.org").unwrap_err().to_string();
        assert!(error.contains("`string`, not `cidr`"), "{error}");
    }

    #[test]
    fn reads_as_numbers_with_comments() {
        let text = "# c\nAS45090 # Tencent\n3223\nASX\n";
        let mut found = Vec::new();
        let report =
            asn_list(&mut text.as_bytes(), &mut |asn| found.push(asn)).unwrap();
        assert_eq!(found, [Asn(45_090), Asn(3_223)]);
        assert_eq!((report.rows, report.skipped), (2, 1));
    }
}
