//! `kill -9` at random moments: what was acknowledged is there afterwards.
//!
//! The victim is this test binary itself, started again on one ignored test;
//! an acknowledged write is a line that it printed.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use asgard_store::ChainVerdict;
use tempfile::TempDir;

use crate::{Random, entry, open, whitelisted};

const ROUNDS: u32 = 20;
const DIR: &str = "ASGARD_STORE_CRASH_DIR";
const FIRST: &str = "ASGARD_STORE_CRASH_FIRST";

#[tokio::test]
async fn no_acknowledged_write_is_lost_by_kill_9() {
    let dir = TempDir::new().unwrap();
    let seed = 42_949;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut acknowledged: Vec<u32> = Vec::new();
    for round in 0..ROUNDS {
        // Half the time another process stays open, as a server does while
        // the CLI writes; else the next one recovers the log.
        let mut witness = None;
        if round % 4 >= 2 {
            witness = Some(open(dir.path()).await);
        }
        let delay = Duration::from_millis(random.below(150).into());
        acknowledged.extend(killed_writer(dir.path(), round, delay));
        let store = open(dir.path()).await;
        let stored = whitelisted(&store).await;
        let lost: Vec<_> =
            acknowledged.iter().filter(|n| !stored.contains(n)).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        let entries = stored.len() as u64;
        let verdict = store.audit.verify_chain().await.unwrap();
        assert_eq!(verdict, ChainVerdict::Intact { entries }, "none doubled");
        if let Some(witness) = witness {
            assert_eq!(whitelisted(&witness).await, stored);
            witness.close().await.unwrap();
        }
        // At most the one write whose acknowledgement was cut off.
        assert!(stored.len() - acknowledged.len() <= round as usize + 1);
        store.close().await.unwrap();
    }
    println!("{} writes were acknowledged", acknowledged.len());
    assert!(acknowledged.len() >= (ROUNDS / 2) as usize);
}

#[tokio::test]
async fn a_first_start_that_is_killed_leaves_a_directory_that_opens() {
    let seed = 64_500;
    println!("seed {seed}");
    let mut random = Random(seed);
    for _ in 0..10 {
        let dir = TempDir::new().unwrap();
        let delay = Duration::from_millis(random.below(40).into());
        let acknowledged = killed_writer(dir.path(), 0, delay);
        let store = open(dir.path()).await;
        let stored = whitelisted(&store).await;
        assert!(acknowledged.iter().all(|n| stored.contains(n)));
        store.whitelist.put(&entry(9_000_000), "cli").await.unwrap();
        store.close().await.unwrap();
    }
}

/// Lets a writer run for `delay`, kills it, and returns what it acknowledged.
/// Odd rounds count from the first acknowledgement, even ones from the start,
/// so that setting up is hit as well as writing.
fn killed_writer(dir: &Path, round: u32, delay: Duration) -> Vec<u32> {
    let mut child = start_writer(dir, round * 1_000_000 + 1);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged =
        lines.map_while(Result::ok).filter_map(|line| acknowledgement(&line));
    let first = if round % 2 == 1 { acknowledged.next() } else { None };
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    first.into_iter().chain(acknowledged).collect()
}

/// A line that was cut off has no final mark.
fn acknowledgement(line: &str) -> Option<u32> {
    line.strip_prefix("ack ")?.strip_suffix(" done")?.parse().ok()
}

fn start_writer(dir: &Path, first: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["crash::victim", "--exact", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "writes until it is killed; started by the test above"]
async fn victim() {
    let argument = |name: &str| -> OsString {
        env::var_os(name).expect("only the test above starts this one")
    };
    let first = argument(FIRST).into_string().unwrap().parse().unwrap();
    let store = open(Path::new(&argument(DIR))).await;
    for asn in first..first + 1_000_000 {
        store.whitelist.put(&entry(asn), "cli").await.unwrap();
        println!("\nack {asn} done");
    }
}
