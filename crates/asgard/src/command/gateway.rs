//! `asgard gateway`: the reverse proxy, its admin listener, and their end.
//!
//! One thread a core, each with listeners, connections and a runtime of its
//! own. The main thread waits for signals: TERM and INT begin the end, HUP
//! reloads, as does a change of a file that was read.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
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
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};

use self::sockets::{Share, Sockets};
use super::serve::raise_file_limit;
use crate::{
    cli, clock,
    config::LogForm,
    exit::{self, Exit},
    output::Out,
    telemetry,
};

mod others;
mod sockets;

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
    if !has_way_in(&loaded.config) {
        return Err(exit::usage(anyhow!(
            "{}: nothing to listen on; write `listeners`, `verdict` or \
             `server`",
            path.display()
        )));
    }
    raise_file_limit();
    let workers = match options.workers {
        Some(workers) => workers.get(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let gateway = Gateway::new(path, overrides, loaded, workers, seconds())
        .map_err(refused)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cache = common.data_dir.as_ref().map(|dir| dir.join("gateway"));
    runtime.block_on(async {
        // Without the data that rules need nobody is let in.
        gateway.load_data(cache.as_deref()).await.map_err(refused)?;
        serve(Arc::new(gateway), workers, out).await
    })
}

/// Whether somebody can come in; a file of rules alone may be checked.
fn has_way_in(config: &Config) -> bool {
    let verdict = config.verdict.as_ref().and_then(|verdict| verdict.bind);
    !config.listeners.is_empty() || verdict.is_some() || config.server.is_some()
}

/// What the operator has written is wrong, or what it needs is away.
fn refused(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Faults(faults) => exit::usage(anyhow!("{faults}")),
        LoadError::Setup(error) => exit::usage(error.into()),
        LoadError::Tests(failed) => exit::usage(failed.into()),
        LoadError::Data(error) => error.into(),
    }
}

async fn serve(
    gateway: Arc<Gateway>,
    workers: usize,
    out: &mut Out,
) -> Result<Exit> {
    let config = gateway.generations.load().setup.config.clone();
    // Before anybody knows that it runs: whoever does may end it at once.
    let mut signals = Signals::new()?;
    others::follow(&config).await?;
    let sockets = Sockets::bind(&config, workers)?;
    let admin_address = sockets.admin();
    let lines = sockets.lines(&config);
    let mut seats = Vec::with_capacity(workers);
    for index in 0..workers {
        let worker = gateway.worker(index, random()?);
        seats.push(Seat::ready(worker, config.listeners.clone())?);
    }
    let (shares, admin) = sockets.listen(workers)?;
    let admin = TcpListener::from_std(admin)?;
    let seats = seats.into_iter().zip(shares);
    let threads = seats.map(|(seat, share)| seat.take(share)).collect();
    for line in lines {
        out.line(line)?;
    }

    let (stop, stopped) = watch::channel(false);
    let (close_admin, admin_closes) = watch::channel(false);
    let answering =
        admin::serve(admin, Arc::clone(&gateway), seconds, admin_closes);
    let mut admin = Admin {
        address: admin_address,
        close: close_admin,
        task: Some(tokio::spawn(answering)),
    };
    let watcher =
        tokio::spawn(watch_files(Arc::clone(&gateway), stopped.clone()));
    let asking = Arc::clone(&gateway);
    let until = stopped.clone();
    let names = tokio::spawn(async move { asking.look_up_names(until).await });
    let keeper = Arc::clone(&gateway);
    let fresh = tokio::spawn(async move { keeper.keep_fresh(stopped).await });
    signals.until_the_end(&gateway).await;
    end(&gateway, threads, &mut admin).await?;
    stop.send_replace(true);
    watcher.await.ok();
    admin.ends().await;
    fresh.await.ok();
    names.await.ok();
    Ok(Exit::Ok)
}

/// A thread that is ready to serve.
struct Seat {
    thread: JoinHandle<()>,
    give: mpsc::Sender<Share>,
}

impl Seat {
    /// Starts it, and waits until it has all that it needs but sockets.
    fn ready(
        worker: asgard_gateway::worker::Worker,
        listeners: Vec<config::Listener>,
    ) -> Result<Self> {
        let (give, share) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let name = format!("gateway-{}", worker.index);
        let builder = std::thread::Builder::new().name(name);
        let thread = builder.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                // Nobody who does not wait wants to know.
                Err(error) => return drop(tell.send(Err(error))),
            };
            drop(tell.send(Ok(())));
            // Without sockets the process ends.
            let Ok(share) = share.recv() else { return };
            runtime.block_on(serve_share(worker, listeners, share));
        })?;
        told.recv().context("a worker panicked")??;
        Ok(Self { thread, give })
    }

    /// Lets it serve until the end.
    fn take(self, share: Share) -> JoinHandle<()> {
        // If it has panicked, whoever joins it sees that.
        drop(self.give.send(share));
        self.thread
    }
}

async fn serve_share(
    worker: asgard_gateway::worker::Worker,
    listeners: Vec<config::Listener>,
    share: Share,
) {
    let worker = Arc::new(worker);
    let mut serving = tokio::task::JoinSet::new();
    for (socket, listener) in share.listeners.into_iter().zip(listeners) {
        let worker = Arc::clone(&worker);
        serving.spawn(listener::serve(socket, listener, worker));
    }
    if let Some(socket) = share.verdict {
        let worker = Arc::clone(&worker);
        serving.spawn(listener::serve_verdicts(socket, worker));
    }
    if let Some(socket) = share.ext_authz {
        let worker = Arc::clone(&worker);
        serving.spawn(listener::serve_ext_authz(socket, worker));
    }
    while let Some(ended) = serving.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::error!(%error, "a listener failed");
        }
    }
}

/// What an operator says to the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal that ends; reloads on the one that does not.
    async fn until_the_end(&mut self, gateway: &Arc<Gateway>) {
        let Self { terminate, interrupt, hangup } = self;
        let reloads = async {
            while hangup.recv().await.is_some() {
                // A refusal is logged where it happens.
                drop(gateway.reload(seconds()).await);
            }
            std::future::pending::<()>().await;
        };
        // The end does not wait for a reload, which may wait for a server; one
        // that is given up changes nothing.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = reloads => {}
        }
    }
}

/// The admin listener of this process.
struct Admin {
    address: SocketAddr,
    close: watch::Sender<bool>,
    /// Until it has ended.
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Admin {
    async fn ends(&mut self) {
        self.close.send_replace(true);
        if let Some(task) = self.task.take() {
            task.await.ok();
        }
    }
}

/// Drains, and leaves the admin address to a successor as soon as there is one:
/// it answers for both from then on, and a probe that met this process while it
/// drains would take both out of service.
async fn end(
    gateway: &Gateway,
    threads: Vec<JoinHandle<()>>,
    admin: &mut Admin,
) -> Result<()> {
    const TAKEN_OVER: &str = "another gateway has taken over";
    if let Some(process) = others::follower(admin.address).await {
        tracing::info!(process, "{TAKEN_OVER}");
        admin.ends().await;
        return drain(gateway, threads).await;
    }
    let drained = drain(gateway, threads);
    tokio::pin!(drained);
    tokio::select! {
        done = &mut drained => return done,
        process = others::next_follower(admin.address) => {
            tracing::info!(process, "{TAKEN_OVER}");
            admin.close.send_replace(true);
        }
    }
    drained.await
}

/// The end, in the order of [`Phase`].
async fn drain(gateway: &Gateway, threads: Vec<JoinHandle<()>>) -> Result<()> {
    tracing::info!("draining");
    // A reload may have changed them.
    let limits = gateway.generations.load().setup.config.limits;
    gateway.enter(Phase::Draining);
    sleep(limits.drain_delay).await;
    gateway.enter(Phase::Closing);
    let ended = tokio::task::spawn_blocking(move || {
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    tokio::pin!(ended);
    let whole = match timeout(limits.drain_timeout, &mut ended).await {
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
    let reloads = async {
        loop {
            sleep(POLL).await;
            let looking = Arc::clone(&gateway);
            let look = move || looking.files_have_changed();
            if tokio::task::spawn_blocking(look).await.unwrap_or(false) {
                // A refusal is logged where it happens.
                drop(gateway.reload(seconds()).await);
            }
        }
    };
    tokio::select! {
        () = reloads => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
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
