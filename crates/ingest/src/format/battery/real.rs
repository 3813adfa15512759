//! Real files, where a mirror of the sources is at hand.
//!
//! `ASGARD_TEST_MIRROR=DIR cargo test -p asgard-ingest real -- --nocapture`
//! reads each file of the mirror whose format is known by its path, prints rows
//! and milliseconds, and fails when one is refused (but for lists of names) or
//! has more than one bad row in a thousand. A single one is
//! known: `224.0.0.0/3` in FireHOL's level 1, `2002::/16` of a provider.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    time::Instant,
};

use super::run;
use crate::{
    decompress::{Decompressed, Limits},
    format::{FormatError, Kind, Report, ip_list::IpListOptions},
};

/// Part of a path, and what lies there; the first that fits counts.
const KNOWN: [(&str, Kind); 29] = [
    ("routing/rib.", Kind::MrtRib),
    ("routing/announced-prefixes", Kind::CidrCsv),
    ("routing/ip-location-db-asn", Kind::RangeCsv),
    ("routing/geo-whois-asn-country", Kind::CountryRangeCsv),
    (".pfx2as", Kind::Pfx2as),
    ("pyasn-ipasn", Kind::PyasnDat),
    ("names/as-info", Kind::AsInfoCsv),
    ("names/asn-name", Kind::AsNames),
    ("names/delegated", Kind::Delegated),
    ("rpki/derived-vrps", Kind::VrpsCsv),
    ("samples/rtrtr-vrps", Kind::VrpsJson),
    ("test.rpki.json", Kind::VrpsJson),
    (".as-rel.txt", Kind::AsRelations),
    ("relations/asrel_", Kind::AsRelations),
    ("threats/asndrop/", Kind::AsndropJson),
    ("threats/asndrop-legacy/", Kind::AsndropText),
    ("threats/drop_v4/", Kind::DropJson),
    ("threats/drop-legacy/", Kind::DropText),
    ("threats/drop6-legacy/", Kind::DropText),
    ("threats/edrop-legacy/", Kind::DropText),
    ("threats/", Kind::IpList),
    ("-net-page-", Kind::PeeringdbNet),
    ("asn_network_types", Kind::AsnNetworkTypes),
    ("ranges/cloud-ips", Kind::RangesJson),
    ("ranges/misp-warninglists", Kind::MispWarninglist),
    ("x4bnet-datacenter-ASN", Kind::AsnList),
    ("ranges/borestad", Kind::IpList),
    ("ranges/ipranges", Kind::IpList),
    ("ranges/", Kind::IpList),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn read(path: &Path, kind: Kind) -> Result<(Report, u64), FormatError> {
    let text = path.to_string_lossy();
    let options = IpListOptions {
        column: text.contains("anycatch").then_some(0),
        min_count: None,
        special_space: text.contains("ogons"),
    };
    let plain = Decompressed::new(File::open(path)?, Limits::default())?;
    let mut input = BufReader::with_capacity(1 << 16, plain);
    let mut rows = 0;
    let report = run(kind, &mut input, options, &mut |_, _| rows += 1)?;
    Ok((report, rows))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn every_file_of_a_mirror_is_read() {
    let Ok(mirror) = std::env::var("ASGARD_TEST_MIRROR") else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return;
    };
    let mut paths = Vec::new();
    files(Path::new(&mirror), &mut paths);
    paths.sort();
    let mut wrong = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        let known = KNOWN.iter().find(|(part, _)| text.contains(part));
        // Everything that is no bogon: blocks up to /1, and no list of ours.
        let Some(&(_, kind)) = known.filter(|_| !text.contains("nobogons"))
        else {
            continue;
        };
        let start = Instant::now();
        let result = read(&path, kind);
        let millis = start.elapsed().as_millis();
        match result {
            Ok((report, rows)) => {
                let Report { skipped, ignored, .. } = report;
                let dated = report.published.is_some();
                println!(
                    "{kind}\t{} rows\t{rows} handed on\t{skipped} bad\t\
                     {ignored} ignored\tdated {dated}\t{millis} ms\t{text}",
                    report.rows
                );
                if skipped > 1 && skipped * 1_000 > report.rows {
                    wrong.push(format!("{text}: {:?}", report.first_bad));
                }
            }
            Err(error) if error.to_string().contains("of type `string`") => {}
            Err(error) => wrong.push(format!("{text}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
