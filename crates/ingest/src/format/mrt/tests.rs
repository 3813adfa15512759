//! What must become of records, good and bad.

use std::ops::ControlFlow;

use asgard_model::Asn;

use super::{
    fixture::{
        BGP4MP, BGP4MP_ET, INDEX, MESSAGE, MESSAGE_AS4, MESSAGE_AS4_ADD_PATH,
        MESSAGE_AS4_LOCAL, MOMENT, RIB_V4, RIB_V4_MULTICAST, STATE, TABLE_DUMP,
        TABLE_DUMP_V2, attribute, bgp, index, message, mixed, nlri, path,
        plain, read, record, rib, session, update,
    },
    *,
};
use asgard_routing::event::{
    Attributes, Community, Details, Envelope, Event, LargeCommunity,
    OriginCode, What, json,
};

/// The lines of a good file.
fn lines(bytes: &[u8]) -> Vec<String> {
    let (lines, end) = read(bytes);
    end.unwrap();
    lines
}

/// Everything about the first route of a file that has one.
fn first_route<T>(
    mut bytes: &[u8],
    look: impl Fn(&Event<'_>, &Attributes<'_>) -> T,
) -> T {
    let mut found = None;
    let end = mrt(&mut bytes, &mut |event| match event.what {
        What::Rib { attributes, .. } | What::Announce { attributes, .. } => {
            found = Some(look(event, attributes));
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    end.unwrap();
    found.unwrap()
}

#[test]
fn tables_and_updates_are_written_as_bgpdump_does() {
    let [updates, table] = mixed();
    let peer = "192.0.2.1|64501";
    assert_eq!(
        lines(&updates),
        [
            format!("BGP4MP|{MOMENT}|STATE|{peer}|6|1"),
            format!("BGP4MP|{MOMENT}|W|{peer}|20.2.0.0/16"),
            format!(
                "BGP4MP|{MOMENT}|A|{peer}|20.0.0.0/8|64501 7|IGP|192.0.2.9|0|0\
                 ||NAG||"
            ),
            format!(
                "BGP4MP|{MOMENT}|A|{peer}|20.1.0.0/16|64501 7|IGP|192.0.2.9|0|\
                 0||NAG||"
            ),
            format!(
                "BGP4MP|{MOMENT}|A|{peer}|2001:db8::/32|64501 7|IGP|\
                 2001:db8::9|0|0||NAG||"
            ),
            format!(
                "BGP|{MOMENT}|A|{peer}|20.0.0.0/8|64501 {{7,8}}|||0|0|\
                 65535:666|NAG||"
            ),
            format!(
                "BGP|{MOMENT}|A|{peer}|20.1.0.0/16|64501 {{7,8}}|||0|0|\
                 65535:666|NAG||"
            ),
        ]
    );
    assert_eq!(
        lines(&table),
        [
            format!(
                "TABLE_DUMP2|{MOMENT}|B|192.0.2.0|64500|20.0.0.0/8|64500 7|IGP\
                 |192.0.2.9|0|0||NAG||"
            ),
            format!(
                "TABLE_DUMP2|{MOMENT}|B|192.0.2.2|64502|20.0.0.0/8|\
                 64501 {{7,8}}|||0|0|65535:666|NAG||"
            ),
            format!(
                "TABLE_DUMP2_AP|{MOMENT}|B|{peer}|20.1.0.0/16|1|64501 8|IGP|\
                 192.0.2.9|0|0||NAG||"
            ),
            format!(
                "TABLE_DUMP2_AP|{MOMENT}|B|{peer}|20.1.0.0/16|2|64501 9|IGP|\
                 192.0.2.9|0|0||NAG||"
            ),
            // A next hop of four bytes is none for IPv6.
            format!(
                "TABLE_DUMP2|{MOMENT}|B|192.0.2.0|64500|2001:db8::/32|64500|\
                 IGP||0|0||NAG||"
            ),
        ]
    );
}

/// Attributes of every kind that is read.
fn everything() -> Vec<u8> {
    [
        attribute(0x40, 1, &[2]),
        path(2, 4, &[(3, &[5, 6]), (2, &[64_500, 4_200_000_000])]),
        attribute(0x40, 3, &[192, 0, 2, 9]),
        attribute(0x80, 4, &[0, 0, 1, 0]),
        attribute(0x40, 5, &[0, 0, 0, 100]),
        attribute(0x40, 6, &[]),
        attribute(0xc0, 7, &[0, 0, 0xfb, 0xf4, 198, 51, 100, 7]),
        attribute(0xc0, 8, &[0xff, 0xff, 0xff, 1, 0xfb, 0xf4, 0, 9]),
        attribute(0xc0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        attribute(0xc0, 35, &[0, 0, 0xfb, 0xf5]),
        // Of extended communities nothing is read; of what nobody knows, too.
        attribute(0xc0, 16, &[0; 8]),
        attribute(0xc0, 200, &[1, 2, 3]),
    ]
    .concat()
}

fn all_details() -> Details {
    Details {
        origin: Some(OriginCode::Incomplete),
        next_hop: Some("192.0.2.9".parse().unwrap()),
        med: Some(256),
        local_pref: Some(100),
        communities: vec![Community(0xffff_ff01), Community(0xfbf4_0009)],
        large_communities: vec![LargeCommunity { global: 1, local: [2, 3] }],
        aggregator: Some((Asn(64_500), "198.51.100.7".parse().unwrap())),
        atomic: true,
        otc: Some(Asn(64_501)),
    }
}

#[test]
fn every_attribute_arrives_from_tables_and_messages() {
    let entry = (0, None, everything());
    let table = [index(1), rib(RIB_V4, "20.0.0.0/8", &[entry])].concat();
    let told = update(&[], &everything(), &nlri("20.0.0.0/8"));
    let updates = message(MESSAGE_AS4, &bgp(2, &told));
    for file in [table, updates] {
        let found = first_route(&file, |_, attributes| {
            let path = attributes.path().unwrap().to_string();
            (path, attributes.details().clone())
        });
        assert_eq!(found, ("(5 6) 64500 4200000000".into(), all_details()));
    }
    let json =
        first_route(&message(MESSAGE_AS4, &bgp(2, &told)), |event, _| {
            let mut line = Vec::new();
            json::line(event, &mut line);
            serde_json::from_slice::<serde_json::Value>(&line).unwrap()
        });
    let wanted = serde_json::json!({
        "type": "announce", "time": MOMENT, "peer": "192.0.2.1",
        "peer_asn": 64501, "prefix": "20.0.0.0/8",
        "path": [{"confed_sequence": [5, 6]}, 64500, 4_200_000_000_u32],
        "origin": "INCOMPLETE", "next_hop": "192.0.2.9", "local_pref": 100,
        "med": 256, "communities": ["65535:65281", "64500:9"],
        "large_communities": ["1:2:3"],
        "aggregator": {"asn": 64500, "router": "198.51.100.7"},
        "atomic": true, "otc": 64501,
    });
    assert_eq!(json, wanted);
}

#[test]
fn numbers_of_four_bytes_are_put_into_their_places() {
    let with = |aggregators: &[Vec<u8>]| {
        let known = [
            path(2, 2, &[(2, &[64_501, 23_456, 23_456])]),
            path(17, 4, &[(2, &[4_200_000_001, 4_200_000_002])]),
            aggregators.concat(),
        ];
        let told = update(&[], &known.concat(), &nlri("20.0.0.0/8"));
        let body = [session(2), bgp(2, &told)].concat();
        first_route(&record(BGP4MP, MESSAGE, &body), |_, attributes| {
            let path = attributes.path().unwrap().to_string();
            (path, attributes.details().aggregator.map(|(asn, _)| asn.0))
        })
    };
    let merged = "64501 4200000001 4200000002".to_owned();
    let old = |asn: u16| {
        let [high, low] = asn.to_be_bytes();
        attribute(0xc0, 7, &[high, low, 198, 51, 100, 7])
    };
    let new = attribute(0xc0, 18, &[0, 1, 0, 0, 198, 51, 100, 7]);
    assert_eq!(with(&[]), (merged.clone(), None));
    assert_eq!(with(&[old(64_500)]), (merged.clone(), Some(64_500)));
    assert_eq!(with(&[old(23_456), new.clone()]), (merged, Some(65_536)));
    // RFC 6793, 4.2.3: both are stale.
    let stale = "64501 23456 23456".to_owned();
    assert_eq!(with(&[old(64_500), new]), (stale, Some(64_500)));
}

#[test]
fn microseconds_path_ids_and_local_messages_are_told() {
    let list = [&[0, 0, 0, 7][..], &nlri("20.0.0.0/8")].concat();
    let told = bgp(2, &update(&list, &plain(&[64_501]), &list));
    let found = lines(&message(MESSAGE_AS4_ADD_PATH, &told));
    let head = format!("BGP4MP_AP|{MOMENT}");
    assert_eq!(found[0], format!("{head}|W|192.0.2.1|64501|20.0.0.0/8|7"));
    assert!(found[1].starts_with(&format!("{head}|A|192.0.2.1|64501|20")));
    assert!(found[1].contains("|20.0.0.0/8|7|64501|IGP|"), "{}", found[1]);

    let micros = 509_481_u32.to_be_bytes().to_vec();
    let states = [micros, session(2), vec![0, 3, 0, 2]].concat();
    let found = lines(&record(BGP4MP_ET, STATE, &states));
    let wanted = format!("BGP4MP_ET|{MOMENT}.509481|STATE|192.0.2.1|64501|3|2");
    assert_eq!(found, [wanted]);

    let told = bgp(2, &update(&[], &plain(&[9]), &nlri("20.0.0.0/8")));
    let local = first_route(&message(MESSAGE_AS4_LOCAL, &told), |event, _| {
        event.envelope
    });
    assert_eq!(local, Envelope::Bgp4mp { local: true });
}

#[test]
fn table_dump_of_the_first_version_is_read() {
    let entry = |last: u8| {
        let known = path(2, 2, &[(2, &[64_501, 7])]);
        let length = u8::try_from(known.len()).unwrap();
        let head = [20, last, 0, 0, 16, 1, 0, 0, 0, 9, 192, 0, 2, 1, 0xfb];
        [&head[..], &[0xf5, 0, length], &known].concat()
    };
    // Old collectors put several entries into a record.
    let body = [vec![0; 4], entry(1), entry(2)].concat();
    let line = |last: u8| {
        format!(
            "TABLE_DUMP|{MOMENT}|B|192.0.2.1|64501|20.{last}.0.0/16|64501 7||\
             |0|0||NAG||"
        )
    };
    assert_eq!(lines(&record(TABLE_DUMP, 1, &body)), [line(1), line(2)]);
}

#[test]
fn what_was_read_before_a_cut_is_kept() {
    for file in mixed() {
        let whole = lines(&file);
        for cut in 1..file.len() {
            let (before, end) = read(&file[..cut]);
            assert_eq!(before, whole[..before.len()], "at {cut}");
            // Between two records a cut is not to be seen.
            let Err(broken) = end else { continue };
            assert!(matches!(broken.damage, Damage::Cut(_)), "{broken}");
            assert_eq!(broken.before.events, before.len() as u64);
            assert_eq!(broken.place.record, broken.before.records + 1);
            let at = usize::try_from(broken.place.offset).unwrap();
            assert!(at < cut && read(&file[..at]).1.is_ok(), "{broken}");
        }
    }
}

#[test]
fn a_damaged_record_is_named_with_its_place() {
    let good = rib(RIB_V4, "20.0.0.0/8", &[(0, None, plain(&[64_500]))]);
    let body = &good[12..];
    let mut many = body.to_vec();
    many[7] = 2;
    let long = [body, &[0]].concat();
    let absent = rib(RIB_V4, "20.0.0.0/8", &[(1, None, plain(&[64_500]))]);
    for (bad, word) in [
        (record(TABLE_DUMP_V2, RIB_V4, &many), "do not fit"),
        (record(TABLE_DUMP_V2, RIB_V4, &long), "do not fit"),
        (record(TABLE_DUMP_V2, RIB_V4, &[0, 0, 0, 1, 33]), "do not fit"),
        (absent, "name no peer"),
        (record(TABLE_DUMP_V2, 99, body), "no subtype 99"),
        (record(TABLE_DUMP, 3, body), "no subtype 3"),
        (record(TABLE_DUMP, 1, &[0; 5]), "do not fit"),
        (record(999, 1, body), "entry type: 999"),
        (record(TABLE_DUMP_V2, INDEX, &[1]), ""),
    ] {
        let file = [index(1), good.clone(), bad].concat();
        let (before, end) = read(&file);
        let broken = end.unwrap_err();
        let offset = (index(1).len() + good.len()) as u64;
        assert_eq!(broken.place, Place { record: 3, offset }, "{broken}");
        assert_eq!((before.len(), broken.before.events), (1, 1));
        let told = broken.to_string();
        assert!(told.contains(&format!("record 3 at byte {offset}")), "{told}");
        assert!(told.contains(word), "{word}: {told}");
    }
    let broken = read(&good).1.unwrap_err().to_string();
    assert!(broken.contains("no index of peers"), "{broken}");
}

#[test]
fn a_stream_that_fails_is_not_taken_for_its_end() {
    struct Fails<'b>(&'b [u8]);
    impl io::Read for Fails<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match io::Read::read(&mut self.0, buffer)? {
                0 => Err(io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }
    let [updates, _] = mixed();
    let mut input = io::BufReader::new(Fails(&updates));
    let broken = mrt(&mut input, &mut |_| ControlFlow::Continue(()));
    let broken = broken.unwrap_err();
    assert!(broken.to_string().contains("the disk is gone"), "{broken}");
    assert_eq!(broken.before.events, 7);
}

#[test]
fn one_message_of_nonsense_is_left_out_and_told() {
    let good = message(
        MESSAGE_AS4,
        &bgp(2, &update(&[], &plain(&[9]), &nlri("20.0.0.0/8"))),
    );
    let short = message(MESSAGE_AS4, &bgp(2, &[0, 9, 1]));
    let file = [good.clone(), short, good.clone(), good.clone()].concat();
    let (lines, end) = read(&file);
    let summary = end.unwrap();
    assert_eq!((lines.len(), summary.records, summary.unreadable), (3, 4, 1));
    let (place, _) = summary.first_unreadable.unwrap();
    assert_eq!((place.record, place.offset), (2, good.len() as u64));
}

#[test]
fn of_a_malformed_list_the_routes_before_the_fault_are_kept() {
    let list = [nlri("20.0.0.0/8"), nlri("21.0.0.0/8"), vec![24, 1]].concat();
    let told = bgp(2, &update(&[], &plain(&[9]), &list));
    let good = bgp(2, &update(&nlri("20.0.0.0/8"), &[], &[]));
    let file = [told, good.clone(), good].map(|b| message(MESSAGE_AS4, &b));
    let (lines, end) = read(&file.concat());
    let announced = lines.iter().filter(|line| line.contains("|A|")).count();
    assert_eq!((announced, end.unwrap().unreadable), (2, 1));
    // With path ids the same bytes could be anything.
    let list = [vec![0, 0, 0, 7], list, vec![33]].concat();
    let told = bgp(2, &update(&[], &plain(&[9]), &list));
    let (lines, _) = read(&message(MESSAGE_AS4_ADD_PATH, &told));
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn a_file_that_is_nonsense_for_the_most_part_is_broken() {
    let short = message(MESSAGE_AS4, &bgp(2, &[0, 9, 1]));
    let broken = read(&[short.clone(), short].concat()).1.unwrap_err();
    let told = broken.to_string();
    assert!(told.contains("2 of 2") && told.contains("record 1"), "{told}");
}

#[test]
fn other_files_are_told_from_mrt() {
    for (bytes, word) in [
        (&b"<!DOCTYPE html><html><body>404</body></html>"[..], "web page"),
        (b"\x1f\x8b\x08 twice compressed, that is", "compressed twice"),
        (&[0; 60], "no record of the file"),
        (b"20.0.0.0/8,64500\n21.0.0.0/8,64501\n22.0.0.0/8", "is this MRT?"),
    ] {
        let (lines, end) = read(bytes);
        let told = end.unwrap_err().to_string();
        assert!(told.contains(word) && lines.is_empty(), "{word}: {told}");
    }
    let (lines, end) = read(b"");
    assert_eq!((lines.len(), end.unwrap()), (0, Summary::default()));
}

#[test]
fn multicast_and_other_protocols_are_counted() {
    let [_, table] = mixed();
    let entry = (0, None, plain(&[64_500]));
    let reach = [0, 1, 2, 4, 192, 0, 2, 9, 0, 24, 20, 0, 0];
    let known = [plain(&[9]), attribute(0x80, 14, &reach)].concat();
    let file = [
        table.clone(),
        rib(RIB_V4_MULTICAST, "20.0.0.0/8", &[entry]),
        record(TABLE_DUMP_V2, 6, &[1, 2, 3]),
        record(48, 0, &[1, 2, 3]),
        message(MESSAGE_AS4, &bgp(2, &update(&[], &known, &[]))),
    ];
    let (found, end) = read(&file.concat());
    assert_eq!(found, lines(&table));
    assert_eq!(end.unwrap().unsupported, 3);
}

#[test]
fn a_sink_that_has_enough_ends_the_reading() {
    for file in mixed() {
        let mut seen = 0;
        let end = mrt(&mut &*file, &mut |_| {
            seen += 1;
            if seen == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!((seen, end.unwrap().events), (3, 3));
    }
}
