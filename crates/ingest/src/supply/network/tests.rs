//! A server of many bad habits against one fetcher: the good file stays, and
//! the message names source, address and cause.

use std::{
    fs,
    io::Read,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    catalogue::Catalogue,
    supply::{Lines, Silent, Supply},
};

/// How the server behaves on a path.
#[derive(Clone, Copy)]
enum Habit {
    /// Answers with these bytes, as they are, and closes.
    Raw(&'static str),
    /// Sends a head, one byte, and then nothing more.
    Drip,
    /// Sends forever without announcing a length.
    Endless,
    /// Accepts and never says a word.
    Mute,
}

const OK: Habit = Habit::Raw(
    "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\
     Last-Modified: Sat, 27 Jun 2026 08:00:00 GMT\r\n\r\n192.0.2.1\n",
);
const NEXT: Habit =
    Habit::Raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n192.0.2.2\n");

/// A server on loopback; what it was asked is in `requests`.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let head = answer(stream, habit).await;
                log.lock().unwrap().push(head.to_lowercase());
            }
        });
        Self { port, requests, task }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, habit: Habit) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let conditional = head.to_lowercase().contains("if-none-match: \"v1\"");
    let unchanged = "HTTP/1.1 304 Not Modified\r\n\r\n";
    let text = match habit {
        Habit::Raw(text) if text.contains("\"v1\"") && conditional => unchanged,
        Habit::Raw(text) => text,
        Habit::Drip => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1",
        Habit::Endless => "HTTP/1.1 200 OK\r\n\r\n",
        Habit::Mute => "",
    };
    // The client may have gone already, which is its right.
    let _ = stream.write_all(text.as_bytes()).await;
    match habit {
        Habit::Raw(_) => {}
        Habit::Endless => {
            while stream.write_all(&[b'1'; 65_536]).await.is_ok() {}
        }
        Habit::Drip | Habit::Mute => {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(30)).await;
                drop(stream);
            });
        }
    }
    head
}

/// A data directory, and a source that is published at one server.
struct Bench {
    data: TempDir,
    source: Source,
    network: Network,
}

fn source(urls: &[String]) -> Source {
    let text = format!(
        "[[source]]\nname = \"list\"\ndescription = \"\"\nkind = \"ip_list\"\n\
         role = {{ threat = \"c2\" }}\nurls = {urls:?}\ncadence = \"1h\"\n\
         licence = \"MIT\"\nfamily = \"f\"\nweight = 0.5\nmax_mib = 1\n\
         timeout = \"5s\"\n"
    );
    Catalogue::parse(&text).unwrap().sources.remove(0)
}

fn network(data: &TempDir, allowed: &[&str]) -> Network {
    let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
    let timing = Timing {
        connect: Duration::from_secs(2),
        idle: Duration::from_millis(300),
    };
    Network::new(data.path(), Egress::new(allowed), timing).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minutes * 60).unwrap()
}

impl Bench {
    fn new(urls: &[String]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let network = network(&data, &["127.0.0.0/8"]);
        Self { data, source: source(urls), network }
    }

    fn of(server: &Server) -> Self {
        Self::new(&[format!("http://127.0.0.1:{}/list.txt", server.port)])
    }

    fn point_at(&mut self, server: &Server) {
        let url = format!("http://127.0.0.1:{}/list.txt", server.port);
        self.source.parts[0].urls = vec![url];
    }

    async fn refresh(&self, minutes: i64) -> Outcome {
        self.network
            .refresh(&self.source, Pace::Due, at(minutes), &Silent)
            .await
            .unwrap()
    }

    async fn take_first(&self) {
        match self.refresh(0).await {
            Outcome::Fetched(new) => {
                self.network.promote(&self.source, new, at(0)).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }

    /// What everyone reads.
    fn good(&self) -> String {
        let path = self.data.path().join("sources/list/all.good");
        fs::read_to_string(path).unwrap_or_default()
    }

    fn receipt(&self) -> Receipt {
        self.network.receipt("list", "all")
    }
}

/// Lets a good file meet a bad server; gives the reason of the failure.
async fn failure(habit: Habit) -> String {
    let first = Server::start(OK).await;
    let mut bench = Bench::of(&first);
    bench.take_first().await;
    let second = Server::start(habit).await;
    bench.point_at(&second);
    let Outcome::Failed(reason) = bench.refresh(60).await else {
        panic!("a bad answer was taken");
    };
    assert_eq!(bench.good(), "192.0.2.1\n", "{reason}");
    let url = format!("http://127.0.0.1:{}/list.txt: ", second.port);
    assert!(reason.contains(&url), "{reason}");
    let receipt = bench.receipt();
    assert_eq!(receipt.last_error.as_ref(), Some(&reason));
    assert_eq!(receipt.fetched, Some(at(0)));
    assert_eq!(receipt.failures, 1);
    let draft = bench.data.path().join("sources/list/all.candidate");
    assert!(!draft.exists());
    reason
}

#[tokio::test]
async fn a_download_becomes_good_only_when_it_is_promoted() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    let Outcome::Fetched(new) = bench.refresh(0).await else { panic!() };
    assert_eq!(bench.good(), "");
    let [version] = new.versions.as_slice() else { panic!() };
    assert_eq!(version.day, "2026-06-27".parse().ok());
    bench.network.promote(&bench.source, new, at(0)).unwrap();
    assert_eq!(bench.good(), "192.0.2.1\n");

    let supply = Supply::Network(bench.network);
    let versions = supply.versions(&bench.source).unwrap();
    assert_eq!(versions[0].label, "sources/list/all.good");
    let mut text = String::new();
    let mut plain = supply.open(&bench.source, &versions[0]).unwrap();
    plain.read_to_string(&mut text).unwrap();
    assert_eq!(text, "192.0.2.1\n");
    let agent = concat!("user-agent: asgard/", env!("CARGO_PKG_VERSION"));
    assert!(server.requests()[0].contains(agent));
}

#[tokio::test]
async fn a_refused_download_leaves_the_good_file() {
    let server = Server::start(OK).await;
    let mut bench = Bench::of(&server);
    bench.take_first().await;
    let next = Server::start(NEXT).await;
    bench.point_at(&next);
    let Outcome::Fetched(new) = bench.refresh(60).await else { panic!() };
    let network = &bench.network;
    network.discard(&bench.source, new, "too few rows", at(60)).unwrap();
    assert_eq!(bench.good(), "192.0.2.1\n");
    let receipt = bench.receipt();
    assert_eq!(receipt.last_error.as_deref(), Some("too few rows"));
    assert_eq!(receipt.etag.as_deref(), Some("\"v1\""));
}

#[tokio::test]
async fn asks_again_only_after_the_cadence_and_only_for_changes() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    bench.take_first().await;
    assert!(matches!(bench.refresh(59).await, Outcome::NotDue));
    assert!(matches!(bench.refresh(60).await, Outcome::NotModified));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[0].contains("if-none-match"));
    assert!(requests[1].contains("if-none-match: \"v1\""));
    assert!(requests[1].contains("if-modified-since: sat, 27 jun 2026"));
    assert_eq!(bench.receipt().checked, Some(at(60)));
    assert_eq!(bench.receipt().fetched, Some(at(0)));
}

#[tokio::test]
async fn a_lost_file_is_never_called_current() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    bench.take_first().await;
    fs::remove_file(bench.data.path().join("sources/list/all.good")).unwrap();
    assert!(matches!(bench.refresh(60).await, Outcome::Fetched(_)));
}

#[tokio::test]
async fn a_draft_that_nobody_judged_is_fetched_again() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    assert!(matches!(bench.refresh(0).await, Outcome::Fetched(_)));
    assert!(matches!(bench.refresh(1).await, Outcome::Fetched(_)));
}

#[tokio::test]
async fn the_cadence_binds_even_if_no_attempt_can_be_noted() {
    for habit in [OK, Habit::Raw("HTTP/1.1 500 Oops\r\n\r\n")] {
        let server = Server::start(habit).await;
        let bench = Bench::of(&server);
        // As on a full disk: the receipt cannot be written.
        let path = bench.data.path().join("sources/list/all.receipt");
        fs::create_dir_all(path.join("in-the-way")).unwrap();
        let stored = match bench.refresh(0).await {
            Outcome::Fetched(new) => {
                bench.network.promote(&bench.source, new, at(0))
            }
            Outcome::Failed(_) => bench.network.catch_up(),
            other => panic!("{other:?}"),
        };
        let error = stored.unwrap_err().to_string();
        assert!(error.contains("all.receipt` cannot be written"), "{error}");
        assert!(matches!(bench.refresh(4).await, Outcome::NotDue));
        assert_eq!(server.requests().len(), 1);
        fs::remove_dir_all(&path).unwrap();
        bench.network.catch_up().unwrap();
        assert_eq!(Receipt::read(&path), bench.receipt());
        assert_eq!(bench.receipt().attempted, Some(at(0)));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_replaced_is_fetched_again_after_a_pause() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    let good = bench.data.path().join("sources/list/all.good");
    fs::create_dir_all(good.join("in-the-way")).unwrap();
    let Outcome::Fetched(new) = bench.refresh(0).await else { panic!() };
    bench.network.promote(&bench.source, new, at(0)).unwrap_err();
    assert!(matches!(bench.refresh(4).await, Outcome::NotDue));
    assert!(matches!(bench.refresh(5).await, Outcome::Fetched(_)));
}

#[tokio::test]
async fn two_processes_take_turns_at_the_files_of_a_source() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    let other = network(&bench.data, &["127.0.0.0/8"]);
    let Outcome::Fetched(new) = bench.refresh(0).await else { panic!() };
    let due = other.refresh(&bench.source, Pace::Due, at(0), &Silent).await;
    assert!(matches!(due.unwrap(), Outcome::NotDue));
    let forced = other.refresh(&bench.source, Pace::Forced, at(0), &Silent);
    let promote = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.network.promote(&bench.source, new, at(0)).unwrap();
    };
    let (forced, ()) = tokio::join!(forced, promote);
    assert!(matches!(forced.unwrap(), Outcome::NotModified));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn bad_answers_are_refused_by_their_cause() {
    for (text, cause) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n192.0.2.9\n",
            "cut after 10 of 99 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n192.0",
            "the connection ended after",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
            "larger than the limit of 1048576 bytes (1048577 announced)",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "an empty file"),
        (
            "HTTP/1.1 200 OK\r\n\r\n\u{feff} <!DOCTYPE html><p>Just a moment",
            "a web page instead of data",
        ),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "HTTP 500"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP 304"),
        (
            "HTTP/1.1 302 Found\r\nLocation: /list.txt\r\n\
          Content-Length: 0\r\n\r\n",
            "more than 5 redirects",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\
          Content-Length: 0\r\n\r\n",
            "`10.0.0.1` is at 10.0.0.1, which is",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://[::1]/\r\n\
          Content-Length: 0\r\n\r\n",
            "not a public address",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\
          Content-Length: 0\r\n\r\n",
            "HTTP 302",
        ),
        ("not http at all\r\n\r\n", "invalid HTTP"),
    ] {
        let reason = failure(Habit::Raw(text)).await;
        assert!(reason.contains(cause), "{cause}: {reason}");
    }
}

#[tokio::test]
async fn slow_and_endless_answers_are_given_up() {
    for (habit, cause) in [
        (Habit::Drip, "no data for too long"),
        (Habit::Mute, "no data for too long"),
        (Habit::Endless, "larger than the limit of 1048576 bytes (received)"),
    ] {
        let reason = failure(habit).await;
        assert!(reason.contains(cause), "{cause}: {reason}");
    }
}

#[tokio::test]
async fn a_download_has_a_total_time() {
    let server = Server::start(Habit::Endless).await;
    let mut bench = Bench::of(&server);
    bench.source.max_bytes = u64::MAX;
    bench.source.timeout = Duration::from_millis(200);
    let Outcome::Failed(reason) = bench.refresh(0).await else { panic!() };
    assert!(reason.contains("not complete within"), "{reason}");
}

#[tokio::test]
async fn private_addresses_need_the_operators_word() {
    let server = Server::start(OK).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/list.txt", server.port);
        let bench = Bench::new(&[url]);
        let strict = network(&bench.data, &[]);
        let outcome =
            strict.refresh(&bench.source, Pace::Due, at(0), &Silent).await;
        let Outcome::Failed(reason) = outcome.unwrap() else { panic!() };
        let text = format!("`{host}` is at ");
        assert!(reason.contains(&text), "{reason}");
        assert!(reason.contains("egress.allow_private"), "{reason}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn addresses_are_tried_in_order_and_all_named() {
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let bad = Server::start(Habit::Raw(gone)).await;
    let good = Server::start(OK).await;
    let dated = format!("http://127.0.0.1:{}/{{yyyymm}}.txt", bad.port);
    let second = format!("http://127.0.0.1:{}/x", good.port);
    let bench = Bench::new(&[dated.clone(), second]);
    bench.take_first().await;
    assert_eq!(bench.good(), "192.0.2.1\n");
    assert_eq!(bad.requests().len(), 3);
    assert!(bad.requests()[0].contains("get /202609.txt"));

    let bench = Bench::new(&[dated]);
    let Outcome::Failed(reason) = bench.refresh(0).await else { panic!() };
    for month in ["202609", "202608", "202607"] {
        assert!(
            reason.contains(&format!("/{month}.txt: HTTP 404")),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_pause() {
    let busy = "HTTP/1.1 429 Slow\r\nRetry-After: 7200\r\n\
                Content-Length: 0\r\n\r\n";
    let server = Server::start(Habit::Raw(busy)).await;
    let bench = Bench::of(&server);
    assert!(matches!(bench.refresh(0).await, Outcome::Failed(_)));
    assert!(matches!(bench.refresh(119).await, Outcome::NotDue));
    assert!(matches!(bench.refresh(120).await, Outcome::Failed(_)));
}

#[tokio::test]
async fn one_part_that_fails_does_not_hold_the_others() {
    let good = Server::start(OK).await;
    let bad = Server::start(Habit::Raw("HTTP/1.1 500 X\r\n\r\n")).await;
    let mut bench = Bench::of(&good);
    let mut second = bench.source.parts[0].clone();
    second.name = "second".to_owned();
    second.urls = vec![format!("http://127.0.0.1:{}/", bad.port)];
    bench.source.parts.push(second);
    let Outcome::Fetched(new) = bench.refresh(0).await else { panic!() };
    assert_eq!(new.versions.len(), 1);
    assert!(new.failures[0].starts_with("`second`: http://"));
    bench.network.promote(&bench.source, new, at(0)).unwrap();
    assert_eq!(bench.good(), "192.0.2.1\n");
}

#[tokio::test]
async fn progress_tells_size_and_result() {
    let server = Server::start(OK).await;
    let bench = Bench::of(&server);
    let mut written = Vec::new();
    let lines = Lines::new(&mut written);
    let refresh =
        bench.network.refresh(&bench.source, Pace::Forced, at(0), &lines);
    assert!(matches!(refresh.await.unwrap(), Outcome::Fetched(_)));
    drop(lines);
    assert_eq!(String::from_utf8(written).unwrap(), "list: 10 bytes\n");
}
