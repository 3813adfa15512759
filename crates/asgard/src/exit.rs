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

/// A failure that knows its exit code.
#[derive(Debug)]
struct Coded {
    code: u8,
    error: anyhow::Error,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl std::error::Error for Coded {}

/// Gives an error an exit code of the table at [`report`].
pub(crate) fn coded(code: u8, error: anyhow::Error) -> anyhow::Error {
    Coded { code, error }.into()
}

/// Tells a failure on stderr and picks the exit code.
///
/// | code | what failed |
/// |---|---|
/// | 1 | something at run time |
/// | 2 | usage or configuration |
/// | 3 | what was asked for is not there |
/// | 4 | the key: bad, of no organisation, without the scope |
/// | 5 | the rate limit |
/// | 6 | what is needed is away |
/// | 7 | a part of what was asked for |
/// | 11 | a guard: the list was refused |
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
    if let Some(coded) = error.downcast_ref::<Coded>() {
        return ExitCode::from(coded.code);
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
