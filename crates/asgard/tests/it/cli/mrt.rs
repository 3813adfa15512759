//! `mrt`: both forms, standard input, and files that are cut.

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::program::{Ended, asgard, program};

/// The session of 192.0.2.1 of AS64501 goes down (RFC 6396, 4.4.1).
const STATE: [u8; 32] = [
    0x6a, 0x3f, 0x12, 0x80, 0, 16, 0, 0, 0, 0, 0, 20, // header
    0xfb, 0xf5, 0xfd, 0xe7, 0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2,
    99, // session
    0, 6, 0, 1,
];
const LINE: &str = "BGP4MP|1782518400|STATE|192.0.2.1|64501|6|1\n";
const LIVE: &str = r#"{"type":"ris_message","data":{"timestamp":1553627987.89,"peer":"192.0.2.1","peer_asn":"64501","type":"UPDATE","path":[64501,[7,8]],"origin":"IGP","community":[[65535,666]],"announcements":[{"next_hop":"192.0.2.9","prefixes":["20.0.0.0/8"]}]}}"#;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn piped(args: &[&str], input: &[u8]) -> Ended {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output: Output = child.wait_with_output().unwrap();
    output.into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn mrt_prints_the_lines_of_bgpdump_from_files_and_standard_input() {
    let twice = [STATE, STATE].concat();
    let plain = file(&twice);
    let packed = file(&gzip(&STATE));
    let ended = asgard([
        "mrt".as_ref(),
        plain.path().as_os_str(),
        packed.path().as_os_str(),
    ]);
    assert_eq!(ended.exits(0).stdout, LINE.repeat(3));
    assert_eq!(
        piped(&["mrt", "-"], &gzip(&twice)).exits(0).stdout,
        LINE.repeat(2)
    );
}

#[test]
fn mrt_reads_messages_of_ris_live_and_writes_json_lines() {
    let ended = piped(&["mrt", "-", "-o", "jsonl"], LIVE.as_bytes());
    let json: Value = ended.json();
    let wanted = serde_json::json!({
        "type": "announce", "time": 1_553_627_987.89, "peer": "192.0.2.1",
        "peer_asn": 64501, "prefix": "20.0.0.0/8", "path": [64501, [7, 8]],
        "origin": "IGP", "next_hop": "192.0.2.9",
        "communities": ["65535:666"],
    });
    assert_eq!(json, wanted);
    // What is said to be MRT is no JSON.
    let forced = piped(&["mrt", "-", "--from", "mrt"], LIVE.as_bytes());
    assert!(forced.exits(1).stderr.contains("is this MRT?"));
    let bad = format!("{LIVE}\n{{\"type\":1}}\n");
    let partial = piped(&["mrt", "-"], bad.as_bytes()).exits(7);
    assert!(partial.stderr.contains("line 2"), "{}", partial.stderr);
    assert_eq!(partial.stdout.lines().count(), 1);
}

#[test]
fn a_cut_file_prints_what_came_before_and_names_the_place() {
    let cut = [&STATE[..], &STATE[..20]].concat();
    let bad = file(&cut);
    let name = bad.path().display().to_string();
    let ended = asgard(["mrt", &name]).exits(1);
    assert_eq!(ended.stdout, LINE);
    for word in [&name, "record 2 at byte 32", "the file was cut"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    // Of several files the others are read all the same.
    let good = file(&STATE);
    let good = good.path().display().to_string();
    let ended = asgard(["mrt", &name, "/nonexistent/rib", &good]).exits(7);
    assert_eq!(ended.stdout, LINE.repeat(2));
    assert!(ended.stderr.contains("/nonexistent/rib: cannot open it"));
    let half = gzip(&[STATE; 50].concat());
    fs::write(bad.path(), &half[..half.len() - 9]).unwrap();
    let ended = asgard(["mrt", &name]).exits(1);
    assert!(ended.stderr.contains("the file was cut"), "{}", ended.stderr);
}
