//! Contract of the keys.

use asgard_store::{
    ChainVerdict, KeyRecord, KeyRefusal, NewKey, Permission, Rotation,
    RotationRefusal, Scope, Scopes, Store,
};
use jiff::Timestamp;

use crate::at;

fn new_key(scope: Scope) -> NewKey {
    NewKey::with(scope)
}

pub(crate) async fn a_created_key_verifies_and_shows_its_facts(store: Store) {
    assert!(store.keys.load().await.unwrap().is_empty());
    let wanted = NewKey {
        org: Some("acme".into()),
        label: Some("edge".into()),
        expires_at: Some(at(100)),
        ..new_key(Scope::Read)
    };
    let (record, secret) =
        store.keys.create(wanted, "cli", at(5)).await.unwrap();
    let ring = store.keys.load().await.unwrap();
    let facts = ring.verify(secret.reveal(), at(99)).unwrap();
    assert_eq!(ring.len(), 1);
    assert_eq!(facts.id, record.id);
    assert_eq!(facts.org.as_deref(), Some("acme"));
    assert!(facts.scopes.allow(Permission::Read));
    assert!(!facts.scopes.allow(Permission::Write));
    assert_eq!(record.label.as_deref(), Some("edge"));
    assert_eq!((record.created_at, record.created_by), (at(5), "cli".into()));
    assert_eq!(store.keys.list().await.unwrap()[0].expires_at, Some(at(100)));
}

pub(crate) async fn a_bound_key_admits_clients_of_its_networks(store: Store) {
    let bound = |networks: &[&str]| NewKey {
        client_cidrs: networks.iter().map(|n| n.parse().unwrap()).collect(),
        ..new_key(Scope::Read)
    };
    let networks = ["192.0.2.0/24", "2001:db8::/32"];
    let (_, secret) =
        store.keys.create(bound(&networks), "cli", at(1)).await.unwrap();
    let (_, free) = store.keys.create(bound(&[]), "cli", at(1)).await.unwrap();
    let ring = store.keys.load().await.unwrap();
    let facts = ring.verify(secret.reveal(), at(2)).unwrap();
    let admits = |text: &str| facts.admit(text.parse().unwrap());
    for inside in ["192.0.2.0", "192.0.2.255", "2001:db8::1"] {
        assert_eq!(admits(inside), Ok(()), "{inside}");
    }
    for outside in ["192.0.3.0", "203.0.113.1", "2001:db9::", "::1"] {
        assert_eq!(admits(outside), Err(KeyRefusal::Elsewhere), "{outside}");
    }
    let facts = ring.verify(free.reveal(), at(2)).unwrap();
    assert_eq!(facts.admit("203.0.113.1".parse().unwrap()), Ok(()));
    let listed = store.keys.list().await.unwrap();
    assert_eq!(listed.iter().filter(|k| !k.client_cidrs.is_empty()).count(), 1);
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

pub(crate) async fn a_key_keeps_all_its_scopes_and_its_rate_class(
    store: Store,
) {
    let wanted = NewKey {
        rate_class: Some("siem".into()),
        ..NewKey::with("tools,stream,allow:write".parse::<Scopes>().unwrap())
    };
    let scopes = wanted.scopes;
    let (_, secret) = store.keys.create(wanted, "cli", at(1)).await.unwrap();
    let ring = store.keys.load().await.unwrap();
    let facts = ring.verify(secret.reveal(), at(2)).unwrap();
    assert_eq!(facts.scopes, scopes);
    assert_eq!(facts.rate_class.as_deref(), Some("siem"));
    let listed = &store.keys.list().await.unwrap()[0];
    assert_eq!(listed.scopes.to_string(), "stream,tools,allow:write");
    assert_eq!(listed.rate_class.as_deref(), Some("siem"));
}

/// Makes a key at 1 and rotates it at 2.
async fn rotated(
    store: &Store,
    wanted: NewKey,
    end: Timestamp,
) -> (Rotation, String) {
    let made = store.keys.create(wanted, "cli", at(1)).await.unwrap();
    let (KeyRecord { id, .. }, secret) = made;
    let rotation = store.keys.rotate(id, end, "cli", at(2)).await.unwrap();
    (rotation.unwrap(), secret.reveal().to_owned())
}

pub(crate) async fn a_rotated_key_and_its_successor_both_work_until_the_end(
    store: Store,
) {
    let (rotation, old) = rotated(&store, new_key(Scope::Read), at(100)).await;
    let new = rotation.key.reveal();
    assert_ne!(old, new);
    let ring = store.keys.load().await.unwrap();
    assert!(ring.verify(&old, at(99)).is_ok());
    assert!(ring.verify(new, at(99)).is_ok());
    let refusal = ring.verify(&old, at(100)).unwrap_err();
    assert_eq!(refusal, KeyRefusal::Expired);
    assert!(ring.verify(new, at(1_000_000)).is_ok());
    let listed = store.keys.list().await.unwrap();
    assert_eq!(listed, [rotation.old, rotation.new]);
}

pub(crate) async fn a_successor_is_like_the_key_that_it_replaces(store: Store) {
    let wanted = NewKey {
        scopes: "stream,tools".parse().unwrap(),
        org: Some("acme".into()),
        label: Some("edge".into()),
        expires_at: Some(at(500)),
        rate_class: Some("siem".into()),
        client_cidrs: vec!["192.0.2.0/24".parse().unwrap()],
    };
    let (rotation, _) = rotated(&store, wanted.clone(), at(100)).await;
    let Rotation { old, new, key } = rotation;
    assert_eq!((new.id, new.created_at), (key.id(), at(2)));
    assert_eq!((new.revoked_at, old.expires_at), (None, Some(at(100))));
    let KeyRecord { scopes, org, label, expires_at, .. } = new;
    let KeyRecord { rate_class, client_cidrs, .. } = new;
    let successor =
        NewKey { scopes, org, label, expires_at, rate_class, client_cidrs };
    assert_eq!(successor, wanted);
}

pub(crate) async fn rotation_never_puts_an_end_off(store: Store) {
    let wanted = NewKey { expires_at: Some(at(10)), ..new_key(Scope::Read) };
    let (rotation, old) = rotated(&store, wanted, at(100)).await;
    assert_eq!(rotation.old.expires_at, Some(at(10)));
    let ring = store.keys.load().await.unwrap();
    let refusal = ring.verify(&old, at(10)).unwrap_err();
    assert_eq!(refusal, KeyRefusal::Expired);
}

pub(crate) async fn a_key_that_opens_nothing_is_not_rotated(store: Store) {
    let keys = &store.keys;
    let wanted = NewKey { expires_at: Some(at(10)), ..new_key(Scope::Read) };
    let (expired, _) = keys.create(wanted, "cli", at(1)).await.unwrap();
    let (revoked, _) =
        keys.create(new_key(Scope::Read), "cli", at(2)).await.unwrap();
    keys.revoke(revoked.id, "cli", at(3)).await.unwrap();
    let listed = keys.list().await.unwrap();
    for (id, refusal) in [
        ("00000000".parse().unwrap(), KeyRefusal::Unknown),
        (expired.id, KeyRefusal::Expired),
        (revoked.id, KeyRefusal::Revoked),
    ] {
        let outcome = keys.rotate(id, at(100), "cli", at(10)).await.unwrap();
        assert_eq!(outcome.unwrap_err(), refusal.into());
    }
    assert_eq!(keys.list().await.unwrap(), listed);
    assert_eq!(store.audit.appended().await.unwrap(), 3);
}

pub(crate) async fn a_key_is_rotated_once_and_its_successor_again(
    store: Store,
) {
    let wanted = NewKey { expires_at: Some(at(500)), ..new_key(Scope::Read) };
    let (first, _) = rotated(&store, wanted, at(100)).await;
    let (old, new) = (first.old.id, first.new.id);
    let again = store.keys.rotate(old, at(100), "cli", at(3)).await.unwrap();
    assert_eq!(again.unwrap_err(), RotationRefusal::Replaced(new));
    let next = store.keys.rotate(new, at(100), "cli", at(3)).await.unwrap();
    let next = next.unwrap().new;
    assert_eq!(next.expires_at, Some(at(500)), "not the end of the old one");
    let listed = store.keys.list().await.unwrap();
    let successors: Vec<_> = listed.iter().map(|k| k.replaced_by).collect();
    assert_eq!(successors, [Some(new), Some(next.id), None]);
}

pub(crate) async fn a_rotation_is_one_entry_of_the_audit_log(store: Store) {
    let (rotation, old) = rotated(&store, new_key(Scope::Read), at(100)).await;
    let log = store.audit.list(1, 10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(&*log[0].action, "key.rotate");
    assert_eq!(log[0].object, rotation.old.id.as_str());
    let before = log[0].before.as_deref().unwrap();
    let after = log[0].after.as_deref().unwrap();
    assert!(before.contains(r#""expires_at":null"#), "{before}");
    assert!(after.contains("1970-01-01T00:01:40Z"), "{after}");
    assert!(after.contains(rotation.new.id.as_str()), "{after}");
    for secret in [&old[21..], &rotation.key.reveal()[21..]] {
        assert!(!after.contains(secret) && !before.contains(secret));
    }
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 2 });
}
