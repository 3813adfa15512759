//! Recordings of RIS Live in the mirror: one of messages, and one that only
//! looks like it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was left out, and counts")]

use std::{fs, ops::ControlFlow, path::Path};

use asgard_ingest::format::{Report, ris_live::ris_live};
use asgard_routing::event::text;

#[expect(clippy::disallowed_methods, reason = "the switch of these tests")]
fn read(file: &str) -> Option<(Vec<String>, Report)> {
    let Ok(mirror) = std::env::var("ASGARD_TEST_MIRROR") else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return None;
    };
    let path = Path::new(&mirror).join("mrt/ris-live").join(file);
    let bytes = fs::read(path).unwrap();
    let mut lines = Vec::new();
    let report = ris_live(&mut &*bytes, &mut |event| {
        let mut line = Vec::new();
        text::line(event, &mut line);
        lines.push(String::from_utf8(line).unwrap());
        ControlFlow::Continue(())
    });
    Some((lines, report.unwrap()))
}

#[test]
fn recorded_messages_become_events() {
    let file = "libbgpstream-ris-live-stream.json";
    let Some((lines, report)) = read(file) else { return };
    let path = "11708 32097 1299 52320 263009 263009 263009 263009 263009 \
                52993 268481 268481";
    let wanted = [
        format!(
            "RIS_LIVE|1553627987.890000|A|72.22.223.9|11708|45.161.192.0/23|\
             {path}|IGP|72.22.223.9|0|0||NAG||\n"
        ),
        "RIS_LIVE|1553625081.880000|STATE|195.66.224.59|24931|0|1\n".into(),
    ];
    assert_eq!(lines, wanted);
    // An error message, an opening, a notification and a keep-alive; another
    // one lacks its last brace.
    assert_eq!((report.rows, report.ignored, report.skipped), (2, 4, 1));
    assert_eq!(report.first_bad.unwrap().line, 7);
}

#[test]
fn another_json_gives_no_event_and_no_panic() {
    let file = "bgpkit-ris_live_raw_full.json";
    let Some((lines, report)) = read(file) else { return };
    assert!(lines.is_empty(), "{lines:?}");
    assert!(report.skipped > 100 && report.rows == 0, "{report:?}");
    assert_eq!(report.first_bad.unwrap().line, 1);
}
