//! Contract of the history.

use std::collections::BTreeMap;

use asgard_model::Asn;
use asgard_store::{Cycle, HistoryPage, Store, StoreError};
use jiff::Timestamp;

use crate::{Random, at};

const HOUR: i64 = 3_600;

fn cycle(id: u32) -> Cycle {
    Cycle {
        id: id.into(),
        at: at(i64::from(id) * HOUR),
        as_of: at(i64::from(id) * HOUR - 60),
        model_version: "1.0".into(),
    }
}

async fn record(store: &Store, id: u32, changes: &[(u32, Option<u8>)]) {
    try_record(store, id, changes).await.unwrap();
}

async fn try_record(
    store: &Store,
    id: u32,
    changes: &[(u32, Option<u8>)],
) -> Result<(), StoreError> {
    let changes: Vec<_> = changes.iter().map(|&(n, s)| (Asn(n), s)).collect();
    store.history.record_cycle(&cycle(id), &changes).await
}

async fn page(store: &Store, asn: u32, since: u32) -> HistoryPage {
    let since = cycle(since).at;
    store.history.page(Asn(asn), since, 0, 1_000).await.unwrap()
}

fn hours(page: &HistoryPage) -> Vec<(i64, u8)> {
    let hour = |at: &Timestamp| at.as_second() / HOUR;
    page.points.iter().map(|(at, score)| (hour(at), *score)).collect()
}

pub(crate) async fn gives_no_points_before_the_first_score(store: Store) {
    assert_eq!(page(&store, 1, 0).await.total, 0);
    record(&store, 1, &[]).await;
    record(&store, 2, &[(1, Some(80))]).await;
    assert_eq!(hours(&page(&store, 1, 0).await), [(2, 80)]);
    assert_eq!(page(&store, 2, 0).await.total, 0);
}

pub(crate) async fn reconstructs_one_point_a_cycle_newest_first(store: Store) {
    record(&store, 1, &[(1, Some(80)), (2, Some(0))]).await;
    record(&store, 2, &[]).await;
    record(&store, 3, &[(1, None)]).await;
    record(&store, 4, &[]).await;
    record(&store, 5, &[(1, Some(100))]).await;
    let all = page(&store, 1, 0).await;
    assert_eq!(hours(&all), [(5, 100), (2, 80), (1, 80)]);
    assert_eq!(all.total, 3);
    let recent = page(&store, 1, 2).await;
    assert_eq!(hours(&recent), [(5, 100), (2, 80)], "since is inclusive");
    let zero = page(&store, 2, 5).await;
    assert_eq!(hours(&zero), [(5, 0)], "holds since before the window");
    assert_eq!(page(&store, 1, 6).await.total, 0);
}

pub(crate) async fn pages_without_gap_or_overlap(store: Store) {
    for id in 1..=25 {
        let score = u8::try_from(id).unwrap();
        record(&store, id, &[(1, Some(score))]).await;
    }
    let mut joined = Vec::new();
    for offset in [0, 10, 20, 30] {
        let history = &store.history;
        let page = history.page(Asn(1), at(0), offset, 10).await.unwrap();
        assert_eq!(page.total, 25);
        joined.extend(page.points);
    }
    assert_eq!(joined, page(&store, 1, 0).await.points);
    let none = store.history.page(Asn(1), at(0), 0, 0).await.unwrap();
    assert_eq!((none.total, none.points.len()), (25, 0));
}

pub(crate) async fn refuses_a_cycle_that_does_not_follow_and_keeps_nothing_of_it(
    store: Store,
) {
    record(&store, 7, &[(1, Some(50))]).await;
    for id in [7, 6] {
        let error = try_record(&store, id, &[(1, Some(1))]).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    assert_eq!(hours(&page(&store, 1, 0).await), [(7, 50)]);
}

pub(crate) async fn refuses_an_as_that_occurs_twice_and_keeps_nothing_of_it(
    store: Store,
) {
    let twice = [(2, Some(1)), (1, Some(50)), (1, Some(60))];
    let error = try_record(&store, 1, &twice).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(store.history.last_cycle().await.unwrap(), None);
    assert_eq!(store.history.last_scores().await.unwrap(), []);
}

pub(crate) async fn refuses_a_score_above_100(store: Store) {
    let error = try_record(&store, 1, &[(1, Some(101))]).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(store.history.last_cycle().await.unwrap(), None);
}

pub(crate) async fn knows_the_last_cycle_and_the_last_scores(store: Store) {
    assert_eq!(store.history.last_cycle().await.unwrap(), None);
    record(&store, 1, &[(3, Some(30)), (u32::MAX, Some(9)), (2, Some(20))])
        .await;
    record(&store, 2, &[(3, None), (2, Some(21)), (5, None)]).await;
    record(&store, 4, &[]).await;
    let scores = store.history.last_scores().await.unwrap();
    assert_eq!(scores, [(Asn(2), 21), (Asn(u32::MAX), 9)]);
    assert_eq!(store.history.last_cycle().await.unwrap(), Some(cycle(4)));
}

pub(crate) async fn pruning_an_empty_history_does_nothing(store: Store) {
    assert_eq!(store.history.prune(at(0)).await.unwrap(), 0);
}

pub(crate) async fn pruning_keeps_every_remaining_point(store: Store) {
    record(&store, 1, &[(1, Some(10)), (2, Some(90)), (3, Some(5))]).await;
    record(&store, 2, &[(1, Some(20)), (2, None)]).await;
    record(&store, 3, &[(3, Some(6))]).await;
    record(&store, 4, &[(2, Some(91))]).await;
    assert_eq!(store.history.prune(cycle(3).at).await.unwrap(), 2);
    assert_eq!(hours(&page(&store, 1, 0).await), [(4, 20), (3, 20)]);
    assert_eq!(hours(&page(&store, 2, 0).await), [(4, 91)]);
    assert_eq!(hours(&page(&store, 3, 0).await), [(4, 6), (3, 6)]);
    assert_eq!(store.history.prune(cycle(3).at).await.unwrap(), 0);
}

pub(crate) async fn pruning_keeps_the_last_cycle_whatever_its_age(
    store: Store,
) {
    record(&store, 1, &[(1, Some(10)), (2, Some(2))]).await;
    record(&store, 2, &[(1, Some(20))]).await;
    let far = cycle(1_000).at;
    assert_eq!(store.history.prune(far).await.unwrap(), 1);
    assert_eq!(store.history.last_cycle().await.unwrap(), Some(cycle(2)));
    let scores = store.history.last_scores().await.unwrap();
    assert_eq!(scores, [(Asn(1), 20), (Asn(2), 2)]);
}

pub(crate) async fn a_clock_far_ahead_is_believed_after_a_day_of_cycles(
    store: Store,
) {
    let day = |n: u32| 24 * n;
    let bears_out =
        async |hour| store.history.bears_out(cycle(hour).at).await.unwrap();
    assert!(bears_out(day(1)).await, "nothing can be forgotten yet");
    for hour in 1..=day(10) {
        record(&store, hour, &[]).await;
    }
    assert!(bears_out(day(10) + 1).await);
    assert!(bears_out(day(17)).await, "a week without power");
    assert!(!bears_out(day(19)).await);
    assert!(!bears_out(day(4000)).await);
    // Whatever the reason was: the next cycles agree.
    record(&store, day(40), &[]).await;
    assert!(!bears_out(day(40) + 1).await);
    record(&store, day(40) + 23, &[]).await;
    assert!(!bears_out(day(40) + 23).await);
    assert!(bears_out(day(41)).await);
    // The clock is back: what it said before does not matter.
    assert!(bears_out(day(10) + 2).await);
}

pub(crate) async fn pruning_reaches_the_end_of_a_long_table(store: Store) {
    let last = 60_000;
    let all = |score| (1..=last).map(|n| (n, Some(score))).collect::<Vec<_>>();
    record(&store, 1, &all(1)).await;
    record(&store, 2, &all(2)).await;
    assert_eq!(store.history.prune(cycle(2).at).await.unwrap(), 1);
    for asn in [1, 49_999, 50_000, 50_001, last] {
        assert_eq!(hours(&page(&store, asn, 0).await), [(2, 2)], "{asn}");
    }
    let scores = store.history.last_scores().await.unwrap();
    assert_eq!(scores.len(), usize::try_from(last).unwrap());
}

type Model = BTreeMap<u32, BTreeMap<u32, u8>>;

pub(crate) async fn agrees_with_a_naive_model_through_writes_and_pruning(
    store: Store,
) {
    let seed = 20_260_627;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut scores: BTreeMap<u32, u8> = BTreeMap::new();
    let mut model = Model::new();
    for id in 1..=60 {
        let changes = draw_changes(&mut random);
        record(&store, id, &changes).await;
        for (asn, score) in changes {
            match score {
                Some(score) => scores.insert(asn, score),
                None => scores.remove(&asn),
            };
        }
        model.insert(id, scores.clone());
        if random.below(8) == 0 {
            let cut = id.saturating_sub(random.below(12));
            store.history.prune(cycle(cut).at).await.unwrap();
            model = model.split_off(&cut);
        }
        compare(&store, &model, id.saturating_sub(random.below(20))).await;
    }
}

fn draw_changes(random: &mut Random) -> Vec<(u32, Option<u8>)> {
    (1..=6)
        .filter_map(|asn| match random.below(10) {
            0 => Some((asn, None)),
            1..=3 => Some((asn, u8::try_from(random.below(101)).ok())),
            _ => None,
        })
        .collect()
}

async fn compare(store: &Store, model: &Model, since: u32) {
    for asn in 1..=6 {
        let expected: Vec<(i64, u8)> = model
            .range(since..)
            .rev()
            .filter_map(|(&id, scores)| Some((id.into(), *scores.get(&asn)?)))
            .collect();
        let page = page(store, asn, since).await;
        assert_eq!(hours(&page), expected, "AS{asn} since {since}");
        assert_eq!(page.total, expected.len() as u64);
    }
}
