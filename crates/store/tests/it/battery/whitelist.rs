//! Contract of the whitelist.

use asgard_model::Asn;
use asgard_store::{Store, WhitelistEntry};

use crate::{at, entry, whitelisted};

pub(crate) async fn put_then_list_gives_entries_ascending(store: Store) {
    assert_eq!(store.whitelist.list().await.unwrap(), []);
    for asn in [64_500, 3, 64_496] {
        store.whitelist.put(&entry(asn), "cli").await.unwrap();
    }
    let expected = [entry(3), entry(64_496), entry(64_500)];
    assert_eq!(store.whitelist.list().await.unwrap(), expected);
}

pub(crate) async fn a_second_put_replaces_the_entry(store: Store) {
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    let second = WhitelistEntry {
        reason: "better".into(),
        added_at: at(2_000),
        added_by: Some("ann".into()),
        asn: Asn(1),
    };
    store.whitelist.put(&second, "cli").await.unwrap();
    assert_eq!(store.whitelist.list().await.unwrap(), [second]);
}

pub(crate) async fn remove_says_whether_it_was_there(store: Store) {
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    store.whitelist.put(&entry(2), "cli").await.unwrap();
    let list = &store.whitelist;
    assert!(list.remove(Asn(1), "cli", at(9)).await.unwrap());
    assert!(!list.remove(Asn(1), "cli", at(9)).await.unwrap());
    assert!(!list.remove(Asn(7), "cli", at(9)).await.unwrap());
    assert_eq!(whitelisted(&store).await, [2]);
}

pub(crate) async fn takes_any_text_and_the_largest_as(store: Store) {
    let odd = WhitelistEntry {
        asn: Asn(u32::MAX),
        reason: "'; DROP TABLE whitelist; --\u{202e}\n\"🦀\"".into(),
        added_at: "1969-07-20T20:17:40.123456Z".parse().unwrap(),
        added_by: Some(String::new()),
    };
    store.whitelist.put(&odd, "o'brien").await.unwrap();
    assert_eq!(store.whitelist.list().await.unwrap(), [odd]);
}
