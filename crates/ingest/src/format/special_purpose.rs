//! IANA's registries of special-purpose addresses (RFC 6890)
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry/>).
//!
//! The only CSV here whose quoted cells span lines, so it is read by the csv
//! crate, and whole: the registries have some 5 kB. Refused: files over
//! [`MAX_REGISTRY_BYTES`], rows without a readable block.

use std::io::{BufRead, Read};

use asgard_model::Prefix;
use csv::ByteRecord;

use super::{
    cells,
    lines::refuse_foreign,
    report::{FormatError, Reason, Report, Seen, Tally},
};

/// Largest registry that is read: 256 KiB.
pub const MAX_REGISTRY_BYTES: u64 = 256 * 1024;

/// Column "Globally Reachable".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Packets to it may cross the borders of an administrative domain.
    Global,
    /// They may not: announced in BGP, it is a bogon.
    Local,
    /// The registry says neither (`N/A`).
    Unstated,
}

/// A block of addresses with a special purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialRow<'a> {
    /// The block.
    pub prefix: Prefix,
    /// Its name in the registry, line breaks replaced by blanks.
    pub name: &'a str,
    /// Whether it is reachable from anywhere.
    pub reach: Reach,
}

/// Reads a registry: columns `Address Block`, `Name` and `Globally Reachable`.
/// A cell with several blocks gives several rows; footnotes are left out.
///
/// # Errors
/// When the file is refused whole, see [`FormatError`].
pub fn special_purpose(
    input: &mut dyn BufRead,
    sink: &mut dyn FnMut(SpecialRow<'_>),
) -> Result<Report, FormatError> {
    let bytes = whole(input)?;
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(&*bytes);
    let broken = |error: csv::Error| {
        FormatError::NotThisFormat(format!("broken CSV: {error}"))
    };
    let header = reader.byte_headers().map_err(broken)?;
    let columns = [
        column(header, "Address Block")?,
        column(header, "Name")?,
        column(header, "Globally Reachable")?,
    ];
    let mut tally = Tally::default();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(broken)? {
        let line = record.position().map_or(0, csv::Position::line);
        let outcome = blocks(&record, columns, sink).map(|()| Seen::Row);
        tally.see(line, record.as_slice(), outcome);
    }
    tally.finish()
}

fn whole(input: &mut dyn BufRead) -> Result<Vec<u8>, FormatError> {
    let mut bytes = Vec::new();
    let read =
        Read::take(input, MAX_REGISTRY_BYTES + 1).read_to_end(&mut bytes)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = text.trim_ascii();
    refuse_foreign(text)?;
    if text.is_empty() {
        return Err(FormatError::Empty);
    }
    if u64::try_from(read).is_ok_and(|read| read > MAX_REGISTRY_BYTES) {
        return Err(FormatError::NotThisFormat(format!(
            "a registry has at most {MAX_REGISTRY_BYTES} bytes"
        )));
    }
    Ok(text.to_vec())
}

fn column(header: &ByteRecord, name: &str) -> Result<usize, FormatError> {
    header
        .iter()
        .position(|cell| {
            cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
        })
        .ok_or_else(|| {
            let reason = format!("the header is wrong: no column `{name}`");
            FormatError::NotThisFormat(reason)
        })
}

fn blocks(
    record: &ByteRecord,
    columns: [usize; 3],
    sink: &mut dyn FnMut(SpecialRow<'_>),
) -> Result<(), Reason> {
    let control = |byte: &u8| {
        byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
    };
    if record.as_slice().iter().any(control) {
        return Err("control byte");
    }
    let [blocks, name, reach] = columns.map(|column| record.get(column));
    let reach = reach_of(reach.ok_or("fewer columns than the header")?)?;
    let name = cells::text(name.unwrap_or_default());
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let prefixes = prefixes(blocks.unwrap_or_default())?;
    for prefix in prefixes {
        sink(SpecialRow { prefix, name: &name, reach });
    }
    Ok(())
}

/// `192.0.0.0/24 [2]`, `192.0.0.170/32, 192.0.0.171/32`.
fn prefixes(cell: &[u8]) -> Result<Vec<Prefix>, Reason> {
    let blocks: Vec<Prefix> = cell
        .split(|byte| byte.is_ascii_whitespace() || *byte == b',')
        .map(|word| word.split(|&byte| byte == b'[').next().unwrap_or(word))
        .filter(|word| !word.is_empty())
        .map(cells::prefix)
        .collect::<Result<_, _>>()?;
    if blocks.is_empty() { Err("no address block") } else { Ok(blocks) }
}

fn reach_of(cell: &[u8]) -> Result<Reach, Reason> {
    match cell.trim_ascii().to_ascii_lowercase().as_slice() {
        [b't', b'r', b'u', b'e', ..] => Ok(Reach::Global),
        [b'f', b'a', b'l', b's', b'e', ..] => Ok(Reach::Local),
        [] | [b'n', b'/', b'a', ..] => Ok(Reach::Unstated),
        _ => Err("neither True, False nor N/A"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<(Report, Vec<String>), FormatError> {
        let mut rows = Vec::new();
        let report = special_purpose(&mut text.as_bytes(), &mut |row| {
            rows.push(format!("{} {} {:?}", row.prefix, row.name, row.reach));
        })?;
        Ok((report, rows))
    }

    #[test]
    fn reads_cells_with_lines_footnotes_and_several_blocks() {
        let text = "Address Block,Name,RFC,Globally Reachable\r\n\
            192.0.0.0/24 [2],IETF Protocol\r\n Assignments,x,False [1]\r\n\
            \"192.0.0.170/32,\r\n192.0.0.171/32\",\"NAT64/DNS64\n Discovery\",\
            \"[RFC8880]\n[RFC7050]\",False\r\n192.88.99.0/24,6to4,y,N/A [4]\n\
            192.0.0.9/32[3],PCP,z,True\n";
        let text = text.replace("\r\n Assignments", " Assignments");
        let (report, found) = rows(&text).unwrap();
        assert_eq!(
            found,
            [
                "192.0.0.0/24 IETF Protocol Assignments Local",
                "192.0.0.170/32 NAT64/DNS64 Discovery Local",
                "192.0.0.171/32 NAT64/DNS64 Discovery Local",
                "192.88.99.0/24 6to4 Unstated",
                "192.0.0.9/32 PCP Global"
            ]
        );
        assert_eq!((report.rows, report.skipped), (4, 0));
    }

    #[test]
    fn refuses_other_files() {
        let head = "Address Block,Name,Globally Reachable\n";
        assert!(matches!(rows(head), Err(FormatError::Empty)));
        assert!(rows(&format!("{head}x,y,True\n")).is_err());
        assert!(rows(&format!("{head}10.0.0.0/8,y,maybe\n")).is_err());
        let error = rows("a,b\n1,2\n").unwrap_err().to_string();
        assert!(error.contains("no column `Address Block`"), "{error}");
        let large = format!("{head}{}", "10.0.0.0/8,y,True\n".repeat(20_000));
        assert!(matches!(rows(&large), Err(FormatError::NotThisFormat(_))));
    }
}
