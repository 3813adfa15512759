//! Messages as the manual and recordings have them, and worse.

use std::ops::ControlFlow;

use super::*;
use asgard_routing::event::text;

/// One message of each kind, a line each.
pub(in crate::format) fn fixture() -> String {
    let peer = r#""timestamp":1553627987.89,"peer":"192.0.2.1","peer_asn":"64501","id":"x","host":"rrc00""#;
    let lines = [
        format!(
            r#"{{"type":"ris_message","data":{{{peer},"type":"UPDATE","path":[64501,[7,8],9],"community":[[65535,666],[64501,1]],"origin":"IGP","med":5,"aggregator":"64502:198.51.100.7","raw":"FFFF","announcements":[{{"next_hop":"192.0.2.9","prefixes":["20.0.0.0/8","20.1.2.3/16"]}},{{"next_hop":"2001:db8::9,fe80::1","prefixes":["2001:db8::/32"]}}],"withdrawals":["20.2.0.0/16"]}}}}"#
        ),
        format!(
            r#"{{"type":"ris_message","data":{{{peer},"type":"UPDATE","withdrawals":["2001:db8::/48"]}}}}"#
        ),
        format!(
            r#"{{"type": "ris_message", "data": {{{peer}, "type": "RIS_PEER_STATE", "state": "down"}}}}"#
        ),
        format!(
            r#"{{"type":"ris_message","data":{{{peer},"type":"RIS_PEER_STATE","state":"connected"}}}}"#
        ),
        format!(
            r#"{{"type":"ris_message","data":{{{peer},"type":"KEEPALIVE"}}}}"#
        ),
        r#"{"type":"ris_error","data":{"message":"slow"}}"#.to_owned(),
        r#"{"type":"pong","data":null}"#.to_owned(),
    ];
    lines.join("\n")
}

fn read(text: &str) -> (Vec<String>, Report) {
    let mut found = Vec::new();
    let report = ris_live(&mut text.as_bytes(), &mut |event| {
        let mut line = Vec::new();
        text::line(event, &mut line);
        found.push(String::from_utf8(line).unwrap().trim_end().to_owned());
        ControlFlow::Continue(())
    });
    (found, report.unwrap())
}

#[test]
fn messages_become_the_same_events_as_records() {
    let (found, report) = read(&fixture());
    let head = "RIS_LIVE|1553627987.890000";
    let peer = "192.0.2.1|64501";
    let known = |hop| {
        format!(
            "64501 {{7,8}} 9|IGP|{hop}|0|5|65535:666 64501:1|NAG|\
             64502 198.51.100.7|"
        )
    };
    let wanted = [
        format!("{head}|W|{peer}|20.2.0.0/16"),
        format!("{head}|A|{peer}|20.0.0.0/8|{}", known("192.0.2.9")),
        format!("{head}|A|{peer}|20.1.0.0/16|{}", known("192.0.2.9")),
        format!("{head}|A|{peer}|2001:db8::/32|{}", known("2001:db8::9")),
        format!("{head}|W|{peer}|2001:db8::/48"),
        format!("{head}|STATE|{peer}|0|1"),
        format!("{head}|STATE|{peer}|0|6"),
    ];
    assert_eq!(found, wanted);
    assert_eq!((report.rows, report.ignored, report.skipped), (4, 3, 0));
}

#[test]
fn a_bad_line_is_counted_and_never_fatal() {
    let good = fixture();
    let first = good.lines().next().unwrap();
    for (from, to) in [
        ("20.0.0.0/8", "20.0.0.0/33"),
        ("20.2.0.0/16", "x"),
        ("192.0.2.9", "192.0.2.999"),
        ("\"192.0.2.1\"", "\"192.0.2\""),
        ("\"64501\"", "\"AS64501\""),
        ("1553627987.89", "-1"),
        ("1553627987.89", "4294967296"),
        ("[7,8]", "[7,-8]"),
        ("[65535,666]", "[65536,666]"),
        ("64502:", ""),
        ("\"IGP\"", "\"XGP\""),
        ("\"med\":5", "\"med\":5.5"),
        ("]}}", "]}"),
    ] {
        let bad = first.replacen(from, to, 1);
        assert_ne!(bad, first);
        let (found, report) = read(&format!("{bad}\n{good}"));
        assert_eq!((found.len(), report.skipped), (7, 1), "{from} → {to}");
        assert_eq!(report.first_bad.unwrap().line, 1);
    }
    let (found, report) = read("\n[1]\n17\nnull\n{}\n\u{0}");
    assert_eq!((found.len(), report.skipped), (0, 5));
}

#[test]
fn a_line_without_end_costs_no_memory_and_is_one_bad_line() {
    let long = "x".repeat(3 * MAX_MESSAGE_BYTES);
    let (found, report) = read(&format!("{long}\n{}\n{long}", fixture()));
    assert_eq!((found.len(), report.skipped), (7, 2));
    assert!(report.first_bad.unwrap().reason.contains("megabyte"));
}

#[test]
fn a_sink_that_has_enough_ends_the_reading() {
    let mut seen = 0;
    let sink: Sink<'_> = &mut |_| {
        seen += 1;
        if seen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    ris_live(&mut fixture().as_bytes(), sink).unwrap();
    assert_eq!(seen, 2);
}

/// A message that was recorded in 2019.
#[test]
fn a_real_message_is_read() {
    let line = r#"{"type":"ris_message","data":{"timestamp":1553627987.89,"peer":"72.22.223.9","peer_asn":"11708","id":"72.22.223.9-1553627987.89-1829343","host":"rrc00","type":"UPDATE","path":[11708,32097,1299,52320,263009,263009,52993,268481,268481],"origin":"igp","announcements":[{"next_hop":"72.22.223.9","prefixes":["45.161.192.0/23"]}]}}"#;
    let (found, _) = read(line);
    let wanted = "RIS_LIVE|1553627987.890000|A|72.22.223.9|11708|\
                  45.161.192.0/23|11708 32097 1299 52320 263009 263009 52993 \
                  268481 268481|IGP|72.22.223.9|0|0||NAG||";
    assert_eq!(found, [wanted]);
}
