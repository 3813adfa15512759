//! Contract of last good bodies.

use asgard_store::{BodyKind, BodyPlace, Store};

fn place(name: &str) -> BodyPlace<'_> {
    BodyPlace { kind: BodyKind::Good, owner: "acme", name }
}

pub(crate) async fn a_body_comes_back_under_its_name_only(store: Store) {
    let bodies = &store.last_good;
    assert_eq!(bodies.find_body(place("a")).await.unwrap(), None);
    bodies.keep_body(place("a"), "about a", b"1\n").await.unwrap();
    bodies.keep_body(place("../b\0"), "", b"").await.unwrap();
    let found = bodies.find_body(place("a")).await.unwrap().unwrap();
    assert_eq!(found, ("about a".into(), b"1\n".to_vec()));
    let found = bodies.find_body(place("../b\0")).await.unwrap().unwrap();
    assert_eq!(found, (String::new(), vec![]));
    assert_eq!(bodies.find_body(place("b")).await.unwrap(), None);
    let other = BodyPlace { owner: "zeta", ..place("a") };
    assert_eq!(bodies.find_body(other).await.unwrap(), None);
    let memory = BodyPlace { kind: BodyKind::Memory, ..place("a") };
    assert_eq!(bodies.find_body(memory).await.unwrap(), None);
}

pub(crate) async fn a_body_is_replaced_whole(store: Store) {
    let bodies = &store.last_good;
    let long = vec![b'x'; 3_000_000];
    bodies.keep_body(place("a"), "old", &long).await.unwrap();
    bodies.keep_body(place("a"), "new", b"short").await.unwrap();
    let found = bodies.find_body(place("a")).await.unwrap().unwrap();
    assert_eq!(found, ("new".into(), b"short".to_vec()));
}
