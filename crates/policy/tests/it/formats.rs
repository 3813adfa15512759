//! Every format against its golden file, and what all formats promise.
//!
//! `testdata/feed/sample.csv` is the list; the files in `testdata/feed/sample`
//! and `testdata/feed/empty` were reviewed and loaded by the real tools. They
//! are written anew by
//! `cargo run -p asgard-policy --example render -- --all DIR --comments
//! --confirm --max 100 < sample.csv`.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc, time::Instant};

use asgard_model::Prefix;
use asgard_policy::feed::{
    entry::{Cause, Line, Listing, Origin, Span},
    format::{Confirm, Families, Format, Options, RenderError, stix},
};
use proptest::prelude::*;
use serde_json::Value;

#[path = "../../examples/render/listing.rs"]
mod listing;

/// Containers are not compared byte by byte: the compressor may change.
const CONTAINERS: [Format; 2] = [Format::JuniperTgz, Format::Mmdb];

fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/feed")
}

fn sample() -> Listing {
    let text = fs::read_to_string(testdata().join("sample.csv"))
        .expect("the sample is in the checkout");
    listing::read(&text).expect("the sample is a listing")
}

fn options() -> Options {
    Options {
        comments: true,
        confirm: Confirm::Bgp,
        max_entries: Some(100),
        ..Options::default()
    }
}

fn text(format: Format, listing: &Listing, options: &Options) -> String {
    let rendered = format.render(listing, options).expect("a good list");
    String::from_utf8(rendered.bytes).expect("a text")
}

fn agree_with_golden_files(case: &str, listing: &Listing) {
    for (name, format) in Format::VALUES {
        if CONTAINERS.contains(&format) {
            continue;
        }
        let file = testdata().join(case).join(name);
        let golden = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let written = text(format, listing, &options());
        assert_eq!(written, golden, "{case}, {name}");
    }
}

#[test]
fn a_sample_is_written_as_the_golden_files_say() {
    agree_with_golden_files("sample", &sample());
}

#[test]
fn an_empty_list_is_written_as_the_golden_files_say() {
    agree_with_golden_files("empty", &listing::read("").unwrap());
}

#[test]
fn the_same_listing_gives_the_same_bytes() {
    let listing = sample();
    for (name, format) in Format::VALUES {
        let [a, b] = [(); 2]
            .map(|()| format.render(&listing, &options()).unwrap().bytes);
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn what_is_written_and_what_is_withheld_are_all_lines() {
    let listing = sample();
    for (name, format) in Format::VALUES {
        let expands = format.traits().hosts_only;
        let counts_others = matches!(
            format,
            Format::SuricataCategories | Format::CloudflareAsn
        );
        if expands || counts_others {
            continue;
        }
        let rendered = format.render(&listing, &options()).unwrap();
        let lines = rendered.entries + rendered.withheld;
        assert_eq!(lines, listing.lines.len(), "{name}");
        let v4 = listing.lines.iter().filter(|l| l.span.is_v4()).count();
        match format.traits().families {
            Families::Both => {}
            Families::V4 => assert_eq!(rendered.entries, v4, "{name}"),
            Families::V6 => assert_eq!(rendered.withheld, v4, "{name}"),
        }
    }
}

#[test]
fn names_are_unique_and_read_back_with_any_extension() {
    let names: BTreeSet<_> = Format::VALUES.map(|(name, _)| name).into();
    assert_eq!(names.len(), Format::VALUES.len());
    for (name, format) in Format::VALUES {
        assert_eq!(format.as_str(), name);
        assert_eq!(Format::from_segment(name), Some(format));
        let with_extension = format!("{name}.txt");
        if Format::VALUES.iter().all(|(other, _)| *other != with_extension) {
            assert_eq!(Format::from_segment(&with_extension), Some(format));
        }
    }
    for (segment, format) in [
        ("juniper.tgz", Some(Format::JuniperTgz)),
        ("juniper.txt", Some(Format::Juniper)),
        ("cisco.txt", Some(Format::Cisco)),
        ("cisco.txt.md5", Some(Format::CiscoMd5)),
        ("aws-waf.json", Some(Format::AwsWaf)),
        ("snort.blf", Some(Format::SnortBlf)),
        ("snort", None),
        ("plain.", None),
        ("plain.a/b", None),
        ("PLAIN", None),
        ("", None),
    ] {
        assert_eq!(Format::from_segment(segment), format, "{segment}");
    }
}

#[test]
fn no_format_writes_a_default_route() {
    for everything in ["0.0.0.0/0", "::/0"] {
        let listing = listing::read(everything).unwrap();
        for (name, format) in Format::VALUES {
            let refusal = format.render(&listing, &options()).unwrap_err();
            assert_eq!(refusal, RenderError::DefaultRoute, "{name}");
        }
    }
}

#[test]
fn ranges_are_written_where_the_device_reads_them_and_refused_elsewhere() {
    let range = "1.10.16.0-1.10.40.255,asn,AS174\n2a00::5-2a00::9";
    let listing = listing::read(range).unwrap();
    for (name, format) in Format::VALUES {
        let written = format.render(&listing, &options());
        if format.traits().ranges {
            let rendered = written.unwrap();
            assert!(rendered.entries + rendered.withheld >= 2, "{name}");
        } else {
            assert_eq!(written, Err(RenderError::Ranges(format)), "{name}");
        }
    }
    let lines = text(Format::Panos, &listing, &Options::default());
    assert_eq!(lines, "1.10.16.0-1.10.40.255\n2a00::5-2a00::9\n");
}

#[test]
fn overlaps_are_refused_where_the_device_misreads_them() {
    let listing = listing::read("1.10.16.0/20\n1.10.16.7").unwrap();
    for format in [Format::Squid, Format::Cloudflare, Format::AwsWaf] {
        let refusal = format.render(&listing, &options());
        assert_eq!(refusal, Err(RenderError::Overlap(format)));
    }
    // Families never overlap, and neighbours do not.
    let apart = listing::read("1.10.16.0/20\n1.10.32.0/20\n10a::/16").unwrap();
    assert!(Format::Squid.render(&apart, &options()).is_ok());
}

#[test]
fn formats_for_routers_need_a_confirmation_and_a_limit() {
    let listing = listing::read("1.10.16.0/20\n1.10.32.0/20").unwrap();
    for format in [Format::BirdFlow, Format::Exabgp] {
        let with = |confirm, max_entries| {
            let options = Options { confirm, max_entries, ..options() };
            format.render(&listing, &options).map(|r| r.entries)
        };
        assert_eq!(
            with(Confirm::Nothing, Some(9)),
            Err(RenderError::NeedsConfirmation(format))
        );
        assert_eq!(
            with(Confirm::Bgp, None),
            Err(RenderError::NeedsMaxEntries(format))
        );
        assert_eq!(
            with(Confirm::Bgp, Some(1)),
            Err(RenderError::TooMany { found: 2, limit: 1 })
        );
        assert_eq!(with(Confirm::Bgp, Some(2)), Ok(2));
    }
}

#[test]
fn small_prefixes_become_hosts_within_the_limit() {
    let rows = "1.10.16.0/30\n1.10.17.0/24\n1.10.18.0/23\n2a00::1\n9.9.1.1";
    let listing = listing::read(rows).unwrap();
    let with = |max_entries| {
        let options = Options { max_entries, ..Options::default() };
        let out = Format::Sophos.render(&listing, &options).unwrap();
        let lines = out.bytes.split(|b| *b == b'\n').count() - 1;
        assert_eq!(lines, out.entries);
        (out.entries, out.withheld)
    };
    // The /23 is too large and IPv6 unknown there.
    assert_eq!(with(None), (261, 2));
    // No room for the /24, but for what follows.
    assert_eq!(with(Some(10)), (5, 3));
    assert_eq!(with(Some(4)), (4, 4));
}

#[test]
fn plain_text_is_what_a_device_can_read() {
    let out = text(Format::Plain, &sample(), &options());
    assert!(out.is_ascii() && out.ends_with('\n') && !out.contains("\n\n"));
    assert!(!out.contains(['\r', '#', ' ']));
    assert!(out.lines().all(|line| line.contains('/')));
}

#[test]
fn md5_is_that_of_the_list_beside_it() {
    let listing = listing::read("").unwrap();
    let digest = text(Format::CiscoMd5, &listing, &Options::default());
    // `printf '# empty\n' | md5sum`
    assert_eq!(digest, "d5b0eaf0ea4aa52b0dab64b782f42a29");
}

#[test]
fn list_names_that_a_device_could_misread_are_refused() {
    use asgard_policy::feed::format::ListName;
    for good in ["asgard", "a", "Block_List-2", "abcdefghijabcdefghij"] {
        assert_eq!(good.parse::<ListName>().unwrap().as_str(), good);
    }
    let long = "abcdefghijabcdefghijk";
    for bad in ["", "2a", "a b", "a;b", "a\n", "-a", "é", "a.b", long] {
        assert!(bad.parse::<ListName>().is_err(), "{bad:?}");
    }
}

/// 100,000 lines as real feeds have them: 4 of 5 IPv4, two lengths.
fn large() -> Listing {
    let mut listing = sample();
    let cause = listing.lines[0].cause.clone();
    listing.lines = (0u32..100_000)
        .map(|n| {
            let span = if n % 5 == 4 {
                let bits = (0x2a00u128 << 112) | (u128::from(n) << 80);
                Prefix::V6(bits, 48)
            } else {
                Prefix::V4(0x0100_0000 + (n << 9), 24)
            };
            Line { span: Span::Prefix(span), cause: cause.clone() }
        })
        .collect();
    listing
}

#[test]
fn a_hundred_thousand_lines_are_written_in_every_format_in_seconds() {
    let listing = large();
    let options = Options { max_entries: Some(100_000), ..options() };
    for (name, format) in Format::VALUES {
        let started = Instant::now();
        let rendered = format.render(&listing, &options).unwrap();
        let took = started.elapsed();
        assert!(!rendered.bytes.is_empty(), "{name}");
        println!("{name}: {} bytes, {took:?}", rendered.bytes.len());
        assert!(took.as_secs() < 10, "{name} took {took:?}");
    }
}

/// The sample, its lists and rules called by other names.
fn renamed(list: &str, rule: &str) -> Listing {
    let mut listing = sample();
    for line in &mut listing.lines {
        let mut cause = Cause::clone(&line.cause);
        cause.list = cause.list.map(|_| list.into());
        cause.rule = cause.rule.map(|_| rule.into());
        line.cause = Arc::new(cause);
    }
    listing
}

fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    let v4 = (any::<u32>(), 1u8..=32)
        .prop_map(|(bits, len)| Prefix::new(bits_v4(bits), len));
    let v6 = (any::<u128>(), 1u8..=128)
        .prop_map(|(bits, len)| Prefix::new(bits_v6(bits), len));
    let one = prop_oneof![v4, v6]
        .prop_map(|prefix| prefix.expect("lengths of the family"));
    prop::collection::btree_set(one, 0..40)
        .prop_map(|set| set.into_iter().collect())
}

fn bits_v4(bits: u32) -> std::net::IpAddr {
    std::net::Ipv4Addr::from_bits(bits).into()
}

fn bits_v6(bits: u128) -> std::net::IpAddr {
    std::net::Ipv6Addr::from_bits(bits).into()
}

fn listed(prefixes: &[Prefix]) -> Listing {
    let cause = Arc::new(Cause::new(Origin::Ip));
    let line = |&prefix| Line {
        span: Span::Prefix(prefix),
        cause: Arc::clone(&cause),
    };
    Listing { lines: prefixes.iter().map(line).collect(), ..sample() }
}

/// Everything in a text that reads as a prefix.
fn read_back(text: &str) -> BTreeSet<Prefix> {
    let is_address = |c: char| c.is_ascii_hexdigit() || ".:/".contains(c);
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(|c| !is_address(c)))
        .filter(|word| word.contains('/'))
        .filter_map(|word| word.parse().ok())
        .collect()
}

proptest! {
    /// Names come from operators and publishers. None may add a line to what a
    /// device executes, whatever is in it.
    #[test]
    fn no_name_of_a_list_or_rule_changes_the_shape_of_a_text(
        list in ".{0,12}", rule in any::<String>(),
    ) {
        let (odd, plain) = (renamed(&list, &rule), renamed("a", "b"));
        for (name, format) in Format::VALUES {
            // Records quote; see below.
            if CONTAINERS.contains(&format) || format == Format::Csv {
                continue;
            }
            let [odd, plain] = [&odd, &plain]
                .map(|listing| text(format, listing, &options()));
            prop_assert_eq!(
                odd.lines().count(), plain.lines().count(), "{}", name
            );
            prop_assert_eq!(
                read_back(&plain).is_subset(&read_back(&odd)), true
            );
        }
    }

    #[test]
    fn records_say_every_name_as_it_is(
        list in any::<String>(), rule in any::<String>(),
    ) {
        let listing = renamed(&list, &rule);
        let json = text(Format::Json, &listing, &options());
        let records: Vec<Value> = serde_json::from_str(&json).expect("JSON");
        let lines = text(Format::Jsonl, &listing, &options());
        for (record, line) in records.iter().zip(lines.lines()) {
            let same: Value = serde_json::from_str(line).expect("JSON");
            prop_assert_eq!(record, &same);
            let said = |key: &str| record[key].as_str().map(str::to_owned);
            prop_assert!(said("list").is_none_or(|said| said == list));
            prop_assert!(said("rule_id").is_none_or(|said| said == rule));
        }
        let table = text(Format::Csv, &listing, &options());
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let mut rows = 0;
        for row in reader.records() {
            let row = row.expect("as many cells as the header");
            rows += 1;
            let formula = |cell: &str| cell.starts_with(['=', '+', '-', '@']);
            prop_assert!(!row.iter().any(formula), "{:?}", row);
            let bare = |cell: &str| {
                cell.strip_prefix('\'').unwrap_or(cell).to_owned()
            };
            let wanted = list.strip_prefix('\'').unwrap_or(&list);
            prop_assert!(row[6].is_empty() || bare(&row[6]) == wanted);
        }
        prop_assert_eq!(rows, listing.lines.len());
    }

    #[test]
    fn every_prefix_is_in_every_text_and_nothing_else(all in prefixes()) {
        let listing = listed(&all);
        let wanted: BTreeSet<_> = all.into_iter().collect();
        for format in [
            Format::Plain, Format::Panos, Format::Fortigate, Format::Cisco,
            Format::Juniper, Format::Nft, Format::Ipset, Format::HaproxyAcl,
            Format::HaproxyMap, Format::NginxGeo, Format::NginxDeny,
            Format::Dnsdist, Format::Unbound, Format::BindAcl, Format::Bird,
            Format::BirdBlackhole, Format::BirdFlow, Format::Exabgp,
            Format::Frr, Format::SuricataRules, Format::SuricataIprep,
            Format::SnortBlf, Format::Json, Format::Csv, Format::DropJsonl,
        ] {
            let written = text(format, &listing, &Options {
                comments: false, ..options()
            });
            prop_assert_eq!(&read_back(&written), &wanted, "{}", format);
        }
    }
}

#[test]
fn pages_of_a_collection_hold_every_object_once() {
    let listing = sample();
    let all = 1 + listing.lines.len() + listing.asns.len();
    let mut seen = BTreeSet::new();
    let mut start = 0;
    loop {
        let page = stix::page(
            &listing,
            &stix::Wanted::default(),
            stix::Detail::Object,
            start,
            4,
            |at| at.to_string(),
        );
        let page: Value = serde_json::from_slice(&page.bytes).expect("JSON");
        let objects = page["objects"].as_array().expect("objects");
        assert!(objects.len() <= 4);
        for object in objects {
            assert!(seen.insert(object["id"].to_string()), "{object}");
        }
        if page["more"] == false {
            assert_eq!(page.get("next"), None);
            break;
        }
        start = page["next"].as_str().unwrap_or("").parse().expect("a number");
    }
    assert_eq!(seen.len(), all);
    let bundle = text(Format::Stix, &listing, &options());
    let bundle: Value = serde_json::from_str(&bundle).expect("JSON");
    let objects = bundle["objects"].as_array().expect("objects");
    assert!(objects.iter().all(|o| seen.contains(&o["id"].to_string())));
    assert_eq!(objects.len(), all);
}
