//! What every parser must survive, run on every [`Kind`].
//!
//! One fixture a format lies in `testdata/format`, beside the rows that it
//! must give (`KIND.rows`; written anew with `ASGARD_BLESS=1`). The battery
//! damages the fixtures: cut, web page, BOM, CRLF, NUL, endless line, numbers
//! out of range, duplicates, unknown fields, empty, bombs, double compression.

mod fuzz;
mod real;

use std::{
    fmt::Debug,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
};

use asgard_model::{Model, Prefix};

use super::{
    FormatError, Kind, Report, as_info, country_ranges, delegated, drop,
    ip_list::{self, IpListOptions},
    mrt_rib, origins, peeringdb, ranges, relations, special_purpose, vrps,
};
use crate::decompress::{Decompressed, Limits};

/// Receives any row, and its prefix if it has one.
type AnySink<'s> = &'s mut dyn FnMut(&dyn Debug, Option<Prefix>);

fn run(
    kind: Kind,
    input: &mut dyn BufRead,
    options: IpListOptions,
    sink: AnySink<'_>,
) -> Result<Report, FormatError> {
    match kind {
        Kind::RangeCsv => {
            origins::range_csv(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::CidrCsv => {
            origins::cidr_csv(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::Pfx2as => {
            origins::pfx2as(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::PyasnDat => {
            origins::pyasn_dat(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::AsInfoCsv => as_info::as_info_csv(input, &mut |r| sink(&r, None)),
        Kind::AsNames => as_info::as_names(input, &mut |r| sink(&r, None)),
        Kind::Delegated => {
            delegated::delegated(input, &mut |r| match r.resource {
                delegated::Resource::Prefix(prefix) => sink(&r, Some(prefix)),
                delegated::Resource::Asns(first, last) => {
                    assert!(first <= last);
                    sink(&r, None);
                }
            })
        }
        Kind::VrpsJson => {
            vrps::vrps_json(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::VrpsCsv => {
            vrps::vrps_csv(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::AsRelations => {
            let (report, header) =
                relations::as_relations(input, &mut |r| sink(&r, None))?;
            sink(&header, None);
            Ok(report)
        }
        Kind::AsndropJson => drop::asndrop_json(input, &mut |r| sink(&r, None)),
        Kind::DropJson => {
            drop::drop_json(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::DropText => {
            drop::drop_text(input, &mut |r| sink(&r, Some(r.prefix)))
        }
        Kind::AsndropText => drop::asndrop_text(input, &mut |r| sink(&r, None)),
        Kind::IpList => ip_list::ip_list(input, options, &mut |r| {
            sink(&r, Some(r.prefix));
        }),
        Kind::PeeringdbNet => {
            peeringdb::peeringdb_net(input, &mut |r| sink(&r, None))
        }
        Kind::AsnNetworkTypes => {
            peeringdb::asn_network_types(input, &mut |r| sink(&r, None))
        }
        Kind::RangesJson => {
            ranges::ranges_json(input, &mut |p| sink(&p, Some(p)))
        }
        Kind::MispWarninglist => {
            ranges::misp_warninglist(input, &mut |p| sink(&p, Some(p)))
        }
        Kind::AsnList => ranges::asn_list(input, &mut |asn| sink(&asn, None)),
        Kind::SpecialPurpose => {
            special_purpose::special_purpose(input, &mut |r| {
                sink(&r, Some(r.prefix));
            })
        }
        Kind::CountryRangeCsv => {
            country_ranges::country_range_csv(input, &mut |r| sink(&r, None))
        }
        Kind::MrtRib => {
            let rule = Model::default_model().visibility();
            let (report, low) = mrt_rib::mrt_rib(input, rule, &mut |r| {
                sink(&r, Some(r.prefix));
            })?;
            sink(&low, None);
            Ok(report)
        }
        Kind::BgpUpdates => unreachable!("it has no rows"),
    }
}

/// Formats of rows; the battery of events stands beside their readers.
fn kinds() -> impl Iterator<Item = Kind> {
    Kind::VALUES.into_iter().map(|(kind, _)| kind).filter(|k| k.has_rows())
}

fn rows_of(
    kind: Kind,
    mut bytes: &[u8],
) -> Result<(Report, Vec<String>), FormatError> {
    let mut rows = Vec::new();
    let options = IpListOptions::default();
    let report = run(kind, &mut bytes, options, &mut |row, _| {
        rows.push(format!("{row:?}"));
    })?;
    Ok((report, rows))
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "format"].iter().collect()
}

fn fixture(kind: Kind) -> Vec<u8> {
    let ending = match kind {
        Kind::RangeCsv
        | Kind::CountryRangeCsv
        | Kind::CidrCsv
        | Kind::AsInfoCsv
        | Kind::VrpsCsv
        | Kind::AsnNetworkTypes
        | Kind::SpecialPurpose => "csv",
        Kind::PyasnDat => "dat",
        Kind::IpList => "ipset",
        Kind::MrtRib => "mrt",
        Kind::AsndropJson | Kind::DropJson => "json",
        kind if is_document(kind) => "json",
        _ => "txt",
    };
    let path = folder().join(format!("{kind}.{ending}"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// Whether the format is one JSON document.
fn is_document(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::VrpsJson
            | Kind::PeeringdbNet
            | Kind::RangesJson
            | Kind::MispWarninglist
    )
}

/// Every format with its fixture and the rows of it.
fn each_kind(mut check: impl FnMut(Kind, Vec<u8>, Vec<String>)) {
    for kind in kinds() {
        let bytes = fixture(kind);
        let (report, rows) = rows_of(kind, &bytes)
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(report.skipped, 0, "{kind}: {report:?}");
        check(kind, bytes, rows);
    }
}

/// The same without binary formats, which know no lines and no numbers in
/// digits; what damages those is tested beside them.
fn each_text(mut check: impl FnMut(Kind, Vec<u8>, Vec<String>)) {
    each_kind(|kind, bytes, rows| {
        if kind != Kind::MrtRib {
            check(kind, bytes, rows);
        }
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn rows_of_packed(kind: Kind, packed: &[u8]) -> Result<Report, FormatError> {
    let plain = Decompressed::new(packed, Limits::default())?;
    let options = IpListOptions::default();
    run(kind, &mut BufReader::new(plain), options, &mut |_, _| {})
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn every_format_gives_its_golden_rows() {
    let bless = std::env::var("ASGARD_BLESS").is_ok();
    for kind in kinds() {
        let (report, mut rows) = rows_of(kind, &fixture(kind)).unwrap();
        rows.push(format!("{report:?}\n"));
        let found = rows.join("\n");
        let path = folder().join(format!("{kind}.rows"));
        if bless {
            std::fs::write(&path, &found).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, golden, "{kind}");
    }
}

#[test]
fn a_file_cut_anywhere_gives_no_wrong_row_but_perhaps_the_last() {
    each_text(|kind, bytes, rows| {
        for percent in (5..100).step_by(5) {
            let cut = &bytes[..bytes.len() * percent / 100];
            match rows_of(kind, cut) {
                Err(error) if is_document(kind) => {
                    let told = matches!(error, FormatError::Truncated(_));
                    assert!(told, "{kind} at {percent} %: {error}");
                }
                Err(_) => {}
                Ok(_) if is_document(kind) => {
                    panic!("{kind} at {percent} % is taken for whole");
                }
                // The header comes last, and is another one.
                Ok(_) if kind == Kind::AsRelations => {}
                Ok((_, found)) => {
                    let whole = cut.iter().rposition(|&b| b == b'\n');
                    let whole = &cut[..whole.map_or(0, |at| at + 1)];
                    let sure = rows_of(kind, whole).map_or(0, |r| r.1.len());
                    assert_eq!(found[..sure], rows[..sure], "{kind}");
                }
            }
        }
    });
}

#[test]
fn formats_that_state_their_size_are_refused_when_cut() {
    for kind in
        [Kind::Delegated, Kind::PyasnDat, Kind::AsndropJson, Kind::DropJson]
    {
        let bytes = fixture(kind);
        let text = bytes.trim_ascii_end();
        let end = text.iter().rposition(|&b| b == b'\n').unwrap();
        assert!(rows_of(kind, &bytes[..=end]).is_err(), "{kind}");
    }
}

#[test]
fn a_web_page_is_told_to_be_one() {
    each_kind(|kind, bytes, _| {
        for page in ["<!DOCTYPE html>\n<html>", "\n <html lang=en>", "<?xml?>"]
        {
            let page = [page.as_bytes(), &bytes].concat();
            let error = rows_of(kind, &page).unwrap_err();
            assert!(matches!(error, FormatError::Html), "{kind}: {error}");
        }
    });
}

#[test]
fn bom_crlf_and_trailing_blanks_change_nothing() {
    each_text(|kind, bytes, rows| {
        let text = String::from_utf8(bytes).unwrap();
        for variant in [
            format!("\u{feff}{text}"),
            text.replace('\n', "\r\n"),
            text.replace('\n', " \t\n"),
            format!("{text}\n\n \n"),
            text.trim_end().to_owned(),
        ] {
            let found = rows_of(kind, variant.as_bytes()).unwrap();
            assert_eq!(found.0.skipped, 0, "{kind}");
            assert_eq!(found.1, rows, "{kind}: {variant:?}");
        }
    });
}

#[test]
fn a_nul_makes_a_row_bad_or_the_file() {
    each_text(|kind, mut bytes, rows| {
        let text = bytes.trim_ascii_end();
        let last = text.iter().rposition(|&byte| byte == b'\n').unwrap();
        bytes.insert(last + 2, 0);
        if let Ok((report, found)) = rows_of(kind, &bytes) {
            assert_eq!(report.skipped, 1, "{kind}");
            assert!(found.len() < rows.len() || kind == Kind::AsRelations);
            let first = report.first_bad.unwrap();
            assert_eq!(first.reason, "control byte", "{kind}");
        }
    });
}

#[test]
fn a_line_of_a_megabyte_is_refused() {
    each_text(|kind, bytes, _| {
        let long = vec![b'a'; 1 << 20];
        // In a document the first quote opens a string.
        let quote = bytes.iter().position(|&byte| byte == b'"');
        let at = quote.filter(|_| is_document(kind)).map_or(0, |at| at + 1);
        let grown = [&bytes[..at], &long, &bytes[at..]].concat();
        let error = rows_of(kind, &grown).unwrap_err();
        let told = match kind {
            Kind::SpecialPurpose => {
                matches!(error, FormatError::NotThisFormat(_))
            }
            kind if is_document(kind) => matches!(error, FormatError::Io(_)),
            _ => matches!(error, FormatError::LineTooLong { line: 1 }),
        };
        assert!(told, "{kind}: {error}");
    });
}

#[test]
fn numbers_out_of_range_never_pass_for_others() {
    each_text(|kind, bytes, rows| {
        let text = String::from_utf8(bytes).unwrap();
        let mut noticed = 0;
        let digits = |c: char| c.is_ascii_digit();
        let starts: Vec<usize> = text
            .match_indices(digits)
            .map(|(at, _)| at)
            .filter(|&at| at == 0 || !text[..at].ends_with(digits))
            .collect();
        for at in starts {
            let rest = text[at..].trim_start_matches(digits);
            let huge = format!("{}99999999999999999999{rest}", &text[..at]);
            match rows_of(kind, huge.as_bytes()) {
                Ok((report, found)) => {
                    noticed += report.skipped;
                    assert!(found.len() <= rows.len(), "{kind}: {huge}");
                }
                Err(_) => noticed += 1,
            }
        }
        assert!(noticed > 0, "{kind} accepts every number");
    });
}

#[test]
fn duplicate_rows_are_handed_on_or_the_file_is_refused() {
    each_text(|kind, bytes, mut rows| {
        let text = String::from_utf8(bytes).unwrap();
        let twice: String = if is_document(kind) {
            let lines = text.split_inclusive('\n');
            lines
                .map(|line| {
                    let element = line.ends_with(",\n") && !line.contains('[');
                    line.repeat(1 + usize::from(element))
                })
                .collect()
        } else {
            text.repeat(2)
        };
        if let Ok((report, mut found)) = rows_of(kind, twice.as_bytes()) {
            // A second header is a bad row.
            assert!(report.skipped <= 1, "{kind}");
            rows.sort();
            found.sort();
            found.dedup();
            rows.dedup();
            assert_eq!(found, rows, "{kind}");
        }
    });
}

#[test]
fn unknown_fields_and_columns_change_nothing() {
    each_text(|kind, bytes, rows| {
        let text = String::from_utf8(bytes).unwrap();
        let more = match kind {
            Kind::CidrCsv
            | Kind::AsInfoCsv
            | Kind::VrpsCsv
            | Kind::AsnNetworkTypes => text.replace('\n', ",\"a, b\"\n"),
            _ => text
                .replace('{', "{\"new\": {\"x\": [1, null]}, ")
                .replace(", }", "}"),
        };
        let found = rows_of(kind, more.as_bytes()).unwrap().1;
        assert_eq!(found, rows, "{kind}");
    });
}

#[test]
fn an_empty_file_is_refused() {
    for kind in kinds() {
        for nothing in ["", "\n \r\n\n", "\u{feff}", "\u{feff}\n"] {
            let error = rows_of(kind, nothing.as_bytes()).unwrap_err();
            assert!(matches!(error, FormatError::Empty), "{kind}: {error}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_never_fatal() {
    each_kind(|kind, bytes, rows| {
        let Some(at) = bytes.windows(3).position(|w| w == b"xam") else {
            return;
        };
        let damaged = [&bytes[..at], b"\xff", &bytes[at + 1..]].concat();
        let (report, found) = rows_of(kind, &damaged).unwrap();
        assert_eq!(report.skipped, 0, "{kind}");
        assert_eq!(found.len(), rows.len(), "{kind}");
    });
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let bomb = gzip(&vec![b'\n'; 32 << 20]);
    for kind in kinds() {
        let error = rows_of_packed(kind, &bomb).unwrap_err();
        let told = match (kind, &error) {
            (Kind::SpecialPurpose, FormatError::Empty) => true,
            // Newlines state a record of 161 MiB.
            (Kind::MrtRib, FormatError::NotThisFormat(_)) => true,
            (_, FormatError::Io(error)) => {
                error.kind() == io::ErrorKind::FileTooLarge
            }
            _ => false,
        };
        assert!(told, "{kind}: {error}");
    }
}

#[test]
fn compressed_files_are_read_once_and_not_twice() {
    each_kind(|kind, bytes, rows| {
        let packed = gzip(&bytes);
        assert!(rows_of_packed(kind, &packed).unwrap().rows > 0, "{kind}");
        assert!(!rows.is_empty());
        let error = rows_of_packed(kind, &gzip(&packed)).unwrap_err();
        assert!(error.to_string().contains("twice"), "{kind}: {error}");
        let cut = &packed[..packed.len() - 9];
        let error = rows_of_packed(kind, cut).unwrap_err();
        let told = matches!(error, FormatError::Truncated(_));
        assert!(told, "{kind}: {error}");
    });
}
