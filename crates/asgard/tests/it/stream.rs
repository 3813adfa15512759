//! BGP as it happens, as `asgard serve` sees it: a local server replays RIS Live
//! with faults, and what only the stream tells is found as if it had come in
//! files.

mod collector;

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use asgard_model::Day;
use asgard_synth::{Internet, Plan, Story};
use serde_json::Value;

use self::collector::{Archive, Collector};
use crate::{
    http::Request,
    program::asgard,
    server::{Serve, Server, eventually},
};

/// Until a stream of some thousand messages is applied and scored.
const PATIENCE: Duration = Duration::from_secs(120);
const TODAY: Day = Day(20_631);

/// An Internet in which things happen for a day, the last six hours on RIS Live.
fn internet(prefixes: usize, dir: &Path) {
    let internet = Internet {
        plan: Plan { seed: 3, ases: 400, as_of: TODAY },
        prefixes,
        peers: 6,
        days: 1,
        story: Story::Planted(3),
    };
    internet.write_to(dir).unwrap();
}

/// Takes the recordings of RIS Live out of a mirror: their lines, in order.
fn take_live(mirror: &Path) -> Vec<String> {
    let routing = mirror.join("routing");
    let mut files: Vec<_> = fs::read_dir(&routing)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("ris-live."))
        .collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let text = plain(&fs::read(&file).unwrap());
        let text = String::from_utf8(text).unwrap();
        lines.extend(text.lines().map(ToOwned::to_owned));
        fs::remove_file(file).unwrap();
    }
    lines
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes);
    reader.read_to_end(&mut plain).unwrap();
    plain
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// What was planted, by network.
fn planted(mirror: &Path) -> Vec<u64> {
    let text = fs::read_to_string(mirror.join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let incidents = truth["incidents"].as_array().unwrap();
    let mut asns: Vec<u64> =
        incidents.iter().map(|one| one["asn"].as_u64().unwrap()).collect();
    asns.sort_unstable();
    asns.dedup();
    asns
}

fn key(data: &Path) -> String {
    let words = ["keys", "create", "--scope", "read", "--data-dir"];
    let words = words.map(Into::into).into_iter();
    asgard(words.chain([data.as_os_str().to_owned()])).text()
}

/// What is told about each network, and how many incidents that are.
fn incidents(server: &Server, key: &str, asns: &[u64]) -> (Vec<Value>, usize) {
    let of = |asn: &u64| {
        let path = format!("/v1/asn/{asn}/incidents");
        let reply = server.ask(Request::get(&path).key(key));
        match reply.status {
            404 => Value::Null,
            _ => reply.ok()["data"].clone(),
        }
    };
    let all: Vec<Value> = asns.iter().map(of).collect();
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let total = all.iter().map(count).sum();
    (all, total)
}

fn stream(server: &Server, key: &str) -> Value {
    server.read("/v1/status", key)["ris_live"].clone()
}

#[test]
fn what_only_the_stream_tells_is_found_as_if_it_had_come_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let (mirror, data) = (dir.path().join("mirror"), dir.path().join("data"));
    internet(3_000, &mirror);
    let asns = planted(&mirror);

    // With everything in files.
    let whole = Serve::new(["--mirror".into(), mirror.clone()])
        .args(["--data-dir".into(), dir.path().join("whole")])
        .args(["--rate-limit", "0"]);
    let expected = {
        let key = key(&dir.path().join("whole"));
        let server = whole.settled();
        let expected = incidents(&server, &key, &asns);
        server.stop().exits(0);
        expected
    };

    // With the last six hours on a stream that breaks, and talks nonsense.
    let lines = take_live(&mirror);
    let messages = u64::try_from(lines.len()).unwrap();
    let collector = Collector::start(lines);
    let config = dir.path().join("asgard.yaml");
    let text = "live_seconds: 1\nallow_private: [127.0.0.0/8]\n";
    fs::write(&config, text).unwrap();
    let key = key(&data);
    let server = Serve::new(["--mirror".into(), mirror])
        .args(["--data-dir".into(), data, "--config".into(), config])
        .args(["--rate-limit", "0", "--ris-live", &collector.url()])
        .ready();
    let before = incidents(&server, &key, &asns);
    assert!(before.1 < expected.1, "{} of {}", before.1, expected.1);
    collector.release();
    let status = eventually("all messages", PATIENCE, || {
        let status = stream(&server, &key);
        let all = messages + collector::NONSENSE;
        (status["messages"].as_u64() >= Some(all) && status["waiting"] == 0)
            .then_some(status)
    });
    assert_eq!(status["lost"], 0, "{status}");
    assert_eq!(status["bad"], collector::NONSENSE, "{status}");
    assert_eq!(status["misdated"], 0, "{status}");
    assert!(status["connections"].as_u64() > Some(2), "{status}");
    assert!(status["gaps"].as_u64() >= Some(2), "{status}");
    // Nobody knows what was missed: only a dump can say that it was nothing.
    assert!(status["stale_since"].is_string(), "{status}");
    // Each cycle between may have seen a part of it.
    eventually("the same incidents, in every field", PATIENCE, || {
        let found = incidents(&server, &key, &asns);
        (found.0 == expected.0).then_some(())
    });
    server.stop().exits(0);
}

/// Gives all records of an MRT file another moment (RFC 6396, section 2).
fn made_at(rib: &[u8], at: u32) -> Vec<u8> {
    let mut plain = plain(rib);
    let mut place = 0;
    while place < plain.len() {
        plain[place..place + 4].copy_from_slice(&at.to_be_bytes());
        let length = plain[place + 8..place + 12].try_into().unwrap();
        place += 12 + usize::try_from(u32::from_be_bytes(length)).unwrap();
    }
    gz(&plain)
}

/// A configuration in which RIPE's archive and one list of names are ours.
fn archived(archive: &Archive) -> String {
    let list = asgard(["source", "list", "-o", "json"]).json();
    let mut text = "allow_private: [127.0.0.0/8]\nlive_seconds: 1\n\
                    sources:\n"
        .to_owned();
    for source in list.as_array().unwrap() {
        let name = source["name"].as_str().unwrap();
        let change = match name {
            "ribs" => format!(
                "url: '{}/rrc00/latest-bview.gz', cadence: 1s",
                archive.url()
            ),
            "ripe-asnames" => format!("url: '{}/asn.txt'", archive.url()),
            _ => "enabled: false".to_owned(),
        };
        text += &format!("  {name}: {{ {change} }}\n");
    }
    text
}

#[test]
fn from_archives_and_a_stream_and_a_new_dump_fills_the_holes() {
    let dir = tempfile::tempdir().unwrap();
    let (mirror, data) = (dir.path().join("mirror"), dir.path().join("data"));
    internet(12_000, &mirror);
    let lines = take_live(&mirror);
    let day_end = TODAY.start().as_second();
    let rib = fs::read_dir(mirror.join("routing"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("rib."))
        .unwrap();
    let rib = fs::read(rib).unwrap();
    let archive = Archive::start();
    archive.publish("/rrc00/latest-bview.gz", rib.clone());
    archive.publish("/asn.txt", b"500000 EXAMPLE - Example, NL\n".to_vec());
    let collector = Collector::start(lines);
    collector.release();
    let config = dir.path().join("asgard.yaml");
    fs::write(&config, archived(&archive)).unwrap();
    let key = key(&data);
    let server = Serve::new(["--config".into(), config])
        .args(["--data-dir".into(), data])
        .args(["--rate-limit", "0", "--ris-live", &collector.url()])
        .ready();
    let status = server.read("/v1/status", &key);
    assert!(status["routing"].as_str().unwrap().starts_with("ribs "));
    let status = eventually("the stream is applied", PATIENCE, || {
        let status = stream(&server, &key);
        (collector.is_done() && status["waiting"] == 0).then_some(status)
    });
    assert!(status["events"].as_u64() > Some(0), "{status}");
    assert!(status["stale_since"].is_string(), "{status}");
    let asked = collector.subscriptions();
    assert!(asked.iter().any(|text| text.contains("\"rrc00\"")), "{asked:?}");

    let later = u32::try_from(day_end).unwrap() + 3_600;
    archive.publish("/rrc00/latest-bview.gz", made_at(&rib, later));
    // News make a cycle, and a cycle asks the archive.
    let status = eventually("a new dump", PATIENCE, || {
        collector.says_again();
        let status = stream(&server, &key);
        (status["resyncs"] == 1).then_some(status)
    });
    assert_eq!(status["stale_since"], Value::Null, "{status}");
    server.stop().exits(0);
}
