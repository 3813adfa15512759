//! Profiles of PeeringDB: from the World, from whoever is asked, from the last
//! snapshot.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{server::Server, world::World};

/// An API that knows one profile for whoever it is asked about, and counts.
fn publisher() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            own.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"data":[{"name":"Asked","info_type":"NSP"}]}"#;
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
            let head = format!("{head}Content-Length: {length}\r\n\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (address, asked)
}

fn profile(server: &Server, key: &str, asn: u32) -> Value {
    server.read(&format!("/v1/asn/{asn}/peeringdb"), key)
}

#[test]
fn the_demo_answers_without_network() {
    let world = World::demo();
    let key = world.key("read");
    let server = world.serve().ready();
    let google = profile(&server, &key, 15_169);
    assert_eq!(google["found"], true);
    assert_eq!(google["peeringdb_data"]["name"], "Google LLC");
    assert_eq!(
        profile(&server, &key, 64_512),
        json!({"asn": 64512, "found": false, "peeringdb_data": null})
    );
}

#[test]
fn who_is_not_in_the_bulk_is_asked_for_once() {
    let world = World::demo();
    let key = world.key("read");
    let (address, asked) = publisher();
    let url = format!("http://{address}");
    let server = world.serve().args(["--peeringdb-url", &url]).ready();
    assert_eq!(profile(&server, &key, 15_169)["found"], true);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        let stranger = profile(&server, &key, 64_512);
        assert_eq!(stranger["peeringdb_data"]["name"], "Asked");
        assert_eq!(stranger["peeringdb_data"]["website"], Value::Null);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn profiles_survive_a_restart() {
    let world = World::demo();
    let key = world.key("read");
    let server = world.serve().settled();
    let before = profile(&server, &key, 15_169);
    server.stop().exits(0);
    let server = world.serve().start();
    server.wait_for_log("last snapshot restored");
    assert_eq!(profile(&server, &key, 15_169), before);
}

#[test]
fn a_snapshot_of_an_older_format_is_named_and_replaced() {
    let world = World::demo();
    let key = world.key("read");
    world.serve().settled().stop().exits(0);
    let path = world.data().join("snapshot.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] -= 1;
    fs::write(&path, bytes).unwrap();
    let server = world.serve().settled();
    assert_eq!(profile(&server, &key, 15_169)["found"], true);
    let log = server.stop().stderr;
    assert!(log.contains("last snapshot not usable"), "{log}");
    assert!(log.contains("it has format"), "{log}");
}
