//! Logs: to stderr, for people or as JSON lines. No key is ever in them.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogForm;

/// Installs the subscriber. `RUST_LOG` overrides the level that `verbose` asks
/// for: 0 warnings and the course of the service, 1 debug of asgard, 2 all.
pub(crate) fn install(form: LogForm, verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, 0) => "warn",
        (_, 0) => "info",
        (_, 1) => "info,asgard=debug,asgard_ingest=debug,asgard_api=debug",
        _ => "debug",
    };
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    let base = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match form {
        LogForm::Text => base.with_target(false).init(),
        LogForm::Json => base.json().flatten_event(true).init(),
    }
}
