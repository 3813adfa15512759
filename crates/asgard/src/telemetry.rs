//! Logs: to stderr, for people or as JSON lines. No key is ever in them.

use std::io::IsTerminal;

use asgard_ingest::supply::{Bars, Lines, Progress, Silent};
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogForm;

/// Installs the subscriber. `RUST_LOG` overrides the level that `verbose` asks
/// for: 0 warnings and the course of the service, 1 debug of asgard, 2 all.
pub(crate) fn install(form: LogForm, verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        // What bgpkit-parser says of a record we say of the file.
        (true, 0) => "warn,bgpkit_parser=off",
        (_, 0) => "info,bgpkit_parser=off",
        (_, 1) => {
            "info,asgard=debug,asgard_ingest=debug,asgard_api=debug,\
             bgpkit_parser=off"
        }
        _ => "debug",
    };
    install_at(form, level);
}

/// The same with a level, or a list of them by target.
pub(crate) fn install_at(form: LogForm, level: &str) {
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

/// Bars on a terminal, else lines; nothing beside a log of JSON lines, which
/// tells of every source as well.
pub(crate) fn progress(form: LogForm) -> Box<dyn Progress> {
    let stderr = std::io::stderr();
    match form {
        LogForm::Json => Box::new(Silent),
        LogForm::Text if stderr.is_terminal() => Box::new(Bars::new()),
        LogForm::Text => Box::new(Lines::new(stderr)),
    }
}
