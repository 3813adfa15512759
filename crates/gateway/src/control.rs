//! One gateway: what its workers, its admin listener and its operator share.
//!
//! A reload reads the configuration anew, makes it ready, runs its unit tests,
//! and swaps; whatever fails on the way leaves everything as it is, and
//! `/healthz` says why. What only a restart can change (addresses of listeners, workers, the limit of
//! connections, the log) is named in the log when a reload brings it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

mod library;
mod names;
mod unit_tests;
mod watched;

pub use unit_tests::FailedTests;

use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use crate::{
    clock,
    config::{self, Config, Faults, Loaded, Overrides},
    drain::Phase,
    generation::{Data, Generation, Generations},
    log::{
        DecisionLog,
        recent::{Recent, Remembered},
    },
    metrics::Metrics,
    setup::{Setup, SetupError},
    supply::{DataError, Library},
    worker::{Ids, Worker},
};
use watched::{Watch, Watched};

/// Why a configuration is not put into force.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file has faults.
    #[error("{0}")]
    Faults(Faults),
    /// What it names cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A database or list cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The unit tests of the file fail.
    #[error(transparent)]
    Tests(#[from] FailedTests),
}

/// How the last reload went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadState {
    /// Why it failed; `None` if it worked, or there was none.
    pub error: Option<String>,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// A gateway.
#[derive(Debug)]
pub struct Gateway {
    path: PathBuf,
    overrides: Overrides,
    workers: usize,
    /// Where it was told to listen; port 0 is left out.
    listens: Vec<SocketAddr>,
    room: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
    // A std lock: held to copy or replace a line of text.
    reloaded: Mutex<ReloadState>,
    // A std lock: held to find a worker's.
    recent: Mutex<Vec<Arc<Recent>>>,
    // Reloads come one after the other.
    reloading: tokio::sync::Mutex<()>,
    // A std lock: held to copy or replace it.
    watch: Mutex<Watch>,
    // A std lock: held to compare it. Which files of rules and build of the
    // database the log has told of, for want of scores.
    scoreless: Mutex<Option<(String, u64)>>,
    /// Counts the setups that came into force.
    setups: watch::Sender<u64>,
    /// What reads databases, lists and feeds; `None` until the first load.
    library: watch::Sender<Option<Arc<Library>>>,
    /// What requests are decided by.
    pub generations: Arc<Generations>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Gateway {
    /// Makes a gateway of a configuration that was loaded from `path`. Blocking:
    /// it reads files. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When something that the configuration names cannot be used.
    pub fn new(
        path: &Path,
        overrides: Overrides,
        loaded: Loaded,
        workers: usize,
        now: u64,
    ) -> Result<Self, LoadError> {
        let watched = Watched::of(&loaded.config);
        let watch = Watch::of(watched, &watched::Marks::new());
        let setup = Setup::new(loaded, workers, None)?;
        let data = Data::of(&setup.config, None);
        let room = Arc::new(Semaphore::new(setup.config.limits.connections));
        let generation =
            Generation { setup: Arc::new(setup), data: Arc::new(data) };
        let metrics = Arc::new(Metrics::new());
        let state = ReloadState { error: None, at: now };
        let gateway = Self {
            path: path.to_owned(),
            overrides,
            workers,
            listens: listens(&generation.setup.config),
            room,
            phase: watch::Sender::new(Phase::Serving),
            reloaded: Mutex::new(state.clone()),
            recent: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            watch: Mutex::new(watch),
            scoreless: Mutex::default(),
            setups: watch::Sender::new(0),
            library: watch::Sender::new(None),
            generations: Arc::new(Generations::new(generation)),
            metrics,
        };
        gateway.note(state);
        Ok(gateway)
    }

    /// One worker's part; `seed` names its requests and must be random.
    #[must_use]
    pub fn worker(&self, index: usize, seed: u64) -> Worker {
        let recent = Arc::new(Recent::share_of(self.workers));
        self.recent().push(Arc::clone(&recent));
        Worker {
            index,
            generations: Arc::clone(&self.generations),
            metrics: Arc::clone(&self.metrics),
            room: Arc::clone(&self.room),
            phase: self.phase.subscribe(),
            born: Instant::now(),
            ids: Ids::new(seed),
            log: DecisionLog::new(recent),
        }
    }

    /// Reads the configuration again and puts it into force.
    ///
    /// # Errors
    /// Why not; everything stays as it was.
    pub async fn reload(self: &Arc<Self>, now: u64) -> Result<(), LoadError> {
        let _one = self.reloading.lock().await;
        let gateway = Arc::clone(self);
        let result = tokio::task::spawn_blocking(move || gateway.ready())
            .await
            .expect("reading a configuration does not panic");
        let result = match result {
            Ok(setup) => self.next(setup).await,
            Err(error) => Err(error),
        };
        let error = result.as_ref().err().map(ToString::to_string);
        match &error {
            Some(error) => tracing::error!(
                "the configuration was refused, the old one stays:\n{error}"
            ),
            None => tracing::info!("the configuration was reloaded"),
        }
        self.note(ReloadState { error, at: now });
        result
    }

    fn ready(&self) -> Result<Setup, LoadError> {
        let before = self.generations.load();
        let in_force = Watched::of(&before.setup.config);
        // Before they are read: what changes meanwhile is read once more.
        let marks = in_force.clone().with(self.watched()).marks();
        let loaded = config::load(&self.path, &self.overrides);
        let tried = match &loaded {
            Ok(loaded) => Watched::of(&loaded.config),
            Err(faults) => match &faults.config {
                Some(config) => Watched::of(config),
                None => Watched::default(),
            },
        };
        *self.watch() = Watch::of(in_force.with(tried), &marks);
        let loaded = loaded.map_err(LoadError::Faults)?;
        Ok(Setup::new(loaded, self.workers, Some(&before.setup))?)
    }

    /// Puts a setup into force with its data.
    async fn next(&self, setup: Setup) -> Result<(), LoadError> {
        let data = Watched::data_of(&setup.config);
        let marks = data.marks();
        match self.next_library(&setup).await {
            Ok(library) => {
                self.put_into_force(setup, library);
                Ok(())
            }
            Err(error) => {
                let mut watch = self.watch();
                watch.watched = watch.watched.clone().with(data);
                watch.marks.extend(marks);
                Err(error)
            }
        }
    }

    /// Whether a file has changed since the configuration was last read, or a
    /// new one is there that it names. Blocking: it looks at files.
    #[must_use]
    pub fn files_have_changed(&self) -> bool {
        let watched = self.watched();
        let now = watched.marks();
        let watch = self.watch();
        // A reload in between has looked itself.
        watch.watched == watched && watch.marks != now
    }

    fn watched(&self) -> Watched {
        self.watch().watched.clone()
    }

    fn watch(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_into_force(&self, setup: Setup, library: Arc<Library>) {
        self.generations.update(|old| {
            tell_what_needs_a_restart(&old.setup.config, &setup.config);
            let data = Arc::new(library.data());
            setup.warn_of_everybody(&data);
            // In here, so that nothing of the old library is published under
            // the places of the new configuration.
            self.library.send_replace(Some(library));
            Generation { setup: Arc::new(setup), data }
        });
        self.setups.send_modify(|setups| *setups += 1);
        self.tell_if_scores_are_missing();
    }

    fn note(&self, state: ReloadState) {
        let metrics = &self.metrics;
        metrics.config_reload_success.set(state.error.is_none().into());
        if state.error.is_none() {
            let at = i64::try_from(state.at).unwrap_or(i64::MAX);
            metrics.config_reload_timestamp.set(at);
        }
        *self.reloaded.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// A request that was refused or challenged not long ago.
    pub(crate) fn recall(&self, id: &str) -> Option<Remembered> {
        self.recent().iter().find_map(|of_worker| of_worker.find(id))
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Recent>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the last reload went.
    #[must_use]
    pub fn last_reload(&self) -> ReloadState {
        self.reloaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file of the configuration.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it was told to listen when it began, other than port 0.
    pub(crate) fn listens(&self) -> &[SocketAddr] {
        &self.listens
    }

    /// How far the end has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on towards the end.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Whether requests can be decided: nothing that the rules need is missing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Serving
            && self.generations.load().has_what_rules_need()
    }

    /// The text form of all metrics.
    ///
    /// # Errors
    /// When a metric has no valid text form.
    pub fn metrics_text(&self) -> Result<String, prometheus::Error> {
        let generation = self.generations.load();
        let gauges = &self.metrics.backend_connections;
        for backend in generation.setup.backends.all() {
            let (active, idle) = backend.connections();
            for (state, count) in [("active", active), ("idle", idle)] {
                gauges
                    .with_label_values(&[&backend.config.name, state])
                    .set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        let status = self.data_status();
        self.metrics.set_data(&status, clock::seconds());
        let forgotten = generation.setup.challenger.forgotten();
        self.metrics.set_forgotten(forgotten);
        self.metrics.set_crawlers(generation.setup.crawlers.names());
        self.metrics.text(&generation.setup.rules)
    }
}

/// Where clients and other proxies come in, by a configuration; port 0 is left
/// out.
#[must_use]
pub fn listens(config: &Config) -> Vec<SocketAddr> {
    let verdict = config.verdict.as_ref().and_then(|verdict| verdict.bind);
    let server = config.server.map(|server| server.address.address());
    let all = config.listeners.iter().map(|listener| listener.bind);
    let all = all.chain(verdict).chain(server);
    all.filter(|address| address.port() != 0).collect()
}

fn tell_what_needs_a_restart(old: &Config, new: &Config) {
    let places = |config: &Config| {
        config.listeners.iter().map(|l| l.bind).collect::<Vec<_>>()
    };
    let bind = |config: &Config| config.verdict.as_ref().map(|v| v.bind);
    let changes = [
        ("log", old.log != new.log),
        ("listeners[].bind", places(old) != places(new)),
        ("health", old.health != new.health),
        ("server", old.server != new.server),
        ("verdict.bind", bind(old) != bind(new)),
        (
            "limits.connections",
            old.limits.connections != new.limits.connections,
        ),
    ];
    for (key, changed) in changes {
        if changed {
            tracing::warn!("`{key}` has changed: that needs a restart");
        }
    }
}
