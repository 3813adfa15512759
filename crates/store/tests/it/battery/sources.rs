//! Contract of the source states.

use asgard_store::{SourceState, Store, StoreError};

use crate::at;

fn state(name: &str) -> SourceState {
    SourceState {
        name: name.into(),
        last_attempt: Some(at(20)),
        last_success: Some(at(10)),
        rows: Some(1_234),
        bytes: Some(5_000_000_000),
        etag: Some("\"x\"".into()),
        last_modified: Some("Sat, 27 Jun 2026 10:00:00 GMT".into()),
        sha256: Some("00ff".into()),
        published: Some(at(5)),
        last_error: Some("too few rows".into()),
    }
}

pub(crate) async fn an_unknown_source_has_no_state(store: Store) {
    assert_eq!(store.sources.get("drop").await.unwrap(), None);
    assert_eq!(store.sources.list().await.unwrap(), []);
}

pub(crate) async fn a_state_reads_back_whole_and_is_replaced_whole(
    store: Store,
) {
    store.sources.put(&state("drop")).await.unwrap();
    let read = store.sources.get("drop").await.unwrap();
    assert_eq!(read, Some(state("drop")));
    let bare = SourceState { name: "drop".into(), ..SourceState::default() };
    store.sources.put(&bare).await.unwrap();
    assert_eq!(store.sources.get("drop").await.unwrap(), Some(bare));
}

pub(crate) async fn lists_states_by_name(store: Store) {
    for name in ["drop", "asn-drop", "peeringdb"] {
        store.sources.put(&state(name)).await.unwrap();
    }
    let expected = ["asn-drop", "drop", "peeringdb"].map(state);
    assert_eq!(store.sources.list().await.unwrap(), expected);
}

pub(crate) async fn refuses_a_count_that_no_disk_holds(store: Store) {
    let huge = SourceState { rows: Some(u64::MAX), ..state("drop") };
    let error = store.sources.put(&huge).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(store.sources.get("drop").await.unwrap(), None);
}
