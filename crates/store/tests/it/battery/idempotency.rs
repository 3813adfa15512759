//! Contract of kept answers.

use asgard_store::{Answer, Store};

use crate::at;

const DAY: i64 = 86_400;

fn answer(body: &str) -> Answer<'_> {
    Answer { key: "k", request: [7; 32], status: 200, body }
}

pub(crate) async fn an_answer_is_found_for_a_day_by_its_organisation(
    store: Store,
) {
    let keep = &store.idempotency;
    assert_eq!(keep.find("acme", "k", at(0)).await.unwrap(), None);
    keep.keep("acme", answer("first"), at(1_000)).await.unwrap();
    let kept = keep.find("acme", "k", at(1_000)).await.unwrap().unwrap();
    assert_eq!((kept.request, kept.status), ([7; 32], 200));
    assert_eq!(kept.body, "first");
    let later = at(1_000 + DAY - 1);
    assert!(keep.find("acme", "k", later).await.unwrap().is_some());
    let after = at(1_000 + DAY);
    assert_eq!(keep.find("acme", "k", after).await.unwrap(), None);
    for (org, key) in [("zeta", "k"), ("acme", "K"), ("", "k")] {
        assert_eq!(keep.find(org, key, at(1_000)).await.unwrap(), None);
    }
}

pub(crate) async fn the_first_answer_stays_until_its_day_is_over(store: Store) {
    let keep = &store.idempotency;
    keep.keep("acme", answer("first"), at(1_000)).await.unwrap();
    keep.keep("acme", answer("second"), at(2_000)).await.unwrap();
    let kept = keep.find("acme", "k", at(2_000)).await.unwrap().unwrap();
    assert_eq!(kept.body, "first");
    keep.keep("acme", answer("third"), at(1_000 + DAY)).await.unwrap();
    let kept = keep.find("acme", "k", at(1_001 + DAY)).await.unwrap();
    assert_eq!(kept.unwrap().body, "third");
}
