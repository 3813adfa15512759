//! Publishers on loopback, asked by a learner whose clock the test sets.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use asgard_model::Model;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::{
    catalogue::Catalogue,
    learner::AsOf,
    supply::{Egress, Silent, Timing},
};

/// A list that is published; one of which nothing has changed for weeks.
#[derive(Clone)]
struct Publisher(Arc<Mutex<usize>>, u16);

impl Publisher {
    fn start(rows: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let publisher = Self(Arc::new(Mutex::new(rows)), port);
        let own = publisher.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                own.answer(stream.unwrap()).ok();
            }
        });
        publisher
    }

    fn answer(&self, mut stream: std::net::TcpStream) -> std::io::Result<()> {
        let lines = BufReader::new(stream.try_clone()?).lines();
        let head: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        let rows = *self.0.lock().unwrap();
        let tag = format!("\"{rows}\"");
        if head.iter().any(|line| line.ends_with(&tag)) {
            return stream.write_all(b"HTTP/1.1 304 Same\r\n\r\n");
        }
        let address = |i| format!("9.9.{}.{}\n", i / 200, i % 200 + 1);
        let body: String = (0..rows).map(address).collect();
        let head = format!(
            "HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {}\r\n\
             Last-Modified: Sat, 27 Jun 2026 08:00:00 GMT\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes())
    }

    fn publish(&self, rows: usize) {
        *self.0.lock().unwrap() = rows;
    }
}

fn source(name: &str, port: u16) -> String {
    format!(
        "[[source]]\nname = \"{name}\"\ndescription = \"\"\n\
         kind = \"ip_list\"\nrole = {{ threat = \"c2\" }}\n\
         urls = [\"http://127.0.0.1:{port}/\"]\ncadence = \"1h\"\n\
         licence = \"MIT\"\nfamily = \"f\"\nweight = 0.5\nmax_mib = 1\n\
         timeout = \"5s\"\n"
    )
}

fn learner(data: &TempDir, sources: &[String]) -> Learner {
    let loopback = vec!["127.0.0.0/8".parse().unwrap()];
    let timing = Timing {
        connect: Duration::from_secs(5),
        idle: Duration::from_secs(5),
    };
    let egress = Egress::new(loopback);
    let network = Network::new(data.path(), egress, timing).unwrap();
    Learner::new(
        Catalogue::parse(&sources.concat()).unwrap(),
        Supply::Network(network),
        Arc::new(Model::default_model().clone()),
        AsOf::Now,
        Some(data.path().to_owned()),
    )
}

/// 08:00 on a day after that of the list.
fn on(day: i64) -> Timestamp {
    let published: Timestamp = "2026-06-27T08:00:00Z".parse().unwrap();
    published + SignedDuration::from_hours(24 * day)
}

async fn ask(learner: &mut Learner, day: i64) -> Result<(), SupplyError> {
    let silent = |_| {};
    learner.refresh(&[], Pace::Due, on(day), &Silent, &silent).await
}

/// What is said against a source.
fn error(learner: &Learner, name: &str) -> String {
    let statuses = learner.statuses();
    let status = statuses.iter().find(|s| s.name == name).unwrap();
    status.last_error.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_list_binds_for_a_month_after_its_publisher_confirmed_it() {
    let publisher = Publisher::start(400);
    let data = tempfile::tempdir().unwrap();
    let mut learner = learner(&data, &[source("list", publisher.1)]);
    ask(&mut learner, 1).await.unwrap();
    // The same file, for months.
    ask(&mut learner, 60).await.unwrap();
    publisher.publish(40);
    for day in [61, 75, 90] {
        ask(&mut learner, day).await.unwrap();
        let error = error(&learner, "list");
        assert!(error.contains("shrunk below 30 %"), "{day}: {error}");
    }
    ask(&mut learner, 91).await.unwrap();
    assert_eq!(error(&learner, "list"), "");
}

#[tokio::test]
async fn what_cannot_be_stored_of_one_source_holds_no_other_up() {
    let (first, second) = (Publisher::start(60), Publisher::start(60));
    let data = tempfile::tempdir().unwrap();
    let receipt = data.path().join("sources/first/all.receipt");
    fs::create_dir_all(receipt.join("in-the-way")).unwrap();
    let sources = [source("first", first.1), source("second", second.1)];
    let mut learner = learner(&data, &sources);
    let stored = ask(&mut learner, 1).await;
    assert!(matches!(stored, Err(SupplyError::Unwritable { .. })));
    assert!(error(&learner, "first").contains("all.receipt"));
    assert_eq!(error(&learner, "second"), "");
    assert!(data.path().join("sources/second/all.good").is_file());
}
