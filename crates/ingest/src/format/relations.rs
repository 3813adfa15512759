//! CAIDA AS relationships
//! (<https://publicdata.caida.org/datasets/as-relationships/>).
//!
//! `provider|customer|-1` and `peer|peer|0`, in serial-2 with a fourth column
//! for the method, below a header that names the sources, the clique and the
//! ASes of Internet exchanges. Refused as bad rows: an AS related to itself,
//! AS0, any other code.

use std::io::BufRead;

use asgard_model::{Asn, graph::Relationship};
use jiff::Timestamp;

use super::{
    cells, dates, lines,
    report::{FormatError, Reason, Report, Seen},
};

/// One edge of the AS graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationRow {
    /// The provider, or one of two peers.
    pub a: Asn,
    /// The customer, or the other peer.
    pub b: Asn,
    /// Relationship of `a` to `b`.
    pub relationship: Relationship,
}

/// What the header says about the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationsHeader {
    /// ASes without providers, each a peer of all others.
    pub clique: Vec<Asn>,
    /// ASes of Internet exchanges (route servers).
    pub ixps: Vec<Asn>,
}

/// Reads edges, and what the header says.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn as_relations(
    input: &mut dyn BufRead,
    sink: &mut dyn FnMut(RelationRow),
) -> Result<(Report, RelationsHeader), FormatError> {
    let mut header = RelationsHeader::default();
    let mut published: Option<Timestamp> = None;
    let tally = lines::read(input, &mut |text| {
        if let Some(comment) = text.strip_prefix(b"#") {
            let comment = cells::text(comment);
            published = published.max(source_date(&comment));
            note(&mut header, &comment);
            return Ok(Seen::Comment);
        }
        sink(edge(text)?);
        Ok(Seen::Row)
    })?;
    Ok((Report { published, ..tally.finish()? }, header))
}

fn edge(text: &[u8]) -> Result<RelationRow, Reason> {
    let mut cells = text.split(|&byte| byte == b'|');
    let mut next = || cells.next().ok_or("fewer than three columns");
    let (a, b) = (cells::asn(next()?)?, cells::asn(next()?)?);
    if a == b {
        return Err("an AS related to itself");
    }
    let relationship = match next()? {
        b"-1" => Relationship::ProviderOf,
        b"0" => Relationship::Peer,
        _ => return Err("neither -1 (provider) nor 0 (peer)"),
    };
    Ok(RelationRow { a, b, relationship })
}

/// `source:topology|BGP|20180101|ripe|rrc00`.
fn source_date(comment: &str) -> Option<Timestamp> {
    let source = comment.trim().strip_prefix("source:")?;
    dates::digits(source.split('|').nth(2)?)
}

fn note(header: &mut RelationsHeader, comment: &str) {
    let Some((key, value)) = comment.split_once(':') else { return };
    let list = match key.trim() {
        "input clique" | "inferred clique" => &mut header.clique,
        "IXP ASes" => &mut header.ixps,
        _ => return,
    };
    // Broken numbers in a comment are left out: nothing depends on one.
    *list = value.split_whitespace().filter_map(|n| n.parse().ok()).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_serials_and_the_header() {
        let text = "# source:topology|BGP|20180101|ripe|rrc00\n\
                    # source:topology|BGP|20180105|ripe|rrc00\n\
                    # input clique: 174 209\n# IXP ASes: 1200 x 4635\n\
                    1|2|-1\n3|4|0|bgp\n";
        let mut rows = Vec::new();
        let (report, header) =
            as_relations(&mut text.as_bytes(), &mut |row| rows.push(row))
                .unwrap();
        let edge = |a, b, relationship| RelationRow {
            a: Asn(a),
            b: Asn(b),
            relationship,
        };
        assert_eq!(
            rows,
            [
                edge(1, 2, Relationship::ProviderOf),
                edge(3, 4, Relationship::Peer)
            ]
        );
        assert_eq!(header.clique, [Asn(174), Asn(209)]);
        assert_eq!(header.ixps, [Asn(1200), Asn(4635)]);
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2018-01-05T00:00:00Z");
    }

    #[test]
    fn impossible_edges_are_bad_rows() {
        for bad in ["1|1|0", "0|1|0", "1|2|1", "1|2", "1|2|", "1|4294967296|0"]
        {
            let text = format!("1|2|0\n1|3|0\n{bad}\n");
            let (report, _) =
                as_relations(&mut text.as_bytes(), &mut |_| {}).unwrap();
            assert_eq!(report.skipped, 1, "{bad}");
        }
    }
}
