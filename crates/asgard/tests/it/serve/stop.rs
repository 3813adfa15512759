//! How it ends: what is under way finishes, what is idle does not delay.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    http::{Request, connect, receive},
    server::{DEADLINE, eventually},
    world::World,
};

#[test]
fn sigterm_finishes_the_request_under_way_and_exits_0() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().ready();
    let body = json!({ "asns": [15169, 64512] }).to_string();
    let request = Request::post("/v1/tools/bulk-risk-check", &body).key(&key);
    let mut stream = connect(server.address).unwrap();
    let (now, later) = body.split_at(body.len() / 2);
    stream.write_all(request.head().as_bytes()).unwrap();
    stream.write_all(now.as_bytes()).unwrap();
    // Until the server has read the head, the request is not under way.
    sleep(Duration::from_millis(300));
    server.terminate();
    eventually("no new connections", DEADLINE, || {
        TcpStream::connect(server.address).err()
    });
    stream.write_all(later.as_bytes()).unwrap();
    let reply = receive(&mut stream).unwrap();
    assert_eq!(reply.ok()["total"], 2);
    server.end().exits(0);
}

#[test]
fn an_idle_connection_does_not_delay_the_end() {
    let world = World::tiny();
    let server = world.serve().ready();
    let mut idle = connect(server.address).unwrap();
    let head = "GET /livez HTTP/1.1\r\nHost: asgard\r\n\r\n";
    idle.write_all(head.as_bytes()).unwrap();
    assert!(idle.read(&mut [0; 4096]).unwrap() > 0);
    let begun = Instant::now();
    server.stop().exits(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_never_finishes_is_cut_off_within_the_deadline() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().ready();
    let request =
        Request::post("/v1/tools/bulk-risk-check", "{\"asns\":[1]}").key(&key);
    let mut stream = connect(server.address).unwrap();
    stream.write_all(request.head().as_bytes()).unwrap();
    sleep(Duration::from_millis(300));
    let begun = Instant::now();
    server.stop().exits(0);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn sigterm_before_the_first_snapshot_exits_0() {
    let world = World::demo();
    let server = world.serve().start();
    server.stop().exits(0);
}
