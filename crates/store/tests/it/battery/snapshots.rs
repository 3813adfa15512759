//! Contract of the snapshot.

use asgard_store::Store;

fn bytes(serial: u64) -> Vec<u8> {
    (0..10_000 + serial).map(|n| (n * serial).to_le_bytes()[0]).collect()
}

pub(crate) async fn there_is_none_before_the_first(store: Store) {
    assert_eq!(store.snapshots.load().await.unwrap(), None);
}

pub(crate) async fn the_last_saved_comes_back(store: Store) {
    for serial in [3, 9, 4] {
        store.snapshots.save(serial, bytes(serial)).await.unwrap();
        let loaded = store.snapshots.load().await.unwrap();
        assert_eq!(loaded, Some((serial, bytes(serial))));
    }
}

pub(crate) async fn an_empty_snapshot_comes_back(store: Store) {
    store.snapshots.save(u64::MAX, Vec::new()).await.unwrap();
    let loaded = store.snapshots.load().await.unwrap();
    assert_eq!(loaded, Some((u64::MAX, Vec::new())));
}

pub(crate) async fn saves_at_the_same_time_leave_one_whole_snapshot(
    store: Store,
) {
    let saves: Vec<_> = (1..=8)
        .map(|serial| {
            let snapshots = store.snapshots.clone();
            tokio::spawn(async move {
                snapshots.save(serial, bytes(serial)).await.unwrap();
            })
        })
        .collect();
    for save in saves {
        save.await.unwrap();
    }
    let (serial, loaded) = store.snapshots.load().await.unwrap().unwrap();
    assert_eq!(loaded, bytes(serial));
}
