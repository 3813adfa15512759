//! Networks as they describe themselves in `PeeringDB`
//! (<https://www.peeringdb.com/apidocs/>).
//!
//! A page of `/api/net` as JSON, or the extract `asn,network_type,`
//! `network_name` as CSV. Refused as bad rows: no AS number, counts out of
//! range.

use std::io::BufRead;

use asgard_model::Asn;

use super::{
    cells::{self, Columns},
    json::{Document, Loose, Node},
    lines::Lines,
    report::{FormatError, Reason, Report, Seen, Tally},
};

/// A network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetRow<'a> {
    /// The number.
    pub asn: Asn,
    /// Name of the network.
    pub name: Option<&'a str>,
    /// What kind of network it is (`NSP`, `Content`, `Cable/DSL/ISP`, …).
    pub info_type: Option<&'a str>,
    /// Geographic scope.
    pub scope: Option<&'a str>,
    /// `ok`, `pending` or `deleted`.
    pub status: Option<&'a str>,
    /// Its web site.
    pub website: Option<&'a str>,
    /// Peering policy (`Open`, `Selective`, `Restrictive`, `No`).
    pub policy: Option<&'a str>,
    /// Internet exchanges it is present at.
    pub ix_count: Option<u32>,
    /// Facilities it is present at.
    pub fac_count: Option<u32>,
}

/// Receives the rows.
pub type NetSink<'s> = &'s mut dyn FnMut(NetRow<'_>);

const SHAPE: Document<9, 0> = Document {
    rows: "data",
    row: [
        "asn",
        "name",
        "info_type",
        "info_scope",
        "status",
        "website",
        "policy_general",
        "ix_count",
        "fac_count",
    ],
    about: "meta",
    facts: [],
};

/// A page `{"data": [{…}]}`; the page behind the last is empty, and legal.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn peeringdb_net(
    input: &mut dyn BufRead,
    sink: NetSink<'_>,
) -> Result<Report, FormatError> {
    let mut tally = Tally::default();
    SHAPE.read(input, &mut |index, node| match net_of_json(&node) {
        Ok(row) => {
            sink(row);
            tally.see(index, b"", Ok(Seen::Row));
        }
        Err(reason) => {
            tally.see(index, node.excerpt().as_bytes(), Err(reason));
        }
    })?;
    tally.judge()
}

fn net_of_json(node: &Node<9>) -> Result<NetRow<'_>, Reason> {
    let [asn, name, info_type, scope, status, website, policy, ix, fac] =
        &node.fields;
    let asn = asn.int().and_then(|number| u32::try_from(number).ok());
    let asn = asn.filter(|&number| number != 0).ok_or("not an AS number")?;
    Ok(NetRow {
        asn: Asn(asn),
        name: name.text(),
        info_type: info_type.text(),
        scope: scope.text(),
        status: status.text(),
        website: website.text(),
        policy: policy.text(),
        ix_count: count(ix)?,
        fac_count: count(fac)?,
    })
}

fn count(value: &Loose) -> Result<Option<u32>, Reason> {
    if *value == Loose::Missing {
        return Ok(None);
    }
    let count = value.int().and_then(|number| u32::try_from(number).ok());
    count.map(Some).ok_or("not a count")
}

/// `asn,network_type,network_name` with a header
/// (<https://github.com/vgiotsas/PeeringDB_Queries>).
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn asn_network_types(
    input: &mut dyn BufRead,
    sink: NetSink<'_>,
) -> Result<Report, FormatError> {
    const NAMES: [&str; 3] = ["asn", "network_type", "network_name"];
    let mut lines = Lines::new(input);
    let columns = Columns::read(&mut lines, &NAMES, 2)?;
    lines
        .rows(&mut |text| {
            let [asn, info_type, name] = columns.pick(text)?;
            let info_type = cells::text(&info_type);
            let name = cells::text(&name);
            sink(NetRow {
                asn: cells::asn(&asn)?,
                name: cells::filled(&name),
                info_type: cells::filled(&info_type),
                ..NetRow::default()
            });
            Ok(Seen::Row)
        })?
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Result<Report, FormatError> {
        peeringdb_net(&mut text.as_bytes(), &mut |_| {})
    }

    #[test]
    fn an_empty_page_is_legal_and_an_error_is_not_a_page() {
        assert_eq!(page(r#"{"data":[],"meta":{}}"#).unwrap().rows, 0);
        let error = page(r#"{"message":"throttled"}"#).unwrap_err();
        assert!(matches!(error, FormatError::NotThisFormat(_)));
    }

    #[test]
    fn networks_with_impossible_numbers_are_bad_rows() {
        for bad in [
            r#"{"asn":0}"#,
            r#"{"asn":4294967296}"#,
            r#"{"asn":-1}"#,
            r#"{"asn":[1]}"#,
            r#"{"name":"x"}"#,
            r#"{"asn":3,"ix_count":-1}"#,
            r#"{"asn":3,"fac_count":1.5}"#,
            "7",
        ] {
            let text = format!(r#"{{"data":[{{"asn":1}},{{"asn":2}},{bad}]}}"#);
            assert_eq!(page(&text).unwrap().skipped, 1, "{bad}");
        }
    }
}
