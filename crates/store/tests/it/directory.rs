//! The data directory: its mark, its permissions, its migrations, its loss.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use asgard_store::{BodyKind, BodyPlace, NewKey, Scope, StoreError, WorldKind};
use tempfile::TempDir;

use crate::{at, config, entry, open, whitelisted};

async fn open_as(dir: &Path, world: WorldKind) -> Result<(), StoreError> {
    let store = asgard_store::open(&config(dir, Some(world))).await?;
    store.close().await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_demo_and_real_data_never_mix() {
    for (first, second) in
        [(WorldKind::Real, WorldKind::Demo), (WorldKind::Demo, WorldKind::Real)]
    {
        let dir = TempDir::new().unwrap();
        open_as(dir.path(), first).await.unwrap();
        let error = open_as(dir.path(), second).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
        assert!(text.contains("choose another --data-dir"), "{text}");
        assert!(!error.is_retryable());
        open_as(dir.path(), first).await.unwrap();
    }
}

#[tokio::test]
async fn administration_takes_any_world_and_leaves_no_mark() {
    let dir = TempDir::new().unwrap();
    open(dir.path()).await.close().await.unwrap();
    open_as(dir.path(), WorldKind::Demo).await.unwrap();
    open(dir.path()).await.close().await.unwrap();
    let error = open_as(dir.path(), WorldKind::Real).await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::OtherWorld { found: WorldKind::Demo, .. }
    ));
}

#[tokio::test]
async fn the_directory_and_its_files_are_for_their_owner_alone() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("a/b");
    let store = open(&dir).await;
    let _guard = store.lock_serving().unwrap();
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    store.snapshots.save(1, vec![1]).await.unwrap();
    let place = BodyPlace { kind: BodyKind::Good, owner: "a", name: "a" };
    store.last_good.keep_body(place, "", b"1").await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&dir).unwrap() {
        let path = file.unwrap().path();
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), wanted, "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        names.push(name);
    }
    names.sort_unstable();
    let expected = [
        "asgard.db",
        "asgard.db-shm",
        "asgard.db-wal",
        "feed-signing.key",
        "feeds",
        "feeds.lock",
        "pepper",
        "serve.lock",
        "setup.lock",
        "snapshot.bin",
        "snapshot.lock",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn reopening_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).await;
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    store.snapshots.save(5, vec![1, 2]).await.unwrap();
    let version = store.changes.version().await.unwrap();
    for _ in 0..3 {
        let again = open(dir.path()).await;
        assert_eq!(whitelisted(&again).await, [1]);
        let snapshot = again.snapshots.load().await.unwrap();
        assert_eq!(snapshot, Some((5, vec![1, 2])));
        assert_eq!(again.changes.version().await.unwrap(), version);
        again.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_a_directory_is_named() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    for dir in [file.clone(), file.join("below")] {
        let opened = asgard_store::open(&config(&dir, None)).await;
        let error = opened.err().unwrap();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(dir.to_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn a_lost_or_foreign_pepper_stops_the_start_instead_of_refusing_keys() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).await;
    let key = NewKey::with(Scope::Read);
    let (_, secret) = store.keys.create(key, "cli", at(1)).await.unwrap();
    let pepper = dir.path().join("pepper");
    let right = fs::read(&pepper).unwrap();
    for wrong in [None, Some(vec![0; 32]), Some(vec![0; 31])] {
        match wrong {
            None => fs::remove_file(&pepper).unwrap(),
            Some(bytes) => fs::write(&pepper, bytes).unwrap(),
        }
        let opened = asgard_store::open(&config(dir.path(), None)).await;
        let text = opened.err().unwrap().to_string();
        assert!(text.contains("pepper"), "{text}");
        assert!(text.contains("restore it"), "{text}");
    }
    fs::write(&pepper, right).unwrap();
    let ring = open(dir.path()).await.keys.load().await.unwrap();
    assert!(ring.verify(secret.reveal(), at(2)).is_ok());
}

#[tokio::test]
async fn a_store_whose_file_is_gone_is_unavailable_and_acknowledges_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).await;
    fs::rename(dir.path().join("asgard.db"), dir.path().join("moved")).unwrap();
    for error in [
        store.whitelist.put(&entry(1), "cli").await.unwrap_err(),
        store.whitelist.list().await.unwrap_err(),
        store.changes.version().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("asgard.db"), "{error}");
    }
    fs::rename(dir.path().join("moved"), dir.path().join("asgard.db")).unwrap();
    store.whitelist.put(&entry(1), "cli").await.unwrap();
}
