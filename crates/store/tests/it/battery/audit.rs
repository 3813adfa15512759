//! Contract of the audit log.

use asgard_model::Asn;
use asgard_store::{ChainVerdict, NewKey, Scope, Store};

use crate::{at, entry};

pub(crate) async fn an_empty_log_is_intact(store: Store) {
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 0 });
    assert_eq!(store.audit.appended().await.unwrap(), 0);
    assert_eq!(store.audit.list(0, 10).await.unwrap(), []);
}

pub(crate) async fn every_write_leaves_one_sealed_entry(store: Store) {
    let key = NewKey::with(Scope::Admin);
    let (record, secret) = store.keys.create(key, "cli", at(1)).await.unwrap();
    let actor = record.id.to_string();
    store.whitelist.put(&entry(1), &actor).await.unwrap();
    store.whitelist.put(&entry(1), &actor).await.unwrap();
    store.whitelist.remove(Asn(1), &actor, at(2_000)).await.unwrap();
    store.keys.revoke(record.id, "cli", at(3_000)).await.unwrap();
    let log = store.audit.list(0, 100).await.unwrap();
    let lines: Vec<_> = log
        .iter()
        .map(|e| {
            let sides = (e.before.is_some(), e.after.is_some());
            (e.seq, e.at.as_second(), &*e.actor, &*e.action, &*e.object, sides)
        })
        .collect();
    let expected = [
        (1, 1, "cli", "key.create", &*actor, (false, true)),
        (2, 1_000, &*actor, "whitelist.put", "AS1", (false, true)),
        (3, 1_000, &*actor, "whitelist.put", "AS1", (true, true)),
        (4, 2_000, &*actor, "whitelist.remove", "AS1", (true, false)),
        (5, 3_000, "cli", "key.revoke", &*actor, (true, true)),
    ];
    assert_eq!(lines, expected);
    let after = log[1].after.as_deref().unwrap();
    assert!(after.contains("reason of 1"), "{after}");
    assert!(!format!("{log:?}").contains(&secret.reveal()[21..]));
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 5 });
}

pub(crate) async fn writes_that_change_nothing_leave_no_entry(store: Store) {
    let absent = "00000000".parse().unwrap();
    store.whitelist.remove(Asn(1), "cli", at(1)).await.unwrap();
    store.keys.revoke(absent, "cli", at(1)).await.unwrap();
    let rotation = store.keys.rotate(absent, at(9), "cli", at(1)).await;
    assert!(rotation.unwrap().is_err());
    assert_eq!(store.audit.appended().await.unwrap(), 0);
}

pub(crate) async fn pages_by_number(store: Store) {
    for asn in 1..=5 {
        store.whitelist.put(&entry(asn), "cli").await.unwrap();
    }
    let page = store.audit.list(2, 2).await.unwrap();
    assert_eq!(page.iter().map(|e| e.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(store.audit.list(5, 2).await.unwrap(), []);
    assert_eq!(store.audit.appended().await.unwrap(), 5);
}

pub(crate) async fn a_log_longer_than_a_page_is_intact(store: Store) {
    for _ in 0..1_001 {
        store.whitelist.put(&entry(1), "cli").await.unwrap();
    }
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 1_001 });
}
