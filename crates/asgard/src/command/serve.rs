//! `asgard serve`: the API, the cycles, the watcher; and their end.
//!
//! Order of the end: signal → no new connections → answers under way finish
//! (10 s) → the cycle and the watcher stop → the store is closed.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use asgard_api::{App, Feeds, Live, Lookups, Republish, Signer};
use asgard_ingest::{learner::Learner, supply::Progress};
use asgard_store::{KeyRecord, Store, StoreConfig};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    clock::now,
    config::{Config, Origin},
    engine::{self, Engine},
    exit::Exit,
    output::Out,
    sessions::Sessions,
    telemetry,
};

/// Answers under way may take this long once a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);
/// How often writes of other processes are looked for.
pub(super) const WATCH: Duration = Duration::from_millis(250);
/// Clients that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;
/// Pause after a cycle that brought nothing, as long as there is no Snapshot.
const RETRY: Duration = Duration::from_secs(60);

pub(crate) async fn run(config: Config, out: &mut Out) -> Result<Exit> {
    raise_file_limit();
    let store = open(&config).await?;
    let guard = store.lock_serving()?;
    let live = Arc::new(Live::default());
    let engine =
        Arc::new(Engine::new(Arc::clone(&live), store.clone(), &config));
    live.set_keys(store.keys.load().await?);
    let feeds = feeds(&config, &store).await?;
    let sessions = Sessions::new(&config.live);
    let learner = learner(&config, &store, &live)
        .await?
        .with_validators(sessions.validators())
        .with_stream(sessions.stream());
    let listener = listen(config.listen).with_context(|| {
        format!("cannot listen on {}: see --listen", config.listen)
    })?;
    // Tests and tools parse this line. Do not change it.
    out.line(format!("listening on http://{}", listener.local_addr()?))?;
    greet(&config, &store).await?;

    let (stop, stopped) = watch::channel(false);
    let app = app(&config, &store, &live, &engine, &feeds);
    let server =
        tokio::spawn(asgard_api::serve(listener, app, stop_of(&stopped)));
    let watcher = tokio::spawn(watch_store(
        Arc::clone(&engine),
        Arc::clone(&live),
        Arc::clone(&feeds),
        store.clone(),
        stopped.clone(),
    ));
    let pace = Pace {
        pause: config.cycle,
        calm: config.live.pause,
        news: sessions.changed(),
    };
    let sessions = sessions.start(&live);
    let cycles = tokio::spawn(cycles(
        Arc::clone(&engine),
        Arc::clone(&live),
        learner,
        telemetry::progress(config.log),
        pace,
        stopped,
    ));
    wait_for_signal().await?;
    tracing::info!("stopping");
    stop.send_replace(true);
    if timeout(DRAIN, server).await.is_err() {
        tracing::warn!("connections were cut after {} s", DRAIN.as_secs());
    }
    // A cycle in the midst of parsing has nothing to lose: it is left behind.
    cycles.abort();
    drop(sessions);
    watcher.await.ok();
    keep(&feeds, &store).await;
    store.close().await?;
    drop(guard);
    Ok(Exit::Ok)
}

/// A listener with room for a burst of clients: with the usual backlog of 128,
/// those beyond wait a second for their second try.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Every client is an open file; the usual soft limit of 1,024 is far below
/// what the hard limit allows.
pub(super) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it was");
    }
}

async fn open(config: &Config) -> Result<Store> {
    let world = config.origin.world();
    let dir = config.data_dir.clone();
    Ok(asgard_store::open(&StoreConfig { dir, world: Some(world) }).await?)
}

async fn feeds(config: &Config, store: &Store) -> Result<Arc<Feeds>> {
    let signer = Signer::new(store.signing_seed());
    let feeds = Feeds::new(config.api.feeds.clone(), signer);
    feeds.refresh(store, now()).await?;
    Ok(Arc::new(feeds))
}

async fn learner(
    config: &Config,
    store: &Store,
    live: &Live,
) -> Result<Learner> {
    let mut learner = engine::learner(config)?;
    learner.recall(&store.sources.list().await?, now());
    live.set_sources(learner.statuses());
    Ok(learner)
}

/// Tells what is served, and how to make the first key.
async fn greet(config: &Config, store: &Store) -> Result<()> {
    let dir = config.data_dir.display();
    match &config.origin {
        Origin::Demo => {
            tracing::warn!("DEMO: this world is generated, nothing is real");
        }
        Origin::Mirror(mirror) => {
            tracing::info!(mirror = %mirror.display(), "sources are a mirror");
        }
        Origin::Network => tracing::info!("sources are their publishers"),
    }
    let keys = store.keys.list().await?;
    warn_of_unknown_classes(config, &keys);
    if keys.is_empty() {
        tracing::warn!(
            "there is no API key yet: \
             asgard keys create --data-dir {dir} --scope admin"
        );
    }
    Ok(())
}

/// A class that was misspelt, or is gone from the configuration, must not go
/// unnoticed: its keys have the limit of everybody.
fn warn_of_unknown_classes(config: &Config, keys: &[KeyRecord]) {
    let unknown: BTreeSet<&str> = keys
        .iter()
        .filter(|key| key.standing(now()).is_ok())
        .filter_map(|key| key.rate_class.as_deref())
        .filter(|class| !config.api.rate_classes.contains_key(*class))
        .collect();
    for class in unknown {
        tracing::warn!(
            "rate class `{class}` has keys, but no limit in the \
             configuration (rate_classes): they have the default limit"
        );
    }
}

fn app(
    config: &Config,
    store: &Store,
    live: &Arc<Live>,
    engine: &Arc<Engine>,
    feeds: &Arc<Feeds>,
) -> App {
    App {
        live: Arc::clone(live),
        store: store.clone(),
        config: config.api.clone(),
        republish: Arc::clone(engine) as Arc<dyn Republish>,
        feeds: Arc::clone(feeds),
        lookups: Arc::new(Lookups::new(&config.lookup)),
        clock: Arc::new(now),
        metrics: Arc::default(),
    }
}

/// Resolves when a stop was asked for, or can no longer be.
fn stop_of(
    stopped: &watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    let mut stopped = stopped.clone();
    async move {
        stopped.wait_for(|stop| *stop).await.ok();
    }
}

/// Notices keys, rules and whitelist entries that another process wrote, and
/// stores what feeds must remember.
async fn watch_store(
    engine: Arc<Engine>,
    live: Arc<Live>,
    feeds: Arc<Feeds>,
    store: Store,
    mut stopped: watch::Receiver<bool>,
) {
    let mut version = None;
    while !*stopped.borrow() {
        match store.changes.version().await {
            Ok(seen) if version == Some(seen) => live.keys_unchanged(),
            Ok(seen) => match take_over(&engine, &live, &feeds, &store).await {
                Ok(()) => version = Some(seen),
                Err(error) => tracing::error!("store not read: {error:#}"),
            },
            Err(error) => {
                live.keys_unreachable();
                tracing::error!(%error, "store not reachable");
            }
        }
        engine.catch_up().await;
        keep(&feeds, &store).await;
        tokio::select! {
            () = sleep(WATCH) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// What is not stored now is tried again; the store says by itself when it is
/// away.
async fn keep(feeds: &Feeds, store: &Store) {
    if let Err(error) = feeds.keep(store, now()).await {
        tracing::debug!(%error, "feeds are not remembered");
    }
}

async fn take_over(
    engine: &Engine,
    live: &Live,
    feeds: &Feeds,
    store: &Store,
) -> Result<()> {
    live.set_keys(store.keys.load().await?);
    feeds.refresh(store, now()).await?;
    let stored = engine::whitelist(store).await?;
    let published = live.snapshot();
    if published.is_some_and(|snapshot| snapshot.whitelist != stored) {
        engine.republish().await.map_err(anyhow::Error::from_boxed)?;
    }
    Ok(())
}

/// Restores the last Snapshot, then runs cycles until the end.
async fn cycles(
    engine: Arc<Engine>,
    live: Arc<Live>,
    mut learner: Learner,
    progress: Box<dyn Progress>,
    pace: Pace,
    stopped: watch::Receiver<bool>,
) {
    if let Err(error) = engine.resume().await {
        tracing::error!("last snapshot not restored: {error:#}");
    }
    while !*stopped.borrow() {
        let begun = Instant::now();
        let (back, result) = engine.cycle(learner, &*progress).await;
        learner = back;
        live.set_sources(learner.statuses());
        let ready = live.snapshot().is_some();
        if let Err(error) = result {
            complain(&error, ready);
        }
        let next = if ready { pace.pause } else { RETRY };
        tokio::select! {
            () = sleep(next.saturating_sub(begun.elapsed())) => {}
            () = pace.news_after(begun.elapsed()) => {}
        }
    }
}

/// When the next cycle begins.
struct Pace {
    /// Between the beginnings of two cycles, if there are no news.
    pause: Duration,
    /// Shortest time between two, if there are.
    calm: Duration,
    news: Arc<Notify>,
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

async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
