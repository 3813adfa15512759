//! RIR statistics exchange format, extended
//! (<https://ftp.arin.net/pub/stats/arin/README>): who was delegated which AS
//! numbers and addresses.
//!
//! The version line comes first and states the number of records; a file with
//! fewer is refused. Blocks of AS numbers stay blocks: those that are free or
//! reserved span billions. A delegated block that brings the delegated numbers
//! of the file above [`MAX_DELEGATED_ASNS`] is a bad row, so that the caller
//! may expand delegated blocks without fear.

use std::{io::BufRead, net::Ipv4Addr};

use asgard_model::{Asn, CountryCode, Day, Prefix, Rir};
use jiff::Timestamp;

use super::{
    address_range, cells, dates,
    lines::{Line, Lines},
    report::{FormatError, Reason, Report, Seen},
};

/// Most AS numbers that one file may state as delegated: a million. All five
/// registries together delegated some 120,000.
pub const MAX_DELEGATED_ASNS: u32 = 1_000_000;

/// What a registry did with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Given to a member, who may give it on.
    Allocated,
    /// Given to an end user.
    Assigned,
    /// Free.
    Available,
    /// Held back by the registry, or by the IETF or IANA.
    Reserved,
}

impl Status {
    const VALUES: [(Self, &'static [u8]); 6] = [
        (Self::Allocated, b"allocated"),
        (Self::Assigned, b"assigned"),
        (Self::Available, b"available"),
        (Self::Reserved, b"reserved"),
        (Self::Reserved, b"ietf"),
        (Self::Reserved, b"iana"),
    ];

    /// Whether somebody holds the resource.
    pub fn is_delegated(self) -> bool {
        matches!(self, Self::Allocated | Self::Assigned)
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// AS numbers from the first to the last, both included.
    Asns(Asn, Asn),
    /// Addresses. A record whose number of addresses is no power of two gives
    /// several rows.
    Prefix(Prefix),
}

/// One record, or one prefix of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelegatedRow<'a> {
    /// The registry; `None` is IANA.
    pub rir: Option<Rir>,
    /// Country of the holder.
    pub country: Option<CountryCode>,
    /// AS numbers or addresses.
    pub resource: Resource,
    /// First delegation by any registry.
    pub date: Option<Day>,
    /// What the registry did with it.
    pub status: Status,
    /// Identifies the holder within the registry's file; opaque.
    pub holder: Option<&'a str>,
}

/// Reads a file of one registry, or of all (`nro-delegated-stats`).
///
/// # Errors
/// When the file is refused whole, see [`FormatError`]; also when it holds
/// fewer records than its version line states.
pub fn delegated(
    input: &mut dyn BufRead,
    sink: &mut dyn FnMut(DelegatedRow<'_>),
) -> Result<Report, FormatError> {
    let mut lines = Lines::new(input);
    let version = version_line(&mut lines)?;
    let mut room = MAX_DELEGATED_ASNS;
    let tally = lines.rows(&mut |text| record(text, &mut room, sink))?;
    tally.expect_at_least(version.records)?;
    Ok(Report { published: version.published, ..tally.finish()? })
}

struct Version {
    records: u64,
    published: Option<Timestamp>,
}

/// `version|registry|serial|records|startdate|enddate|UTCoffset`.
fn version_line(lines: &mut Lines<'_>) -> Result<Version, FormatError> {
    while let Some(Line { text, .. }) = lines.next_line()? {
        if text.starts_with(b"#") {
            continue;
        }
        let cells: Vec<&[u8]> = text.split(|&byte| byte == b'|').collect();
        return match cells[..] {
            [version, _, _, records, _, end, ..]
                if version.first().is_some_and(u8::is_ascii_digit) =>
            {
                Ok(Version {
                    records: cells::number(records).unwrap_or(0),
                    published: dates::digits(&cells::text(end)),
                })
            }
            _ => Err(FormatError::NotThisFormat(
                "the first line is no version line (`2|ripencc|…`)".to_owned(),
            )),
        };
    }
    Err(FormatError::Empty)
}

fn record(
    text: &[u8],
    room: &mut u32,
    sink: &mut dyn FnMut(DelegatedRow<'_>),
) -> Result<Seen, Reason> {
    if text.starts_with(b"#") {
        return Ok(Seen::Comment);
    }
    let mut cells = text.split(|&byte| byte == b'|');
    let mut next = || cells.next().ok_or("fewer than seven columns");
    let (rir, country, kind) = (next()?, next()?, next()?);
    let (start, value, date) = (next()?, next()?, next()?);
    if date == b"summary" {
        return Ok(Seen::Comment);
    }
    let status = status(next()?)?;
    let holder = cells::text(cells.next().unwrap_or_default());
    let row = |resource| DelegatedRow {
        rir: cells::parse(rir),
        country: cells::parse(country),
        resource,
        date: None,
        status,
        holder: cells::filled(&holder),
    };
    let date = day(date)?;
    if kind == b"asn" && status.is_delegated() {
        let count: u32 = cells::number(value).unwrap_or(0);
        *room = room
            .checked_sub(count)
            .ok_or("more delegated ASNs than all registries have")?;
    }
    each_resource(kind, start, value, &mut |resource| {
        sink(DelegatedRow { date, ..row(resource) });
    })?;
    Ok(Seen::Row)
}

fn status(cell: &[u8]) -> Result<Status, Reason> {
    Status::VALUES
        .iter()
        .find(|(_, name)| *name == cell)
        .map(|&(status, _)| status)
        .ok_or("not a status of a resource")
}

fn day(cell: &[u8]) -> Result<Option<Day>, Reason> {
    match cell {
        b"" | b"00000000" => Ok(None),
        _ => cells::parse(cell).map(Some).ok_or("not a date"),
    }
}

fn each_resource(
    kind: &[u8],
    start: &[u8],
    value: &[u8],
    sink: &mut dyn FnMut(Resource),
) -> Result<(), Reason> {
    match kind {
        b"asn" => {
            let count = cells::number(value).ok_or("not a count of ASNs")?;
            let (first, last) = asns(start, count)?;
            sink(Resource::Asns(first, last));
            Ok(())
        }
        b"ipv4" => {
            let (first, last) = addresses(start, value)?;
            address_range::split(first, last, &mut |prefix| {
                sink(Resource::Prefix(prefix));
            })
        }
        b"ipv6" => {
            let network = cells::prefix(start)?.network();
            let len = cells::number(value).ok_or("not a prefix length")?;
            let prefix =
                Prefix::new(network, len).ok_or("not a prefix length")?;
            sink(Resource::Prefix(prefix));
            Ok(())
        }
        _ => Err("neither asn, ipv4 nor ipv6"),
    }
}

fn asns(start: &[u8], count: u32) -> Result<(Asn, Asn), Reason> {
    let first = cells::asn_or_zero(start)?;
    let last = count
        .checked_sub(1)
        .and_then(|more| first.0.checked_add(more))
        .ok_or("a block of ASNs that does not exist")?;
    Ok((first, Asn(last)))
}

fn addresses(start: &[u8], count: &[u8]) -> Result<(Prefix, Prefix), Reason> {
    const REASON: Reason = "a block of addresses that does not exist";
    let first: Ipv4Addr = cells::parse(start).ok_or("not an IPv4 address")?;
    let count: u64 = cells::number(count).ok_or(REASON)?;
    let last = count
        .checked_sub(1)
        .and_then(|more| u32::try_from(more).ok())
        .and_then(|more| first.to_bits().checked_add(more))
        .ok_or(REASON)?;
    Ok((Prefix::host(first.into()), Prefix::V4(last, 32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2|ripencc|1567979999|1|19830705|20190908|+0200\n";

    fn rows(records: &str) -> Result<(Report, Vec<String>), FormatError> {
        let mut rows = Vec::new();
        let text = format!("{HEAD}{records}\n");
        let report = delegated(&mut text.as_bytes(), &mut |row| {
            rows.push(format!("{:?} {:?}", row.resource, row.status));
        })?;
        Ok((report, rows))
    }

    #[test]
    fn splits_a_block_of_addresses_that_is_no_prefix() {
        let (report, rows) =
            rows("ripencc|DE|ipv4|192.0.2.0|768|20100101|assigned|x").unwrap();
        assert_eq!(
            rows,
            ["Prefix(192.0.2.0/23) Assigned", "Prefix(192.0.4.0/24) Assigned"]
        );
        assert_eq!(report.rows, 1);
        let published = report.published.unwrap().to_string();
        assert_eq!(published, "2019-09-08T00:00:00Z");
    }

    #[test]
    fn free_blocks_may_be_huge_and_delegated_ones_not() {
        let free = "iana|ZZ|asn|4200000000|94967296||ietf";
        let rows_of_free = rows(free).unwrap().1;
        assert_eq!(
            rows_of_free,
            ["Asns(Asn(4200000000), Asn(4294967295)) Reserved"]
        );
        let taken = "ripencc|DE|asn|1|500000|20100101|allocated\n";
        let (report, _) = rows(&taken.repeat(3)).unwrap();
        assert_eq!((report.rows, report.skipped), (2, 1));
    }

    #[test]
    fn refuses_blocks_that_do_not_exist() {
        for record in [
            "ripencc|DE|asn|4294967295|2|20100101|reserved",
            "ripencc|DE|asn|1|0|20100101|reserved",
            "ripencc|DE|ipv4|255.255.255.0|257|20100101|assigned",
            "ripencc|DE|ipv4|1.0.0.0|0|20100101|assigned",
            "ripencc|DE|ipv6|2001:db8::|129|20100101|assigned",
            "ripencc|DE|ipv6|2001:db8::|32|20101301|assigned",
            "ripencc|DE|ipv5|2001:db8::|32|20100101|assigned",
            "ripencc|DE|ipv6|2001:db8::|32|20100101|stolen",
            "ripencc|DE",
        ] {
            assert!(rows(record).is_err(), "{record}");
        }
    }

    #[test]
    fn refuses_a_file_without_version_line_or_with_fewer_records() {
        let record = "ripencc|DE|asn|1|1|20100101|allocated\n";
        let error = delegated(&mut record.as_bytes(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, FormatError::NotThisFormat(_)));
        let text = format!("{}{record}", HEAD.replace("|1|", "|2|"));
        let error = delegated(&mut text.as_bytes(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, FormatError::CountMismatch { .. }));
    }
}
