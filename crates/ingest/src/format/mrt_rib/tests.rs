//! A small encoder of MRT, and what must become of its files.

use asgard_model::{Model, Prefix};

use super::*;

/// `TABLE_DUMP` and `TABLE_DUMP_V2` (RFC 6396, 4.2 and 4.3).
const V1: u16 = 12;
const V2: u16 = 13;
const PEERS: u16 = 1;
const IPV4: u16 = 2;
const IPV4_MULTICAST: u16 = 3;
const IPV6: u16 = 4;
const IPV4_ADD_PATH: u16 = 8;
/// Segments of an AS path (RFC 4271; RFC 5065).
const SET: u8 = 1;
const SEQUENCE: u8 = 2;
const CONFEDERATION: u8 = 3;
/// 2026-06-27 00:00:00 UTC.
const MOMENT: u32 = 1_782_518_400;

type Segment<'a> = (u8, &'a [u32]);

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let (kind, subtype) = (kind.to_be_bytes(), subtype.to_be_bytes());
    [&MOMENT.to_be_bytes(), &kind[..], &subtype, &length, body].concat()
}

/// An index of peers 192.0.2.0, 192.0.2.1, …, AS64500, AS64501, ….
fn peers(count: u16) -> Vec<u8> {
    let mut body = vec![198, 51, 100, 1, 0, 1, b'x'];
    body.extend(count.to_be_bytes());
    for peer in 0..count {
        // Type 2: an address of IPv4, an AS number of 32 bits.
        let [high, low] = peer.to_be_bytes();
        body.extend([2, 10, 0, high, low, 192, 0, 2 + high, low]);
        body.extend((64_500 + u32::from(peer)).to_be_bytes());
    }
    record(V2, PEERS, &body)
}

/// `ORIGIN` and `AS_PATH`, with AS numbers of `width` bytes.
fn attributes(path: &[Segment<'_>], width: usize) -> Vec<u8> {
    let mut segments = Vec::new();
    for (kind, asns) in path {
        segments.extend([*kind, u8::try_from(asns.len()).unwrap()]);
        for asn in *asns {
            segments.extend(&asn.to_be_bytes()[4 - width..]);
        }
    }
    let origin = [0x40, 1, 1, 0];
    let header = [&[0x50, 2][..], &short(segments.len())].concat();
    [&origin[..], &header, &segments].concat()
}

fn address(prefix: Prefix) -> Vec<u8> {
    match prefix {
        Prefix::V4(bits, _) => bits.to_be_bytes().to_vec(),
        Prefix::V6(bits, _) => bits.to_be_bytes().to_vec(),
    }
}

/// One prefix; each entry is a peer and its path.
fn rib(
    subtype: u16,
    prefix: &str,
    entries: &[(u16, &[Segment<'_>])],
) -> Vec<u8> {
    let prefix: Prefix = prefix.parse().unwrap();
    let bytes = usize::from(prefix.len().div_ceil(8));
    let mut body = vec![0, 0, 0, 7, prefix.len()];
    body.extend(&address(prefix)[..bytes]);
    body.extend(short(entries.len()));
    for (peer, path) in entries {
        body.extend(peer.to_be_bytes());
        body.extend(MOMENT.to_be_bytes());
        if subtype == IPV4_ADD_PATH {
            body.extend([0, 0, 0, 9]);
        }
        let attributes = attributes(path, 4);
        body.extend(short(attributes.len()));
        body.extend(attributes);
    }
    record(V2, subtype, &body)
}

/// A prefix that these peers carry, with one origin.
fn seen(prefix: &str, origin: u32, by: &[u16]) -> Vec<u8> {
    let path = [64_999, origin];
    let path: &[Segment<'_>] = &[(SEQUENCE, &path)];
    let entries: Vec<_> = by.iter().map(|&peer| (peer, path)).collect();
    let subtype = if prefix.contains(':') { IPV6 } else { IPV4 };
    rib(subtype, prefix, &entries)
}

/// A prefix of `TABLE_DUMP`, which has a record for each peer.
fn seen_v1(prefix: &str, path: &[Segment<'_>], peer: u8) -> Vec<u8> {
    let prefix: Prefix = prefix.parse().unwrap();
    let mut body = vec![0, 0, 0, 1];
    body.extend(address(prefix));
    body.extend([prefix.len(), 1]);
    body.extend(MOMENT.to_be_bytes());
    body.extend([192, 0, 2, peer, 0xfb, peer]);
    let attributes = attributes(path, 2);
    body.extend(short(attributes.len()));
    body.extend(attributes);
    record(V1, 1, &body)
}

const ALL: [u16; 4] = [0, 1, 2, 3];

/// Five peers, of which the last carries little.
fn small() -> Vec<Vec<u8>> {
    let path: &[Segment<'_>] = &[(SEQUENCE, &[64_999, 65_000])];
    let set: &[Segment<'_>] = &[(SEQUENCE, &[64_999]), (SET, &[7, 8])];
    let confederation: &[Segment<'_>] = &[(CONFEDERATION, &[64_999, 7])];
    let other: &[Segment<'_>] = &[(SEQUENCE, &[64_999, 4_200_000_000])];
    let mut file = vec![peers(5)];
    for third in 0..12_u32 {
        file.push(seen(&format!("20.0.{third}.0/24"), 100 + third, &ALL));
    }
    let each = |path| ALL.map(|peer| (peer, path));
    file.extend([
        seen("0.0.0.0/0", 1, &ALL),
        seen("20.1.0.0/25", 1, &ALL),
        // Three of four full feeds are enough, two and a partial one are not.
        seen("20.2.0.0/16", 202, &[0, 1, 3, 4]),
        seen("20.3.0.0/16", 203, &[0, 1, 4]),
        rib(IPV4, "20.4.0.0/16", &each(set)),
        rib(IPV4, "20.5.0.0/16", &each(confederation)),
        rib(IPV4, "20.6.0.0/16", &each(&[])),
        // Of two origins, one that three feeds see and one that one sees.
        rib(
            IPV4,
            "20.7.0.0/16",
            &[(0, path), (1, path), (2, path), (3, other)],
        ),
        // The same prefix again, with other paths of the same peers.
        rib(IPV4_ADD_PATH, "20.0.0.0/24", &each(other)),
        rib(IPV4_MULTICAST, "20.8.0.0/16", &each(path)),
        seen("2a00:1::/48", 301, &ALL),
        seen("2a00:2::/49", 302, &ALL),
        seen("2a00:3::/32", 303, &[0, 1, 2]),
        seen("2a00:4::/32", 304, &[2, 3]),
    ]);
    file
}

fn rule() -> VisibilityRule {
    Model::default_model().visibility()
}

type Read = Result<(Report, [bool; 2], Vec<String>), FormatError>;

fn read(mut bytes: &[u8]) -> Read {
    let mut rows = Vec::new();
    let (report, low) = mrt_rib(&mut bytes, rule(), &mut |row| {
        assert!(!row.as_set && row.stated_rpki.is_none());
        let origins: Vec<_> = row.origins.iter().map(|o| o.0).collect();
        rows.push(format!("{} {origins:?}", row.prefix));
    })?;
    Ok((report, low, rows))
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

#[test]
fn enough_full_feeds_make_a_row() {
    let (report, low, rows) = read(&small().concat()).unwrap();
    let mut wanted = vec!["20.0.0.0/24 [100, 4200000000]".to_owned()];
    wanted.extend(
        (1..12).map(|third| format!("20.0.{third}.0/24 [{}]", 100 + third)),
    );
    wanted.extend(
        [
            "20.2.0.0/16 [202]",
            "20.7.0.0/16 [65000]",
            "2a00:1::/48 [301]",
            "2a00:3::/32 [303]",
        ]
        .map(str::to_owned),
    );
    assert_eq!(rows, wanted);
    assert_eq!((report.rows, report.ignored, report.skipped), (16, 8, 0));
    assert_eq!(low, [false, false]);
    let published = report.published.unwrap().to_string();
    assert_eq!(published, "2026-06-27T00:00:00Z");
}

/// `testdata/format/mrt_rib.mrt`, which other tests read, is made here.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn the_fixture_is_that_of_the_encoder() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/format/mrt_rib.mrt");
    if std::env::var("ASGARD_BLESS").is_ok() {
        std::fs::write(path, small().concat()).unwrap();
    }
    assert_eq!(std::fs::read(path).unwrap(), small().concat());
}

#[test]
fn the_order_of_records_does_not_matter() {
    let mut file = small();
    let index = file.remove(0);
    file.reverse();
    file.insert(0, index);
    let turned = read(&file.concat()).unwrap();
    assert_eq!(turned, read(&small().concat()).unwrap());
}

#[test]
fn with_fewer_than_three_full_feeds_one_is_enough_and_visibility_low() {
    for (feeds, low) in [(1, true), (2, true), (3, false)] {
        let mut file = vec![peers(4)];
        let by: Vec<u16> = (0..feeds).collect();
        for third in 0..12 {
            file.push(seen(&format!("20.0.{third}.0/24"), 1, &by));
        }
        // One feed alone, and one that is not full.
        file.push(seen("20.1.0.0/16", 2, &[0]));
        file.push(seen("20.2.0.0/16", 3, &[3]));
        let (report, found, _) = read(&file.concat()).unwrap();
        // IPv6 has no routes, which is not the same as seen by few.
        assert_eq!(found, [low, false], "{feeds} feeds");
        assert_eq!(report.rows, if low { 13 } else { 12 });
    }
}

#[test]
fn five_percent_of_many_feeds_are_asked_for_and_peers_beyond_128_count() {
    // 200 feeds: 5 % are ten.
    let by: Vec<u16> = (0..200).collect();
    let file = [
        peers(200),
        seen("20.0.0.0/24", 1, &by),
        seen("20.0.1.0/24", 2, &by[191..]),
        seen("20.0.2.0/24", 3, &by[190..]),
    ];
    let rows = read(&file.concat()).unwrap().2;
    assert_eq!(rows, ["20.0.0.0/24 [1]", "20.0.2.0/24 [3]"]);
}

#[test]
fn many_partial_peers_do_not_make_each_other_full() {
    let rule = rule();
    let mut sizes = vec![1_000, 990, 950, 700];
    sizes.extend([50; 40]);
    let view = View::new(&sizes, rule);
    let full: Vec<usize> = view.full_feeds.iter().collect();
    assert_eq!((full, view.min_peers, view.low), (vec![0, 1, 2], 3, false));
    let nothing = View::new(&[0, 0], rule);
    assert_eq!((nothing.full_feeds, nothing.low), (Peers::default(), false));
}

#[test]
fn table_dump_of_the_first_version_is_read() {
    let path: &[Segment<'_>] = &[(SEQUENCE, &[64_999, 701])];
    let set: &[Segment<'_>] = &[(SEQUENCE, &[701]), (SET, &[7])];
    let mut file = Vec::new();
    for prefix in ["20.0.0.0/8", "21.0.0.0/24", "22.0.0.0/25"] {
        file.extend((0..3).map(|peer| seen_v1(prefix, path, peer)));
    }
    file.extend((0..3).map(|peer| seen_v1("23.0.0.0/8", set, peer)));
    let (report, low, rows) = read(&file.concat()).unwrap();
    assert_eq!(rows, ["20.0.0.0/8 [701]", "21.0.0.0/24 [701]"]);
    assert_eq!((report.ignored, low), (2, [false, false]));
}

#[test]
fn a_file_cut_anywhere_inside_a_record_is_refused() {
    let records = small();
    let ends: Vec<usize> = records
        .iter()
        .scan(0, |at, record| {
            *at += record.len();
            Some(*at)
        })
        .collect();
    let bytes = records.concat();
    for cut in 1..bytes.len() {
        if !ends.contains(&cut) {
            let error = read(&bytes[..cut]).unwrap_err();
            let told = matches!(error, FormatError::Truncated(_));
            assert!(told, "at {cut}: {error}");
        }
    }
}

/// A reader that fails after its bytes, as a cut gzip stream does.
struct Cut<'b>(&'b [u8]);

impl std::io::Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match std::io::Read::read(&mut self.0, buffer)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn a_stream_that_fails_between_two_records_has_not_ended() {
    let bytes = small().concat();
    let mut input = std::io::BufReader::new(Cut(&bytes));
    let error = mrt_rib(&mut input, rule(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, FormatError::Truncated(_)), "{error}");
}

#[test]
fn a_damaged_record_is_named() {
    let good = seen("20.0.0.0/24", 1, &[0]);
    let after = |bad: Vec<u8>| [peers(2), good.clone(), bad].concat();
    let body = good[12..].to_vec();
    let mut many = body.clone();
    many[9] = 2;
    let long = [&body[..], &[0]].concat();
    for (bytes, words) in [
        (after(record(V2, IPV4, &many)), ["record 3", "damaged"]),
        (after(record(V2, IPV4, &long)), ["record 3", "damaged"]),
        (after(record(V2, 99, &body)), ["record 3", "damaged"]),
        (after(seen("20.1.0.0/24", 1, &[2])), ["record 3", "damaged"]),
        (after(record(16, 4, &body)), ["record 3", "BGP4MP"]),
        (good.clone(), ["record 1", "no index of peers"]),
        (record(16, 4, &body), ["record 1", "no BGP table"]),
        (record(V1, 1, &[]), ["record 1", ""]),
    ] {
        let refusal = refusal(&bytes);
        for word in words {
            assert!(refusal.contains(word), "{word}: {refusal}");
        }
    }
}

#[test]
fn more_peers_than_any_collector_has_are_refused() {
    let most = u16::try_from(MAX_PEERS).unwrap();
    let by: Vec<u16> = (0..=most).collect();
    let seen_by =
        |by: &[u16]| [peers(most + 1), seen("20.0.0.0/24", 1, by)].concat();
    assert!(read(&seen_by(&by[1..])).is_ok());
    assert!(refusal(&seen_by(&by)).contains("more than 1024 peers"));
}

#[test]
fn a_table_most_of_which_has_no_path_is_damaged() {
    let mut pathless = seen("20.1.0.0/24", 1, &[0]);
    // The type of the attribute AS_PATH becomes one that nobody knows.
    let at = pathless.windows(2).position(|w| w == [0x50, 2]).unwrap();
    pathless[at + 1] = 0xee;
    let alone = refusal(&[peers(1), pathless.clone()].concat());
    assert!(alone.contains("1 of 1 routes"), "{alone}");
    let good = seen("20.0.0.0/24", 1, &[0]);
    let (report, ..) = read(&[peers(1), good, pathless].concat()).unwrap();
    assert_eq!((report.rows, report.ignored), (1, 1));
}

#[test]
fn sets_of_peers_agree_with_plain_sets() {
    let (mut a, mut b) = (Peers::default(), Peers::default());
    [0, 127, 128, 300].into_iter().for_each(|peer| a.insert(peer));
    [127, 129, 300].into_iter().for_each(|peer| b.insert(peer));
    assert_eq!((a.common(&b), b.common(&a)), (2, 2));
    b.unite(&a);
    a.unite(&b);
    assert_eq!(a, b);
    let all: Vec<usize> = a.iter().collect();
    assert_eq!(all, [0, 127, 128, 129, 300]);
}
