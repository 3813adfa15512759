//! Cycles of the demo on a history that has its faults.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use asgard_store::{History, HistoryPage, StoreConfig};
use clap::Parser;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::cli::Cli;

/// What is wrong with a history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// Pruning fails.
    KeepsAll,
    /// The next cycle is recorded, and the answer lost.
    LosesAnswer,
}

/// The real history, with faults.
struct Faulty {
    history: Arc<dyn History>,
    wrong: Wrong,
    /// Whether the next cycle is recorded, and the answer lost.
    loses_answer: AtomicBool,
    prunings: AtomicU32,
}

fn fault() -> StoreError {
    StoreError::Unavailable("a fault of the test".to_owned())
}

#[async_trait]
impl History for Faulty {
    async fn record_cycle(
        &self,
        cycle: &Cycle,
        changes: &[(Asn, Option<u8>)],
    ) -> Result<(), StoreError> {
        self.history.record_cycle(cycle, changes).await?;
        match self.loses_answer.swap(false, Ordering::SeqCst) {
            true => Err(fault()),
            false => Ok(()),
        }
    }

    async fn page(
        &self,
        asn: Asn,
        since: Timestamp,
        offset: u64,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.history.page(asn, since, offset, limit).await
    }

    async fn last_scores(&self) -> Result<Vec<(Asn, u8)>, StoreError> {
        self.history.last_scores().await
    }

    async fn last_cycle(&self) -> Result<Option<Cycle>, StoreError> {
        self.history.last_cycle().await
    }

    async fn bears_out(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.history.bears_out(now).await
    }

    async fn prune(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        self.prunings.fetch_add(1, Ordering::SeqCst);
        match self.wrong {
            Wrong::KeepsAll => Err(fault()),
            _ => self.history.prune(older_than).await,
        }
    }
}

/// An engine on the demo, and its faulty history.
struct Bench {
    _dir: TempDir,
    engine: Engine,
    history: Arc<Faulty>,
    config: Config,
}

impl Bench {
    async fn new(wrong: Wrong) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_str().unwrap();
        let words = ["asgard", "serve", "--demo", "--data-dir", data];
        let config = Config::load(&Cli::parse_from(words)).unwrap();
        let place = StoreConfig { dir: dir.path().to_owned(), world: None };
        let mut store = asgard_store::open(&place).await.unwrap();
        let history = Arc::new(Faulty {
            history: Arc::clone(&store.history),
            wrong,
            loses_answer: AtomicBool::new(wrong == Wrong::LosesAnswer),
            prunings: AtomicU32::new(0),
        });
        store.history = Arc::clone(&history) as Arc<dyn History>;
        let live = Arc::new(Live::default());
        let engine = Engine::new(live, store, &config);
        Self { _dir: dir, engine, history, config }
    }

    async fn cycle(&self) -> Result<()> {
        let learner = learner(&self.config).unwrap();
        let silent = asgard_ingest::supply::Silent;
        self.engine.cycle(learner, &silent).await.1
    }

    /// Whether what was published is what the history holds.
    async fn is_recorded(&self) -> bool {
        let turn = self.engine.turn.lock().await;
        let snapshot = self.engine.live.snapshot().unwrap();
        let last = self.history.last_cycle().await.unwrap().unwrap();
        turn.unrecorded.is_none()
            && last.id == snapshot.serial
            && turn.recorded == published_scores(&snapshot)
            && turn.recorded == self.history.last_scores().await.unwrap()
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_pruned_is_recorded_all_the_same() {
    let bench = Bench::new(Wrong::KeepsAll).await;
    bench.cycle().await.unwrap();
    assert_eq!(bench.history.prunings.load(Ordering::SeqCst), 1);
    assert!(bench.is_recorded().await);
    bench.cycle().await.unwrap();
    assert!(bench.is_recorded().await);
}

#[tokio::test]
async fn a_cycle_that_was_recorded_without_an_answer_is_not_recorded_again() {
    let bench = Bench::new(Wrong::LosesAnswer).await;
    bench.cycle().await.unwrap_err();
    assert!(!bench.is_recorded().await);
    bench.engine.catch_up().await;
    assert!(bench.is_recorded().await);
}

#[tokio::test]
async fn a_cycle_with_a_clock_far_ahead_of_the_history_prunes_nothing() {
    let bench = Bench::new(Wrong::Nothing).await;
    let year = SignedDuration::from_hours(24 * 365);
    for (id, years) in [(1, 9), (2, 8)] {
        let at = now() - year * years;
        let model_version = "1".to_owned();
        let cycle = Cycle { id, at, as_of: at, model_version };
        bench.history.record_cycle(&cycle, &[]).await.unwrap();
    }
    bench.engine.resume().await.unwrap();
    bench.cycle().await.unwrap();
    assert_eq!(bench.history.prunings.load(Ordering::SeqCst), 0);
    assert!(bench.is_recorded().await);
}
