//! Damaged files: an error that says so, never a panic.

use std::{fs, path::Path};

use asgard_store::{Store, StoreError};
use tempfile::TempDir;

use crate::{Random, config, entry, open};

async fn saved(dir: &Path) -> (Store, Vec<u8>) {
    let store = open(dir).await;
    let bytes: Vec<u8> =
        (0u32..40_000).flat_map(|n| (n % 3_001).to_le_bytes()).collect();
    store.snapshots.save(77, bytes).await.unwrap();
    let file = fs::read(dir.join("snapshot.bin")).unwrap();
    (store, file)
}

async fn load_damaged(store: &Store, dir: &Path, file: &[u8]) -> String {
    fs::write(dir.join("snapshot.bin"), file).unwrap();
    match store.snapshots.load().await {
        Err(error @ StoreError::Corrupt { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_snapshot_cut_at_each_twentieth_is_corrupt() {
    let dir = TempDir::new().unwrap();
    let (store, file) = saved(dir.path()).await;
    for twentieth in 0..20 {
        let cut = &file[..file.len() * twentieth / 20];
        let text = load_damaged(&store, dir.path(), cut).await;
        assert!(text.contains("snapshot.bin"), "{text}");
    }
}

#[tokio::test]
async fn a_snapshot_with_a_flipped_bit_is_corrupt() {
    let dir = TempDir::new().unwrap();
    let (store, file) = saved(dir.path()).await;
    let seed = 64_496;
    println!("seed {seed}");
    let mut random = Random(seed);
    for _ in 0..200 {
        let bits = u32::try_from(file.len() * 8).unwrap();
        let bit = usize::try_from(random.below(bits)).unwrap();
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        load_damaged(&store, dir.path(), &damaged).await;
    }
}

#[tokio::test]
async fn a_corrupt_snapshot_does_not_hinder_the_next() {
    let dir = TempDir::new().unwrap();
    let (store, file) = saved(dir.path()).await;
    for foreign in
        [b"<html>".to_vec(), vec![0; 1 << 20], [file, vec![0]].concat()]
    {
        load_damaged(&store, dir.path(), &foreign).await;
    }
    store.snapshots.save(78, vec![9; 9]).await.unwrap();
    let loaded = store.snapshots.load().await.unwrap();
    assert_eq!(loaded, Some((78, vec![9; 9])));
}

#[tokio::test]
async fn a_database_that_is_none_is_corrupt() {
    for content in [b"<!doctype html>".repeat(100), vec![0xff; 8_192]] {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("asgard.db"), content).unwrap();
        let opened = asgard_store::open(&config(dir.path(), None)).await;
        let error = opened.err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_database_with_damaged_bytes_gives_errors_or_data_but_no_panic() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).await;
    for asn in 1..200 {
        store.whitelist.put(&entry(asn), "cli").await.unwrap();
    }
    store.close().await.unwrap();
    let path = dir.path().join("asgard.db");
    let good = fs::read(&path).unwrap();
    let seed = 65_551;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut failures = 0;
    for _ in 0..30 {
        let mut damaged = good.clone();
        for _ in 0..200 {
            let place = random.below(u32::try_from(good.len()).unwrap());
            let byte = random.below(256).to_le_bytes()[0];
            damaged[usize::try_from(place).unwrap()] = byte;
        }
        fs::write(&path, damaged).unwrap();
        failures += u32::from(use_everything(dir.path()).await.is_err());
    }
    assert!(failures > 15, "damage was seen {failures} times of 30");
}

async fn use_everything(dir: &Path) -> Result<(), StoreError> {
    let store = asgard_store::open(&config(dir, None)).await?;
    let used = use_ports(&store).await;
    // The file is overwritten next: no connection may be left on it.
    let closed = store.close().await;
    used.and(closed)
}

async fn use_ports(store: &Store) -> Result<(), StoreError> {
    store.whitelist.list().await?;
    store.whitelist.put(&entry(1), "cli").await?;
    store.keys.load().await?;
    store.history.last_scores().await?;
    store.sources.list().await?;
    store.audit.verify_chain().await?;
    Ok(())
}
