//! How it starts: the line that tools parse, readiness, limits, refusals.

use crate::{http::Request, program::asgard, server::Serve, world::World};

#[test]
fn the_listening_line_is_all_that_stdout_ever_holds() {
    let world = World::tiny();
    let server = world.serve().ready();
    let line = format!("listening on {}\n", server.url());
    assert_eq!(server.stdout(), line);
    assert_eq!(server.stop().stdout, line);
}

#[test]
fn readyz_is_503_before_the_first_snapshot_and_200_after_it() {
    // The first cycle takes a moment; now and then it is faster than we are.
    let caught = (0..10).any(|_| {
        let world = World::demo();
        let server = world.serve().start();
        let first = server.get("/readyz");
        server.wait_until_ready();
        first.status == 503 && first.json()["code"] == "HTTP_503"
    });
    assert!(caught, "ten servers were ready at once");
}

#[test]
fn livez_is_200_before_the_first_snapshot() {
    let world = World::tiny();
    crate::world::empty(&world.mirror());
    let server = world.serve().start();
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn rate_limit_0_is_no_limit() {
    let world = World::tiny();
    let server = world.serve().ready();
    for _ in 0..250 {
        assert_eq!(server.get("/feeds/edl").status, 200);
    }
}

#[test]
fn the_101st_request_of_a_minute_is_refused_by_default() {
    let world = World::tiny();
    let server = Serve::new(world.options()).ready();
    let refused = (0..201).map(|_| server.get("/feeds/edl"));
    // 201 requests in a row touch at most two minutes.
    let refused = refused.filter(|reply| reply.status == 429).count();
    assert!((1..=101).contains(&refused), "{refused}");
}

#[test]
fn the_first_start_without_a_key_prints_the_command_that_makes_one() {
    let world = World::tiny();
    let server = world.serve().ready();
    let log = server.stderr();
    let (_, rest) = log.split_once("asgard keys create").expect(&log);
    let words = rest.lines().next().unwrap().split_whitespace();
    let key = asgard(["keys", "create"].into_iter().chain(words)).text();
    let request = Request::get("/v1/status").key(&key);
    crate::server::eventually("the key opens", crate::server::DEADLINE, || {
        (server.ask(request).status == 200).then_some(())
    });
}

#[test]
fn a_start_with_a_key_says_nothing_of_keys() {
    let world = World::tiny();
    world.key("read");
    let log = world.serve().ready().stop().stderr;
    assert!(!log.contains("keys create"), "{log}");
}

#[test]
fn a_second_server_on_a_data_directory_is_refused_and_told_why() {
    let world = World::tiny();
    let first = world.serve().ready();
    let second = world.serve().ends();
    assert_eq!(second.code(), Some(1), "{second:#?}");
    assert_eq!(second.stdout, "");
    let dir = world.data().display().to_string();
    assert!(second.stderr.contains("another asgard"), "{}", second.stderr);
    assert!(second.stderr.contains(&dir), "{}", second.stderr);
    assert_eq!(first.get("/readyz").status, 200);
}

#[test]
fn a_demo_is_refused_on_real_data() {
    let world = World::tiny();
    world.serve().ready().stop().exits(0);
    let demo = ["--demo".into(), "--data-dir".into(), world.data()];
    let ended = Serve::new(demo).ends();
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("holds real data"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--data-dir"), "{}", ended.stderr);
}

#[test]
fn real_data_are_refused_on_a_demo() {
    let demo = World::demo();
    demo.serve().ready().stop().exits(0);
    let mirror = World::tiny();
    let real = ["--mirror".into(), mirror.mirror()];
    let real = real.into_iter().chain(["--data-dir".into(), demo.data()]);
    let ended = Serve::new(real).ends();
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("holds demo data"), "{}", ended.stderr);
}

#[test]
fn a_demo_says_so_in_log_status_and_feed() {
    let world = World::demo();
    let key = world.key("read");
    let server = world.serve().ready();
    assert!(server.stderr().contains("DEMO"), "{}", server.stderr());
    let status = server.read("/v1/status", &key);
    assert_eq!(status["demo"], true);
    assert_eq!(status["snapshot"]["demo"], true);
    let feed = server.get("/feeds/edl");
    assert_eq!(feed.headers["x-asgard-demo"], "true", "{feed:?}");
}

#[test]
fn a_mirror_is_nowhere_called_a_demo() {
    let world = World::tiny();
    let key = world.key("read");
    let server = world.serve().ready();
    assert_eq!(server.read("/v1/status", &key)["demo"], false);
    let feed = server.get("/feeds/edl");
    assert_eq!(feed.headers.get("x-asgard-demo"), None);
    assert!(!server.stderr().contains("DEMO"), "{}", server.stderr());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let world = World::tiny();
    let ended = world.run(&["serve", "--listen", &address]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}

#[test]
fn a_mirror_that_is_not_there_is_named() {
    let world = World::tiny();
    std::fs::remove_dir_all(world.mirror()).unwrap();
    let ended = world.serve().ends();
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    let path = world.mirror().display().to_string();
    assert!(ended.stderr.contains(&path), "{}", ended.stderr);
}

#[test]
fn a_log_that_is_no_terminal_holds_no_escape_codes() {
    let world = World::tiny();
    let log = world.serve().settled().stop().stderr;
    assert!(log.contains("cycle finished"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}
