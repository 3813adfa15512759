//! Validated ROA Payloads (RFC 6811), as relying-party software writes them.
//!
//! JSON of rpki-client, Routinator and `StayRTR`
//! (`{"metadata": {…}, "roas": [{"asn", "prefix", "maxLength", "ta"}]}`, the
//! AS number with or without `AS`), and CSV with a header (Routinator's `csv`,
//! `csvcompat` and `csvext`, rpki-client's). Refused as bad rows: a maximum
//! length shorter than the prefix or longer than the family allows.
//!
//! The same JSON lists ASPAs beside the ROAs
//! (`"aspas": [{"customer_asid": 1, "providers": [2, 3]}]` by rpki-client and
//! `StayRTR`, `[{"customer": "AS1", "providers": ["AS2"]}]` by Routinator).

use std::io::BufRead;

use asgard_model::{Asn, Prefix};
use jiff::Timestamp;

use super::{
    cells::{self, Columns},
    dates,
    json::{Beside, Document, Listed, Loose, Node, WantedList},
    lines::Lines,
    report::{FormatError, Reason, Report, Seen, Tally},
};

/// `asn` may originate `prefix` and its parts up to `max_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VrpRow<'a> {
    /// The origin; AS0 authorises nobody (RFC 6483 section 4).
    pub asn: Asn,
    /// Covered space.
    pub prefix: Prefix,
    /// Longest length allowed, at least that of the prefix.
    pub max_len: u8,
    /// Trust anchor; empty when the file does not say.
    pub ta: &'a str,
}

/// Receives the rows.
pub type VrpSink<'s> = &'s mut dyn FnMut(VrpRow<'_>);

/// A customer and all its providers, as it has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AspaRow {
    /// Who signed.
    pub customer: Asn,
    /// All its providers; AS0 alone says that it has none.
    pub providers: Vec<Asn>,
}

/// Receives ASPAs.
pub type AspaSink<'s> = &'s mut dyn FnMut(AspaRow);

/// Most providers of one customer; rpki-client takes no longer object
/// (`MAX_ASPA_PROVIDERS`).
const MAX_PROVIDERS: usize = 10_000;

const ASPA: WantedList<2> = WantedList {
    fields: ["customer_asid", "customer"],
    list: "providers",
    most: MAX_PROVIDERS,
};

const SHAPE: Document<4, 3> = Document {
    rows: "roas",
    row: ["asn", "prefix", "maxLength", "ta"],
    about: "metadata",
    facts: ["buildtime", "generatedTime", "generated"],
};

/// JSON with a list `roas`; other lists are ignored.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn vrps_json(
    input: &mut dyn BufRead,
    sink: VrpSink<'_>,
) -> Result<Report, FormatError> {
    rpki_json(input, sink, &mut |_| {})
}

/// JSON with a list `roas`, and with a list `aspas` if the validator knows
/// ASPAs. Router keys are ignored. The report counts the rows of `roas`, and
/// bad rows of both.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; too many bad rows in
/// one of the lists refuse both.
pub fn rpki_json(
    input: &mut dyn BufRead,
    sink: VrpSink<'_>,
    aspas: AspaSink<'_>,
) -> Result<Report, FormatError> {
    let mut tally = Tally::default();
    let mut tally_aspas = Tally::default();
    let mut on_aspa = |index, row: Listed<2>| match aspa_of_json(&row) {
        Ok(row) => {
            aspas(row);
            tally_aspas.see(index, b"", Ok(Seen::Row));
        }
        Err(reason) => {
            let [asid, customer] = &row.fields;
            let text = format!("ASPA {asid}{customer}");
            tally_aspas.see(index, text.as_bytes(), Err(reason));
        }
    };
    let beside = Beside { key: "aspas", wanted: ASPA, on_row: &mut on_aspa };
    let mut on_vrp = |index, node: Node<4>| match vrp_of_json(&node) {
        Ok(row) => {
            sink(row);
            tally.see(index, b"", Ok(Seen::Row));
        }
        Err(reason) => {
            tally.see(index, node.excerpt().as_bytes(), Err(reason));
        }
    };
    let [build, time, unix] = SHAPE.read_both(input, &mut on_vrp, beside)?;
    let beside = tally_aspas.judge()?;
    let published = date(&build).or_else(|| date(&time));
    let published = published.or_else(|| date(&unix));
    let report = tally.finish()?;
    Ok(Report {
        published,
        skipped: report.skipped + beside.skipped,
        first_bad: report.first_bad.or(beside.first_bad),
        ..report
    })
}

fn aspa_of_json(row: &Listed<2>) -> Result<AspaRow, Reason> {
    let [asid, customer] = &row.fields;
    let customer = match asid {
        Loose::Missing => as_number(customer)?,
        asid => as_number(asid)?,
    };
    if customer == Asn(0) {
        return Err("AS0 has no providers");
    }
    let items = row.items.as_ref().ok_or("no list of providers")?;
    let providers = items.iter().map(as_number).collect::<Result<_, _>>()?;
    Ok(AspaRow { customer, providers })
}

/// With or without `AS`, as number or as text.
fn as_number(value: &Loose) -> Result<Asn, Reason> {
    match value {
        Loose::Int(number) => {
            u32::try_from(*number).map(Asn).map_err(|_| "not an AS number")
        }
        other => cells::asn_or_zero(other.bytes()),
    }
}

fn date(value: &Loose) -> Option<Timestamp> {
    match value.int() {
        Some(seconds) => dates::unix(seconds),
        None => dates::parse(value.text()?),
    }
}

fn vrp_of_json(node: &Node<4>) -> Result<VrpRow<'_>, Reason> {
    let [asn, prefix, max_len, ta] = &node.fields;
    let asn = as_number(asn)?;
    let prefix = cells::prefix(prefix.bytes())?;
    let max_len = match max_len {
        Loose::Missing => prefix.len(),
        other => other
            .int()
            .and_then(|len| u8::try_from(len).ok())
            .ok_or("not a maximum length")?,
    };
    let ta = ta.text().unwrap_or("");
    Ok(VrpRow { asn, prefix, max_len: checked(prefix, max_len)?, ta })
}

fn checked(prefix: Prefix, max_len: u8) -> Result<u8, Reason> {
    let longest = if prefix.is_v4() { 32 } else { 128 };
    if (prefix.len()..=longest).contains(&max_len) {
        Ok(max_len)
    } else {
        Err("maximum length outside of prefix length and family")
    }
}

/// CSV with a header `ASN,IP Prefix,Max Length,Trust Anchor[,…]`, columns in
/// any order, quoted or not.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn vrps_csv(
    input: &mut dyn BufRead,
    sink: VrpSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 4] = ["ASN", "IP Prefix", "Max Length", "Trust Anchor"];
    let mut lines = Lines::new(input);
    let columns = Columns::read(&mut lines, &NAMES, 2)?;
    lines
        .rows(&mut |text| {
            let [asn, prefix, max_len, ta] = columns.pick(text)?;
            let asn = cells::asn_or_zero(&asn)?;
            let prefix = cells::prefix(&prefix)?;
            let max_len =
                cells::number_or_none(&max_len, "not a maximum length")?
                    .unwrap_or(prefix.len());
            let max_len = checked(prefix, max_len)?;
            sink(VrpRow { asn, prefix, max_len, ta: &cells::text(&ta) });
            Ok(Seen::Row)
        })?
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parser =
        fn(&mut dyn BufRead, VrpSink<'_>) -> Result<Report, FormatError>;

    fn rows(parser: Parser, text: &str) -> (Report, Vec<String>) {
        let mut rows = Vec::new();
        let report = parser(&mut text.as_bytes(), &mut |row| {
            let VrpRow { asn, prefix, max_len, ta } = row;
            rows.push(format!("{asn} {prefix}-{max_len} {ta}"));
        });
        (report.unwrap(), rows)
    }

    #[test]
    fn reads_json_of_every_program() {
        let text = r#"{"metadata": {"generated": 1606315808},
            "roas": [
              {"asn": "AS64512", "prefix": "192.0.2.0/24", "maxLength": 24,
               "ta": "ta"},
              {"asn": 64513, "prefix": "2001:DB8::/32", "maxLength": 48,
               "ta": "ripe", "expires": 1},
              {"asn": "AS0", "prefix": "198.51.100.0/24", "ta": null}]}"#;
        let (report, rows) = rows(vrps_json, text);
        assert_eq!(
            rows,
            [
                "AS64512 192.0.2.0/24-24 ta",
                "AS64513 2001:db8::/32-48 ripe",
                "AS0 198.51.100.0/24-24 "
            ]
        );
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2020-11-25T14:50:08Z");
    }

    fn aspas(text: &str) -> (Report, Vec<String>) {
        let mut found = Vec::new();
        let report = rpki_json(&mut text.as_bytes(), &mut |_| {}, &mut |row| {
            let providers: Vec<String> =
                row.providers.iter().map(Asn::to_string).collect();
            found.push(format!("{}: {}", row.customer, providers.join(" ")));
        });
        (report.unwrap(), found)
    }

    #[test]
    fn reads_aspas_of_every_program_before_or_behind_the_roas() {
        let roas = r#""roas": [{"asn": 1, "prefix": "192.0.2.0/24"}]"#;
        let client = r#""aspas": [{"customer_asid": 64496, "expires": 1,
            "providers": [64497, 64498]}, {"customer_asid": 64499,
            "providers": [0]}]"#;
        let routinator = r#""aspas": [{"customer": "AS64496",
            "providers": ["AS64497"], "source": [{"type": "aspa"}]}]"#;
        for text in
            [format!("{{{roas}, {client}}}"), format!("{{{client}, {roas}}}")]
        {
            let (report, rows) = aspas(&text);
            assert_eq!(rows, ["AS64496: AS64497 AS64498", "AS64499: AS0"]);
            assert_eq!((report.rows, report.skipped), (1, 0));
        }
        let (_, rows) = aspas(&format!("{{{roas}, {routinator}}}"));
        assert_eq!(rows, ["AS64496: AS64497"]);
    }

    #[test]
    fn an_aspa_of_which_a_part_is_unreadable_is_a_bad_row_whole() {
        let good = r#"{"customer_asid": 1, "providers": [2]},"#.repeat(3);
        let many = format!(
            r#"{{"customer_asid": 1, "providers": [{}2]}}"#,
            "2,".repeat(MAX_PROVIDERS)
        );
        for bad in [
            r#"{"customer_asid": 1}"#,
            r#"{"customer_asid": 1, "providers": 2}"#,
            r#"{"customer_asid": 1, "providers": [2, "x"]}"#,
            r#"{"customer_asid": 1, "providers": [2, [3]]}"#,
            r#"{"customer_asid": 1, "providers": [4294967296]}"#,
            r#"{"customer_asid": 0, "providers": [2]}"#,
            r#"{"providers": [2]}"#,
            "7",
            "[]",
            &many,
        ] {
            let text = format!(
                r#"{{"roas": [{{"asn": 1, "prefix": "192.0.2.0/24"}}],
                    "aspas": [{good}{bad}]}}"#
            );
            let (report, rows) = aspas(&text);
            assert_eq!((rows.len(), report.skipped), (3, 1), "{bad:.60}");
            assert!(report.first_bad.unwrap().text.starts_with("ASPA"));
        }
    }

    #[test]
    fn reads_quoted_and_extended_csv() {
        let compat = "\"ASN\",\"IP Prefix\",\"Max Length\",\"Trust Anchor\"\n\
                      \"64512\",\"192.0.2.0/24\",\"25\",\"ripe\"\n";
        let ext = "URI,ASN,IP Prefix,Max Length,Not Before,Not After\n\
                   rsync://r/x.roa,AS64512,192.0.2.0/24,,2020,2021\n";
        assert_eq!(rows(vrps_csv, compat).1, ["AS64512 192.0.2.0/24-25 ripe"]);
        assert_eq!(rows(vrps_csv, ext).1, ["AS64512 192.0.2.0/24-24 "]);
    }

    #[test]
    fn impossible_maximum_lengths_are_bad_rows() {
        let good = "AS1,192.0.2.0/24,24,x\n".repeat(3);
        for bad in [
            "AS1,192.0.2.0/24,23,x",
            "AS1,192.0.2.0/24,33,x",
            "AS1,2001:db8::/32,129,x",
            "AS1,192.0.2.0/24,256,x",
            "AS1,192.0.2.0/24,x,x",
            "4294967296,192.0.2.0/24,24,x",
        ] {
            let text =
                format!("ASN,IP Prefix,Max Length,Trust Anchor\n{good}{bad}\n");
            assert_eq!(rows(vrps_csv, &text).0.skipped, 1, "{bad}");
        }
        let (report, _) = rows(
            vrps_json,
            r#"{"roas":[{"asn":1,"prefix":"192.0.2.0/24"},
                {"asn":1,"prefix":"192.0.2.0/24"},
                {"asn":4294967296,"prefix":"192.0.2.0/24"}]}"#,
        );
        let first = report.first_bad.unwrap();
        assert_eq!((report.skipped, first.line), (1, 3));
        assert!(first.text.contains("4294967296"), "{}", first.text);
    }
}
