//! Contract of the keys.

use asgard_store::{KeyRefusal, NewKey, Permission, Scope, Store};

use crate::at;

fn new_key(scope: Scope) -> NewKey {
    NewKey { scope, org: None, label: None, expires_at: None }
}

pub(crate) async fn a_created_key_verifies_and_shows_its_facts(store: Store) {
    assert!(store.keys.load().await.unwrap().is_empty());
    let wanted = NewKey {
        scope: Scope::Read,
        org: Some("acme".into()),
        label: Some("edge".into()),
        expires_at: Some(at(100)),
    };
    let (record, secret) =
        store.keys.create(wanted, "cli", at(5)).await.unwrap();
    let ring = store.keys.load().await.unwrap();
    let facts = ring.verify(secret.reveal(), at(99)).unwrap();
    assert_eq!(ring.len(), 1);
    assert_eq!(facts.id, record.id);
    assert_eq!(facts.org.as_deref(), Some("acme"));
    assert!(facts.scope.allows(Permission::Read));
    assert!(!facts.scope.allows(Permission::Write));
    assert_eq!(record.label.as_deref(), Some("edge"));
    assert_eq!((record.created_at, record.created_by), (at(5), "cli".into()));
    assert_eq!(store.keys.list().await.unwrap()[0].expires_at, Some(at(100)));
}

pub(crate) async fn lists_keys_oldest_first_without_secrets(store: Store) {
    let mut made = Vec::new();
    for second in [30, 10, 20] {
        let key = new_key(Scope::Admin);
        made.push(store.keys.create(key, "cli", at(second)).await.unwrap());
    }
    let listed = store.keys.list().await.unwrap();
    let expected = [&made[1].0, &made[2].0, &made[0].0];
    assert_eq!(listed.iter().collect::<Vec<_>>(), expected);
    for (record, secret) in made {
        let shown = format!("{record:?} {secret:?} {listed:?}");
        assert!(!shown.contains(&secret.reveal()[21..]), "{shown}");
    }
}

pub(crate) async fn a_revoked_key_is_refused_and_stays_listed(store: Store) {
    let keys = &store.keys;
    let (first, secret) =
        keys.create(new_key(Scope::Admin), "cli", at(1)).await.unwrap();
    let (_, other) =
        keys.create(new_key(Scope::Read), "cli", at(2)).await.unwrap();
    assert!(keys.revoke(first.id, "cli", at(3)).await.unwrap());
    let ring = keys.load().await.unwrap();
    let refusal = ring.verify(secret.reveal(), at(4)).unwrap_err();
    assert_eq!(refusal, KeyRefusal::Revoked);
    assert!(ring.verify(other.reveal(), at(4)).is_ok());
    assert_eq!(keys.list().await.unwrap()[0].revoked_at, Some(at(3)));
}

pub(crate) async fn revoking_what_is_not_there_changes_nothing(store: Store) {
    let keys = &store.keys;
    let absent = "00000000".parse().unwrap();
    assert!(!keys.revoke(absent, "cli", at(1)).await.unwrap());
    let (record, _) =
        keys.create(new_key(Scope::Read), "cli", at(1)).await.unwrap();
    assert!(keys.revoke(record.id, "cli", at(2)).await.unwrap());
    assert!(!keys.revoke(record.id, "cli", at(3)).await.unwrap());
    assert_eq!(keys.list().await.unwrap()[0].revoked_at, Some(at(2)));
}

pub(crate) async fn an_expired_key_is_refused(store: Store) {
    let wanted = NewKey { expires_at: Some(at(10)), ..new_key(Scope::Read) };
    let (_, secret) = store.keys.create(wanted, "cli", at(1)).await.unwrap();
    let ring = store.keys.load().await.unwrap();
    assert!(ring.verify(secret.reveal(), at(9)).is_ok());
    let refusal = ring.verify(secret.reveal(), at(10)).unwrap_err();
    assert_eq!(refusal, KeyRefusal::Expired);
}

pub(crate) async fn keys_differ_from_each_other(store: Store) {
    let mut secrets = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let key = new_key(Scope::Read);
        let (_, secret) = store.keys.create(key, "cli", at(1)).await.unwrap();
        let text = secret.reveal().to_owned();
        assert!(secrets.insert(text[21..64].to_owned()), "secret repeated");
        assert!(secrets.insert(secret.id().to_string()), "id repeated");
    }
}
