//! Several handles on one directory, as a server and the CLI have them.

use asgard_model::Asn;
use asgard_store::{
    ChainVerdict, NewKey, Permission, Scope, Store, StoreError,
};
use tempfile::TempDir;

use crate::{at, entry, open, whitelisted};

async fn pair() -> (Store, Store, TempDir) {
    let dir = TempDir::new().unwrap();
    (open(dir.path()).await, open(dir.path()).await, dir)
}

#[tokio::test]
async fn each_sees_what_the_other_wrote_and_is_told() {
    let (server, cli, _dir) = pair().await;
    let before = server.changes.version().await.unwrap();
    let wanted = NewKey::with(Scope::Admin);
    let (record, secret) = cli.keys.create(wanted, "cli", at(1)).await.unwrap();
    let after = server.changes.version().await.unwrap();
    assert!(after > before, "{before} -> {after}");
    let ring = server.keys.load().await.unwrap();
    let facts = ring.verify(secret.reveal(), at(2)).unwrap();
    assert!(facts.scopes.allow(Permission::Write));
    server.keys.revoke(record.id, "cli", at(3)).await.unwrap();
    let ring = cli.keys.load().await.unwrap();
    assert!(ring.verify(secret.reveal(), at(4)).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_the_same_time_lose_nothing_and_keep_one_chain() {
    const EACH: u32 = 60;
    let dir = TempDir::new().unwrap();
    let mut tasks = Vec::new();
    for writer in 0..4 {
        // Opening races as well: all four make the directory.
        let path = dir.path().to_owned();
        tasks.push(tokio::spawn(async move {
            let store = open(&path).await;
            for n in 0..EACH {
                let entry = entry(1 + writer * EACH + n);
                store.whitelist.put(&entry, "cli").await.unwrap();
            }
            store.close().await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let store = open(dir.path()).await;
    let all: Vec<u32> = (1..=4 * EACH).collect();
    assert_eq!(whitelisted(&store).await, all);
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 4 * u64::from(EACH) });
    let version = store.changes.version().await.unwrap();
    assert_eq!(version, 4 * u64::from(EACH));
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_is_gone() {
    let (first, second, dir) = pair().await;
    let guard = first.lock_serving().unwrap();
    let error = second.lock_serving().unwrap_err();
    assert!(matches!(error, StoreError::AlreadyServing { .. }), "{error}");
    assert!(error.to_string().contains(dir.path().to_str().unwrap()));
    second.whitelist.put(&entry(1), "cli").await.unwrap();
    drop(guard);
    assert!(second.lock_serving().is_ok());
}

#[tokio::test]
async fn closing_folds_the_log_and_later_calls_are_unavailable() {
    let (first, second, dir) = pair().await;
    first.whitelist.put(&entry(1), "cli").await.unwrap();
    first.close().await.unwrap();
    let error = first.whitelist.list().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let error = first.whitelist.put(&entry(2), "cli").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(whitelisted(&second).await, [1]);
    let removed = second.whitelist.remove(Asn(1), "cli", at(1)).await;
    assert!(removed.unwrap());
    second.close().await.unwrap();
    assert!(!dir.path().join("asgard.db-wal").exists());
}
