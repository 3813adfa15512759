//! Countries of address space: `start,end,CC`, one range a row, no header.
//!
//! The form of ip-location-db (<https://github.com/sapics/ip-location-db>).
//! Rows of an unknown country (`ZZ`, `??`, or nothing) are ignored. Refused as
//! bad rows: two families in a row, an end before the start, a range so wide
//! that no country holds it. Ranges of a real file overlap here and there;
//! that is settled where they are merged.

use std::{io::BufRead, net::IpAddr};

use asgard_model::{CountryCode, Prefix};

use super::{
    cells::{self, Cells},
    lines,
    report::{FormatError, Reason, Report, Seen},
};

/// A range of addresses of one family, and its country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address, not below the first.
    pub last: IpAddr,
    /// Where it is.
    pub country: CountryCode,
}

/// Widest range of IPv4 in host bits: a /5. The widest of real files is
/// 28.0.0.0–30.255.255.255.
const WIDEST_V4: u32 = 27;
/// Widest range of IPv6 in host bits: a /12, as IANA gives them to registries.
const WIDEST_V6: u32 = 116;

/// Reads `start,end,CC`.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn country_range_csv(
    input: &mut dyn BufRead,
    sink: &mut dyn FnMut(CountryRange),
) -> Result<Report, FormatError> {
    lines::read(input, &mut |text| {
        let mut cells = Cells::new(text, b',');
        let mut next =
            || cells.next().transpose().map(Option::unwrap_or_default);
        let (first, last, country) = (next()?, next()?, next()?);
        let (first, last) = range(&first, &last)?;
        if matches!(&*country, b"" | b"ZZ" | b"zz" | b"??") {
            return Ok(Seen::Ignored);
        }
        let country = cells::parse(&country).ok_or("not a country code")?;
        sink(CountryRange { first, last, country });
        Ok(Seen::Row)
    })?
    .finish()
}

fn range(first: &[u8], last: &[u8]) -> Result<(IpAddr, IpAddr), Reason> {
    let (first, last) = (cells::prefix(first)?, cells::prefix(last)?);
    match (first, last) {
        (Prefix::V4(low, 32), Prefix::V4(high, 32)) if low <= high => {
            if high - low >= 1 << WIDEST_V4 {
                return Err("wider than a /5");
            }
        }
        (Prefix::V6(low, 128), Prefix::V6(high, 128)) if low <= high => {
            if high - low >= 1 << WIDEST_V6 {
                return Err("wider than a /12");
            }
        }
        _ => return Err("not a range of addresses of one family"),
    }
    Ok((first.network(), last.network()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Report, Vec<String>), FormatError> {
        let mut rows = Vec::new();
        let mut sink = |row: CountryRange| {
            rows.push(format!("{}-{} {}", row.first, row.last, row.country));
        };
        let report = country_range_csv(&mut text.as_bytes(), &mut sink)?;
        Ok((report, rows))
    }

    #[test]
    fn reads_ranges_of_both_families() {
        let (report, rows) = read(
            "192.0.2.0,192.0.2.255,nl\n\"198.51.100.0\",198.51.100.7,DE\n\
             2001:db8::,2001:db8::ff,FR\n203.0.113.0,203.0.113.1,ZZ\n",
        )
        .unwrap();
        assert_eq!(
            rows,
            [
                "192.0.2.0-192.0.2.255 NL",
                "198.51.100.0-198.51.100.7 DE",
                "2001:db8::-2001:db8::ff FR"
            ]
        );
        assert_eq!((report.rows, report.skipped), (3, 0));
    }

    #[test]
    fn what_no_country_holds_is_a_bad_row() {
        for bad in [
            "0.0.0.0,255.255.255.255,US",
            "::,ffff::,US",
            "192.0.2.9,192.0.2.1,US",
            "192.0.2.1,2001:db8::1,US",
            "192.0.2.0/24,192.0.2.255,US",
            "192.0.2.1,192.0.2.2,USA",
            "192.0.2.1,192.0.2.2,1",
        ] {
            let good = "192.0.2.0,192.0.2.255,NL\n".repeat(20);
            let (report, rows) = read(&format!("{good}{bad}\n")).unwrap();
            assert_eq!((rows.len(), report.skipped), (20, 1), "{bad}");
        }
    }
}
