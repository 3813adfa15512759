//! Sources against files and a server on loopback, with everything that can
//! go wrong on the way.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use asgard_model::mmdb::{Value, Writer};

use super::{
    fetch::Label,
    judge::{self, Present, Provenance},
    subject::{Kind, Origin, Spec},
    *,
};
use crate::config::{Database, DatabaseSource};

/// An ASN database in which AS `asn` has `networks` networks.
fn mmdb(asn: u32, networks: u32, built: u64) -> Vec<u8> {
    let mut writer = Writer::new("Test-ASN", "t", built);
    let org = format!("Org {asn}");
    let value = Value::Map(vec![
        ("autonomous_system_number", Value::Unsigned(asn.into())),
        ("autonomous_system_organization", Value::Text(&org)),
    ]);
    let record = writer.record(&value).unwrap();
    for n in 0..networks {
        let text = format!("9.{}.{}.0/24", n / 256, n % 256);
        writer.insert(text.parse().unwrap(), record);
    }
    writer.finish().unwrap()
}

fn database(source: DatabaseSource) -> Database {
    Database {
        source,
        refresh_interval: Some(Duration::from_millis(20)),
        sha256: None,
        max_bytes: 1 << 20,
        max_age: None,
        max_shrink_percent: 20,
        probe: Vec::new(),
        on_missing: OnMissing::Fail,
    }
}

fn subject(origin: Origin, database: Option<Database>) -> Subject {
    let kind = match database {
        Some(_) => Kind::Networks,
        None => Kind::Addresses,
    };
    Subject {
        what: What::Networks,
        name: "features.asn.database".into(),
        spec: Spec {
            kind,
            origin,
            interval: Some(Duration::from_millis(20)),
            max_bytes: 1 << 20,
            copy: None,
            database,
        },
        on_missing: OnMissing::Fail,
        needed: true,
        shelf: Arc::default(),
        loan: None,
    }
}

fn library(subject: Subject) -> Library {
    Library {
        subjects: vec![subject],
        fetcher: Fetcher::new().unwrap(),
        cache: None,
        clock: || 1_800_000_000,
    }
}

fn asn_of(library: &Library) -> Option<u32> {
    match library.subjects[0].shelf.version()? {
        Version::Networks(table) => {
            let address = "9.0.0.1".parse().unwrap();
            table.lookup(address).map(|facts| facts.asn.0)
        }
        _ => None,
    }
}

/// What a server says next, whole or cut; it answers one request a connection.
#[derive(Clone, Default)]
struct Script {
    head: String,
    body: Vec<u8>,
}

struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<String>>>,
}

fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<Mutex<Script>> = Arc::default();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (said, heard) = (Arc::clone(&script), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n")
                && stream.read(&mut byte).unwrap_or(0) == 1
            {
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            heard.lock().unwrap().push(text);
            let Script { head, body } = said.lock().unwrap().clone();
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    Server { address, script, asked }
}

impl Server {
    fn say(&self, head: &str, body: Vec<u8>) {
        let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
        *self.script.lock().unwrap() = Script { head, body };
    }

    fn url(&self) -> String {
        format!("http://{}/asn.mmdb", self.address)
    }

    fn library(&self) -> Library {
        let source = DatabaseSource::Url { url: self.url(), path: None };
        let url = Origin::Url(self.url());
        library(subject(url, Some(database(source))))
    }
}

async fn refresh(library: &Library) -> Result<bool, String> {
    let result = library.refresh(&library.subjects[0]).await;
    result.map(|update| update.is_some()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_is_reread_when_it_changes_and_kept_when_it_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("asn.mmdb");
    std::fs::write(&path, mmdb(1, 10, 100)).unwrap();
    let source = DatabaseSource::File(path.clone());
    let origin = Origin::File(path.clone());
    let library = library(subject(origin, Some(database(source))));
    assert_eq!(refresh(&library).await, Ok(true));
    assert_eq!(refresh(&library).await, Ok(false), "unchanged");
    let good = mmdb(2, 10, 200);
    for cut in [0, 10, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..cut]).unwrap();
        let refused = refresh(&library).await.unwrap_err();
        assert!(refused.contains("MaxMind DB"), "{refused}");
        assert_eq!(asn_of(&library), Some(1));
        assert!(library.status()[0].last_error.is_some());
    }
    disk::replace(&path, &good).unwrap();
    assert_eq!(refresh(&library).await, Ok(true));
    assert_eq!(asn_of(&library), Some(2));
    assert_eq!(library.status()[0].last_error, None);
    std::fs::remove_file(&path).unwrap();
    assert!(refresh(&library).await.unwrap_err().contains("asn.mmdb"));
    assert_eq!(asn_of(&library), Some(2));
}

#[tokio::test]
async fn a_url_is_asked_with_its_validators() {
    let server = server();
    let library = server.library();
    server.say("200 OK\r\netag: \"a\"", mmdb(5, 10, 100));
    assert_eq!(refresh(&library).await, Ok(true));
    server.say("304 Not Modified", Vec::new());
    assert_eq!(refresh(&library).await, Ok(false));
    let asked = server.asked.lock().unwrap().clone();
    assert!(!asked[0].contains("if-none-match"));
    assert!(asked[1].contains("if-none-match: \"a\""), "{}", asked[1]);
    server.say("200 OK\r\nlast-modified: yesterday", mmdb(6, 10, 100));
    assert_eq!(refresh(&library).await, Ok(true));
    assert_eq!(asn_of(&library), Some(6));
}

#[tokio::test]
async fn whatever_a_url_says_the_last_good_version_stays() {
    let server = server();
    let library = server.library();
    server.say("200 OK", mmdb(5, 100, 100));
    assert_eq!(refresh(&library).await, Ok(true));
    let good = mmdb(6, 100, 200);
    let half = good[..good.len() / 2].to_vec();
    let long = format!("200 OK\r\ncontent-length: {}", good.len());
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("500 Internal Server Error", good.clone(), "HTTP 500"),
        ("404 Not Found", Vec::new(), "HTTP 404"),
        ("200 OK", b"<!doctype html><title>no</title>".to_vec(), "MaxMind"),
        ("200 OK", Vec::new(), "empty"),
        ("200 OK", half.clone(), "MaxMind"),
        (&long, half, ""),
        ("200 OK", mmdb(7, 100, 99), "before the one in use"),
        ("200 OK", mmdb(7, 79, 300), "79 networks"),
        ("200 OK", vec![0x1f, 0x8b, 8, 0, 1], "compressed"),
        ("200 OK", vec![7; 2 << 20], "max_bytes"),
        ("200 OK\r\ncontent-length: 999999999", Vec::new(), "max_bytes"),
        ("304 Not Modified", Vec::new(), "HTTP 304"),
        ("302 Found\r\nlocation: ftp://x/", Vec::new(), "neither http"),
        ("302 Found\r\nlocation: http://localhost:1/", Vec::new(), "public"),
        ("302 Found\r\nlocation: http://10.0.0.1/", Vec::new(), "public"),
        ("302 Found", Vec::new(), "HTTP 302"),
        ("301 Moved\r\nlocation: /asn.mmdb", Vec::new(), "too many"),
        ("nonsense", Vec::new(), ""),
    ];
    for (head, body, reason) in cases {
        server.say(head, body);
        let refused = refresh(&library).await.unwrap_err();
        assert!(refused.contains(reason), "{head}: {refused}");
        assert_eq!(asn_of(&library), Some(5), "{head}");
    }
    assert_eq!(library.status()[0].failures, 18);
    server.say("200 OK", good);
    assert_eq!(refresh(&library).await, Ok(true));
    assert_eq!(asn_of(&library), Some(6));
}

#[tokio::test]
async fn the_last_good_copy_serves_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("deep/asn.mmdb");
    let server = server();
    server.say("200 OK", mmdb(5, 10, 100));
    let mut first = server.library();
    first.subjects[0].spec.copy = Some(copy.clone());
    first.load().await.unwrap();
    assert_eq!(asn_of(&first), Some(5));
    server.say("500 Down", Vec::new());
    let mut second = server.library();
    second.subjects[0].spec.copy = Some(copy.clone());
    second.load().await.unwrap();
    assert_eq!(asn_of(&second), Some(5));
    assert_eq!(second.status()[0].last_success, 0, "not asked yet");
    // A damaged copy is not believed.
    std::fs::write(&copy, &mmdb(5, 10, 100)[..100]).unwrap();
    let mut third = server.library();
    third.subjects[0].spec.copy = Some(copy);
    let missing = third.load().await.unwrap_err().to_string();
    assert!(missing.contains("HTTP 500"), "{missing}");
    assert!(third.is_waiting());
    third.subjects[0].on_missing = OnMissing::Start;
    third.load().await.unwrap();
}

#[tokio::test]
async fn a_key_goes_only_where_it_was_meant_to_go() {
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key");
    std::fs::write(&key_file, "secret-of-ours\n").unwrap();
    let server = server();
    let mut library = server.library();
    library.subjects[0].spec.origin =
        Origin::Asgard { url: server.url(), key_file: Some(key_file.clone()) };
    server.say("200 OK", mmdb(5, 10, 100));
    assert_eq!(refresh(&library).await, Ok(true));
    let asked = server.asked.lock().unwrap().pop().unwrap();
    assert!(asked.contains("authorization: Bearer secret-of-ours\r\n"));
    server.say("302 Found\r\nlocation: http://1.1.1.1/", Vec::new());
    let refused = refresh(&library).await.unwrap_err();
    assert!(refused.contains("the key would go along"), "{refused}");
    std::fs::write(&key_file, "").unwrap();
    assert!(refresh(&library).await.unwrap_err().contains("it is empty"));
}

fn spec(edit: impl FnOnce(&mut Database)) -> Spec {
    let source = DatabaseSource::File("x".into());
    let mut database = database(source);
    edit(&mut database);
    subject(Origin::File("x".into()), Some(database)).spec
}

fn rejection(spec: &Spec, bytes: Vec<u8>) -> String {
    let from = Provenance::Published(&Label::default());
    match judge::judge(spec, bytes[..].into(), Present::default(), from) {
        Ok(_) => "good".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn probes_and_digests_are_checked() {
    let bytes = mmdb(5, 10, 1);
    let probe = |asn| {
        let address = "9.0.0.1".parse().unwrap();
        spec(|d| d.probe = vec![(address, asgard_model::Asn(asn))])
    };
    assert_eq!(rejection(&probe(5), bytes.clone()), "good");
    assert_eq!(
        rejection(&probe(6), bytes.clone()),
        "probe 9.0.0.1 should be AS6, the database says AS5"
    );
    let digest = spec(|d| d.sha256 = Some("0".repeat(64)));
    assert!(rejection(&digest, bytes).starts_with("sha256 is "));
}

#[test]
fn a_list_may_have_comments_but_not_be_another_file() {
    let list = subject(Origin::File("x".into()), None).spec;
    let good = "# tor\n192.0.2.1\n2001:db8::/32 # one\n\n198.51.100.0/24\n";
    assert_eq!(rejection(&list, good.into()), "good");
    let html = "<html>\n<body>\n".repeat(20);
    let refused = rejection(&list, html.into());
    assert!(refused.starts_with("40 of 40 lines are no address"), "{refused}");
    assert!(refused.contains("line 1 is `<html>`"), "{refused}");
    let mut mixed: String = "192.0.2.1\n".repeat(1000);
    mixed.push_str("oops\n");
    assert_eq!(rejection(&list, mixed.into()), "good");
}

#[tokio::test]
async fn the_feed_of_an_asgard_becomes_empty_only_if_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key");
    std::fs::write(&key_file, "secret-of-ours").unwrap();
    let server = server();
    let origin = Origin::Asgard { url: server.url(), key_file: Some(key_file) };
    let feed = library(subject(origin, None));
    let entries = || feed.status()[0].entries;
    let two = b"192.0.2.1/32\n198.51.100.0/24\n";
    server.say("200 OK\r\nx-feed-entries: 2", two.to_vec());
    assert_eq!(refresh(&feed).await, Ok(true));
    server.say("200 OK\r\nx-feed-entries: 3", two.to_vec());
    let refused = refresh(&feed).await.unwrap_err();
    assert!(refused.ends_with("2 lines came, the server counted 3"));
    server.say("200 OK", Vec::new());
    let refused = refresh(&feed).await.unwrap_err();
    assert!(refused.ends_with("an empty list is refused"), "{refused}");
    assert_eq!(entries(), 2, "the last good one stays");
    server.say("200 OK\r\nx-feed-entries: 0", Vec::new());
    assert_eq!(refresh(&feed).await, Ok(true));
    assert_eq!(entries(), 0, "the last block has ended");
}

#[tokio::test]
async fn an_empty_list_of_anybody_else_is_refused_whatever_it_says() {
    let server = server();
    let list = library(subject(Origin::Url(server.url()), None));
    server.say("200 OK", b"192.0.2.1\n".to_vec());
    assert_eq!(refresh(&list).await, Ok(true));
    server.say("200 OK\r\nx-feed-entries: 0", b"# none\n".to_vec());
    assert!(refresh(&list).await.unwrap_err().contains("is refused"));
    assert_eq!(list.status()[0].entries, 1);
}

/// Goes with the paused clock of the runtime.
fn paused_clock() -> u64 {
    static BORN: OnceLock<tokio::time::Instant> = OnceLock::new();
    let born = BORN.get_or_init(tokio::time::Instant::now);
    1_800_000_000 + born.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn that_a_database_is_too_old_is_told_each_hour_without_an_interval() {
    let begun = paused_clock();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("asn.mmdb");
    // Half an hour before it is too old.
    std::fs::write(&path, mmdb(1, 10, begun - 1_800)).unwrap();
    let source = DatabaseSource::File(path.clone());
    let mut database = database(source);
    database.max_age = Some(Duration::from_secs(3600));
    let mut library = library(subject(Origin::File(path), Some(database)));
    library.subjects[0].spec.interval = None;
    library.clock = paused_clock;
    library.load().await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let told = || match library.subjects[0].shelf.lock().age_told {
        0 => None,
        at => Some((at - begun) / 60),
    };
    let looks = async {
        let minutes = |n: u64| tokio::time::sleep(Duration::from_secs(n * 60));
        minutes(25).await;
        assert_eq!((told(), library.status()[0].stale), (None, false));
        minutes(10).await;
        assert!(library.status()[0].stale);
        let first = told().expect("it is told");
        assert!((30..=32).contains(&first), "{first}");
        minutes(50).await;
        assert_eq!(told(), Some(first), "not each minute");
        minutes(10).await;
        let second = told().expect("it is told");
        assert!((60..=62).contains(&(second - first)), "{first}, {second}");
        stop.send_replace(true);
    };
    tokio::join!(library.run(|_| {}, stopped), looks);
}

/// Readers all the time, a new version or a broken file every few
/// milliseconds: each answer is of one version, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_with_broken_ones_between_never_show_a_mixture() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("asn.mmdb");
    std::fs::write(&path, mmdb(1, 50, 1)).unwrap();
    let source = DatabaseSource::File(path.clone());
    let origin = Origin::File(path.clone());
    let mut library = library(subject(origin, Some(database(source))));
    library.subjects[0].spec.interval = Some(Duration::from_millis(1));
    library.load().await.unwrap();
    let first = library.updates().remove(0);
    let Version::Networks(table) = first.version else { panic!() };
    let current = Arc::new(arc_swap::ArcSwap::new(table));
    let (stop, stopped) = watch::channel(false);
    let reader = {
        let (current, stopped) = (Arc::clone(&current), stopped.clone());
        tokio::task::spawn_blocking(move || {
            let mut seen = std::collections::BTreeSet::new();
            while !*stopped.borrow() {
                let table = current.load();
                let address = "9.0.7.1".parse().unwrap();
                let facts = table.lookup(address).expect("never unknown");
                let org = format!("Org {}", facts.asn.0);
                assert_eq!(facts.organisation, org);
                assert_eq!(table.build_epoch(), u64::from(facts.asn.0));
                seen.insert(facts.asn.0);
            }
            seen.len()
        })
    };
    let publish = |update: Update| {
        if let Version::Networks(table) = update.version {
            current.store(table);
        }
    };
    let writer = async {
        for version in 2..=101u32 {
            let good = mmdb(version, 50, version.into());
            disk::replace(&path, &good[..good.len() / 2]).unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            let mut corrupt = good.clone();
            corrupt[..200].fill(0xEE);
            disk::replace(&path, &corrupt).unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            disk::replace(&path, &good).unwrap();
            while asn_of(&library) != Some(version) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        stop.send(true).unwrap();
    };
    tokio::join!(library.run(publish, stopped), writer);
    let seen = reader.await.unwrap();
    assert!(seen > 50, "{seen} of 101 versions were seen");
    assert!(library.status()[0].failures > 0, "broken ones were met");
}
