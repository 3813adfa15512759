//! Measurements on request: size and speed of hourly history.
//!
//! `cargo test --release -p asgard-store -- --ignored --nocapture measure`

use std::{
    fs,
    time::{Duration, Instant},
};

use asgard_model::Asn;
use asgard_store::{Cycle, Store};
use tempfile::TempDir;

use crate::{Random, at, open};

struct Scale {
    ases: u32,
    cycles: u32,
    changes_a_cycle: u32,
}

#[tokio::test]
#[ignore = "prints times and sizes; takes seconds"]
async fn measure_a_month_of_80_000_ases() {
    // With the first score of each AS: 371,000 changes.
    let scale = Scale { ases: 80_000, cycles: 720, changes_a_cycle: 405 };
    measure(&scale).await;
}

#[tokio::test]
#[ignore = "prints times and sizes; takes a minute"]
async fn measure_a_year_of_120_000_ases() {
    let scale = Scale { ases: 120_000, cycles: 8_760, changes_a_cycle: 607 };
    measure(&scale).await;
}

async fn measure(scale: &Scale) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).await;
    let changes = fill(&store, scale).await;
    store.close().await.unwrap();
    let bytes = fs::metadata(dir.path().join("asgard.db")).unwrap().len();
    println!("{changes} changes: {bytes} bytes, {} a change", bytes / changes);
    assert!(bytes / changes < 20, "a change costs about 12 bytes");

    let store = open(dir.path()).await;
    for days in [7, 30, 365] {
        measure_pages(&store, scale, days).await;
    }
    let start = Instant::now();
    let scores = store.history.last_scores().await.unwrap().len();
    println!("last_scores: {:?} for {scores} ASes", start.elapsed());
    let start = Instant::now();
    for _ in 0..1_000 {
        store.changes.version().await.unwrap();
    }
    println!("version: {:?} each", start.elapsed() / 1_000);
    let start = Instant::now();
    let cut = cycle(scale.cycles / 2).at;
    let gone = store.history.prune(cut).await.unwrap();
    println!("prune: {gone} cycles in {:?}", start.elapsed());
    assert_eq!(gone, u64::from(scale.cycles / 2) - 1);
    assert_eq!(store.history.last_scores().await.unwrap().len(), scores);
}

fn cycle(id: u32) -> Cycle {
    Cycle {
        id: id.into(),
        at: at(1_780_000_000 + i64::from(id) * 3_600),
        as_of: at(1_780_000_000),
        model_version: "asgard-1.0.0-0123456789ab".into(),
    }
}

async fn fill(store: &Store, scale: &Scale) -> u64 {
    let mut random = Random(7);
    let mut slowest = Duration::ZERO;
    let mut changes = 0;
    for id in 1..=scale.cycles {
        let rows = draw(&mut random, scale, id);
        let start = Instant::now();
        store.history.record_cycle(&cycle(id), &rows).await.unwrap();
        let took = start.elapsed();
        if id == 1 {
            println!("first cycle ({} changes): {took:?}", rows.len());
        } else {
            slowest = slowest.max(took);
        }
        changes += rows.len() as u64;
    }
    println!("slowest later cycle: {slowest:?}");
    changes
}

fn draw(random: &mut Random, scale: &Scale, id: u32) -> Vec<(Asn, Option<u8>)> {
    let mut score = |place: u32| {
        (Asn((place + 1) * 5), u8::try_from(random.below(101)).ok())
    };
    if id == 1 {
        return (0..scale.ases).map(score).collect();
    }
    // A stride that is coprime to the number of ASes repeats none in a cycle.
    (0..scale.changes_a_cycle)
        .map(|n| score((id * 9_973 + n * 197) % scale.ases))
        .collect()
}

async fn measure_pages(store: &Store, scale: &Scale, days: u32) {
    let hours = (days * 24).min(scale.cycles);
    let since = cycle(scale.cycles - hours + 1).at;
    let mut times = Vec::new();
    for n in 0..200 {
        let asn = Asn((n * 397 % scale.ases + 1) * 5);
        let start = Instant::now();
        let page = store.history.page(asn, since, 0, 1_000).await.unwrap();
        times.push(start.elapsed());
        assert_eq!(page.total, u64::from(hours));
    }
    times.sort_unstable();
    println!(
        "page of {} days: median {:?}, p99 {:?}, worst {:?}",
        hours / 24,
        times[100],
        times[198],
        times[199]
    );
}
