//! Contract of the notice of writes.

use asgard_model::Asn;
use asgard_store::{Cycle, NewKey, RulesWrite, Scope, SourceState, Store};

use crate::{at, entry};

async fn version(store: &Store) -> u64 {
    store.changes.version().await.unwrap()
}

pub(crate) async fn moves_with_every_write_to_keys_rules_and_whitelist(
    store: Store,
) {
    let mut seen = vec![version(&store).await];
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    seen.push(version(&store).await);
    store.whitelist.put(&entry(1), "cli").await.unwrap();
    seen.push(version(&store).await);
    store.whitelist.remove(Asn(1), "cli", at(1)).await.unwrap();
    seen.push(version(&store).await);
    let key = NewKey::with(Scope::Read);
    let (record, _) = store.keys.create(key, "cli", at(1)).await.unwrap();
    seen.push(version(&store).await);
    store.keys.rotate(record.id, at(9), "cli", at(2)).await.unwrap().unwrap();
    seen.push(version(&store).await);
    store.keys.revoke(record.id, "cli", at(2)).await.unwrap();
    seen.push(version(&store).await);
    let write = RulesWrite {
        org: "acme",
        base: 0,
        put: vec![],
        remove: vec![],
        actor: "cli",
        action: "rule.create",
        at: at(3),
        answer: None,
        staged: None,
    };
    store.rules.commit(write.clone()).await.unwrap();
    seen.push(version(&store).await);
    store.rules.commit(RulesWrite { base: 1, ..write }).await.unwrap();
    seen.push(version(&store).await);
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}

pub(crate) async fn history_sources_and_snapshots_do_not_move_it(store: Store) {
    let before = version(&store).await;
    let cycle =
        Cycle { id: 1, at: at(1), as_of: at(1), model_version: "1.0".into() };
    let changes = [(Asn(1), Some(50))];
    store.history.record_cycle(&cycle, &changes).await.unwrap();
    let state = SourceState { name: "drop".into(), ..SourceState::default() };
    store.sources.put(&state).await.unwrap();
    store.snapshots.save(1, vec![1]).await.unwrap();
    assert_eq!(version(&store).await, before);
}

pub(crate) async fn reading_does_not_move_it(store: Store) {
    let before = version(&store).await;
    store.whitelist.list().await.unwrap();
    store.keys.load().await.unwrap();
    store.whitelist.remove(Asn(1), "cli", at(1)).await.unwrap();
    assert_eq!(version(&store).await, before);
}
