//! `asgard gateway`: the reverse proxy, its admin listener, and their end.
//!
//! One thread a core, each with listeners, connections and a runtime of its
//! own. The main thread waits for signals: TERM and INT begin the end, HUP
//! reloads, as does a change of a file that was read.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, anyhow};
use asgard_gateway::{
    Gateway, LoadError, admin,
    config::{self, Config, LogFormat, LogLevel, Overrides},
    drain::Phase,
    listener,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};

use super::serve::raise_file_limit;
use crate::{
    cli, clock,
    config::LogForm,
    exit::{self, Exit},
    output::Out,
    telemetry,
};

/// How often files are looked at.
const POLL: Duration = Duration::from_secs(2);

pub(crate) fn run(
    common: &cli::Common,
    options: &cli::Gateway,
    out: &mut Out,
) -> Result<Exit> {
    let path = common.config.as_deref().ok_or_else(|| {
        exit::usage(anyhow!("which configuration? --config FILE"))
    })?;
    let overrides = Overrides {
        environment: crate::config::environment(),
        flags: Vec::new(),
    };
    let loaded = config::load(path, &overrides)
        .map_err(|faults| exit::usage(anyhow!("{faults}")))?;
    install_log(&loaded.config, common);
    for lint in &loaded.lints {
        tracing::warn!("{}", loaded.sources.render(lint));
    }
    raise_file_limit();
    let workers = match options.workers {
        Some(workers) => workers.get(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let gateway = Gateway::new(path, overrides, loaded, workers, seconds())
        .map_err(|error| match error {
            LoadError::Faults(faults) => exit::usage(anyhow!("{faults}")),
            LoadError::Setup(error) => exit::usage(error.into()),
            LoadError::Data(error) => error.into(),
        })?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cache = common.data_dir.as_ref().map(|dir| dir.join("gateway"));
    runtime.block_on(async {
        // Without the data that rules need nobody is let in.
        gateway.load_data(cache.as_deref()).await?;
        serve(Arc::new(gateway), workers, out).await
    })
}

async fn serve(
    gateway: Arc<Gateway>,
    workers: usize,
    out: &mut Out,
) -> Result<Exit> {
    let config = gateway.generations.load().setup.config.clone();
    let sockets = sockets(&config, workers)?;
    let admin = TcpListener::bind(config.health.address()).await.with_context(
        || format!("cannot listen on {} (health)", config.health.address()),
    )?;
    let admin_address = admin.local_addr()?;
    let mut threads = Vec::with_capacity(workers);
    let verdict = config.verdict.as_ref().and_then(|verdict| verdict.bind);
    let (mut verdicts, verdict_address) =
        sockets_of("verdict", verdict, workers)?;
    let grpc = config.server.map(|server| server.address.address());
    let (mut questions, grpc_address) = sockets_of("server", grpc, workers)?;
    let addresses: Vec<SocketAddr> = sockets
        .iter()
        .map(|of_listener| of_listener[0].local_addr())
        .collect::<io::Result<_>>()?;
    for (index, sockets) in by_worker(sockets, workers).into_iter().enumerate()
    {
        let worker = gateway.worker(index, random()?);
        let of_others = OfOthers {
            verdicts: verdicts.get_mut(index).and_then(Option::take),
            ext_authz: questions.get_mut(index).and_then(Option::take),
        };
        threads.push(start(
            worker,
            sockets,
            config.listeners.clone(),
            of_others,
        )?);
    }
    // Tests and tools parse these lines. Do not change them.
    for (address, listener) in addresses.iter().zip(&config.listeners) {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        out.line(format!("listening on {scheme}://{address}"))?;
    }
    if let Some(address) = verdict_address {
        out.line(format!("verdicts on http://{address}"))?;
    }
    if let Some(address) = grpc_address {
        out.line(format!("ext_authz on grpc://{address}"))?;
    }
    out.line(format!("admin on http://{admin_address}"))?;

    let (stop, stopped) = watch::channel(false);
    let admin = tokio::spawn(admin::serve(
        admin,
        Arc::clone(&gateway),
        seconds,
        stopped.clone(),
    ));
    let watcher =
        tokio::spawn(watch_files(Arc::clone(&gateway), stopped.clone()));
    let names = gateway.generations.load().setup.take_reverse_worker();
    let names = names.map(|names| tokio::spawn(names.run(stopped.clone())));
    let keeper = Arc::clone(&gateway);
    let fresh = tokio::spawn(async move { keeper.keep_fresh(stopped).await });
    until_the_end(&gateway).await?;
    drain(&gateway, &config, threads).await?;
    stop.send_replace(true);
    watcher.await.ok();
    admin.await.ok();
    fresh.await.ok();
    if let Some(names) = names {
        names.await.ok();
    }
    Ok(Exit::Ok)
}

/// One socket a listener and worker, on the same address.
fn sockets(
    config: &Config,
    workers: usize,
) -> Result<Vec<Vec<std::net::TcpListener>>> {
    let mut all = Vec::with_capacity(config.listeners.len());
    for listener in &config.listeners {
        let cannot = || format!("cannot listen on {}", listener.bind);
        let first = listener::open(listener.bind).with_context(cannot)?;
        // Port 0 becomes the same free port for all.
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(listener::open(address).with_context(cannot)?);
        }
        all.push(sockets);
    }
    Ok(all)
}

/// The same for the listener that `key` configures, and its address.
fn sockets_of(
    key: &str,
    bind: Option<SocketAddr>,
    workers: usize,
) -> Result<(Vec<Option<std::net::TcpListener>>, Option<SocketAddr>)> {
    let Some(bind) = bind else { return Ok((Vec::new(), None)) };
    let cannot = || format!("cannot listen on {bind} ({key})");
    let first = listener::open(bind).with_context(cannot)?;
    let address = first.local_addr()?;
    let mut sockets = vec![Some(first)];
    for _ in 1..workers {
        sockets.push(Some(listener::open(address).with_context(cannot)?));
    }
    Ok((sockets, Some(address)))
}

fn by_worker<T>(sockets: Vec<Vec<T>>, workers: usize) -> Vec<Vec<T>> {
    let mut by_worker: Vec<Vec<T>> = (0..workers).map(|_| vec![]).collect();
    for of_listener in sockets {
        for (worker, socket) in by_worker.iter_mut().zip(of_listener) {
            worker.push(socket);
        }
    }
    by_worker
}

/// Where other proxies ask one worker.
struct OfOthers {
    verdicts: Option<std::net::TcpListener>,
    ext_authz: Option<std::net::TcpListener>,
}

/// A thread that serves all listeners until the end.
fn start(
    worker: asgard_gateway::worker::Worker,
    sockets: Vec<std::net::TcpListener>,
    listeners: Vec<config::Listener>,
    of_others: OfOthers,
) -> Result<JoinHandle<()>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = Arc::new(worker);
    let name = format!("gateway-{}", worker.index);
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        runtime.block_on(async {
            let mut serving = tokio::task::JoinSet::new();
            for (socket, listener) in sockets.into_iter().zip(listeners) {
                let worker = Arc::clone(&worker);
                serving.spawn(listener::serve(socket, listener, worker));
            }
            if let Some(socket) = of_others.verdicts {
                let worker = Arc::clone(&worker);
                serving.spawn(listener::serve_verdicts(socket, worker));
            }
            if let Some(socket) = of_others.ext_authz {
                let worker = Arc::clone(&worker);
                serving.spawn(listener::serve_ext_authz(socket, worker));
            }
            while let Some(ended) = serving.join_next().await {
                if let Ok(Err(error)) = ended {
                    tracing::error!(%error, "a listener failed");
                }
            }
        });
    })?;
    Ok(thread)
}

/// Waits for the signal that ends; reloads on the one that does not.
async fn until_the_end(gateway: &Arc<Gateway>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            // A refusal is logged where it happens.
            _ = hangup.recv() => drop(gateway.reload(seconds()).await),
        }
    }
}

/// The end, in the order of [`Phase`].
async fn drain(
    gateway: &Gateway,
    config: &Config,
    threads: Vec<JoinHandle<()>>,
) -> Result<()> {
    tracing::info!("draining");
    gateway.enter(Phase::Draining);
    sleep(config.limits.drain_delay).await;
    gateway.enter(Phase::Closing);
    let ended = tokio::task::spawn_blocking(move || {
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    tokio::pin!(ended);
    let whole = match timeout(config.limits.drain_timeout, &mut ended).await {
        Ok(whole) => whole?,
        Err(_) => {
            tracing::warn!("connections were cut at the end of drain_timeout");
            gateway.enter(Phase::Cut);
            ended.await?
        }
    };
    match whole {
        true => Ok(()),
        false => Err(anyhow!("a worker panicked")),
    }
}

/// Reloads when a file that was read has changed.
async fn watch_files(gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let mut seen = None;
    loop {
        let config = Arc::clone(&gateway.generations.load().setup);
        let now = tokio::task::spawn_blocking(move || marks(&config.config))
            .await
            .unwrap_or_default();
        if seen.as_ref().is_some_and(|seen| *seen != now) {
            // A refusal is logged where it happens.
            drop(gateway.reload(seconds()).await);
        }
        seen = Some(now);
        tokio::select! {
            () = sleep(POLL) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// What tells that a file has changed: its inode, size and moment.
type Mark = (PathBuf, Option<(u64, u64, SystemTime)>);

fn marks(config: &Config) -> Vec<Mark> {
    use std::os::unix::fs::MetadataExt;
    let certificates = config
        .tls
        .values()
        .flat_map(|tls| &tls.certs)
        .flat_map(|files| [&files.cert, &files.key]);
    let authorities = config.backends.iter().filter_map(|b| b.tls.ca.as_ref());
    let mark = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.len(), meta.modified().ok()?))
    };
    config
        .files
        .iter()
        .chain(certificates)
        .chain(authorities)
        .map(|path| (path.clone(), mark(path)))
        .collect()
}

fn install_log(config: &Config, common: &cli::Common) {
    let form = match (config.log.format, common.log_json) {
        (LogFormat::Json, _) | (_, true) => LogForm::Json,
        (LogFormat::Text, false) => LogForm::Text,
    };
    let level = match config.log.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    telemetry::install_at(form, level);
}

/// Seconds since 1970.
fn seconds() -> u64 {
    u64::try_from(clock::now().as_second()).unwrap_or(0)
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}
