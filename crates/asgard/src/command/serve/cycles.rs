//! Cycles, one after the other, until the end.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use asgard_api::Live;
use asgard_ingest::{
    learner::Learner, live::Stream, rtr::Validators, supply::Progress,
};
use asgard_store::Store;
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};

use crate::{
    clock::now,
    config::Config,
    engine::{self, Engine},
    sessions::Sessions,
};

/// Pause after a cycle that brought nothing, as long as there is no Snapshot.
const RETRY: Duration = Duration::from_secs(60);

/// Where learners come from: the first, and another after a panic.
pub(super) struct School {
    config: Config,
    store: Store,
    live: Arc<Live>,
    validators: Validators,
    stream: Option<Arc<Stream>>,
}

impl School {
    pub(super) fn new(
        config: &Config,
        store: &Store,
        live: &Arc<Live>,
        sessions: &Sessions,
    ) -> Self {
        Self {
            config: config.clone(),
            store: store.clone(),
            live: Arc::clone(live),
            validators: sessions.validators(),
            stream: sessions.stream(),
        }
    }

    /// A learner that knows what the store remembers.
    pub(super) async fn learner(&self) -> Result<Learner> {
        let mut learner = engine::learner(&self.config)?;
        learner.recall(&self.store.sources.list().await?, now());
        self.live.set_sources(learner.statuses());
        Ok(learner
            .with_validators(self.validators.clone())
            .with_stream(self.stream.clone()))
    }
}

/// Restores the last Snapshot, then runs cycles until the end.
pub(super) async fn cycles(
    engine: Arc<Engine>,
    school: School,
    learner: Learner,
    progress: Arc<dyn Progress>,
    pace: Pace,
    stopped: watch::Receiver<bool>,
) {
    if let Err(error) = engine.resume().await {
        tracing::error!("last snapshot not restored: {error:#}");
    }
    let live = &school.live;
    let mut learner = Some(learner);
    while !*stopped.borrow() {
        let begun = Instant::now();
        learner = cycle(&engine, &school, learner, &progress).await;
        let next = match live.snapshot() {
            Some(_) => pace.pause,
            None => RETRY,
        };
        tokio::select! {
            () = sleep(next.saturating_sub(begun.elapsed())) => {}
            () = pace.news_after(begun.elapsed()) => {}
        }
    }
}

/// One cycle; gives the learner back, or none if the next one needs another.
async fn cycle(
    engine: &Arc<Engine>,
    school: &School,
    learner: Option<Learner>,
    progress: &Arc<dyn Progress>,
) -> Option<Learner> {
    let live = &school.live;
    let learner = match learner {
        Some(learner) => learner,
        None => match school.learner().await {
            Ok(learner) => learner,
            Err(error) => {
                complain(&error, live.snapshot().is_some());
                return None;
            }
        },
    };
    let ended = apart(Arc::clone(engine), learner, Arc::clone(progress)).await;
    live.scoring_panicked(ended.is_err());
    match ended {
        Ok((learner, result)) => {
            live.set_sources(learner.statuses());
            if let Err(error) = result {
                complain(&error, live.snapshot().is_some());
            }
            Some(learner)
        }
        // What it knew may be half changed. The last Snapshot answers.
        Err(panic) => {
            complain(&panic.into(), live.snapshot().is_some());
            None
        }
    }
}

/// Runs a cycle so that its panic is an error here. It ends with whoever waits
/// for it.
async fn apart(
    engine: Arc<Engine>,
    learner: Learner,
    progress: Arc<dyn Progress>,
) -> Result<(Learner, Result<()>), JoinError> {
    let mut task = JoinSet::new();
    task.spawn(async move { engine.cycle(learner, &*progress).await });
    task.join_next().await.expect("one was spawned")
}

/// When the next cycle begins.
pub(super) struct Pace {
    /// Between the beginnings of two cycles, if there are no news.
    pub(super) pause: Duration,
    /// Shortest time between two, if there are.
    pub(super) calm: Duration,
    pub(super) news: Arc<Notify>,
}

impl Pace {
    /// Resolves when there are news and it is time: a cycle that took so long
    /// is followed by at least four times as long without one.
    async fn news_after(&self, took: Duration) {
        sleep(self.calm.max(took * 4).saturating_sub(took)).await;
        self.news.notified().await;
    }
}

fn complain(error: &anyhow::Error, ready: bool) {
    tracing::error!("cycle failed: {error:#}");
    if !ready {
        tracing::error!(
            "nothing can be answered yet; check the network and \
             `asgard source status`, or start with --mirror DIR (files from \
             elsewhere) or --demo (a generated world)"
        );
    }
}

#[cfg(test)]
mod tests {
    use asgard_ingest::supply::Silent;
    use asgard_store::StoreConfig;
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    /// Panics when a download is over, as a bug would.
    struct Bug;

    impl Progress for Bug {
        fn begin(&self, _: &str, _: Option<u64>) {}
        fn advance(&self, _: &str, _: u64) {}
        fn end(&self, _: &str, _: &str) {
            panic!("a bug of the test");
        }
    }

    /// One source, whose publisher is away.
    fn config(dir: &std::path::Path) -> Config {
        let catalogue = asgard_ingest::catalogue::Catalogue::embedded();
        let mut text = "allow_private: [127.0.0.0/8]\nsources:\n".to_owned();
        for source in catalogue.unwrap().sources {
            let change = match &*source.name {
                "threatfox" => "url: 'http://127.0.0.1:1/'",
                _ => "enabled: false",
            };
            text += &format!("  {}: {{ {change} }}\n", source.name);
        }
        let file = dir.join("asgard.yaml");
        std::fs::write(&file, text).unwrap();
        let (file, dir) = (file.to_str().unwrap(), dir.to_str().unwrap());
        let words = ["asgard", "serve", "--config", file, "--data-dir", dir];
        Config::load(&Cli::parse_from(words)).unwrap()
    }

    #[tokio::test]
    async fn a_cycle_that_panics_is_followed_by_one_with_a_new_learner() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let place = StoreConfig { dir: dir.path().to_owned(), world: None };
        let store = asgard_store::open(&place).await.unwrap();
        let live = Arc::new(Live::default());
        let engine = Engine::new(Arc::clone(&live), store.clone(), &config);
        let engine = Arc::new(engine);
        let sessions = Sessions::new(&config.live);
        let school = School::new(&config, &store, &live, &sessions);
        let first = school.learner().await.unwrap();
        let bug: Arc<dyn Progress> = Arc::new(Bug);
        let after = cycle(&engine, &school, Some(first), &bug).await;
        assert!(after.is_none(), "what it knew may be half changed");
        let silent: Arc<dyn Progress> = Arc::new(Silent);
        assert!(cycle(&engine, &school, after, &silent).await.is_some());
    }
}
