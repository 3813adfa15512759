//! Names of files that claim a day: what is refused, or has not come yet, must
//! not make everything else look old.

use std::fs;

use serde_json::Value;

use super::scene::gzip;
use crate::world::World;

const LIST: &str = "threats/threatfox-ips/threatfox-ips";

/// What a server says of itself, with a few more files in its mirror.
fn status(world: &World, more: &[(&str, &[u8])]) -> (Value, Vec<u32>) {
    for (day, bytes) in more {
        let file = world.mirror().join(format!("{LIST}-{day}.txt.gz"));
        fs::write(file, bytes).expect("disk");
    }
    let key = world.key("read");
    let server = world.serve().settled();
    let status = server.read("/v1/status", &key);
    let edl = server.edl();
    server.stop().exits(0);
    (status, edl)
}

fn complaint(status: &Value) -> &str {
    let sources = status["sources"].as_array().expect("a list");
    let of = |s: &&Value| s["name"] == "threatfox";
    let source = sources.iter().find(of).expect("it is a source");
    source["last_error"].as_str().unwrap_or_default()
}

#[test]
fn a_refused_file_does_not_move_the_day() {
    let world = World::tiny();
    let good = status(&world, &[]);
    let bad = status(&world, &[("20261120", &gzip(b""))]);
    assert_eq!(bad.0["as_of"], good.0["as_of"]);
    assert_eq!(bad.1, good.1);
    assert!(complaint(&bad.0).contains("20261120"), "{:?}", bad.0);
}

#[test]
fn a_file_that_shrank_does_not_move_the_day_either() {
    let world = World::tiny();
    let good = status(&world, &[]);
    let list = format!("{LIST}-20260627.txt.gz");
    let short = "9.9.9.1\n";
    let long: String = (0..200).map(|n| format!("9.0.0.{n}\n")).collect();
    fs::write(world.mirror().join(list), gzip(long.as_bytes())).expect("disk");
    let bad = status(&world, &[("20260703", &gzip(short.as_bytes()))]);
    assert_eq!(bad.0["as_of"], good.0["as_of"]);
    assert!(complaint(&bad.0).contains("shrunk"), "{:?}", bad.0);
}

#[test]
fn a_file_of_the_future_does_not_count() {
    let world = World::tiny();
    let good = status(&world, &[]);
    let bytes =
        fs::read(world.mirror().join(format!("{LIST}-20260627.txt.gz")))
            .expect("a list");
    let bad = status(&world, &[("20991231", &bytes)]);
    assert_eq!(bad.0["as_of"], good.0["as_of"]);
    assert_eq!(bad.1, good.1);
    assert!(complaint(&bad.0).contains("yet to come"), "{:?}", bad.0);
}
