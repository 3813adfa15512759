//! Contract of who polls.

use asgard_store::{PolledProfile, Poller, Store, pollers};

use crate::at;

fn poller(address: &str, first: i64, last: i64, polls: u64) -> Poller {
    Poller {
        org: "acme".into(),
        address: address.parse().unwrap(),
        first_at: at(first),
        last_at: at(last),
        polls,
        bound: false,
    }
}

fn profile(name: &str, last: i64) -> PolledProfile {
    PolledProfile {
        org: "acme".into(),
        key: "0a1b2c3d".into(),
        profile: name.into(),
        last_at: at(last),
    }
}

pub(crate) async fn polls_of_an_address_add_up(store: Store) {
    let note = &store.pollers;
    let first = poller("192.0.2.1", 100, 200, 3);
    note.note(&[first], &[profile("pan-50k", 200)], at(200)).await.unwrap();
    let more = poller("192.0.2.1", 300, 400, 2);
    let other = poller("2001:db8::1", 400, 400, 1);
    let later = profile("pan-50k", 400);
    note.note(&[other, more], &[later], at(400)).await.unwrap();
    let known = note.pollers().await.unwrap();
    let expected =
        [poller("192.0.2.1", 100, 400, 5), poller("2001:db8::1", 400, 400, 1)];
    assert_eq!(known, expected);
    let profiles = note.profiles().await.unwrap();
    assert_eq!(profiles, [profile("pan-50k", 400)]);
}

pub(crate) async fn an_address_that_was_bound_once_stays_so(store: Store) {
    let note = &store.pollers;
    let once = Poller { bound: true, ..poller("192.0.2.1", 0, 0, 1) };
    note.note(&[once], &[], at(0)).await.unwrap();
    note.note(&[poller("192.0.2.1", 1, 1, 1)], &[], at(1)).await.unwrap();
    let known = note.pollers().await.unwrap();
    assert_eq!((known[0].polls, known[0].bound), (2, true));
}

pub(crate) async fn who_was_away_for_a_week_is_forgotten(store: Store) {
    let note = &store.pollers;
    let old = poller("192.0.2.1", 0, 0, 9);
    let young = poller("192.0.2.2", 0, 1, 9);
    let profiles = [profile("synapse", 0), profile("juniper", 1)];
    note.note(&[old, young.clone()], &profiles, at(0)).await.unwrap();
    let week = at(pollers::POLLER_AGE.as_secs());
    note.note(&[], &[], week).await.unwrap();
    assert_eq!(note.pollers().await.unwrap(), [young]);
    assert_eq!(note.profiles().await.unwrap(), [profile("juniper", 1)]);
}

pub(crate) async fn addresses_of_an_organisation_are_bounded(store: Store) {
    let many: Vec<_> = (0..pollers::POLLERS_MAX + 10)
        .map(|n| {
            let address = std::net::Ipv4Addr::from_bits(n).to_string();
            poller(&address, 0, i64::from(n), 1)
        })
        .collect();
    store.pollers.note(&many, &[], at(5_000)).await.unwrap();
    let known = store.pollers.pollers().await.unwrap();
    assert_eq!(known.len(), pollers::POLLERS_MAX as usize);
    assert!(known.iter().all(|poller| poller.last_at >= at(10)));
}
