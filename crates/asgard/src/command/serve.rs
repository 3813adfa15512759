//! `asgard serve`: the API, the cycles, the watcher; and their end.
//!
//! Order of the end: signal → no new connections → answers under way finish
//! (10 s) → the cycle and the watcher stop → the store is closed. The same when
//! a task ends that nobody has told to: half a server must not go unnoticed, and
//! the exit code makes whoever supervises us start another.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use asgard_api::{App, Feeds, Live, Lookups, Republish, Signer};
use asgard_store::{KeyRecord, Store, StoreConfig};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};

use self::{
    cycles::{Pace, School, cycles},
    tasks::Tasks,
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

mod cycles;
mod tasks;

/// Answers under way may take this long once a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);
/// How often writes of other processes are looked for.
pub(super) const WATCH: Duration = Duration::from_millis(250);
/// Clients that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;

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
    let school = School::new(&config, &store, &live, &sessions);
    let learner = school.learner().await?;
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
        school,
        learner,
        telemetry::progress(config.log).into(),
        pace,
        stopped,
    ));
    let mut tasks = Tasks { server, watcher, cycles, sessions };
    let why = tokio::select! {
        signal = wait_for_signal() => signal.map(|()| Exit::Ok),
        error = tasks.first_end() => Err(error),
    };
    if let Err(error) = &why {
        tracing::error!("stopping, because {error:#}");
    } else {
        tracing::info!("stopping");
    }
    stop.send_replace(true);
    tasks.end(DRAIN).await;
    keep(&feeds, &store).await;
    store.close().await?;
    drop(guard);
    why
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

async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
