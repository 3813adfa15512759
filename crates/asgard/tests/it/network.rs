//! Sources from their publishers: fetched, asked again politely, refused when
//! they are not believable, and still there when the publisher is not.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    program::asgard,
    server::{Serve, Server},
    world::World,
};

/// A publisher: files by path, each with an entity tag, and what was asked.
#[derive(Clone, Default)]
struct Publisher {
    files: Arc<Mutex<BTreeMap<String, String>>>,
    /// `Last-Modified` of all files, if they have one.
    modified: Arc<Mutex<Option<Timestamp>>>,
    answers: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Publisher {
    fn start() -> (Self, SocketAddr) {
        let publisher = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = publisher.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let publisher = own.clone();
                thread::spawn(move || publisher.answer(stream.unwrap()));
            }
        });
        (publisher, address)
    }

    fn publish(&self, path: &str, text: String) {
        let mut files =
            self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(path.to_owned(), text);
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let mut known = None;
        for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("if-none-match")
            {
                known = Some(value.to_owned());
            }
        }
        let text = self.files.lock().unwrap()[&path].clone();
        let tag = format!("\"{}\"", text.len());
        let status = if known == Some(tag.clone()) { 304 } else { 200 };
        self.answers.lock().unwrap().push((path, status));
        let body = if status == 304 { "" } else { &text };
        let modified = *self.modified.lock().unwrap();
        let modified = modified.map_or_else(String::new, |at| {
            at.strftime("Last-Modified: %a, %d %b %Y %T GMT\r\n").to_string()
        });
        let head = format!(
            "HTTP/1.1 {status} X\r\nETag: {tag}\r\nContent-Length: {}\r\n\
             {modified}Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }

    fn statuses(&self, path: &str) -> Vec<u16> {
        let answers = self.answers.lock().unwrap();
        answers.iter().filter(|a| a.0 == path).map(|a| a.1).collect()
    }
}

/// C2 servers in the space of AS64500.
fn c2(count: usize) -> String {
    (0..count).map(|i| format!("9.9.{}.{}\n", i / 200, i % 200 + 1)).collect()
}

/// A small Internet: a routing table, names, and one threat list.
fn internet(world: &World) -> (Publisher, PathBuf) {
    let (publisher, address) = Publisher::start();
    publisher.publish(
        "/table",
        "9.9.0.0\t9.9.3.255\t64500\tNL\tBADHOST\n\
         9.10.0.0\t9.10.3.255\t64501\tNL\tGOODHOST\n"
            .to_owned(),
    );
    publisher.publish(
        "/names",
        "64500 BADHOST - Bad, NL\n64501 GOODHOST - Good, NL\n".to_owned(),
    );
    publisher.publish("/c2", c2(400));
    let list = asgard(["source", "list", "-o", "json"]).json();
    let mut text = "allow_private: [127.0.0.0/8]\nsources:\n".to_owned();
    for source in list.as_array().unwrap() {
        let name = source["name"].as_str().unwrap();
        let change = match name {
            "iptoasn" => {
                format!("enabled: true, url: 'http://{address}/table'")
            }
            "ripe-asnames" => format!("url: 'http://{address}/names'"),
            "threatfox" => format!("url: 'http://{address}/c2'"),
            _ => "enabled: false".to_owned(),
        };
        text += &format!("  {name}: {{ {change} }}\n");
    }
    (publisher, world.write("asgard.yaml", &text))
}

fn serve(world: &World, config: &Path) -> Server {
    Serve::new(["--config".into(), config.to_owned()])
        .args(["--data-dir".into(), world.data()])
        .settled()
}

/// `asgard source refresh threatfox`: exit code and output.
fn refresh(world: &World, config: &Path) -> (Option<i32>, String) {
    refresh_these(world, config, &["threatfox"])
}

/// `asgard source refresh NAME…`, or of all without a name.
fn refresh_these(
    world: &World,
    config: &Path,
    names: &[&str],
) -> (Option<i32>, String) {
    let words = ["source", "refresh"].iter().chain(names);
    let ended = asgard(words.map(OsString::from).chain([
        "--config".into(),
        config.into(),
        "--data-dir".into(),
        world.data().into(),
    ]));
    (ended.code(), ended.stdout)
}

#[test]
fn scores_come_from_what_publishers_say_and_survive_their_absence() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    let key = world.key("read");
    let server = serve(&world, &config);
    let threatfox = server.source(&key, "threatfox");
    assert_eq!(threatfox["rows"], 400, "{threatfox}");
    let bad = server.bulk(&key, &[64_500, 64_501]);
    assert!(bad[0]["score"].as_u64() < bad[1]["score"].as_u64(), "{bad:?}");
    server.stop();
    // The publisher is gone: everything is still there after a restart.
    publisher.publish("/c2", String::new());
    publisher.publish("/table", String::new());
    let again = serve(&world, &config);
    assert_eq!(again.bulk(&key, &[64_500])[0]["score"], bad[0]["score"]);
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    assert_eq!(refresh(&world, &config).0, Some(0));
    assert_eq!(refresh(&world, &config).0, Some(0));
    assert_eq!(publisher.statuses("/c2"), [200, 304]);
}

#[test]
fn an_unbelievable_version_is_refused_and_the_last_good_one_stays() {
    for (fault, reason) in [
        (c2(40), "shrunk"),
        (c2(9000), "grown"),
        ("<html><body>Login</body></html>".to_owned(), "web page"),
    ] {
        let world = World::demo();
        let (publisher, config) = internet(&world);
        let key = world.key("read");
        serve(&world, &config).stop();
        publisher.publish("/c2", fault);
        let (code, output) = refresh(&world, &config);
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(reason), "{reason}: {output}");
        let server = serve(&world, &config);
        let threatfox = server.source(&key, "threatfox");
        assert_eq!(threatfox["rows"], 400, "{threatfox}");
        let error = threatfox["last_error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{threatfox}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the server has the same clock")]
fn a_list_that_was_confirmed_lately_binds_however_old_it_is() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    let now = Timestamp::now();
    let long_ago = now - SignedDuration::from_hours(40 * 24);
    *publisher.modified.lock().unwrap() = Some(long_ago);
    let key = world.key("read");
    serve(&world, &config).stop();
    publisher.publish("/c2", c2(40));
    *publisher.modified.lock().unwrap() = Some(now);
    let (code, output) = refresh(&world, &config);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("shrunk"), "{output}");
    let threatfox = serve(&world, &config).source(&key, "threatfox");
    assert_eq!(threatfox["rows"], 400, "{threatfox}");
}

#[test]
fn what_cannot_be_noted_of_one_source_keeps_no_scores_back() {
    let world = World::demo();
    let (_publisher, config) = internet(&world);
    let key = world.key("read");
    // As on a full disk, but for one file.
    let receipt = world.data().join("sources/threatfox/all.receipt");
    std::fs::create_dir_all(receipt.join("in-the-way")).unwrap();
    let server = serve(&world, &config);
    let bad = server.bulk(&key, &[64_500, 64_501]);
    assert!(bad[0]["score"].as_u64() < bad[1]["score"].as_u64(), "{bad:?}");
    let health = server.get("/health");
    assert_eq!(health.status, 503, "{health:?}");
    assert!(health.body.contains("\"down\""), "{health:?}");
    let log = server.stop().stderr;
    assert!(log.contains("all.receipt` cannot be written"), "{log}");
    std::fs::remove_dir_all(&receipt).unwrap();
    let again = serve(&world, &config);
    assert_eq!(again.get("/health").status, 200);
}

#[test]
fn a_restart_without_snapshot_and_publisher_learns_from_what_was_kept() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    let key = world.key("read");
    let server = serve(&world, &config);
    let before = server.bulk(&key, &[64_500, 64_501]);
    server.stop().exits(0);
    // Without its files, a publisher hangs up.
    publisher.files.lock().unwrap().clear();
    std::fs::remove_file(world.data().join("snapshot.bin")).unwrap();
    let again = serve(&world, &config);
    assert_eq!(again.bulk(&key, &[64_500, 64_501]), before);
}

#[test]
fn refreshing_all_exits_0_and_prints_a_line_a_source() {
    let world = World::demo();
    let (_publisher, config) = internet(&world);
    let (code, output) = refresh_these(&world, &config, &[]);
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(output, "iptoasn\tok\nripe-asnames\tok\nthreatfox\tok\n");
}

#[test]
fn refreshing_exits_7_when_some_publishers_fail() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    publisher.publish("/c2", "<html><body>Login</body></html>".to_owned());
    let (code, output) = refresh_these(&world, &config, &[]);
    assert_eq!(code, Some(7), "{output}");
    assert!(output.contains("ripe-asnames\tok\n"), "{output}");
}

#[test]
fn a_log_as_json_is_json_in_every_line() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    publisher.publish("/c2", "<html><body>Login</body></html>".to_owned());
    let server = Serve::new(["--config".into(), config])
        .args(["--data-dir".into(), world.data()])
        .args(["--log-json"])
        .settled();
    let log = server.stop().stderr;
    for line in log.lines() {
        let value = serde_json::from_str::<serde_json::Value>(line);
        assert!(value.is_ok_and(|v| v["level"].is_string()), "{line}");
    }
}

#[test]
fn a_name_of_several_words_begins_with_the_handle() {
    let world = World::demo();
    let (publisher, config) = internet(&world);
    let names = "64500 BADHOST Bad and Sons, of London, NL\n\
                 64501 GOODHOST, NL\n";
    publisher.publish("/names", names.to_owned());
    let key = world.key("read");
    let server = serve(&world, &config);
    let results = server.bulk(&key, &[64_500, 64_501]);
    assert_eq!(results[0]["name"], "BADHOST");
    assert_eq!(results[1]["name"], "GOODHOST");
}
