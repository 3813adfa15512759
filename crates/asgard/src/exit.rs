//! Exit codes, and how a failure is told.

use std::{fmt, io::Write, process::ExitCode};

use asgard_store::StoreError;

/// How a command ended without failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well: 0.
    Ok,
    /// Not found, or not scored: 3.
    NotFound,
    /// Some of several targets failed: 7.
    Partial,
}

/// Usage, configuration: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(anyhow::Error);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Usage {}

/// Marks an error as the user's to fix in command line or configuration.
pub(crate) fn usage(error: anyhow::Error) -> anyhow::Error {
    Usage(error).into()
}

/// What was asked for is not there: exit code 3, and the reason.
#[derive(Debug)]
pub(crate) struct Missing(anyhow::Error);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Missing {}

/// Marks an error as "not found".
pub(crate) fn missing(error: anyhow::Error) -> anyhow::Error {
    Missing(error).into()
}

/// Tells a failure on stderr and picks the exit code: 1 run-time error, 2
/// usage or configuration, 3 not found, 6 unavailable, 7 partial.
pub(crate) fn report(result: anyhow::Result<Exit>) -> ExitCode {
    let error = match result {
        Ok(Exit::Ok) => return ExitCode::SUCCESS,
        Ok(Exit::NotFound) => return ExitCode::from(3),
        Ok(Exit::Partial) => return ExitCode::from(7),
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        // The reader has seen enough: `asgard top | head`.
        return ExitCode::SUCCESS;
    }
    // Nothing can be done if even stderr is closed.
    let _ = writeln!(std::io::stderr(), "asgard: {error:#}");
    if error.is::<Usage>() {
        return ExitCode::from(2);
    }
    if error.is::<Missing>() {
        return ExitCode::from(3);
    }
    match error.downcast_ref::<StoreError>() {
        Some(store) if store.is_retryable() => ExitCode::from(6),
        _ => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
