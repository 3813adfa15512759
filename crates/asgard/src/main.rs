//! asgard: scores every Autonomous System of the Internet, and says why.
//!
//! This is wiring only: command line, configuration, start and stop.

mod cli;
mod clock;
mod command;
mod config;
mod engine;
mod exit;
mod key_option;
mod local;
mod output;
mod sessions;
mod telemetry;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use self::{
    cli::{Cli, Command},
    command::access::Side,
    config::Config,
    exit::Exit,
    output::Out,
};

/// Requests and parsers make many small things; see `bench/api`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work in the background may take to stop after the last answer.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::stdout();
    let result = start(cli, &mut out);
    exit::report(result)
}

fn start(cli: Cli, out: &mut Out) -> anyhow::Result<Exit> {
    if let Command::Gateway(options) = &cli.command {
        // Its file is another than that of the API, and so is its runtime.
        return command::gateway::run(&cli.common, options, out);
    }
    if let Command::Agent { action } = &cli.command {
        // A firewall has neither data nor settings of the API.
        return command::agent::run(&cli.common, action, out);
    }
    let config = Config::load(&cli).map_err(exit::usage)?;
    let serving = matches!(cli.command, Command::Serve(_));
    telemetry::install(config.log, cli.common.verbose, !serving);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(run(cli.command, config, out));
    runtime.shutdown_timeout(STOP_DEADLINE);
    result
}

async fn run(
    command: Command,
    config: Config,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(_) => command::serve::run(config, out).await,
        Command::Gateway(_) | Command::Agent { .. } => {
            Err(anyhow::anyhow!("started elsewhere"))
        }
        Command::Lookup(query) => {
            command::query::lookup(&config, &query, out).await
        }
        Command::Why(query) => command::query::why(&config, &query, out).await,
        Command::Top(top) => command::top::run(&config, &top, out).await,
        Command::Mrt(mrt) => command::mrt::run(&mrt, out),
        Command::Synth(synth) => command::synth::run(&config, &synth, out),
        Command::Live(live) => command::live::run(&config, &live, out).await,
        Command::Source { action } => {
            command::source::run(&config, action, out).await
        }
        Command::Rules { action } => command::rules::run(action, out),
        Command::Feed { action } => command::feed::run(&action, out).await,
        Command::Block { action } => {
            command::access::run(&config, Side::Block, action, out).await
        }
        Command::Protected { action } => {
            command::access::run(&config, Side::Protected, action, out).await
        }
        Command::Keys { action } => {
            command::keys::run(&config, action, out).await
        }
        Command::Audit { action } => {
            command::audit::run(&config, action, out).await
        }
        Command::Mmdb { action } => {
            command::mmdb::run(&config, action, out).await
        }
        Command::Config { action } => {
            command::config::run(&config, action, out)
        }
        Command::Whitelist { action } => {
            command::whitelist::run(&config, action, out).await
        }
    }
}
