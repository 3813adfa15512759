//! Reads a listing from lines `prefix[,origin[,asn[,score]]]`, where a line may
//! also begin with a range `first-last`. Order is kept; a line that is wrong is
//! an error with its number.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use asgard_model::{Asn, Prefix};
use asgard_policy::feed::entry::{Cause, Line, Listing, Origin, Range, Span};
use jiff::Timestamp;

/// A listing with fixed versions, organisation and moment; entries of origin
/// `asn` and `risk` also block their networks as a whole.
pub(crate) fn read(text: &str) -> Result<Listing, String> {
    let mut lines = Vec::new();
    let mut asns = BTreeSet::new();
    for (number, row) in (1..).zip(text.lines()) {
        let line = line(row)
            .ok_or_else(|| format!("line {number}: `{row}` is not an entry"))?;
        if matches!(line.cause.origin, Origin::Asn | Origin::Risk) {
            asns.extend(line.cause.asn);
        }
        lines.push(line);
    }
    Ok(Listing {
        lines,
        asns: asns.into_iter().collect(),
        version: 418,
        serial: 9021,
        built_at: Timestamp::from_second(1_795_255_200)
            .map_err(|error| error.to_string())?,
        org: "acme".into(),
    })
}

fn line(row: &str) -> Option<Line> {
    let mut cells = row.split(',');
    let addresses = cells.next()?;
    let span = match addresses.split_once('-') {
        Some((first, last)) => {
            let [first, last]: [IpAddr; 2] =
                [first.parse().ok()?, last.parse().ok()?];
            Span::Range(Range::new(first, last)?)
        }
        None => Span::Prefix(addresses.parse::<Prefix>().ok()?),
    };
    let mut cause = Cause::new(Origin::Ip);
    if let Some(name) = cells.next().filter(|cell| !cell.is_empty()) {
        cause.origin = origin(name)?;
    }
    match cause.origin {
        Origin::Ip => cause.rule = Some("rule-1".into()),
        Origin::List => cause.list = Some("drop".into()),
        Origin::Country => cause.country = "NL".parse().ok(),
        Origin::Asn | Origin::Risk => {}
    }
    if let Some(asn) = cells.next().filter(|cell| !cell.is_empty()) {
        cause.asn = Some(asn.parse::<Asn>().ok()?);
    }
    if let Some(score) = cells.next().filter(|cell| !cell.is_empty()) {
        cause.score = Some(score.parse().ok()?);
    }
    cells.next().is_none().then(|| Line { span, cause: Arc::new(cause) })
}

fn origin(name: &str) -> Option<Origin> {
    let mut all = Origin::VALUES.iter();
    all.find(|(known, _)| *known == name).map(|(_, origin)| *origin)
}
